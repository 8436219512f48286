/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A child stops itself with SIGSTOP, is left so for stop_ms, continued, and ends. What the parent's
 * clock saw between is its time stopped. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "truth.h"

int main(int argc, char **argv)
{
	uint64_t begin, stopped_ns;
	long stop_ms;
	pid_t child;

	truth_init("stopped", argc, argv);
	stop_ms = truth_arg("stop_ms", 1000);
	truth_ready();
	child = fork();
	if (child < 0)
		truth_die("fork");
	if (child == 0) {
		truth_name_thread("victim");
		truth_spin_cpu(5000000);
		raise(SIGSTOP);
		truth_spin_cpu(5000000);
		_exit(0);
	}
	if (waitpid(child, NULL, WUNTRACED) != child)
		truth_die("waitpid");
	begin = truth_now_ns();
	truth_sleep((uint64_t)stop_ms * 1000000);
	stopped_ns = truth_now_ns() - begin;
	kill(child, SIGCONT);
	waitpid(child, NULL, 0);
	truth_number("child", (uint64_t)child);
	truth_number("stopped_ns", stopped_ns);
	truth_thread();
	truth_print();
	return 0;
}
