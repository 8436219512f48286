/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A CUDA driver library, libcuda.so.1, of the same make as fake_cudart.h: NVIDIA's names and
 * signatures, as much as the tests call. */
#ifndef FAKE_CUDA_H
#define FAKE_CUDA_H

#include "fake.h"

/* X(name, parameters) */
#define FAKE_DRIVER_CALLS(X)                                                                       \
	X(cuMemAlloc_v2, (uint64_t * address, size_t bytes))                                       \
	X(cuMemFree_v2, (uint64_t address))                                                        \
	X(cuMemAllocManaged, (uint64_t * address, size_t bytes, unsigned int flags))               \
	X(cuMemAllocHost_v2, (void **address, size_t bytes))                                       \
	X(cuMemHostAlloc, (void **address, size_t bytes, unsigned int flags))                      \
	X(cuMemFreeHost, (void *address))                                                          \
	X(cuMemHostRegister_v2, (void *address, size_t bytes, unsigned int flags))                 \
	X(cuMemHostUnregister, (void *address))                                                    \
	X(cuMemAllocAsync, (uint64_t * address, size_t bytes, void *stream))                       \
	X(cuMemFreeAsync, (uint64_t address, void *stream))                                        \
	X(cuMemCreate,                                                                             \
	  (uint64_t * handle, size_t bytes, const void *properties, unsigned long long flags))     \
	X(cuMemRelease, (uint64_t handle))                                                         \
	X(cuMemcpy, (uint64_t dst, uint64_t src, size_t bytes))                                    \
	X(cuMemcpyAsync, (uint64_t dst, uint64_t src, size_t bytes, void *stream))                 \
	X(cuMemcpyHtoD_v2, (uint64_t dst, const void *src, size_t bytes))                          \
	X(cuMemcpyDtoH_v2, (void *dst, uint64_t src, size_t bytes))                                \
	X(cuMemcpyDtoD_v2, (uint64_t dst, uint64_t src, size_t bytes))                             \
	X(cuMemcpyHtoDAsync_v2, (uint64_t dst, const void *src, size_t bytes, void *stream))       \
	X(cuMemcpyDtoHAsync_v2, (void *dst, uint64_t src, size_t bytes, void *stream))             \
	X(cuMemcpyDtoDAsync_v2, (uint64_t dst, uint64_t src, size_t bytes, void *stream))          \
	X(cuMemsetD8_v2, (uint64_t dst, unsigned char value, size_t n))                            \
	X(cuMemsetD32_v2, (uint64_t dst, unsigned int value, size_t n))                            \
	X(cuMemsetD8Async, (uint64_t dst, unsigned char value, size_t n, void *stream))            \
	X(cuStreamCreate, (void **stream, unsigned int flags))                                     \
	X(cuStreamDestroy_v2, (void *stream))                                                      \
	X(cuStreamQuery, (void *stream))                                                           \
	X(cuStreamSynchronize, (void *stream))                                                     \
	X(cuEventSynchronize, (void *event))                                                       \
	X(cuCtxSynchronize, (void))                                                                \
	X(cuModuleLoadData, (void **module, const void *image))                                    \
	X(cuModuleGetFunction, (void **function, void *module, const char *name))                  \
	X(cuLaunchKernel, (void *function, unsigned int gx, unsigned int gy, unsigned int gz,      \
			   unsigned int bx, unsigned int by, unsigned int bz,                      \
			   unsigned int shared_bytes, void *stream, void **args, void **extra))    \
	X(cuLaunchKernel_ptsz,                                                                     \
	  (void *function, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx,     \
	   unsigned int by, unsigned int bz, unsigned int shared_bytes, void *stream, void **args, \
	   void **extra))                                                                          \
	X(cuLaunchKernelEx,                                                                        \
	  (const struct fake_cu_config *config, void *function, void **args, void **extra))        \
	X(cuLaunchCooperativeKernel,                                                               \
	  (void *function, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx,     \
	   unsigned int by, unsigned int bz, unsigned int shared_bytes, void *stream,              \
	   void **args))                                                                           \
	X(cuGraphInstantiateWithFlags, (void **exec, void *graph, unsigned long long flags))       \
	X(cuGraphLaunch, (void *exec, void *stream))                                               \
	X(cuLaunchHostFunc, (void *stream, void (*function)(void *), void *data))                  \
	X(cuStreamSynchronize_ptsz, (void *stream))                                                \
	X(cuMemcpyHtoDAsync_v2_ptsz, (uint64_t dst, const void *src, size_t bytes, void *stream))  \
	X(cuMemcpyHtoD_v2_ptds, (uint64_t dst, const void *src, size_t bytes))

/* CUlaunchConfig */
struct fake_cu_config {
	unsigned int grid[3], block[3];
	unsigned int shared_bytes;
	void *stream;
	void *attributes;
	unsigned int attributes_n;
};

/* The calling thread's plan in this library. */
struct fake_plan *fake_driver_plan(void);

#define FAKE_DECLARE(name, parameters) int name parameters;
FAKE_DRIVER_CALLS(FAKE_DECLARE)
#undef FAKE_DECLARE

#endif /* FAKE_CUDA_H */
