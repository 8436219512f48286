/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Latency histograms. */
#include <math.h>
#include "latency.h"

static unsigned int bucket_of(uint64_t ns)
{
	unsigned int octave;

	if (ns >> LATENCY_SUB_BITS == 0)
		return (unsigned int)ns;
	octave = 63 - (unsigned int)__builtin_clzll(ns) - LATENCY_SUB_BITS;
	return ((octave + 1) << LATENCY_SUB_BITS) +
	       (unsigned int)((ns >> octave) & ((1 << LATENCY_SUB_BITS) - 1));
}

/* The middle of a bucket. */
static uint64_t bucket_ns(unsigned int bucket)
{
	unsigned int octave = bucket >> LATENCY_SUB_BITS;
	uint64_t sub = bucket & ((1 << LATENCY_SUB_BITS) - 1);

	if (!octave)
		return sub;
	octave--;
	return ((sub + (1 << LATENCY_SUB_BITS)) << octave) + ((1ULL << octave) >> 1);
}

void latency_add(struct latency *l, uint64_t ns)
{
	l->count++;
	l->sum_ns += ns;
	if (ns > l->max_ns)
		l->max_ns = ns;
	l->bucket[bucket_of(ns)]++;
}

uint64_t latency_quantile(const struct latency *l, double q)
{
	uint64_t want = (uint64_t)ceil(q * (double)l->count), seen = 0;

	for (unsigned int i = 0; i < LATENCY_BUCKETS; i++) {
		seen += l->bucket[i];
		if (seen >= want && seen) {
			uint64_t ns = bucket_ns(i);

			return ns < l->max_ns ? ns : l->max_ns;
		}
	}
	return 0;
}
