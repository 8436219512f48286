/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rotary positions and attention over the KV cache, on the CPU. */
#include <math.h>
#include <string.h>
#include "exp.h"
#include "kernels.h"
#include "lanes.h"

/* The reference's scores live on the stack. */
#define MAX_SEQ 4096

struct kernel_shape rope_shape(const struct rope_args *a)
{
	return (struct kernel_shape){ .grid = a->rows,
				      .block = 128,
				      .flops = 8ULL * a->rows * a->dim };
}

static void rotate(float *pair, const float *cos_sin)
{
	float x = pair[0], y = pair[1];

	pair[0] = x * cos_sin[0] - y * cos_sin[1];
	pair[1] = x * cos_sin[1] + y * cos_sin[0];
}

void rope_reference(const struct rope_args *a)
{
	for (int r = 0; r < a->rows; r++) {
		float *q = a->qkv + (size_t)r * 3 * a->dim, *k = q + a->dim, *v = k + a->dim;
		size_t at = ((size_t)a->slot[r] * a->max_seq + a->position[r]) * a->dim;
		const float *table = a->cos_sin + (size_t)a->position[r] * a->head_dim;

		for (int i = 0; i < a->dim; i += 2) {
			rotate(q + i, table + i % a->head_dim);
			rotate(k + i, table + i % a->head_dim);
		}
		memcpy(a->k_cache + at, k, a->dim * sizeof(*k));
		memcpy(a->v_cache + at, v, a->dim * sizeof(*v));
	}
}

/* A warp a (row, head); the scores are in shared memory. */
struct kernel_shape attention_shape(const struct attention_args *a)
{
	return (struct kernel_shape){ .grid = a->rows * (a->dim / a->head_dim),
				      .block = KERNEL_LANES,
				      .shared_bytes = a->max_seq * sizeof(float),
				      /* Positions are in device memory: take half the cache. */
				      .flops = 2ULL * a->rows * a->dim * a->max_seq };
}

static void attend(const struct attention_args *a, int row, int head)
{
	int seen = a->position[row] + 1;
	size_t base = (size_t)a->slot[row] * a->max_seq * a->dim + (size_t)head * a->head_dim;
	const float *q = a->qkv + (size_t)row * 3 * a->dim + (size_t)head * a->head_dim;
	float *out = a->out + (size_t)row * a->dim + (size_t)head * a->head_dim;
	float score[MAX_SEQ], max = -INFINITY, sum;

	for (int t = 0; t < seen; t++) {
		score[t] = lanes_dot(q, a->k_cache + base + (size_t)t * a->dim, a->head_dim);
		score[t] = score[t] * a->scale;
		max = fmaxf(max, score[t]);
	}
	for (int t = 0; t < seen; t++)
		score[t] = kernel_exp(score[t] - max);
	sum = lanes_sum(score, seen);
	for (int i = 0; i < a->head_dim; i++)
		out[i] = 0.0f;
	for (int t = 0; t < seen; t++) {
		const float *v = a->v_cache + base + (size_t)t * a->dim;

		for (int i = 0; i < a->head_dim; i++)
			out[i] += score[t] * v[i];
	}
	for (int i = 0; i < a->head_dim; i++)
		out[i] = out[i] / sum;
}

void attention_reference(const struct attention_args *a)
{
	for (int r = 0; r < a->rows; r++)
		for (int h = 0; h < a->dim / a->head_dim; h++)
			attend(a, r, h);
}
