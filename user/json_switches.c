/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The JSON's rows of stacks that switch most. */
#include "json_part.h"

int json_fill_switches(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_switches *s = &p->switches[i];
	int err = json_set_thread(o, &p->threads[s->thread]);

	if (!err)
		err = JSON_SET_NUMBERS(o, { "voluntary", s->voluntary },
				       { "involuntary", s->involuntary }, { "error", s->error },
				       { "wall_ns", s->wait_ns });
	return err ? err : json_set_strings(o, "frames", s->frames, s->frames_n);
}
