/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stages, requests and what follows from them. Part of profile.h, which includes this.
 *
 * A stage is a named span of a thread: a mark, a function that the user named, an NVTX range. A request
 * is followed across threads by its id. Raw spans and events come in by profile_add_span() and
 * profile_add_event(); profile_finish() makes the rest of them.
 *
 * A figure that was not measured is PROFILE_UNKNOWN; a share that was not is negative.
 */
#ifndef PROFILE_SERVING_H
#define PROFILE_SERVING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wait_cause.h"

struct profile;

/* Where a stage's begin and end come from. */
enum profile_stage_source {
	STAGE_MARK,	/* USDT, provider infbpf */
	STAGE_FUNCTION, /* --stage, --preset */
	STAGE_NVTX,	/* the NVTX library's marks */
	STAGE_SOURCES,
};
const char *
profile_stage_source_name(enum profile_stage_source source); /* "mark", "function", "nvtx" */

/* How a length of time was spent. wall = on_cpu + run_queue + blocked where a thread's account stands
 * behind it; a wait that crosses threads has a wall alone, the rest PROFILE_UNKNOWN. */
struct profile_split {
	uint64_t wall_ns;
	uint64_t on_cpu_ns, run_queue_ns, blocked_ns;
	uint64_t throttled_ns;		/* of run_queue_ns: a cgroup's quota was used up */
	uint64_t blocked_by_ns[CAUSES]; /* sums to blocked_ns; by the first cause, without stacks */
	uint64_t calls_ns;		/* inside CUDA calls, whatever the state; part of wall_ns */
};

struct profile_quantiles {
	uint64_t p50_ns, p95_ns, p99_ns, max_ns; /* PROFILE_UNKNOWN when there are none */
};

/* A stage of a process, all its spans that began and ended within the window. Exact. Nested ones are
 * each whole: an outer stage's time holds the inner one's. */
struct profile_stage {
	uint32_t pid;
	const char *process;
	const char *name;
	uint8_t source; /* enum profile_stage_source */
	uint64_t count;
	uint64_t abandoned; /* left without an end: an exception, longjmp, a thread that died */
	uint64_t open_at_end;
	struct profile_split split;
	struct profile_quantiles times;
};

/* --- raw: before profile_finish --- */

/* One span, handed over as it ended. */
enum profile_span_kind {
	SPAN_STAGE, /* a stage of the thread */
	SPAN_PASS,  /* one pass of the model over a group's members; name: "prefill", "decode" */
};
struct profile_span {
	uint32_t pid, tid;
	const char *name;
	uint8_t kind;  /* enum profile_span_kind */
	uint8_t depth; /* 0: outermost of its thread */
	uint64_t id; /* of the thread's life: orders spans that begin together; parent's, 0: none */
	uint64_t parent;
	uint64_t request; /* whose it is, 0: nobody's in particular */
	uint64_t group;	  /* whose members' it is (a pass, or a stage within one), 0: none */
	uint64_t begin_ns, end_ns; /* from the window's start */
	struct profile_split split;
	/* SPAN_PASS: rows of the batch, real and padded tokens in it. */
	uint32_t requests, tokens, padded;
};

/* What else a mark says. */
enum profile_event_kind {
	EVENT_REQUEST_BEGIN, /* value: when it was meant to arrive, from the window's start (may be negative) */
	EVENT_REQUEST_END,  /* value: tokens in, value2: tokens out */
	EVENT_WAIT_BEGIN,   /* name */
	EVENT_WAIT_END,	    /* name */
	EVENT_PASS_MEMBER,  /* request takes part in the thread's pass, and joins the group */
	EVENT_GROUP_LEAVE,  /* request leaves the group */
	EVENT_REQUEST_DROP, /* refused or given up: it has no latency */
};
struct profile_event {
	uint32_t pid, tid;
	uint8_t kind;	  /* enum profile_event_kind */
	const char *name; /* NULL: none */
	uint64_t request, group;
	uint64_t pass;	 /* EVENT_PASS_MEMBER: the span's id */
	int64_t time_ns; /* from the window's start */
	int64_t value, value2;
};

/* The exact sums of a stage, whatever spans were handed over. Equal (pid, name, source) are added up;
 * hist is HIST_BUCKETS of user/infbpf.h: the times are made of it, but for times.max_ns, which is
 * handed in. NULL: the times handed in stand. */
int profile_add_stage(struct profile *p, const struct profile_stage *s, const uint32_t *hist);
/* In any order; copied, strings too. A span's wall is its end less its begin, and what its run_queue_ns
 * and blocked_ns leave of that is on-CPU, whatever on_cpu_ns and wall_ns say; blocked time without a
 * cause is CAUSE_OTHER's. -EINVAL: it ends before it begins, or is of no kind.
 * Two million of each are kept; what comes beyond is counted in lost.spans, and nothing that happened
 * after the first of those counts: see profile_serving_build.h. */
int profile_add_span(struct profile *p, const struct profile_span *s);
int profile_add_event(struct profile *p, const struct profile_event *e);

/* --- after profile_finish --- */

/*
 * A part of the way of a process's requests. A request's parts do not overlap and sum to its latency, from
 * the meant arrival to its end. At any time what began last counts, of its own spans, the passes that it
 * takes part in with all that is nested in them, and its waits: of nested spans the innermost, of a wait
 * within a span that stays open meanwhile the wait, of a wait that overlaps the begin of a span the span.
 * Where nothing of its own is, PART_OTHERS or PART_REST.
 *
 * A pass that marks name members of has those; any other has all that are in its group when it begins. A
 * request is in the group from its first pass_member on until group_leave or its end.
 */
enum profile_part_kind {
	PART_STAGE,  /* a stage of its own, or of a pass that it takes part in */
	PART_WAIT,   /* marked as a wait, between threads */
	PART_OTHERS, /* it is in the group, and the thread works on others: "[pass of others]" */
	PART_REST,   /* "[not marked]" */
};
struct profile_part {
	const char *name;
	uint8_t kind;	   /* enum profile_part_kind */
	bool in_pass;	   /* PART_STAGE: a pass of the model, or a stage within one */
	uint64_t requests; /* that had it */
	uint64_t spans;
	struct profile_quantiles
		times; /* of what a request spends in it altogether, of those that had it */
	/* A pass counts once for each member. Of a span that counts for a part of its length, that part of
	 * each figure. PART_OTHERS: how the thread spent its time meanwhile. PART_WAIT, PART_REST: wall
	 * alone. */
	struct profile_split split; /* of all requests */
	struct profile_split slow;  /* of those at or above p95 */
	/* PART_WAIT: of its wall times, for others to be done. Else PROFILE_UNKNOWN.
	 * Before a pass of the model: while the pass runs that ran when the wait began, until the last pass
	 * that took others in, and while passes run that are as large as the largest. Before another stage:
	 * while all threads that have it are in it. */
	uint64_t behind_ns, behind_slow_ns;
	/* Of what is left of slow.wall_ns, while these threads were to go on with it and had no CPU; an
	 * estimate. And of that, because the cgroup's quota was used up. */
	uint64_t woken_slow_ns, throttled_slow_ns;
	/* Of the latency of the requests around the median (p45 to p55), at or above p95, at or above p99. */
	double share_p50, share_p95, share_p99;
};

/* A pass's size: how many had so many rows. */
#define PROFILE_BATCHES 65 /* the last: as many or more */
struct profile_pass {
	const char *name; /* "prefill" */
	uint64_t count;
	uint64_t requests, tokens, padded; /* sums; padded: with the padding */
	uint64_t sizes[PROFILE_BATCHES];
	struct profile_quantiles times;
};

/* The requests of a process that began and ended within the window. */
struct profile_requests {
	uint32_t pid;
	const char *process;
	uint64_t count, open_at_start, open_at_end, dropped;
	uint64_t begun; /* within the window */
	uint64_t lost;	/* begun, and their end was not seen: the id came again */
	uint64_t tokens_in, tokens_out;
	uint64_t latency_ns; /* sum; from the meant arrival */
	struct profile_quantiles latency;
	struct profile_quantiles
		first_token; /* from the meant arrival to the end of its first pass */
	struct profile_quantiles
		per_token; /* of a request: from there to its last pass, by tokens */
	uint64_t slow;	   /* requests at or above p95 */
	/* Of all its parts that a thread stands behind: PART_STAGE and PART_OTHERS. */
	struct profile_split split, split_slow;
	struct profile_part
		*parts; /* in the order of the way; OTHERS and REST last; in the arena */
	size_t parts_n;
	struct profile_pass *passes;
	size_t passes_n;
};

/* What is most likely in the way. user/verdict.c. */
struct profile_verdict {
	const char *kind; /* "compute", "memory", "io", "network", "scheduling", "launch", "none" */
	const char *rule; /* the rule's name: "queue-before-batch" */
	uint32_t pid;
	const char *process;
	double share;		     /* 0 to 1 */
	const char *share_of;	     /* "p95 request latency", "wall time of the busy threads" */
	const char *const *evidence; /* sentences with numbers, each true by itself */
	size_t evidence_n;
	const char *advice;  /* what to try next */
	const char *fix_at;  /* "configuration", "runtime", "model", "host" */
	const char *sure;    /* "measured", "likely", "unknown" */
	const char *missing; /* sure "unknown": what was not measured; NULL: nothing */
};

/* A thread's states by slices of the window, --timeline. */
struct profile_slices {
	uint32_t thread; /* index into profile.threads after profile_finish */
	uint64_t serial;
	uint64_t (*ns)[4]; /* [profile.slices_n], enum profile_state; of malloc */
};

/* One thread's; profile.slices_n of them, which is set. One without an account of its own is dropped. */
int profile_add_slices(struct profile *p, uint64_t serial, const uint64_t (*ns)[4]);

#endif /* PROFILE_SERVING_H */
