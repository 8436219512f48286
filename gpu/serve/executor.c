/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The executor: the one thread that drives the device. Prefills new requests together, then decodes
 * all requests it has side by side, a token each a pass; new ones join between passes.
 */
#include <string.h>
#include "server.h"

struct executor {
	struct server *server;
	struct forward_pass pass;
	struct request *waiting;		 /* handed over, not yet on the device */
	struct request *active[MODEL_MAX_BATCH]; /* by slot */
	unsigned int active_n;
	bool closed;
};

static void chain_drop(struct server *s, struct request *r)
{
	while (r) {
		struct request *next = r->batch_next;

		server_drop(s, r);
		r = next;
	}
}

/* Waits for work when there is none. */
static void work_fetch(struct executor *e)
{
	struct server *s = e->server;

	if (e->waiting || e->closed)
		return;
	e->waiting = queue_pop(&s->to_execute, e->active_n ? 0 : QUEUE_FOREVER, &e->closed);
	if (e->waiting && server_stopping(s)) {
		chain_drop(s, e->waiting);
		e->waiting = NULL;
	}
}

static unsigned int slot_free(const struct executor *e)
{
	unsigned int slot = 0;

	while (e->active[slot])
		slot++;
	return slot;
}

/* Puts all its known tokens into the pass; the last one asks for the next token. */
static void prompt_add(struct forward_pass *p, const struct request *r)
{
	for (int32_t i = 0; i < r->n; i++) {
		p->token[p->rows] = r->token[i];
		p->position[p->rows] = i;
		p->slot[p->rows] = (int32_t)r->slot;
		p->rows++;
	}
	p->pick[p->samples++] = p->rows - 1;
}

static void token_take(struct executor *e, struct request *r, int32_t token, float margin)
{
	if (r->certain_n == r->n && margin >= MARGIN_TOLERANCE)
		r->certain_n++;
	if (margin < MARGIN_TOLERANCE)
		e->server->executor.uncertain++;
	if (margin < r->min_margin)
		r->min_margin = margin;
	r->token[r->n++] = token;
}

static void requests_finish(struct executor *e, uint64_t end_ns)
{
	for (unsigned int i = 0; i < MODEL_MAX_BATCH; i++) {
		struct request *r = e->active[i];

		if (!r || r->n < r->want)
			continue;
		e->active[i] = NULL;
		e->active_n--;
		r->decode_end_ns = end_ns;
		request_leave(r);
		wait_begin(SPAN_REPLY_QUEUE, r);
		queue_push(&e->server->to_detokenise, r);
	}
}

static struct pass_size pass_size(const struct forward_pass *p)
{
	return (struct pass_size){ .requests = (uint32_t)p->samples,
				   .tokens = (uint32_t)p->tokens,
				   .padded = (uint32_t)p->rows };
}

/* padding: rows of no request, until there are so many. They go through the whole model. */
static void pass_pad(struct executor *e, int32_t rows)
{
	struct forward_pass *p = &e->pass;

	p->tokens = p->rows;
	for (int32_t i = 0; p->rows < rows && p->rows < FORWARD_MAX_ROWS; i++, p->rows++) {
		p->token[p->rows] = 0;
		p->position[p->rows] = i % MODEL_MAX_PADDED;
		p->slot[p->rows] = (int32_t)e->server->options.max_batch;
	}
	if (p->rows > p->tokens)
		p->same_shape = false;
}

static int32_t padded_length(const struct server *s, const struct request *r)
{
	int32_t length = (int32_t)s->options.plant.pad_tokens;

	return r->n > length ? r->n : length;
}

static int prefill(struct executor *e)
{
	struct server *s = e->server;
	struct request *taken[MODEL_MAX_BATCH];
	struct pass_size size;
	uint64_t begin, end;
	int32_t padded = 0;
	int err;

	e->pass.rows = e->pass.samples = 0;
	e->pass.same_shape = false;
	while (e->waiting && e->active_n < s->options.max_batch &&
	       padded + padded_length(s, e->waiting) <= FORWARD_MAX_ROWS) {
		struct request *r = e->waiting;

		padded += padded_length(s, r);
		e->waiting = r->batch_next;
		r->slot = slot_free(e);
		r->certain_n = r->n;
		r->min_margin = 1e30f;
		e->active[r->slot] = r;
		e->active_n++;
		taken[e->pass.samples] = r;
		wait_end(&s->spans, SPAN_BATCH_QUEUE, r);
		prompt_add(&e->pass, r);
	}
	if (!e->pass.samples)
		return 0;
	pass_pad(e, padded);
	size = pass_size(&e->pass);
	begin = pass_begin(SPAN_PREFILL, &size, taken);
	scenario_prefill(s);
	err = forward_run(&s->forward, &e->pass);
	if (err)
		return err;
	end = pass_end(&s->spans, SPAN_PREFILL, &size, begin);
	for (int32_t i = 0; i < e->pass.samples; i++) {
		taken[i]->prefill_begin_ns = begin;
		taken[i]->prefill_end_ns = end;
		token_take(e, taken[i], e->pass.next[i], e->pass.margin[i]);
	}
	s->executor.prefills++;
	s->executor.prefill_rows += (uint64_t)e->pass.rows;
	s->executor.prefill_device_ns += e->pass.device_ns;
	requests_finish(e, end);
	return 0;
}

static int decode(struct executor *e)
{
	struct server *s = e->server;
	struct request *taken[MODEL_MAX_BATCH];
	struct forward_pass *p = &e->pass;
	struct pass_size size;
	uint64_t begin, end;
	int err;

	p->rows = p->samples = 0;
	p->same_shape = true;
	for (unsigned int i = 0; i < MODEL_MAX_BATCH; i++) {
		struct request *r = e->active[i];

		if (!r)
			continue;
		taken[p->rows] = r;
		p->token[p->rows] = r->token[r->n - 1];
		p->position[p->rows] = r->n - 1;
		p->slot[p->rows] = (int32_t)i;
		p->pick[p->samples++] = p->rows++;
	}
	if (!p->rows)
		return 0;
	pass_pad(e, (int32_t)s->options.plant.pad_tokens / 4);
	size = pass_size(p);
	begin = pass_begin(SPAN_DECODE, &size, NULL);
	err = forward_run(&s->forward, p);
	if (err)
		return err;
	end = pass_end(&s->spans, SPAN_DECODE, &size, begin);
	for (int32_t i = 0; i < p->samples; i++)
		token_take(e, taken[i], p->next[i], p->margin[i]);
	s->executor.decodes++;
	s->executor.decode_rows += (uint64_t)p->rows;
	s->executor.decode_device_ns += p->device_ns;
	requests_finish(e, end);
	return 0;
}

/* After a CUDA error nothing can be finished any more. */
static void give_up(struct executor *e)
{
	struct server *s = e->server;
	struct request *r;

	__atomic_store_n(&s->failed, true, __ATOMIC_RELEASE);
	server_stop(s);
	for (unsigned int i = 0; i < MODEL_MAX_BATCH; i++)
		if (e->active[i]) {
			request_leave(e->active[i]);
			server_drop(s, e->active[i]);
		}
	chain_drop(s, e->waiting);
	while ((r = queue_pop(&s->to_execute, QUEUE_FOREVER, &e->closed)))
		chain_drop(s, r);
}

void executor_run(struct server *s)
{
	struct executor e = { .server = s };
	int err = 0;

	while (!err) {
		work_fetch(&e);
		if (!e.active_n && !e.waiting) {
			if (e.closed)
				break;
			continue;
		}
		if (e.waiting)
			err = prefill(&e);
		if (!err)
			err = decode(&e);
	}
	if (err)
		give_up(&e);
	queue_leave(&s->to_detokenise);
}
