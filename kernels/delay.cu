/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A kernel of known length, and what only the nvcc build can say of itself. */
#include "warp.cuh"

__device__ static uint64_t now_ns(void)
{
	uint64_t ns;

	asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(ns));
	return ns;
}

extern "C" __global__ void delay_kernel(struct delay_args a)
{
	uint64_t begin = now_ns();

	while (now_ns() - begin < a.ns)
		__nanosleep(1000);
}

KERNEL_LAUNCH(delay)

/* nvcc's constructors have registered everything. */
extern "C" void kernels_init(void)
{
}

extern "C" int kernels_for_gpu(void)
{
	return 1;
}
