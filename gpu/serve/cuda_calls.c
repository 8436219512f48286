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

const char *const cuda_memory_names[CUDA_MEMORIES] = {
	[CUDA_DEVICE] = "device",
	[CUDA_PINNED] = "pinned",
};

static void add(uint64_t *to, uint64_t n)
{
	__atomic_fetch_add(to, n, __ATOMIC_RELAXED);
}

/* The stream's row, taken when it is first used. */
static struct cuda_stream_counts *stream_row(struct cuda_counts *c, cudaStream_t stream)
{
	uint64_t handle = (uint64_t)(uintptr_t)stream;

	for (int i = 0; i < CUDA_STREAMS; i++) {
		uint64_t found = 0;

		if (__atomic_compare_exchange_n(&c->streams[i].handle, &found, handle, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
		    found == handle)
			return &c->streams[i];
	}
	return &c->streams[CUDA_STREAMS - 1];
}

/* Errors are few: no two threads have one at the same time without ending the server. */
void cuda_count_error(struct cuda_counts *c, enum cuda_call_id id, uint64_t code, uint64_t calls)
{
	for (int i = 0; i < CUDA_ERRORS && code; i++) {
		struct cuda_error_count *e = &c->error[i];

		if (e->code && (e->code != code || e->call != id))
			continue;
		e->call = id;
		e->code = code;
		e->calls += calls;
		return;
	}
}

int cuda_count(struct cuda_counts *c, enum cuda_call_id id, cudaError_t err)
{
	add(&c->calls[id], 1);
	if (!err)
		return 0;
	add(&c->errors[id], 1);
	cuda_count_error(c, id, (uint64_t)err, 1);
	/* cudaGetErrorString is no call worth tracing, and changes nothing. */
	fprintf(stderr, "infer-serve: %s: %s (%d)\n", cuda_call_names[id], cudaGetErrorString(err),
		(int)err);
	return -EIO;
}

int cuda_copy(struct cuda_counts *c, void *dst, const void *src, size_t bytes,
	      enum cudaMemcpyKind kind, cudaStream_t stream)
{
	int err = CUDA(c, cudaMemcpyAsync, dst, src, bytes, kind, stream);
	struct cuda_stream_counts *s = stream_row(c, stream);

	add(&c->copies[kind], 1);
	add(&s->copies, 1);
	if (!err) {
		add(&c->copy_bytes[kind], bytes);
		add(&s->bytes, bytes);
	}
	return err;
}

int cuda_sync(struct cuda_counts *c, cudaStream_t stream)
{
	add(&stream_row(c, stream)->syncs, 1);
	return CUDA(c, cudaStreamSynchronize, stream);
}

int cuda_graph_launch(struct cuda_counts *c, cudaGraphExec_t exec, uint64_t kernels,
		      cudaStream_t stream)
{
	add(&stream_row(c, stream)->launches, 1);
	add(&c->graphs.launches, 1);
	add(&c->graphs.kernels, kernels);
	return CUDA(c, cudaGraphLaunch, exec, stream);
}

/* <<<>>> returns nothing: cudaGetLastError, once a pass, tells whether all went well. */
void cuda_count_launch(struct cuda_counts *c, enum kernel_id id, cudaStream_t stream)
{
	add(&c->calls[CALL_cudaLaunchKernel], 1);
	add(&c->launches[id], 1);
	add(&stream_row(c, stream)->launches, 1);
}

void cuda_counts_read(struct cuda_counts *c, struct cuda_counts *out)
{
	const uint64_t *from = (const uint64_t *)c;
	uint64_t *to = (uint64_t *)out;

	for (size_t i = 0; i < sizeof(*c) / sizeof(*from); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}
