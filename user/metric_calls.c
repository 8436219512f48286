// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* CUDA calls and what they do as metrics. */
#include "metric_part.h"

static const char *process_of(const struct profile *p, uint32_t pid)
{
	for (size_t i = 0; i < p->threads_n; i++)
		if (p->threads[i].pid == pid)
			return p->threads[i].process;
	return NULL;
}

const struct metric_measure metric_of_calls[] = {
	RATE(profile_call, "rate", calls),
	TIME(profile_call, "wall", wall_ns),
	RATE_LOWER(profile_call, "error_rate", errors),
	COUNT(profile_call, "errors", errors),
	{ .name = NULL },
};

const struct metric_measure metric_of_call[] = {
	RATE(profile_call, "rate", calls),
	QUANTILES(profile_call, "", ),
	TIME(profile_call, "wall", wall_ns),
	SHARE(profile_call, "on_cpu", METRIC_EITHER, on_cpu_ns, wall_ns),
	SHARE(profile_call, "run_queue", METRIC_LOWER, run_queue_ns, wall_ns),
	SHARE(profile_call, "blocked", METRIC_EITHER, blocked_ns, wall_ns),
	SHARE(profile_call, "waited", METRIC_LOWER, waited, calls),
	MOVED(profile_call, "bytes_rate", bytes),
	RATE_LOWER(profile_call, "error_rate", errors),
	COUNT(profile_call, "errors", errors),
	{ .name = NULL },
};

/* Calls within calls are part of those. */
const void *metric_row_call(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_call *c;

	if (i >= p->calls_n)
		return NULL;
	c = &p->calls[i];
	*l = (struct metric_label){ c->process, c->pid, c->inside ? NULL : c->name,
				    metric_known(c->calls), metric_known(c->wall_ns) };
	return c;
}

const struct metric_measure metric_of_copy[] = {
	RATE(profile_copy, "rate", calls),
	MOVED(profile_copy, "bytes_rate", bytes),
	TIME(profile_copy, "wall", wall_ns),
	RATIO(profile_copy, "size", METRIC_BYTES, METRIC_EITHER, bytes, calls),
	{ .name = NULL },
};

const void *metric_row_copy(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_copy *c;

	if (i >= p->copies_n)
		return NULL;
	c = &p->copies[i];
	*l = (struct metric_label){ process_of(p, c->pid), c->pid, c->kind, metric_known(c->calls),
				    metric_known(c->wall_ns) };
	return c;
}

const struct metric_measure metric_of_launch[] = {
	RATE(profile_launch, "rate", calls),
	TIME(profile_launch, "wall", wall_ns),
	RATE_LOWER(profile_launch, "error_rate", errors),
	{ .name = NULL },
};

const void *metric_row_launch(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_launch *c;

	if (i >= p->launches_n)
		return NULL;
	c = &p->launches[i];
	*l = (struct metric_label){ process_of(p, c->pid), c->pid, c->kernel,
				    metric_known(c->calls), metric_known(c->wall_ns) };
	return c;
}

/* gap_max_ns stands before the percentiles: the order that QUANTILES wants is not there. */
const struct metric_measure metric_of_launcher[] = {
	RATE(profile_launcher, "rate", launches),
	TIME(profile_launcher, "wall", wall_ns),
	TIME(profile_launcher, "gap_wall", gap_ns),
	{ .name = "gap_p50",
	  .unit = METRIC_NS,
	  .better = METRIC_LOWER,
	  .at = AT(profile_launcher, gap_p50_ns) },
	{ .name = "gap_p95",
	  .unit = METRIC_NS,
	  .better = METRIC_LOWER,
	  .at = AT(profile_launcher, gap_p95_ns) },
	{ .name = "gap_p99",
	  .unit = METRIC_NS,
	  .better = METRIC_LOWER,
	  .flags = METRIC_GATE,
	  .at = AT(profile_launcher, gap_p99_ns) },
	LARGEST(profile_launcher, "gap_max", gap_max_ns),
	{ .name = NULL },
};

const void *metric_row_launcher(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_launcher *c;
	const struct profile_thread *t;

	if (i >= p->launchers_n)
		return NULL;
	c = &p->launchers[i];
	t = &p->threads[c->thread];
	*l = (struct metric_label){ t->process, t->pid, t->comm, metric_known(c->launches),
				    metric_known(c->wall_ns) };
	return c;
}

/* --- memory --- */

bool metric_has_ends(const struct profile *p)
{
	return !p->entries_only;
}

const struct metric_measure metric_of_memory[] = {
	RATE(profile_memory, "rate", allocations),
	MOVED(profile_memory, "bytes_rate", bytes),
	{ .name = "peak",
	  .unit = METRIC_BYTES,
	  .better = METRIC_LOWER,
	  .at = AT(profile_memory, peak_bytes) },
	{ .name = "live",
	  .unit = METRIC_BYTES,
	  .better = METRIC_LOWER,
	  .flags = METRIC_GATE,
	  .at = AT(profile_memory, live_bytes) },
	{ .name = NULL },
};

const void *metric_row_memory(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_memory *m;

	if (i >= p->memory_n)
		return NULL;
	m = &p->memory[i];
	*l = (struct metric_label){ m->process ? m->process : process_of(p, m->pid), m->pid,
				    m->kind, metric_known(m->allocations), NAN };
	return m;
}
