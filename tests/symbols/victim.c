// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Spins in functions that only .symtab knows. Says "ready" first.
 *
 * victim [MILLISECONDS]    ends after that long
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static volatile unsigned long sink;

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline __attribute__((always_inline)) void hidden_inlined(int n)
{
	for (int i = 0; i < n; i++)
		sink += i;
}

static __attribute__((noinline)) void hidden_leaf(int n)
{
	hidden_inlined(n);
	sink++;
}

static __attribute__((noinline)) void hidden_caller(int n)
{
	hidden_leaf(n);
	sink++;
}

int main(int argc, char **argv)
{
	long end = argc > 1 ? now_ms() + atol(argv[1]) : -1;

	puts("ready");
	fflush(stdout);
	while (end < 0 || now_ms() < end)
		hidden_caller(1000000);
	return 0;
}
