/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What CUDA calls leave in a profile: rows of calls, errors, copies, streams, launches and memory. They
 * are kept as they come; profile_finish() adds up those that are one and puts them in order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "profile_build.h"

/* --- what comes in --- */

int profile_add_call(struct profile *p, const struct profile_call *call)
{
	struct profile_call c = *call;
	int err;

	if (!p->build)
		return -EINVAL;
	err = build_name(p, &c.process);
	if (!err)
		err = build_name(p, &c.name);
	if (!err)
		err = build_name(p, &c.api);
	if (!err)
		err = build_name(p, &c.group);
	if (!err)
		err = build_own(p, &c.inside);
	if (!err)
		err = array_grow(&p->calls, &p->build->p_calls_cap, p->calls_n + 1, sizeof(c));
	if (!err)
		p->calls[p->calls_n++] = c;
	return err;
}

int profile_add_error(struct profile *p, const struct profile_error *error)
{
	struct profile_error e = *error;
	int err;

	if (!p->build)
		return -EINVAL;
	err = build_name(p, &e.call);
	if (!err)
		err = build_own(p, &e.inside);
	if (!err)
		err = build_own(p, &e.name);
	if (!err)
		err = array_grow(&p->errors, &p->build->errors_cap, p->errors_n + 1, sizeof(e));
	if (!err)
		p->errors[p->errors_n++] = e;
	return err;
}

int profile_add_copy(struct profile *p, const struct profile_copy *copy)
{
	struct profile_copy c = *copy;
	int err;

	if (!p->build)
		return -EINVAL;
	err = build_name(p, &c.kind);
	if (!err)
		err = array_grow(&p->copies, &p->build->copies_cap, p->copies_n + 1, sizeof(c));
	if (!err)
		p->copies[p->copies_n++] = c;
	return err;
}

int profile_add_stream(struct profile *p, const struct profile_stream *stream)
{
	struct profile_stream s = *stream;
	int err;

	if (!p->build)
		return -EINVAL;
	err = build_name(p, &s.name);
	if (!err)
		err = array_grow(&p->streams, &p->build->streams_cap, p->streams_n + 1, sizeof(s));
	if (!err)
		p->streams[p->streams_n++] = s;
	return err;
}

int profile_add_launch(struct profile *p, const struct profile_launch *launch)
{
	struct profile_launch l = *launch;
	int err;

	if (!p->build)
		return -EINVAL;
	err = build_name(p, &l.kernel);
	if (!err)
		err = build_own(p, &l.site);
	if (!err)
		err = array_grow(&p->launches, &p->build->launches_cap, p->launches_n + 1,
				 sizeof(l));
	if (!err)
		p->launches[p->launches_n++] = l;
	return err;
}

int profile_add_launcher(struct profile *p, const struct profile_launcher *l)
{
	int err;

	if (!p->build)
		return -EINVAL;
	err = array_grow(&p->launchers, &p->build->launchers_cap, p->launchers_n + 1, sizeof(*l));
	if (!err)
		p->launchers[p->launchers_n++] = *l;
	return err;
}

int profile_add_memory(struct profile *p, const struct profile_memory *memory)
{
	struct profile_memory m = *memory;
	int err;

	if (!p->build)
		return -EINVAL;
	err = build_name(p, &m.process);
	if (!err)
		err = build_name(p, &m.kind);
	if (!err)
		err = array_grow(&p->memory, &p->build->memory_cap, p->memory_n + 1, sizeof(m));
	if (!err)
		p->memory[p->memory_n++] = m;
	return err;
}

int profile_add_allocation(struct profile *p, const struct profile_allocation *allocation)
{
	struct profile_allocation a = *allocation;
	int64_t list;
	int err;

	if (!p->build)
		return -EINVAL;
	err = build_name(p, &a.process);
	if (!err)
		err = build_name(p, &a.kind);
	if (!err)
		err = build_name(p, &a.call);
	if (err)
		return err;
	list = build_list(p, a.frames, a.frames_n);
	if (list < 0)
		return (int)list;
	a.frames = p->build->lists[list]->frames;
	err = array_grow(&p->allocations, &p->build->allocations_cap, p->allocations_n + 1,
			 sizeof(a));
	if (!err)
		p->allocations[p->allocations_n++] = a;
	return err;
}

/* --- keys and orders. Strings are the profile's own: equal ones have one address. --- */

static int rising(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int falling(uint64_t a, uint64_t b)
{
	return rising(b, a);
}

static int by_text(const char *a, const char *b)
{
	if (a == b)
		return 0;
	return !a ? -1 : !b ? 1 : strcmp(a, b);
}

static int call_order(const void *a, const void *b)
{
	const struct profile_call *x = a, *y = b;
	int c = falling(x->wall_ns, y->wall_ns);

	if (!c)
		c = falling(x->calls, y->calls);
	if (!c)
		c = by_text(x->name, y->name);
	if (!c)
		c = by_text(x->inside, y->inside);
	return c ? c : rising(x->pid, y->pid);
}

static int error_key(const void *a, const void *b)
{
	const struct profile_error *x = a, *y = b;
	int c = rising(x->pid, y->pid);

	if (!c)
		c = by_text(x->call, y->call);
	if (!c)
		c = by_text(x->inside, y->inside);
	return c ? c : rising(x->code, y->code);
}

static int copy_key(const void *a, const void *b)
{
	const struct profile_copy *x = a, *y = b;
	const int c = rising(x->pid, y->pid);

	return c ? c : by_text(x->kind, y->kind);
}

static int stream_key(const void *a, const void *b)
{
	const struct profile_stream *x = a, *y = b;
	const int c = rising(x->pid, y->pid);

	return c ? c : by_text(x->name, y->name);
}

static int stream_order(const void *a, const void *b)
{
	const struct profile_stream *x = a, *y = b;
	int c = falling(x->wall_ns, y->wall_ns);

	if (!c)
		c = falling(x->calls, y->calls);
	return c ? c : stream_key(a, b);
}

static int launch_key(const void *a, const void *b)
{
	const struct profile_launch *x = a, *y = b;
	int c = rising(x->pid, y->pid);

	if (!c)
		c = by_text(x->kernel, y->kernel);
	return c ? c : by_text(x->site, y->site);
}

static int launch_order(const void *a, const void *b)
{
	const struct profile_launch *x = a, *y = b;
	int c = falling(x->wall_ns, y->wall_ns);

	if (!c)
		c = falling(x->calls, y->calls);
	return c ? c : launch_key(a, b);
}

static int launcher_key(const void *a, const void *b)
{
	const struct profile_launcher *x = a, *y = b;

	return rising(x->thread, y->thread);
}

static int launcher_order(const void *a, const void *b)
{
	const struct profile_launcher *x = a, *y = b;
	const int c = falling(x->launches, y->launches);

	return c ? c : rising(x->thread, y->thread);
}

static int memory_key(const void *a, const void *b)
{
	const struct profile_memory *x = a, *y = b;
	const int c = rising(x->pid, y->pid);

	return c ? c : by_text(x->kind, y->kind);
}

static int memory_order(const void *a, const void *b)
{
	const struct profile_memory *x = a, *y = b;
	const int c = falling(x->peak_bytes, y->peak_bytes);

	return c ? c : memory_key(a, b);
}

static int allocation_key(const void *a, const void *b)
{
	const struct profile_allocation *x = a, *y = b;
	int c = rising(x->pid, y->pid);

	if (!c)
		c = by_text(x->kind, y->kind);
	if (!c)
		c = by_text(x->call, y->call);
	if (!c && x->frames != y->frames)
		c = rising(x->frames_n, y->frames_n);
	for (size_t i = 0; !c && x->frames != y->frames && i < x->frames_n; i++)
		c = by_text(x->frames[i], y->frames[i]);
	return c;
}

static int allocation_order(const void *a, const void *b)
{
	const struct profile_allocation *x = a, *y = b;
	int c = falling(x->live_bytes, y->live_bytes);

	if (!c)
		c = falling(x->bytes, y->bytes);
	return c ? c : allocation_key(a, b);
}

/* --- rows that are one --- */

/* What is unknown of a part is unknown of the whole. */
static void add_known(uint64_t *sum, uint64_t n)
{
	*sum = *sum == PROFILE_UNKNOWN || n == PROFILE_UNKNOWN ? PROFILE_UNKNOWN : *sum + n;
}

static void error_merge(void *into, const void *row)
{
	((struct profile_error *)into)->calls += ((const struct profile_error *)row)->calls;
}

static void copy_merge(void *into, const void *row)
{
	const struct profile_copy *c = row;
	struct profile_copy *sum = into;

	sum->calls += c->calls;
	sum->bytes += c->bytes;
	add_known(&sum->wall_ns, c->wall_ns);
	for (size_t i = 0; i < PROFILE_SIZES; i++)
		sum->sizes[i] += c->sizes[i];
}

static void stream_merge(void *into, const void *row)
{
	const struct profile_stream *s = row;
	struct profile_stream *sum = into;

	sum->calls += s->calls;
	sum->launches += s->launches;
	sum->copies += s->copies;
	sum->bytes += s->bytes;
	sum->syncs += s->syncs;
	add_known(&sum->wall_ns, s->wall_ns);
	add_known(&sum->sync_ns, s->sync_ns);
}

static void launch_merge(void *into, const void *row)
{
	const struct profile_launch *l = row;
	struct profile_launch *sum = into;

	sum->graph |= l->graph;
	sum->calls += l->calls;
	add_known(&sum->errors, l->errors);
	add_known(&sum->wall_ns, l->wall_ns);
	add_known(&sum->gaps, l->gaps);
	add_known(&sum->gap_ns, l->gap_ns);
}

/* Several threads' gaps have no common distribution any more; the longest is the longest. */
static void launcher_merge(void *into, const void *row)
{
	const struct profile_launcher *l = row;
	struct profile_launcher *sum = into;

	sum->launches += l->launches;
	add_known(&sum->wall_ns, l->wall_ns);
	add_known(&sum->gaps, l->gaps);
	add_known(&sum->gap_ns, l->gap_ns);
	if (l->gap_max_ns > sum->gap_max_ns)
		sum->gap_max_ns = l->gap_max_ns;
	sum->gap_p50_ns = sum->gap_p95_ns = sum->gap_p99_ns = PROFILE_UNKNOWN;
}

static void memory_merge(void *into, const void *row)
{
	const struct profile_memory *m = row;
	struct profile_memory *sum = into;

	sum->allocations += m->allocations;
	sum->frees += m->frees;
	sum->bytes += m->bytes;
	sum->live += m->live;
	sum->live_bytes += m->live_bytes;
	/* At most: they need not have been at their peaks together. */
	sum->peak_bytes += m->peak_bytes;
	sum->unknown_frees += m->unknown_frees;
}

static void allocation_merge(void *into, const void *row)
{
	const struct profile_allocation *a = row;
	struct profile_allocation *sum = into;

	sum->allocations += a->allocations;
	sum->bytes += a->bytes;
	sum->live += a->live;
	sum->live_bytes += a->live_bytes;
}

/* --- the end --- */

struct row_kind {
	void *rows;
	size_t *n;
	size_t size;
	int (*key)(const void *, const void *); /* NULL: each stands alone */
	void (*merge)(void *into, const void *row);
	int (*order)(const void *, const void *);
};

static void finish_rows(const struct row_kind *k)
{
	char *rows = k->rows;
	size_t n = 0;

	if (!*k->n)
		return;
	if (k->key) {
		qsort(rows, *k->n, k->size, k->key);
		for (size_t i = 1; i < *k->n; i++) {
			char *last = rows + n * k->size, *row = rows + i * k->size;

			if (!k->key(last, row))
				k->merge(last, row);
			else if (++n != i)
				memcpy(rows + n * k->size, row, k->size);
		}
		*k->n = n + 1;
	}
	if (k->order != k->key)
		qsort(rows, *k->n, k->size, k->order);
}

uint32_t *build_places(const struct profile *p, const uint32_t *rank)
{
	uint32_t *row = malloc((p->threads_n + 1) * sizeof(*row));

	for (uint32_t i = 0; row && i < p->threads_n; i++)
		row[rank[i]] = i;
	return row;
}

/* Serial numbers become rows of threads, in their final order. rank: the old row of each. */
static int place_launchers(struct profile *p, const uint32_t *rank)
{
	const struct profile_build *b = p->build;
	uint32_t *row = build_places(p, rank);
	size_t n = 0;

	if (!row)
		return -ENOMEM;
	for (size_t i = 0; i < p->launchers_n; i++) {
		const int64_t at = build_find_serial(b, p->launchers[i].serial);

		if (at < 0 || b->serials[at].row == NO_ROW)
			continue;
		p->launchers[n] = p->launchers[i];
		p->launchers[n++].thread = row[b->serials[at].row];
	}
	p->launchers_n = n;
	free(row);
	return 0;
}

int profile_calls_finish(struct profile *p, const uint32_t *rank)
{
	const struct row_kind kinds[] = {
		{ p->calls, &p->calls_n, sizeof(*p->calls), NULL, NULL, call_order },
		{ p->errors, &p->errors_n, sizeof(*p->errors), error_key, error_merge, error_key },
		{ p->copies, &p->copies_n, sizeof(*p->copies), copy_key, copy_merge, copy_key },
		{ p->streams, &p->streams_n, sizeof(*p->streams), stream_key, stream_merge,
		  stream_order },
		{ p->launches, &p->launches_n, sizeof(*p->launches), launch_key, launch_merge,
		  launch_order },
		{ p->launchers, &p->launchers_n, sizeof(*p->launchers), launcher_key,
		  launcher_merge, launcher_order },
		{ p->memory, &p->memory_n, sizeof(*p->memory), memory_key, memory_merge,
		  memory_order },
		{ p->allocations, &p->allocations_n, sizeof(*p->allocations), allocation_key,
		  allocation_merge, allocation_order },
	};
	int err = place_launchers(p, rank);

	if (!err && p->entries_only)
		err = profile_add_not_measured(p, "CUDA calls' lengths and errors, GPU memory",
					       "--returns none");
	for (size_t i = 0; !err && i < sizeof(kinds) / sizeof(*kinds); i++)
		finish_rows(&kinds[i]);
	return err;
}
