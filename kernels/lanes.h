/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sums on the CPU in the order in which a warp makes them: lane l adds up elements l, l + 32, ...,
 * then the lanes are added by halves (warp_sum in warp.cuh). gcc makes vector code of it. */
#ifndef KERNELS_LANES_H
#define KERNELS_LANES_H

#include "kernels.h"

static inline float lanes_fold(float lane[KERNEL_LANES])
{
	for (int half = KERNEL_LANES / 2; half > 0; half /= 2)
		for (int i = 0; i < half; i++)
			lane[i] += lane[i + half];
	return lane[0];
}

static inline float lanes_dot(const float *a, const float *b, int n)
{
	float lane[KERNEL_LANES] = { 0 };
	int k = 0;

	for (; k + KERNEL_LANES <= n; k += KERNEL_LANES)
		for (int i = 0; i < KERNEL_LANES; i++)
			lane[i] += a[k + i] * b[k + i];
	for (int i = 0; k + i < n; i++)
		lane[i] += a[k + i] * b[k + i];
	return lanes_fold(lane);
}

static inline float lanes_sum(const float *a, int n)
{
	float lane[KERNEL_LANES] = { 0 };

	for (int k = 0; k < n; k++)
		lane[k % KERNEL_LANES] += a[k];
	return lanes_fold(lane);
}

#endif /* KERNELS_LANES_H */
