/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Child processes: competitors for the CPU, and what the other scenarios start. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "scenario.h"

pid_t scenario_fork(struct scenario *c, const char *name)
{
	pid_t parent = getpid(), pid;

	if (c->child_n == SCENARIO_CHILDREN)
		return -EAGAIN;
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid) {
		c->child[c->child_n++] = pid;
		return pid;
	}
	/* A server that was killed leaves nobody behind. It may be gone already. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	prctl(PR_SET_NAME, name);
	for (int fd = 0, null = open("/dev/null", O_RDWR | O_CLOEXEC); null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	return 0;
}

void children_end(struct scenario *c)
{
	for (int i = 0; i < c->child_n; i++)
		kill(c->child[i], SIGKILL);
	for (int i = 0; i < c->child_n; i++)
		while (waitpid(c->child[i], NULL, 0) < 0 && errno == EINTR)
			;
	c->child_n = 0;
}

static void __attribute__((noreturn)) compete(int cpu)
{
	volatile uint64_t n = 0;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	for (;;)
		n++;
}

int competitors_start(struct scenario *c, int n)
{
	for (int i = 0; i < n; i++) {
		pid_t pid = scenario_fork(c, "neighbour");

		if (!pid)
			compete(c->cpu);
		if (pid < 0)
			return pid;
	}
	return 0;
}
