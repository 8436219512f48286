// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The stack's depth along every way through a function. Each step is visited at most twice more than it
 * has ways in: its depth is not known yet, then a number, then, if another way says otherwise, open for good.
 * What nothing is seen to lead to is taken to be where indirect jumps go (a switch's cases), or where an
 * exception lands: if all indirect jumps are at one depth, that is its depth, too.
 */
#include "stage_depth.h"

#include <errno.h>
#include <stdlib.h>

struct work {
	struct stage_step *steps;
	size_t n;
	uint32_t *stack; /* steps to go on from; each once at a time */
	bool *stacked;
	size_t stack_n;
};

/* There is a way to a step, at this depth. */
static void reach(struct work *w, uint32_t at, int32_t depth)
{
	struct stage_step *s = &w->steps[at];

	if (s->reached && (s->depth == depth || s->depth == STAGE_DEPTH_OPEN))
		return;
	s->depth = s->reached ? STAGE_DEPTH_OPEN : depth;
	s->reached = true;
	if (w->stacked[at])
		return;
	w->stacked[at] = true;
	w->stack[w->stack_n++] = at;
}

static int32_t depth_after(const struct stage_step *s)
{
	int32_t depth;

	if (s->depth == STAGE_DEPTH_OPEN || s->change == STAGE_DEPTH_OPEN ||
	    __builtin_add_overflow(s->depth, s->change, &depth))
		return STAGE_DEPTH_OPEN;
	return depth;
}

static void follow(struct work *w)
{
	while (w->stack_n) {
		const uint32_t at = w->stack[--w->stack_n];
		const struct stage_step *s = &w->steps[at];
		const int32_t after = depth_after(s);

		w->stacked[at] = false;
		if (s->target < w->n)
			reach(w, s->target, after);
		if (s->falls && at + 1 < w->n)
			reach(w, at + 1, after);
	}
}

/* The depth at every indirect jump that was reached; STAGE_DEPTH_OPEN: there is no such one. */
static int32_t indirect_depth(const struct work *w)
{
	int32_t depth = STAGE_DEPTH_OPEN;

	for (size_t i = 0; i < w->n; i++) {
		const struct stage_step *s = &w->steps[i];

		if (!s->indirect || !s->reached)
			continue;
		if (s->depth == STAGE_DEPTH_OPEN ||
		    (depth != STAGE_DEPTH_OPEN && depth != s->depth))
			return STAGE_DEPTH_OPEN;
		depth = s->depth;
	}
	return depth;
}

int stage_depths(struct stage_step *steps, size_t n)
{
	struct work w = { .steps = steps, .n = n };
	int err = -ENOMEM;
	int32_t depth;

	w.stack = calloc(n + 1, sizeof(*w.stack));
	w.stacked = calloc(n + 1, sizeof(*w.stacked));
	if (!w.stack || !w.stacked)
		goto out;
	if (n)
		reach(&w, 0, 0);
	follow(&w);
	depth = indirect_depth(&w);
	for (uint32_t i = 1; i < n && depth != STAGE_DEPTH_OPEN; i++) {
		if (steps[i].reached || steps[i - 1].falls)
			continue;
		reach(&w, i, depth);
		follow(&w);
	}
	err = 0;
out:
	free(w.stack);
	free(w.stacked);
	return err;
}
