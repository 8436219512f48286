/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The JSON's rows of stacks that switch most. */
#include "json_part.h"

int json_fill_switches(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_switches *s = &p->switches[i];
	const struct profile_thread *t = &p->threads[s->thread];
	/* As in "threads": a row of merged threads has no thread number. */
	int err = JSON_SET_NUMBERS(o, { "pid", t->pid },
				   { "tid", t->merged > 1 ? PROFILE_UNKNOWN : t->tid });

	if (!err)
		err = json_set_string(o, "comm", t->comm);
	if (!err)
		err = JSON_SET_NUMBERS(o, { "voluntary", s->voluntary },
				       { "involuntary", s->involuntary }, { "error", s->error },
				       { "wall_ns", s->wait_ns });
	return err ? err : json_set_strings(o, "frames", s->frames, s->frames_n);
}
