/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The stack that switches most, all threads together, for the summary. */
#include <errno.h>
#include <string.h>
#include "summary_part.h"

/* Fewer switches than this a second are no matter, wherever from. */
#define MANY_A_SECOND 1000

static int by_frames(const void *a, const void *b)
{
	const struct profile_line *x = *(const struct profile_line *const *)a;
	const struct profile_line *y = *(const struct profile_line *const *)b;

	/* Equal frames are one list. */
	if (x->frames != y->frames)
		return (uintptr_t)x->frames < (uintptr_t)y->frames ? -1 : 1;
	return x < y ? -1 : x > y;
}

static bool is_known(const struct profile_line *l)
{
	return l->frames_n && strcmp(l->frames[0], PROFILE_NOT_SAMPLED) != 0;
}

bool summary_switches(const struct profile *p, struct summary_switches *s)
{
	const struct profile_line **lines;
	struct summary_switches now = { 0 };
	size_t n = 0;

	*s = now;
	for (size_t i = 0; i < p->threads_n; i++)
		s->all += p->threads[i].voluntary + p->threads[i].involuntary;
	if (!p->duration_ns || (double)s->all * 1e9 / (double)p->duration_ns < MANY_A_SECOND)
		return false;
	lines = calloc(p->lines_n + 1, sizeof(*lines));
	if (!lines)
		return false;
	for (size_t i = 0; i < p->lines_n; i++)
		if (p->lines[i].switches && is_known(&p->lines[i]))
			lines[n++] = &p->lines[i];
	if (n)
		qsort(lines, n, sizeof(*lines), by_frames);
	for (size_t i = 0; i < n; i++) {
		if (!i || lines[i]->frames != now.line->frames)
			now = (struct summary_switches){ .line = lines[i], .all = s->all };
		now.n += lines[i]->switches;
		if (lines[i]->state != PROFILE_BLOCKED)
			now.involuntary += lines[i]->switches;
		if (now.n > s->n)
			*s = now;
	}
	free(lines);
	return s->n * 2 > s->all && (double)s->n * 1e9 / (double)p->duration_ns > MANY_A_SECOND;
}
