/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules: memory, and what is moved between host and device. */
#include <string.h>
#include "format.h"
#include "verdict_private.h"

static double part_of_copies(const struct verdict_facts *f, double ns)
{
	const double wall = f->calls[GROUP_COPY].wall;

	return wall > 0 ? verdict_in_calls(f, GROUP_COPY, STATE_BUSY) * ns / wall : 0;
}

static void say_copies(struct verdict_ruling *r, const struct verdict_facts *f)
{
	char n[FORMAT_SIZE], bytes[FORMAT_SIZE], rate[FORMAT_SIZE], mean[FORMAT_SIZE];

	for (size_t i = 0; i < f->p->copies_n; i++) {
		const struct profile_copy *c = &f->p->copies[i];

		if (c->pid == f->pid && c->calls)
			verdict_say(r, "%s: %s copies, %s, %s each on average, %s in the call",
				    c->kind, format_count(n, c->calls),
				    format_bytes(bytes, c->bytes),
				    format_bytes(mean, c->bytes / c->calls),
				    format_rate(rate, c->bytes, c->wall_ns));
	}
}

static void say_copies_a_request(struct verdict_ruling *r, const struct verdict_facts *f)
{
	const struct profile_requests *q = f->requests;
	char n[FORMAT_SIZE];

	if (q && q->count)
		verdict_say(r, "%s copies a request",
			    format_count(n, f->calls[GROUP_COPY].calls / q->count));
}

void rule_small_copies(const struct verdict_facts *f, struct verdict_ruling *r)
{
	const double trips = (double)f->small.calls * ROUND_TRIP_NS;

	/* What is longer waits for the device, not for the copy. */
	r->ns = part_of_copies(f, f->small.wall < trips ? f->small.wall : trips);
	verdict_say_share(r, f, r->ns, "calls that copy next to nothing, each at a fixed cost");
	say_copies(r, f);
	say_copies_a_request(r, f);
	verdict_say_call(r, f->calls[GROUP_COPY].longest);
}

/* Time in copies that are to be asynchronous, if at least half of the large ones wait. */
static double waiting_copies(const struct verdict_facts *f, const struct profile_call **longest)
{
	uint64_t waits = 0;
	double ns = 0;

	*longest = NULL;
	for (size_t i = 0; i < f->p->calls_n; i++) {
		const struct profile_call *c = &f->p->calls[i];

		if (c->pid != f->pid || c->inside || !c->is_async_copy || !c->calls)
			continue;
		waits += c->blocked_calls + c->spun;
		ns += verdict_ns(c->wall_ns);
		if (!*longest)
			*longest = c;
	}
	if (!f->large.calls || waits * 2 < f->large.calls)
		return 0;
	return ns < f->large.wall ? ns : f->large.wall;
}

void rule_pageable_copies(const struct verdict_facts *f, struct verdict_ruling *r)
{
	const struct profile_call *c;
	const double ns = waiting_copies(f, &c);
	char a[FORMAT_SIZE], n[FORMAT_SIZE];

	/* Not of small ones: these are staged, and cost by their number. */
	r->ns = part_of_copies(f, ns);
	verdict_say_share(r, f, r->ns, "asynchronous copies that wait: the memory is pageable");
	if (c)
		verdict_say(r, "%s: %s calls wait; %s of all copies are larger than 64 KiB",
			    c->name, format_count(a, c->blocked_calls + c->spun),
			    format_count(n, f->large.calls));
	say_copies(r, f);
	verdict_say_call(r, c);
}

void rule_transfers(const struct verdict_facts *f, struct verdict_ruling *r)
{
	const struct profile_call *c;
	const double waits = waiting_copies(f, &c);

	r->ns = part_of_copies(f, f->large.wall - waits);
	verdict_say_share(r, f, r->ns, "moving data between host and device");
	say_copies(r, f);
	say_copies_a_request(r, f);
	verdict_say_call(r, f->calls[GROUP_COPY].longest);
}

/* Of the calls that set memory, those that clear what was just allocated: one an allocation at most. */
static double clearing(const struct verdict_facts *f)
{
	const struct verdict_calls *set = &f->calls[GROUP_SET];
	uint64_t made = 0;

	for (size_t i = 0; i < f->p->memory_n; i++)
		if (f->p->memory[i].pid == f->pid)
			made += f->p->memory[i].allocations;
	if (!set->calls)
		return 0;
	return verdict_in_calls(f, GROUP_SET, STATE_BUSY) *
	       (made < set->calls ? (double)made / (double)set->calls : 1);
}

void rule_alloc_churn(const struct verdict_facts *f, struct verdict_ruling *r)
{
	const struct verdict_calls *alloc = &f->calls[GROUP_ALLOC];
	const double calls = verdict_in_calls(f, GROUP_ALLOC, STATE_BUSY), clear = clearing(f);
	char n[FORMAT_SIZE], frees[FORMAT_SIZE], live[FORMAT_SIZE], rate[FORMAT_SIZE];

	/* Memory that is set and not allocated anew is used, and no churn. */
	r->ns = calls + (calls > 0 ? clear : 0);
	verdict_say_share(r, f, calls, "allocating and freeing memory");
	if (clear > 0)
		verdict_say_share(r, f, clear, "setting memory, as often as it was allocated");
	verdict_say(r, "%s calls that allocate or free, %s", format_count(n, alloc->calls),
		    format_per_second(rate, alloc->calls, f->p->duration_ns));
	for (size_t i = 0; i < f->p->memory_n; i++) {
		const struct profile_memory *m = &f->p->memory[i];

		if (m->pid == f->pid && m->allocations)
			verdict_say(r, "%s memory: %s allocations, %s frees, %s live at the end",
				    m->kind, format_count(n, m->allocations),
				    format_count(frees, m->frees), format_count(live, m->live));
	}
	verdict_say_call(r, alloc->longest);
}
