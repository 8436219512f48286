/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Latencies: a log-linear histogram of nanoseconds with 64 sub-buckets an octave, so a quantile is
 * within 1.6 % of the true one. Not for several threads at once. */
#ifndef SERVE_LATENCY_H
#define SERVE_LATENCY_H

#include <stdint.h>

#define LATENCY_SUB_BITS 6
#define LATENCY_BUCKETS	 ((64 - LATENCY_SUB_BITS + 1) << LATENCY_SUB_BITS)

struct latency {
	uint64_t count, sum_ns, max_ns;
	uint32_t bucket[LATENCY_BUCKETS];
};

void latency_add(struct latency *l, uint64_t ns);
/* q in (0, 1]; 0 when empty. */
uint64_t latency_quantile(const struct latency *l, double q);

#endif /* SERVE_LATENCY_H */
