// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "diff_stat.h"

/* All ways to deal out are tried up to here: 9 and 9 runs. More are sampled. */
#define WAYS_MAX    50000
#define WAYS_SAMPLE 9999
/* Figures looked at altogether: some ten seconds. With more, fewer ways are tried. */
#define WORK_MAX   2e9
#define WAYS_LEAST 999
#define SAME	   1e-9 /* rounding is no difference */

/* --- two sets of one figure --- */

struct moments {
	double n[2], mean[2], squares; /* squares: of the distances from the own set's mean */
};

static struct moments moments(const double *y, const uint8_t *second, size_t runs)
{
	struct moments m = { 0 };

	for (size_t i = 0; i < runs; i++) {
		if (isnan(y[i]))
			continue;
		m.n[second[i]]++;
		m.mean[second[i]] += y[i];
	}
	for (int k = 0; k < 2; k++)
		m.mean[k] = m.n[k] ? m.mean[k] / m.n[k] : NAN;
	for (size_t i = 0; i < runs; i++) {
		const double off = y[i] - m.mean[second[i]];

		m.squares += isnan(y[i]) ? 0 : off * off;
	}
	return m;
}

/* The standard error of the difference of the means; 0: no run beyond one of each. */
static double standard_error(const struct moments *m)
{
	const double df = m->n[0] + m->n[1] - 2;

	return df > 0 ? sqrt(m->squares / df * (1 / m->n[0] + 1 / m->n[1])) : 0;
}

/* How clear a difference is. least keeps a figure that happens to repeat to the last digit from being
 * the clearest of all. */
static double clarity(const double *y, const uint8_t *second, const struct stat_table *t)
{
	const struct moments m = moments(y, second, t->runs);

	if (!m.n[0] || !m.n[1])
		return 0;
	return fabs(m.mean[1] - m.mean[0]) / (standard_error(&m) + t->least);
}

/* --- ways to deal the runs out --- */

static double ways(size_t first, size_t second)
{
	double n = 1;

	for (size_t i = 1; i <= first; i++)
		n = n * (double)(second + i) / (double)i;
	return n;
}

double stat_permutation_least(size_t first, size_t second)
{
	const double n = ways(first, second);

	/* Sets of one size: dealt out the other way round it is the same difference. */
	if (n > WAYS_MAX)
		return 1.0 / (WAYS_SAMPLE + 1);
	return (first == second ? 2 : 1) / n;
}

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static void shuffle(uint8_t *second, size_t runs, uint64_t *state)
{
	for (size_t i = runs; i > 1; i--) {
		const size_t k = next_random(state) % i;
		const uint8_t kept = second[i - 1];

		second[i - 1] = second[k];
		second[k] = kept;
	}
}

/* The next in order, from 0..01..1 to 1..10..0. False: that was the last. */
static bool next_way(uint8_t *second, size_t runs)
{
	size_t i = runs - 1, ones = 0;

	/* The last 0 that stands before a 1 takes its place; what follows is in the first order again. */
	while (i && !(second[i] && !second[i - 1]))
		ones += second[i--];
	if (!i)
		return false;
	second[i - 1] = 1;
	second[i] = 0;
	for (size_t k = i + 1; k < runs; k++)
		second[k] = k >= runs - ones;
	return true;
}

/* --- step-down maxT --- */

struct ranked {
	double value;
	size_t metric;
};

static int falling(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return x->value > y->value ? -1 : x->value < y->value;
}

static int rising(const void *a, const void *b)
{
	return falling(b, a);
}

/* Counts where, in this way, any figure from this rank on is as clear as the one of this rank was. */
static void count_way(const struct stat_table *t, const struct ranked *order, const uint8_t *second,
		      double *counts)
{
	double most = 0;

	for (size_t k = t->metrics; k--;) {
		most = fmax(most, clarity(t->y + order[k].metric * t->runs, second, t));
		counts[k] += most >= order[k].value * (1 - SAME);
	}
}

static double count_ways(const struct stat_table *t, const struct ranked *order, uint8_t *second,
			 double *counts)
{
	const double all = ways(t->first, t->runs - t->first);
	double sample = WORK_MAX / ((double)t->metrics * (double)t->runs);
	uint64_t state = 1;
	double n = 1;

	if (all <= WAYS_MAX && (all <= sample || all <= WAYS_LEAST)) {
		count_way(t, order, second, counts);
		for (; next_way(second, t->runs); n++)
			count_way(t, order, second, counts);
		return n;
	}
	sample = fmax(WAYS_LEAST, fmin(WAYS_SAMPLE, sample));
	/* The way that it was is one of them. */
	count_way(t, order, second, counts);
	for (; n <= sample; n++) {
		shuffle(second, t->runs, &state);
		count_way(t, order, second, counts);
	}
	return n;
}

int stat_permutation(const struct stat_table *t, double *p)
{
	struct ranked *order = calloc(t->metrics + 1, sizeof(*order));
	double *counts = calloc(t->metrics + 1, sizeof(*counts));
	uint8_t *second = calloc(t->runs + 1, 1);
	double least = 0, n;
	int err = order && counts && second ? 0 : -ENOMEM;

	if (err)
		goto out;
	for (size_t i = t->first; i < t->runs; i++)
		second[i] = 1;
	for (size_t i = 0; i < t->metrics; i++)
		order[i] = (struct ranked){ clarity(t->y + i * t->runs, second, t), i };
	qsort(order, t->metrics, sizeof(*order), falling);
	n = count_ways(t, order, second, counts);
	/* What is less clear is never surer. */
	for (size_t k = 0; k < t->metrics; k++) {
		least = fmax(least, counts[k] / n);
		p[order[k].metric] = least;
	}
out:
	free(order);
	free(counts);
	free(second);
	return err;
}

/* --- Student's t --- */

/* The continued fraction of the incomplete beta function (Abramowitz and Stegun, 26.5.8, by Lentz). */
static double beta_fraction(double a, double b, double x)
{
	const double tiny = 1e-300;
	double c = 1, d = 1 - (a + b) * x / (a + 1), f;

	d = 1 / (fabs(d) < tiny ? tiny : d);
	f = d;
	for (int i = 1; i < 300; i++) {
		const double m = i;
		const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double step = 1;

		for (int k = 0; k < 2; k++) {
			const double v = k ? odd : even;

			d = 1 + v * d;
			c = 1 + v / c;
			d = 1 / (fabs(d) < tiny ? tiny : d);
			c = fabs(c) < tiny ? tiny : c;
			step = c * d;
			f *= step;
		}
		if (fabs(step - 1) < 1e-13)
			break;
	}
	return f;
}

static double incomplete_beta(double a, double b, double x)
{
	double front;

	if (x <= 0 || x >= 1)
		return x >= 1;
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(a, b, x) / a;
	return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double stat_student_p(double t, double df)
{
	return df > 0 ? incomplete_beta(df / 2, 0.5, df / (df + t * t)) : 1;
}

/* The t that 1 in 20 exceeds. */
static double student_limit(double df)
{
	double low = 0, high = 1000;

	for (int i = 0; i < 60; i++) {
		const double middle = (low + high) / 2;

		if (stat_student_p(middle, df) > 0.05)
			low = middle;
		else
			high = middle;
	}
	return high;
}

static void sides(const struct stat_table *t, size_t metric, double error, struct moments *m,
		  double *se)
{
	uint8_t second[STAT_RUNS_MAX];
	double scatter, rounding;

	for (size_t i = 0; i < t->runs && i < STAT_RUNS_MAX; i++)
		second[i] = i >= t->first;
	*m = moments(t->y + metric * t->runs, second, t->runs);
	scatter = standard_error(m);
	rounding = error * sqrt(1 / m->n[0] + 1 / m->n[1]);
	*se = sqrt(scatter * scatter + rounding * rounding);
}

struct stat_difference stat_difference(const struct stat_table *t, size_t metric, double error)
{
	struct stat_difference d = { NAN, NAN };
	struct moments m;
	double se, df;

	sides(t, metric, error, &m, &se);
	df = m.n[0] + m.n[1] - 2;
	if (m.n[0] && m.n[1])
		d.mean = m.mean[1] - m.mean[0];
	if (m.n[0] && m.n[1] && df > 0)
		d.within = student_limit(df) * se;
	return d;
}

static double student(const struct stat_table *t, size_t metric, double error)
{
	struct moments m;
	double se;

	sides(t, metric, error, &m, &se);
	if (!m.n[0] || !m.n[1] || m.n[0] + m.n[1] <= 2)
		return 1;
	/* A difference of less than that is none. */
	return stat_student_p(fabs(m.mean[1] - m.mean[0]) / (se + t->least), m.n[0] + m.n[1] - 2);
}

int stat_student(const struct stat_table *t, const double *errors, double *p)
{
	struct ranked *order = calloc(t->metrics + 1, sizeof(*order));
	double least = 0;

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < t->metrics; i++)
		order[i] = (struct ranked){ student(t, i, errors[i]), i };
	qsort(order, t->metrics, sizeof(*order), rising);
	for (size_t k = 0; k < t->metrics; k++) {
		least = fmax(least, fmin(1, order[k].value * (double)(t->metrics - k)));
		p[order[k].metric] = least;
	}
	free(order);
	return 0;
}
