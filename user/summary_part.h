/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parts of the summary. Private to summary*.c. */
#ifndef SUMMARY_PART_H
#define SUMMARY_PART_H

#include <stdlib.h>
#include "output.h"
#include "profile.h"
#include "screen.h"

/* Threads in the order of the screen: busy ones, idle ones, those that stand in for a GPU; within
 * each by the time they were busy. */
struct summary_order {
	uint32_t *rows; /* indices of profile.threads: room for all */
	size_t busy_n, idle_n;
	bool others; /* say how many more there are */
};
void summary_order(const struct profile *p, struct summary_order *o);
/* The first so many threads. */
void summary_threads(struct screen *s, const struct profile *p, const struct summary_order *o,
		     size_t rows);

/* CUDA calls, longest first, each followed by those within it (--driver). */
struct summary_call {
	uint32_t outer, row; /* indices of profile.calls */
};
struct summary_calls {
	const struct profile *p;
	bool all;		   /* --wide: notes have a line where they need one */
	struct summary_call *rows; /* room for all */
};
void summary_calls_order(struct summary_calls *v);
/* As many as fit on this many lines. */
void summary_calls(struct screen *s, const struct summary_calls *v, size_t lines);
/* The lines that all of them take. */
size_t summary_calls_lines(const struct screen *s, const struct summary_calls *v);

/* summary_facts.c: a line each about launches, copies, memory and the like, where there is something to
 * say. */
struct summary_facts {
	const struct profile *p;
	bool leaks; /* say so if there are none */
};
/* On at most so many lines, the more important first; shortened where they would be more than
 * whole_lines. */
void summary_facts(struct screen *s, const struct summary_facts *f, size_t lines,
		   size_t whole_lines);

/* summary_switches.c: the stack that most switches are from, of whichever threads. */
struct summary_switches {
	const struct profile_line *line; /* one that has it */
	uint64_t n, involuntary;	 /* of it; involuntary ones among them */
	uint64_t all;			 /* switches of all threads */
};
/* False: there are few, or no stack makes half of them. */
bool summary_switches(const struct profile *p, struct summary_switches *s);

/* summary_io.c: a blank line, the title and the rows that are worth it, or all of them; nothing where
 * there are none. 0 or -ENOMEM. */
int summary_io(struct screen *s, const struct profile *p, bool all);

/* summary_tables.c: all there is about them (--wide). */
void summary_tables(struct screen *s, const struct profile *p);

/* summary_waits.c: a line about what was waited for, shortened to one unless all. */
void summary_waits(struct screen *s, const struct profile *p, bool all);
/* By process and kind (--wide). */
void summary_waits_table(struct screen *s, const struct profile *p);

/* summary_sched.c: a line about what was waited for a CPU, one about the CPUs; shortened to one line each
 * unless all. */
void summary_queue(struct screen *s, const struct profile *p, bool all);
void summary_cpus(struct screen *s, const struct profile *p, bool all);
/* Who had the CPU, who ended waits, the CPUs (--wide). */
void summary_sched_tables(struct screen *s, const struct profile *p);

/* summary_requests.c: requests, or stages where there are none. */
bool summary_has_serving(const struct profile *p);
/* Rows that there are: parts of requests, or stages. */
size_t summary_serving_rows(const struct profile *p);
/* The block with so many of them. False: no memory. */
bool summary_serving(struct screen *s, const struct profile *p, size_t rows, double per_hour);
void summary_stages(struct screen *s, const struct profile *p, size_t rows);
/* A request's parts, by share of p95; the caller frees it. NULL: no memory. */
const struct profile_part **summary_parts(const struct profile_requests *r);
/* What most of a length of time went to: "on-CPU", "lock"; NULL: not known. */
const char *summary_mostly(const struct profile_split *s);
/* summary_requests_wide.c: all there is about them (--wide). */
void summary_serving_tables(struct screen *s, const struct profile *p, double per_hour);

/* summary_verdict.c: the first on two lines, or all of them. */
void summary_verdict(struct screen *s, const struct profile *p, bool all);

/* summary.c: what the parts are of, and the lines at both ends. */
struct summary {
	const struct profile *p;
	const struct summary_options *o;
	struct summary_order order;
	struct summary_calls calls;
	struct summary_facts facts;
};
void summary_head(struct screen *s, const struct profile *p, bool whole);
void summary_stacks(struct screen *s, const struct profile *p, bool all);
void summary_losses(struct screen *s, const struct profile *p);
void summary_cost(struct screen *s, const struct profile *p, bool all);

/* summary_plan.c: the one screen, of so many lines. 0 or -ENOMEM. */
int summary_planned(struct screen *s, const struct summary *v, size_t lines);

/* A name of C++ without its return type, template arguments and parameters; bare: and without what it
 * is in. Returns buf. */
const char *summary_name(const char *name, bool bare, char *buf, size_t size);

/* How many processes the threads belong to. */
size_t summary_processes(const struct profile *p);

#endif /* SUMMARY_PART_H */
