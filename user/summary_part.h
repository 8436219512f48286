/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The two tables of the summary. Private to summary*.c. */
#ifndef SUMMARY_PART_H
#define SUMMARY_PART_H

#include "profile.h"
#include "screen.h"

/* Threads in the order of the screen: busy ones, idle ones, those that stand in for a GPU; within
 * each by the time they were busy. */
struct summary_order {
	uint32_t *rows; /* indices of profile.threads: room for all */
	size_t busy_n, idle_n;
};
void summary_order(const struct profile *p, struct summary_order *o);
/* The first so many threads, and how many more there are. */
void summary_threads(struct screen *s, const struct profile *p, const struct summary_order *o,
		     size_t rows);

/* CUDA calls, longest first, as many as fit on this many lines. */
void summary_calls(struct screen *s, const struct profile *p, size_t lines);
/* The lines that all of them take. */
size_t summary_calls_lines(const struct screen *s, const struct profile *p);
/* " copies: ...": nothing where there are none. */
void summary_copies(struct screen *s, const struct profile *p);

/* How many processes the threads belong to. */
size_t summary_processes(const struct profile *p);

#endif /* SUMMARY_PART_H */
