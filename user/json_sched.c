// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The JSON's parts about the scheduler: who had the CPU, who woke, what every CPU did. */
#include <errno.h>
#include "json_part.h"

int json_fill_steal(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_steal *s = &p->steals[i];
	/* Those that the map had no room for, of whatever process. */
	const bool others = !s->by_comm;
	int err = json_set_number(o, "pid", others ? PROFILE_UNKNOWN : s->pid);

	if (!err)
		err = json_set_string(o, "process", others ? NULL : s->process);
	if (!err)
		err = json_set_number(o, "by_pid", others ? PROFILE_UNKNOWN : s->by_pid);
	if (!err)
		err = json_set_string(o, "by_comm", s->by_comm);
	if (!err)
		err = json_set(o, "by_kthread", others ? json_null() : json_boolean(s->by_kthread));
	if (!err)
		err = json_set_string(o, "how", others ? NULL : s->behind ? "behind" : "preempted");
	return err ? err : JSON_SET_NUMBERS(o, { "waits", s->waits }, { "wall_ns", s->wall_ns });
}

static int fill_waker(const struct profile *p, const struct profile_waker *w, json_t *o)
{
	int err = json_set_thread(o, &p->threads[w->thread]);

	if (!err)
		err = JSON_SET_NUMBERS(o, { "by_pid", w->by_pid }, { "by_tid", w->by_tid });
	if (!err)
		err = json_set_string(o, "by_comm", w->by_comm);
	if (!err)
		err = json_set(o, "by_kthread", json_boolean(w->by_kthread));
	if (!err)
		err = json_set(o, "by_interrupt", json_boolean(w->by_interrupt));
	return err ? err : json_set_number(o, "blocked_ns", w->blocked_ns);
}

int json_fill_waker(const struct profile *p, size_t i, json_t *o)
{
	return fill_waker(p, &p->wakers[i], o);
}

int json_fill_waker_stack(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_waker *w = &p->waker_stacks[i];
	const int err = fill_waker(p, w, o);

	return err ? err : json_set_strings(o, "frames", w->frames, w->frames_n);
}

int json_fill_cpu(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_cpu *c = &p->cpus[i];

	return JSON_SET_NUMBERS(o, { "cpu", c->cpu }, { "busy_ns", c->busy_ns },
				{ "target_ns", c->target_ns }, { "idle_ns", c->idle_ns },
				{ "steal_ns", c->steal_ns });
}
