// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The table of CUDA calls.
 *
 * Argument numbers are those of cuda_runtime_api.h, 1-based. On x86-64 the first six are in
 * registers; argument n > 6 is at sp + 8 * (n - 6) at entry. A dim3 by value takes two registers,
 * so launches have no argument here.
 *
 * Left out on purpose: calls that frameworks make around every other call and that only look at
 * thread-local state (cudaGetLastError, cudaGetDevice, cudaSetDevice). A probe would cost more than
 * they do.
 */
#include "cuda.h"

#include <string.h>

/* cudaMemcpyKind + 1, of driver_types.h; 0 in a record: not a copy. */
enum copy_kind { H2H = 1, H2D, D2H, D2D, DEFAULT };

/* The other names of a call. _ptsz takes a stream, _ptds the default stream of the thread. */
#define VARIANTS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NONE	      ((const char *const[]){ NULL })
#define PTSZ(name)    VARIANTS(name "_ptsz")
#define PTDS(name)    VARIANTS(name "_ptds")

#define RUNTIME(set, call, names, ...)                                                         \
	{                                                                                      \
		.name = call, .variants = names, .api = API_RUNTIME, .group = set, __VA_ARGS__ \
	}
#define LAUNCH(call, names) RUNTIME(CUDA_LAUNCH, call, names, .what = CALL_LAUNCH)
#define SYNC(call, names)   RUNTIME(CUDA_SYNC, call, names, .what = CALL_SYNC)
#define OTHER(call, names)  RUNTIME(CUDA_OTHER, call, names, )
#define ALLOC(call, names, bytes, times) \
	RUNTIME(CUDA_ALLOC, call, names, .bytes_arg = bytes, .times_arg = times)
#define SET(call, names, bytes, times) \
	RUNTIME(CUDA_OTHER, call, names, .bytes_arg = bytes, .times_arg = times)
/* A copy whose caller says the kind, and one whose name does (0: nothing does). */
#define COPY(call, names, bytes, times, kind) \
	RUNTIME(CUDA_COPY, call, names, .bytes_arg = bytes, .times_arg = times, .kind_arg = kind)
#define COPY_FIXED(call, names, bytes, kind) \
	RUNTIME(CUDA_COPY, call, names, .bytes_arg = bytes, .fixed_kind = kind)

const struct cuda_call cuda_calls[] = {
	/* CUDA 13's <<<>>> calls __cudaLaunchKernel, which jumps to cudaLaunchKernel. */
	LAUNCH("cudaLaunchKernel",
	       VARIANTS("cudaLaunchKernel_ptsz", "__cudaLaunchKernel", "__cudaLaunchKernel_ptsz")),
	LAUNCH("cudaLaunchKernelExC", PTSZ("cudaLaunchKernelExC")),
	LAUNCH("cudaLaunchCooperativeKernel", PTSZ("cudaLaunchCooperativeKernel")),
	LAUNCH("cudaGraphLaunch", PTSZ("cudaGraphLaunch")),

	/* (dst, src, count, kind) */
	COPY("cudaMemcpy", PTDS("cudaMemcpy"), 3, 0, 4),
	COPY("cudaMemcpyAsync", PTSZ("cudaMemcpyAsync"), 3, 0, 4),
	/* (dst, dpitch, src, spitch, width, height, kind) */
	COPY("cudaMemcpy2D", PTDS("cudaMemcpy2D"), 5, 6, 7),
	COPY("cudaMemcpy2DAsync", PTSZ("cudaMemcpy2DAsync"), 5, 6, 7),
	/* (dst, wOffset, hOffset, src, spitch, width, height, kind) */
	COPY("cudaMemcpy2DToArray", PTDS("cudaMemcpy2DToArray"), 6, 7, 8),
	COPY("cudaMemcpy2DToArrayAsync", PTSZ("cudaMemcpy2DToArrayAsync"), 6, 7, 8),
	/* (dst, dpitch, src, wOffset, hOffset, width, height, kind) */
	COPY("cudaMemcpy2DFromArray", PTDS("cudaMemcpy2DFromArray"), 6, 7, 8),
	COPY("cudaMemcpy2DFromArrayAsync", PTSZ("cudaMemcpy2DFromArrayAsync"), 6, 7, 8),
	/* (symbol, src, count, offset, kind) and (dst, symbol, count, offset, kind) */
	COPY("cudaMemcpyToSymbol", PTDS("cudaMemcpyToSymbol"), 3, 0, 5),
	COPY("cudaMemcpyToSymbolAsync", PTSZ("cudaMemcpyToSymbolAsync"), 3, 0, 5),
	COPY("cudaMemcpyFromSymbol", PTDS("cudaMemcpyFromSymbol"), 3, 0, 5),
	COPY("cudaMemcpyFromSymbolAsync", PTSZ("cudaMemcpyFromSymbolAsync"), 3, 0, 5),
	/* (dst, dstDevice, src, srcDevice, count) */
	COPY_FIXED("cudaMemcpyPeer", NONE, 5, D2D),
	COPY_FIXED("cudaMemcpyPeerAsync", NONE, 5, D2D),
	/* What and how much is in structures that a probe would have to follow. */
	COPY_FIXED("cudaMemcpy3D", PTDS("cudaMemcpy3D"), 0, 0),
	COPY_FIXED("cudaMemcpy3DAsync", PTSZ("cudaMemcpy3DAsync"), 0, 0),
	COPY_FIXED("cudaMemcpy3DPeer", PTDS("cudaMemcpy3DPeer"), 0, D2D),
	COPY_FIXED("cudaMemcpy3DPeerAsync", PTSZ("cudaMemcpy3DPeerAsync"), 0, D2D),
	COPY_FIXED("cudaMemcpyBatchAsync", PTSZ("cudaMemcpyBatchAsync"), 0, 0),

	/* (devPtr, value, count) and (devPtr, pitch, value, width, height) */
	SET("cudaMemset", PTDS("cudaMemset"), 3, 0),
	SET("cudaMemsetAsync", PTSZ("cudaMemsetAsync"), 3, 0),
	SET("cudaMemset2D", PTDS("cudaMemset2D"), 4, 5),
	SET("cudaMemset2DAsync", PTSZ("cudaMemset2DAsync"), 4, 5),

	/* Calls that wait for the device. cudaThreadSynchronize is a name from before CUDA 13. */
	SYNC("cudaDeviceSynchronize", VARIANTS("cudaThreadSynchronize")),
	SYNC("cudaStreamSynchronize", PTSZ("cudaStreamSynchronize")),
	SYNC("cudaEventSynchronize", NONE),
	/* Calls about waiting that do not wait. The queries return cudaErrorNotReady (600), which is no
	 * failure, while work is left. */
	OTHER("cudaStreamWaitEvent", PTSZ("cudaStreamWaitEvent")),
	OTHER("cudaStreamQuery", PTSZ("cudaStreamQuery")),
	OTHER("cudaEventQuery", NONE),

	/* (ptr, size, ...) and cudaMallocPitch(ptr, pitch, width, height) */
	ALLOC("cudaMalloc", NONE, 2, 0),
	ALLOC("cudaMallocAsync", PTSZ("cudaMallocAsync"), 2, 0),
	ALLOC("cudaMallocFromPoolAsync", PTSZ("cudaMallocFromPoolAsync"), 2, 0),
	ALLOC("cudaMallocManaged", NONE, 2, 0),
	ALLOC("cudaMallocPitch", NONE, 3, 4),
	ALLOC("cudaMallocHost", NONE, 2, 0),
	ALLOC("cudaHostAlloc", NONE, 2, 0),
	ALLOC("cudaHostRegister", NONE, 2, 0),
	ALLOC("cudaHostUnregister", NONE, 0, 0),
	ALLOC("cudaFree", NONE, 0, 0),
	ALLOC("cudaFreeAsync", PTSZ("cudaFreeAsync"), 0, 0),
	ALLOC("cudaFreeHost", NONE, 0, 0),

	OTHER("cudaEventRecord", PTSZ("cudaEventRecord")),
	OTHER("cudaEventRecordWithFlags", PTSZ("cudaEventRecordWithFlags")),
	OTHER("cudaEventCreate", NONE),
	OTHER("cudaEventCreateWithFlags", NONE),
	OTHER("cudaEventDestroy", NONE),
	OTHER("cudaEventElapsedTime", NONE),
	OTHER("cudaStreamCreate", NONE),
	OTHER("cudaStreamCreateWithFlags", NONE),
	OTHER("cudaStreamCreateWithPriority", NONE),
	OTHER("cudaStreamDestroy", NONE),
	OTHER("cudaStreamBeginCapture", PTSZ("cudaStreamBeginCapture")),
	OTHER("cudaStreamEndCapture", PTSZ("cudaStreamEndCapture")),
	OTHER("cudaStreamAddCallback", PTSZ("cudaStreamAddCallback")),
	OTHER("cudaLaunchHostFunc", PTSZ("cudaLaunchHostFunc")),
	OTHER("cudaGraphInstantiate", NONE),
	OTHER("cudaGraphUpload", PTSZ("cudaGraphUpload")),
	/* (devPtr, count, ...) */
	SET("cudaMemPrefetchAsync",
	    VARIANTS("cudaMemPrefetchAsync_ptsz", "cudaMemPrefetchAsync_v2",
		     "cudaMemPrefetchAsync_v2_ptsz"),
	    2, 0),
	OTHER("cudaMemGetInfo", NONE),
	OTHER("cudaDeviceReset", NONE),
};
const size_t cuda_calls_n = sizeof(cuda_calls) / sizeof(cuda_calls[0]);

static bool ends_with(const char *s, const char *end)
{
	const size_t n = strlen(s), m = strlen(end);

	return n > m && !memcmp(s + n - m, end, m);
}

size_t cuda_call_row(const char *name, bool *per_thread)
{
	const char *start = name + strspn(name, "_");

	if (per_thread)
		*per_thread = ends_with(name, "_ptsz") || ends_with(name, "_ptds");
	if (strncmp(start, "cu", 2) != 0 && strncmp(start, "nccl", 4) != 0)
		return cuda_calls_n;
	for (size_t row = 0; row < cuda_calls_n; row++) {
		if (!strcmp(name, cuda_calls[row].name))
			return row;
		for (const char *const *v = cuda_calls[row].variants; *v; v++)
			if (!strcmp(name, *v))
				return row;
	}
	return cuda_calls_n;
}

uint64_t cuda_call_cookie(size_t row, bool per_thread)
{
	const struct cuda_call *c = &cuda_calls[row];

	return (uint64_t)(row + 1) | (uint64_t)c->bytes_arg << 12 | (uint64_t)c->times_arg << 16 |
	       (uint64_t)c->kind_arg << 20 | (uint64_t)c->fixed_kind << 24 |
	       (uint64_t)c->stream_arg << 28 | (uint64_t)c->object_arg << 32 |
	       (uint64_t)c->what << 36 | (uint64_t)c->memory << 40 | (uint64_t)c->shape << 43 |
	       (uint64_t)c->dst_arg << 47 | (uint64_t)c->src_arg << 51 |
	       (uint64_t)(c->name_arg < 0 ? -c->name_arg : c->name_arg) << 55 |
	       (uint64_t)c->api << 59 | (per_thread ? COOKIE_PER_THREAD : 0) |
	       (c->name_arg < 0 ? COOKIE_ALIAS : 0);
}

const char *cuda_call_name(unsigned int number)
{
	return number && number <= cuda_calls_n ? cuda_calls[number - 1].name : NULL;
}

const char *cuda_copy_kind(unsigned int kind)
{
	static const char *const names[] = { NULL,	    [H2H] = "H2H", [H2D] = "H2D",
					     [D2H] = "D2H", [D2D] = "D2D", [DEFAULT] = "default" };

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : NULL;
}

const char *cuda_api_name(enum call_api api)
{
	static const char *const names[] = {
		[API_RUNTIME] = "runtime", [API_DRIVER] = "driver", [API_NCCL] = "nccl"
	};

	return names[api];
}

const char *cuda_memory_kind(unsigned int kind)
{
	static const char *const names[] = {
		NULL,
		[MEMORY_DEVICE] = "device",
		[MEMORY_POOL] = "pool",
		[MEMORY_MANAGED] = "managed",
		[MEMORY_PINNED] = "pinned",
		[MEMORY_REGISTERED] = "registered",
		[MEMORY_HANDLE] = "handle",
	};

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : NULL;
}
