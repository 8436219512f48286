/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Replaces itself by exec, left times, each image with cpu_us of computing first. Every second one
 * does so from a thread that is not the leader: that thread takes over the leader's tid. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include "truth.h"

static char self[4096];
static char left_arg[32], cpu_arg[32], done_arg[32];

static void *replace(void *arg)
{
	char *argv[] = { self, left_arg, cpu_arg, done_arg, NULL };

	(void)arg;
	execv(self, argv);
	truth_die("execv");
}

int main(int argc, char **argv)
{
	long left, cpu_us, done;
	pthread_t thread;
	ssize_t len;

	truth_init("execs", argc, argv);
	left = truth_arg("left", 10);
	cpu_us = truth_arg("cpu_us", 5000);
	done = truth_arg("done", 0);
	truth_ready();
	truth_spin_cpu((uint64_t)cpu_us * 1000);
	if (left == 0 || truth_stopped()) {
		truth_number("execs", (uint64_t)done);
		truth_thread();
		truth_print();
		return 0;
	}
	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len < 0)
		truth_die("/proc/self/exe");
	self[len] = '\0';
	snprintf(left_arg, sizeof(left_arg), "left=%ld", left - 1);
	snprintf(cpu_arg, sizeof(cpu_arg), "cpu_us=%ld", cpu_us);
	snprintf(done_arg, sizeof(done_arg), "done=%ld", done + 1);
	if (done % 2 == 0)
		replace(NULL);
	if (pthread_create(&thread, NULL, replace, NULL) != 0)
		truth_die("pthread_create");
	pthread_join(thread, NULL);
	return 1;
}
