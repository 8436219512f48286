// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Waits, threads and I/O as metrics. */
#include <string.h>
#include "metric_part.h"

#define NOISY(unit_, better_, word, type, field)                                       \
	{                                                                              \
		.name = word, .unit = unit_, .better = better_, .flags = METRIC_NOISY, \
		.at = AT(type, field)                                                  \
	}

/* --- waits --- */

const struct metric_measure metric_of_blocked[] = {
	{ .name = "wall", .unit = METRIC_TIME, .at = 0 },
	{ .name = NULL },
};

/* The row is the cause's number in the thread's account. */
const void *metric_row_blocked(const struct profile *p, size_t i, struct metric_label *l)
{
	const size_t cause = i % CAUSES;
	const struct profile_thread *t;

	if (i / CAUSES >= p->threads_n)
		return NULL;
	t = &p->threads[i / CAUSES];
	*l = (struct metric_label){ t->process, t->pid,
				    t->blocked_by_ns[cause] && cause != CAUSE_NONE
					    ? wait_cause_name((enum wait_cause)cause)
					    : NULL,
				    NAN, (double)t->blocked_by_ns[cause] };
	return &t->blocked_by_ns[cause];
}

bool metric_is_cause(const char *name)
{
	for (int c = CAUSE_NONE + 1; c < CAUSES; c++)
		if (!strcmp(name, wait_cause_name((enum wait_cause)c)))
			return true;
	return false;
}

const struct metric_measure metric_of_wait[] = {
	SUM(profile_wait, "wall", METRIC_TIME, METRIC_EITHER, blocked_ns),
	RATE(profile_wait, "rate", waits),
	{ .name = NULL },
};

const void *metric_row_wait(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_wait *w;

	if (i >= p->waits_n)
		return NULL;
	w = &p->waits[i];
	*l = (struct metric_label){ w->process, w->pid, wait_kind_name((enum wait_kind)w->kind),
				    metric_known(w->waits), metric_known(w->blocked_ns) };
	return w;
}

bool metric_is_kind(const char *name)
{
	for (int k = KIND_NONE + 1; k < KINDS; k++)
		if (!strcmp(name, wait_kind_name((enum wait_kind)k)))
			return true;
	return false;
}

/* --- threads --- */

static double get_run_queue(const void *row, double *of)
{
	const struct profile_thread *t = row;

	*of = (double)t->wall_ns;
	return (double)(t->state_ns[PROFILE_WOKEN] + t->state_ns[PROFILE_PREEMPTED]);
}

static double get_preempted(const void *row, double *of)
{
	const struct profile_thread *t = row;

	*of = (double)t->wall_ns;
	return metric_known(t->state_ns[PROFILE_PREEMPTED]) - metric_known(t->throttled_ns);
}

static double get_run_queue_wall(const void *row, double *of)
{
	get_run_queue(row, of);
	*of = 1;
	return get_run_queue(row, &(double){ 0 });
}

const struct metric_measure metric_of_thread[] = {
	SHARE(profile_thread, "on_cpu", METRIC_EITHER, state_ns[PROFILE_ON_CPU], wall_ns),
	{ .name = "run_queue", .unit = METRIC_SHARE, .better = METRIC_LOWER, .get = get_run_queue },
	{ .name = "preempted", .unit = METRIC_SHARE, .better = METRIC_LOWER, .get = get_preempted },
	SHARE(profile_thread, "throttled", METRIC_LOWER, throttled_ns, wall_ns),
	SHARE(profile_thread, "blocked", METRIC_EITHER, state_ns[PROFILE_BLOCKED], wall_ns),
	SHARE(profile_thread, "gpu_calls", METRIC_EITHER, call_ns, wall_ns),
	BLOCKED_BY_ALL(profile_thread, blocked_by_ns, wall_ns),
	NOISY(METRIC_RATE, METRIC_EITHER, "voluntary_rate", profile_thread, voluntary),
	NOISY(METRIC_RATE, METRIC_LOWER, "involuntary_rate", profile_thread, involuntary),
	NOISY(METRIC_RATE, METRIC_LOWER, "migration_rate", profile_thread, migrations),
	NOISY(METRIC_RATE, METRIC_LOWER, "major_fault_rate", profile_thread, major_faults),
	{ .name = NULL },
};

const struct metric_measure metric_of_process[] = {
	SUM(profile_thread, "on_cpu", METRIC_TIME, METRIC_LOWER, state_ns[PROFILE_ON_CPU]),
	{ .name = "run_queue",
	  .unit = METRIC_TIME,
	  .better = METRIC_LOWER,
	  .get = get_run_queue_wall },
	SUM(profile_thread, "throttled", METRIC_TIME, METRIC_LOWER, throttled_ns),
	SUM(profile_thread, "gpu_calls", METRIC_TIME, METRIC_EITHER, call_ns),
	NOISY(METRIC_RATE, METRIC_EITHER, "voluntary_rate", profile_thread, voluntary),
	NOISY(METRIC_RATE, METRIC_LOWER, "involuntary_rate", profile_thread, involuntary),
	NOISY(METRIC_RATE, METRIC_LOWER, "migration_rate", profile_thread, migrations),
	NOISY(METRIC_RATE, METRIC_LOWER, "major_fault_rate", profile_thread, major_faults),
	{ .name = NULL },
};

/* What the emulated GPU's threads do is no work of the process. */
const void *metric_row_thread(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_thread *t;

	if (i >= p->threads_n)
		return NULL;
	t = &p->threads[i];
	*l = (struct metric_label){ t->process, t->pid, t->comm,
				    (double)t->voluntary + (double)t->involuntary,
				    (double)profile_busy_ns(t) };
	return t;
}

const void *metric_row_process(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_thread *t = metric_row_thread(p, i, l);

	if (t)
		l->name = t->process;
	return t;
}

const struct metric_measure metric_of_steal[] = {
	NOISY(METRIC_TIME, METRIC_LOWER, "wall", profile_steal, wall_ns),
	/* Neighbours come and go. */
	{ .name = "rate",
	  .unit = METRIC_RATE,
	  .better = METRIC_LOWER,
	  .flags = METRIC_GATE,
	  .at = AT(profile_steal, waits) },
	{ .name = NULL },
};

/* Its own threads among themselves are its own affair, and have a row too. */
const void *metric_row_steal(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_steal *s;

	if (i >= p->steals_n)
		return NULL;
	s = &p->steals[i];
	*l = (struct metric_label){ s->process, s->pid, s->by_comm ? s->by_comm : NULL,
				    metric_known(s->waits), metric_known(s->wall_ns) };
	return s;
}

/* --- I/O --- */

bool metric_has_io(const struct profile *p)
{
	return p->io_parts != 0;
}

static double get_misses(const void *row, double *of)
{
	const struct profile_io *io = row;

	*of = metric_known(io->hits) + metric_known(io->misses);
	return metric_known(io->misses);
}

const struct metric_measure metric_of_io[] = {
	RATE(profile_io, "rate", calls),
	MOVED(profile_io, "bytes_rate", bytes),
	TIME(profile_io, "wall", whole.wall_ns),
	QUANTILES(profile_io, "", whole.),
	QUANTILES(profile_io, "queue_", queue.),
	QUANTILES(profile_io, "device_", on_device.),
	{ .name = "misses", .unit = METRIC_SHARE, .better = METRIC_LOWER, .get = get_misses },
	RATE_LOWER(profile_io, "error_rate", errors),
	COUNT(profile_io, "errors", errors),
	{ .name = NULL },
};

const void *metric_row_io(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_io *io;

	if (i >= p->io_n)
		return NULL;
	io = &p->io[i];
	*l = (struct metric_label){ io->process, io->pid, io->kind, metric_known(io->calls),
				    metric_known(io->whole.wall_ns) };
	return io;
}
