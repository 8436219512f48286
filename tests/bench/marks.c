/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * marks COUNT: says "ready", and for each line of stdin the CPU time in ns, of COUNT each: a stage (two
 * marks), a stage of a request, a call of a function (work()) that does next to nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "../../gpu/serve/marks.h"

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static volatile unsigned long done;

/* Begins with a push and ends in one ret. */
__attribute__((noinline)) void work(void);
void work(void)
{
	done++;
}

static void stage(long i)
{
	(void)i;
	MARK(stage_begin, "bench", 0);
	MARK(stage_end, "bench");
}

static void stage_of_request(long i)
{
	MARK(stage_begin, "bench", (uint64_t)i + 1);
	MARK(stage_end, "bench");
}

static void call(long i)
{
	(void)i;
	work();
}

static double each_ns(void (*what)(long i), long count)
{
	const double begin = cpu_ns();

	for (long i = 0; i < count; i++)
		what(i);
	return (cpu_ns() - begin) / (double)count;
}

int main(int argc, char **argv)
{
	const long count = argc == 2 ? atol(argv[1]) : 0;
	int c;

	if (count <= 0) {
		fprintf(stderr, "usage: marks COUNT\n");
		return 2;
	}
	printf("ready\n");
	fflush(stdout);
	while ((c = getchar()) != EOF) {
		if (c != '\n')
			continue;
		printf("%.1f %.1f %.1f\n", each_ns(stage, count), each_ns(stage_of_request, count),
		       each_ns(call, count));
		fflush(stdout);
	}
	return 0;
}
