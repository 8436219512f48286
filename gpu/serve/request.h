/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One request on its way through the server. Times: CLOCK_MONOTONIC nanoseconds. */
#ifndef SERVE_REQUEST_H
#define SERVE_REQUEST_H

#include <stdint.h>
#include "model.h"

#define REQUEST_TEXT 256

struct request {
	struct request *next;	    /* in a queue */
	struct request *batch_next; /* in its batch */
	uint64_t id;		    /* from 0, in order of arrival */
	char text[REQUEST_TEXT];    /* the prompt */
	char *answer;		    /* the detokenised answer */
	int32_t token[MODEL_MAX_PROMPT + MODEL_MAX_NEW];
	int32_t prompt_n, n, want; /* want: prompt and answer together */
	unsigned int slot;	   /* of the KV cache */
	int32_t certain_n;	   /* tokens before the first whose margin is below the tolerance */
	float min_margin;

	uint64_t arrival_ns; /* when it was meant to arrive, late or not */
	uint64_t begin_ns;   /* when it was made */
	uint64_t wait_ns;    /* when the wait that it is in began */
	uint64_t tokenise_begin_ns, tokenise_end_ns;
	uint64_t prefill_begin_ns, prefill_end_ns;
	uint64_t decode_end_ns;
	uint64_t detokenise_begin_ns, detokenise_end_ns;
	uint64_t reply_begin_ns, reply_end_ns;
};

void request_free(struct request *r);
uint64_t clock_ns(void);

#endif /* SERVE_REQUEST_H */
