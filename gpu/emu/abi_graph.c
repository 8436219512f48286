/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Exported: stream capture and graphs. Graphs come from capture only; nodes cannot be added by hand. */
#include "emu.h"

/* AutoFreeOnLaunch, Upload, UseNodePriority; DeviceLaunch is not there. */
#define INSTANTIATE_FLAGS 0x0bULL

EMU_API cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode)
{
	struct emu_device *d;
	struct emu_stream *s;
	cudaError_t err;

	if ((unsigned int)mode > cudaStreamCaptureModeRelaxed)
		return emu_leave(cudaErrorInvalidValue);
	err = emu_stream_enter(&d, stream, &s);
	if (err)
		return emu_leave(err);
	err = emu_capture_begin_locked(d, s, mode);
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}

EMU_API cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
	struct emu_device *d;
	struct emu_stream *s;
	struct emu_graph *g = NULL;
	cudaError_t err;

	if (!graph)
		return emu_leave(cudaErrorInvalidValue);
	*graph = NULL;
	err = emu_stream_enter(&d, stream, &s);
	if (err)
		return emu_leave(err);
	err = emu_capture_end_locked(d, s, &g);
	if (!err) {
		g->next = d->graphs;
		d->graphs = g;
		*graph = (cudaGraph_t)g;
	}
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}

EMU_API cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *status)
{
	struct emu_device *d;
	struct emu_stream *s;
	cudaError_t err;

	if (!status)
		return emu_leave(cudaErrorInvalidValue);
	err = emu_stream_enter(&d, stream, &s);
	if (err)
		return emu_leave(err);
	*status = !s->capture		? cudaStreamCaptureStatusNone
		  : s->capture->invalid ? cudaStreamCaptureStatusInvalidated
					: cudaStreamCaptureStatusActive;
	err = emu_capture_check_legacy_locked(d, s, false);
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}

EMU_API cudaError_t cudaThreadExchangeStreamCaptureMode(enum cudaStreamCaptureMode *mode)
{
	if (!mode || (unsigned int)*mode > cudaStreamCaptureModeRelaxed)
		return emu_leave(cudaErrorInvalidValue);
	*mode = emu_capture_mode_exchange(*mode);
	return emu_leave(cudaSuccess);
}

EMU_API cudaError_t cudaGraphCreate(cudaGraph_t *graph, unsigned int flags)
{
	struct emu_device *d;
	struct emu_graph *g;
	cudaError_t err;

	if (!graph || flags)
		return emu_leave(cudaErrorInvalidValue);
	err = emu_enter(&d);
	if (err)
		return emu_leave(err);
	g = emu_graph_new();
	if (g) {
		g->lanes = 1;
		g->next = d->graphs;
		d->graphs = g;
	}
	*graph = (cudaGraph_t)g;
	pthread_mutex_unlock(&d->lock);
	return emu_leave(g ? cudaSuccess : cudaErrorMemoryAllocation);
}

/* Where the graph stands in its list; *it is NULL: nowhere. */
static struct emu_graph **graph_at(struct emu_device *d, cudaGraph_t handle)
{
	struct emu_graph **at = &d->graphs;

	while (*at && (cudaGraph_t)*at != handle)
		at = &(*at)->next;
	return at;
}

static struct emu_exec **exec_at(struct emu_device *d, cudaGraphExec_t handle)
{
	struct emu_exec **at = &d->execs;

	while (*at && (cudaGraphExec_t)*at != handle)
		at = &(*at)->next;
	return at;
}

EMU_API cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
	struct emu_device *d;
	struct emu_graph **at, *g;
	cudaError_t err = emu_enter(&d);

	if (err)
		return emu_leave(err);
	at = graph_at(d, graph);
	g = *at;
	if (g) {
		*at = g->next;
		emu_graph_put_locked(g);
	}
	pthread_mutex_unlock(&d->lock);
	return emu_leave(g ? cudaSuccess : cudaErrorInvalidValue);
}

EMU_API cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *n)
{
	struct emu_device *d;
	struct emu_graph *g;
	cudaError_t err;

	if (!n)
		return emu_leave(cudaErrorInvalidValue);
	err = emu_enter(&d);
	if (err)
		return emu_leave(err);
	g = *graph_at(d, graph);
	if (g) {
		for (size_t i = 0; nodes && i < *n; i++)
			nodes[i] = i < g->n ? (cudaGraphNode_t)&g->nodes[i] : NULL;
		if (!nodes || *n > g->n)
			*n = g->n;
	}
	pthread_mutex_unlock(&d->lock);
	return emu_leave(g ? cudaSuccess : cudaErrorInvalidValue);
}

static cudaError_t instantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags)
{
	struct emu_device *d;
	struct emu_graph *g;
	struct emu_exec *x = NULL;
	cudaError_t err;

	if (!exec || (flags & ~INSTANTIATE_FLAGS))
		return cudaErrorInvalidValue;
	err = emu_enter(&d);
	if (err)
		return err;
	g = *graph_at(d, graph);
	if (g)
		x = emu_exec_new_locked(d, g);
	*exec = (cudaGraphExec_t)x;
	pthread_mutex_unlock(&d->lock);
	return x ? cudaSuccess : g ? cudaErrorMemoryAllocation : cudaErrorInvalidValue;
}

EMU_API cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph,
					 unsigned long long flags)
{
	return emu_leave(instantiate(exec, graph, flags));
}

EMU_API cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *exec, cudaGraph_t graph,
						  unsigned long long flags)
{
	return emu_leave(instantiate(exec, graph, flags));
}

EMU_API cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
	struct emu_device *d;
	struct emu_exec **at, *x;
	cudaError_t err = emu_enter(&d);

	if (err)
		return emu_leave(err);
	at = exec_at(d, exec);
	x = *at;
	if (x) {
		*at = x->next;
		emu_exec_free_locked(x);
	}
	pthread_mutex_unlock(&d->lock);
	return emu_leave(x ? cudaSuccess : cudaErrorInvalidValue);
}

/* Nothing has to be brought to this device: a check of the handles. */
EMU_API cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t stream)
{
	struct emu_device *d;
	struct emu_stream *s;
	cudaError_t err = emu_stream_enter(&d, stream, &s);

	if (err)
		return emu_leave(err);
	if (s->capture)
		err = emu_capture_refuse_locked(s);
	else if (!*exec_at(d, exec))
		err = cudaErrorInvalidValue;
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}

EMU_API cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
	struct emu_device *d;
	struct emu_stream *s;
	struct emu_exec *x;
	cudaError_t err = emu_stream_enter(&d, stream, &s);

	if (err)
		return emu_leave(err);
	x = *exec_at(d, exec);
	err = x ? emu_exec_launch_locked(d, x, s) : cudaErrorInvalidValue;
	pthread_mutex_unlock(&d->lock);
	return emu_leave(err);
}
