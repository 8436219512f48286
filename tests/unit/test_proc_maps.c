// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "proc_maps.h"

static void own_maps_hold_own_code(void **state)
{
	uint64_t here = (uintptr_t)own_maps_hold_own_code;
	const struct proc_map *m;
	struct proc_maps maps;
	char exe[4096], buf[4096], magic[4];
	ssize_t n;
	int fd;

	(void)state;
	assert_int_equal(proc_maps_read(getpid(), &maps), 0);
	for (size_t i = 1; i < maps.n; i++)
		assert_true(maps.maps[i - 1].end <= maps.maps[i].start);

	m = proc_maps_find(&maps, here);
	assert_non_null(m);
	assert_true(m->exec && !m->deleted);
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	assert_true(n > 0);
	exe[n] = '\0';
	assert_string_equal(m->path, exe);
	assert_ptr_equal(proc_maps_find(&maps, m->start), m);
	assert_ptr_equal(proc_maps_find(&maps, m->end - 1), m);
	assert_ptr_not_equal(proc_maps_find(&maps, m->end), m);
	assert_null(proc_maps_find(&maps, 0));
	assert_null(proc_maps_find(&maps, maps.maps[maps.n - 1].end));

	fd = proc_maps_open_file(getpid(), m, buf, sizeof(buf));
	assert_true(fd >= 0);
	assert_int_equal(read(fd, magic, 4), 4);
	assert_memory_equal(magic, "\177ELF", 4);
	close(fd);
	proc_maps_free(&maps);
	assert_int_equal(maps.n, 0);
	assert_null(proc_maps_find(&maps, here));
}

static void no_such_process(void **state)
{
	struct proc_maps maps;

	(void)state;
	/* Above PID_MAX_LIMIT. */
	assert_int_equal(proc_maps_read(0x7ffffff0, &maps), -ESRCH);
	assert_int_equal(maps.n, 0);
}

static void read_line(const char *path, char *buf, size_t len)
{
	FILE *f = fopen(path, "re");

	buf[0] = '\0';
	if (!f)
		return;
	if (!fgets(buf, (int)len, f))
		buf[0] = '\0';
	fclose(f);
}

static void kernel_thread_has_none(void **state)
{
	struct proc_maps maps;
	char comm[32];

	(void)state;
	read_line("/proc/2/comm", comm, sizeof(comm));
	if (strcmp(comm, "kthreadd\n")) {
		print_message("skipped: pid 2 is not kthreadd in this pid namespace\n");
		skip();
	}
	assert_int_equal(proc_maps_read(2, &maps), 0);
	assert_int_equal(maps.n, 0);
	proc_maps_free(&maps);
}

static void copy_file(const char *from, const char *to)
{
	char buf[65536];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0700);
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		assert_int_equal(write(out, buf, n), n);
	assert_int_equal(n, 0);
	close(in);
	close(out);
}

/* The first executable mapping of a file of this name, waiting for the exec to happen. */
static const struct proc_map *wait_for_program(pid_t pid, const char *path, struct proc_maps *maps)
{
	for (int tries = 0; tries < 500; tries++) {
		assert_int_equal(proc_maps_read(pid, maps), 0);
		for (size_t i = 0; i < maps->n; i++)
			if (maps->maps[i].exec && !strcmp(maps->maps[i].path, path))
				return &maps->maps[i];
		proc_maps_free(maps);
		usleep(10000);
	}
	return NULL;
}

static void deleted_program_with_newline_in_its_path(void **state)
{
	char dir[] = "/tmp/infbpf-maps-XXXXXX", path[128], buf[4096], magic[4];
	const struct proc_map *m;
	struct proc_maps maps;
	int status, fd;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/odd\nname", dir);
	copy_file("/bin/sleep", path);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		execl(path, "sleep", "60", NULL);
		_exit(127);
	}
	m = wait_for_program(pid, path, &maps);
	assert_non_null(m);
	assert_false(m->deleted);
	proc_maps_free(&maps);

	assert_int_equal(unlink(path), 0);
	m = wait_for_program(pid, path, &maps);
	assert_non_null(m);
	assert_true(m->deleted);
	fd = proc_maps_open_file(pid, m, buf, sizeof(buf));
	assert_true(fd >= 0);
	assert_int_equal(read(fd, magic, 4), 4);
	assert_memory_equal(magic, "\177ELF", 4);
	close(fd);

	/* Another file now has the name: with the address gone too, the open must refuse it. */
	copy_file("/bin/true", path);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_int_equal(proc_maps_open_file(pid, m, buf, sizeof(buf)), -ESTALE);
	proc_maps_free(&maps);
	unlink(path);
	rmdir(dir);
}

static void *sleep_on(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return NULL;
}

static void main_thread_that_ended(void **state)
{
	uint64_t here = (uintptr_t)main_thread_that_ended;
	const struct proc_map *m;
	char path[64], stat_line[512];
	struct proc_maps maps;
	bool ended = false;
	pthread_t thread;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (pthread_create(&thread, NULL, sleep_on, NULL))
			_exit(1);
		syscall(SYS_exit, 0); /* this thread only */
	}
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (int tries = 0; tries < 500 && !ended; tries++) {
		usleep(10000);
		read_line(path, stat_line, sizeof(stat_line));
		ended = strstr(stat_line, ") Z ") != NULL;
	}
	assert_true(ended);
	assert_int_equal(proc_maps_read(pid, &maps), 0);
	m = proc_maps_find(&maps, here);
	assert_non_null(m);
	assert_true(m->exec);
	proc_maps_free(&maps);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void only_regular_files_are_opened(void **state)
{
	struct proc_map m = { .path = (char *)"/dev/null", .inode = 1 };
	char buf[4096], small[8];
	struct stat st;

	(void)state;
	assert_int_equal(stat("/dev/null", &st), 0);
	m.inode = st.st_ino;
	assert_int_equal(proc_maps_open_file(getpid(), &m, buf, sizeof(buf)), -EINVAL);
	m.path = (char *)"[vdso]";
	assert_int_equal(proc_maps_open_file(getpid(), &m, buf, sizeof(buf)), -ENOENT);
	m.path = (char *)"";
	assert_int_equal(proc_maps_open_file(getpid(), &m, buf, sizeof(buf)), -ENOENT);
	m.path = (char *)"/usr/bin/env";
	assert_int_equal(proc_maps_open_file(getpid(), &m, small, sizeof(small)), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_maps_hold_own_code),
		cmocka_unit_test(no_such_process),
		cmocka_unit_test(kernel_thread_has_none),
		cmocka_unit_test(deleted_program_with_newline_in_its_path),
		cmocka_unit_test(main_thread_that_ended),
		cmocka_unit_test(only_regular_files_are_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
