/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Waits of requests: how long for others to be done, and how long although somebody could have gone on
 * with them.
 *
 * A wait is for the stage that comes next on the way. While all threads that have that stage are in it, it
 * is for others. Passes of the model can be joined between two of them: there it is for others while the
 * one runs that ran when the wait began, until the last one that took others in (they were first), and
 * while passes run that are as large as the largest of their name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "profile_requests.h"

/* Between two edges all threads are busy. */
struct busy {
	int64_t begin_ns, end_ns;
	uint64_t before_ns, full_before_ns; /* busy before this one; and in full ones */
	uint32_t joined; /* how many so far took requests in, this one included */
	bool full;	 /* none can be joined */
};

struct edge {
	int64_t time_ns;
	int8_t step; /* 1: begins, -1: ends */
	bool full, joined;
};

/* The threads that have the stage, and when they are busy. */
struct behind {
	struct edge *edges;
	size_t edges_n, edges_cap;
	struct busy *busy;
	size_t busy_n, busy_cap;
	size_t *joined; /* the busy ones that took requests in */
	size_t joined_n, joined_cap;
	struct way_wait *waits; /* scratch */
	size_t waits_cap;
	uint32_t threads;
	/* Outside of their spans: on the run queue, and throttled. */
	uint64_t run_queue_ns, throttled_ns;
};

/* --- when all are busy --- */

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
	b->edges[b->edges_n++] = (struct edge){ s->begin_ns, 1, full, s->joined };
	b->edges[b->edges_n++] = (struct edge){ s->end_ns, -1, full, s->joined };
	return 0;
}

static int add_busy(struct behind *b, const struct busy *busy, bool joined)
{
	int err = array_grow(&b->busy, &b->busy_cap, b->busy_n + 1, sizeof(*b->busy));

	if (!err)
		err = array_grow(&b->joined, &b->joined_cap, b->joined_n + 1, sizeof(*b->joined));
	if (err)
		return err;
	if (joined)
		b->joined[b->joined_n++] = b->busy_n;
	b->busy[b->busy_n] = *busy;
	b->busy[b->busy_n++].joined = (uint32_t)b->joined_n;
	return 0;
}

static int fill_busy(struct behind *b)
{
	uint32_t running = 0, full = 0, joined = 0;
	struct busy busy = { 0 };
	int err = 0;

	if (b->edges_n)
		qsort(b->edges, b->edges_n, sizeof(*b->edges), by_time);
	b->busy_n = b->joined_n = 0;
	for (size_t i = 0; !err && i + 1 < b->edges_n; i++) {
		const struct edge *e = &b->edges[i];
		uint64_t ns = (uint64_t)(e[1].time_ns - e[0].time_ns);

		running += (uint32_t)e->step;
		full += e->full ? (uint32_t)e->step : 0;
		joined += e->joined ? (uint32_t)e->step : 0;
		if (running < b->threads || !ns)
			continue;
		busy.begin_ns = e[0].time_ns;
		busy.end_ns = e[1].time_ns;
		busy.full = full == running;
		err = add_busy(b, &busy, joined > 0);
		busy.before_ns += ns;
		busy.full_before_ns += busy.full ? ns : 0;
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

/* Few names: of a program that makes them up as it goes the first ones are looked at. */
#define PASS_NAMES 16

static int add_passes(const struct ways *w, uint32_t pid, struct behind *b)
{
	struct {
		uint32_t name, largest;
	} names[PASS_NAMES];
	uint32_t names_n = 0;
	int err = 0;

	for (size_t i = 0; !err && i < w->passes_n; i++) {
		const struct way_pass *pass = &w->passes[i];
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
		err = add_edges(b, &w->spans[pass->span], size_of(pass, s) >= names[k].largest);
	}
	return err;
}

/* name NULL: passes. */
static bool is_of(const struct ways *w, const struct build_span *s, const char *name)
{
	/* Strings are each there once. */
	return name ? w->p->arena->strings[s->name] == name : s->kind == SPAN_PASS;
}

/* What the thread's account has more than its spans, of which in_spans is the sum. */
static void add_thread(const struct ways *w, const struct build_span *s, struct behind *b,
		       const struct profile_split *in_spans)
{
	uint64_t queued = 0, throttled = 0;

	for (size_t i = 0; i < w->p->threads_n; i++) {
		const struct profile_thread *t = &w->p->threads[i];

		if (t->pid != s->pid || t->tid != s->tid || t->merged != 1)
			continue;
		queued += t->state_ns[PROFILE_WOKEN] + t->state_ns[PROFILE_PREEMPTED];
		throttled += t->throttled_ns;
	}
	b->run_queue_ns += queued > in_spans->run_queue_ns ? queued - in_spans->run_queue_ns : 0;
	b->throttled_ns +=
		throttled > in_spans->throttled_ns ? throttled - in_spans->throttled_ns : 0;
}

/* The spans of a process come by thread. */
static int fill(const struct ways *w, uint32_t pid, const char *name, struct behind *b)
{
	uint32_t first = ways_first_span(w, pid);
	struct profile_split sum = { 0 };
	bool has = false, no_request = true;
	int err = 0;

	b->edges_n = b->threads = 0;
	b->run_queue_ns = b->throttled_ns = 0;
	for (uint32_t i = first; !err && i < w->spans_n && w->spans[i].s->pid == pid; i++) {
		const struct build_span *s = w->spans[i].s;
		const bool last = i + 1 == w->spans_n || w->spans[i + 1].s->pid != pid ||
				  w->spans[i + 1].s->tid != s->tid;

		if (w->spans[i].parent == NONE && s->blocked_ns != PROFILE_UNKNOWN) {
			sum.run_queue_ns += s->run_queue_ns;
			sum.throttled_ns +=
				s->throttled_ns == PROFILE_UNKNOWN ? 0 : s->throttled_ns;
		}
		no_request &= !w->spans[i].counted_ns && !w->spans[i].joined;
		if (is_of(w, s, name)) {
			has = true;
			err = name ? add_edges(b, &w->spans[i], true) : 0;
		}
		if (!last)
			continue;
		/* A batcher: no request is in its stages, and it stands before the passes. */
		if (!name && !has && no_request)
			memset(&sum, 0, sizeof(sum));
		if (has || (!name && no_request))
			add_thread(w, s, b, &sum);
		b->threads += has;
		memset(&sum, 0, sizeof(sum));
		has = false;
		no_request = true;
	}
	if (!err && !name)
		err = add_passes(w, pid, b);
	return err ? err : fill_busy(b);
}

/* --- waits --- */

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

/* Busy before this time; full: in full ones. */
static uint64_t until(const struct behind *b, int64_t time_ns, bool full)
{
	const size_t at = first_busy(b, time_ns);
	const struct busy *busy = &b->busy[at < b->busy_n ? at : b->busy_n - 1];
	const int64_t end = time_ns < busy->end_ns ? time_ns : busy->end_ns;
	uint64_t ns = full ? busy->full_before_ns : busy->before_ns;

	if (end > busy->begin_ns && (!full || busy->full))
		ns += (uint64_t)(end - busy->begin_ns);
	return ns;
}

static uint64_t behind_ns(const struct behind *b, const struct way_wait *wait)
{
	const size_t from = first_busy(b, wait->begin_ns), to = first_busy(b, wait->end_ns);
	int64_t first = wait->begin_ns, end;
	uint32_t joined;

	if (!b->busy_n)
		return 0;
	if (from < b->busy_n && b->busy[from].begin_ns <= wait->begin_ns)
		first = b->busy[from].end_ns;
	/* The last that took others in, and was through before the wait's end. */
	joined = to ? b->busy[to - 1].joined : 0;
	if (joined) {
		end = b->busy[b->joined[joined - 1]].end_ns;
		first = end > first ? end : first;
	}
	first = first < wait->end_ns ? first : wait->end_ns;
	return until(b, first, false) - until(b, wait->begin_ns, false) +
	       until(b, wait->end_ns, true) - until(b, first, true);
}

static int by_begin(const void *a, const void *b)
{
	const struct way_wait *x = a, *y = b;

	return x->begin_ns < y->begin_ns ? -1 : x->begin_ns > y->begin_ns;
}

/* How long any of n waits was while not all threads were busy. */
static uint64_t idle_ns(const struct behind *b, struct way_wait *waits, size_t n)
{
	int64_t end = INT64_MIN;
	uint64_t ns = 0;

	qsort(waits, n, sizeof(*waits), by_begin);
	for (size_t i = 0; i < n; i++) {
		const int64_t from = waits[i].begin_ns > end ? waits[i].begin_ns : end;

		if (waits[i].end_ns <= from)
			continue;
		end = waits[i].end_ns;
		ns += (uint64_t)(end - from);
		if (b->busy_n)
			ns -= until(b, end, false) - until(b, from, false);
	}
	return ns;
}

static uint64_t scale(uint64_t ns, uint64_t part, uint64_t whole)
{
	part = part < whole ? part : whole;
	return whole ? (uint64_t)((unsigned __int128)ns * part / whole) : 0;
}

/* The waits of one part. */
static int fill_wait(const struct ways *w, struct behind *b, const uint32_t *row_of, size_t row,
		     struct profile_part *part)
{
	uint64_t idle;
	size_t n = 0;
	int err = array_grow(&b->waits, &b->waits_cap, w->waits_n + 1, sizeof(*b->waits));

	if (err)
		return err;
	part->behind_ns = part->behind_slow_ns = 0;
	for (size_t i = 0; i < w->waits_n; i++) {
		uint64_t ns;

		if (row_of[w->waits[i].part] != row)
			continue;
		b->waits[n++] = w->waits[i];
		ns = behind_ns(b, &w->waits[i]);
		part->behind_ns += ns;
		part->behind_slow_ns += w->waits[i].slow ? ns : 0;
	}
	/* A thread that waits for a CPU keeps all waiting that wait for it. */
	idle = idle_ns(b, b->waits, n);
	part->woken_slow_ns =
		scale(part->slow.wall_ns - part->behind_slow_ns, b->run_queue_ns, idle);
	part->throttled_slow_ns = scale(part->woken_slow_ns, b->throttled_ns, b->run_queue_ns);
	return 0;
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
		part->woken_slow_ns = part->throttled_slow_ns = PROFILE_UNKNOWN;
		while (next < row->parts_n && row->parts[next].kind != PART_STAGE)
			next++;
		if (part->kind != PART_WAIT || next == row->parts_n)
			continue;
		err = fill(w, pid, row->parts[next].in_pass ? NULL : row->parts[next].name, &b);
		if (!err)
			err = fill_wait(w, &b, row_of, i, part);
	}
	free(b.edges);
	free(b.busy);
	free(b.joined);
	free(b.waits);
	return err;
}
