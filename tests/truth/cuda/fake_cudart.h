/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A CUDA runtime whose calls last as long as they are told and do nothing else: NVIDIA's names,
 * signatures and symbol version. Only what the tests call.
 */
#ifndef FAKE_CUDART_H
#define FAKE_CUDART_H

#include <stddef.h>
#include <stdint.h>

enum { FAKE_OK = 0, FAKE_INVALID_VALUE = 1, FAKE_NO_MEMORY = 2 };
enum fake_copy { FAKE_H2H, FAKE_H2D, FAKE_D2H, FAKE_D2D, FAKE_DEFAULT };

struct fake_dim3 {
	unsigned int x, y, z;
};

/* What the next calls of this thread do, in this order: call hook; spin (on the CPU, by the wall
 * clock); sleep. */
struct fake_plan {
	void (*hook)(void);
	uint64_t spin_ns;
	uint64_t sleep_ns;
};
extern __thread struct fake_plan fake_plan;

int cudaMalloc(void **ptr, size_t bytes); /* over 1 GiB: no memory */
int cudaFree(void *ptr);
int cudaMemcpy(void *dst, const void *src, size_t bytes, int kind); /* no dst: invalid value */
int cudaMemcpyAsync(void *dst, const void *src, size_t bytes, int kind, void *stream);
int cudaLaunchKernel(const void *kernel, struct fake_dim3 grid, struct fake_dim3 block, void **args,
		     size_t shared_bytes, void *stream);
/* Calls cudaStreamSynchronize(NULL) through the symbol table, as an outer call with an inner one. */
int cudaDeviceSynchronize(void);
int cudaStreamSynchronize(void *stream);

#endif /* FAKE_CUDART_H */
