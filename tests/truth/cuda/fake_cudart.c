/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include "fake_cudart.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT __thread struct fake_plan fake_plan;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void carry_out(void)
{
	uint64_t end = now_ns() + fake_plan.spin_ns;
	struct timespec left = { .tv_sec = (time_t)(fake_plan.sleep_ns / 1000000000u),
				 .tv_nsec = (long)(fake_plan.sleep_ns % 1000000000u) };

	if (fake_plan.hook)
		fake_plan.hook();
	while (fake_plan.spin_ns && now_ns() < end)
		;
	while (fake_plan.sleep_ns && nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

EXPORT int cudaMalloc(void **ptr, size_t bytes)
{
	carry_out();
	if (bytes > (size_t)1 << 30)
		return FAKE_NO_MEMORY;
	*ptr = malloc(bytes);
	return *ptr ? FAKE_OK : FAKE_NO_MEMORY;
}

EXPORT int cudaFree(void *ptr)
{
	carry_out();
	free(ptr);
	return FAKE_OK;
}

EXPORT int cudaMemcpy(void *dst, const void *src, size_t bytes, int kind)
{
	(void)src;
	(void)bytes;
	(void)kind;
	carry_out();
	return dst ? FAKE_OK : FAKE_INVALID_VALUE;
}

EXPORT int cudaMemcpyAsync(void *dst, const void *src, size_t bytes, int kind, void *stream)
{
	(void)src;
	(void)bytes;
	(void)kind;
	(void)stream;
	carry_out();
	return dst ? FAKE_OK : FAKE_INVALID_VALUE;
}

EXPORT int cudaLaunchKernel(const void *kernel, struct fake_dim3 grid, struct fake_dim3 block,
			    void **args, size_t shared_bytes, void *stream)
{
	(void)kernel;
	(void)grid;
	(void)block;
	(void)args;
	(void)shared_bytes;
	(void)stream;
	carry_out();
	return FAKE_OK;
}

EXPORT int cudaStreamSynchronize(void *stream)
{
	(void)stream;
	carry_out();
	return FAKE_OK;
}

EXPORT int cudaDeviceSynchronize(void)
{
	return cudaStreamSynchronize(NULL);
}
