/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "fake_cuda.h"

static __thread struct fake_plan driver_plan;

EXPORT struct fake_plan *fake_driver_plan(void)
{
	return &driver_plan;
}

static int last(void)
{
	return fake_carry_out(&driver_plan);
}

static int take(uint64_t *address, size_t bytes)
{
	int ret = last();

	if (ret)
		return ret;
	*address = fake_memory_take(bytes);
	return *address ? FAKE_OK : FAKE_NO_MEMORY;
}

static int give(uint64_t address)
{
	int ret = last();

	if (!ret)
		fake_memory_give(address);
	return ret;
}

static int copy(uint64_t dst)
{
	int ret = last();

	return ret ? ret : dst ? FAKE_OK : FAKE_INVALID_VALUE;
}

static int make(void **handle)
{
	int ret = last();

	if (!ret)
		*handle = fake_handle();
	return ret;
}

/* CALL(name, parameters, what it returns) */
#define CALL(name, parameters, ...) \
	EXPORT int name parameters  \
	{                           \
		return __VA_ARGS__; \
	}
#define DST (uint64_t)(uintptr_t) dst

#pragma GCC diagnostic ignored "-Wunused-parameter"

CALL(cuMemAlloc_v2, (uint64_t * address, size_t bytes), take(address, bytes))
CALL(cuMemFree_v2, (uint64_t address), give(address))
CALL(cuMemAllocManaged, (uint64_t * address, size_t bytes, unsigned int flags),
     take(address, bytes))
CALL(cuMemAllocHost_v2, (void **address, size_t bytes), take((uint64_t *)address, bytes))
CALL(cuMemHostAlloc, (void **address, size_t bytes, unsigned int flags),
     take((uint64_t *)address, bytes))
CALL(cuMemFreeHost, (void *address), give((uint64_t)(uintptr_t)address))
CALL(cuMemHostRegister_v2, (void *address, size_t bytes, unsigned int flags), last())
CALL(cuMemHostUnregister, (void *address), last())
CALL(cuMemAllocAsync, (uint64_t * address, size_t bytes, void *stream), take(address, bytes))
CALL(cuMemFreeAsync, (uint64_t address, void *stream), give(address))
CALL(cuMemCreate,
     (uint64_t * handle, size_t bytes, const void *properties, unsigned long long flags),
     take(handle, bytes))
CALL(cuMemRelease, (uint64_t handle), give(handle))

CALL(cuMemcpy, (uint64_t dst, uint64_t src, size_t bytes), copy(dst))
CALL(cuMemcpyAsync, (uint64_t dst, uint64_t src, size_t bytes, void *stream), copy(dst))
CALL(cuMemcpyHtoD_v2, (uint64_t dst, const void *src, size_t bytes), copy(dst))
CALL(cuMemcpyHtoD_v2_ptds, (uint64_t dst, const void *src, size_t bytes), copy(dst))
CALL(cuMemcpyDtoH_v2, (void *dst, uint64_t src, size_t bytes), copy(DST))
CALL(cuMemcpyDtoD_v2, (uint64_t dst, uint64_t src, size_t bytes), copy(dst))
CALL(cuMemcpyHtoDAsync_v2, (uint64_t dst, const void *src, size_t bytes, void *stream), copy(dst))
CALL(cuMemcpyHtoDAsync_v2_ptsz, (uint64_t dst, const void *src, size_t bytes, void *stream),
     copy(dst))
CALL(cuMemcpyDtoHAsync_v2, (void *dst, uint64_t src, size_t bytes, void *stream), copy(DST))
CALL(cuMemcpyDtoDAsync_v2, (uint64_t dst, uint64_t src, size_t bytes, void *stream), copy(dst))
CALL(cuMemsetD8_v2, (uint64_t dst, unsigned char value, size_t n), copy(dst))
CALL(cuMemsetD32_v2, (uint64_t dst, unsigned int value, size_t n), copy(dst))
CALL(cuMemsetD8Async, (uint64_t dst, unsigned char value, size_t n, void *stream), copy(dst))

CALL(cuStreamCreate, (void **stream, unsigned int flags), make(stream))
CALL(cuStreamDestroy_v2, (void *stream), last())
CALL(cuStreamQuery, (void *stream), last())
CALL(cuStreamSynchronize, (void *stream), last())
CALL(cuStreamSynchronize_ptsz, (void *stream), last())
CALL(cuEventSynchronize, (void *event), last())
CALL(cuCtxSynchronize, (void), last())

CALL(cuModuleLoadData, (void **module, const void *image), make(module))
CALL(cuModuleGetFunction, (void **function, void *module, const char *name), make(function))
#define LAUNCH_SHAPE                                                                        \
	void *function, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx, \
		unsigned int by, unsigned int bz, unsigned int shared_bytes, void *stream
CALL(cuLaunchKernel, (LAUNCH_SHAPE, void **args, void **extra), last())
CALL(cuLaunchKernel_ptsz, (LAUNCH_SHAPE, void **args, void **extra), last())
CALL(cuLaunchCooperativeKernel, (LAUNCH_SHAPE, void **args), last())
CALL(cuLaunchKernelEx,
     (const struct fake_cu_config *config, void *function, void **args, void **extra), last())
CALL(cuGraphInstantiateWithFlags, (void **exec, void *graph, unsigned long long flags), make(exec))
CALL(cuGraphLaunch, (void *exec, void *stream), last())

EXPORT int cuLaunchHostFunc(void *stream, void (*function)(void *), void *data)
{
	function(data);
	return last();
}
