/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Greedy sampling on the CPU. */
#include <math.h>
#include "kernels.h"

/* A warp a row. */
struct kernel_shape argmax_shape(const struct argmax_args *a)
{
	return (struct kernel_shape){ .grid = a->rows,
				      .block = KERNEL_LANES,
				      .flops = 2ULL * a->rows * a->vocab };
}

void argmax_reference(const struct argmax_args *a)
{
	for (int r = 0; r < a->rows; r++) {
		const float *logits = a->logits + (size_t)r * a->vocab;
		float first = -INFINITY, second = -INFINITY;
		int best = 0;

		for (int i = 0; i < a->vocab; i++) {
			if (logits[i] > first) {
				second = first;
				first = logits[i];
				best = i;
			} else if (logits[i] > second) {
				second = logits[i];
			}
		}
		a->token[r] = best;
		a->margin[r] = first - second;
	}
}
