/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A libcudart whose calls do nothing: what a probed call costs is then the probe's cost. Entry
 * points begin with push %rbp, as NVIDIA's do (see tests.mk). 64 calls, as many as there are to
 * probe in a real one, and more than most programs' runtimes have.
 */
#define CALL(name)        \
	int name(void);   \
	int name(void)    \
	{                 \
		return 0; \
	}
#define STREAM_CALL(name) CALL(name) CALL(name##_ptsz)
#define THREAD_CALL(name) CALL(name) CALL(name##_ptds)

STREAM_CALL(cudaStreamSynchronize)
STREAM_CALL(cudaStreamQuery)
STREAM_CALL(cudaStreamWaitEvent)
STREAM_CALL(cudaEventRecord)
STREAM_CALL(cudaLaunchKernel)
STREAM_CALL(cudaLaunchKernelExC)
STREAM_CALL(cudaLaunchCooperativeKernel)
STREAM_CALL(cudaGraphLaunch)
STREAM_CALL(cudaMemcpyAsync)
STREAM_CALL(cudaMemcpy2DAsync)
STREAM_CALL(cudaMemcpy2DToArrayAsync)
STREAM_CALL(cudaMemcpy2DFromArrayAsync)
STREAM_CALL(cudaMemcpyToSymbolAsync)
STREAM_CALL(cudaMemcpyFromSymbolAsync)
STREAM_CALL(cudaMemcpy3DAsync)
STREAM_CALL(cudaMemcpy3DPeerAsync)
STREAM_CALL(cudaMemsetAsync)
STREAM_CALL(cudaMemset2DAsync)
STREAM_CALL(cudaMallocAsync)
STREAM_CALL(cudaFreeAsync)
THREAD_CALL(cudaMemcpy)
THREAD_CALL(cudaMemcpy2D)
THREAD_CALL(cudaMemcpy2DToArray)
THREAD_CALL(cudaMemcpy2DFromArray)
THREAD_CALL(cudaMemcpyToSymbol)
THREAD_CALL(cudaMemcpyFromSymbol)
THREAD_CALL(cudaMemcpy3D)
THREAD_CALL(cudaMemcpy3DPeer)
THREAD_CALL(cudaMemset)
THREAD_CALL(cudaMemset2D)
CALL(cudaMalloc)
CALL(cudaFree)
CALL(cudaDeviceSynchronize)
CALL(cudaEventSynchronize)
