/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * measure FILE PROGRAM [ARGS]: runs a program and writes to FILE, as JSON, what the kernel says of
 * it at its end: its pid, its rusage (threads included) and the schedstat of its zombie, that is of
 * its main thread after the last instruction. Passes the exit status through.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t child;

static void pass_on(int sig)
{
	if (child > 0)
		kill(child, sig);
}

static void die(const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void zombie_schedstat(pid_t pid, uint64_t *cpu_ns, uint64_t *run_queue_ns)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%" SCNu64 " %" SCNu64, cpu_ns, run_queue_ns) != 2)
		die(path);
	fclose(f);
}

int main(int argc, char **argv)
{
	uint64_t begin, end, cpu_ns, run_queue_ns;
	struct rusage ru;
	siginfo_t info;
	int status;
	FILE *f;

	if (argc < 3) {
		fprintf(stderr, "usage: measure FILE PROGRAM [ARGS]\n");
		return 2;
	}
	begin = now_ns();
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		execvp(argv[2], argv + 2);
		fprintf(stderr, "measure: %s: %s\n", argv[2], strerror(errno));
		_exit(127);
	}
	signal(SIGTERM, pass_on);
	while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) != 0)
		if (errno != EINTR)
			die("waitid");
	end = now_ns();
	/* A zombie may still be on its CPU, and schedstat is not brought up to date by reading it: let it
	 * be switched out for the last time. */
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	zombie_schedstat(child, &cpu_ns, &run_queue_ns);
	if (wait4(child, &status, 0, &ru) != child)
		die("wait4");
	f = fopen(argv[1], "we");
	if (!f)
		die(argv[1]);
	fprintf(f,
		"{\"pid\":%d,\"wall_ns\":%" PRIu64 ",\"leader_cpu_ns\":%" PRIu64
		",\"leader_run_queue_ns\":%" PRIu64
		",\"voluntary\":%ld,\"involuntary\":%ld,\"status\":%d}\n",
		child, end - begin, cpu_ns, run_queue_ns, ru.ru_nvcsw, ru.ru_nivcsw, status);
	if (fclose(f) != 0)
		die(argv[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
