/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rotary positions and attention over the KV cache. */
#include "exp.h"
#include "warp.cuh"

__device__ static void rotate(float *pair, const float *cos_sin)
{
	float x = pair[0], y = pair[1];

	pair[0] = x * cos_sin[0] - y * cos_sin[1];
	pair[1] = x * cos_sin[1] + y * cos_sin[0];
}

extern "C" __global__ void rope_kernel(struct rope_args a)
{
	int row = blockIdx.x, position = a.position[row];
	float *q = a.qkv + (size_t)row * 3 * a.dim, *k = q + a.dim, *v = k + a.dim;
	size_t at = ((size_t)a.slot[row] * a.max_seq + position) * a.dim;
	const float *table = a.cos_sin + (size_t)position * a.head_dim;

	for (int i = 2 * threadIdx.x; i < a.dim; i += 2 * blockDim.x) {
		rotate(q + i, table + i % a.head_dim);
		rotate(k + i, table + i % a.head_dim);
		for (int j = i; j < i + 2; j++) {
			a.k_cache[at + j] = k[j];
			a.v_cache[at + j] = v[j];
		}
	}
}

extern "C" __global__ void attention_kernel(struct attention_args a)
{
	extern __shared__ float score[];
	int heads = a.dim / a.head_dim;
	int row = blockIdx.x / heads, head = blockIdx.x % heads;
	int seen = a.position[row] + 1;
	size_t base = (size_t)a.slot[row] * a.max_seq * a.dim + (size_t)head * a.head_dim;
	const float *q = a.qkv + (size_t)row * 3 * a.dim + (size_t)head * a.head_dim;
	float max = -INFINITY, sum = 0.0f;

	for (int t = 0; t < seen; t++) {
		float s = warp_dot(q, a.k_cache + base + (size_t)t * a.dim, a.head_dim) * a.scale;

		if (warp_lane() == 0)
			score[t] = s;
		max = fmaxf(max, s);
	}
	__syncwarp();
	for (int t = warp_lane(); t < seen; t += KERNEL_LANES) {
		score[t] = kernel_exp(score[t] - max);
		sum += score[t];
	}
	sum = warp_sum(sum);
	__syncwarp();
	for (int i = warp_lane(); i < a.head_dim; i += KERNEL_LANES) {
		float out = 0.0f;

		for (int t = 0; t < seen; t++)
			out += score[t] * a.v_cache[base + (size_t)t * a.dim + i];
		a.out[(size_t)row * a.dim + (size_t)head * a.head_dim + i] = out / sum;
	}
}

KERNEL_LAUNCH(rope)
KERNEL_LAUNCH(attention)
