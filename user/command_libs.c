// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "command_libs.h"

/* As execvp would find it. False: nowhere. */
static bool find_in_path(const char *command, char *buf, size_t len)
{
	const char *path = getenv("PATH"), *end;

	if (strchr(command, '/')) {
		snprintf(buf, len, "%s", command);
		return !access(buf, X_OK);
	}
	for (path = path ? path : "/usr/local/bin:/usr/bin:/bin"; *path; path = end + !!*end) {
		end = strchrnul(path, ':');
		snprintf(buf, len, "%.*s/%s", (int)(end - path), path, command);
		if (!access(buf, X_OK))
			return true;
	}
	return false;
}

/* The program interpreter of a dynamic 64-bit executable. False: it has none. */
static bool read_interpreter(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool found = false;
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	ssize_t n;

	if (fd < 0)
		return false;
	if (pread(fd, &eh, sizeof(eh), 0) != sizeof(eh) || memcmp(eh.e_ident, ELFMAG, SELFMAG) ||
	    eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_phentsize != sizeof(ph))
		goto out;
	for (int i = 0; i < eh.e_phnum && !found; i++) {
		if (pread(fd, &ph, sizeof(ph), eh.e_phoff + i * sizeof(ph)) != sizeof(ph))
			break;
		if (ph.p_type != PT_INTERP || ph.p_filesz >= len)
			continue;
		n = pread(fd, buf, ph.p_filesz, ph.p_offset);
		buf[n > 0 ? n : 0] = 0;
		found = n > 0 && buf[0] == '/';
	}
out:
	close(fd);
	return found;
}

/* Starts "interpreter --list program", its output on a pipe. NULL: it could not be started. */
static FILE *list_start(const char *interpreter, const char *program, pid_t *pid)
{
	int out[2], null;
	FILE *f;

	if (pipe2(out, O_CLOEXEC))
		return NULL;
	*pid = fork();
	if (!*pid) {
		null = open("/dev/null", O_RDWR);
		dup2(null, 0);
		dup2(out[1], 1);
		dup2(null, 2);
		execl(interpreter, interpreter, "--list", program, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	f = *pid > 0 ? fdopen(out[0], "re") : NULL;
	if (!f)
		close(out[0]);
	return f;
}

/* The path in "\tlibcudart.so.13 => /path with spaces/libcudart.so.13 (0x...)". */
static bool list_path(char *line, char **path)
{
	char *arrow = strstr(line, " => "), *end = strrchr(line, '(');

	if (!arrow || !end || end < arrow + 6)
		return false;
	end[-1] = 0;
	*path = arrow + 4;
	return true;
}

int command_libs_attach(struct cuda_attach *a, pid_t pid, const char *command)
{
	char program[PATH_MAX], interpreter[PATH_MAX], line[PATH_MAX + 256], *path;
	int err = 0;
	pid_t child;
	FILE *f;

	if (!find_in_path(command, program, sizeof(program)))
		return 0;
	/* A runtime that was linked into the program itself. */
	if (cuda_attach_file(a, pid, program) == -ENOMEM)
		return -ENOMEM;
	if (!read_interpreter(program, interpreter, sizeof(interpreter)))
		return 0;
	f = list_start(interpreter, program, &child);
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (!err && list_path(line, &path) && cuda_attach_file(a, pid, path) == -ENOMEM)
			err = -ENOMEM;
	fclose(f);
	waitpid(child, NULL, 0);
	return err;
}
