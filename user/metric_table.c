// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of metrics: sections, whose rows they are, and what is measured of each. The man page has
 * the same list (tests/diff holds them together). */
#include <math.h>
#include <string.h>
#include "metric.h"

#define AT(type, field) offsetof(struct type, field)

/* Rows of measures. Of what it makes no sense to call better or worse, neither. */
#define SUM(type, word, unit_, better_, field)                                        \
	{                                                                             \
		.name = word, .unit = unit_, .better = better_, .at = AT(type, field) \
	}
#define RATE(type, word, field)	      SUM(type, word, METRIC_RATE, METRIC_EITHER, field)
#define RATE_LOWER(type, word, field) SUM(type, word, METRIC_RATE, METRIC_LOWER, field)
#define TIME(type, word, field)	      SUM(type, word, METRIC_TIME, METRIC_LOWER, field)
#define MOVED(type, word, field)      SUM(type, word, METRIC_MOVED, METRIC_EITHER, field)
#define COUNT(type, word, field)                                                                  \
	{                                                                                         \
		.name = word, .unit = METRIC_COUNT, .better = METRIC_LOWER, .flags = METRIC_GATE, \
		.at = AT(type, field)                                                             \
	}
#define RATIO(type, word, unit_, better_, field, whole)                                \
	{                                                                              \
		.name = word, .unit = unit_, .better = better_, .at = AT(type, field), \
		.of = AT(type, whole)                                                  \
	}
#define SHARE(type, word, better_, field, whole) \
	RATIO(type, word, METRIC_SHARE, better_, field, whole)
#define QUANTILE(type, word, field, q)                                                  \
	{                                                                               \
		.name = word, .unit = METRIC_NS, .better = METRIC_LOWER, .quantile = q, \
		.at = AT(type, field)                                                   \
	}
/* A single largest one says little of the next run. */
#define LARGEST(type, word, field)                                                             \
	{                                                                                      \
		.name = word, .unit = METRIC_NS, .better = METRIC_LOWER, .flags = METRIC_GATE, \
		.at = AT(type, field)                                                          \
	}
/* Four fields p50_ns, p95_ns, p99_ns, max_ns of the struct at, in this order. */
#define QUANTILES(type, before, at)                                                               \
	QUANTILE(type, before "p50", at p50_ns, 50), QUANTILE(type, before "p95", at p95_ns, 95), \
		QUANTILE(type, before "p99", at p99_ns, 99),                                      \
		LARGEST(type, before "max", at max_ns)
#define BLOCKED_BY(type, word, cause, field, whole) \
	SHARE(type, "blocked_" word, METRIC_EITHER, field[cause], whole)
#define BLOCKED_BY_ALL(type, field, whole)                                      \
	BLOCKED_BY(type, "gpu_call", CAUSE_GPU_CALL, field, whole),             \
		BLOCKED_BY(type, "lock", CAUSE_LOCK, field, whole),             \
		BLOCKED_BY(type, "disk", CAUSE_DISK, field, whole),             \
		BLOCKED_BY(type, "network", CAUSE_NETWORK, field, whole),       \
		BLOCKED_BY(type, "poll", CAUSE_POLL, field, whole),             \
		BLOCKED_BY(type, "pipe", CAUSE_PIPE, field, whole),             \
		BLOCKED_BY(type, "sleep", CAUSE_SLEEP, field, whole),           \
		BLOCKED_BY(type, "page_fault", CAUSE_PAGE_FAULT, field, whole), \
		BLOCKED_BY(type, "gpu_driver", CAUSE_GPU_DRIVER, field, whole), \
		BLOCKED_BY(type, "child", CAUSE_CHILD, field, whole),           \
		BLOCKED_BY(type, "stopped", CAUSE_STOPPED, field, whole),       \
		BLOCKED_BY(type, "other", CAUSE_OTHER, field, whole)
/* How a struct profile_split's wall time was spent. */
#define SPLIT(type, at)                                                              \
	SHARE(type, "on_cpu", METRIC_EITHER, at.on_cpu_ns, at.wall_ns),              \
		SHARE(type, "run_queue", METRIC_LOWER, at.run_queue_ns, at.wall_ns), \
		SHARE(type, "throttled", METRIC_LOWER, at.throttled_ns, at.wall_ns), \
		SHARE(type, "blocked", METRIC_EITHER, at.blocked_ns, at.wall_ns),    \
		SHARE(type, "gpu_calls", METRIC_EITHER, at.calls_ns, at.wall_ns),    \
		BLOCKED_BY_ALL(type, at.blocked_by_ns, at.wall_ns)

static double known(uint64_t n)
{
	return n == PROFILE_UNKNOWN ? NAN : (double)n;
}

/* --- the trace itself --- */

static double get_cost(const void *row, double *of)
{
	const struct profile *p = row;
	const struct profile_overhead *o = &p->overhead;

	*of = (double)p->duration_ns;
	return known(o->bpf_ns) + known(o->trap_ns) + known(o->user_cpu_ns) -
	       known(o->start_cpu_ns);
}

static const char *word_runtime(const void *row)
{
	return ((const struct profile *)row)->runtime;
}

static const struct metric_measure of_trace[] = {
	{ .name = "duration",
	  .unit = METRIC_NS,
	  .flags = METRIC_GATE,
	  .at = AT(profile, duration_ns) },
	COUNT(profile, "stacks", stacks),
	{ .name = "cost",
	  .unit = METRIC_SHARE,
	  .better = METRIC_LOWER,
	  .flags = METRIC_GATE,
	  .get = get_cost },
	{ .name = "runtime", .unit = METRIC_WORD, .flags = METRIC_GATE, .word = word_runtime },
	{ .name = NULL },
};

static const struct metric_measure of_lost[] = {
	COUNT(profile_lost, "events", events),
	COUNT(profile_lost, "stacks", stacks),
	COUNT(profile_lost, "ring", ring),
	COUNT(profile_lost, "map_full", map_full),
	COUNT(profile_lost, "missed_runs", missed_runs),
	COUNT(profile_lost, "threads", threads),
	COUNT(profile_lost, "returns", returns),
	COUNT(profile_lost, "spans", spans),
	COUNT(profile_lost, "memory", memory),
	{ .name = "uncovered",
	  .unit = METRIC_NS,
	  .better = METRIC_LOWER,
	  .flags = METRIC_GATE,
	  .at = AT(profile_lost, uncovered_ns) },
	{ .name = NULL },
};

static const void *row_trace(const struct profile *p, size_t i, struct metric_label *l)
{
	l->name = "";
	return i ? NULL : p;
}

static const void *row_lost(const struct profile *p, size_t i, struct metric_label *l)
{
	l->name = "";
	return i ? NULL : &p->lost;
}

/* --- the verdict --- */

#define VERDICT_WORD(field)                                          \
	static const char *word_##field(const void *row)             \
	{                                                            \
		return ((const struct profile_verdict *)row)->field; \
	}
VERDICT_WORD(kind)
VERDICT_WORD(rule)
VERDICT_WORD(fix_at)
VERDICT_WORD(sure)

static const struct metric_measure of_verdict[] = {
	{ .name = "kind", .unit = METRIC_WORD, .flags = METRIC_GATE, .word = word_kind },
	{ .name = "rule", .unit = METRIC_WORD, .flags = METRIC_GATE, .word = word_rule },
	{ .name = "fix_at", .unit = METRIC_WORD, .flags = METRIC_GATE, .word = word_fix_at },
	{ .name = "sure", .unit = METRIC_WORD, .flags = METRIC_GATE, .word = word_sure },
	{ .name = "share",
	  .unit = METRIC_SHARE,
	  .flags = METRIC_DOUBLE | METRIC_GATE,
	  .at = AT(profile_verdict, share) },
	{ .name = NULL },
};

static bool has_verdict(const struct profile *p)
{
	return p->verdicts_n > 0;
}

/* The first is what it comes to. */
static const void *row_verdict(const struct profile *p, size_t i, struct metric_label *l)
{
	l->name = "";
	return i ? NULL : &p->verdicts[0];
}

/* --- requests --- */

static double get_dropped(const void *row, double *of)
{
	const struct profile_requests *r = row;

	*of = known(r->count) + known(r->dropped);
	return known(r->dropped);
}

static const struct metric_measure of_requests[] = {
	SUM(profile_requests, "rate", METRIC_RATE, METRIC_HIGHER, count),
	SUM(profile_requests, "tokens_in_rate", METRIC_RATE, METRIC_HIGHER, tokens_in),
	SUM(profile_requests, "tokens_out_rate", METRIC_RATE, METRIC_HIGHER, tokens_out),
	COUNT(profile_requests, "count", count),
	COUNT(profile_requests, "dropped", dropped),
	{ .name = "dropped_share",
	  .unit = METRIC_SHARE,
	  .better = METRIC_LOWER,
	  .get = get_dropped },
	{ .name = NULL },
};

static const struct metric_measure of_request[] = {
	QUANTILES(profile_requests, "", latency.),
	QUANTILES(profile_requests, "first_token_", first_token.),
	QUANTILES(profile_requests, "per_token_", per_token.),
	SPLIT(profile_requests, split),
	{ .name = NULL },
};

static bool has_stages(const struct profile *p)
{
	return p->stages_known;
}

static bool has_requests(const struct profile *p)
{
	return p->stages_known && p->requests_n;
}

static const void *row_requests(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_requests *r;

	if (i >= p->requests_n)
		return NULL;
	r = &p->requests[i];
	*l = (struct metric_label){ r->process, r->pid, "", known(r->count), known(r->latency_ns) };
	return r;
}

/* The i-th of all processes' parts or passes, whose array and number are at these offsets. */
static const void *nested(const struct profile *p, size_t i, size_t array, size_t number,
			  size_t size, const struct profile_requests **whose)
{
	for (size_t k = 0; k < p->requests_n; k++) {
		const char *r = (const char *)&p->requests[k];
		const size_t n = *(const size_t *)(r + number);

		*whose = &p->requests[k];
		if (i < n)
			return *(const char *const *)(r + array) + i * size;
		i -= n;
	}
	return NULL;
}

static const struct metric_measure of_part[] = {
	QUANTILES(profile_part, "", times.),
	{ .name = "share_p50",
	  .unit = METRIC_SHARE,
	  .flags = METRIC_DOUBLE,
	  .at = AT(profile_part, share_p50) },
	{ .name = "share_p95",
	  .unit = METRIC_SHARE,
	  .flags = METRIC_DOUBLE,
	  .at = AT(profile_part, share_p95) },
	{ .name = "share_p99",
	  .unit = METRIC_SHARE,
	  .flags = METRIC_DOUBLE,
	  .at = AT(profile_part, share_p99) },
	TIME(profile_part, "wall", split.wall_ns),
	SPLIT(profile_part, split),
	{ .name = NULL },
};

static const void *row_part(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_requests *r = NULL;
	const struct profile_part *part = nested(p, i, AT(profile_requests, parts),
						 AT(profile_requests, parts_n), sizeof(*part), &r);

	if (part)
		*l = (struct metric_label){ r->process, r->pid, part->name, known(part->requests),
					    known(part->split.wall_ns) };
	return part;
}

static double get_padding(const void *row, double *of)
{
	const struct profile_pass *pass = row;

	*of = known(pass->padded);
	return known(pass->padded) - known(pass->tokens);
}

static const struct metric_measure of_pass[] = {
	RATE(profile_pass, "rate", count),
	QUANTILES(profile_pass, "", times.),
	RATIO(profile_pass, "rows", METRIC_MEAN, METRIC_HIGHER, requests, count),
	SUM(profile_pass, "tokens_rate", METRIC_RATE, METRIC_HIGHER, tokens),
	{ .name = "padding", .unit = METRIC_SHARE, .better = METRIC_LOWER, .get = get_padding },
	{ .name = NULL },
};

static const void *row_pass(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_requests *r = NULL;
	const struct profile_pass *pass = nested(p, i, AT(profile_requests, passes),
						 AT(profile_requests, passes_n), sizeof(*pass), &r);

	if (pass)
		*l = (struct metric_label){ r->process, r->pid, pass->name, known(pass->count),
					    NAN };
	return pass;
}

static const struct metric_measure of_stage[] = {
	RATE(profile_stage, "rate", count),	      QUANTILES(profile_stage, "", times.),
	TIME(profile_stage, "wall", split.wall_ns),   SPLIT(profile_stage, split),
	COUNT(profile_stage, "abandoned", abandoned), { .name = NULL },
};

static const void *row_stage(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_stage *s;

	if (i >= p->stages_n)
		return NULL;
	s = &p->stages[i];
	*l = (struct metric_label){ s->process, s->pid, s->name, known(s->count),
				    known(s->split.wall_ns) };
	return s;
}

/* --- CUDA calls --- */

static const char *process_of(const struct profile *p, uint32_t pid)
{
	for (size_t i = 0; i < p->threads_n; i++)
		if (p->threads[i].pid == pid)
			return p->threads[i].process;
	return NULL;
}

static const struct metric_measure of_calls[] = {
	RATE(profile_call, "rate", calls),
	TIME(profile_call, "wall", wall_ns),
	RATE_LOWER(profile_call, "error_rate", errors),
	COUNT(profile_call, "errors", errors),
	{ .name = NULL },
};

static const struct metric_measure of_call[] = {
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
static const void *row_call(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_call *c;

	if (i >= p->calls_n)
		return NULL;
	c = &p->calls[i];
	*l = (struct metric_label){ c->process, c->pid, c->inside ? NULL : c->name, known(c->calls),
				    known(c->wall_ns) };
	return c;
}

static const struct metric_measure of_copy[] = {
	RATE(profile_copy, "rate", calls),
	MOVED(profile_copy, "bytes_rate", bytes),
	TIME(profile_copy, "wall", wall_ns),
	RATIO(profile_copy, "size", METRIC_BYTES, METRIC_EITHER, bytes, calls),
	{ .name = NULL },
};

static const void *row_copy(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_copy *c;

	if (i >= p->copies_n)
		return NULL;
	c = &p->copies[i];
	*l = (struct metric_label){ process_of(p, c->pid), c->pid, c->kind, known(c->calls),
				    known(c->wall_ns) };
	return c;
}

static const struct metric_measure of_launch[] = {
	RATE(profile_launch, "rate", calls),
	TIME(profile_launch, "wall", wall_ns),
	RATE_LOWER(profile_launch, "error_rate", errors),
	{ .name = NULL },
};

static const void *row_launch(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_launch *c;

	if (i >= p->launches_n)
		return NULL;
	c = &p->launches[i];
	*l = (struct metric_label){ process_of(p, c->pid), c->pid, c->kernel, known(c->calls),
				    known(c->wall_ns) };
	return c;
}

/* gap_max_ns stands before the percentiles: the order that QUANTILES wants is not there. */
static const struct metric_measure of_launcher[] = {
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

static const void *row_launcher(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_launcher *c;
	const struct profile_thread *t;

	if (i >= p->launchers_n)
		return NULL;
	c = &p->launchers[i];
	t = &p->threads[c->thread];
	*l = (struct metric_label){ t->process, t->pid, t->comm, known(c->launches),
				    known(c->wall_ns) };
	return c;
}

/* --- memory --- */

static bool has_ends(const struct profile *p)
{
	return !p->entries_only;
}

static const struct metric_measure of_memory[] = {
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

static const void *row_memory(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_memory *m;

	if (i >= p->memory_n)
		return NULL;
	m = &p->memory[i];
	*l = (struct metric_label){ m->process ? m->process : process_of(p, m->pid), m->pid,
				    m->kind, known(m->allocations), NAN };
	return m;
}

/* --- waits --- */

static const struct metric_measure of_blocked[] = {
	{ .name = "wall", .unit = METRIC_TIME, .at = 0 },
	{ .name = NULL },
};

/* The row is the cause's number in the thread's account. */
static const void *row_blocked(const struct profile *p, size_t i, struct metric_label *l)
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

static bool is_cause(const char *name)
{
	for (int c = CAUSE_NONE + 1; c < CAUSES; c++)
		if (!strcmp(name, wait_cause_name((enum wait_cause)c)))
			return true;
	return false;
}

static const struct metric_measure of_wait[] = {
	SUM(profile_wait, "wall", METRIC_TIME, METRIC_EITHER, blocked_ns),
	RATE(profile_wait, "rate", waits),
	{ .name = NULL },
};

static const void *row_wait(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_wait *w;

	if (i >= p->waits_n)
		return NULL;
	w = &p->waits[i];
	*l = (struct metric_label){ w->process, w->pid, wait_kind_name((enum wait_kind)w->kind),
				    known(w->waits), known(w->blocked_ns) };
	return w;
}

static bool is_kind(const char *name)
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
	return known(t->state_ns[PROFILE_PREEMPTED]) - known(t->throttled_ns);
}

static double get_run_queue_wall(const void *row, double *of)
{
	get_run_queue(row, of);
	*of = 1;
	return get_run_queue(row, &(double){ 0 });
}

static const struct metric_measure of_thread[] = {
	SHARE(profile_thread, "on_cpu", METRIC_EITHER, state_ns[PROFILE_ON_CPU], wall_ns),
	{ .name = "run_queue", .unit = METRIC_SHARE, .better = METRIC_LOWER, .get = get_run_queue },
	{ .name = "preempted", .unit = METRIC_SHARE, .better = METRIC_LOWER, .get = get_preempted },
	SHARE(profile_thread, "throttled", METRIC_LOWER, throttled_ns, wall_ns),
	SHARE(profile_thread, "blocked", METRIC_EITHER, state_ns[PROFILE_BLOCKED], wall_ns),
	SHARE(profile_thread, "gpu_calls", METRIC_EITHER, call_ns, wall_ns),
	BLOCKED_BY_ALL(profile_thread, blocked_by_ns, wall_ns),
	RATE(profile_thread, "voluntary_rate", voluntary),
	RATE_LOWER(profile_thread, "involuntary_rate", involuntary),
	RATE_LOWER(profile_thread, "migration_rate", migrations),
	RATE_LOWER(profile_thread, "major_fault_rate", major_faults),
	{ .name = NULL },
};

static const struct metric_measure of_process[] = {
	SUM(profile_thread, "on_cpu", METRIC_TIME, METRIC_LOWER, state_ns[PROFILE_ON_CPU]),
	{ .name = "run_queue",
	  .unit = METRIC_TIME,
	  .better = METRIC_LOWER,
	  .get = get_run_queue_wall },
	SUM(profile_thread, "throttled", METRIC_TIME, METRIC_LOWER, throttled_ns),
	SUM(profile_thread, "gpu_calls", METRIC_TIME, METRIC_EITHER, call_ns),
	RATE(profile_thread, "voluntary_rate", voluntary),
	RATE_LOWER(profile_thread, "involuntary_rate", involuntary),
	RATE_LOWER(profile_thread, "migration_rate", migrations),
	RATE_LOWER(profile_thread, "major_fault_rate", major_faults),
	{ .name = NULL },
};

/* What the emulated GPU's threads do is no work of the process. */
static const void *row_thread(const struct profile *p, size_t i, struct metric_label *l)
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

static const void *row_process(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_thread *t = row_thread(p, i, l);

	if (t)
		l->name = t->process;
	return t;
}

static const struct metric_measure of_steal[] = {
	TIME(profile_steal, "wall", wall_ns),
	RATE_LOWER(profile_steal, "rate", waits),
	{ .name = NULL },
};

/* Its own threads among themselves are its own affair, and have a row too. */
static const void *row_steal(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_steal *s;

	if (i >= p->steals_n)
		return NULL;
	s = &p->steals[i];
	*l = (struct metric_label){ s->process, s->pid, s->by_comm ? s->by_comm : NULL,
				    known(s->waits), known(s->wall_ns) };
	return s;
}

/* --- I/O --- */

static bool has_io(const struct profile *p)
{
	return p->io_parts != 0;
}

static double get_misses(const void *row, double *of)
{
	const struct profile_io *io = row;

	*of = known(io->hits) + known(io->misses);
	return known(io->misses);
}

static const struct metric_measure of_io[] = {
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

static const void *row_io(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_io *io;

	if (i >= p->io_n)
		return NULL;
	io = &p->io[i];
	*l = (struct metric_label){ io->process, io->pid, io->kind, known(io->calls),
				    known(io->whole.wall_ns) };
	return io;
}

const struct metric_section metric_sections[] = {
	{ "requests", "requests", of_requests, METRIC_TOTAL, has_requests, row_requests, NULL },
	{ "request", "requests", of_request, 0, has_requests, row_requests, NULL },
	{ "part", "parts of requests", of_part, 0, has_requests, row_part, NULL },
	{ "pass", "passes of the model", of_pass, 0, has_requests, row_pass, NULL },
	{ "stage", "stages", of_stage, 0, has_stages, row_stage, NULL },
	{ "calls", "CUDA calls", of_calls, METRIC_TOTAL, NULL, row_call, NULL },
	{ "call", "CUDA calls", of_call, 0, NULL, row_call, NULL },
	{ "copy", "copies", of_copy, 0, NULL, row_copy, NULL },
	{ "launches", "launches", of_launch, METRIC_TOTAL, NULL, row_launch, NULL },
	{ "launch", "launches", of_launch, 0, NULL, row_launch, NULL },
	{ "launcher", "threads that launch", of_launcher, METRIC_APART, NULL, row_launcher, NULL },
	{ "memory", "GPU memory", of_memory, 0, has_ends, row_memory, NULL },
	{ "blocked", "waits by cause", of_blocked, METRIC_CLOSED, NULL, row_blocked, is_cause },
	{ "wait", "waits by kind", of_wait, METRIC_CLOSED, NULL, row_wait, is_kind },
	{ "process", "processes", of_process, 0, NULL, row_process, NULL },
	{ "thread", "threads", of_thread, METRIC_APART, NULL, row_thread, NULL },
	{ "preempted_by", "who had the CPU", of_steal, 0, NULL, row_steal, NULL },
	{ "io", "I/O", of_io, 0, has_io, row_io, NULL },
	{ "verdict", "the verdict", of_verdict, METRIC_TOTAL, has_verdict, row_verdict, NULL },
	{ "lost", "losses", of_lost, METRIC_TOTAL, NULL, row_lost, NULL },
	{ "trace", "the trace", of_trace, METRIC_TOTAL, NULL, row_trace, NULL },
};
const size_t metric_sections_n = sizeof(metric_sections) / sizeof(*metric_sections);
