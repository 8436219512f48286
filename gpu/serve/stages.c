/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The stages on the CPU: frontend (load generator), tokenizers, batcher, detokenizer. */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "server.h"

const char *const frontend_words[] = {
	"the",	  "a",	    "of",     "and",	 "in",	    "to",	   "is",
	"that",	  "tracer", "thread", "kernel",	 "stream",  "copy",	   "device",
	"memory", "batch",  "queue",  "token",	 "request", "server",	   "waits",
	"runs",	  "blocks", "wakes",  "returns", "before",  "after",	   "every",
	"slow",	  "fast",   "first",  "last",	 "time",    "nanoseconds", "where",
	"did",	  "go",	    "why",    "which",	 "how",	    NULL,
};

/* Sleeps until then, or until the server stops. */
static void sleep_until(struct server *s, uint64_t until_ns)
{
	while (!server_stopping(s)) {
		uint64_t now = clock_ns(), ns;
		struct timespec ts;

		if (now >= until_ns)
			return;
		/* At most 50 ms at a time: what a stop may have to wait. */
		ns = until_ns - now < 50000000 ? until_ns - now : 50000000;
		ts = (struct timespec){ 0, (long)ns };
		nanosleep(&ts, NULL);
	}
}

/* Depends on the seed and the number of the request alone, not on when it is made. */
static struct request *request_make(const struct server *s, uint64_t id)
{
	struct request *r = calloc(1, sizeof(*r));
	uint64_t state = s->options.seed ^ (id * 0x2545f4914f6cdd1dULL);
	size_t words, kinds = 0, at = 0;

	if (!r)
		return NULL;
	while (frontend_words[kinds])
		kinds++;
	r->id = id;
	words = 6 + random_next(&state) % 14;
	for (size_t i = 0; i < words; i++) {
		const char *word = frontend_words[random_next(&state) % kinds];

		if (at + strlen(word) + 2 > sizeof(r->text))
			break;
		at += (size_t)snprintf(r->text + at, sizeof(r->text) - at, "%s%s", i ? " " : "",
				       word);
	}
	r->want = (int32_t)(s->options.new_tokens / 2 +
			    random_next(&state) %
				    (s->options.new_tokens - s->options.new_tokens / 2) +
			    1);
	return r;
}

void frontend_run(struct server *s)
{
	uint64_t limit = s->options.requests ? s->options.requests : UINT64_MAX;
	uint64_t state = ~s->options.seed;
	double arrival_s = 0;

	for (uint64_t id = 0; id < limit; id++) {
		/* 1 - u is never 0. */
		double u = (double)(random_next(&state) >> 11) / 9007199254740992.0;
		struct request *r;

		arrival_s -= log(1.0 - u) / s->options.rate;
		sleep_until(s, s->ready_ns + (uint64_t)(arrival_s * 1e9));
		if (server_stopping(s))
			break;
		s->made++;
		r = request_make(s, id);
		if (!r) {
			s->refused++;
			continue;
		}
		r->arrival_ns = s->ready_ns + (uint64_t)(arrival_s * 1e9);
		request_begin(&s->spans, r);
		if (queue_length(&s->to_tokenise) >= SERVER_MAX_WAITING) {
			s->refused++;
			request_drop(&s->spans, r);
			request_free(r);
			continue;
		}
		wait_begin(SPAN_TOKENISER_QUEUE, r);
		queue_push(&s->to_tokenise, r);
	}
	queue_leave(&s->to_tokenise);
}

void tokenizer_run(struct server *s)
{
	struct request *r;
	bool closed;

	while ((r = queue_pop(&s->to_tokenise, QUEUE_FOREVER, &closed))) {
		if (server_stopping(s)) {
			server_drop(s, r);
			continue;
		}
		wait_end(&s->spans, SPAN_TOKENISER_QUEUE, r);
		r->tokenise_begin_ns = stage_begin(SPAN_TOKENISE, r);
		r->prompt_n = scenario_tokenise(s, r);
		r->n = r->prompt_n;
		r->want += r->prompt_n;
		r->tokenise_end_ns = stage_end(&s->spans, SPAN_TOKENISE, r->tokenise_begin_ns);
		if (r->prompt_n < 0) {
			fprintf(stderr, "infer-serve: a request is lost: %s\n",
				strerror(-r->prompt_n));
			server_drop(s, r);
			continue;
		}
		wait_begin(SPAN_BATCH_QUEUE, r);
		queue_push(&s->to_batch, r);
	}
	queue_leave(&s->to_batch);
}

/* Collects until the window ends or the batch is full; the first request carries the batch. */
static struct request *batch_collect(struct server *s, struct request *first)
{
	uint64_t window_ns = (uint64_t)(s->options.batch_window_ms * 1e6);
	uint64_t begin = stage_begin(SPAN_BATCH_WINDOW, NULL), until = begin + window_ns;
	struct request *last = first, *r;
	bool closed;

	for (unsigned int n = 1; n < s->options.max_batch; n++) {
		r = queue_pop(&s->to_batch, window_ns ? until : 0, &closed);
		if (!r)
			break;
		last->batch_next = r;
		last = r;
	}
	stage_end(&s->spans, SPAN_BATCH_WINDOW, begin);
	return first;
}

void batcher_run(struct server *s)
{
	struct request *r;
	bool closed;

	while ((r = queue_pop(&s->to_batch, QUEUE_FOREVER, &closed))) {
		if (server_stopping(s))
			server_drop(s, r);
		else
			queue_push(&s->to_execute, batch_collect(s, r));
	}
	queue_leave(&s->to_execute);
}

static uint64_t tokens_hash(const struct request *r, int32_t n)
{
	uint64_t h = 0xcbf29ce484222325ULL ^ r->id;

	for (int32_t i = 0; i < n; i++)
		h = (h ^ (uint64_t)(uint32_t)r->token[i]) * 0x100000001b3ULL;
	return random_next(&h);
}

static void answer_count(struct answer_stats *a, const struct request *r)
{
	uint64_t stage[STAGES] = {
		[STAGE_TOKENISE] = r->tokenise_end_ns - r->tokenise_begin_ns,
		[STAGE_PREFILL] = r->prefill_end_ns - r->prefill_begin_ns,
		[STAGE_DECODE] = r->decode_end_ns - r->prefill_end_ns,
		[STAGE_DETOKENISE] = r->detokenise_end_ns - r->detokenise_begin_ns,
		[STAGE_REPLY] = r->reply_end_ns - r->reply_begin_ns,
		[STAGE_END_TO_END] = r->reply_end_ns - r->arrival_ns,
	};

	stage[STAGE_QUEUE] = stage[STAGE_END_TO_END];
	for (int i = STAGE_TOKENISE; i < STAGE_END_TO_END; i++)
		stage[STAGE_QUEUE] -= stage[i];
	for (int i = 0; i < STAGES; i++)
		latency_add(&a->stage[i], stage[i]);
	a->requests++;
	a->tokens += (uint64_t)(r->n - r->prompt_n);
	a->digest += tokens_hash(r, r->n);
	a->certain_digest += tokens_hash(r, r->certain_n);
	if (r->min_margin < a->min_margin)
		a->min_margin = r->min_margin;
}

/* Room for every token as its longest text. */
static int answer_make(const struct server *s, struct request *r)
{
	size_t room = (size_t)(r->n - r->prompt_n) * 16 + 1, at = 0;

	r->answer = malloc(room);
	if (!r->answer)
		return -ENOMEM;
	for (int32_t i = r->prompt_n; i < r->n; i++)
		at += bpe_decode(s->bpe, r->token[i], r->answer + at, room - 1 - at);
	r->answer[at] = '\0';
	return 0;
}

static void answer_send(struct server *s, struct request *r)
{
	r->reply_begin_ns = stage_begin(SPAN_REPLY, r);
	if (write(s->reply_fd, r->answer, strlen(r->answer)) < 0)
		perror("infer-serve: reply");
	r->reply_end_ns = stage_end(&s->spans, SPAN_REPLY, r->reply_begin_ns);
}

void detokenizer_run(struct server *s)
{
	struct request *r;
	bool closed;

	while ((r = queue_pop(&s->to_detokenise, QUEUE_FOREVER, &closed))) {
		wait_end(&s->spans, SPAN_REPLY_QUEUE, r);
		r->detokenise_begin_ns = stage_begin(SPAN_DETOKENISE, r);
		if (answer_make(s, r)) {
			server_drop(s, r);
			continue;
		}
		r->detokenise_end_ns =
			stage_end(&s->spans, SPAN_DETOKENISE, r->detokenise_begin_ns);
		answer_send(s, r);
		request_end(&s->spans, r, r->reply_end_ns);
		answer_count(&s->answers, r);
		request_free(r);
	}
	/* The last stage: everything is done. */
	if (write(s->wake_fd, &(uint64_t){ 1 }, sizeof(uint64_t)) < 0)
		perror("infer-serve: eventfd");
}
