/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The transformer: copies in, kernels, copies out. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "forward.h"

#define INPUT_INTS  (3 * FORWARD_MAX_ROWS + MODEL_MAX_BATCH)
#define OUTPUT_INTS (2 * MODEL_MAX_BATCH)

static int device_alloc(struct forward *f, void *to, size_t floats)
{
	return CUDA(f->counts, cudaMalloc, to, floats * sizeof(float));
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
		return CUDA(f->counts, cudaHostAlloc, (void **)to, ints * sizeof(**to),
			    cudaHostAllocDefault);
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
	return err;
}

int forward_init(struct forward *f, const struct model *model, struct cuda_counts *counts,
		 unsigned int slots, bool pinned, bool spin)
{
	int err;

	*f = (struct forward){ .model = model, .counts = counts, .slots = slots, .pinned = pinned };
	err = streams_create(f, spin);
	if (!err)
		err = buffers_alloc(f);
	if (!err)
		err = host_alloc(f, &f->host_input, INPUT_INTS);
	if (!err)
		err = host_alloc(f, &f->host_output, OUTPUT_INTS);
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
	const cudaEvent_t events[] = { f->in_done, f->compute_done, f->begin, f->end };
	const cudaStream_t streams[] = { f->in, f->compute, f->out };

	for (size_t i = 0; i < sizeof(device) / sizeof(device[0]); i++)
		if (device[i])
			CUDA(f->counts, cudaFree, device[i]);
	for (size_t i = 0; i < sizeof(host) / sizeof(host[0]); i++) {
		if (host[i] && f->pinned)
			CUDA(f->counts, cudaFreeHost, host[i]);
		else
			free(host[i]);
	}
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
	CUDA_LAUNCH(f->counts, matmul, f->compute, .out = out, .x = x,
		    .weight = f->model->weights + weight, .pick = pick, .rows = rows, .in = in,
		    .out_dim = out_dim, .accumulate = accumulate);
}

static void rmsnorm(struct forward *f, size_t weight, int32_t rows)
{
	CUDA_LAUNCH(f->counts, rmsnorm, f->compute, .out = f->normed, .x = f->x,
		    .weight = f->model->weights + weight, .rows = rows, .dim = f->model->size.dim,
		    .eps = 1e-5f);
}

static void layer_launch(struct forward *f, int layer, int32_t rows)
{
	const struct model_size *s = &f->model->size;
	const struct layer_weights *w = &f->model->map.layer[layer];
	size_t cache = (size_t)layer * f->slots * s->max_seq * s->dim;
	const int32_t *position = f->input + rows, *slot = f->input + 2 * rows;
	int32_t head_dim = s->dim / s->heads;

	rmsnorm(f, w->norm1, rows);
	matmul(f, f->qkv, f->normed, w->qkv, NULL, rows, s->dim, 3 * s->dim, 0);
	CUDA_LAUNCH(f->counts, rope, f->compute, .qkv = f->qkv, .k_cache = f->k_cache + cache,
		    .v_cache = f->v_cache + cache, .cos_sin = f->model->cos_sin,
		    .position = position, .slot = slot, .rows = rows, .dim = s->dim,
		    .head_dim = head_dim, .max_seq = s->max_seq);
	CUDA_LAUNCH(f->counts, attention, f->compute, .out = f->attended, .qkv = f->qkv,
		    .k_cache = f->k_cache + cache, .v_cache = f->v_cache + cache,
		    .position = position, .slot = slot, .rows = rows, .dim = s->dim,
		    .head_dim = head_dim, .max_seq = s->max_seq,
		    .scale = 1.0f / sqrtf((float)head_dim));
	matmul(f, f->x, f->attended, w->out, NULL, rows, s->dim, s->dim, 1);
	rmsnorm(f, w->norm2, rows);
	matmul(f, f->gate_up, f->normed, w->gate_up, NULL, rows, s->dim, 2 * s->hidden, 0);
	CUDA_LAUNCH(f->counts, swiglu, f->compute, .out = f->hidden, .gate_up = f->gate_up,
		    .rows = rows, .hidden = s->hidden);
	matmul(f, f->x, f->hidden, w->down, NULL, rows, s->hidden, s->dim, 1);
}

static void kernels_launch(struct forward *f, const struct forward_pass *pass)
{
	const struct model *m = f->model;
	int32_t rows = pass->rows, samples = pass->samples;

	CUDA_LAUNCH(f->counts, embed, f->compute, .out = f->x, .table = m->weights + m->map.embed,
		    .token = f->input, .rows = rows, .dim = m->size.dim);
	for (int l = 0; l < m->size.layers; l++)
		layer_launch(f, l, rows);
	rmsnorm(f, m->map.norm, rows);
	matmul(f, f->logits, f->normed, m->map.head, f->input + 3 * rows, samples, m->size.dim,
	       m->size.vocab, 0);
	CUDA_LAUNCH(f->counts, argmax, f->compute, .token = f->output,
		    .margin = (void *)(f->output + samples), .logits = f->logits, .rows = samples,
		    .vocab = m->size.vocab);
}

/* Rows side by side, so that one copy carries them all. */
static size_t input_pack(struct forward *f, const struct forward_pass *pass)
{
	size_t rows = pass->rows, bytes = rows * sizeof(int32_t);

	memcpy(f->host_input, pass->token, bytes);
	memcpy(f->host_input + rows, pass->position, bytes);
	memcpy(f->host_input + 2 * rows, pass->slot, bytes);
	memcpy(f->host_input + 3 * rows, pass->pick, pass->samples * sizeof(int32_t));
	return 3 * bytes + pass->samples * sizeof(int32_t);
}

static int submit(struct forward *f, struct forward_pass *pass)
{
	size_t in = input_pack(f, pass), out = 2 * pass->samples * sizeof(int32_t);
	struct cuda_counts *c = f->counts;
	int err;

	err = cuda_copy(c, f->input, f->host_input, in, cudaMemcpyHostToDevice, f->in);
	if (!err)
		err = CUDA(c, cudaEventRecord, f->in_done, f->in);
	if (!err)
		err = CUDA(c, cudaStreamWaitEvent, f->compute, f->in_done, 0);
	if (!err)
		err = CUDA(c, cudaEventRecord, f->begin, f->compute);
	if (err)
		return err;
	kernels_launch(f, pass);
	err = CUDA(c, cudaGetLastError);
	if (!err)
		err = CUDA(c, cudaEventRecord, f->end, f->compute);
	if (!err)
		err = CUDA(c, cudaEventRecord, f->compute_done, f->compute);
	if (!err)
		err = CUDA(c, cudaStreamWaitEvent, f->out, f->compute_done, 0);
	if (!err)
		err = cuda_copy(c, f->host_output, f->output, out, cudaMemcpyDeviceToHost, f->out);
	return err;
}

int forward_run(struct forward *f, struct forward_pass *pass)
{
	float ms = 0;
	int err = submit(f, pass);

	if (!err)
		err = CUDA(f->counts, cudaStreamSynchronize, f->out);
	if (!err)
		err = CUDA(f->counts, cudaEventElapsedTime, &ms, f->begin, f->end);
	if (err)
		return err;
	pass->device_ns = ms > 0 ? (uint64_t)((double)ms * 1e6) : 0;
	memcpy(pass->next, f->host_output, pass->samples * sizeof(int32_t));
	memcpy(pass->margin, f->host_output + pass->samples, pass->samples * sizeof(float));
	return 0;
}
