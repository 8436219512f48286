/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Exported: allocating and freeing. */
#include <string.h>
#include "emu.h"

/* cudaMalloc(0) gives NULL and no error. */
static cudaError_t memory_alloc(enum emu_owner owner, void **ptr, size_t bytes)
{
	struct emu_device *d;
	cudaError_t err;

	if (!ptr)
		return cudaErrorInvalidValue;
	err = emu_enter(&d);
	if (err)
		return err;
	*ptr = NULL;
	err = emu_capture_check_call_locked(d);
	if (bytes && !err)
		err = emu_memory_alloc_locked(&d->memory, owner, bytes, d->config.memory_bytes,
					      ptr);
	pthread_mutex_unlock(&d->lock);
	return err;
}

EMU_API cudaError_t cudaMalloc(void **ptr, size_t bytes)
{
	return emu_leave(memory_alloc(EMU_DEVICE, ptr, bytes));
}

EMU_API cudaError_t cudaMallocManaged(void **ptr, size_t bytes, unsigned int flags)
{
	if (!bytes || (flags != cudaMemAttachGlobal && flags != 2))
		return emu_leave(cudaErrorInvalidValue);
	return emu_leave(memory_alloc(EMU_MANAGED, ptr, bytes));
}

EMU_API cudaError_t cudaMallocHost(void **ptr, size_t bytes)
{
	return emu_leave(memory_alloc(EMU_PINNED, ptr, bytes));
}

EMU_API cudaError_t cudaHostAlloc(void **ptr, size_t bytes, unsigned int flags)
{
	if (flags & ~7U)
		return emu_leave(cudaErrorInvalidValue);
	return emu_leave(memory_alloc(EMU_PINNED, ptr, bytes));
}

/* Memory goes back only when no work can use it any more: freeing waits for the device. */
static cudaError_t memory_free(void *ptr, bool on_device)
{
	struct emu_device *d;
	cudaError_t err = emu_enter(&d);

	if (err)
		return err;
	err = emu_capture_check_call_locked(d);
	if (ptr && !err) {
		for (struct emu_stream *s = d->streams; s; s = s->next)
			if (!emu_op_over(s->last))
				emu_sync_locked(d, s->last);
		err = emu_memory_free_locked(&d->memory, ptr, on_device);
	}
	pthread_mutex_unlock(&d->lock);
	return err;
}

EMU_API cudaError_t cudaFree(void *ptr)
{
	return emu_leave(memory_free(ptr, true));
}

EMU_API cudaError_t cudaFreeHost(void *ptr)
{
	return emu_leave(memory_free(ptr, false));
}

/* The memory is there at once, which no program that keeps to stream order can tell. */
EMU_API cudaError_t cudaMallocAsync(void **ptr, size_t bytes, cudaStream_t stream)
{
	struct emu_device *d;
	struct emu_stream *s;
	cudaError_t err;

	if (!ptr)
		return emu_leave(cudaErrorInvalidValue);
	err = emu_enter(&d);
	if (err)
		return emu_leave(err);
	*ptr = NULL;
	s = emu_stream_find_locked(d, stream);
	if (!s)
		err = cudaErrorInvalidResourceHandle;
	else if (s->capture)
		err = emu_capture_refuse_locked(s);
	else if (bytes)
		err = emu_memory_alloc_locked(&d->memory, EMU_DEVICE, bytes, d->config.memory_bytes,
					      ptr);
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}

static cudaError_t free_async_locked(struct emu_device *d, void *ptr, cudaStream_t stream)
{
	const struct emu_block *b = emu_memory_find_locked(&d->memory, ptr);
	struct emu_stream *s = emu_stream_find_locked(d, stream);
	struct emu_op *op;

	if (!s)
		return cudaErrorInvalidResourceHandle;
	if (s->capture)
		return emu_capture_refuse_locked(s);
	if (!b || b->owner != EMU_DEVICE || b->start != (uintptr_t)ptr)
		return cudaErrorInvalidValue;
	op = emu_op_new(ENGINE_HOST);
	if (!op)
		return cudaErrorMemoryAllocation;
	op->free_ptr = ptr;
	return emu_submit_locked(d, s, op);
}

EMU_API cudaError_t cudaFreeAsync(void *ptr, cudaStream_t stream)
{
	struct emu_device *d;
	cudaError_t err = emu_enter(&d);

	if (err)
		return emu_leave(err);
	if (ptr)
		err = free_async_locked(d, ptr, stream);
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}

EMU_API cudaError_t cudaHostRegister(void *ptr, size_t bytes, unsigned int flags)
{
	struct emu_device *d;
	cudaError_t err;

	if (!ptr || !bytes || (flags & ~0xfU))
		return emu_leave(cudaErrorInvalidValue);
	err = emu_enter(&d);
	if (err)
		return emu_leave(err);
	err = emu_memory_register_locked(&d->memory, ptr, bytes);
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}

EMU_API cudaError_t cudaHostUnregister(void *ptr)
{
	struct emu_device *d;
	cudaError_t err;

	if (!ptr)
		return emu_leave(cudaErrorInvalidValue);
	err = emu_enter(&d);
	if (err)
		return emu_leave(err);
	err = emu_memory_unregister_locked(&d->memory, ptr);
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}

EMU_API cudaError_t cudaHostGetDevicePointer(void **dev, void *host, unsigned int flags)
{
	struct emu_device *d;
	const struct emu_block *b;
	cudaError_t err;

	if (!dev || !host || flags)
		return emu_leave(cudaErrorInvalidValue);
	err = emu_enter(&d);
	if (err)
		return emu_leave(err);
	b = emu_memory_find_locked(&d->memory, host);
	if (!b || b->owner == EMU_DEVICE)
		err = cudaErrorInvalidValue;
	else
		*dev = host;
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}

EMU_API cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *a, const void *ptr)
{
	static const enum cudaMemoryType types[] = {
		[EMU_PINNED] = cudaMemoryTypeHost,
		[EMU_REGISTERED] = cudaMemoryTypeHost,
		[EMU_DEVICE] = cudaMemoryTypeDevice,
		[EMU_MANAGED] = cudaMemoryTypeManaged,
	};
	struct emu_device *d;
	const struct emu_block *b;
	cudaError_t err;

	if (!a || !ptr)
		return emu_leave(cudaErrorInvalidValue);
	err = emu_enter(&d);
	if (err)
		return emu_leave(err);
	memset(a, 0, sizeof(*a));
	b = emu_memory_find_locked(&d->memory, ptr);
	a->type = b ? types[b->owner] : cudaMemoryTypeUnregistered;
	a->device = b ? 0 : -2; /* cudaInvalidDeviceId */
	a->devicePointer = b ? (void *)ptr : NULL;
	a->hostPointer = b && b->owner == EMU_DEVICE ? NULL : (void *)ptr;
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}
