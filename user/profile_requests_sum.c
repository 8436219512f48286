/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From what requests spent to the parts of profile.requests. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "profile_requests.h"

/* --- names to parts --- */

static int new_part(struct ways *w, enum profile_part_kind kind, uint32_t name, uint32_t *part)
{
	int err = array_grow(&w->parts, &w->parts_cap, w->parts_n + 1, sizeof(*w->parts));

	if (err)
		return err;
	*part = (uint32_t)w->parts_n++;
	w->parts[*part] = (struct way_part){ .name = name, .kind = (uint8_t)kind };
	return 0;
}

/* The only one of its kind. */
static int single_part(struct ways *w, enum profile_part_kind kind, uint32_t *part)
{
	for (*part = 0; *part < w->parts_n; (*part)++)
		if (w->parts[*part].kind == kind)
			return 0;
	return new_part(w, kind, NO_ROW, part);
}

int ways_part(struct ways *w, enum profile_part_kind kind, uint32_t name, uint32_t *part)
{
	uint32_t *known;
	int64_t more;
	int err;

	if (kind > PART_WAIT || name == NO_ROW)
		return single_part(w, kind, part);
	known = &w->part_of[kind][name];
	if (*known != NONE) {
		*part = *known;
		return 0;
	}
	if (w->parts_n >= PARTS_MAX) {
		more = arena_string(w->p->arena, MORE_STAGES);
		if (more < 0)
			return (int)more;
		/* A name that the two tables may have no room for: it is looked for. */
		for (*part = PARTS_MAX; *part < w->parts_n; (*part)++)
			if (w->parts[*part].kind == kind && w->parts[*part].name == (uint32_t)more)
				break;
		err = *part < w->parts_n ? 0 : new_part(w, kind, (uint32_t)more, part);
	} else {
		err = new_part(w, kind, name, part);
	}
	if (!err)
		*known = *part;
	return err;
}

void ways_parts_reset(struct ways *w)
{
	/* Beyond PARTS_MAX the parts do not tell which names were theirs. */
	for (int kind = PART_STAGE; w->parts_n > PARTS_MAX && kind <= PART_WAIT; kind++)
		memset(w->part_of[kind], 0xff, w->names_n * sizeof(*w->part_of[kind]));
	for (size_t i = 0; i < w->parts_n; i++)
		if (w->parts[i].kind <= PART_WAIT && w->parts[i].name != NO_ROW)
			w->part_of[w->parts[i].kind][w->parts[i].name] = NONE;
	w->parts_n = w->times_n = w->waits_n = w->touched_n = 0;
}

/* --- quantiles --- */

static int rising(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

uint64_t exact_quantile(const uint64_t *sorted, size_t n, double q)
{
	/* The smallest value that at least q of all do not exceed. 0.95 * 20 must not become 20. */
	const double rank = q * (double)n - 1e-9 * (double)n;
	size_t at = rank > 0 ? (size_t)rank : 0;

	if (at >= n)
		at = n - 1;
	return sorted[at];
}

void exact_quantiles(uint64_t *values, size_t n, struct profile_quantiles *q)
{
	*q = (struct profile_quantiles){ PROFILE_UNKNOWN, PROFILE_UNKNOWN, PROFILE_UNKNOWN,
					 PROFILE_UNKNOWN };
	if (!n)
		return;
	qsort(values, n, sizeof(*values), rising);
	q->p50_ns = exact_quantile(values, n, 0.50);
	q->p95_ns = exact_quantile(values, n, 0.95);
	q->p99_ns = exact_quantile(values, n, 0.99);
	q->max_ns = values[n - 1];
}

/* --- splits --- */

static uint64_t scale(uint64_t value, uint64_t part, uint64_t whole)
{
	if (value == PROFILE_UNKNOWN)
		return PROFILE_UNKNOWN;
	return (uint64_t)((unsigned __int128)value * part / whole);
}

/* As much of a length of wall time as was counted, over all requests: may be more than all of it. */
static void add_counted(struct profile_split *sum, const struct profile_split *of, uint64_t counted)
{
	const uint64_t whole = of->wall_ns;
	struct profile_split s = { .wall_ns = counted };
	uint64_t left;

	if (!counted || !whole)
		return;
	s.run_queue_ns = scale(of->run_queue_ns, counted, whole);
	s.blocked_ns = scale(of->blocked_ns, counted, whole);
	s.throttled_ns = scale(of->throttled_ns, counted, whole);
	s.calls_ns = scale(of->calls_ns, counted, whole);
	/* What was rounded away is on-CPU, and the first cause's. */
	s.on_cpu_ns = of->blocked_ns == PROFILE_UNKNOWN ? PROFILE_UNKNOWN
							: counted - s.run_queue_ns - s.blocked_ns;
	left = s.blocked_ns;
	for (unsigned int c = 0; c < CAUSES; c++) {
		s.blocked_by_ns[c] = scale(of->blocked_by_ns[c], counted, whole);
		if (left != PROFILE_UNKNOWN)
			left -= s.blocked_by_ns[c];
	}
	for (unsigned int c = 0; left != PROFILE_UNKNOWN && left && c < CAUSES; c++)
		if (of->blocked_by_ns[c]) {
			s.blocked_by_ns[c] += left;
			break;
		}
	split_add(sum, &s);
}

static void wall_alone(struct profile_split *s, uint64_t wall)
{
	memset(s, 0xff, sizeof(*s));
	s->wall_ns = wall;
}

uint32_t ways_first_span(const struct ways *w, uint64_t pid)
{
	uint32_t low = 0, high = (uint32_t)w->spans_n;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (w->spans[middle].s->pid >= pid)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static bool in_pass(const struct ways *w, uint32_t span)
{
	while (span != NONE && w->spans[span].s->kind != SPAN_PASS)
		span = w->spans[span].parent;
	return span != NONE;
}

/* The spans' times that were counted to the rows of their parts: row_of tells which. others: the row of
 * what requests had of passes that they were no members of; NONE: there is none. */
static void add_splits(struct ways *w, uint32_t pid, const uint32_t *row_of, uint32_t others,
		       struct profile_requests *row)
{
	const uint32_t end = ways_first_span(w, (uint64_t)pid + 1);
	struct profile_split split;

	for (uint32_t i = ways_first_span(w, pid); i < end; i++) {
		const struct way_span *s = &w->spans[i];
		struct profile_part *part;

		if (!s->counted_ns)
			continue;
		part = &row->parts[row_of[s->part]];
		part->in_pass |= in_pass(w, i);
		nest_self_split(w, i, &split);
		add_counted(&part->split, &split, s->counted_ns);
		add_counted(&part->slow, &split, s->slow_ns);
	}
	for (size_t i = 0; others != NONE && i < w->passes_n; i++) {
		const struct way_pass *pass = &w->passes[i];

		if (w->spans[pass->span].s->pid != pid || !pass->others_ns)
			continue;
		nest_split(w, pass->span, &split);
		add_counted(&row->parts[others].split, &split, pass->others_ns);
		add_counted(&row->parts[others].slow, &split, pass->others_slow_ns);
	}
}

/* --- rows --- */

/* Where on the way it begins; what is no place of its own comes last. */
static int by_place(const void *a, const void *b)
{
	const struct way_part *x = *(const struct way_part *const *)a;
	const struct way_part *y = *(const struct way_part *const *)b;
	const bool late_x = x->kind > PART_WAIT, late_y = y->kind > PART_WAIT;
	const double first_x = x->first_ns / (double)x->requests;
	const double first_y = y->first_ns / (double)y->requests;

	if (late_x != late_y || (late_x && late_y && x->kind != y->kind))
		return x->kind < y->kind ? -1 : 1;
	if (first_x != first_y)
		return first_x < first_y ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static const char *part_name(const struct ways *w, const struct way_part *p)
{
	if (p->kind == PART_OTHERS)
		return profile_string(w->p, "[pass of others]");
	if (p->kind == PART_REST)
		return profile_string(w->p, "[not marked]");
	return p->name == NO_ROW ? profile_string(w->p, "") : w->p->arena->strings[p->name];
}

static int fill_part(const struct ways *w, const struct way_part *p, const uint64_t latency_ns[3],
		     struct profile_part *part)
{
	*part = (struct profile_part){ .name = part_name(w, p),
				       .kind = p->kind,
				       .requests = p->requests,
				       .spans = p->spans,
				       .share_p50 = share(p->median_ns, latency_ns[0]),
				       .share_p95 = share(p->slow_ns, latency_ns[1]),
				       .share_p99 = share(p->slowest_ns, latency_ns[2]) };
	if (p->kind == PART_WAIT || p->kind == PART_REST) {
		wall_alone(&part->split, p->ns);
		wall_alone(&part->slow, p->slow_ns);
	}
	return part->name ? 0 : -ENOMEM;
}

/* Times by part: those of part k are at first[k] of the array returned, first[k + 1] their end. */
static uint64_t *times_by_part(const struct ways *w, size_t *first)
{
	uint64_t *times = malloc((w->times_n + 1) * sizeof(*times));

	if (!times)
		return NULL;
	memset(first, 0, (w->parts_n + 2) * sizeof(*first));
	for (size_t i = 0; i < w->times_n; i++)
		first[w->times[i].part + 2]++;
	for (size_t k = 2; k < w->parts_n + 2; k++)
		first[k] += first[k - 1];
	for (size_t i = 0; i < w->times_n; i++)
		times[first[w->times[i].part + 1]++] = w->times[i].ns;
	return times;
}

static int put_parts(struct ways *w, const struct way_part **order, uint32_t *row_of,
		     const size_t *first, uint64_t *times, const uint64_t latency_ns[3],
		     struct profile_requests *row)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < row->parts_n; i++) {
		const size_t k = (size_t)(order[i] - w->parts);

		row_of[k] = i;
		err = fill_part(w, order[i], latency_ns, &row->parts[i]);
		exact_quantiles(times + first[k], first[k + 1] - first[k], &row->parts[i].times);
	}
	return err;
}

int ways_parts(struct ways *w, const struct way_process *process, const uint64_t latency_ns[3],
	       struct profile_requests *row)
{
	const struct way_part **order = calloc(w->parts_n + 1, sizeof(*order));
	uint32_t *row_of = calloc(w->parts_n + 1, sizeof(*row_of));
	size_t *first = calloc(w->parts_n + 2, sizeof(*first));
	uint64_t *times = first ? times_by_part(w, first) : NULL;
	uint32_t others = NONE;
	int err = -ENOMEM;

	row->parts = arena_alloc(&w->p->arena->memory, (w->parts_n + 1) * sizeof(*row->parts));
	if (!order || !row_of || !times || !row->parts)
		goto out;
	for (size_t i = 0; i < w->parts_n; i++)
		if (w->parts[i].requests)
			order[row->parts_n++] = &w->parts[i];
	qsort(order, row->parts_n, sizeof(*order), by_place);
	err = put_parts(w, order, row_of, first, times, latency_ns, row);
	if (err)
		goto out;
	for (uint32_t i = 0; i < row->parts_n; i++)
		if (row->parts[i].kind == PART_OTHERS)
			others = i;
	add_splits(w, process->pid, row_of, others, row);
	err = ways_behind(w, process->pid, row_of, row);
	for (uint32_t i = 0; i < row->parts_n; i++) {
		if (row->parts[i].kind != PART_STAGE && row->parts[i].kind != PART_OTHERS)
			continue;
		split_add(&row->split, &row->parts[i].split);
		split_add(&row->split_slow, &row->parts[i].slow);
	}
out:
	free(order);
	free(row_of);
	free(first);
	free(times);
	return err;
}
