// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The JSON's part about what was waited for. */
#include "json_part.h"

int json_fill_wait(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_wait *w = &p->waits[i];
	int err = json_set_number(o, "pid", w->pid);

	if (!err)
		err = JSON_SET_TEXTS(o, { "process", w->process },
				     { "cause", wait_cause_name(wait_kind_cause(w->kind)) },
				     { "kind", wait_kind_name(w->kind) }, { "frame", w->frame });
	return err ? err
		   : JSON_SET_NUMBERS(o, { "blocked_ns", w->blocked_ns }, { "waits", w->waits });
}
