/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What changed between two sets of runs: configuration, verdict, and every figure of metric.h that the
 * runs tell apart.
 */
#ifndef DIFF_H
#define DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "metric.h"

/* A set of runs of one configuration. */
struct diff_set {
	char *const *paths;
	size_t n;
	const struct profile **profiles;
	struct metrics *metrics;
};

struct diff_options {
	bool per_request;  /* sums are compared by request, not by second */
	double min_effect; /* 0.1: a tenth; 0: the default of the number of runs */
	bool wide;	   /* all that changed, also where next to no time goes */
};
#define DIFF_MIN_EFFECT_ONE  0.10 /* one run each */
#define DIFF_MIN_EFFECT_SETS 0.03

/* How sure it is that there is a difference at all. */
enum diff_sure {
	DIFF_PROVEN,   /* by permutation of the runs */
	DIFF_LIKELY,   /* by Student's t: the runs are too few for the former */
	DIFF_UNPROVEN, /* one run each: larger than such runs usually differ */
	DIFF_NONE,     /* not told apart */
};
const char *diff_sure_name(enum diff_sure sure);
#define DIFF_LEVEL 0.05 /* the chance of any false claim at all */

/* A figure that both sets have. */
struct diff_change {
	const struct metric_object *object; /* of one of the runs */
	size_t measure;
	double before, after; /* means over the runs */
	double effect;	      /* of the logarithms, small figures damped: what is sorted by */
	double low, high;     /* after / before - 1, 19 times in 20; NAN: not known */
	double p;	      /* corrected for the number of figures; NAN: one run each */
	uint8_t sure;	      /* enum diff_sure */
	bool small;	      /* of what takes less than a thousandth of the window */
};

/* What was recorded of how the runs were made, where the sets differ. */
struct diff_config {
	const char *what;
	char *values[2]; /* of all runs of the set, "6.1 | 6.12" where they differ in themselves */
};

struct diff {
	struct diff_set sets[2];
	struct diff_options o;
	bool one_each;
	double crowding;	     /* one each: the larger of diff_crowding() */
	double least_p;		     /* that permutation can come to with so many runs */
	struct diff_change *changes; /* those that are told apart: the clearest effect first */
	size_t changes_n;
	size_t compared; /* figures that both have */
	struct diff_config *config;
	size_t config_n;
	/* Sections that a run of one set lacks and one of the other has: bits. [0]: before lacks them. */
	uint64_t lacks[2];
};

/* sets: their paths and profiles; the rest is filled. -ENOMEM. */
int diff_make(struct diff *d);
void diff_free(struct diff *d);

/* Of the time that threads could run, the share that they waited for a CPU: how much of the run was
 * made by neighbours. */
double diff_crowding(const struct profile *p);

/* diff_config.c: fills d->config. */
int diff_compare_config(struct diff *d);

/* diff_text.c */
int diff_write(const struct diff *d, unsigned int columns, bool colour, FILE *f);
/* diff_json.c: docs/json.md. */
int diff_write_json(const struct diff *d, FILE *f);

/* The verdict of a run as "scheduling, queue-before-batch"; NULL: it has none. */
const struct profile_verdict *diff_verdict(const struct diff_set *s, size_t run);
/* What a name is worth in a text: "stage:decode.p99", with the process where there are several. */
#define DIFF_NAME_SIZE (METRIC_NAME_SIZE + 80)
const char *diff_name(const struct diff *d, const struct diff_change *c, char buf[DIFF_NAME_SIZE]);

#endif /* DIFF_H */
