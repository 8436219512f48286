/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Very many threads: idle ones that wait for a condition which never comes, and a few that compute
 * for 2 ms and sleep for 8, to and fro. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "truth.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t over = PTHREAD_COND_INITIALIZER;
static int is_over;

static void *idle(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	while (!is_over)
		pthread_cond_wait(&over, &lock);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void *active(void *arg)
{
	(void)arg;
	truth_name_thread("active");
	while (!truth_stopped()) {
		truth_spin_cpu(2000000);
		truth_sleep(8000000);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_attr_t small;
	pthread_t *threads;
	long idle_n, active_n, n = 0;

	truth_init("many", argc, argv);
	idle_n = truth_arg("idle", 5000);
	active_n = truth_arg("active", 3);
	threads = calloc((size_t)(idle_n + active_n), sizeof(*threads));
	if (!threads)
		truth_die("calloc");
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 << 10);
	truth_name_thread("idle");
	while (n < idle_n + active_n) {
		if (pthread_create(&threads[n], &small, n < idle_n ? idle : active, NULL) != 0)
			truth_skip("cannot create that many threads");
		n++;
	}
	truth_name_thread("many");
	truth_number("idle", (uint64_t)idle_n);
	truth_number("active", (uint64_t)active_n);
	truth_ready();
	while (!truth_stopped())
		truth_sleep(1000000000);
	pthread_mutex_lock(&lock);
	is_over = 1;
	pthread_cond_broadcast(&over);
	pthread_mutex_unlock(&lock);
	while (n > 0)
		pthread_join(threads[--n], NULL);
	free(threads);
	truth_print();
	return 0;
}
