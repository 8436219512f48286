/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The bucket of a log-linear histogram: see user/infbpf.h for the layout. About 5 ns. */
#ifndef HIST_BPF_H
#define HIST_BPF_H

#include "infbpf.bpf.h"

static __always_inline unsigned int hist_bucket(u64 ns)
{
	unsigned int shift = 0;
	u64 v = ns;

	if (ns < (1 << HIST_SUB_BITS))
		return ns;
	if (ns >> HIST_MAX_SHIFT)
		return HIST_BUCKETS - 1;
	if (v >> 32) {
		v >>= 32;
		shift += 32;
	}
	if (v >> 16) {
		v >>= 16;
		shift += 16;
	}
	if (v >> 8) {
		v >>= 8;
		shift += 8;
	}
	if (v >> 4) {
		v >>= 4;
		shift += 4;
	}
	if (v >> 2) {
		v >>= 2;
		shift += 2;
	}
	if (v >> 1)
		shift += 1;
	/* shift: index of the highest bit, >= HIST_SUB_BITS */
	shift -= HIST_SUB_BITS;
	return (shift << HIST_SUB_BITS) + (ns >> shift);
}

/* A few tries at the maximum: each failure means that another thread raised it. */
static __always_inline void max_raise(u64 *max_ns, u64 ns)
{
	u64 max;
	int i;

	for (i = 0; i < 4; i++) {
		max = *(volatile u64 *)max_ns;
		if (ns <= max || __sync_val_compare_and_swap(max_ns, max, ns) == max)
			break;
	}
}

#endif /* HIST_BPF_H */
