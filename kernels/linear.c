/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Embedding and matrix product on the CPU. */
#include <string.h>
#include "kernels.h"
#include "lanes.h"

struct kernel_shape embed_shape(const struct embed_args *a)
{
	return (struct kernel_shape){ .grid = a->rows,
				      .block = 128,
				      .flops = (uint64_t)a->rows * a->dim };
}

void embed_reference(const struct embed_args *a)
{
	for (int r = 0; r < a->rows; r++)
		memcpy(a->out + (size_t)r * a->dim, a->table + (size_t)a->token[r] * a->dim,
		       a->dim * sizeof(float));
}

/* A warp an output element, four warps a block. */
struct kernel_shape matmul_shape(const struct matmul_args *a)
{
	return (struct kernel_shape){ .grid = (a->rows * a->out_dim + 3) / 4,
				      .block = 128,
				      .flops = 2ULL * a->rows * a->out_dim * a->in };
}

void matmul_reference(const struct matmul_args *a)
{
	for (int r = 0; r < a->rows; r++) {
		const float *x = a->x + (size_t)(a->pick ? a->pick[r] : r) * a->in;
		float *out = a->out + (size_t)r * a->out_dim;

		for (int o = 0; o < a->out_dim; o++) {
			float v = lanes_dot(x, a->weight + (size_t)o * a->in, a->in);

			out[o] = a->accumulate ? out[o] + v : v;
		}
	}
}
