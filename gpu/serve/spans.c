/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Marks, and the server's own measure of what they mark. */
#include <string.h>
#include "spans.h"

const struct span_row span_rows[SPANS] = {
	[SPAN_TOKENISER_QUEUE] = { "tokeniser queue", SPAN_IS_WAIT },
	[SPAN_TOKENISE] = { "tokenise", SPAN_IS_STAGE },
	[SPAN_ADAPTER] = { "load adapter", SPAN_IS_STAGE },
	[SPAN_BATCH_QUEUE] = { "batch queue", SPAN_IS_WAIT },
	[SPAN_BATCH_WINDOW] = { "batch window", SPAN_IS_STAGE },
	[SPAN_PREFILL] = { "prefill", SPAN_IS_PASS },
	[SPAN_DECODE] = { "decode", SPAN_IS_PASS },
	[SPAN_ALLOCATE] = { "allocate", SPAN_IS_STAGE },
	[SPAN_TO_DEVICE] = { "host to device", SPAN_IS_STAGE },
	[SPAN_LAUNCH] = { "launch", SPAN_IS_STAGE },
	[SPAN_KV_WRITE] = { "KV-cache write", SPAN_IS_STAGE },
	[SPAN_DEVICE_WAIT] = { "wait for device", SPAN_IS_STAGE },
	[SPAN_TO_HOST] = { "device to host", SPAN_IS_STAGE },
	[SPAN_REPLY_QUEUE] = { "reply queue", SPAN_IS_WAIT },
	[SPAN_DETOKENISE] = { "detokenise", SPAN_IS_STAGE },
	[SPAN_REPLY] = { "reply", SPAN_IS_STAGE },
};

void spans_init(struct spans *s)
{
	pthread_mutex_init(&s->lock, NULL);
}

/* What began before this does not count in the window, as in a trace that begins now. */
void spans_window(struct spans *s)
{
	pthread_mutex_lock(&s->lock);
	memset(&s->window, 0, sizeof(s->window));
	s->window.since_ns = clock_ns();
	pthread_mutex_unlock(&s->lock);
}

/* The counts that hold what began then: all, and the window's. */
#define EACH_COUNTS(s, begin_ns, c)                                                          \
	for (struct span_counts *c = &(s)->all; c; c = c == &(s)->all ? &(s)->window : NULL) \
		if ((begin_ns) >= c->since_ns)

static uint64_t id_of(const struct request *r)
{
	return r ? r->id + 1 : 0;
}

static void span_add(struct spans *s, enum span_id id, uint64_t begin_ns, uint64_t end_ns)
{
	pthread_mutex_lock(&s->lock);
	EACH_COUNTS(s, begin_ns, c)
	latency_add(&c->times[id], end_ns - begin_ns);
	pthread_mutex_unlock(&s->lock);
}

uint64_t stage_begin(enum span_id id, const struct request *r)
{
	MARK(stage_begin, span_rows[id].name, id_of(r));
	return clock_ns();
}

uint64_t stage_end(struct spans *s, enum span_id id, uint64_t begin_ns)
{
	uint64_t end_ns = clock_ns();

	MARK(stage_end, span_rows[id].name);
	span_add(s, id, begin_ns, end_ns);
	return end_ns;
}

void wait_begin(enum span_id id, struct request *r)
{
	MARK(wait_begin, span_rows[id].name, id_of(r));
	r->wait_ns = clock_ns();
}

void wait_end(struct spans *s, enum span_id id, struct request *r)
{
	uint64_t end_ns = clock_ns();

	MARK(wait_end, span_rows[id].name, id_of(r));
	span_add(s, id, r->wait_ns, end_ns);
}

uint64_t pass_begin(enum span_id id, const struct pass_size *size, struct request *const *members)
{
	MARK(pass_begin, span_rows[id].name, SPANS_GROUP, size->requests, size->tokens,
	     size->padded);
	for (uint32_t i = 0; members && i < size->requests; i++)
		MARK(pass_member, id_of(members[i]));
	return clock_ns();
}

uint64_t pass_end(struct spans *s, enum span_id id, const struct pass_size *size, uint64_t begin_ns)
{
	uint64_t end_ns = clock_ns();

	MARK(pass_end, span_rows[id].name);
	pthread_mutex_lock(&s->lock);
	EACH_COUNTS(s, begin_ns, c)
	{
		latency_add(&c->times[id], end_ns - begin_ns);
		c->passes[id].requests += size->requests;
		c->passes[id].tokens += size->tokens;
		c->passes[id].padded += size->padded;
		c->passes[id].sizes[size->requests < SPANS_BATCHES ? size->requests
								   : SPANS_BATCHES - 1]++;
	}
	pthread_mutex_unlock(&s->lock);
	return end_ns;
}

void request_begin(struct spans *s, struct request *r)
{
	MARK(request_begin, id_of(r), r->arrival_ns);
	r->begin_ns = clock_ns();
	pthread_mutex_lock(&s->lock);
	EACH_COUNTS(s, r->begin_ns, c)
	c->begun++;
	pthread_mutex_unlock(&s->lock);
}

void request_end(struct spans *s, const struct request *r, uint64_t end_ns)
{
	uint64_t out = (uint64_t)(r->n - r->prompt_n);

	MARK(request_end, id_of(r), (uint64_t)r->prompt_n, out);
	pthread_mutex_lock(&s->lock);
	EACH_COUNTS(s, r->begin_ns, c)
	{
		c->ended++;
		c->tokens_in += (uint64_t)r->prompt_n;
		c->tokens_out += out;
		latency_add(&c->latency, end_ns - r->arrival_ns);
		latency_add(&c->first_token, r->prefill_end_ns - r->arrival_ns);
		if (out > 1)
			latency_add(&c->per_token,
				    (r->decode_end_ns - r->prefill_end_ns) / (out - 1));
	}
	pthread_mutex_unlock(&s->lock);
}

void request_drop(struct spans *s, const struct request *r)
{
	MARK(request_drop, id_of(r));
	pthread_mutex_lock(&s->lock);
	EACH_COUNTS(s, r->begin_ns, c)
	c->dropped++;
	pthread_mutex_unlock(&s->lock);
}

void request_leave(const struct request *r)
{
	MARK(group_leave, SPANS_GROUP, id_of(r));
}
