/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counting CUDA calls. */
#include <errno.h>
#include <stdio.h>
#include "cuda_calls.h"

#define CALL_NAME(name) #name,
const char *const cuda_call_names[CALLS] = { CUDA_CALLS(CALL_NAME) };
#define KERNEL_NAME(name, ...) #name "_kernel",
const char *const cuda_kernel_names[KERNELS_N] = { KERNELS(KERNEL_NAME) };
const char *const cuda_copy_names[COPY_KINDS] = {
	[cudaMemcpyHostToHost] = "H2H",
	[cudaMemcpyHostToDevice] = "H2D",
	[cudaMemcpyDeviceToHost] = "D2H",
	[cudaMemcpyDeviceToDevice] = "D2D",
};

static void add(uint64_t *to, uint64_t n)
{
	__atomic_fetch_add(to, n, __ATOMIC_RELAXED);
}

int cuda_count(struct cuda_counts *c, enum cuda_call_id id, cudaError_t err)
{
	add(&c->calls[id], 1);
	if (!err)
		return 0;
	add(&c->errors[id], 1);
	/* cudaGetErrorString is no call worth tracing, and changes nothing. */
	fprintf(stderr, "infer-serve: %s: %s (%d)\n", cuda_call_names[id], cudaGetErrorString(err),
		(int)err);
	return -EIO;
}

int cuda_copy(struct cuda_counts *c, void *dst, const void *src, size_t bytes,
	      enum cudaMemcpyKind kind, cudaStream_t stream)
{
	int err = CUDA(c, cudaMemcpyAsync, dst, src, bytes, kind, stream);

	add(&c->copies[kind], 1);
	if (!err)
		add(&c->copy_bytes[kind], bytes);
	return err;
}

/* <<<>>> returns nothing: cudaGetLastError, once a pass, tells whether all went well. */
void cuda_count_launch(struct cuda_counts *c, enum kernel_id id)
{
	add(&c->calls[CALL_cudaLaunchKernel], 1);
	add(&c->launches[id], 1);
}

void cuda_counts_read(struct cuda_counts *c, struct cuda_counts *out)
{
	const uint64_t *from = (const uint64_t *)c;
	uint64_t *to = (uint64_t *)out;

	for (size_t i = 0; i < sizeof(*c) / sizeof(*from); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}
