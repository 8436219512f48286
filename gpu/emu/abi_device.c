/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Exported: the device and errors. */
#include <stdio.h>
#include <string.h>
#include "emu.h"

/* Stream priorities as on NVIDIA's devices: lower numbers first. */
#define PRIORITY_LEAST	  0
#define PRIORITY_GREATEST (-5)

#define EMU_CUDA_VERSION (1000 * INFBPF_CUDART_MAJOR)

EMU_API cudaError_t cudaGetDeviceCount(int *count)
{
	struct emu_device *d = emu_device_get();

	if (!count)
		return emu_leave(cudaErrorInvalidValue);
	*count = (int)d->config.devices;
	return emu_leave(*count ? cudaSuccess : cudaErrorNoDevice);
}

EMU_API cudaError_t cudaGetDevice(int *dev)
{
	if (!dev)
		return emu_leave(cudaErrorInvalidValue);
	*dev = 0;
	return emu_leave(emu_device_get()->config.devices ? cudaSuccess : cudaErrorNoDevice);
}

EMU_API cudaError_t cudaSetDevice(int dev)
{
	struct emu_device *d;
	cudaError_t err = emu_enter(&d);

	if (err)
		return emu_leave(err);
	pthread_mutex_unlock(&d->lock);
	return emu_leave(dev ? cudaErrorInvalidDevice : cudaSuccess);
}

EMU_API cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *prop, int dev)
{
	struct emu_device *d = emu_device_get();

	if (!prop)
		return emu_leave(cudaErrorInvalidValue);
	if (dev || !d->config.devices)
		return emu_leave(cudaErrorInvalidDevice);
	*prop = (struct cudaDeviceProp){
		.name = "infbpf emulated device",
		.totalGlobalMem = d->config.memory_bytes,
		.sharedMemPerBlock = 48 << 10,
		.regsPerBlock = 65536,
		.warpSize = 32,
		.memPitch = 0x7fffffff,
		.maxThreadsPerBlock = 1024,
		.maxThreadsDim = { 1024, 1024, 64 },
		.maxGridSize = { 0x7fffffff, 65535, 65535 },
		.totalConstMem = 64 << 10,
		.major = 7,
		.minor = 5,
		.multiProcessorCount = 1,
		.canMapHostMemory = 1,
		.asyncEngineCount = 2,
		.unifiedAddressing = 1,
		.maxThreadsPerMultiProcessor = 1024,
		.streamPrioritiesSupported = 1,
		.managedMemory = 1,
		.memoryPoolsSupported = 1,
	};
	return emu_leave(cudaSuccess);
}

struct attribute {
	enum cudaDeviceAttr attr;
	int value;
};

static const struct attribute attributes[] = {
	{ cudaDevAttrMaxThreadsPerBlock, 1024 },
	{ cudaDevAttrMaxSharedMemoryPerBlock, 48 << 10 },
	{ cudaDevAttrWarpSize, 32 },
	{ cudaDevAttrMultiProcessorCount, 1 },
	{ cudaDevAttrConcurrentKernels, 0 },
	{ cudaDevAttrAsyncEngineCount, 2 },
	{ cudaDevAttrUnifiedAddressing, 1 },
	{ cudaDevAttrComputeCapabilityMajor, 7 },
	{ cudaDevAttrComputeCapabilityMinor, 5 },
	{ cudaDevAttrMemoryPoolsSupported, 1 },
};

EMU_API cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attr, int dev)
{
	if (!value || (int)attr < 1)
		return emu_leave(cudaErrorInvalidValue);
	if (dev)
		return emu_leave(cudaErrorInvalidDevice);
	*value = 0;
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
		if (attributes[i].attr == attr)
			*value = attributes[i].value;
	return emu_leave(cudaSuccess);
}

EMU_API cudaError_t cudaSetDeviceFlags(unsigned int flags)
{
	struct emu_device *d;
	unsigned int schedule = flags & cudaDeviceScheduleMask;
	cudaError_t err;

	/* One way of waiting, or none named. */
	if ((flags & ~(unsigned int)cudaDeviceMask) || (schedule & (schedule - 1)))
		return emu_leave(cudaErrorInvalidValue);
	err = emu_enter(&d);
	if (err)
		return emu_leave(err);
	d->flags = flags;
	pthread_mutex_unlock(&d->lock);
	return emu_leave(cudaSuccess);
}

EMU_API cudaError_t cudaGetDeviceFlags(unsigned int *flags)
{
	struct emu_device *d;
	cudaError_t err;

	if (!flags)
		return emu_leave(cudaErrorInvalidValue);
	err = emu_enter(&d);
	if (err)
		return emu_leave(err);
	*flags = d->flags;
	pthread_mutex_unlock(&d->lock);
	return emu_leave(cudaSuccess);
}

EMU_API cudaError_t cudaDeviceSynchronize(void)
{
	struct emu_device *d;
	cudaError_t err = emu_enter(&d);

	if (err)
		return emu_leave(err);
	err = emu_capture_check_all_locked(d);
	for (struct emu_stream *s = d->streams; s && !err; s = s->next)
		if (!emu_op_over(s->last))
			emu_sync_locked(d, s->last);
	if (!err)
		err = d->sticky;
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}

/* The way out of a sticky error. */
EMU_API cudaError_t cudaDeviceReset(void)
{
	struct emu_device *d;
	cudaError_t err = emu_enter(&d);

	if (err && err != d->sticky)
		return emu_leave(err);
	if (err)
		pthread_mutex_lock(&d->lock);
	emu_reset_locked(d);
	pthread_mutex_unlock(&d->lock);
	emu_last_error(true);
	return cudaSuccess;
}

EMU_API cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest)
{
	if (least)
		*least = PRIORITY_LEAST;
	if (greatest)
		*greatest = PRIORITY_GREATEST;
	return emu_leave(cudaSuccess);
}

EMU_API cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes)
{
	struct emu_device *d;
	cudaError_t err;

	if (!free_bytes || !total_bytes)
		return emu_leave(cudaErrorInvalidValue);
	err = emu_enter(&d);
	if (err)
		return emu_leave(err);
	*total_bytes = d->config.memory_bytes;
	*free_bytes = d->config.memory_bytes - d->memory.device_bytes;
	pthread_mutex_unlock(&d->lock);
	return emu_leave(cudaSuccess);
}

EMU_API cudaError_t cudaDriverGetVersion(int *version)
{
	if (!version)
		return emu_leave(cudaErrorInvalidValue);
	*version = EMU_CUDA_VERSION;
	return emu_leave(cudaSuccess);
}

EMU_API cudaError_t cudaRuntimeGetVersion(int *version)
{
	return cudaDriverGetVersion(version);
}

EMU_API cudaError_t cudaGetLastError(void)
{
	cudaError_t sticky = emu_device_get()->sticky;
	cudaError_t last = emu_last_error(true);

	return last ? last : sticky;
}

EMU_API cudaError_t cudaPeekAtLastError(void)
{
	cudaError_t sticky = emu_device_get()->sticky;
	cudaError_t last = emu_last_error(false);

	return last ? last : sticky;
}

struct error_text {
	cudaError_t error;
	const char *name, *text;
};

static const struct error_text error_texts[] = {
	{ cudaSuccess, "cudaSuccess", "no error" },
	{ cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument" },
	{ cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory" },
	{ cudaErrorInitializationError, "cudaErrorInitializationError", "initialization error" },
	{ cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration",
	  "invalid configuration argument" },
	{ cudaErrorInvalidPitchValue, "cudaErrorInvalidPitchValue", "invalid pitch argument" },
	{ cudaErrorInvalidMemcpyDirection, "cudaErrorInvalidMemcpyDirection",
	  "invalid copy direction for memcpy" },
	{ cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
	  "CUDA driver version is insufficient for CUDA runtime version" },
	{ cudaErrorMissingConfiguration, "cudaErrorMissingConfiguration",
	  "missing launch configuration" },
	{ cudaErrorInvalidDeviceFunction, "cudaErrorInvalidDeviceFunction",
	  "invalid device function" },
	{ cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected" },
	{ cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal" },
	{ cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle",
	  "invalid resource handle" },
	{ cudaErrorIllegalState, "cudaErrorIllegalState",
	  "the operation cannot be performed in the present state" },
	{ cudaErrorNotReady, "cudaErrorNotReady", "device not ready" },
	{ cudaErrorIllegalAddress, "cudaErrorIllegalAddress",
	  "an illegal memory access was encountered" },
	{ cudaErrorHostMemoryAlreadyRegistered, "cudaErrorHostMemoryAlreadyRegistered",
	  "part or all of the requested memory range is already mapped" },
	{ cudaErrorHostMemoryNotRegistered, "cudaErrorHostMemoryNotRegistered",
	  "pointer does not correspond to a registered memory region" },
	{ cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure" },
	{ cudaErrorNotSupported, "cudaErrorNotSupported", "operation not supported" },
	{ cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
	  "operation not permitted when stream is capturing" },
	{ cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
	  "operation failed due to a previous error during capture" },
	{ cudaErrorStreamCaptureMerge, "cudaErrorStreamCaptureMerge",
	  "operation would result in a merge of separate capture sequences" },
	{ cudaErrorStreamCaptureUnmatched, "cudaErrorStreamCaptureUnmatched",
	  "capture was not ended in the same stream as it began" },
	{ cudaErrorStreamCaptureUnjoined, "cudaErrorStreamCaptureUnjoined",
	  "capturing stream has unjoined work" },
	{ cudaErrorStreamCaptureIsolation, "cudaErrorStreamCaptureIsolation",
	  "dependency created on uncaptured work in another stream" },
	{ cudaErrorStreamCaptureImplicit, "cudaErrorStreamCaptureImplicit",
	  "operation would make the legacy stream depend on a capturing blocking stream" },
	{ cudaErrorCapturedEvent, "cudaErrorCapturedEvent",
	  "operation not permitted on an event last recorded in a capturing stream" },
	{ cudaErrorStreamCaptureWrongThread, "cudaErrorStreamCaptureWrongThread",
	  "attempt to terminate a thread-local capture sequence from another thread" },
	{ cudaErrorUnknown, "cudaErrorUnknown", "unknown error" },
};

static const struct error_text *error_find(cudaError_t error)
{
	for (size_t i = 0; i < sizeof(error_texts) / sizeof(error_texts[0]); i++)
		if (error_texts[i].error == error)
			return &error_texts[i];
	return NULL;
}

EMU_API const char *cudaGetErrorName(cudaError_t error)
{
	const struct error_text *e = error_find(error);

	return e ? e->name : "unrecognized error code";
}

EMU_API const char *cudaGetErrorString(cudaError_t error)
{
	const struct error_text *e = error_find(error);

	return e ? e->text : "unrecognized error code";
}
