/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is it a difference? Two sets of runs, many figures of each run.
 *
 * Two answers. By permutation: if the sets were runs of the same, any other way to deal the runs out to
 * them were as likely; a difference counts as one if hardly any of them makes any figure differ as
 * much. That assumes nothing of how figures scatter, and asks for all figures at once (Westfall and
 * Young's step-down maxT: the chance of one false claim or more among all). But with few runs there are
 * few ways: 10 of 3 and 3, 35 of 4 and 4. By Student's t, with Holm's correction: for as many runs as
 * there are, if the figures' logarithms scatter normally.
 */
#ifndef DIFF_STAT_H
#define DIFF_STAT_H

#include <stddef.h>

#define STAT_RUNS_MAX 200 /* in both sets */

struct stat_table {
	const double *y; /* [metrics][runs]; NAN: not measured */
	size_t metrics, runs;
	size_t first; /* so many runs are of the first set */
	double least; /* a difference of this size is not looked for: steadies the statistic */
};

/* p[metrics]: the chance of a figure that differs so much, or of another that differs even more, in
 * runs of the same. All ways to deal the runs out where these are few, else a sample, the same each
 * time. -ENOMEM. */
int stat_permutation(const struct stat_table *t, double *p);
/* The smallest that this can come to. */
double stat_permutation_least(size_t first, size_t second);

/* p[metrics] by Student's t; 1 where there are too few runs. errors[metrics]: a standard error that
 * every run's figure has, whatever the runs' scatter says (rounding). -ENOMEM. */
int stat_student(const struct stat_table *t, const double *errors, double *p);

/* The difference of the means, and how far it may be off 19 times in 20; NAN: not known. */
struct stat_difference {
	double mean, within;
};
struct stat_difference stat_difference(const struct stat_table *t, size_t metric, double error);

/* Two-sided: the chance of a |t| as large with df degrees of freedom. */
double stat_student_p(double t, double df);

#endif /* DIFF_STAT_H */
