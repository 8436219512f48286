/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * exp() for kernels and references, the same bits on both: only IEEE operations that neither
 * compiler may fuse (nvcc -fmad=false, gcc -ffp-contract=off) or reorder.
 *
 * exp(x) = 2^n * exp(r), n = round(x / ln 2), |r| <= ln 2 / 2; exp(r) by its Taylor polynomial of
 * degree 7, whose remainder there is below 2^-27. ln 2 is subtracted in two parts, of which the
 * first has few enough bits that n * part is exact. Relative error below 3e-7 (test_gpu_kernels).
 */
#ifndef KERNELS_EXP_H
#define KERNELS_EXP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define KERNEL_INLINE static __host__ __device__ __forceinline__
#else
#define KERNEL_INLINE static inline
#endif

KERNEL_INLINE float kernel_exp(float x)
{
	float n, r, p;
	int32_t bits;

	if (x < -87.0f)
		return 0.0f;
	if (x > 88.0f)
		x = 88.0f;
	n = floorf(x * 1.44269504f + 0.5f);
	r = x - n * 0.693359375f;
	r = r - n * -2.12194440e-4f;
	p = 1.0f / 5040.0f;
	p = p * r + 1.0f / 720.0f;
	p = p * r + 1.0f / 120.0f;
	p = p * r + 1.0f / 24.0f;
	p = p * r + 1.0f / 6.0f;
	p = p * r + 0.5f;
	p = p * r + 1.0f;
	p = p * r + 1.0f;
	bits = ((int32_t)n + 127) << 23;
	memcpy(&r, &bits, sizeof(r));
	return p * r;
}

KERNEL_INLINE float kernel_silu(float x)
{
	return x / (1.0f + kernel_exp(-x));
}

#endif /* KERNELS_EXP_H */
