/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* RMS normalisation. */
#include "warp.cuh"

extern "C" __global__ void rmsnorm_kernel(struct rmsnorm_args a)
{
	const float *x = a.x + (size_t)blockIdx.x * a.dim;
	float *out = a.out + (size_t)blockIdx.x * a.dim;
	float root = sqrtf(warp_dot(x, x, a.dim) / (float)a.dim + a.eps);

	for (int i = warp_lane(); i < a.dim; i += KERNEL_LANES)
		out[i] = x[i] / root * a.weight[i];
}

KERNEL_LAUNCH(rmsnorm)
