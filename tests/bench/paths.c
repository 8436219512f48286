/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * paths N: waits 100 us in each of N different call paths, over and over: two functions that call
 * each other or themselves as the bits of the path's number say, 14 deep, so at most 16,384 paths.
 * Prints "ready", then "walked" each time when all were there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DEPTH	14
#define WAIT_NS 100000

static void left(unsigned int path, int depth);
static void right(unsigned int path, int depth);

static void step(unsigned int path, int depth)
{
	struct timespec t = { 0, WAIT_NS };

	if (!depth)
		nanosleep(&t, NULL);
	else if (path & 1)
		right(path >> 1, depth - 1);
	else
		left(path >> 1, depth - 1);
}

static __attribute__((noinline)) void left(unsigned int path, int depth)
{
	step(path, depth);
	__asm__ volatile("");
}

static __attribute__((noinline)) void right(unsigned int path, int depth)
{
	step(path, depth);
	__asm__ volatile("nop"); /* else the compiler makes one function of both */
}

int main(int argc, char **argv)
{
	unsigned int n = argc > 1 ? (unsigned int)atoi(argv[1]) : 10000, path;

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	for (;;) {
		for (path = 0; path < n; path++)
			step(path, DEPTH);
		if (puts("walked") < 0)
			return 0;
	}
}
