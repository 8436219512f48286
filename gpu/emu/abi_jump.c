/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Exported: names that jump to other names.
 *
 * NVIDIA's __cudaLaunchKernel sets its frame up, takes it down and jumps to cudaLaunchKernel: one
 * call, two entry points, one return. A tracer has to cope with that, so it is the same here. This
 * file is compiled with tail calls.
 */
#include "emu.h"

/* Makes the compiler set a frame up in a function that could do without. */
#define FRAME() __asm__ volatile("" : : "r"(__builtin_frame_address(0)))

EMU_API cudaError_t cudaLaunchKernel_ptsz(const void *kernel, dim3 grid, dim3 block, void **args,
					  size_t shared_bytes, cudaStream_t stream);
EMU_API cudaError_t __cudaLaunchKernel_ptsz(cudaKernel_t kernel, dim3 grid, dim3 block, void **args,
					    size_t shared_bytes, cudaStream_t stream);

EMU_API cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void **args,
				       size_t shared_bytes, cudaStream_t stream)
{
	FRAME();
	return cudaLaunchKernel(kernel, grid, block, args, shared_bytes, stream);
}

EMU_API cudaError_t __cudaLaunchKernel_ptsz(cudaKernel_t kernel, dim3 grid, dim3 block, void **args,
					    size_t shared_bytes, cudaStream_t stream)
{
	FRAME();
	return cudaLaunchKernel_ptsz(kernel, grid, block, args, shared_bytes, stream);
}
