/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The writers of results. Each reads a finished struct profile and nothing else, writes to an open
 * stream, and returns 0 or a negative errno (the stream's error: -ENOSPC and the like). They do not
 * close the stream.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stdio.h>
#include "profile.h"

enum fold_unit { UNIT_US, UNIT_NS, UNIT_MS };
/* As --state: which lines. */
enum fold_filter {
	FOLD_ALL,
	FOLD_ON_CPU,
	FOLD_OFF_CPU,
	FOLD_RUN_QUEUE,
	FOLD_BLOCKED,
	FOLD_GPU,
};

/* As --count: what a line's value is. */
enum fold_count { COUNT_TIME, COUNT_SWITCHES };

struct fold_options {
	enum fold_unit unit; /* of time */
	enum fold_filter filter;
	enum fold_count count;
};

/* fold.c: folded stacks. Per thread the integers sum to the thread's share in the unit, rounded:
 * largest remainder. lines_n: lines written, may be NULL. */
int fold_write(const struct profile *p, const struct fold_options *o, FILE *f, size_t *lines_n);

/* flamegraph.c: a self-contained interactive SVG. */
struct flame_options {
	const char *title;     /* NULL: from the profile */
	const char *subtitle;  /* NULL: likewise: target, window, loss */
	const char *unit;      /* of a folded file's values: "us", "ns", "ms", or any other word */
	enum fold_count count; /* of a profile: what it is a picture of */
	unsigned int width;    /* of the picture in pixels, 0: as wide as the window */
	bool inverted;	       /* roots on top: an icicle graph */
	bool reverse;	       /* stacks merged from the leaf */
	double min_share; /* frames narrower than this share of the whole (1: all of it) are left
			       * out; 0: those under a tenth of a pixel; negative: none */
};
#define FLAME_MIN_SHARE (0.1 / 1200) /* a tenth of a pixel at the nominal width */
int flamegraph_write(const struct profile *p, const struct flame_options *o, FILE *f);

/* json.c: the contract of docs/json.md. */
int json_write(const struct profile *p, FILE *f);

/* leaks.c: folded stacks of the memory that is still allocated at the end, in bytes:
 * "process (pid);kind;frames BYTES". Nothing where nothing is. lines_n as above. */
int leaks_write(const struct profile *p, FILE *f, size_t *lines_n);

struct summary_options {
	bool colour;
	bool wide;	      /* all there is, not one screen */
	unsigned int columns; /* 0: 80 */
	unsigned int lines;   /* of the screen, 0: 24 */
	bool leaks;	      /* tell of leaks also where there are none */
	double cost_per_hour; /* of the machine, see cost.h; 0: not given */
};
/* summary.c: the screen printed at the end of a trace. */
int summary_write(const struct profile *p, const struct summary_options *o, FILE *f);

#endif /* OUTPUT_H */
