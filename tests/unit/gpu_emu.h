/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the tests of the emulated runtime share: registered kernels, and short ways to call. */
#ifndef GPU_EMU_H
#define GPU_EMU_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "gpu/cuda_abi.h"
#include "kernels/kernels.h"

#define MS 1000000ULL

static inline uint64_t clock_of(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static inline uint64_t now(void)
{
	return clock_of(CLOCK_MONOTONIC);
}

#define OK(call) assert_int_equal(call, cudaSuccess)

/* Host stubs, as a compiler would register them. */
static inline void delay_stub(void)
{
}
static inline void matmul_stub(void)
{
}
static inline void strange_stub(void)
{
}

static inline void stub_register(void (*stub)(void), const char *name)
{
	static void **handle;

	if (!handle)
		handle = __cudaRegisterFatBinary(NULL);
	__cudaRegisterFunction(handle, (const char *)stub, (char *)name, name, -1, NULL, NULL, NULL,
			       NULL, NULL);
}

static inline int setup(void **state)
{
	(void)state;
	stub_register(delay_stub, "delay_kernel");
	stub_register(matmul_stub, "_Z13matmul_kernel11matmul_args");
	stub_register(strange_stub, "_Z7strangePf");
	return cudaSetDeviceFlags(cudaDeviceScheduleBlockingSync);
}

static inline cudaError_t delay(uint64_t ns, cudaStream_t stream)
{
	struct delay_args a = { ns };
	void *args[] = { &a };

	return cudaLaunchKernel((const void *)delay_stub, (dim3){ 1, 1, 1 }, (dim3){ 32, 1, 1 },
				args, 0, stream);
}

static inline cudaStream_t stream_new(unsigned int flags)
{
	cudaStream_t s;

	OK(cudaStreamCreateWithFlags(&s, flags));
	return s;
}

static inline cudaEvent_t event_new(unsigned int flags)
{
	cudaEvent_t e;

	OK(cudaEventCreateWithFlags(&e, flags));
	return e;
}

#endif /* GPU_EMU_H */
