/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* RMS normalisation on the CPU. */
#include <math.h>
#include "kernels.h"
#include "lanes.h"

/* A warp a row. */
struct kernel_shape rmsnorm_shape(const struct rmsnorm_args *a)
{
	return (struct kernel_shape){ .grid = a->rows,
				      .block = KERNEL_LANES,
				      .flops = 4ULL * a->rows * a->dim };
}

void rmsnorm_reference(const struct rmsnorm_args *a)
{
	for (int r = 0; r < a->rows; r++) {
		const float *x = a->x + (size_t)r * a->dim;
		float *out = a->out + (size_t)r * a->dim;
		float root = sqrtf(lanes_dot(x, x, a->dim) / (float)a->dim + a->eps);

		for (int i = 0; i < a->dim; i++)
			out[i] = x[i] / root * a->weight[i];
	}
}
