/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A fixed amount of work at the end of 25 calls, again and again, as often as a line on stdin says;
 * prints what it took: "WALL_NS CPU_NS TIMES". Built without frame pointers: the whole chain is in the
 * call frame information only.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define NOINLINE __attribute__((noinline))
#define ROUNDS	 10000 /* about 20 us */

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static NOINLINE uint64_t work(uint64_t x)
{
	for (int i = 0; i < ROUNDS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	return x;
}

/* Each with a frame of another size, and something to do after the call. */
#define LEVEL(n, below)                                                \
	static NOINLINE uint64_t level_##n(uint64_t x)                 \
	{                                                              \
		uint64_t room[4 + (n) % 7];                            \
		__asm__ volatile("" : : "r"(room) : "memory");         \
		x = below(x + (n));                                    \
		__asm__ volatile("" : "+r"(x) : "r"(room) : "memory"); \
		return x;                                              \
	}
LEVEL(24, work)
LEVEL(23, level_24)
LEVEL(22, level_23)
LEVEL(21, level_22)
LEVEL(20, level_21)
LEVEL(19, level_20)
LEVEL(18, level_19)
LEVEL(17, level_18)
LEVEL(16, level_17)
LEVEL(15, level_16)
LEVEL(14, level_15)
LEVEL(13, level_14)
LEVEL(12, level_13)
LEVEL(11, level_12)
LEVEL(10, level_11)
LEVEL(9, level_10)
LEVEL(8, level_9)
LEVEL(7, level_8)
LEVEL(6, level_7)
LEVEL(5, level_6)
LEVEL(4, level_5)
LEVEL(3, level_4)
LEVEL(2, level_3)
LEVEL(1, level_2)

int main(void)
{
	volatile uint64_t result = 88172645463325252u;
	uint64_t n, wall, cpu;

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (scanf("%" SCNu64, &n) == 1) {
		wall = clock_ns(CLOCK_MONOTONIC);
		cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		for (uint64_t i = 0; i < n; i++)
			result = level_1(result);
		cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
		wall = clock_ns(CLOCK_MONOTONIC) - wall;
		printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", wall, cpu, n);
	}
	return 0;
}
