/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The transformer: copies in, kernels, copies out. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "forward.h"

#define INPUT_INTS  (3 * FORWARD_MAX_ROWS + MODEL_MAX_BATCH)
#define OUTPUT_INTS (2 * MODEL_MAX_BATCH)

static void launched(struct forward *f, enum kernel_id id)
{
	cuda_count_launch(f->counts, id, f->compute);
	if (f->plant->sync_percent)
		forward_plant_launched(f);
}

#define LAUNCH(f, name, ...)                                \
	do {                                                \
		struct name##_args args_ = { __VA_ARGS__ }; \
                                                            \
		name##_launch(&args_, (f)->compute);        \
		launched(f, KERNEL_##name);                 \
	} while (0)

static int device_alloc(struct forward *f, void *to, size_t floats)
{
	return cuda_malloc(f->counts, to, floats * sizeof(float));
}

static int buffers_alloc(struct forward *f)
{
	const struct model_size *s = &f->model->size;
	size_t rows = FORWARD_MAX_ROWS, dim = s->dim;
	size_t cache = (size_t)s->layers * f->slots * s->max_seq * dim;
	const struct {
		void *to;
		size_t floats;
	} buffers[] = {
		{ &f->input, INPUT_INTS },
		{ &f->x, rows * dim },
		{ &f->normed, rows * dim },
		{ &f->qkv, rows * 3 * dim },
		{ &f->attended, rows * dim },
		{ &f->gate_up, rows * 2 * s->hidden },
		{ &f->hidden, rows * s->hidden },
		{ &f->logits, (size_t)MODEL_MAX_BATCH * s->vocab },
		{ &f->k_cache, cache },
		{ &f->v_cache, cache },
		{ &f->output, OUTPUT_INTS },
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]) && !err; i++)
		err = device_alloc(f, buffers[i].to, buffers[i].floats);
	return err;
}

static int host_alloc(struct forward *f, int32_t **to, size_t ints)
{
	if (f->pinned)
		return cuda_host_alloc(f->counts, (void **)to, ints * sizeof(**to));
	*to = calloc(ints, sizeof(**to));
	return *to ? 0 : -ENOMEM;
}

static int streams_create(struct forward *f, bool spin)
{
	unsigned int block = spin ? 0 : cudaEventBlockingSync;
	int err;

	err = CUDA(f->counts, cudaStreamCreateWithPriority, &f->in, cudaStreamNonBlocking, 0);
	if (!err)
		err = CUDA(f->counts, cudaStreamCreateWithPriority, &f->compute,
			   cudaStreamNonBlocking, -1);
	if (!err)
		err = CUDA(f->counts, cudaStreamCreateWithPriority, &f->out, cudaStreamNonBlocking,
			   0);
	if (!err)
		err = CUDA(f->counts, cudaEventCreateWithFlags, &f->in_done,
			   cudaEventDisableTiming | block);
	if (!err)
		err = CUDA(f->counts, cudaEventCreateWithFlags, &f->compute_done,
			   cudaEventDisableTiming | block);
	if (!err)
		err = CUDA(f->counts, cudaEventCreateWithFlags, &f->begin, block);
	if (!err)
		err = CUDA(f->counts, cudaEventCreateWithFlags, &f->end, block);
	if (!err && f->graphs)
		err = CUDA(f->counts, cudaEventCreateWithFlags, &f->fork, cudaEventDisableTiming);
	if (!err && f->graphs)
		err = CUDA(f->counts, cudaEventCreateWithFlags, &f->join, cudaEventDisableTiming);
	return err;
}

int forward_init(struct forward *f, const struct model *model, struct cuda_counts *counts,
		 const struct forward_options *o)
{
	int err;

	*f = (struct forward){ .model = model,
			       .counts = counts,
			       .spans = o->spans,
			       .plant = o->plant,
			       .slots = o->slots,
			       .pinned = o->pinned,
			       .graphs = o->graphs };
	err = streams_create(f, o->spin);
	if (!err)
		err = buffers_alloc(f);
	if (!err)
		err = host_alloc(f, &f->host_input, INPUT_INTS);
	if (!err)
		err = host_alloc(f, &f->host_output, OUTPUT_INTS);
	if (!err)
		err = forward_plant_init(f);
	if (err)
		forward_free(f);
	return err;
}

void forward_free(struct forward *f)
{
	void *const device[] = { f->input,    f->x,	  f->normed, f->qkv,
				 f->attended, f->gate_up, f->hidden, f->logits,
				 f->k_cache,  f->v_cache, f->output };
	void *const host[] = { f->host_input, f->host_output };
	const cudaEvent_t events[] = { f->in_done, f->compute_done, f->begin,
				       f->end,	   f->fork,	    f->join };
	const cudaStream_t streams[] = { f->in, f->compute, f->out };

	for (size_t i = 0; i <= MODEL_MAX_BATCH; i++)
		if (f->graph[i].exec)
			CUDA(f->counts, cudaGraphExecDestroy, f->graph[i].exec);
	for (size_t i = 0; i < sizeof(device) / sizeof(device[0]); i++)
		if (device[i])
			cuda_free(f->counts, device[i]);
	for (size_t i = 0; i < sizeof(host) / sizeof(host[0]); i++) {
		if (host[i] && f->pinned)
			cuda_host_free(f->counts, host[i]);
		else
			free(host[i]);
	}
	forward_plant_free(f);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i])
			CUDA(f->counts, cudaEventDestroy, events[i]);
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++)
		if (streams[i])
			CUDA(f->counts, cudaStreamDestroy, streams[i]);
	*f = (struct forward){ 0 };
}

static void matmul(struct forward *f, float *out, const float *x, size_t weight,
		   const int32_t *pick, int32_t rows, int32_t in, int32_t out_dim,
		   int32_t accumulate)
{
	struct matmul_args a = { .out = out,
				 .x = x,
				 .weight = f->model->weights + weight,
				 .pick = pick,
				 .rows = rows,
				 .in = in,
				 .out_dim = out_dim,
				 .accumulate = accumulate };

	if (f->plant->pieces) {
		forward_plant_matmul(f, &a);
		return;
	}
	matmul_launch(&a, f->compute);
	launched(f, KERNEL_matmul);
}

static void rmsnorm(struct forward *f, size_t weight, int32_t rows)
{
	LAUNCH(f, rmsnorm, .out = f->normed, .x = f->x, .weight = f->model->weights + weight,
	       .rows = rows, .dim = f->model->size.dim, .eps = 1e-5f);
}

static void layer_launch(struct forward *f, int layer, int32_t rows)
{
	const struct model_size *s = &f->model->size;
	const struct layer_weights *w = &f->model->map.layer[layer];
	size_t cache = (size_t)layer * f->slots * s->max_seq * s->dim;
	const int32_t *position = f->input + rows, *slot = f->input + 2 * rows;
	int32_t head_dim = s->dim / s->heads;
	uint64_t begin;

	rmsnorm(f, w->norm1, rows);
	matmul(f, f->qkv, f->normed, w->qkv, NULL, rows, s->dim, 3 * s->dim, 0);
	begin = stage_begin(SPAN_KV_WRITE, NULL);
	LAUNCH(f, rope, .qkv = f->qkv, .k_cache = f->k_cache + cache, .v_cache = f->v_cache + cache,
	       .cos_sin = f->model->cos_sin, .position = position, .slot = slot, .rows = rows,
	       .dim = s->dim, .head_dim = head_dim, .max_seq = s->max_seq);
	stage_end(f->spans, SPAN_KV_WRITE, begin);
	LAUNCH(f, attention, .out = f->attended, .qkv = f->qkv, .k_cache = f->k_cache + cache,
	       .v_cache = f->v_cache + cache, .position = position, .slot = slot, .rows = rows,
	       .dim = s->dim, .head_dim = head_dim, .max_seq = s->max_seq,
	       .scale = 1.0f / sqrtf((float)head_dim));
	matmul(f, f->x, f->attended, w->out, NULL, rows, s->dim, s->dim, 1);
	rmsnorm(f, w->norm2, rows);
	matmul(f, f->gate_up, f->normed, w->gate_up, NULL, rows, s->dim, 2 * s->hidden, 0);
	LAUNCH(f, swiglu, .out = f->hidden, .gate_up = f->gate_up, .rows = rows,
	       .hidden = s->hidden);
	matmul(f, f->x, f->hidden, w->down, NULL, rows, s->hidden, s->dim, 1);
}

static void kernels_launch(struct forward *f, const struct forward_pass *pass)
{
	const struct model *m = f->model;
	int32_t rows = pass->rows, samples = pass->samples;

	LAUNCH(f, embed, .out = f->x, .table = m->weights + m->map.embed, .token = f->input,
	       .rows = rows, .dim = m->size.dim);
	for (int l = 0; l < m->size.layers; l++)
		layer_launch(f, l, rows);
	rmsnorm(f, m->map.norm, rows);
	matmul(f, f->logits, f->normed, m->map.head, f->input + 3 * rows, samples, m->size.dim,
	       m->size.vocab, 0);
	LAUNCH(f, argmax, .token = f->output, .margin = (void *)(f->output + samples),
	       .logits = f->logits, .rows = samples, .vocab = m->size.vocab);
}

/* Rows side by side, so that one copy carries them all. */
static void input_pack(struct forward *f, const struct forward_pass *pass)
{
	size_t rows = pass->rows, bytes = rows * sizeof(int32_t);

	memcpy(f->host_input, pass->token, bytes);
	memcpy(f->host_input + rows, pass->position, bytes);
	memcpy(f->host_input + 2 * rows, pass->slot, bytes);
	memcpy(f->host_input + 3 * rows, pass->pick, pass->samples * sizeof(int32_t));
}

static size_t input_bytes(const struct forward_pass *pass)
{
	return (3 * (size_t)pass->rows + (size_t)pass->samples) * sizeof(int32_t);
}

static int copy_in(struct forward *f, const struct forward_pass *pass)
{
	struct cuda_counts *c = f->counts;
	int err = cuda_copy(c, f->input, f->host_input, input_bytes(pass), cudaMemcpyHostToDevice,
			    f->in);

	if (!err)
		err = CUDA(c, cudaEventRecord, f->in_done, f->in);
	if (!err)
		err = CUDA(c, cudaStreamWaitEvent, f->compute, f->in_done, 0);
	return err;
}

static int copy_out(struct forward *f, const struct forward_pass *pass)
{
	struct cuda_counts *c = f->counts;
	size_t bytes = 2 * (size_t)pass->samples * sizeof(int32_t);
	int err = CUDA(c, cudaEventRecord, f->compute_done, f->compute);

	if (!err)
		err = CUDA(c, cudaStreamWaitEvent, f->out, f->compute_done, 0);
	if (!err)
		err = cuda_copy(c, f->host_output, f->output, bytes, cudaMemcpyDeviceToHost,
				f->out);
	return err;
}

static int device_wait(struct forward *f, cudaStream_t stream)
{
	uint64_t begin = stage_begin(SPAN_DEVICE_WAIT, NULL);
	int err = cuda_sync(f->counts, stream);

	stage_end(f->spans, SPAN_DEVICE_WAIT, begin);
	return err;
}

static int pass_launch(struct forward *f, const struct forward_pass *pass)
{
	struct cuda_counts *c = f->counts;
	uint64_t begin = stage_begin(SPAN_TO_DEVICE, NULL);
	int err;

	input_pack(f, pass);
	err = forward_plant_copies(f);
	if (!err)
		err = copy_in(f, pass);
	stage_end(f->spans, SPAN_TO_DEVICE, begin);
	if (err)
		return err;
	begin = stage_begin(SPAN_LAUNCH, NULL);
	err = CUDA(c, cudaEventRecord, f->begin, f->compute);
	if (!err) {
		forward_plant_kernel(f);
		kernels_launch(f, pass);
	}
	if (!err)
		err = CUDA(c, cudaGetLastError);
	if (!err)
		err = CUDA(c, cudaEventRecord, f->end, f->compute);
	stage_end(f->spans, SPAN_LAUNCH, begin);
	if (err)
		return err;
	begin = stage_begin(SPAN_TO_HOST, NULL);
	err = copy_out(f, pass);
	stage_end(f->spans, SPAN_TO_HOST, begin);
	return err ? err : device_wait(f, f->out);
}

/* Begins on the compute stream; the streams of the copies join by events. */
static int pass_capture(struct forward *f, const struct forward_pass *pass)
{
	struct forward_graph *g = &f->graph[pass->rows];
	struct cuda_counts *c = f->counts;
	uint64_t before = c->calls[CALL_cudaLaunchKernel];
	cudaGraph_t graph = NULL;
	int err;

	err = CUDA(c, cudaStreamBeginCapture, f->compute, cudaStreamCaptureModeThreadLocal);
	if (!err)
		err = CUDA(c, cudaEventRecord, f->fork, f->compute);
	if (!err)
		err = CUDA(c, cudaStreamWaitEvent, f->in, f->fork, 0);
	if (!err)
		err = copy_in(f, pass);
	if (err)
		return err;
	kernels_launch(f, pass);
	err = CUDA(c, cudaGetLastError);
	if (!err)
		err = copy_out(f, pass);
	if (!err)
		err = CUDA(c, cudaEventRecord, f->join, f->out);
	if (!err)
		err = CUDA(c, cudaStreamWaitEvent, f->compute, f->join, 0);
	if (!err)
		err = CUDA(c, cudaStreamEndCapture, f->compute, &graph);
	if (!err)
		err = CUDA(c, cudaGraphInstantiate, &g->exec, graph, 0);
	if (graph)
		CUDA(c, cudaGraphDestroy, graph);
	g->kernels = c->calls[CALL_cudaLaunchKernel] - before;
	c->graphs.made += !err;
	return err;
}

static int pass_replay(struct forward *f, const struct forward_pass *pass)
{
	const struct forward_graph *g = &f->graph[pass->rows];
	struct cuda_counts *c = f->counts;
	uint64_t begin = stage_begin(SPAN_TO_DEVICE, NULL);
	int err;

	input_pack(f, pass);
	err = forward_plant_copies(f);
	stage_end(f->spans, SPAN_TO_DEVICE, begin);
	begin = stage_begin(SPAN_LAUNCH, NULL);
	if (!err && !g->exec)
		err = pass_capture(f, pass);
	if (!err)
		err = CUDA(c, cudaEventRecord, f->begin, f->compute);
	if (!err)
		forward_plant_kernel(f);
	if (!err)
		err = cuda_graph_launch(c, g->exec, g->kernels, f->compute);
	if (!err)
		err = CUDA(c, cudaEventRecord, f->end, f->compute);
	stage_end(f->spans, SPAN_LAUNCH, begin);
	return err ? err : device_wait(f, f->compute);
}

int forward_run(struct forward *f, struct forward_pass *pass)
{
	float ms = 0;
	int err;

	err = forward_plant_allocs(f);
	if (err)
		return err;
	err = f->graphs && pass->same_shape ? pass_replay(f, pass) : pass_launch(f, pass);
	if (!err)
		err = CUDA(f->counts, cudaEventElapsedTime, &ms, f->begin, f->end);
	if (err)
		return err;
	pass->device_ns = ms > 0 ? (uint64_t)((double)ms * 1e6) : 0;
	memcpy(pass->next, f->host_output, pass->samples * sizeof(int32_t));
	memcpy(pass->margin, f->host_output + pass->samples, pass->samples * sizeof(float));
	return 0;
}
