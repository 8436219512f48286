// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The sections, and what is measured of the trace itself. The man page has the same list (a unit test
 * holds them together). */
#include "metric_part.h"

/* --- the trace itself --- */

static double get_cost(const void *row, double *of)
{
	const struct profile *p = row;
	const struct profile_overhead *o = &p->overhead;

	*of = (double)p->duration_ns;
	return metric_known(o->bpf_ns) + metric_known(o->trap_ns) + metric_known(o->user_cpu_ns) -
	       metric_known(o->start_cpu_ns);
}

static const char *word_runtime(const void *row)
{
	return ((const struct profile *)row)->runtime;
}

const struct metric_measure metric_of_trace[] = {
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

const struct metric_measure metric_of_lost[] = {
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

const void *metric_row_trace(const struct profile *p, size_t i, struct metric_label *l)
{
	l->name = "";
	return i ? NULL : p;
}

const void *metric_row_lost(const struct profile *p, size_t i, struct metric_label *l)
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

const struct metric_measure metric_of_verdict[] = {
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

bool metric_has_verdict(const struct profile *p)
{
	return p->verdicts_n > 0;
}

/* The first is what it comes to. */
const void *metric_row_verdict(const struct profile *p, size_t i, struct metric_label *l)
{
	l->name = "";
	return i ? NULL : &p->verdicts[0];
}

const struct metric_section metric_sections[] = {
	{ "requests", "requests", metric_of_requests, METRIC_TOTAL, metric_has_requests,
	  metric_row_requests, NULL },
	{ "request", "requests", metric_of_request, 0, metric_has_requests, metric_row_requests,
	  NULL },
	{ "part", "parts of requests", metric_of_part, 0, metric_has_requests, metric_row_part,
	  NULL },
	{ "pass", "passes of the model", metric_of_pass, 0, metric_has_requests, metric_row_pass,
	  NULL },
	{ "stage", "stages", metric_of_stage, 0, metric_has_stages, metric_row_stage, NULL },
	{ "calls", "CUDA calls", metric_of_calls, METRIC_TOTAL, NULL, metric_row_call, NULL },
	{ "call", "CUDA calls", metric_of_call, 0, NULL, metric_row_call, NULL },
	{ "copy", "copies", metric_of_copy, 0, NULL, metric_row_copy, NULL },
	{ "launches", "launches", metric_of_launch, METRIC_TOTAL, NULL, metric_row_launch, NULL },
	{ "launch", "launches", metric_of_launch, 0, NULL, metric_row_launch, NULL },
	{ "launcher", "threads that launch", metric_of_launcher, METRIC_APART, NULL,
	  metric_row_launcher, NULL },
	{ "memory", "GPU memory", metric_of_memory, 0, metric_has_ends, metric_row_memory, NULL },
	{ "blocked", "waits by cause", metric_of_blocked, METRIC_CLOSED, NULL, metric_row_blocked,
	  metric_is_cause },
	{ "wait", "waits by kind", metric_of_wait, METRIC_CLOSED, NULL, metric_row_wait,
	  metric_is_kind },
	{ "process", "processes", metric_of_process, 0, NULL, metric_row_process, NULL },
	{ "thread", "threads", metric_of_thread, METRIC_APART, NULL, metric_row_thread, NULL },
	{ "preempted_by", "who had the CPU", metric_of_steal, 0, NULL, metric_row_steal, NULL },
	{ "io", "I/O", metric_of_io, 0, metric_has_io, metric_row_io, NULL },
	{ "verdict", "the verdict", metric_of_verdict, METRIC_TOTAL, metric_has_verdict,
	  metric_row_verdict, NULL },
	{ "lost", "losses", metric_of_lost, METRIC_TOTAL, NULL, metric_row_lost, NULL },
	{ "trace", "the trace", metric_of_trace, METRIC_TOTAL, NULL, metric_row_trace, NULL },
};
const size_t metric_sections_n = sizeof(metric_sections) / sizeof(*metric_sections);
