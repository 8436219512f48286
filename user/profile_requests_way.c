/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The timeline of one request: every nanosecond from its meant arrival to its end goes to one part. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "profile_requests.h"

int lane_sweep(struct ways *w, const struct way_item *lane, size_t n, int64_t from, int64_t to,
	       lane_visit visit, void *arg)
{
	size_t next = 0, open = 0;
	int64_t t = from, until;
	int err = array_grow(&w->stack, &w->stack_cap, n + 1, sizeof(*w->stack));

	while (!err && t < to) {
		while (next < n && lane[next].begin_ns <= t)
			w->stack[open++] = (uint32_t)next++;
		/* One that has ended below others goes when it is their turn. */
		while (open && lane[w->stack[open - 1]].end_ns <= t)
			open--;
		until = next < n && lane[next].begin_ns < to ? lane[next].begin_ns : to;
		if (open && lane[w->stack[open - 1]].end_ns < until)
			until = lane[w->stack[open - 1]].end_ns;
		err = visit(w, arg, open ? &lane[w->stack[open - 1]] : NULL, t, until);
		t = until;
	}
	return err;
}

/* --- to the parts --- */

/* span: tells its visits apart. */
static int count(struct ways *w, const struct way_life *l, uint32_t part, uint32_t span,
		 int64_t from, int64_t to)
{
	struct way_part *p = &w->parts[part];
	int err;

	if (from >= to)
		return 0;
	if (!p->now_ns) {
		err = array_grow(&w->touched, &w->touched_cap, w->touched_n + 1,
				 sizeof(*w->touched));
		if (err)
			return err;
		w->touched[w->touched_n++] = part;
		p->now_first_ns = from - l->arrival_ns;
		p->spans++;
	} else if (p->now_span != span) {
		p->spans++;
	}
	p->now_span = span;
	p->now_ns += (uint64_t)(to - from);
	return 0;
}

static int part_of_span(struct ways *w, uint32_t span)
{
	struct way_span *s = &w->spans[span];

	return s->part == NONE ? ways_part(w, PART_STAGE, s->s->name, &s->part) : 0;
}

struct walk {
	const struct way_life *life;
	int err;
};

static void visit_span(struct ways *w, void *arg, uint32_t span, int64_t from, int64_t to)
{
	struct walk *walk = arg;
	struct way_span *s = &w->spans[span];

	if (walk->err)
		return;
	walk->err = part_of_span(w, span);
	if (walk->err)
		return;
	s->counted_ns += (uint64_t)(to - from);
	if (walk->life->slow)
		s->slow_ns += (uint64_t)(to - from);
	walk->err = count(w, walk->life, s->part, span, from, to);
}

/* All of a span: most are, and each span in it is visited once, not once between any two in it. */
static int count_whole(struct ways *w, const struct way_life *l, uint32_t root)
{
	const uint32_t end = w->spans[root].nest_end;
	int err = 0;

	for (uint32_t i = root; !err && i < end; i++) {
		struct way_span *s = &w->spans[i];

		if (!s->self_ns)
			continue;
		err = part_of_span(w, i);
		if (err)
			break;
		s->counted_ns += s->self_ns;
		if (l->slow)
			s->slow_ns += s->self_ns;
		err = count(w, l, s->part, i, s->begin_ns, s->begin_ns + (int64_t)s->self_ns);
	}
	return err;
}

/* While the thread works on others. */
static int count_others(struct ways *w, const struct way_life *l, const struct way_tile *tile,
			int64_t from, int64_t to)
{
	struct way_pass *pass = &w->passes[tile->pass];
	uint32_t part;
	int err = ways_part(w, PART_OTHERS, NO_ROW, &part);

	if (err)
		return err;
	pass->others_ns += (uint64_t)(to - from);
	if (l->slow)
		pass->others_slow_ns += (uint64_t)(to - from);
	return count(w, l, part, pass->span, from, to);
}

static int count_rest(struct ways *w, const struct way_life *l, int64_t from, int64_t to)
{
	uint32_t part;
	int err = from < to ? ways_part(w, PART_REST, NO_ROW, &part) : 0;

	return err || from >= to ? err : count(w, l, part, NONE, from, to);
}

/* The first tile of the group that ends after this time. */
static uint32_t first_tile(const struct ways *w, const struct way_group *g, int64_t time_ns)
{
	uint32_t low = g->tiles, high = g->tiles + g->tiles_n;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (w->tiles[middle].end_ns > time_ns)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Nothing of its own is there: is it in a group, and whom does that work on? */
static int walk_gap(struct ways *w, struct way_life *l, int64_t from, int64_t to)
{
	int64_t t = from;
	int err = 0;

	/* Gaps come in time. */
	while (l->left < l->memberships_n && w->memberships[l->memberships + l->left].to_ns <= from)
		l->left++;
	for (uint32_t i = l->left; !err && i < l->memberships_n; i++) {
		const struct way_membership *m = &w->memberships[l->memberships + i];
		const struct way_group *g = &w->groups[m->group];
		const int64_t end = m->to_ns < to ? m->to_ns : to;
		const int64_t begin = m->from_ns > t ? m->from_ns : t;

		if (m->from_ns >= to)
			break;
		if (begin >= end)
			continue;
		for (uint32_t k = first_tile(w, g, begin);
		     !err && k < g->tiles + g->tiles_n && w->tiles[k].begin_ns < end; k++) {
			const struct way_tile *tile = &w->tiles[k];
			const int64_t a = tile->begin_ns > begin ? tile->begin_ns : begin;
			const int64_t b = tile->end_ns < end ? tile->end_ns : end;

			err = count_rest(w, l, t, a);
			if (!err)
				err = count_others(w, l, tile, a, b);
			t = b;
		}
	}
	return err ? err : count_rest(w, l, t, to);
}

static int visit_item(struct ways *w, void *arg, const struct way_item *item, int64_t from,
		      int64_t to)
{
	struct way_life *l = arg;
	struct walk walk = { .life = l };
	uint32_t part;
	int err;

	if (!item)
		return walk_gap(w, l, from, to);
	if (item->span != NONE) {
		if (from == item->begin_ns && to == item->end_ns)
			return count_whole(w, l, item->span);
		nest_walk(w, item->span, from, to, visit_span, &walk);
		return walk.err;
	}
	err = ways_part(w, PART_WAIT, item->part, &part);
	if (!err)
		err = array_grow(&w->waits, &w->waits_cap, w->waits_n + 1, sizeof(*w->waits));
	if (err)
		return err;
	w->waits[w->waits_n++] = (struct way_wait){ part, l->slow, from, to };
	return count(w, l, part, (uint32_t)(item - w->lane), from, to);
}

/* --- a life --- */

static void note_pass(struct ways *w, struct way_life *l, uint32_t span)
{
	struct way_span *s = &w->spans[span];

	if (s->s->kind != SPAN_PASS || s->end_ns > l->end_ns)
		return;
	if (l->first_pass_ns == INT64_MIN) {
		l->first_pass_ns = s->end_ns;
		s->joined = true;
	}
	if (s->end_ns > l->last_pass_ns)
		l->last_pass_ns = s->end_ns;
}

/* The passes whose members no mark named: it takes part in those that begin while it is in the group. */
static int add_passes(struct ways *w, const struct way_membership *m, size_t *n)
{
	const struct way_group *g = &w->groups[m->group];
	uint32_t low = g->first, high = g->first + g->n;
	int err = 0;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (w->spans[w->passes[middle].span].begin_ns >= m->from_ns)
			high = middle;
		else
			low = middle + 1;
	}
	for (; !err && low < g->first + g->n; low++) {
		const struct way_pass *pass = &w->passes[low];
		const struct way_span *s = &w->spans[pass->span];

		if (s->begin_ns >= m->to_ns)
			break;
		if (pass->marked)
			continue;
		err = array_grow(&w->lane, &w->lane_cap, *n + 1, sizeof(*w->lane));
		if (!err)
			w->lane[(*n)++] = (struct way_item){ .begin_ns = s->begin_ns,
							     .end_ns = s->end_ns,
							     .span = pass->span };
	}
	return err;
}

static int by_begin(const void *a, const void *b)
{
	const struct way_item *x = a, *y = b;

	if (x->begin_ns != y->begin_ns)
		return x->begin_ns < y->begin_ns ? -1 : 1;
	/* As in a life's items: NONE plus 1 is 0. */
	if (x->span != y->span)
		return x->span + 1 < y->span + 1 ? -1 : 1;
	return x->part < y->part ? -1 : x->part > y->part;
}

static void finish_life(struct ways *w, const struct way_life *l)
{
	for (size_t i = 0; i < w->touched_n; i++) {
		const uint32_t part = w->touched[i];
		struct way_part *p = &w->parts[part];

		p->requests++;
		p->ns += p->now_ns;
		p->slow_ns += l->slow ? p->now_ns : 0;
		p->median_ns += l->median ? p->now_ns : 0;
		p->slowest_ns += l->slowest ? p->now_ns : 0;
		p->first_ns += (double)p->now_first_ns;
		w->times[w->times_n++] = (struct way_time){ part, p->now_ns };
		p->now_ns = 0;
	}
	w->touched_n = 0;
}

int ways_walk(struct ways *w, struct way_life *l)
{
	size_t n = l->items_n;
	int err = array_grow(&w->lane, &w->lane_cap, n + 1, sizeof(*w->lane));

	if (!err && n)
		memcpy(w->lane, &w->items[l->items], n * sizeof(*w->lane));
	for (uint32_t i = 0; !err && i < l->memberships_n; i++)
		err = add_passes(w, &w->memberships[l->memberships + i], &n);
	if (err)
		return err;
	if (n > l->items_n)
		qsort(w->lane, n, sizeof(*w->lane), by_begin);
	for (size_t i = 0; i < n; i++)
		if (w->lane[i].span != NONE)
			note_pass(w, l, w->lane[i].span);
	err = lane_sweep(w, w->lane, n, l->arrival_ns, l->end_ns, visit_item, l);
	if (!err)
		err = array_grow(&w->times, &w->times_cap, w->times_n + w->touched_n,
				 sizeof(*w->times));
	if (!err)
		finish_life(w, l);
	return err;
}
