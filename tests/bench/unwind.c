// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How fast stacks are unwound: this program's own, captured at several depths and places, and then
 * unwound again and again from the copies. Prints stacks a second, and a frame's cost.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <time.h>
#include "../unit/unwind_self.h"

#define STACKS	   64
#define COPY_BYTES 8192
#define SECONDS	   1.0

static struct self self;
static struct {
	struct user_regs regs;
	uint8_t copy[COPY_BYTES];
	size_t n;
} taken[STACKS];
static size_t taken_n;

static __attribute__((noinline)) void take(void)
{
	if (taken_n == STACKS)
		return;
	SELF_REGS(&taken[taken_n].regs);
	for (size_t n = COPY_BYTES; n; n -= 8) {
		if (self_peek(taken[taken_n].regs.sp, taken[taken_n].copy, n))
			continue;
		taken[taken_n].n = n;
		break;
	}
	taken_n++;
}

static __attribute__((noinline)) int compare(const void *a, const void *b)
{
	take();
	return *(const int *)a - *(const int *)b;
}

static __attribute__((noinline)) int deeper(int n, int most)
{
	int v[] = { n, most, n + most, 1, 2 };

	if (n < most)
		return deeper(n + 1, most) + v[n % 5];
	qsort(v, 5, sizeof(v[0]), compare);
	return v[0];
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static size_t unwind_all(size_t *frames, size_t *whole)
{
	struct unwind_space space = self_space(&self);
	struct unwind_frame out[SELF_FRAMES];
	enum unwind_end end;

	for (size_t i = 0; i < taken_n; i++) {
		self.copied_from = taken[i].regs.sp;
		self.copy = taken[i].copy;
		self.copy_n = taken[i].n;
		*frames += unwind_walk(self.u, &space, &taken[i].regs, out, SELF_FRAMES, &end);
		*whole += end == UNWIND_START;
	}
	return taken_n;
}

int main(void)
{
	size_t stacks = 0, frames = 0, whole = 0;
	struct unwind_stats st;
	double begin, cold;

	for (int i = 0; i < 12; i++)
		deeper(0, 8 + i);
	self_open(&self, NULL);
	begin = now();
	unwind_all(&frames, &whole);
	cold = now() - begin;
	frames = whole = 0;
	for (begin = now(); now() - begin < SECONDS;)
		stacks += unwind_all(&frames, &whole);
	begin = now() - begin;
	unwind_stats(self.u, &st);
	printf("stacks_per_second %.0f\nframes_per_stack %.1f\nns_per_frame %.1f\n"
	       "whole_share %.3f\ncold_us_per_stack %.1f\nrows %lu\nbytes %zu\n",
	       (double)stacks / begin, (double)frames / (double)stacks,
	       1e9 * begin / (double)frames, (double)whole / (double)stacks,
	       1e6 * cold / (double)taken_n, (unsigned long)st.rows, st.bytes);
	self.copy = NULL;
	self_close(&self);
	return 0;
}
