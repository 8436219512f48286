/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Exported: what a program compiled with --default-stream per-thread calls. A stream of 0 means the
 * calling thread's own default stream there.
 */
#include "emu.h"

#define PTSZ(stream) ((stream) ? (stream) : cudaStreamPerThread)

#define PTSZ_DEFINE(name, parameters, call)  \
	EMU_API cudaError_t name parameters; \
	EMU_API cudaError_t name parameters  \
	{                                    \
		return call;                 \
	}

PTSZ_DEFINE(cudaLaunchKernel_ptsz,
	    (const void *kernel, dim3 grid, dim3 block, void **args, size_t shared_bytes,
	     cudaStream_t stream),
	    cudaLaunchKernel(kernel, grid, block, args, shared_bytes, PTSZ(stream)))
PTSZ_DEFINE(cudaMemcpyAsync_ptsz,
	    (void *dst, const void *src, size_t bytes, enum cudaMemcpyKind kind,
	     cudaStream_t stream),
	    cudaMemcpyAsync(dst, src, bytes, kind, PTSZ(stream)))
PTSZ_DEFINE(cudaMemsetAsync_ptsz, (void *ptr, int value, size_t bytes, cudaStream_t stream),
	    cudaMemsetAsync(ptr, value, bytes, PTSZ(stream)))
PTSZ_DEFINE(cudaMallocAsync_ptsz, (void **ptr, size_t bytes, cudaStream_t stream),
	    cudaMallocAsync(ptr, bytes, PTSZ(stream)))
PTSZ_DEFINE(cudaFreeAsync_ptsz, (void *ptr, cudaStream_t stream), cudaFreeAsync(ptr, PTSZ(stream)))
PTSZ_DEFINE(cudaStreamSynchronize_ptsz, (cudaStream_t stream), cudaStreamSynchronize(PTSZ(stream)))
PTSZ_DEFINE(cudaStreamQuery_ptsz, (cudaStream_t stream), cudaStreamQuery(PTSZ(stream)))
PTSZ_DEFINE(cudaStreamWaitEvent_ptsz, (cudaStream_t stream, cudaEvent_t event, unsigned int flags),
	    cudaStreamWaitEvent(PTSZ(stream), event, flags))
PTSZ_DEFINE(cudaLaunchHostFunc_ptsz, (cudaStream_t stream, cudaHostFn_t fn, void *user_data),
	    cudaLaunchHostFunc(PTSZ(stream), fn, user_data))
PTSZ_DEFINE(cudaEventRecord_ptsz, (cudaEvent_t event, cudaStream_t stream),
	    cudaEventRecord(event, PTSZ(stream)))
PTSZ_DEFINE(cudaEventRecordWithFlags_ptsz,
	    (cudaEvent_t event, cudaStream_t stream, unsigned int flags),
	    cudaEventRecordWithFlags(event, PTSZ(stream), flags))
PTSZ_DEFINE(cudaStreamBeginCapture_ptsz, (cudaStream_t stream, enum cudaStreamCaptureMode mode),
	    cudaStreamBeginCapture(PTSZ(stream), mode))
PTSZ_DEFINE(cudaStreamEndCapture_ptsz, (cudaStream_t stream, cudaGraph_t *graph),
	    cudaStreamEndCapture(PTSZ(stream), graph))
PTSZ_DEFINE(cudaStreamIsCapturing_ptsz, (cudaStream_t stream, enum cudaStreamCaptureStatus *status),
	    cudaStreamIsCapturing(PTSZ(stream), status))
PTSZ_DEFINE(cudaGraphUpload_ptsz, (cudaGraphExec_t exec, cudaStream_t stream),
	    cudaGraphUpload(exec, PTSZ(stream)))
PTSZ_DEFINE(cudaGraphLaunch_ptsz, (cudaGraphExec_t exec, cudaStream_t stream),
	    cudaGraphLaunch(exec, PTSZ(stream)))
