/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two streams and the default one, with an account of each: one is waited for much longer than the
 * other. Waits that spin and waits that block. Asynchronous copies that return at once, and that block.
 * Copies of all kinds and sizes. Two threads work on the first stream.
 *
 * rounds=N: how often all that. A wait of each stream takes sleep_us, spin_us.
 */
#include <pthread.h>
#include <stdio.h>
#include "book.h"
#include "fake_cudart.h"
#include "../truth.h"

#define US	       1000ull
#define COPY_SLEEPS_US 5000

enum { FIRST, SECOND, DEFAULT_STREAM, STREAMS };

static struct {
	const char *name;
	void *handle;
	uint64_t calls, launches, copies, bytes, syncs, sync_ns;
} streams[STREAMS] = { { .name = "stream.first" },
		       { .name = "stream.second" },
		       { .name = "stream.default" } };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t blocked_syncs, spun_syncs, blocked_copies;
static long rounds, sleep_us, spin_us;

static const struct fake_dim3 one = { 1, 1, 1 };

#define COUNT(stream, what, by) \
	(pthread_mutex_lock(&lock), streams[stream].what += (by), pthread_mutex_unlock(&lock))

static void launch(int s)
{
	BOOK(cudaLaunchKernel, (const void *)(uintptr_t)launch, one, one, NULL, 0,
	     streams[s].handle);
	COUNT(s, calls, 1);
	COUNT(s, launches, 1);
}

static void copy(int s, size_t bytes, int kind, uint64_t blocks_us)
{
	fake_plan.sleep_ns = blocks_us * US;
	BOOK_COPY(bytes, kind, cudaMemcpyAsync, (void *)&lock, NULL, bytes, kind,
		  streams[s].handle);
	fake_plan.sleep_ns = 0;
	COUNT(s, calls, 1);
	COUNT(s, copies, 1);
	COUNT(s, bytes, bytes);
	if (blocks_us)
		__atomic_add_fetch(&blocked_copies, 1, __ATOMIC_RELAXED);
}

/* The ones without a stream work on the default stream. */
static void copy_now(size_t bytes, int kind)
{
	BOOK_COPY(bytes, kind, cudaMemcpy, (void *)&lock, NULL, bytes, kind);
	COUNT(DEFAULT_STREAM, calls, 1);
	COUNT(DEFAULT_STREAM, copies, 1);
	COUNT(DEFAULT_STREAM, bytes, bytes);
}

static void wait_for(int s, uint64_t sleeps_us, uint64_t spins_us)
{
	uint64_t from;

	fake_plan.sleep_ns = sleeps_us * US;
	fake_plan.spin_ns = spins_us * US;
	from = truth_now_ns();
	BOOK(cudaStreamSynchronize, streams[s].handle);
	from = truth_now_ns() - from;
	fake_plan = (struct fake_plan){ 0 };
	COUNT(s, calls, 1);
	COUNT(s, syncs, 1);
	COUNT(s, sync_ns, from);
	__atomic_add_fetch(sleeps_us ? &blocked_syncs : &spun_syncs, 1, __ATOMIC_RELAXED);
}

static void sizes(void)
{
	static const size_t bytes[] = { 0, 1, 2, 3, 4, 5, 1000, 4096, 4097, (size_t)1 << 20 };

	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		copy_now(bytes[i], FAKE_H2D);
		copy(SECOND, bytes[i] + 8, FAKE_D2D, 0);
	}
	copy_now(33, FAKE_H2H);
	copy_now(34, FAKE_D2H);
}

static void *helper(void *arg)
{
	(void)arg;
	truth_name_thread("helper");
	for (long r = 0; r < rounds; r++) {
		launch(FIRST);
		copy(FIRST, 300, FAKE_H2D, 0);
		wait_for(FIRST, (uint64_t)sleep_us, 0);
	}
	return NULL;
}

static void work(void)
{
	for (long r = 0; r < rounds; r++) {
		launch(FIRST);
		launch(FIRST);
		launch(SECOND);
		launch(DEFAULT_STREAM);
		copy(FIRST, 100, FAKE_D2H, 0);
		copy(SECOND, 200, FAKE_H2D, COPY_SLEEPS_US);
		copy(DEFAULT_STREAM, 50, FAKE_D2D, 0);
		wait_for(FIRST, (uint64_t)sleep_us, 0);
		wait_for(SECOND, 0, (uint64_t)spin_us);
	}
}

static void tell(void)
{
	char name[64];

#define TELL(what)                                                   \
	(snprintf(name, sizeof(name), "%s." #what, streams[s].name), \
	 truth_number(name, streams[s].what))
	for (int s = 0; s < STREAMS; s++) {
		snprintf(name, sizeof(name), "%s.handle", streams[s].name);
		truth_number(name, (uint64_t)(uintptr_t)streams[s].handle);
		TELL(calls);
		TELL(launches);
		TELL(copies);
		TELL(bytes);
		TELL(syncs);
		TELL(sync_ns);
	}
#undef TELL
	truth_number("blocked_syncs", blocked_syncs);
	truth_number("spun_syncs", spun_syncs);
	truth_number("blocked_copies", blocked_copies);
	truth_number("sync_sleep_ns", (uint64_t)sleep_us * US);
	truth_number("copy_sleep_ns", COPY_SLEEPS_US * US);
	book_tell();
}

int main(int argc, char **argv)
{
	pthread_t thread;

	truth_init("cuda_streams", argc, argv);
	rounds = truth_arg("rounds", 20);
	sleep_us = truth_arg("sleep_us", 4000);
	spin_us = truth_arg("spin_us", 2000);
	book_open();
	truth_ready();
	truth_attached();
	/* Not on a stream themselves. */
	if (BOOK(cudaStreamCreate, &streams[FIRST].handle) ||
	    BOOK(cudaStreamCreate, &streams[SECOND].handle))
		truth_die("cudaStreamCreate");
	if (pthread_create(&thread, NULL, helper, NULL) != 0)
		truth_die("pthread_create");
	work();
	sizes();
	pthread_join(thread, NULL);
	tell();
	truth_print();
	return 0;
}
