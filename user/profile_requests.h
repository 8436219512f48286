/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From raw spans and events to the ways of requests. Private to profile_requests*.c.
 *
 * Sorted once by thread and once by request, then read in order: n log n in the records, and linear in
 * what requests take part in. A pass is kept once however many members it has, and what is nested in it
 * once more, not a copy a member.
 *
 *   profile_requests_nest.c    the threads' spans as nests; passes and groups
 *   profile_requests_life.c    events to lives of requests, their waits and memberships
 *   profile_requests_way.c     a life's timeline
 *   profile_requests_sum.c     the timelines to parts
 *   profile_requests_behind.c  waits: for others, or for nothing
 *   profile_requests.c         processes, percentiles, passes: the rows of profile.requests
 */
#ifndef PROFILE_REQUESTS_H
#define PROFILE_REQUESTS_H

#include "profile_serving_build.h"

#define NONE UINT32_MAX

/* A span in its thread's nest. In the order of ways.spans what is nested in a span follows it. */
struct way_span {
	const struct build_span *s;
	int64_t begin_ns, end_ns; /* cut to what it is nested in */
	uint64_t self_ns;	  /* not in spans nested in it */
	/* What requests, and slow ones, had of self_ns: added up over them. */
	uint64_t counted_ns, slow_ns;
	uint32_t parent;   /* NONE: outermost */
	uint32_t nest_end; /* one behind the last span nested in it */
	uint32_t part;
	bool joined; /* a pass: a request's first */
};

struct way_pass {
	uint32_t span;
	uint32_t group;	 /* NONE: no group's */
	uint32_t marked; /* members named by marks; 0: all of the group are members */
	uint64_t others_ns, others_slow_ns; /* what requests that were no members had of it */
};

/* Where one pass counts among those that run at a time: the one that began last. */
struct way_tile {
	int64_t begin_ns, end_ns;
	uint32_t pass;
};

struct way_group {
	uint32_t pid;
	uint64_t id;
	uint32_t first, n; /* of ways.passes, by begin */
	uint32_t tiles, tiles_n;
};

enum life_state { LIFE_OPEN, LIFE_ENDED, LIFE_DROPPED, LIFE_LOST };

struct way_life {
	uint32_t pid;
	uint8_t state;		    /* enum life_state */
	bool median, slow, slowest; /* p45 to p55, from p95, from p99 */
	uint64_t request;
	int64_t arrival_ns, begin_ns, end_ns;
	int64_t tokens_in, tokens_out;
	uint32_t items, items_n;
	uint32_t memberships, memberships_n;
	uint32_t left;			     /* memberships that end before what is looked at */
	int64_t first_pass_ns, last_pass_ns; /* their ends; INT64_MIN: it was in none */
};

struct way_membership {
	uint32_t life, group;
	int64_t from_ns, to_ns;
};

/* What can count in a life's timeline. */
struct way_item {
	int64_t begin_ns, end_ns;
	uint32_t life;
	uint32_t span; /* NONE: a wait, with this part */
	uint32_t part;
};

/* The sums of a part of a process's requests. */
struct way_part {
	uint32_t name; /* number of the string in the arena */
	uint8_t kind;  /* enum profile_part_kind */
	uint64_t requests, spans;
	uint64_t ns, slow_ns, median_ns, slowest_ns;
	double first_ns; /* after the arrival, added up over the requests */
	/* In the life at hand. */
	uint64_t now_ns;
	int64_t now_first_ns;
	uint32_t now_span;
};
/* What a request spent in a part. */
struct way_time {
	uint32_t part;
	uint64_t ns;
};
/* Distinct names of one process: a program that makes them up as it goes must not make a part of each.
 * Beyond, stages are MORE_STAGES together. */
#define PARTS_MAX   500
#define MORE_STAGES "[more stages]"

/* Where a wait counted in a request's time. */
struct way_wait {
	uint32_t part;
	bool slow; /* the request */
	int64_t begin_ns, end_ns;
};

struct way_process {
	uint32_t pid;
	uint64_t begun, dropped, open_at_start, open_at_end, lost;
	uint32_t lives, lives_n;
};

struct ways {
	struct profile *p;
	struct serving_build *b;
	struct way_span *spans;
	size_t spans_n;
	struct way_pass *passes; /* by pid, group and begin */
	size_t passes_n, passes_cap;
	uint32_t *passes_by_id; /* by pid, tid, id and begin */
	struct way_group *groups;
	size_t groups_n, groups_cap;
	struct way_tile *tiles;
	size_t tiles_n, tiles_cap;
	struct way_life *lives; /* by pid, request and begin */
	size_t lives_n, lives_cap;
	struct way_membership *memberships; /* by life and begin */
	size_t memberships_n, memberships_cap;
	struct way_item *items; /* by life and begin */
	size_t items_n, items_cap;
	struct way_process *processes; /* by pid */
	size_t processes_n, processes_cap;

	/* Of the process at hand. */
	struct way_part *parts;
	size_t parts_n, parts_cap;
	struct way_time *times;
	size_t times_n, times_cap;
	struct way_wait *waits;
	size_t waits_n, waits_cap;
	uint32_t *part_of[2]; /* stages, waits: by name; NONE: no part yet */
	size_t names_n;
	uint32_t *touched; /* parts of the life at hand */
	size_t touched_n, touched_cap;
	struct way_item *lane; /* scratch */
	size_t lane_cap;
	uint32_t *stack;
	size_t stack_cap;
};

/* --- nest --- */
int ways_nest(struct ways *w);
int ways_groups(struct ways *w);
/* The pass that a mark of this thread at this time speaks of; NONE. */
uint32_t ways_find_pass(const struct ways *w, const struct build_event *e);
/* The group's index; NONE: it had no pass. */
uint32_t ways_find_group(const struct ways *w, uint32_t pid, uint64_t id);
/* Innermost spans within [from, to) of a span, in order. */
typedef void (*nest_visit)(struct ways *w, void *arg, uint32_t span, int64_t from, int64_t to);
void nest_walk(struct ways *w, uint32_t root, int64_t from, int64_t to, nest_visit visit,
	       void *arg);
/* A span's own times, without those of what is nested in it. */
void nest_self_split(const struct ways *w, uint32_t span, struct profile_split *split);
/* And of all of it. */
void nest_split(const struct ways *w, uint32_t span, struct profile_split *split);

/* --- life --- */
int ways_lives(struct ways *w);
/* Items of the spans that are requests' own; puts all items in order. */
int ways_items(struct ways *w);
/* The life that this stretch of the request belongs to; NONE. */
uint32_t ways_find_life(const struct ways *w, uint32_t pid, uint64_t request, int64_t begin_ns,
			int64_t end_ns);

/* --- way --- */
/* Where what began last counts: item NULL: nothing is there. The lane is by begin; stack: room for n. */
typedef int (*lane_visit)(struct ways *w, void *arg, const struct way_item *item, int64_t from,
			  int64_t to);
int lane_sweep(struct ways *w, const struct way_item *lane, size_t n, int64_t from, int64_t to,
	       lane_visit visit, void *arg);
/* A life's time to the parts. */
int ways_walk(struct ways *w, struct way_life *life);

/* --- sum --- */
int ways_part(struct ways *w, enum profile_part_kind kind, uint32_t name, uint32_t *part);
void ways_parts_reset(struct ways *w);
/* latency_ns: sums over the requests around the median, from p95, from p99. */
int ways_parts(struct ways *w, const struct way_process *process, const uint64_t latency_ns[3],
	       struct profile_requests *row);

/* The first span of a process; of pid + 1: the end of them. */
uint32_t ways_first_span(const struct ways *w, uint64_t pid);

/* --- behind --- */
/* Of the rows of waits, how long they were for others. row_of: the row of each part. */
int ways_behind(const struct ways *w, uint32_t pid, const uint32_t *row_of,
		struct profile_requests *row);

/* --- the rest --- */
/* Exact order statistics; sorts the values. */
void exact_quantiles(uint64_t *values, size_t n, struct profile_quantiles *q);
/* Value of rank q of n > 0 sorted ones. */
uint64_t exact_quantile(const uint64_t *sorted, size_t n, double q);

#endif /* PROFILE_REQUESTS_H */
