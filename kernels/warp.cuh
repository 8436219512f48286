/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernels share: warps, their sums (in the order of lanes.h), and the launch. */
#ifndef KERNELS_WARP_CUH
#define KERNELS_WARP_CUH

#include "kernels.h"

__device__ __forceinline__ int warp_lane(void)
{
	return threadIdx.x % KERNEL_LANES;
}

/* Which warp of the whole grid this is. */
__device__ __forceinline__ int warp_index(void)
{
	return (blockIdx.x * blockDim.x + threadIdx.x) / KERNEL_LANES;
}

/* The sum of all lanes, in every lane. */
__device__ __forceinline__ float warp_sum(float v)
{
	for (int half = KERNEL_LANES / 2; half > 0; half /= 2)
		v += __shfl_down_sync(0xffffffff, v, half);
	return __shfl_sync(0xffffffff, v, 0);
}

__device__ __forceinline__ float warp_max(float v)
{
	for (int half = KERNEL_LANES / 2; half > 0; half /= 2)
		v = fmaxf(v, __shfl_xor_sync(0xffffffff, v, half));
	return v;
}

__device__ __forceinline__ float warp_dot(const float *a, const float *b, int n)
{
	float sum = 0.0f;

	for (int k = warp_lane(); k < n; k += KERNEL_LANES)
		sum += a[k] * b[k];
	return warp_sum(sum);
}

/* NAME_launch for NAME_kernel. A launch that fails shows in cudaGetLastError(). */
#define KERNEL_LAUNCH(name)                                                             \
	extern "C" void name##_launch(const struct name##_args *a, cudaStream_t stream) \
	{                                                                               \
		struct kernel_shape s = name##_shape(a);                                \
		name##_kernel<<<s.grid, s.block, s.shared_bytes, stream>>>(*a);         \
	}

#endif /* KERNELS_WARP_CUH */
