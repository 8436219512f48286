/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The gate of the feed-forward part. */
#include "exp.h"
#include "warp.cuh"

extern "C" __global__ void swiglu_kernel(struct swiglu_args a)
{
	const float *gate = a.gate_up + (size_t)blockIdx.x * 2 * a.hidden, *up = gate + a.hidden;
	float *out = a.out + (size_t)blockIdx.x * a.hidden;

	for (int i = threadIdx.x; i < a.hidden; i += blockDim.x)
		out[i] = kernel_silu(gate[i]) * up[i];
}

KERNEL_LAUNCH(swiglu)
