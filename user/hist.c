/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Log-linear histograms: see user/infbpf.h for the layout, which bpf/ fills. */
#include <math.h>
#include "infbpf.h"
#include "profile.h"

#define HIST_SUB (1U << HIST_SUB_BITS)

unsigned int hist_bucket(uint64_t ns)
{
	unsigned int octave;

	if (ns < HIST_SUB)
		return (unsigned int)ns;
	if (ns >> HIST_MAX_SHIFT)
		return HIST_BUCKETS - 1;
	octave = 63 - __builtin_clzll(ns) - HIST_SUB_BITS;
	return (octave + 1) * HIST_SUB + ((ns >> octave) & (HIST_SUB - 1));
}

uint64_t hist_bucket_mid(unsigned int bucket)
{
	unsigned int octave;

	if (bucket >= HIST_BUCKETS)
		bucket = HIST_BUCKETS - 1;
	if (bucket < HIST_SUB)
		return bucket;
	octave = bucket / HIST_SUB - 1;
	return ((uint64_t)(HIST_SUB + bucket % HIST_SUB) << octave) + ((1ULL << octave) >> 1);
}

uint64_t hist_quantile(const uint32_t *hist, double q, uint64_t max_ns)
{
	uint64_t n = 0, seen = 0, rank, mid;
	unsigned int b;

	for (b = 0; b < HIST_BUCKETS; b++)
		n += hist[b];
	if (!n)
		return PROFILE_UNKNOWN;
	/* The smallest value that at least q of all do not exceed. 0.99 * 100 must not become 100. */
	rank = (uint64_t)ceil(q * (double)n - 1e-9 * (double)n);
	if (rank < 1)
		rank = 1;
	/* The last of all is known to the nanosecond. */
	if (rank >= n)
		return max_ns;
	for (b = 0; b < HIST_BUCKETS; b++) {
		seen += hist[b];
		if (seen >= rank)
			break;
	}
	/* The last bucket has no upper edge, so no middle: its largest value is all that is known. */
	if (b == HIST_BUCKETS - 1)
		return max_ns;
	mid = hist_bucket_mid(b);
	return mid < max_ns ? mid : max_ns;
}
