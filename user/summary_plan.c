/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One screen: where the threads' time went, requests or stages, the calls, the verdict. There is more to say than 24 lines hold. The least is taken first, then what comes
 * next in importance, one line after the other, as long as it fits.
 */
#include <errno.h>
#include "summary_part.h"

/* Values of plan: how much of each is shown. */
enum plan_part {
	PLAN_THREADS, /* rows */
	PLAN_IDLE,    /* the line about the other threads */
	PLAN_WAITS,   /* the line about waits */
	PLAN_QUEUE,   /* and about CPUs */
	PLAN_SERVING, /* rows */
	PLAN_CALLS,   /* lines */
	PLAN_FACTS,   /* lines */
	PLAN_WHOLE,   /* lines more, where facts need not be shortened */
	PLAN_IO,      /* the table */
	PLAN_HEAD,    /* whole */
	PLAN_STACKS,  /* the line about stacks */
	PLAN_SPACE,   /* a blank line before the tail */
	PLAN_PARTS,
};

struct plan {
	size_t n[PLAN_PARTS];
};

/* Whatever the screen. */
static const struct plan least = {
	.n = { [PLAN_THREADS] = 1, [PLAN_SERVING] = 2, [PLAN_CALLS] = 1 }
};

/* In the order of importance; up to so many. */
static const struct {
	enum plan_part part;
	size_t most;
} steps[] = {
	{ PLAN_THREADS, 2 },	  { PLAN_SERVING, 3 },
	{ PLAN_SPACE, 1 },	  { PLAN_IDLE, 1 },
	{ PLAN_CALLS, 2 },	  { PLAN_QUEUE, 1 },
	{ PLAN_HEAD, 1 },	  { PLAN_SERVING, 4 },
	{ PLAN_THREADS, 3 },	  { PLAN_CALLS, 4 },
	{ PLAN_IO, 1 },		  { PLAN_STACKS, 1 },
	{ PLAN_FACTS, 2 },	  { PLAN_WAITS, 1 },
	{ PLAN_QUEUE, 2 },	  { PLAN_FACTS, 4 },
	{ PLAN_SERVING, 8 },	  { PLAN_CALLS, 8 },
	{ PLAN_THREADS, 8 },	  { PLAN_SERVING, SIZE_MAX },
	{ PLAN_FACTS, 8 },	  { PLAN_THREADS, SIZE_MAX },
	{ PLAN_CALLS, SIZE_MAX }, { PLAN_WHOLE, 16 },
};

/* What there is of each: more is not asked for. */
static size_t most_of(const struct screen *s, const struct summary *v, enum plan_part part)
{
	switch (part) {
	case PLAN_THREADS:
		/* Where no thread was busy, the least idle ones are shown. */
		return v->order.busy_n ? v->order.busy_n : 3;
	case PLAN_SERVING:
		return summary_serving_rows(v->p);
	case PLAN_CALLS:
		return summary_calls_lines(s, &v->calls);
	default:
		return SIZE_MAX;
	}
}

static int draw(struct screen *s, const struct summary *v, const struct plan *plan)
{
	struct summary_order order = v->order;
	int err = 0;

	order.others = plan->n[PLAN_IDLE];
	summary_head(s, v->p, plan->n[PLAN_HEAD]);
	screen_blank(s);
	summary_threads(s, v->p, &order, plan->n[PLAN_THREADS]);
	if (plan->n[PLAN_WAITS])
		summary_waits(s, v->p, false);
	if (plan->n[PLAN_QUEUE])
		summary_queue(s, v->p, false);
	if (plan->n[PLAN_QUEUE] > 1)
		summary_cpus(s, v->p, false);
	if (summary_has_serving(v->p)) {
		screen_blank(s);
		if (!summary_serving(s, v->p, plan->n[PLAN_SERVING], v->o->cost_per_hour))
			err = -ENOMEM;
	}
	if (v->p->calls_n || !summary_has_serving(v->p)) {
		screen_blank(s);
		summary_calls(s, &v->calls, plan->n[PLAN_CALLS]);
	}
	summary_facts(s, &v->facts, plan->n[PLAN_FACTS],
		      plan->n[PLAN_WHOLE] ? plan->n[PLAN_FACTS] + plan->n[PLAN_WHOLE] : 0);
	if (plan->n[PLAN_IO] && summary_io(s, v->p, false))
		err = -ENOMEM;
	if (plan->n[PLAN_SPACE])
		screen_blank(s);
	summary_verdict(s, v->p, false);
	if (plan->n[PLAN_STACKS])
		summary_stacks(s, v->p, false);
	summary_losses(s, v->p);
	summary_cost(s, v->p, false);
	return err;
}

static bool fits(const struct screen *s, const struct summary *v, const struct plan *plan,
		 size_t lines)
{
	struct screen count = { .columns = s->columns };

	return !draw(&count, v, plan) && count.lines <= lines;
}

int summary_planned(struct screen *s, const struct summary *v, size_t lines)
{
	struct plan plan = least, more;

	for (enum plan_part part = 0; part < PLAN_PARTS; part++)
		if (plan.n[part] > most_of(s, v, part))
			plan.n[part] = most_of(s, v, part);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		const enum plan_part part = steps[i].part;

		while (plan.n[part] < steps[i].most && plan.n[part] < most_of(s, v, part)) {
			more = plan;
			more.n[part]++;
			if (!fits(s, v, &more, lines))
				break;
			plan = more;
		}
	}
	return draw(s, v, &plan);
}
