/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every CUDA call of the server goes through here and is counted: what a tracer is held against.
 * One row a call; a call that is not in the table does not compile.
 *
 * A launch counts once, as cudaLaunchKernel, whatever entry points it goes through. Launches and
 * copies count when they are called, so those of a graph once, at its capture, and not when the graph
 * is launched.
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
	C(cudaStreamBeginCapture)       \
	C(cudaStreamEndCapture)         \
	C(cudaGraphInstantiate)         \
	C(cudaGraphLaunch)              \
	C(cudaGraphExecDestroy)         \
	C(cudaGraphDestroy)             \
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

/* One handle may be one stream after the other. */
struct cuda_stream_counts {
	uint64_t handle;   /* 0: no stream */
	uint64_t launches; /* kernels and graphs */
	uint64_t copies, bytes, syncs;
};
#define CUDA_STREAMS 8 /* the server has 4 */

enum cuda_memory_kind { CUDA_DEVICE, CUDA_PINNED, CUDA_MEMORIES };
struct cuda_memory_counts {
	uint64_t allocations, frees, bytes, peak_bytes, live_bytes;
};

struct cuda_error_count {
	uint64_t call, code, calls; /* code 0: no row */
};
#define CUDA_ERRORS 16

struct cuda_graph_counts {
	uint64_t made, launches;
	uint64_t kernels; /* that these launches ran */
};

/* Only uint64_t (cuda_counts_read). Atomic: several threads call. */
struct cuda_counts {
	uint64_t calls[CALLS], errors[CALLS];
	uint64_t launches[KERNELS_N];
	uint64_t copies[COPY_KINDS], copy_bytes[COPY_KINDS]; /* bytes: of copies without error */
	struct cuda_stream_counts streams[CUDA_STREAMS];
	struct cuda_memory_counts memory[CUDA_MEMORIES];
	struct cuda_error_count error[CUDA_ERRORS];
	struct cuda_graph_counts graphs;
};

extern const char *const cuda_call_names[CALLS];
extern const char *const cuda_kernel_names[KERNELS_N];
extern const char *const cuda_copy_names[COPY_KINDS];
extern const char *const cuda_memory_names[CUDA_MEMORIES];

/* Counts; an error is said on stderr and becomes -EIO. */
int cuda_count(struct cuda_counts *c, enum cuda_call_id id, cudaError_t err);
#define CUDA(counts, name, ...) cuda_count(counts, CALL_##name, name(__VA_ARGS__))

/* An error's code, for the list of them; cuda_count does this itself. */
void cuda_count_error(struct cuda_counts *c, enum cuda_call_id id, uint64_t code, uint64_t calls);

int cuda_copy(struct cuda_counts *c, void *dst, const void *src, size_t bytes,
	      enum cudaMemcpyKind kind, cudaStream_t stream);

int cuda_sync(struct cuda_counts *c, cudaStream_t stream);
/* kernels: how many are in it. */
int cuda_graph_launch(struct cuda_counts *c, cudaGraphExec_t exec, uint64_t kernels,
		      cudaStream_t stream);

/* cuda_memory.c */
int cuda_malloc(struct cuda_counts *c, void **ptr, size_t bytes);
void cuda_free(struct cuda_counts *c, void *ptr);
int cuda_host_alloc(struct cuda_counts *c, void **ptr, size_t bytes);
void cuda_host_free(struct cuda_counts *c, void *ptr);

void cuda_count_launch(struct cuda_counts *c, enum kernel_id id, cudaStream_t stream);
#define CUDA_LAUNCH(counts, name, stream, ...)                    \
	do {                                                      \
		struct name##_args args_ = { __VA_ARGS__ };       \
                                                                  \
		name##_launch(&args_, stream);                    \
		cuda_count_launch(counts, KERNEL_##name, stream); \
	} while (0)

/* A consistent enough copy: each counter by itself. */
void cuda_counts_read(struct cuda_counts *c, struct cuda_counts *out);

#endif /* SERVE_CUDA_CALLS_H */
