// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How far the stacks of a finished profile reach. */
#include <string.h>
#include "profile_build.h"

/* Markers stand at the root: the first frame but those of stages. */
static uint64_t *reach_of(struct profile *p, const struct profile_line *l)
{
	const char *const root = l->frames[l->stages_n < l->frames_n ? l->stages_n : 0];
	const size_t user_n = l->user_n - l->stages_n;

	/* Where not even stacks of other threads stood for a call, its name alone does. */
	if (l->frames_n == 1 && l->call && !strcmp(root, l->call))
		return &p->reach.none_ns;
	if (user_n && !strcmp(root, PROFILE_TRUNCATED))
		return &p->reach.truncated_ns;
	if (user_n && !strcmp(root, PROFILE_INCOMPLETE))
		return &p->reach.incomplete_ns;
	/* Pooled lines have stacks of their kind behind them, "[not sampled]" none. */
	if (user_n ? strcmp(root, PROFILE_NOT_SAMPLED) : p->threads[l->thread].kthread)
		return &p->reach.whole_ns;
	return &p->reach.none_ns;
}

void profile_reach(struct profile *p)
{
	p->reach = (struct profile_reach){ 0 };
	for (size_t i = 0; i < p->lines_n; i++)
		*reach_of(p, &p->lines[i]) += p->lines[i].value_ns;
}
