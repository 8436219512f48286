/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls over the edges of a trace that is attached to while this runs. One thread is in a call from
 * before the trace until after it, another comes back from one within it, a third enters one within it
 * that ends after it. What lies inside is counted.
 */
#include <pthread.h>
#include <stdatomic.h>
#include "book.h"
#include "fake_cudart.h"
#include "../truth.h"

#define MS 1000000ull

static atomic_int inside;
static atomic_bool come_back;

static void stay(void)
{
	inside++;
	while (!truth_stopped())
		truth_sleep(20 * MS);
}

static void stay_until_attached(void)
{
	inside++;
	while (!come_back && !truth_stopped())
		truth_sleep(5 * MS);
}

static void *spans_all(void *arg)
{
	(void)arg;
	fake_plan.hook = stay;
	cudaDeviceSynchronize();
	return NULL;
}

static void *spans_start(void *arg)
{
	(void)arg;
	fake_plan.hook = stay_until_attached;
	cudaEventSynchronize(NULL);
	fake_plan.hook = NULL;
	/* The next ones count. */
	for (int i = 0; i < 10; i++)
		BOOK(cudaEventSynchronize, NULL);
	return NULL;
}

static void *spans_end(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++)
		BOOK(cudaStreamSynchronize, NULL);
	fake_plan.hook = stay;
	cudaStreamSynchronize(NULL);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[3];

	truth_init("cuda_span", argc, argv);
	book_open();
	if (pthread_create(&threads[0], NULL, spans_all, NULL) != 0 ||
	    pthread_create(&threads[1], NULL, spans_start, NULL) != 0)
		truth_die("pthread_create");
	while (inside < 2)
		truth_sleep(MS);
	truth_ready();
	truth_attached();
	come_back = true;
	if (pthread_create(&threads[2], NULL, spans_end, NULL) != 0)
		truth_die("pthread_create");
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	book_tell();
	truth_print();
	return 0;
}
