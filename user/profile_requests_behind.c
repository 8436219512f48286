/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Waits of requests: how long for others to be done, and how long although somebody could have gone on
 * with them.
 *
 * A wait is for the stage that comes next on the way. While all threads that have that stage are in it, it
 * is for others. Passes of the model can be joined between two of them: it is for others while the one runs
 * that ran when the wait began, and while passes run that are as large as the largest of their name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "profile_requests.h"

/* Between two edges all threads are busy. */
struct busy {
	int64_t begin_ns, end_ns;
	uint64_t before_ns; /* time in full ones before this one */
	bool full;	    /* none can be joined */
};

struct edge {
	int64_t time_ns;
	int8_t step; /* 1: begins, -1: ends */
	bool full;
};

struct behind {
	struct edge *edges;
	size_t edges_n, edges_cap;
	struct busy *busy;
	size_t busy_n, busy_cap;
};

static int by_time(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	/* One ends before the next begins. */
	return x->step - y->step;
}

static int add_edges(struct behind *b, const struct way_span *s, bool full)
{
	int err = array_grow(&b->edges, &b->edges_cap, b->edges_n + 2, sizeof(*b->edges));

	if (err)
		return err;
	b->edges[b->edges_n++] = (struct edge){ s->begin_ns, 1, full };
	b->edges[b->edges_n++] = (struct edge){ s->end_ns, -1, full };
	return 0;
}

/* Where all of the threads are busy. */
static int fill_busy(struct behind *b, uint32_t threads)
{
	uint32_t running = 0, full = 0;
	uint64_t before = 0;
	int err = 0;

	if (b->edges_n)
		qsort(b->edges, b->edges_n, sizeof(*b->edges), by_time);
	b->busy_n = 0;
	for (size_t i = 0; !err && i + 1 < b->edges_n; i++) {
		const struct edge *e = &b->edges[i];
		struct busy *busy;

		running += (uint32_t)e->step;
		full += e->full ? (uint32_t)e->step : 0;
		if (running < threads || e[0].time_ns == e[1].time_ns)
			continue;
		err = array_grow(&b->busy, &b->busy_cap, b->busy_n + 1, sizeof(*b->busy));
		if (err)
			break;
		busy = &b->busy[b->busy_n++];
		*busy = (struct busy){ e[0].time_ns, e[1].time_ns, before, full == running };
		before += busy->full ? (uint64_t)(busy->end_ns - busy->begin_ns) : 0;
	}
	return err;
}

/* --- whose spans --- */

static uint32_t size_of(const struct way_pass *pass, const struct build_span *s)
{
	return s->requests ? s->requests : pass->marked;
}

/* The largest pass of that name. */
static uint32_t largest(const struct ways *w, uint32_t pid, uint32_t name)
{
	uint32_t most = 0;

	for (size_t i = 0; i < w->passes_n; i++) {
		const struct build_span *s = w->spans[w->passes[i].span].s;

		if (s->pid == pid && s->name == name && size_of(&w->passes[i], s) > most)
			most = size_of(&w->passes[i], s);
	}
	return most;
}

/* Few names: a program that makes them up as it goes has its first ones looked at. */
#define PASS_NAMES 16

static int fill_passes(const struct ways *w, uint32_t pid, struct behind *b)
{
	struct {
		uint32_t name, largest;
	} names[PASS_NAMES];
	uint32_t names_n = 0, threads = 0, last = 0;
	int err = 0;

	b->edges_n = 0;
	for (size_t i = 0; !err && i < w->passes_n; i++) {
		/* By thread, so that these can be counted. */
		const struct way_pass *pass = &w->passes[w->passes_by_id[i]];
		const struct build_span *s = w->spans[pass->span].s;
		uint32_t k = 0;

		if (s->pid != pid)
			continue;
		while (k < names_n && names[k].name != s->name)
			k++;
		if (k == PASS_NAMES)
			continue;
		if (k == names_n) {
			names[names_n].name = s->name;
			names[names_n++].largest = largest(w, pid, s->name);
		}
		threads += !threads || s->tid != last;
		last = s->tid;
		err = add_edges(b, &w->spans[pass->span], size_of(pass, s) >= names[k].largest);
	}
	return err ? err : fill_busy(b, threads);
}

/* Spans of a process come by thread. */
static int fill_stage(const struct ways *w, uint32_t pid, const char *name, struct behind *b)
{
	uint32_t threads = 0, last = 0;
	int err = 0;

	b->edges_n = 0;
	for (uint32_t i = ways_first_span(w, pid);
	     !err && i < w->spans_n && w->spans[i].s->pid == pid; i++) {
		const struct build_span *s = w->spans[i].s;

		/* The strings are each there once. */
		if (w->p->arena->strings[s->name] != name)
			continue;
		threads += !threads || s->tid != last;
		last = s->tid;
		err = add_edges(b, &w->spans[i], true);
	}
	return err ? err : fill_busy(b, threads);
}

/* --- waits --- */

static uint64_t full_until(const struct behind *b, size_t at, int64_t time_ns)
{
	const struct busy *busy;

	if (at == b->busy_n)
		return b->busy_n ? b->busy[at - 1].before_ns +
					   (b->busy[at - 1].full
						    ? (uint64_t)(b->busy[at - 1].end_ns -
								 b->busy[at - 1].begin_ns)
						    : 0)
				 : 0;
	busy = &b->busy[at];
	return busy->before_ns +
	       (busy->full && time_ns > busy->begin_ns ? (uint64_t)(time_ns - busy->begin_ns) : 0);
}

/* The first that ends after this time. */
static size_t first_busy(const struct behind *b, int64_t time_ns)
{
	size_t low = 0, high = b->busy_n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (b->busy[middle].end_ns > time_ns)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static uint64_t behind_ns(const struct behind *b, const struct way_wait *wait)
{
	const size_t from = first_busy(b, wait->begin_ns), to = first_busy(b, wait->end_ns);
	const struct busy *running = from < b->busy_n ? &b->busy[from] : NULL;
	uint64_t ns = full_until(b, to, wait->end_ns) - full_until(b, from, wait->begin_ns);

	if (running && !running->full && running->begin_ns <= wait->begin_ns)
		ns += (uint64_t)((running->end_ns < wait->end_ns ? running->end_ns : wait->end_ns) -
				 wait->begin_ns);
	return ns;
}

int ways_behind(const struct ways *w, uint32_t pid, const uint32_t *row_of,
		struct profile_requests *row)
{
	struct behind b = { 0 };
	int err = 0;

	for (size_t i = 0; !err && i < row->parts_n; i++) {
		struct profile_part *part = &row->parts[i];
		size_t next = i + 1;

		part->behind_ns = part->behind_slow_ns = PROFILE_UNKNOWN;
		while (next < row->parts_n && row->parts[next].kind != PART_STAGE)
			next++;
		if (part->kind != PART_WAIT || next == row->parts_n)
			continue;
		err = row->parts[next].in_pass ? fill_passes(w, pid, &b)
					       : fill_stage(w, pid, row->parts[next].name, &b);
		part->behind_ns = part->behind_slow_ns = 0;
		for (size_t k = 0; !err && k < w->waits_n; k++) {
			if (row_of[w->waits[k].part] != i)
				continue;
			part->behind_ns += behind_ns(&b, &w->waits[k]);
			if (w->waits[k].slow)
				part->behind_slow_ns += behind_ns(&b, &w->waits[k]);
		}
	}
	free(b.edges);
	free(b.busy);
	return err;
}
