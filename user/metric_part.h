/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How the tables of measures are written, and where they are. Private to metric*.c. */
#ifndef METRIC_PART_H
#define METRIC_PART_H

#include <math.h>
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

static inline double metric_known(uint64_t n)
{
	return n == PROFILE_UNKNOWN ? NAN : (double)n;
}

/* A section's measures, rows, whether it was measured, and the names it may have. */
extern const struct metric_measure metric_of_trace[];
extern const struct metric_measure metric_of_lost[];
extern const struct metric_measure metric_of_verdict[];
const void *metric_row_trace(const struct profile *p, size_t i, struct metric_label *l);
const void *metric_row_lost(const struct profile *p, size_t i, struct metric_label *l);
const void *metric_row_verdict(const struct profile *p, size_t i, struct metric_label *l);
bool metric_has_verdict(const struct profile *p);
extern const struct metric_measure metric_of_requests[];
extern const struct metric_measure metric_of_request[];
extern const struct metric_measure metric_of_part[];
extern const struct metric_measure metric_of_pass[];
extern const struct metric_measure metric_of_stage[];
const void *metric_row_requests(const struct profile *p, size_t i, struct metric_label *l);
const void *metric_row_part(const struct profile *p, size_t i, struct metric_label *l);
const void *metric_row_pass(const struct profile *p, size_t i, struct metric_label *l);
const void *metric_row_stage(const struct profile *p, size_t i, struct metric_label *l);
bool metric_has_stages(const struct profile *p);
bool metric_has_requests(const struct profile *p);
extern const struct metric_measure metric_of_calls[];
extern const struct metric_measure metric_of_call[];
extern const struct metric_measure metric_of_copy[];
extern const struct metric_measure metric_of_launch[];
extern const struct metric_measure metric_of_launcher[];
extern const struct metric_measure metric_of_memory[];
const void *metric_row_call(const struct profile *p, size_t i, struct metric_label *l);
const void *metric_row_copy(const struct profile *p, size_t i, struct metric_label *l);
const void *metric_row_launch(const struct profile *p, size_t i, struct metric_label *l);
const void *metric_row_launcher(const struct profile *p, size_t i, struct metric_label *l);
const void *metric_row_memory(const struct profile *p, size_t i, struct metric_label *l);
bool metric_has_ends(const struct profile *p);
extern const struct metric_measure metric_of_blocked[];
extern const struct metric_measure metric_of_wait[];
extern const struct metric_measure metric_of_thread[];
extern const struct metric_measure metric_of_process[];
extern const struct metric_measure metric_of_steal[];
extern const struct metric_measure metric_of_io[];
const void *metric_row_blocked(const struct profile *p, size_t i, struct metric_label *l);
const void *metric_row_wait(const struct profile *p, size_t i, struct metric_label *l);
const void *metric_row_thread(const struct profile *p, size_t i, struct metric_label *l);
const void *metric_row_process(const struct profile *p, size_t i, struct metric_label *l);
const void *metric_row_steal(const struct profile *p, size_t i, struct metric_label *l);
const void *metric_row_io(const struct profile *p, size_t i, struct metric_label *l);
bool metric_has_io(const struct profile *p);
bool metric_is_cause(const char *name);
bool metric_is_kind(const char *name);

#endif /* METRIC_PART_H */
