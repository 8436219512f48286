/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A CUDA runtime whose calls last as long as they are told and do nothing else: NVIDIA's names,
 * signatures and symbol version. Only what the tests call. With CUDA_API_PER_THREAD_DEFAULT_STREAM
 * the names are those of nvcc --default-stream per-thread, as NVIDIA's header has it.
 */
#ifndef FAKE_CUDART_H
#define FAKE_CUDART_H

#include "fake.h"

enum fake_copy { FAKE_H2H, FAKE_H2D, FAKE_D2H, FAKE_D2D, FAKE_DEFAULT };

struct fake_dim3 {
	unsigned int x, y, z;
};

/* cudaLaunchConfig_t, as far as it matters where the stream is. */
struct fake_launch_config {
	struct fake_dim3 grid, block;
	size_t shared_bytes;
	void *stream;
	void *attributes;
	unsigned int attributes_n;
};

#ifdef __cplusplus
extern "C" {
#endif

extern __thread struct fake_plan fake_plan;

/* From now on each call has the driver's call in it, which then is what lasts: libcuda.so.1 is loaded
 * as NVIDIA's runtime loads it. Returns 0, or -1 if there is none. */
int fake_use_driver(void);

#ifdef CUDA_API_PER_THREAD_DEFAULT_STREAM
#define cudaMemcpy		    cudaMemcpy_ptds
#define cudaMemset		    cudaMemset_ptds
#define cudaMemcpyAsync		    cudaMemcpyAsync_ptsz
#define cudaMemsetAsync		    cudaMemsetAsync_ptsz
#define cudaMallocAsync		    cudaMallocAsync_ptsz
#define cudaFreeAsync		    cudaFreeAsync_ptsz
#define cudaStreamSynchronize	    cudaStreamSynchronize_ptsz
#define cudaStreamQuery		    cudaStreamQuery_ptsz
#define cudaLaunchKernel	    cudaLaunchKernel_ptsz
#define cudaLaunchKernelExC	    cudaLaunchKernelExC_ptsz
#define cudaLaunchCooperativeKernel cudaLaunchCooperativeKernel_ptsz
#define cudaGraphLaunch		    cudaGraphLaunch_ptsz
#define cudaLaunchHostFunc	    cudaLaunchHostFunc_ptsz
#define __cudaLaunchKernel	    __cudaLaunchKernel_ptsz
#endif

int cudaMalloc(void **ptr, size_t bytes); /* over 1 GiB: no memory */
int cudaFree(void *ptr);
int cudaMallocManaged(void **ptr, size_t bytes, unsigned int flags);
int cudaMallocHost(void **ptr, size_t bytes);
int cudaHostAlloc(void **ptr, size_t bytes, unsigned int flags);
int cudaFreeHost(void *ptr);
int cudaHostRegister(void *ptr, size_t bytes, unsigned int flags);
int cudaHostUnregister(void *ptr);
int cudaMallocAsync(void **ptr, size_t bytes, void *stream);
int cudaFreeAsync(void *ptr, void *stream);

int cudaMemcpy(void *dst, const void *src, size_t bytes, int kind); /* no dst: invalid value */
int cudaMemcpyAsync(void *dst, const void *src, size_t bytes, int kind, void *stream);
int cudaMemset(void *dst, int value, size_t bytes);
int cudaMemsetAsync(void *dst, int value, size_t bytes, void *stream);

int cudaLaunchKernel(const void *kernel, struct fake_dim3 grid, struct fake_dim3 block, void **args,
		     size_t shared_bytes, void *stream);
int cudaLaunchCooperativeKernel(const void *kernel, struct fake_dim3 grid, struct fake_dim3 block,
				void **args, size_t shared_bytes, void *stream);
int cudaLaunchKernelExC(const struct fake_launch_config *config, const void *kernel, void **args);
/* What <<<>>> calls since CUDA 13: a jump to cudaLaunchKernel. */
int __cudaLaunchKernel(const void *kernel, struct fake_dim3 grid, struct fake_dim3 block,
		       void **args, size_t shared_bytes, void *stream);
void __cudaRegisterFunction(void **module, const char *stub, char *device_stub, const char *name,
			    int threads, void *tid, void *bid, void *block, void *grid, int *warp);
int __cudaGetKernel(void **kernel, const void *stub);

int cudaGraphInstantiate(void **exec, void *graph, unsigned long long flags);
int cudaGraphLaunch(void *exec, void *stream);
/* At once, on the calling thread. */
int cudaLaunchHostFunc(void *stream, void (*function)(void *), void *data);

int cudaStreamCreate(void **stream);
int cudaStreamDestroy(void *stream);
int cudaStreamQuery(void *stream);
int cudaStreamSynchronize(void *stream);
int cudaEventSynchronize(void *event);
/* Without the driver it calls cudaStreamSynchronize(NULL) through the symbol table, as an outer call
 * with an inner one. */
int cudaDeviceSynchronize(void);

#ifdef __cplusplus
}
#endif

#endif /* FAKE_CUDART_H */
