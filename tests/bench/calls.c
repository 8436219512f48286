/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Makes CUDA calls that do nothing, as many as a line on stdin says, and prints what they took:
 * "WALL_NS CPU_NS CALLS". One process for all tools that are compared: the same memory, the same
 * addresses, the same probes' place.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

int cudaStreamSynchronize(void);

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static __attribute__((noinline)) void make_calls(uint64_t n)
{
	while (n--)
		cudaStreamSynchronize();
}

int main(void)
{
	uint64_t n, wall, cpu;

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (scanf("%" SCNu64, &n) == 1) {
		wall = clock_ns(CLOCK_MONOTONIC);
		cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		make_calls(n);
		cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
		wall = clock_ns(CLOCK_MONOTONIC) - wall;
		printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", wall, cpu, n);
	}
	return 0;
}
