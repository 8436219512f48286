/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parts of a report, on a screen or a page. Private to report*.c. */
#ifndef REPORT_PART_H
#define REPORT_PART_H

#include "report.h"
#include "screen.h"

/* What is found first, on one screen: verdict, where the time went, stages, calls. 0 or -ENOMEM. */
int report_first(struct screen *s, const struct profile *p, const struct report_options *o);
/* Everything else, a section each. */
int report_details(struct screen *s, const struct profile *p, const struct report_options *o);

/* report_verdict.c: the first verdict; those that did not come first, and the rules that lacked something. */
void report_verdict(struct screen *s, const struct profile *p);
void report_verdicts(struct screen *s, const struct profile *p);

/* report_split.c: wall time of the busy threads, thinking against waiting. rows: summary_order's. */
void report_split(struct screen *s, const struct profile *p, const uint32_t *rows, size_t busy_n);

/* report_waits.c: the stacks that waited longest. 0 or -ENOMEM. */
int report_wait_stacks(struct screen *s, const struct profile *p);

/* report_end.c: how the trace was taken, what is missing from it. */
void report_trace(struct screen *s, const struct profile *p);

/* report_flame.c: the flame graph as a frame of the page. */
int report_flame(struct screen *s, const struct profile *p, const char *folded,
		 struct fault *fault);
/* report_strip.c: each thread's states over time. */
void report_strips(struct screen *s, const struct profile *p);

#endif /* REPORT_PART_H */
