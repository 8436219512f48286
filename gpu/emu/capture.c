/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stream capture: work handed to a capturing stream becomes a graph's nodes instead of running.
 *
 * Each stream of a capture has a front, the nodes that its next one waits for. A recorded event keeps
 * a copy of the front; a stream that waits for the event adds that to its own, and by this joins the
 * capture if it was outside.
 */
#include <stdlib.h>
#include <string.h>
#include "emu.h"

static _Thread_local enum cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

int emu_set_add(struct emu_set *set, const struct emu_set *more)
{
	size_t *node;

	if (!more->n)
		return 0;
	node = realloc(set->node, (set->n + more->n) * sizeof(*node));
	if (!node)
		return -1;
	set->node = node;
	for (size_t i = 0; i < more->n; i++) {
		size_t at = 0;

		while (at < set->n && set->node[at] != more->node[i])
			at++;
		if (at == set->n)
			set->node[set->n++] = more->node[i];
	}
	return 0;
}

void emu_set_clear(struct emu_set *set)
{
	free(set->node);
	*set = (struct emu_set){ 0 };
}

enum cudaStreamCaptureMode emu_capture_mode_exchange(enum cudaStreamCaptureMode mode)
{
	enum cudaStreamCaptureMode old = thread_mode;

	thread_mode = mode;
	return old;
}

static cudaError_t spoil(struct emu_capture *c, cudaError_t err)
{
	c->invalid = true;
	return err;
}

cudaError_t emu_capture_refuse_locked(struct emu_stream *s)
{
	return spoil(s->capture, cudaErrorNotSupported);
}

static struct emu_capture *capture_by_id(const struct emu_device *d, uint64_t id)
{
	struct emu_capture *c = d->captures;

	while (c && c->id != id)
		c = c->next;
	return c;
}

cudaError_t emu_capture_begin_locked(struct emu_device *d, struct emu_stream *s,
				     enum cudaStreamCaptureMode mode)
{
	static uint64_t last_id;
	struct emu_capture *c;

	if (s == d->legacy)
		return cudaErrorStreamCaptureUnsupported;
	if (s->capture)
		return cudaErrorIllegalState;
	c = calloc(1, sizeof(*c));
	if (!c)
		return cudaErrorMemoryAllocation;
	c->graph = emu_graph_new();
	if (!c->graph) {
		free(c);
		return cudaErrorMemoryAllocation;
	}
	c->graph->lanes = 1;
	c->id = ++last_id;
	c->origin = s;
	c->mode = mode;
	c->thread = pthread_self();
	c->next = d->captures;
	d->captures = c;
	s->capture = c;
	s->lane = 0;
	return cudaSuccess;
}

/* Marks all that the nodes wait for. A node's number is above those that it waits for. */
static void ancestors_mark(const struct emu_graph *g, bool *mark)
{
	for (size_t i = g->n; i-- > 0;)
		for (size_t k = 0; mark[i] && k < g->nodes[i].deps.n; k++)
			mark[g->nodes[i].deps.node[k]] = true;
}

/* All that was forked off has to come back to where it began. */
static cudaError_t joined(const struct emu_device *d, const struct emu_capture *c)
{
	const struct emu_set *front = &c->origin->front;
	bool *mark = calloc(c->graph->n + 1, sizeof(*mark)), all = true;

	if (!mark)
		return cudaErrorMemoryAllocation;
	for (size_t i = 0; i < front->n; i++)
		mark[front->node[i]] = true;
	ancestors_mark(c->graph, mark);
	for (const struct emu_stream *s = d->streams; s; s = s->next)
		for (size_t i = 0; s->capture == c && i < s->front.n; i++)
			all &= mark[s->front.node[i]];
	free(mark);
	return all ? cudaSuccess : cudaErrorStreamCaptureUnjoined;
}

static void capture_free(struct emu_device *d, struct emu_capture *c)
{
	struct emu_capture **at = &d->captures;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	for (struct emu_stream *s = d->streams; s; s = s->next) {
		if (s->capture != c)
			continue;
		s->capture = NULL;
		emu_set_clear(&s->front);
	}
	emu_graph_put_locked(c->graph);
	free(c);
}

void emu_captures_free_locked(struct emu_device *d)
{
	while (d->captures)
		capture_free(d, d->captures);
}

cudaError_t emu_capture_end_locked(struct emu_device *d, struct emu_stream *s,
				   struct emu_graph **graph)
{
	struct emu_capture *c = s->capture;
	cudaError_t err;

	if (!c)
		return cudaErrorIllegalState;
	if (c->origin != s)
		return spoil(c, cudaErrorStreamCaptureUnmatched);
	if (c->mode != cudaStreamCaptureModeRelaxed && !pthread_equal(c->thread, pthread_self()))
		return spoil(c, cudaErrorStreamCaptureWrongThread);
	err = c->invalid ? cudaErrorStreamCaptureInvalidated : joined(d, c);
	if (!err) {
		*graph = c->graph;
		c->graph = NULL;
	}
	capture_free(d, c);
	return err;
}

cudaError_t emu_capture_op_locked(struct emu_stream *s, struct emu_op *op)
{
	struct emu_capture *c = s->capture;
	size_t node = c->graph->n;
	struct emu_set self = { &node, 1 };

	op->captured = true;
	if (c->invalid) {
		emu_op_put_locked(op);
		return cudaErrorStreamCaptureInvalidated;
	}
	/* The front's memory goes to the node. */
	if (emu_graph_add_locked(c->graph, op, &s->front, s->lane) || emu_set_add(&s->front, &self))
		return spoil(c, cudaErrorMemoryAllocation);
	return cudaSuccess;
}

cudaError_t emu_capture_record_locked(struct emu_stream *s, struct emu_event *e)
{
	if (s->capture->invalid)
		return cudaErrorStreamCaptureInvalidated;
	emu_op_put_locked(e->op);
	e->op = NULL;
	e->capture = s->capture->id;
	emu_set_clear(&e->front);
	if (emu_set_add(&e->front, &s->front))
		return spoil(s->capture, cudaErrorMemoryAllocation);
	return cudaSuccess;
}

cudaError_t emu_capture_wait_locked(struct emu_device *d, struct emu_stream *s, struct emu_event *e)
{
	struct emu_capture *c = capture_by_id(d, e->capture);

	if (s->capture && s->capture->invalid)
		return cudaErrorStreamCaptureInvalidated;
	if (!e->capture) /* an event that was never recorded waits for nothing */
		return e->op ? spoil(s->capture, cudaErrorStreamCaptureIsolation) : cudaSuccess;
	if (!c)
		return cudaErrorCapturedEvent;
	if (s->capture && s->capture != c) {
		c->invalid = true;
		return spoil(s->capture, cudaErrorStreamCaptureMerge);
	}
	if (s == d->legacy)
		return spoil(c, cudaErrorStreamCaptureImplicit);
	if (c->invalid)
		return cudaErrorStreamCaptureInvalidated;
	if (!s->capture) {
		s->capture = c;
		s->lane = c->graph->lanes++;
	}
	return emu_set_add(&s->front, &e->front) ? spoil(c, cudaErrorMemoryAllocation)
						 : cudaSuccess;
}

cudaError_t emu_capture_check_legacy_locked(struct emu_device *d, const struct emu_stream *s,
					    bool invalidate)
{
	cudaError_t err = cudaSuccess;

	for (struct emu_stream *o = d->streams; s == d->legacy && o; o = o->next) {
		if (!o->capture || !o->blocking)
			continue;
		o->capture->invalid |= invalidate;
		err = cudaErrorStreamCaptureImplicit;
	}
	return err;
}

cudaError_t emu_capture_check_stream_locked(struct emu_device *d, const struct emu_stream *s)
{
	if (s->capture)
		return spoil(s->capture, cudaErrorStreamCaptureUnsupported);
	return emu_capture_check_legacy_locked(d, s, true);
}

cudaError_t emu_capture_check_event_locked(struct emu_device *d, const struct emu_event *e)
{
	struct emu_capture *c = e->capture ? capture_by_id(d, e->capture) : NULL;

	if (c)
		c->invalid = true;
	return e->capture ? cudaErrorCapturedEvent : cudaSuccess;
}

cudaError_t emu_capture_check_all_locked(struct emu_device *d)
{
	for (struct emu_capture *c = d->captures; c; c = c->next)
		c->invalid = true;
	return d->captures ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

/* By the modes of the capture and of this thread, see cudaThreadExchangeStreamCaptureMode. */
static bool forbids(const struct emu_capture *c)
{
	if (thread_mode == cudaStreamCaptureModeRelaxed || c->mode == cudaStreamCaptureModeRelaxed)
		return false;
	if (pthread_equal(c->thread, pthread_self()))
		return true;
	return thread_mode == cudaStreamCaptureModeGlobal && c->mode == cudaStreamCaptureModeGlobal;
}

cudaError_t emu_capture_check_call_locked(struct emu_device *d)
{
	cudaError_t err = cudaSuccess;

	for (struct emu_capture *c = d->captures; c; c = c->next)
		if (forbids(c))
			err = spoil(c, cudaErrorStreamCaptureUnsupported);
	return err;
}
