/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What marks and functions leave in a profile: the exact sums of stages, and spans and events as they
 * come, in any order. What becomes of the latter: profile_requests.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "profile_serving_build.h"

const char *profile_stage_source_name(enum profile_stage_source source)
{
	static const char *const names[STAGE_SOURCES] = {
		[STAGE_MARK] = "mark",
		[STAGE_FUNCTION] = "function",
		[STAGE_NVTX] = "nvtx",
	};

	return (unsigned int)source < STAGE_SOURCES ? names[source] : "unknown";
}

struct serving_build *serving_new(void)
{
	struct serving_build *b = calloc(1, sizeof(*b));

	if (b) {
		b->cut_ns = INT64_MAX;
		b->max = SERVING_MAX;
	}
	return b;
}

void serving_free(struct serving_build *b)
{
	if (!b)
		return;
	hash_index_free(&b->stage_index);
	free(b->spans);
	free(b->events);
	free(b->causes);
	free(b->stages);
	free(b);
}

/* --- stages --- */

static void add_known(uint64_t *sum, uint64_t ns)
{
	*sum = *sum == PROFILE_UNKNOWN || ns == PROFILE_UNKNOWN ? PROFILE_UNKNOWN : *sum + ns;
}

void split_add(struct profile_split *dst, const struct profile_split *src)
{
	add_known(&dst->wall_ns, src->wall_ns);
	add_known(&dst->on_cpu_ns, src->on_cpu_ns);
	add_known(&dst->run_queue_ns, src->run_queue_ns);
	add_known(&dst->blocked_ns, src->blocked_ns);
	add_known(&dst->throttled_ns, src->throttled_ns);
	add_known(&dst->calls_ns, src->calls_ns);
	for (unsigned int c = 0; c < CAUSES; c++)
		add_known(&dst->blocked_by_ns[c], src->blocked_by_ns[c]);
}

/* The strings are the profile's own, so pointers will do. */
struct stage_key {
	uint64_t pid, source;
	const char *name;
};

static struct stage_key key_of(const struct profile_stage *s)
{
	return (struct stage_key){ s->pid, s->source, s->name };
}

static bool stage_equal(const void *array, uint32_t position, const void *key)
{
	const struct stage_key k = key_of((const struct profile_stage *)array + position);

	return !memcmp(&k, key, sizeof(k));
}

static void take_times(struct profile_quantiles *q, const struct profile_quantiles *more)
{
	if (q->max_ns == PROFILE_UNKNOWN ||
	    (more->max_ns != PROFILE_UNKNOWN && more->max_ns > q->max_ns))
		q->max_ns = more->max_ns;
	/* Of two rows nothing but the longest is known; a histogram tells them at the end. */
	q->p50_ns = q->p95_ns = q->p99_ns = PROFILE_UNKNOWN;
}

/* A row of its own for this stage, and room for its histogram. Its position, or a negative errno. */
static int64_t new_stage(struct profile *p, const struct profile_stage *s, uint64_t hash)
{
	struct serving_build *b = p->build->serving;
	int err = array_grow(&p->stages, &b->p_stages_cap, p->stages_n + 1, sizeof(*p->stages));

	if (!err)
		err = array_grow(&b->stages, &b->stages_cap, p->stages_n + 1, sizeof(*b->stages));
	if (!err)
		err = hash_index_add(&b->stage_index, hash, (uint32_t)p->stages_n);
	if (err)
		return err;
	p->stages[p->stages_n] = *s;
	memset(&b->stages[p->stages_n], 0, sizeof(*b->stages));
	return (int64_t)p->stages_n++;
}

int profile_add_stage(struct profile *p, const struct profile_stage *stage, const uint32_t *hist)
{
	struct profile_stage s = *stage;
	struct serving_build *b;
	struct stage_key key;
	uint64_t hash;
	int64_t at;
	int err;

	if (!p->build || s.source >= STAGE_SOURCES)
		return -EINVAL;
	b = p->build->serving;
	err = build_name(p, &s.process);
	if (!err)
		err = build_name(p, &s.name);
	if (err)
		return err;
	key = key_of(&s);
	hash = hash_bytes(&key, sizeof(key));
	at = hash_index_find(&b->stage_index, hash, stage_equal, p->stages, &key);
	if (at == HASH_INDEX_NONE) {
		at = new_stage(p, &s, hash);
		if (at < 0)
			return (int)at;
	} else {
		struct profile_stage *row = &p->stages[at];

		row->count += s.count;
		row->abandoned += s.abandoned;
		row->open_at_end += s.open_at_end;
		split_add(&row->split, &s.split);
		take_times(&row->times, &s.times);
	}
	for (unsigned int i = 0; hist && i < HIST_BUCKETS; i++)
		b->stages[at].hist[i] += hist[i];
	b->stages[at].counted |= hist != NULL;
	return 0;
}

static int by_wall(const void *a, const void *b)
{
	const struct profile_stage *x = a, *y = b;

	if (x->split.wall_ns != y->split.wall_ns)
		return x->split.wall_ns < y->split.wall_ns ? 1 : -1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return strcmp(x->name, y->name);
}

void profile_stages_finish(struct profile *p)
{
	const struct serving_build *b = p->build->serving;

	for (size_t i = 0; i < p->stages_n; i++) {
		struct profile_quantiles *q = &p->stages[i].times;
		const uint32_t *hist = b->stages[i].hist;

		if (!b->stages[i].counted)
			continue;
		q->p50_ns = hist_quantile(hist, 0.50, q->max_ns);
		q->p95_ns = hist_quantile(hist, 0.95, q->max_ns);
		q->p99_ns = hist_quantile(hist, 0.99, q->max_ns);
		if (q->p50_ns == PROFILE_UNKNOWN)
			q->max_ns = PROFILE_UNKNOWN;
	}
	if (p->stages_n)
		qsort(p->stages, p->stages_n, sizeof(*p->stages), by_wall);
}

/* --- spans and events --- */

/* A record that there is no room for: from its time on nothing can be told. */
static int refuse(struct profile *p, int64_t time_ns)
{
	struct serving_build *b = p->build->serving;

	p->lost.spans++;
	if (time_ns < b->cut_ns)
		b->cut_ns = time_ns;
	return 0;
}

/* The states of the copy fill its length, whatever was handed in; on-CPU is what the others leave. */
static int take_split(struct serving_build *b, struct build_span *s,
		      const struct profile_split *split)
{
	const uint64_t wall = s->end_ns - s->begin_ns;
	uint64_t left;
	int err;

	s->run_queue_ns = s->blocked_ns = s->throttled_ns = PROFILE_UNKNOWN;
	s->calls_ns = split->calls_ns == PROFILE_UNKNOWN || split->calls_ns < wall ? split->calls_ns
										   : wall;
	if (split->run_queue_ns == PROFILE_UNKNOWN || split->blocked_ns == PROFILE_UNKNOWN)
		return 0;
	s->blocked_ns = split->blocked_ns < wall ? split->blocked_ns : wall;
	left = wall - s->blocked_ns;
	s->run_queue_ns = split->run_queue_ns < left ? split->run_queue_ns : left;
	s->throttled_ns =
		split->throttled_ns == PROFILE_UNKNOWN || split->throttled_ns < s->run_queue_ns
			? split->throttled_ns
			: s->run_queue_ns;
	left = s->blocked_ns;
	s->causes = (uint32_t)b->causes_n;
	for (unsigned int c = 0; c < CAUSES && left; c++) {
		const uint64_t ns = split->blocked_by_ns[c] < left ? split->blocked_by_ns[c] : left;

		if (!ns)
			continue;
		err = array_grow(&b->causes, &b->causes_cap, b->causes_n + 1, sizeof(*b->causes));
		if (err)
			return err;
		b->causes[b->causes_n++] = BUILD_CAUSE(c, ns);
		s->causes_n++;
		left -= ns;
	}
	if (!left)
		return 0;
	/* A wait whose cause was not told. */
	err = array_grow(&b->causes, &b->causes_cap, b->causes_n + 1, sizeof(*b->causes));
	if (err)
		return err;
	b->causes[b->causes_n++] = BUILD_CAUSE(CAUSE_OTHER, left);
	s->causes_n++;
	return 0;
}

int profile_add_span(struct profile *p, const struct profile_span *span)
{
	struct build_span s = { .pid = span->pid,
				.tid = span->tid,
				.kind = span->kind,
				.depth = span->depth,
				.id = span->id,
				.request = span->request,
				.group = span->group,
				.begin_ns = span->begin_ns,
				.end_ns = span->end_ns,
				.requests = span->requests,
				.tokens = span->tokens,
				.padded = span->padded };
	struct serving_build *b;
	int64_t name;
	int err;

	if (!p->build || span->kind > SPAN_PASS || span->end_ns < span->begin_ns ||
	    span->end_ns > INT64_MAX)
		return -EINVAL;
	b = p->build->serving;
	if (b->spans_n >= b->max)
		return refuse(p, (int64_t)span->end_ns);
	name = arena_string(p->arena, span->name ? span->name : "");
	if (name < 0)
		return (int)name;
	s.name = (uint32_t)name;
	err = take_split(b, &s, &span->split);
	if (!err)
		err = array_grow(&b->spans, &b->spans_cap, b->spans_n + 1, sizeof(s));
	if (!err)
		b->spans[b->spans_n++] = s;
	return err;
}

int profile_add_event(struct profile *p, const struct profile_event *event)
{
	struct build_event e = { .pid = event->pid,
				 .tid = event->tid,
				 .name = NO_ROW,
				 .kind = event->kind,
				 .request = event->request,
				 .group = event->group,
				 .pass = event->pass,
				 .time_ns = event->time_ns,
				 .value = event->value,
				 .value2 = event->value2 };
	struct serving_build *b;
	int64_t name;
	int err;

	if (!p->build || event->kind > EVENT_REQUEST_DROP)
		return -EINVAL;
	b = p->build->serving;
	if (b->events_n >= b->max)
		return refuse(p, event->time_ns);
	if (event->name) {
		name = arena_string(p->arena, event->name);
		if (name < 0)
			return (int)name;
		e.name = (uint32_t)name;
	}
	err = array_grow(&b->events, &b->events_cap, b->events_n + 1, sizeof(e));
	if (!err)
		b->events[b->events_n++] = e;
	return err;
}
