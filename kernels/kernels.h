/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The server's kernels.
 *
 * A kernel NAME has one by-value argument, struct NAME_args, and four parts:
 *   NAME_kernel     the CUDA kernel (NAME's .cu file, compiled by nvcc)
 *   NAME_reference  the same on the CPU (the .c file beside it): the oracle in tests, and what the
 *                   emulated runtime runs
 *   NAME_launch     puts it on a stream (warp.cuh with nvcc, stubs.c without)
 *   NAME_shape      grid and block for some arguments, and the work they mean
 *
 * Kernel and reference give the same bits: every sum is made of 32 partial sums, one a lane, added
 * up by the same tree; products and sums are rounded separately (no fused multiply-add on either
 * side); exp() is our own (exp.h). So greedy decoding gives the same tokens on both.
 *
 * All pointers are device pointers. Matrices are row-major, weights are [out][in].
 */
#ifndef KERNELS_H
#define KERNELS_H

#include <stddef.h>
#include <stdint.h>
#ifndef __CUDACC__
#include "gpu/cuda_abi.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define KERNEL_LANES 32 /* partial sums of a reduction = threads of a warp */

/* out[r] = table[token[r]] */
struct embed_args {
	float *out;
	const float *table;
	const int32_t *token;
	int32_t rows, dim;
};

/* out[r] = x[r] * weight / sqrt(mean(x[r]^2) + eps) */
struct rmsnorm_args {
	float *out;
	const float *x;
	const float *weight;
	int32_t rows, dim;
	float eps;
};

/* out[r][o] = (accumulate ? out[r][o] : 0) + x[pick ? pick[r] : r] . weight[o] */
struct matmul_args {
	float *out;
	const float *x;
	const float *weight;
	const int32_t *pick; /* may be NULL */
	int32_t rows, in, out_dim;
	int32_t accumulate;
};

/* A row of qkv is q, k, v (dim floats each). Rotates q in place and k by the row's position (pairs
 * (2i, 2i+1) of each head), then stores k and v in the caches at [slot][position]. */
struct rope_args {
	float *qkv;
	float *k_cache, *v_cache; /* [slots][max_seq][dim] */
	const float *cos_sin;	  /* [max_seq][head_dim / 2][2] */
	const int32_t *position, *slot;
	int32_t rows, dim, head_dim, max_seq;
};

/* Causal attention of each row's q over its slot's cache, positions 0 to the row's own. */
struct attention_args {
	float *out;	  /* [rows][dim] */
	const float *qkv; /* [rows][3 dim] */
	const float *k_cache, *v_cache;
	const int32_t *position, *slot;
	int32_t rows, dim, head_dim, max_seq;
	float scale;
};

/* out[r][i] = silu(gate_up[r][i]) * gate_up[r][hidden + i] */
struct swiglu_args {
	float *out;
	const float *gate_up;
	int32_t rows, hidden;
};

/* The largest of each row (the first, when equal) and how far it leads the second. */
struct argmax_args {
	int32_t *token;
	float *margin;
	const float *logits;
	int32_t rows, vocab;
};

/* Lasts ns on the device: a wait of known length. */
struct delay_args {
	uint64_t ns;
};

/* One row a kernel: K(name, pointers that must be device memory...). */
#define KERNELS(K)                                                                  \
	K(embed, P(embed, out), P(embed, table), P(embed, token))                   \
	K(rmsnorm, P(rmsnorm, out), P(rmsnorm, x), P(rmsnorm, weight))              \
	K(matmul, P(matmul, out), P(matmul, x), P(matmul, weight))                  \
	K(rope, P(rope, qkv), P(rope, k_cache), P(rope, v_cache), P(rope, cos_sin), \
	  P(rope, position), P(rope, slot))                                         \
	K(attention, P(attention, out), P(attention, qkv), P(attention, k_cache),   \
	  P(attention, v_cache), P(attention, position), P(attention, slot))        \
	K(swiglu, P(swiglu, out), P(swiglu, gate_up))                               \
	K(argmax, P(argmax, token), P(argmax, margin), P(argmax, logits))           \
	K(delay, -1)

struct kernel_shape {
	uint32_t grid;	/* blocks */
	uint32_t block; /* threads, a multiple of 32 */
	uint32_t shared_bytes;
	uint64_t flops; /* about how many operations; what the emulated device's time is made of */
	uint64_t ns;	/* the kernel says itself how long it lasts; 0: it does not */
};

#define KERNEL_DECLARE(name, ...)                                      \
	void name##_reference(const struct name##_args *a);            \
	struct kernel_shape name##_shape(const struct name##_args *a); \
	void name##_launch(const struct name##_args *a, cudaStream_t stream);
KERNELS(KERNEL_DECLARE)

/* To be called once before the first launch. */
void kernels_init(void);
/* Whether the launches can run on a GPU (nvcc was there) or only on the emulated runtime. */
int kernels_for_gpu(void);

#ifdef __cplusplus
}
#endif

#endif /* KERNELS_H */
