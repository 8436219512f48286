// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How far the stacks of a finished profile reach. */
#include <string.h>
#include "profile_build.h"

/* Markers stand at the root: the first frame. */
static uint64_t *reach_of(struct profile *p, const struct profile_line *l)
{
	/* Where not even stacks of other threads stood for a call, its name alone does. */
	if (l->frames_n == 1 && l->call && !strcmp(l->frames[0], l->call))
		return &p->reach.none_ns;
	if (l->user_n && !strcmp(l->frames[0], PROFILE_TRUNCATED))
		return &p->reach.truncated_ns;
	if (l->user_n && !strcmp(l->frames[0], PROFILE_INCOMPLETE))
		return &p->reach.incomplete_ns;
	/* Pooled lines have stacks of their kind behind them, "[not sampled]" none. */
	if (l->user_n ? strcmp(l->frames[0], PROFILE_NOT_SAMPLED) : p->threads[l->thread].kthread)
		return &p->reach.whole_ns;
	return &p->reach.none_ns;
}

void profile_reach(struct profile *p)
{
	p->reach = (struct profile_reach){ 0 };
	for (size_t i = 0; i < p->lines_n; i++)
		*reach_of(p, &p->lines[i]) += p->lines[i].value_ns;
}
