/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is marked, measured by the server itself: every stage, wait and pass, and the requests. What a
 * tracer's percentiles are held against.
 *
 * The server's clock is read after the mark of a beginning and before that of an end, so a trap there
 * does not count here.
 */
#ifndef SERVE_SPANS_H
#define SERVE_SPANS_H

#include <pthread.h>
#include <stdbool.h>
#include "latency.h"
#include "marks.h"
#include "request.h"

enum span_id {
	SPAN_TOKENISER_QUEUE,
	SPAN_TOKENISE,
	SPAN_ADAPTER, /* slow-disk */
	SPAN_BATCH_QUEUE,
	SPAN_BATCH_WINDOW,
	SPAN_PREFILL,
	SPAN_DECODE,
	SPAN_ALLOCATE, /* alloc-churn */
	SPAN_TO_DEVICE,
	SPAN_LAUNCH,
	SPAN_KV_WRITE,
	SPAN_DEVICE_WAIT,
	SPAN_TO_HOST,
	SPAN_REPLY_QUEUE,
	SPAN_DETOKENISE,
	SPAN_REPLY,
	SPANS,
};

enum span_kind { SPAN_IS_STAGE, SPAN_IS_WAIT, SPAN_IS_PASS };
struct span_row {
	const char *name;
	enum span_kind kind;
};
extern const struct span_row span_rows[SPANS];

/* Rows in a pass, with a bucket each. */
#define SPANS_BATCHES (MODEL_MAX_BATCH + 1)
/* All requests are of one group: the executor decodes them side by side. */
#define SPANS_GROUP 1

/* One set of counts: all that began and ended since `since_ns`. */
struct span_counts {
	uint64_t since_ns;
	struct latency times[SPANS];
	/* By pass. */
	struct {
		uint64_t requests, tokens, padded;
		uint64_t sizes[SPANS_BATCHES];
	} passes[SPANS];
	struct latency latency, first_token, per_token; /* of requests */
	uint64_t begun, ended, dropped, tokens_in, tokens_out;
};

struct spans {
	pthread_mutex_t lock;
	struct span_counts all, window; /* window: since the last SIGUSR1 */
};

void spans_init(struct spans *s);
/* SIGUSR1: the window begins anew. */
void spans_window(struct spans *s);

/* A stage of this thread; request NULL: nobody's in particular. Returns when it began. */
uint64_t stage_begin(enum span_id id, const struct request *r);
/* Returns when it ended. */
uint64_t stage_end(struct spans *s, enum span_id id, uint64_t begin_ns);
/* A wait that another thread ends. r->wait_ns holds its begin. */
void wait_begin(enum span_id id, struct request *r);
void wait_end(struct spans *s, enum span_id id, struct request *r);

struct pass_size {
	uint32_t requests, tokens, padded;
};
/* members: of a pass that not all of the group take part in, NULL: all do. */
uint64_t pass_begin(enum span_id id, const struct pass_size *size, struct request *const *members);
uint64_t pass_end(struct spans *s, enum span_id id, const struct pass_size *size,
		  uint64_t begin_ns);

void request_begin(struct spans *s, struct request *r);
void request_end(struct spans *s, const struct request *r, uint64_t end_ns);
void request_drop(struct spans *s, const struct request *r);
void request_leave(const struct request *r);

#endif /* SERVE_SPANS_H */
