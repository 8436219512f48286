/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Threads that compute and never wait: each cpu_ms of CPU time. With pin=N all share CPU N, so each
 * gets its share of it and is on the run queue, preempted, for the rest. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "truth.h"

static void *spin(void *arg)
{
	long cpu_ms = *(const long *)arg;

	truth_name_thread("spinner");
	truth_spin_cpu(cpu_ms ? (uint64_t)cpu_ms * 1000000 : UINT64_MAX / 2);
	truth_thread();
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[64];
	long cpu_ms, n, cpu;

	truth_init("spin", argc, argv);
	cpu_ms = truth_arg("cpu_ms", 300);
	n = truth_arg("threads", 1);
	cpu = truth_arg("pin", -1);
	truth_ready();
	if (n < 1 || n > 64)
		truth_die("threads");
	if (cpu >= 0)
		truth_pin((int)cpu);
	for (long i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, spin, &cpu_ms) != 0)
			truth_die("pthread_create");
	for (long i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	truth_print();
	return 0;
}
