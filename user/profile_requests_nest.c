/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Spans of a thread as nests, the passes among them, and the groups that these are of. */
#define _GNU_SOURCE /* qsort_r */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "profile_requests.h"

static int rising(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* --- nests --- */

/* By thread; within it outer ones before those nested in them. */
static int by_nest(const void *a, const void *b)
{
	const struct build_span *x = ((const struct way_span *)a)->s;
	const struct build_span *y = ((const struct way_span *)b)->s;
	int c = rising(x->pid, y->pid);

	if (!c)
		c = rising(x->tid, y->tid);
	if (!c)
		c = rising(x->begin_ns, y->begin_ns);
	if (!c)
		c = rising(y->end_ns, x->end_ns);
	if (!c)
		c = rising(x->depth, y->depth);
	if (!c)
		c = rising(x->id, y->id);
	return c ? c : rising((uintptr_t)x, (uintptr_t)y);
}

static void close_nest(struct ways *w, uint32_t *open, uint32_t next)
{
	w->spans[*open].nest_end = next;
	*open = w->spans[*open].parent;
}

/* What overlaps without being nested is no thread's doing (a record lost, a thread number used again):
 * it is cut, so that whatever came the spans are nests. */
static void link_nests(struct ways *w)
{
	uint32_t open = NONE;

	for (uint32_t i = 0; i < w->spans_n; i++) {
		struct way_span *s = &w->spans[i];

		while (open != NONE &&
		       (w->spans[open].s->tid != s->s->tid || w->spans[open].s->pid != s->s->pid ||
			w->spans[open].end_ns <= s->begin_ns))
			close_nest(w, &open, i);
		s->parent = open;
		if (open != NONE) {
			if (s->end_ns > w->spans[open].end_ns)
				s->end_ns = w->spans[open].end_ns;
			w->spans[open].self_ns -= (uint64_t)(s->end_ns - s->begin_ns);
		}
		s->self_ns = (uint64_t)(s->end_ns - s->begin_ns);
		open = i;
	}
	while (open != NONE)
		close_nest(w, &open, (uint32_t)w->spans_n);
}

int ways_nest(struct ways *w)
{
	const struct serving_build *b = w->b;
	int err = 0;

	w->spans = calloc(b->spans_n + 1, sizeof(*w->spans));
	if (!w->spans)
		return -ENOMEM;
	for (size_t i = 0; i < b->spans_n; i++) {
		const struct build_span *s = &b->spans[i];

		if ((int64_t)s->end_ns >= b->cut_ns)
			continue;
		w->spans[w->spans_n++] = (struct way_span){ .s = s,
							    .begin_ns = (int64_t)s->begin_ns,
							    .end_ns = (int64_t)s->end_ns,
							    .part = NONE };
	}
	qsort(w->spans, w->spans_n, sizeof(*w->spans), by_nest);
	link_nests(w);
	for (uint32_t i = 0; !err && i < w->spans_n; i++) {
		if (w->spans[i].s->kind != SPAN_PASS)
			continue;
		err = array_grow(&w->passes, &w->passes_cap, w->passes_n + 1, sizeof(*w->passes));
		if (!err)
			w->passes[w->passes_n++] = (struct way_pass){ .span = i, .group = NONE };
	}
	return err;
}

/* The last span of [root, end) that has begun at this time. */
static uint32_t last_begun(const struct ways *w, uint32_t root, int64_t time)
{
	uint32_t low = root, high = w->spans[root].nest_end;

	while (high - low > 1) {
		const uint32_t middle = low + (high - low) / 2;

		if (w->spans[middle].begin_ns <= time)
			low = middle;
		else
			high = middle;
	}
	return low;
}

void nest_walk(struct ways *w, uint32_t root, int64_t from, int64_t to, nest_visit visit, void *arg)
{
	const uint32_t end = w->spans[root].nest_end;
	uint32_t at = last_begun(w, root, from), next = at + 1;
	int64_t t = from, until;

	while (t < to) {
		while (next < end && w->spans[next].begin_ns <= t)
			at = next++;
		while (at != root && w->spans[at].end_ns <= t)
			at = w->spans[at].parent;
		until = w->spans[at].end_ns < to && at != root ? w->spans[at].end_ns : to;
		if (next < end && w->spans[next].begin_ns < until)
			until = w->spans[next].begin_ns;
		visit(w, arg, at, t, until);
		t = until;
	}
}

/* --- how a span's time was spent --- */

static void whole_split(const struct ways *w, uint32_t span, struct profile_split *split)
{
	const struct way_span *ws = &w->spans[span];
	const struct build_span *s = ws->s;
	const bool known = s->blocked_ns != PROFILE_UNKNOWN;

	*split = (struct profile_split){
		.wall_ns = (uint64_t)(ws->end_ns - ws->begin_ns),
		.run_queue_ns = s->run_queue_ns,
		.blocked_ns = s->blocked_ns,
		.throttled_ns = s->throttled_ns,
		.calls_ns = s->calls_ns,
		.on_cpu_ns = PROFILE_UNKNOWN,
	};
	for (unsigned int c = 0; !known && c < CAUSES; c++)
		split->blocked_by_ns[c] = PROFILE_UNKNOWN;
	for (unsigned int c = 0; known && c < s->causes_n; c++) {
		const build_cause cause = w->b->causes[s->causes + c];

		split->blocked_by_ns[BUILD_CAUSE_OF(cause)] += BUILD_CAUSE_NS(cause);
	}
}

static void subtract(uint64_t *a, uint64_t b)
{
	if (b == PROFILE_UNKNOWN)
		*a = PROFILE_UNKNOWN;
	else if (*a != PROFILE_UNKNOWN)
		*a -= b < *a ? b : *a;
}

static void limit(uint64_t *a, uint64_t most)
{
	if (*a != PROFILE_UNKNOWN && *a > most)
		*a = most;
}

/* The states fill the wall, whatever was subtracted; the causes fill the blocked time. */
static void settle(struct profile_split *s)
{
	uint64_t left;

	limit(&s->calls_ns, s->wall_ns);
	if (s->blocked_ns == PROFILE_UNKNOWN || s->run_queue_ns == PROFILE_UNKNOWN) {
		s->blocked_ns = s->run_queue_ns = s->on_cpu_ns = s->throttled_ns = PROFILE_UNKNOWN;
		for (unsigned int c = 0; c < CAUSES; c++)
			s->blocked_by_ns[c] = PROFILE_UNKNOWN;
		return;
	}
	limit(&s->blocked_ns, s->wall_ns);
	limit(&s->run_queue_ns, s->wall_ns - s->blocked_ns);
	limit(&s->throttled_ns, s->run_queue_ns);
	s->on_cpu_ns = s->wall_ns - s->blocked_ns - s->run_queue_ns;
	left = s->blocked_ns;
	for (unsigned int c = 0; c < CAUSES; c++) {
		limit(&s->blocked_by_ns[c], left);
		left -= s->blocked_by_ns[c];
	}
	s->blocked_by_ns[CAUSE_OTHER] += left;
}

void nest_split(const struct ways *w, uint32_t span, struct profile_split *split)
{
	whole_split(w, span, split);
	settle(split);
}

void nest_self_split(const struct ways *w, uint32_t span, struct profile_split *split)
{
	whole_split(w, span, split);
	for (uint32_t i = span + 1; i < w->spans[span].nest_end; i = w->spans[i].nest_end) {
		struct profile_split inner;

		whole_split(w, i, &inner);
		subtract(&split->wall_ns, inner.wall_ns);
		subtract(&split->run_queue_ns, inner.run_queue_ns);
		subtract(&split->blocked_ns, inner.blocked_ns);
		subtract(&split->throttled_ns, inner.throttled_ns);
		subtract(&split->calls_ns, inner.calls_ns);
		for (unsigned int c = 0; c < CAUSES; c++)
			subtract(&split->blocked_by_ns[c], inner.blocked_by_ns[c]);
	}
	settle(split);
}

/* --- passes and groups --- */

static int by_group(const void *a, const void *b, void *arg)
{
	const struct way_span *spans = arg;
	const struct way_pass *x = a, *y = b;
	const struct build_span *sx = spans[x->span].s, *sy = spans[y->span].s;
	int c = rising(sx->pid, sy->pid);

	if (!c)
		c = rising(sx->group, sy->group);
	if (!c)
		c = rising(sx->begin_ns, sy->begin_ns);
	return c ? c : rising(x->span, y->span);
}

static int by_id(const void *a, const void *b, void *arg)
{
	const struct ways *w = arg;
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const struct build_span *sx = w->spans[w->passes[x].span].s;
	const struct build_span *sy = w->spans[w->passes[y].span].s;
	int c = rising(sx->pid, sy->pid);

	if (!c)
		c = rising(sx->tid, sy->tid);
	if (!c)
		c = rising(sx->id, sy->id);
	return c ? c : rising(sx->begin_ns, sy->begin_ns);
}

uint32_t ways_find_pass(const struct ways *w, const struct build_event *e)
{
	uint32_t low = 0, high = (uint32_t)w->passes_n;

	/* The last that is not behind (pid, tid, id, time). */
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const struct build_span *s = w->spans[w->passes[w->passes_by_id[middle]].span].s;
		int c = rising(s->pid, e->pid);

		if (!c)
			c = rising(s->tid, e->tid);
		if (!c)
			c = rising(s->id, e->pass);
		if (!c && (int64_t)s->begin_ns > e->time_ns)
			c = 1;
		if (c > 0)
			high = middle;
		else
			low = middle + 1;
	}
	if (low) {
		const uint32_t pass = w->passes_by_id[low - 1];
		const struct build_span *s = w->spans[w->passes[pass].span].s;

		if (s->pid == e->pid && s->tid == e->tid && s->id == e->pass &&
		    (int64_t)s->end_ns >= e->time_ns)
			return pass;
	}
	return NONE;
}

uint32_t ways_find_group(const struct ways *w, uint32_t pid, uint64_t id)
{
	uint32_t low = 0, high = (uint32_t)w->groups_n;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const struct way_group *g = &w->groups[middle];
		int c = rising(g->pid, pid);

		if (!c)
			c = rising(g->id, id);
		if (!c)
			return middle;
		if (c > 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NONE;
}

static int add_tile(struct ways *w, void *arg, const struct way_item *item, int64_t from,
		    int64_t to)
{
	int err;

	(void)arg;
	if (!item)
		return 0;
	err = array_grow(&w->tiles, &w->tiles_cap, w->tiles_n + 1, sizeof(*w->tiles));
	if (!err)
		w->tiles[w->tiles_n++] = (struct way_tile){ from, to, item->part };
	return err;
}

static int tile_group(struct ways *w, struct way_group *g)
{
	int64_t end = INT64_MIN;
	int err = array_grow(&w->lane, &w->lane_cap, g->n, sizeof(*w->lane));

	if (err)
		return err;
	for (uint32_t i = 0; i < g->n; i++) {
		const struct way_span *s = &w->spans[w->passes[g->first + i].span];

		/* An item's part here is the pass. */
		w->lane[i] = (struct way_item){ .begin_ns = s->begin_ns,
						.end_ns = s->end_ns,
						.part = g->first + i };
		if (s->end_ns > end)
			end = s->end_ns;
	}
	g->tiles = (uint32_t)w->tiles_n;
	err = lane_sweep(w, w->lane, g->n, w->lane[0].begin_ns, end, add_tile, NULL);
	g->tiles_n = (uint32_t)w->tiles_n - g->tiles;
	return err;
}

int ways_groups(struct ways *w)
{
	int err = 0;

	w->passes_by_id = calloc(w->passes_n + 1, sizeof(*w->passes_by_id));
	if (!w->passes_by_id)
		return -ENOMEM;
	if (w->passes_n)
		qsort_r(w->passes, w->passes_n, sizeof(*w->passes), by_group, w->spans);
	for (uint32_t i = 0; i < w->passes_n; i++)
		w->passes_by_id[i] = i;
	if (w->passes_n)
		qsort_r(w->passes_by_id, w->passes_n, sizeof(*w->passes_by_id), by_id, w);
	for (uint32_t i = 0; !err && i < w->passes_n; i++) {
		const struct build_span *s = w->spans[w->passes[i].span].s;
		struct way_group *g = w->groups_n ? &w->groups[w->groups_n - 1] : NULL;

		if (!s->group)
			continue;
		if (!g || g->pid != s->pid || g->id != s->group) {
			err = array_grow(&w->groups, &w->groups_cap, w->groups_n + 1, sizeof(*g));
			if (err)
				return err;
			g = &w->groups[w->groups_n++];
			*g = (struct way_group){ .pid = s->pid, .id = s->group, .first = i };
		}
		w->passes[i].group = (uint32_t)(w->groups_n - 1);
		g->n++;
	}
	for (size_t i = 0; !err && i < w->groups_n; i++)
		err = tile_group(w, &w->groups[i]);
	return err;
}
