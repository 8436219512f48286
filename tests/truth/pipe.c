/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A byte goes to and fro between two processes through two pipes, rounds times; each computes for
 * work_us before it passes the byte on. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "truth.h"

/* Answers each byte until the pipe closes. */
static void echo(int in, int out, long work_us)
{
	char c;

	truth_name_thread("echo");
	while (read(in, &c, 1) == 1) {
		truth_spin_cpu((uint64_t)work_us * 1000);
		if (write(out, &c, 1) != 1)
			break;
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	int there[2], back[2];
	long rounds, work_us, done = 0;
	char c = 'x';
	pid_t child;

	truth_init("pipe", argc, argv);
	rounds = truth_arg("rounds", 5000);
	work_us = truth_arg("work_us", 0);
	truth_ready();
	if (pipe(there) != 0 || pipe(back) != 0)
		truth_die("pipe");
	child = fork();
	if (child < 0)
		truth_die("fork");
	if (child == 0) {
		close(there[1]);
		close(back[0]);
		echo(there[0], back[1], work_us);
	}
	close(there[0]);
	close(back[1]);
	while (!truth_stopped() && (!rounds || done < rounds)) {
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			break;
		truth_spin_cpu((uint64_t)work_us * 1000);
		done++;
	}
	truth_number("rounds", (uint64_t)done);
	truth_number("child", (uint64_t)child);
	truth_thread();
	close(there[1]);
	waitpid(child, NULL, 0);
	truth_print();
	return 0;
}
