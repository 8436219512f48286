/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Exported: events. */
#include <stdlib.h>
#include "emu.h"

#define EVENT_FLAGS 0x07U

static struct emu_event *event_find(struct emu_device *d, cudaEvent_t handle)
{
	for (struct emu_event *e = d->events; e; e = e->next)
		if ((cudaEvent_t)e == handle)
			return e;
	return NULL;
}

/* Enters and finds the event. The lock is held when it returns cudaSuccess. */
static cudaError_t event_enter(struct emu_device **d, cudaEvent_t event, struct emu_event **e)
{
	cudaError_t err = emu_enter(d);

	if (err)
		return err;
	*e = event_find(*d, event);
	if (*e)
		return cudaSuccess;
	pthread_mutex_unlock(&(*d)->lock);
	return cudaErrorInvalidResourceHandle;
}

static void event_free_locked(struct emu_event *e)
{
	emu_op_put_locked(e->op);
	emu_set_clear(&e->front);
	free(e);
}

void emu_events_free_locked(struct emu_device *d)
{
	while (d->events) {
		struct emu_event *e = d->events;

		d->events = e->next;
		event_free_locked(e);
	}
}

static cudaError_t event_create(cudaEvent_t *event, unsigned int flags)
{
	struct emu_device *d;
	struct emu_event *e;
	cudaError_t err;

	if (!event || (flags & ~EVENT_FLAGS))
		return cudaErrorInvalidValue;
	err = emu_enter(&d);
	if (err)
		return err;
	e = calloc(1, sizeof(*e));
	if (e) {
		e->flags = flags;
		e->next = d->events;
		d->events = e;
		*event = (cudaEvent_t)e;
	}
	pthread_mutex_unlock(&d->lock);
	return e ? cudaSuccess : cudaErrorMemoryAllocation;
}

EMU_API cudaError_t cudaEventCreate(cudaEvent_t *event)
{
	return emu_leave(event_create(event, cudaEventDefault));
}

EMU_API cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned int flags)
{
	return emu_leave(event_create(event, flags));
}

EMU_API cudaError_t cudaEventDestroy(cudaEvent_t event)
{
	struct emu_device *d;
	struct emu_event *e, **at;
	cudaError_t err = event_enter(&d, event, &e);

	if (err)
		return emu_leave(err);
	for (at = &d->events; *at != e; at = &(*at)->next)
		;
	*at = e->next;
	event_free_locked(e);
	pthread_mutex_unlock(&d->lock);
	return emu_leave(cudaSuccess);
}

static cudaError_t record_locked(struct emu_device *d, struct emu_event *e, struct emu_stream *s)
{
	struct emu_op *op;
	cudaError_t err;

	if (s->capture)
		return emu_capture_record_locked(s, e);
	op = emu_op_new(ENGINE_NONE);
	if (!op)
		return cudaErrorMemoryAllocation;
	emu_op_get_locked(op);
	err = emu_submit_locked(d, s, op);
	if (err) {
		emu_op_put_locked(op);
		return err;
	}
	emu_op_put_locked(e->op);
	e->op = op;
	e->capture = 0;
	return cudaSuccess;
}

/* flags: cudaEventRecordExternal, a node of its own in a graph, is not there. */
static cudaError_t event_record(cudaEvent_t event, cudaStream_t stream, unsigned int flags)
{
	struct emu_device *d;
	struct emu_event *e;
	struct emu_stream *s;
	cudaError_t err = event_enter(&d, event, &e);

	if (err)
		return err;
	s = emu_stream_find_locked(d, stream);
	if (!s)
		err = cudaErrorInvalidResourceHandle;
	else if (s->capture && flags)
		err = emu_capture_refuse_locked(s);
	else
		err = record_locked(d, e, s);
	pthread_mutex_unlock(&d->lock);
	return err;
}

EMU_API cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
	return emu_leave(event_record(event, stream, 0));
}

EMU_API cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream,
					     unsigned int flags)
{
	return emu_leave(flags > 1 ? cudaErrorInvalidValue : event_record(event, stream, flags));
}

/* An event that was never recorded counts as complete. */
EMU_API cudaError_t cudaEventQuery(cudaEvent_t event)
{
	struct emu_device *d;
	struct emu_event *e;
	cudaError_t err = event_enter(&d, event, &e);

	if (err)
		return emu_leave(err);
	err = emu_capture_check_event_locked(d, e);
	if (!err)
		err = emu_op_over(e->op) ? d->sticky : cudaErrorNotReady;
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}

/* Whether it blocks is the event's own flag, not the device's. */
EMU_API cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
	struct emu_device *d;
	struct emu_event *e;
	cudaError_t err = event_enter(&d, event, &e);

	if (err)
		return emu_leave(err);
	err = emu_capture_check_event_locked(d, e);
	if (!err) {
		emu_wait_locked(d, e->op, !(e->flags & cudaEventBlockingSync),
				d->flags & cudaDeviceScheduleYield);
		err = d->sticky;
	}
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}

static cudaError_t elapsed_locked(struct emu_device *d, float *ms, cudaEvent_t start,
				  cudaEvent_t end)
{
	struct emu_event *a = event_find(d, start), *b = event_find(d, end);

	if (a && b && (a->capture || b->capture))
		return cudaErrorCapturedEvent;
	if (!a || !b || !a->op || !b->op)
		return cudaErrorInvalidResourceHandle;
	if ((a->flags | b->flags) & cudaEventDisableTiming)
		return cudaErrorInvalidResourceHandle;
	if (!emu_op_over(a->op) || !emu_op_over(b->op))
		return cudaErrorNotReady;
	*ms = (float)((double)((int64_t)(b->op->end_ns - a->op->end_ns)) / 1e6);
	return d->sticky;
}

EMU_API cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t start, cudaEvent_t end)
{
	struct emu_device *d;
	cudaError_t err;

	if (!ms)
		return emu_leave(cudaErrorInvalidValue);
	err = emu_enter(&d);
	if (err)
		return emu_leave(err);
	err = elapsed_locked(d, ms, start, end);
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}

static cudaError_t wait_locked(struct emu_device *d, struct emu_stream *s, struct emu_event *e)
{
	struct emu_op *op = emu_op_new(ENGINE_NONE);

	if (op && !emu_op_wait_for_locked(op, e->op))
		return emu_submit_locked(d, s, op);
	emu_op_put_locked(op);
	return cudaErrorMemoryAllocation;
}

EMU_API cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int flags)
{
	struct emu_device *d;
	struct emu_event *e;
	struct emu_stream *s;
	cudaError_t err;

	if (flags > 1)
		return emu_leave(cudaErrorInvalidValue);
	err = event_enter(&d, event, &e);
	if (err)
		return emu_leave(err);
	s = emu_stream_find_locked(d, stream);
	if (!s)
		err = cudaErrorInvalidResourceHandle;
	else if (s->capture || e->capture)
		err = emu_capture_wait_locked(d, s, e);
	else if (!emu_op_over(e->op))
		err = wait_locked(d, s, e);
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}
