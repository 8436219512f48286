/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* infer-serve, run for real by the tests of it. */
#ifndef TESTS_GPU_SERVE_H
#define TESTS_GPU_SERVE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

#define MAX_ARGS 24

#define FOLDER "/tmp/infer-serve-test-XXXXXX"

static char folder[sizeof(FOLDER)];
static char stats_path[64], weights_path[64];
/* The build without GPU code; and the other one, NULL where there is no nvcc. */
static const char *const plain = HAVE_NVCC ? BUILD "/infer-serve-emu" : BUILD "/infer-serve";
static const char *const nvcc __attribute__((unused)) = HAVE_NVCC ? BUILD "/infer-serve" : NULL;

static int setup(void **state)
{
	(void)state;
	strcpy(folder, FOLDER);
	if (!mkdtemp(folder))
		return -1;
	snprintf(stats_path, sizeof(stats_path), "%s/stats.json", folder);
	snprintf(weights_path, sizeof(weights_path), "%s/weights.bin", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(stats_path);
	unlink(weights_path);
	return rmdir(folder);
}

/* Starts program with the words of line; its stderr goes to *err (a pipe to read from). */
static pid_t start(const char *program, const char *line, int *err)
{
	static char words[512];
	char *argv[MAX_ARGS] = { (char *)program };
	int n = 1, fds[2];
	pid_t pid;

	snprintf(words, sizeof(words), "%s", line);
	for (char *w = strtok(words, " "); w && n < MAX_ARGS - 1; w = strtok(NULL, " "))
		argv[n++] = w;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		dup2(fds[1], 2);
		close(fds[0]);
		close(fds[1]);
		alarm(60);
		execv(program, argv);
		_exit(127);
	}
	assert_true(pid > 0);
	close(fds[1]);
	*err = fds[0];
	return pid;
}

/* Reads until the text comes or the other end closes; what was read stays in said. */
static char said[8192];
static bool wait_said(int fd, const char *text)
{
	size_t at = strlen(said);
	ssize_t n;

	while (!text || !strstr(said, text)) {
		n = read(fd, said + at, sizeof(said) - 1 - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += (size_t)n;
		said[at] = '\0';
	}
	return true;
}

static int finish(pid_t pid, int err)
{
	int status;

	wait_said(err, NULL);
	close(err);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int run(const char *program, const char *line)
{
	int err;
	pid_t pid = start(program, line, &err);

	said[0] = '\0';
	return finish(pid, err);
}

/* A run that has to succeed; returns its stats. */
static json_t *run_stats(const char *program, const char *line)
{
	char all[512];
	json_t *stats;
	int status;

	snprintf(all, sizeof(all), "--device emu --stats %s --weights %s %s", stats_path,
		 weights_path, line);
	unlink(stats_path);
	status = run(program, all);
	if (status)
		fail_msg("%s %s: status %d: %s", program, all, status, said);
	stats = json_load_file(stats_path, 0, NULL);
	assert_non_null(stats);
	assert_string_equal(json_string_value(json_object_get(stats, "runtime")), "emu");
	return stats;
}

static json_int_t number(const json_t *stats, const char *a, const char *b, const char *c)
{
	const json_t *v = json_object_get(stats, a);

	if (b)
		v = json_object_get(v, b);
	if (c)
		v = json_object_get(v, c);
	if (!json_is_integer(v))
		fail_msg("no number %s %s %s", a, b ? b : "", c ? c : "");
	return json_integer_value(v);
}

#endif /* TESTS_GPU_SERVE_H */
