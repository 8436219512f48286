/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every CUDA call of the server goes through here and is counted: what a tracer is held against.
 * One row a call; a call that is not in the table does not compile.
 *
 * A launch counts once, as cudaLaunchKernel, whatever entry points it goes through.
 */
#ifndef SERVE_CUDA_CALLS_H
#define SERVE_CUDA_CALLS_H

#include <stdbool.h>
#include <stdint.h>
#include "gpu/cuda_abi.h"
#include "kernels/kernels.h"

#define CUDA_CALLS(C)                   \
	C(cudaGetDeviceCount)           \
	C(cudaSetDevice)                \
	C(cudaSetDeviceFlags)           \
	C(cudaDeviceGetAttribute)       \
	C(cudaMemGetInfo)               \
	C(cudaMalloc)                   \
	C(cudaFree)                     \
	C(cudaHostAlloc)                \
	C(cudaFreeHost)                 \
	C(cudaMemcpyAsync)              \
	C(cudaMemsetAsync)              \
	C(cudaStreamCreateWithPriority) \
	C(cudaStreamDestroy)            \
	C(cudaStreamSynchronize)        \
	C(cudaStreamWaitEvent)          \
	C(cudaEventCreateWithFlags)     \
	C(cudaEventDestroy)             \
	C(cudaEventRecord)              \
	C(cudaEventSynchronize)         \
	C(cudaEventElapsedTime)         \
	C(cudaDeviceSynchronize)        \
	C(cudaGetLastError)             \
	C(cudaLaunchKernel)

#define CALL_ENUM(name) CALL_##name,
enum cuda_call_id { CUDA_CALLS(CALL_ENUM) CALLS };
#define KERNEL_ENUM(name, ...) KERNEL_##name,
enum kernel_id { KERNELS(KERNEL_ENUM) KERNELS_N };
#define COPY_KINDS 4 /* cudaMemcpyKind without Default */

/* Atomic: several threads call. */
struct cuda_counts {
	uint64_t calls[CALLS], errors[CALLS];
	uint64_t launches[KERNELS_N];
	uint64_t copies[COPY_KINDS], copy_bytes[COPY_KINDS]; /* bytes: of copies without error */
};

extern const char *const cuda_call_names[CALLS];
extern const char *const cuda_kernel_names[KERNELS_N];
extern const char *const cuda_copy_names[COPY_KINDS];

/* Counts; an error is said on stderr and becomes -EIO. */
int cuda_count(struct cuda_counts *c, enum cuda_call_id id, cudaError_t err);
#define CUDA(counts, name, ...) cuda_count(counts, CALL_##name, name(__VA_ARGS__))

int cuda_copy(struct cuda_counts *c, void *dst, const void *src, size_t bytes,
	      enum cudaMemcpyKind kind, cudaStream_t stream);

void cuda_count_launch(struct cuda_counts *c, enum kernel_id id);
#define CUDA_LAUNCH(counts, name, stream, ...)              \
	do {                                                \
		struct name##_args args_ = { __VA_ARGS__ }; \
                                                            \
		name##_launch(&args_, stream);              \
		cuda_count_launch(counts, KERNEL_##name);   \
	} while (0)

/* A consistent enough copy: each counter by itself. */
void cuda_counts_read(struct cuda_counts *c, struct cuda_counts *out);

#endif /* SERVE_CUDA_CALLS_H */
