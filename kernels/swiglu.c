/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The gate of the feed-forward part, on the CPU. */
#include "exp.h"
#include "kernels.h"

struct kernel_shape swiglu_shape(const struct swiglu_args *a)
{
	return (struct kernel_shape){ .grid = a->rows,
				      .block = 128,
				      .flops = 20ULL * a->rows * a->hidden };
}

void swiglu_reference(const struct swiglu_args *a)
{
	for (int r = 0; r < a->rows; r++) {
		const float *gate = a->gate_up + (size_t)r * 2 * a->hidden, *up = gate + a->hidden;
		float *out = a->out + (size_t)r * a->hidden;

		for (int i = 0; i < a->hidden; i++)
			out[i] = kernel_silu(gate[i]) * up[i];
	}
}
