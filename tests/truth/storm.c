/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Threads are born and die all the time, at most width at once: count of them, each with cpu_us of
 * computing. The process's CPU clock knows the sum of them all. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include "truth.h"

#define WIDTH 16

static void *burn(void *arg)
{
	truth_name_thread("mayfly");
	truth_spin_cpu(*(const uint64_t *)arg);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[WIDTH];
	uint64_t cpu_ns;
	long count, born = 0, joined = 0;

	truth_init("storm", argc, argv);
	count = truth_arg("count", 2000);
	cpu_ns = (uint64_t)truth_arg("cpu_us", 100) * 1000;
	truth_ready();
	while (!truth_stopped() && (!count || born < count)) {
		if (born - joined == WIDTH)
			pthread_join(threads[joined++ % WIDTH], NULL);
		if (pthread_create(&threads[born % WIDTH], NULL, burn, &cpu_ns) != 0)
			truth_die("pthread_create");
		born++;
	}
	while (joined < born)
		pthread_join(threads[joined++ % WIDTH], NULL);
	truth_number("born", (uint64_t)born);
	truth_thread();
	truth_print();
	return 0;
}
