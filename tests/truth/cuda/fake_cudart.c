/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#define _GNU_SOURCE
#include <dlfcn.h>
#include "fake_cuda.h"
#include "fake_cudart.h"

EXPORT __thread struct fake_plan fake_plan;

/* The driver's calls, all or none of them there. */
static struct {
	struct fake_plan *(*plan)(void);
#define POINTER(name, parameters) int(*name) parameters;
	FAKE_DRIVER_CALLS(POINTER)
} driver;

EXPORT int fake_use_driver(void)
{
	void *library = dlopen("libcuda.so.1", RTLD_NOW);

	if (!library)
		return -1;
#define FETCH(name, parameters) *(void **)&driver.name = dlsym(library, #name);
	FAKE_DRIVER_CALLS(FETCH)
	*(void **)&driver.plan = dlsym(library, "fake_driver_plan");
	return driver.plan ? 0 : -1;
}

/* The driver's call, if there is a driver: then that is what lasts. */
#define DRIVER(name, ...) (*driver.plan() = fake_plan, driver.name(__VA_ARGS__))
#define DO(name, ...)	  (driver.plan ? DRIVER(name, __VA_ARGS__) : fake_carry_out(&fake_plan))
#define ADDRESS(p)	  ((uint64_t)(uintptr_t)(p))

/* CALL(name, parameters, what it returns) */
#define CALL(name, parameters, ...) \
	EXPORT int name parameters  \
	{                           \
		return __VA_ARGS__; \
	}
/* With the variant for which stream 0 is the thread's own. */
#define STREAM_CALL(name, parameters, ...)  \
	CALL(name, parameters, __VA_ARGS__) \
	CALL(name##_ptsz, parameters, __VA_ARGS__)
#define SYNC_CALL(name, parameters, ...)    \
	CALL(name, parameters, __VA_ARGS__) \
	CALL(name##_ptds, parameters, __VA_ARGS__)

#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wattribute-alias"

static int took(int ret, void **ptr, size_t bytes)
{
	if (driver.plan || ret)
		return ret;
	*ptr = (void *)(uintptr_t)fake_memory_take(bytes);
	return *ptr ? FAKE_OK : FAKE_NO_MEMORY;
}

static int gave(int ret, void *ptr)
{
	if (!driver.plan && !ret)
		fake_memory_give(ADDRESS(ptr));
	return ret;
}

static int made(int ret, void **handle)
{
	if (!driver.plan && !ret)
		*handle = fake_handle();
	return ret;
}

static int copied(int ret, void *dst)
{
	return ret ? ret : dst ? FAKE_OK : FAKE_INVALID_VALUE;
}

static int copy(void *dst, const void *src, size_t bytes, int kind)
{
	switch (kind) {
	case FAKE_H2D:
		return copied(DO(cuMemcpyHtoD_v2, ADDRESS(dst), src, bytes), dst);
	case FAKE_D2H:
		return copied(DO(cuMemcpyDtoH_v2, dst, ADDRESS(src), bytes), dst);
	case FAKE_D2D:
		return copied(DO(cuMemcpyDtoD_v2, ADDRESS(dst), ADDRESS(src), bytes), dst);
	default:
		return copied(DO(cuMemcpy, ADDRESS(dst), ADDRESS(src), bytes), dst);
	}
}

static int copy_async(void *dst, const void *src, size_t bytes, int kind, void *stream)
{
	switch (kind) {
	case FAKE_H2D:
		return copied(DO(cuMemcpyHtoDAsync_v2, ADDRESS(dst), src, bytes, stream), dst);
	case FAKE_D2H:
		return copied(DO(cuMemcpyDtoHAsync_v2, dst, ADDRESS(src), bytes, stream), dst);
	case FAKE_D2D:
		return copied(DO(cuMemcpyDtoDAsync_v2, ADDRESS(dst), ADDRESS(src), bytes, stream),
			      dst);
	default:
		return copied(DO(cuMemcpyAsync, ADDRESS(dst), ADDRESS(src), bytes, stream), dst);
	}
}

CALL(cudaMalloc, (void **ptr, size_t bytes),
     took(DO(cuMemAlloc_v2, (uint64_t *)ptr, bytes), ptr, bytes))
CALL(cudaFree, (void *ptr), gave(DO(cuMemFree_v2, ADDRESS(ptr)), ptr))
CALL(cudaMallocManaged, (void **ptr, size_t bytes, unsigned int flags),
     took(DO(cuMemAllocManaged, (uint64_t *)ptr, bytes, flags), ptr, bytes))
CALL(cudaMallocHost, (void **ptr, size_t bytes),
     took(DO(cuMemAllocHost_v2, ptr, bytes), ptr, bytes))
CALL(cudaHostAlloc, (void **ptr, size_t bytes, unsigned int flags),
     took(DO(cuMemHostAlloc, ptr, bytes, flags), ptr, bytes))
CALL(cudaFreeHost, (void *ptr), gave(DO(cuMemFreeHost, ptr), ptr))
CALL(cudaHostRegister, (void *ptr, size_t bytes, unsigned int flags),
     DO(cuMemHostRegister_v2, ptr, bytes, flags))
CALL(cudaHostUnregister, (void *ptr), DO(cuMemHostUnregister, ptr))
STREAM_CALL(cudaMallocAsync, (void **ptr, size_t bytes, void *stream),
	    took(DO(cuMemAllocAsync, (uint64_t *)ptr, bytes, stream), ptr, bytes))
STREAM_CALL(cudaFreeAsync, (void *ptr, void *stream),
	    gave(DO(cuMemFreeAsync, ADDRESS(ptr), stream), ptr))

SYNC_CALL(cudaMemcpy, (void *dst, const void *src, size_t bytes, int kind),
	  copy(dst, src, bytes, kind))
STREAM_CALL(cudaMemcpyAsync, (void *dst, const void *src, size_t bytes, int kind, void *stream),
	    copy_async(dst, src, bytes, kind, stream))
SYNC_CALL(cudaMemset, (void *dst, int value, size_t bytes),
	  DO(cuMemsetD8_v2, ADDRESS(dst), (unsigned char)value, bytes))
STREAM_CALL(cudaMemsetAsync, (void *dst, int value, size_t bytes, void *stream),
	    DO(cuMemsetD8Async, ADDRESS(dst), (unsigned char)value, bytes, stream))

STREAM_CALL(cudaLaunchKernel,
	    (const void *kernel, struct fake_dim3 grid, struct fake_dim3 block, void **args,
	     size_t shared_bytes, void *stream),
	    DO(cuLaunchKernel, (void *)(uintptr_t)kernel, grid.x, grid.y, grid.z, block.x, block.y,
	       block.z, (unsigned int)shared_bytes, stream, args, NULL))
STREAM_CALL(cudaLaunchCooperativeKernel,
	    (const void *kernel, struct fake_dim3 grid, struct fake_dim3 block, void **args,
	     size_t shared_bytes, void *stream),
	    DO(cuLaunchCooperativeKernel, (void *)(uintptr_t)kernel, grid.x, grid.y, grid.z,
	       block.x, block.y, block.z, (unsigned int)shared_bytes, stream, args))
STREAM_CALL(cudaGraphLaunch, (void *exec, void *stream), DO(cuGraphLaunch, exec, stream))

static int launch_ex(const struct fake_launch_config *c, const void *kernel, void **args)
{
	struct fake_cu_config config = {
		.grid = { c->grid.x, c->grid.y, c->grid.z },
		.block = { c->block.x, c->block.y, c->block.z },
		.shared_bytes = (unsigned int)c->shared_bytes,
		.stream = c->stream,
	};

	return DO(cuLaunchKernelEx, &config, (void *)(uintptr_t)kernel, args, NULL);
}
STREAM_CALL(cudaLaunchKernelExC,
	    (const struct fake_launch_config *config, const void *kernel, void **args),
	    launch_ex(config, kernel, args))

/* As NVIDIA's: a frame is made and taken down again, then the jump. */
#ifdef __CET__
#define LANDING "endbr64\n"
#else
#define LANDING
#endif
#ifdef FAKE_STATIC
#define VISIBILITY ".hidden"
#else
#define VISIBILITY ".globl"
#endif
/* Not through the symbol table. */
int fake_launch(void) __attribute__((alias("cudaLaunchKernel"), visibility("hidden")));
int fake_launch_ptsz(void) __attribute__((alias("cudaLaunchKernel_ptsz"), visibility("hidden")));
#define JUMP(name, to)                                                                             \
	__asm__(".text\n.globl " name "\n" VISIBILITY " " name "\n.type " name ",@function\n" name \
		":\n" LANDING "push %rbp\nmov %rsp,%rbp\npop %rbp\njmp " to "\n.size " name        \
		",.-" name "\n")
JUMP("__cudaLaunchKernel", "fake_launch");
JUMP("__cudaLaunchKernel_ptsz", "fake_launch_ptsz");

EXPORT void __cudaRegisterFunction(void **module, const char *stub, char *device_stub,
				   const char *name, int threads, void *tid, void *bid, void *block,
				   void *grid, int *warp)
{
	__asm__ volatile("" ::"r"(__builtin_frame_address(0)));
}

EXPORT int __cudaGetKernel(void **kernel, const void *stub)
{
	*kernel = fake_handle();
	return FAKE_OK;
}

CALL(cudaGraphInstantiate, (void **exec, void *graph, unsigned long long flags),
     made(DO(cuGraphInstantiateWithFlags, exec, graph, flags), exec))

static int host_function(void *stream, void (*function)(void *), void *data)
{
	if (driver.plan)
		return DRIVER(cuLaunchHostFunc, stream, function, data);
	function(data);
	return fake_carry_out(&fake_plan);
}
STREAM_CALL(cudaLaunchHostFunc, (void *stream, void (*function)(void *), void *data),
	    host_function(stream, function, data))

CALL(cudaStreamCreate, (void **stream), made(DO(cuStreamCreate, stream, 0), stream))
CALL(cudaStreamDestroy, (void *stream), DO(cuStreamDestroy_v2, stream))
STREAM_CALL(cudaStreamQuery, (void *stream), DO(cuStreamQuery, stream))
STREAM_CALL(cudaStreamSynchronize, (void *stream), DO(cuStreamSynchronize, stream))
CALL(cudaEventSynchronize, (void *event), DO(cuEventSynchronize, event))
CALL(cudaDeviceSynchronize, (void),
     driver.plan ? DRIVER(cuCtxSynchronize) : cudaStreamSynchronize(NULL))
