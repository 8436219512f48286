// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The JSON's part about the threads' states over time. */
#include <errno.h>
#include "json_part.h"

static int set_column(const struct profile *p, const struct profile_slices *s, const char *key,
		      int state, int also, json_t *o)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < p->slices_n; i++) {
		uint64_t ns = s->ns[i][state] + (also < 0 ? 0 : s->ns[i][also]);

		if (json_array_append_new(array, json_integer((json_int_t)ns))) {
			json_decref(array);
			array = NULL;
		}
	}
	return json_set(o, key, array);
}

int json_fill_slices(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_slices *s = &p->slices[i];
	int err = json_set_thread(o, &p->threads[s->thread]);

	if (!err)
		err = set_column(p, s, "on_cpu_ns", PROFILE_ON_CPU, -1, o);
	if (!err)
		err = set_column(p, s, "run_queue_ns", PROFILE_WOKEN, PROFILE_PREEMPTED, o);
	return err ? err : set_column(p, s, "blocked_ns", PROFILE_BLOCKED, -1, o);
}
