/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How many context switches each line stands for. How many a thread made is exact (the kernel's own
 * count), and so is how often it waited in which system call; stacks only divide that. In groups, then:
 * the involuntary ones; the voluntary ones of each kind of wait; what is left of those, inside CUDA
 * calls. A group's stacks share its switches by weight. A group without one goes to profile_pool.c, as
 * its time does.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include "apportion.h"
#include "profile_build.h"

/* A part of a thread's switches, and the stacks that tell whose they are. */
struct switch_group {
	const struct switch_stack *stacks;
	size_t n;
	uint64_t weight; /* in the thread's total */
	int16_t syscall;
	uint16_t flags;
	bool in_call;
};

struct switches {
	struct profile *p;
	const struct build_buckets *buckets;
	struct switch_group *groups; /* of one thread */
	size_t groups_n, groups_cap;
	uint64_t *parts; /* room to divide something */
	size_t parts_cap;
	/* Their value_ns counts switches: that is what pool_lines() divides. */
	struct work_lines lines, poor;
};

/* --- the order of stacks --- */

static int by_kind(const struct switch_stack *x, int syscall, unsigned int flags)
{
	if (x->syscall != syscall)
		return x->syscall < syscall ? -1 : 1;
	return x->flags < flags ? -1 : x->flags > flags;
}

/* By thread, and within it by group. */
static int by_group(const void *a, const void *b)
{
	const struct switch_stack *x = a, *y = b;
	int kind;

	if (x->line.row != y->line.row)
		return x->line.row < y->line.row ? -1 : 1;
	if (x->line.state != y->line.state)
		return x->line.state - y->line.state;
	if (x->in_call != y->in_call)
		return x->in_call - y->in_call;
	kind = x->in_call ? 0 : by_kind(x, y->syscall, y->flags);
	if (kind)
		return kind;
	if (x->line.list != y->line.list)
		return x->line.list < y->line.list ? -1 : 1;
	return x->line.call < y->line.call ? -1 : x->line.call > y->line.call;
}

/* --- sharing --- */

static int add_poor(struct switches *s, const struct work_line *like, uint64_t n)
{
	struct work_line line = *like;

	line.value_ns = n;
	return n ? work_lines_add(&s->poor, &line) : 0;
}

/* What the shares of a total vary by: a stack's share varies with its own estimate and with the others'.
 * To the first order. */
static double share_variance(double total, double all, double all_variance, double own,
			     double own_variance)
{
	const double share = all > 0 ? own / all : 0, scale = all > 0 ? total / all : 0;

	return scale * scale * ((1 - 2 * share) * own_variance + share * share * all_variance);
}

/* Divides n switches among a group's stacks. */
static int share(struct switches *s, const struct switch_group *g, uint64_t n)
{
	double all = 0, variance = 0;
	uint64_t sum = 0;
	int err = array_grow(&s->parts, &s->parts_cap, g->n, sizeof(*s->parts));

	if (err)
		return err;
	for (size_t i = 0; i < g->n; i++) {
		const uint64_t weight = g->stacks[i].line.switches;

		/* What does not fit 64 bits is nonsense; cut before it wraps. */
		s->parts[i] = weight > UINT64_MAX - sum ? UINT64_MAX - sum : weight;
		sum += s->parts[i];
		all += (double)weight / SWITCHES_ONE;
		variance += g->stacks[i].line.switches_variance;
	}
	err = apportion(n, s->parts, g->n, s->parts);
	for (size_t i = 0; !err && i < g->n; i++) {
		struct work_line line = g->stacks[i].line;

		line.value_ns = s->parts[i];
		line.switches_variance = share_variance((double)n, all, variance,
							(double)line.switches / SWITCHES_ONE,
							line.switches_variance);
		if (line.value_ns)
			err = work_lines_add(&s->lines, &line);
	}
	return err;
}

/* Divides n switches that no stack was taken of by the time that followed them, in this state, and of
 * blocked time only inside calls. */
static int share_by_time(struct switches *s, uint32_t row, uint8_t state, uint64_t n)
{
	const struct build_bucket *k = s->buckets->buckets + s->buckets->first[row];
	const size_t buckets_n = s->buckets->first[row + 1] - s->buckets->first[row];
	struct work_line line = { .row = row, .syscall = INFBPF_NO_SYSCALL, .state = state };
	size_t parts_n = 0, at = 0;
	int err = array_grow(&s->parts, &s->parts_cap, buckets_n + 1, sizeof(*s->parts));

	if (err)
		return err;
	if (state == PROFILE_BLOCKED)
		line.kind = KIND_GPU_CALL;
	for (size_t i = 0; i < buckets_n; i++)
		if (k[i].state == state && (state != PROFILE_BLOCKED || k[i].call))
			s->parts[parts_n++] = k[i].ns;
	if (!parts_n)
		return add_poor(s, &line, n);
	err = apportion(n, s->parts, parts_n, s->parts);
	for (size_t i = 0; !err && i < buckets_n; i++) {
		if (k[i].state != state || (state == PROFILE_BLOCKED && !k[i].call))
			continue;
		line.call = k[i].call;
		err = add_poor(s, &line, s->parts[at++]);
	}
	return err;
}

static int share_group(struct switches *s, uint32_t row, const struct switch_group *g, uint64_t n)
{
	struct work_line line = { .row = row, .state = PROFILE_BLOCKED };
	enum wait_trust trust;

	if (!n)
		return 0;
	if (g->n)
		return share(s, g, n);
	if (g->in_call)
		return share_by_time(s, row, PROFILE_BLOCKED, n);
	line.syscall = g->syscall;
	line.flags = g->flags;
	line.kind = (uint8_t)wait_kind_first(g->syscall, g->flags, &trust);
	return add_poor(s, &line, n);
}

/* --- one thread --- */

/* What a thread has of a sorted list. */
struct row_switches {
	uint32_t row;
	const struct switch_stack
		*stacks; /* of blocked state: those outside calls, then those inside */
	size_t stacks_n, outside_n;
	const struct build_wait *waits;
	size_t waits_n;
};

static int add_group(struct switches *s, const struct switch_group *g)
{
	int err = array_grow(&s->groups, &s->groups_cap, s->groups_n + 1, sizeof(*s->groups));

	if (!err)
		s->groups[s->groups_n++] = *g;
	return err;
}

/* The groups of voluntary switches outside calls: kinds of waits, with their exact numbers where those
 * are known, else with what the stacks say. Returns the sum in *sum. */
static int group_waits(struct switches *s, const struct row_switches *r, uint64_t *sum)
{
	size_t i = 0, w = 0;
	int err = 0;

	while (!err && (i < r->outside_n || w < r->waits_n)) {
		const struct switch_stack *first = &r->stacks[i];
		const int order = i == r->outside_n ? 1
				  : w == r->waits_n
					  ? -1
					  : by_kind(first, r->waits[w].syscall, r->waits[w].flags);
		struct switch_group g = { .stacks = first };
		uint64_t estimate = 0;

		g.syscall = order <= 0 ? first->syscall : r->waits[w].syscall;
		g.flags = order <= 0 ? first->flags : r->waits[w].flags;
		for (; i < r->outside_n && !by_kind(&r->stacks[i], g.syscall, g.flags); i++, g.n++)
			estimate += r->stacks[i].line.switches >> SWITCHES_SHIFT;
		g.weight = order >= 0 ? r->waits[w++].count : estimate;
		*sum += g.weight;
		err = add_group(s, &g);
	}
	return err;
}

static bool blocks_in_calls(const struct switches *s, const struct row_switches *r)
{
	const struct build_bucket *k = s->buckets->buckets;

	if (r->stacks_n > r->outside_n)
		return true;
	for (size_t i = s->buckets->first[r->row]; i < s->buckets->first[r->row + 1]; i++)
		if (k[i].state == PROFILE_BLOCKED && k[i].call)
			return true;
	return false;
}

static int share_voluntary(struct switches *s, const struct row_switches *r)
{
	const uint64_t total = s->p->threads[r->row].voluntary;
	struct switch_group in_call = { .in_call = true };
	uint64_t known = 0, *parts;
	int err;

	if (!total)
		return 0;
	s->groups_n = 0;
	err = group_waits(s, r, &known);
	if (!err && blocks_in_calls(s, r)) {
		in_call.n = r->stacks_n - r->outside_n;
		in_call.stacks = in_call.n ? r->stacks + r->outside_n : NULL;
		in_call.weight = total > known ? total - known : 0;
		err = add_group(s, &in_call);
	}
	/* Switched out and in again at once, and nothing else. */
	if (!err && !s->groups_n)
		err = add_group(s, &(struct switch_group){ .syscall = INFBPF_NO_SYSCALL,
							   .flags = WAIT_UNKNOWN });
	if (err)
		return err;
	parts = calloc(s->groups_n, sizeof(*parts));
	if (!parts)
		return -ENOMEM;
	for (size_t i = 0; i < s->groups_n; i++)
		parts[i] = s->groups[i].weight;
	err = apportion(total, parts, s->groups_n, parts);
	for (size_t i = 0; !err && i < s->groups_n; i++)
		err = share_group(s, r->row, &s->groups[i], parts[i]);
	free(parts);
	return err;
}

static int share_involuntary(struct switches *s, uint32_t row, const struct switch_stack *stacks,
			     size_t n)
{
	const uint64_t total = s->p->threads[row].involuntary;

	if (!total)
		return 0;
	if (!n)
		return share_by_time(s, row, PROFILE_PREEMPTED, total);
	return share(s, &(struct switch_group){ .stacks = stacks, .n = n }, total);
}

/* --- all of them --- */

/* stacks and waits are sorted by row. */
static int share_rows(struct switches *s, const struct switch_stack *stacks, size_t n)
{
	const struct build_wait *waits = s->p->build->waits;
	const size_t waits_n = s->p->build->waits_n;
	size_t at = 0, w = 0;
	int err = 0;

	for (uint32_t row = 0; !err && row < s->p->threads_n; row++) {
		struct row_switches r = { .row = row };
		const size_t first = at;

		while (at < n && stacks[at].line.row == row &&
		       stacks[at].line.state != PROFILE_BLOCKED)
			at++;
		err = share_involuntary(s, row, n ? stacks + first : NULL, at - first);
		r.stacks = n ? stacks + at : NULL;
		for (; at < n && stacks[at].line.row == row; at++, r.stacks_n++)
			r.outside_n += !stacks[at].in_call;
		r.waits = waits_n ? waits + w : NULL;
		for (; w < waits_n && waits[w].serial == row; w++)
			r.waits_n++;
		if (!err)
			err = share_voluntary(s, &r);
	}
	return err;
}

/* Hands the lines over. Of those from the pool nobody knows how sure they are. */
static int hand_over(struct switches *s, size_t own_n, struct work_lines *lines)
{
	int err = 0;

	for (size_t i = 0; !err && i < s->lines.n; i++) {
		struct work_line line = s->lines.lines[i];

		line.switches = line.value_ns;
		line.value_ns = 0;
		if (i >= own_n)
			line.switches_variance = (double)line.switches * (double)line.switches;
		err = work_lines_add(lines, &line);
	}
	return err;
}

int switches_lines(struct profile *p, const struct build_buckets *k, struct switch_stack *stacks,
		   size_t n, struct work_lines *lines)
{
	struct switches s = { .p = p, .buckets = k };
	size_t own_n;
	int err;

	if (n)
		qsort(stacks, n, sizeof(*stacks), by_group);
	err = share_rows(&s, stacks, n);
	own_n = s.lines.n;
	if (!err)
		err = pool_lines(p, &s.lines, &s.poor);
	if (!err)
		err = hand_over(&s, own_n, lines);
	free(s.groups);
	free(s.parts);
	free(s.lines.lines);
	free(s.poor.lines);
	return err;
}

/* --- the stacks that switch most --- */

struct ranked {
	struct profile_switches s;
	const struct profile_line *first;
	double variance;
};

struct ranking {
	const struct profile_line **lines; /* of one thread */
	size_t lines_cap;
	struct ranked top[PROFILE_SWITCHES];
	size_t n;
};

static int by_frames(const void *a, const void *b)
{
	const struct profile_line *x = *(const struct profile_line *const *)a;
	const struct profile_line *y = *(const struct profile_line *const *)b;

	/* Equal frames are one list. */
	if (x->frames != y->frames)
		return (uintptr_t)x->frames < (uintptr_t)y->frames ? -1 : 1;
	return x < y ? -1 : x > y;
}

static bool before(const struct ranked *x, const struct ranked *y)
{
	const uint64_t a = x->s.voluntary + x->s.involuntary;
	const uint64_t b = y->s.voluntary + y->s.involuntary;

	return a != b ? a > b : x->first < y->first;
}

static void rank_one(struct ranking *r, struct ranked *one)
{
	size_t at;

	if (!(one->s.voluntary + one->s.involuntary))
		return;
	one->s.error = (uint64_t)ceil(sqrt(one->variance));
	if (r->n < PROFILE_SWITCHES)
		r->n++;
	else if (!before(one, &r->top[r->n - 1]))
		return;
	for (at = r->n - 1; at && before(one, &r->top[at - 1]); at--)
		r->top[at] = r->top[at - 1];
	r->top[at] = *one;
}

/* n lines of a thread, at least one. */
static void rank_lines(struct ranking *r, size_t n)
{
	struct ranked one = { 0 };

	qsort(r->lines, n, sizeof(*r->lines), by_frames);
	for (size_t i = 0; i < n; i++) {
		const struct profile_line *l = r->lines[i];

		if (!i || l->frames != one.s.frames) {
			rank_one(r, &one);
			one = (struct ranked){ .s = { .thread = l->thread,
						      .frames = l->frames,
						      .user_n = l->user_n,
						      .frames_n = l->frames_n },
					       .first = l };
		}
		if (l->state == PROFILE_BLOCKED)
			one.s.voluntary += l->switches;
		else
			one.s.involuntary += l->switches;
		one.s.wait_ns += l->value_ns;
		one.variance += l->switches_variance;
	}
	rank_one(r, &one);
}

int switches_rank(struct profile *p)
{
	struct ranking r = { .n = 0 };
	int err = 0;

	for (size_t i = 0, n; !err && i < p->lines_n;) {
		const uint32_t thread = p->lines[i].thread;

		for (n = 0; !err && i < p->lines_n && p->lines[i].thread == thread; i++) {
			if (p->lines[i].state == PROFILE_ON_CPU)
				continue;
			err = array_grow(&r.lines, &r.lines_cap, n + 1, sizeof(*r.lines));
			if (!err)
				r.lines[n++] = &p->lines[i];
		}
		if (!err && n)
			rank_lines(&r, n);
	}
	p->switches = err ? NULL : calloc(r.n + 1, sizeof(*p->switches));
	if (!err && !p->switches)
		err = -ENOMEM;
	for (size_t i = 0; !err && i < r.n; i++)
		p->switches[p->switches_n++] = r.top[i].s;
	free(r.lines);
	return err;
}
