/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stages and requests until profile_finish(). Private to profile_stage.c and profile_requests*.c.
 *
 * Spans and events are kept as they come: a request's way can only be told when its end is there, and
 * records of several CPUs come out of order. A span costs about 110 bytes, an event 64: SERVING_MAX of
 * each at most. What comes beyond is counted in lost.spans, and from the time of the earliest record
 * refused on nothing counts (cut_ns): what ended before is exact, what would have ended later is still
 * open at the end.
 */
#ifndef PROFILE_SERVING_BUILD_H
#define PROFILE_SERVING_BUILD_H

#include "profile_build.h"

#define SERVING_MAX 2000000

/* Blocked time by cause: few spans have more than one. Packed: the cause in the low byte. */
typedef uint64_t build_cause;
#define BUILD_CAUSE(cause, ns) ((uint64_t)(ns) << 8 | (uint64_t)(cause))
#define BUILD_CAUSE_OF(c)      ((unsigned int)((c)&0xff))
#define BUILD_CAUSE_NS(c)      ((c) >> 8)

struct build_span {
	uint32_t pid, tid;
	uint32_t name;	 /* number of the string in the arena */
	uint32_t causes; /* the first of causes_n in serving.causes */
	uint8_t causes_n, kind, depth;
	uint64_t id, request, group;
	uint64_t begin_ns, end_ns;
	/* On a CPU is what these leave of its length. PROFILE_UNKNOWN: not measured. */
	uint64_t run_queue_ns, blocked_ns, throttled_ns, calls_ns;
	uint32_t requests, tokens, padded;
};

struct build_event {
	uint32_t pid, tid;
	uint32_t name; /* as above; NO_ROW: none */
	uint8_t kind;
	uint64_t request, group, pass;
	int64_t time_ns, value, value2;
};

/* Beside each row of profile.stages. */
struct build_stage {
	bool counted; /* hist holds its times: else the row's own stand */
	uint32_t hist[HIST_BUCKETS];
};

struct serving_build {
	struct build_span *spans;
	size_t spans_n, spans_cap;
	struct build_event *events;
	size_t events_n, events_cap;
	build_cause *causes;
	size_t causes_n, causes_cap;
	int64_t cut_ns; /* INT64_MAX: nothing was refused */
	size_t max;	/* SERVING_MAX; less in tests */

	struct build_stage *stages;
	size_t stages_cap, p_stages_cap;
	struct hash_index stage_index;
};

/* NULL: no memory. */
struct serving_build *serving_new(void);
void serving_free(struct serving_build *b);

/* dst += src, what is unknown of a part being unknown of the whole. */
void split_add(struct profile_split *dst, const struct profile_split *src);

/* profile_stage.c: the quantiles and the order of profile.stages. */
void profile_stages_finish(struct profile *p);
/* profile_requests.c: sets profile.requests. Wants the threads, for the processes' names. */
int profile_requests_finish(struct profile *p);

#endif /* PROFILE_SERVING_BUILD_H */
