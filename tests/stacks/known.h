/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs with known stacks share, C and C++: functions that stay functions, a slice of
 * CPU time. tests/stacks/chains.py knows their chains. */
#ifndef KNOWN_H
#define KNOWN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SLICE_NS 2000000 /* CPU time a phase gets a round */
#define SHORT_NS 500000	 /* a thread beside it, between long sleeps: the CPUs are for the phases */

/* A frame of its own, whatever the optimiser thinks. */
#ifdef __clang__
#define FRAME __attribute__((noinline, used))
#else
#define FRAME __attribute__((noipa, used))
#endif
/* After a call: it was no tail call. */
#define BACK() __asm__ volatile("" ::: "memory")

static inline void known_die(const char *what)
{
	perror(what);
	exit(1);
}

static FRAME uint64_t cpu_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Each thread has its own slice. */
static __thread uint64_t slice_end_ns;

static inline void slice_begin(long ns)
{
	slice_end_ns = cpu_now_ns() + (uint64_t)ns;
}

static FRAME bool slice_left(void)
{
	bool left = cpu_now_ns() < slice_end_ns;

	BACK();
	return left;
}

/* Some 10 us. */
static FRAME void spin(void)
{
	for (unsigned int n = 15000; n; n--)
		__asm__ volatile("" : "+r"(n));
}

/* Each calls the other only, twice: a frame that a walk leaves out shows. Short, so much of it is
 * prologue and epilogue. */
static FRAME void pong(int depth);
static FRAME void ping(int depth)
{
	if (depth == 0)
		return;
	pong(depth - 1);
	BACK();
	pong(depth - 1);
	BACK();
}

static FRAME void pong(int depth)
{
	if (depth == 0)
		return;
	ping(depth - 1);
	BACK();
	ping(depth - 1);
	BACK();
}

static inline void sleep_ns(long ns)
{
	struct timespec t = { 0, ns };

	nanosleep(&t, NULL);
}

#endif /* KNOWN_H */
