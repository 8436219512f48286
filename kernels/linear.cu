/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Embedding and matrix product. */
#include "warp.cuh"

extern "C" __global__ void embed_kernel(struct embed_args a)
{
	size_t row = blockIdx.x;
	const float *from = a.table + (size_t)a.token[row] * a.dim;

	for (int i = threadIdx.x; i < a.dim; i += blockDim.x)
		a.out[row * a.dim + i] = from[i];
}

extern "C" __global__ void matmul_kernel(struct matmul_args a)
{
	int index = warp_index();
	int row = index / a.out_dim, o = index % a.out_dim;

	if (row >= a.rows)
		return;

	const float *x = a.x + (size_t)(a.pick ? a.pick[row] : row) * a.in;
	float *out = a.out + (size_t)row * a.out_dim + o;
	float v = warp_dot(x, a.weight + (size_t)o * a.in, a.in);

	if (warp_lane() == 0)
		*out = a.accumulate ? *out + v : v;
}

KERNEL_LAUNCH(embed)
KERNEL_LAUNCH(matmul)
