/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Children one after the other: count of them, each with cpu_us of computing and one sleep of
 * sleep_us. The parent waits for each. */
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "truth.h"

int main(int argc, char **argv)
{
	long count, cpu_us, sleep_us, done = 0;
	pid_t child;

	truth_init("forks", argc, argv);
	count = truth_arg("count", 30);
	cpu_us = truth_arg("cpu_us", 5000);
	sleep_us = truth_arg("sleep_us", 5000);
	truth_ready();
	while (!truth_stopped() && (!count || done < count)) {
		child = fork();
		if (child < 0)
			truth_die("fork");
		if (child == 0) {
			truth_name_thread("child");
			truth_spin_cpu((uint64_t)cpu_us * 1000);
			truth_sleep((uint64_t)sleep_us * 1000);
			_exit(0);
		}
		while (waitpid(child, NULL, 0) != child)
			if (errno != EINTR)
				truth_die("waitpid");
		done++;
	}
	truth_number("children", (uint64_t)done);
	truth_thread();
	truth_print();
	return 0;
}
