/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Exported: copies and memset.
 *
 * Who waits: cudaMemcpy always. cudaMemcpyAsync from or to pageable memory too, since the device
 * cannot reach it; except small copies to the device, which are staged. Pinned memory never.
 */
#include <stdlib.h>
#include <string.h>
#include "emu.h"

/* NVIDIA's runtime stages pageable copies to the device up to this size. */
#define STAGE_BYTES 65536

struct request {
	struct emu_copy copy;
	enum cudaMemcpyKind kind;
	bool async;
};

/* The bytes from the first to the last touched. */
static size_t span(size_t pitch, size_t width, size_t height)
{
	return (height - 1) * pitch + width;
}

static bool on_device(const struct emu_block *b)
{
	return b && (b->owner == EMU_DEVICE || b->owner == EMU_MANAGED);
}

/* One end of a copy. -> 0 or an error; *device: whether it is device memory. */
static cudaError_t end_check(const struct emu_device *d, const void *ptr, size_t bytes,
			     bool *device, bool *pageable)
{
	const struct emu_block *b;

	if (!ptr)
		return cudaErrorInvalidValue;
	b = emu_memory_find_locked(&d->memory, ptr);
	if (b && !emu_memory_holds(b, ptr, bytes))
		return cudaErrorInvalidValue;
	*device = on_device(b);
	*pageable = !b;
	return cudaSuccess;
}

/* Managed and pinned memory may stand on either side. */
static bool kind_fits(const struct emu_device *d, const struct request *r, bool to, bool from)
{
	const struct emu_block *dst = emu_memory_find_locked(&d->memory, r->copy.dst);
	const struct emu_block *src = emu_memory_find_locked(&d->memory, r->copy.src);
	bool wants_to = r->kind == cudaMemcpyHostToDevice || r->kind == cudaMemcpyDeviceToDevice;
	bool wants_from = r->kind == cudaMemcpyDeviceToHost || r->kind == cudaMemcpyDeviceToDevice;

	if (r->kind == cudaMemcpyDefault)
		return true;
	if (wants_to != to && !(dst && dst->owner != EMU_DEVICE))
		return false;
	return wants_from == from || (src && src->owner != EMU_DEVICE);
}

static uint64_t copy_ns(const struct emu_config *c, size_t bytes, bool to, bool from, bool pageable)
{
	double rate = to && from ? c->d2d_bytes_per_ns
		      : from	 ? c->d2h_bytes_per_ns
				 : c->h2d_bytes_per_ns;

	if (pageable)
		rate *= c->pageable_factor;
	return (uint64_t)((double)bytes / rate);
}

/* Copies pageable source memory aside. 0: no memory for it. */
static bool stage(struct emu_op *op, size_t bytes)
{
	struct emu_copy *c = &op->copy;

	op->staging = malloc(bytes);
	if (!op->staging)
		return false;
	for (size_t y = 0; y < c->height; y++)
		memcpy((char *)op->staging + y * c->width, c->src + y * c->src_pitch, c->width);
	c->src = op->staging;
	c->src_pitch = c->width;
	return true;
}

static cudaError_t copy_locked(struct emu_device *d, const struct request *r, cudaStream_t stream)
{
	struct emu_stream *s = emu_stream_find_locked(d, stream);
	const struct emu_copy *c = &r->copy;
	bool to, from, to_pageable, from_pageable, wait;
	size_t bytes = c->width * c->height;
	struct emu_op *op;
	cudaError_t err;

	if (!s)
		return cudaErrorInvalidResourceHandle;
	if (!bytes)
		return cudaSuccess;
	err = end_check(d, c->dst, span(c->dst_pitch, c->width, c->height), &to, &to_pageable);
	if (!err)
		err = end_check(d, c->src, span(c->src_pitch, c->width, c->height), &from,
				&from_pageable);
	if (err)
		return err;
	if (!kind_fits(d, r, to, from))
		return cudaErrorInvalidValue;

	op = emu_op_new(from && !to ? ENGINE_D2H : ENGINE_H2D);
	if (!op)
		return cudaErrorMemoryAllocation;
	op->copy = *c;
	op->lasts_ns = copy_ns(&d->config, bytes, to, from, to_pageable || from_pageable);
	/* Between device memories even cudaMemcpy does not wait. */
	wait = r->async ? to_pageable || from_pageable : !(to && from);
	if (r->async && !s->capture && to && from_pageable && bytes <= STAGE_BYTES &&
	    stage(op, bytes))
		wait = false;
	emu_op_get_locked(op);
	err = emu_submit_locked(d, s, op);
	if (!err && wait && !op->captured)
		emu_sync_locked(d, op);
	emu_op_put_locked(op);
	return err ? err : d->sticky;
}

static cudaError_t copy(const struct request *r, cudaStream_t stream)
{
	uint64_t began = emu_now_ns();
	struct emu_device *d;
	cudaError_t err;

	if ((unsigned int)r->kind > cudaMemcpyDefault)
		return cudaErrorInvalidMemcpyDirection;
	if (r->copy.height &&
	    (r->copy.dst_pitch < r->copy.width || r->copy.src_pitch < r->copy.width))
		return cudaErrorInvalidPitchValue;
	err = emu_enter(&d);
	if (err)
		return err;
	err = r->async ? cudaSuccess : emu_capture_check_call_locked(d);
	if (!err)
		err = copy_locked(d, r, stream);
	pthread_mutex_unlock(&d->lock);
	emu_call_last(d, began);
	return err;
}

static struct emu_copy flat(void *dst, const void *src, size_t bytes)
{
	return (struct emu_copy){ .dst = dst,
				  .src = src,
				  .dst_pitch = bytes,
				  .src_pitch = bytes,
				  .width = bytes,
				  .height = 1 };
}

EMU_API cudaError_t cudaMemcpy(void *dst, const void *src, size_t bytes, enum cudaMemcpyKind kind)
{
	struct request r = { flat(dst, src, bytes), kind, false };

	return emu_leave(copy(&r, NULL));
}

EMU_API cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t bytes,
				    enum cudaMemcpyKind kind, cudaStream_t stream)
{
	struct request r = { flat(dst, src, bytes), kind, true };

	return emu_leave(copy(&r, stream));
}

EMU_API cudaError_t cudaMemcpy2D(void *dst, size_t dst_pitch, const void *src, size_t src_pitch,
				 size_t width, size_t height, enum cudaMemcpyKind kind)
{
	struct request r = { { dst, src, dst_pitch, src_pitch, width, height, 0 }, kind, false };

	return emu_leave(copy(&r, NULL));
}

EMU_API cudaError_t cudaMemcpy2DAsync(void *dst, size_t dst_pitch, const void *src,
				      size_t src_pitch, size_t width, size_t height,
				      enum cudaMemcpyKind kind, cudaStream_t stream)
{
	struct request r = { { dst, src, dst_pitch, src_pitch, width, height, 0 }, kind, true };

	return emu_leave(copy(&r, stream));
}

static cudaError_t set_locked(struct emu_device *d, void *ptr, int value, size_t bytes,
			      cudaStream_t stream, bool async)
{
	struct emu_stream *s = emu_stream_find_locked(d, stream);
	const struct emu_block *b = emu_memory_find_locked(&d->memory, ptr);
	bool wait = !async && b && b->owner == EMU_PINNED;
	struct emu_op *op;
	cudaError_t err;

	if (!s)
		return cudaErrorInvalidResourceHandle;
	if (!bytes)
		return cudaSuccess;
	if (!b || !emu_memory_holds(b, ptr, bytes))
		return cudaErrorInvalidValue;
	op = emu_op_new(ENGINE_H2D);
	if (!op)
		return cudaErrorMemoryAllocation;
	op->copy = flat(ptr, NULL, bytes);
	op->copy.value = value;
	op->lasts_ns = copy_ns(&d->config, bytes, true, true, false);
	emu_op_get_locked(op);
	err = emu_submit_locked(d, s, op);
	if (!err && wait)
		emu_sync_locked(d, op);
	emu_op_put_locked(op);
	return err ? err : d->sticky;
}

static cudaError_t set(void *ptr, int value, size_t bytes, cudaStream_t stream, bool async)
{
	struct emu_device *d;
	cudaError_t err = emu_enter(&d);

	if (err)
		return err;
	err = async ? cudaSuccess : emu_capture_check_call_locked(d);
	if (!err)
		err = set_locked(d, ptr, value, bytes, stream, async);
	pthread_mutex_unlock(&d->lock);
	return err;
}

EMU_API cudaError_t cudaMemset(void *ptr, int value, size_t bytes)
{
	return emu_leave(set(ptr, value, bytes, NULL, false));
}

EMU_API cudaError_t cudaMemsetAsync(void *ptr, int value, size_t bytes, cudaStream_t stream)
{
	return emu_leave(set(ptr, value, bytes, stream, true));
}
