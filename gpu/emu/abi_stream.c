/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Exported: streams. */
#include "emu.h"

/* As PRIORITY_GREATEST in abi_device.c; other numbers are moved into the range, as in CUDA. */
static int priority_clamp(int priority)
{
	return priority > 0 ? 0 : priority < -5 ? -5 : priority;
}

static cudaError_t stream_create(cudaStream_t *stream, unsigned int flags, int priority)
{
	struct emu_device *d;
	struct emu_stream *s;
	cudaError_t err;

	if (!stream || (flags & ~(unsigned int)cudaStreamNonBlocking))
		return cudaErrorInvalidValue;
	err = emu_enter(&d);
	if (err)
		return err;
	s = emu_stream_new_locked(d, !(flags & cudaStreamNonBlocking), priority_clamp(priority));
	pthread_mutex_unlock(&d->lock);
	*stream = (cudaStream_t)s;
	return s ? cudaSuccess : cudaErrorMemoryAllocation;
}

EMU_API cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
	return emu_leave(stream_create(stream, cudaStreamDefault, 0));
}

EMU_API cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned int flags)
{
	return emu_leave(stream_create(stream, flags, 0));
}

EMU_API cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned int flags,
						 int priority)
{
	return emu_leave(stream_create(stream, flags, priority));
}

static bool is_default(cudaStream_t stream)
{
	return !stream || stream == cudaStreamLegacy || stream == cudaStreamPerThread;
}

/* Returns at once; work that is still on the stream goes on. */
EMU_API cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
	struct emu_device *d;
	struct emu_stream *s;
	cudaError_t err;

	if (is_default(stream))
		return emu_leave(cudaErrorInvalidResourceHandle);
	err = emu_stream_enter(&d, stream, &s);
	if (err)
		return emu_leave(err);
	err = emu_capture_check_stream_locked(d, s);
	if (!err)
		s->live = false;
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}

EMU_API cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
	struct emu_device *d;
	struct emu_stream *s;
	cudaError_t err = emu_stream_enter(&d, stream, &s);

	if (err)
		return emu_leave(err);
	err = emu_capture_check_stream_locked(d, s);
	if (!err) {
		emu_sync_locked(d, s->last);
		err = d->sticky;
	}
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}

EMU_API cudaError_t cudaStreamQuery(cudaStream_t stream)
{
	struct emu_device *d;
	struct emu_stream *s;
	cudaError_t err = emu_stream_enter(&d, stream, &s);

	if (err)
		return emu_leave(err);
	err = emu_capture_check_stream_locked(d, s);
	if (!err)
		err = emu_op_over(s->last) ? d->sticky : cudaErrorNotReady;
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}

EMU_API cudaError_t cudaStreamGetFlags(cudaStream_t stream, unsigned int *flags)
{
	struct emu_device *d;
	struct emu_stream *s;
	cudaError_t err;

	if (!flags)
		return emu_leave(cudaErrorInvalidValue);
	err = emu_stream_enter(&d, stream, &s);
	if (err)
		return emu_leave(err);
	*flags = s->blocking ? cudaStreamDefault : cudaStreamNonBlocking;
	pthread_mutex_unlock(&d->lock);
	return emu_leave(cudaSuccess);
}

EMU_API cudaError_t cudaStreamGetPriority(cudaStream_t stream, int *priority)
{
	struct emu_device *d;
	struct emu_stream *s;
	cudaError_t err;

	if (!priority)
		return emu_leave(cudaErrorInvalidValue);
	err = emu_stream_enter(&d, stream, &s);
	if (err)
		return emu_leave(err);
	*priority = s->priority;
	pthread_mutex_unlock(&d->lock);
	return emu_leave(cudaSuccess);
}

EMU_API cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t fn, void *user_data)
{
	struct emu_device *d;
	struct emu_stream *s;
	struct emu_op *op;
	cudaError_t err;

	if (!fn)
		return emu_leave(cudaErrorInvalidValue);
	err = emu_stream_enter(&d, stream, &s);
	if (err)
		return emu_leave(err);
	op = emu_op_new(ENGINE_HOST);
	if (op) {
		op->host_fn = fn;
		op->host_data = user_data;
		err = emu_submit_locked(d, s, op);
	} else {
		err = cudaErrorMemoryAllocation;
	}
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}
