// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* All figures of all runs in one table, and which of them the runs tell apart. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "diff.h"
#include "diff_stat.h"

/* What takes less of the window than this is passed over but with --wide. */
#define SMALL 1e-3

/*
 * Figures are compared by their logarithms: a tenth more is a tenth more, of seconds and of
 * microseconds. Below these sizes a figure is as good as none, and its changes do not count for much:
 * they are added before the logarithm is taken. By unit, a second of the window or by request.
 */
static const double damping[METRIC_UNITS][2] = {
	[METRIC_NS] = { 200, 200 },	 [METRIC_RATE] = { 0.5, 0.01 },
	[METRIC_TIME] = { 1e6, 1e4 },	 [METRIC_MOVED] = { 1e3, 10 },
	[METRIC_SHARE] = { 0.1, 0.1 },	 [METRIC_MEAN] = { 0.1, 0.1 },
	[METRIC_BYTES] = { 4096, 4096 }, [METRIC_COUNT] = { 1, 1 },
	[METRIC_WORD] = { 1, 1 },
};

/* One run each: how far two runs of the same are apart, at most, as seen in many pairs of them (a
 * server under open-loop load, on a machine that does other things too). Ratios. */
static const double usual[METRIC_UNITS] = {
	[METRIC_NS] = 1.25,    [METRIC_RATE] = 1.2,  [METRIC_TIME] = 1.5,  [METRIC_MOVED] = 1.2,
	[METRIC_SHARE] = 1.35, [METRIC_MEAN] = 1.25, [METRIC_BYTES] = 1.1,
};
#define USUAL_P95 1.5
#define USUAL_P99 1.8
#define ERRORS	  3 /* standard errors of the events' number, on top */
/* On a crowded machine runs of the same differ by what the neighbours did: with threads that wait for a
 * CPU a third of the time that they could run, three times as far (of the logarithm). */
#define CROWDED 6

#define NOISY 20 /* times as large where neighbours make some of it */

static double damping_of(const struct diff *d, const struct metric_measure *m)
{
	return damping[m->unit][d->o.per_request] * (m->flags & METRIC_NOISY ? NOISY : 1);
}

static double logarithm(const struct diff *d, const struct metric_measure *m, double v)
{
	return log(v + damping_of(d, m));
}

const char *diff_sure_name(enum diff_sure sure)
{
	static const char *const names[] = { "proven", "likely", "not proven", "none" };

	return names[sure];
}

/* --- the table --- */

/* A figure of all runs. */
struct figure {
	const struct metric_object *object; /* of the first run that has it */
	size_t measure;
	double *v, *y; /* by run: itself, and its logarithm */
	double error;  /* rounding, of the logarithm */
	bool small;
};

struct table {
	struct figure *rows;
	size_t n, cap, runs;
	double *y; /* of all rows, for the statistics */
	struct arena arena;
};

static const struct metrics *run_metrics(const struct diff *d, size_t run)
{
	const size_t first = d->sets[0].n;

	return run < first ? &d->sets[0].metrics[run] : &d->sets[1].metrics[run - first];
}

static bool lacks_section(const struct metrics *m, const struct metric_section *s)
{
	return m->missing >> (s - metric_sections) & 1;
}

/* What did not occur has sums, which are 0, and nothing else. */
static double value_of(const struct metrics *m, const struct metric_object *o, size_t k)
{
	const struct metric_object *own = metrics_find(m, o->key);

	if (own)
		return metric_value(m, own, k);
	return lacks_section(m, o->section) || !metric_is_sum(o->section->measures[k].unit) ? NAN
											    : 0;
}

/* Nobody looks at what is small in all runs; where no time is known, at none. */
static bool is_small(const struct diff *d, const struct metric_object *o, size_t runs)
{
	for (size_t i = 0; i < runs; i++) {
		const struct metrics *m = run_metrics(d, i);
		const struct metric_object *own = metrics_find(m, o->key);

		if (own && (isnan(own->wall_ns) || own->wall_ns / 1e9 > SMALL * m->seconds))
			return false;
	}
	return true;
}

static int add_figure(struct table *t, const struct diff *d, const struct metric_object *o,
		      size_t k, bool small)
{
	const struct metric_measure *m = &o->section->measures[k];
	const size_t first = d->sets[0].n;
	struct figure f = { .object = o, .measure = k, .small = small };
	size_t known[2] = { 0 };
	int err = array_grow(&t->rows, &t->cap, t->n + 1, sizeof(*t->rows));

	if (err)
		return err;
	f.v = arena_alloc(&t->arena, 2 * t->runs * sizeof(*f.v));
	if (!f.v)
		return -ENOMEM;
	f.y = f.v + t->runs;
	for (size_t i = 0; i < t->runs; i++) {
		f.v[i] = value_of(run_metrics(d, i), o, k);
		f.y[i] = logarithm(d, m, f.v[i]);
		known[i >= first] += !isnan(f.y[i]);
	}
	/* Percentiles are rounded to a sixteenth of an octave. */
	f.error = m->unit == METRIC_NS ? 0.0625 / 3.46 : 0;
	if (known[0] && known[1])
		t->rows[t->n++] = f;
	return 0;
}

static int add_object(struct table *t, const struct diff *d, const struct metric_object *o)
{
	const bool small = is_small(d, o, t->runs);
	int err = 0;

	if (small && !d->o.wide)
		return 0;
	for (size_t k = 0; !err && o->section->measures[k].name; k++)
		if (!(o->section->measures[k].flags & METRIC_GATE))
			err = add_figure(t, d, o, k, small);
	return err;
}

/* Has an earlier run this object? */
static bool is_known(const struct diff *d, size_t run, const char *key)
{
	for (size_t i = 0; i < run; i++)
		if (metrics_find(run_metrics(d, i), key))
			return true;
	return false;
}

static int fill_table(struct table *t, const struct diff *d)
{
	int err = 0;

	t->runs = d->sets[0].n + d->sets[1].n;
	for (size_t run = 0; !err && run < t->runs; run++) {
		const struct metrics *m = run_metrics(d, run);

		for (size_t i = 0; !err && i < m->objects_n; i++)
			if (!is_known(d, run, m->objects[i].key))
				err = add_object(t, d, &m->objects[i]);
	}
	t->y = err ? NULL : calloc(t->n * t->runs + 1, sizeof(*t->y));
	for (size_t i = 0; t->y && i < t->n; i++)
		memcpy(t->y + i * t->runs, t->rows[i].y, t->runs * sizeof(*t->y));
	return !err && !t->y ? -ENOMEM : err;
}

static void free_table(struct table *t)
{
	free(t->rows);
	free(t->y);
	arena_free(&t->arena);
}

/* --- which differ --- */

static double mean(const double *v, size_t n)
{
	double sum = 0, known = 0;

	for (size_t i = 0; i < n; i++) {
		sum += isnan(v[i]) ? 0 : v[i];
		known += !isnan(v[i]);
	}
	return known ? sum / known : NAN;
}

/* One run each: the least difference that is worth a line. */
static double threshold(const struct diff *d, const struct figure *f)
{
	const struct metric_measure *m = &f->object->section->measures[f->measure];
	const double least = m->quantile == 99	 ? USUAL_P99
			     : m->quantile == 95 ? USUAL_P95
						 : usual[m->unit];
	double errors = 0;

	for (size_t i = 0; i < 2; i++) {
		const struct metrics *own = run_metrics(d, i);
		const struct metric_object *o = metrics_find(own, f->object->key);
		const double e = o ? metric_error(own, o, f->measure) : NAN;

		errors += isnan(e) ? 0 : e * e;
	}
	return fmax(log1p(d->o.min_effect),
		    log(least) * (1 + CROWDED * d->crowding) + ERRORS * sqrt(errors));
}

static enum diff_sure judge(const struct diff *d, const struct figure *f, double effect,
			    double permutation, double student, double *p)
{
	*p = NAN;
	if (d->one_each)
		return fabs(effect) >= threshold(d, f) ? DIFF_UNPROVEN : DIFF_NONE;
	*p = permutation;
	if (fabs(effect) < log1p(d->o.min_effect))
		return DIFF_NONE;
	if (permutation <= DIFF_LEVEL)
		return DIFF_PROVEN;
	/* Where permutation can tell, it has the say. */
	if (d->least_p <= DIFF_LEVEL || student > DIFF_LEVEL)
		return DIFF_NONE;
	*p = student;
	return DIFF_LIKELY;
}

/* The interval is of the damped logarithms; what is shown is the ratio itself. */
static void set_interval(const struct diff *d, const struct stat_table *t, size_t i,
			 const struct figure *f, struct diff_change *c)
{
	const struct stat_difference s = stat_difference(t, i, f->error);
	const double small = damping_of(d, &f->object->section->measures[f->measure]);

	c->low = c->high = NAN;
	if (isnan(s.within) || !(c->before > 0))
		return;
	c->low = (exp(s.mean - s.within) * (c->before + small) - small) / c->before - 1;
	c->high = (exp(s.mean + s.within) * (c->before + small) - small) / c->before - 1;
}

static int by_effect(const void *a, const void *b)
{
	const struct diff_change *x = a, *y = b;
	const double one = fabs(x->effect), other = fabs(y->effect);

	if (x->sure != y->sure)
		return x->sure < y->sure ? -1 : 1;
	return one > other ? -1 : one < other;
}

static int compare(struct diff *d, const struct table *t)
{
	const size_t first = d->sets[0].n;
	const struct stat_table s = { t->y, t->n, t->runs, first, log1p(d->o.min_effect) / 4 };
	double *p = calloc(3 * t->n + 1, sizeof(*p));
	double *student = p + t->n, *errors = student + t->n;
	int err = p ? 0 : -ENOMEM;

	d->changes = err ? NULL : calloc(t->n + 1, sizeof(*d->changes));
	if (!d->changes) {
		free(p);
		return -ENOMEM;
	}
	for (size_t i = 0; i < t->n; i++)
		errors[i] = t->rows[i].error;
	if (!d->one_each)
		err = stat_permutation(&s, p);
	if (!err && !d->one_each)
		err = stat_student(&s, errors, student);
	for (size_t i = 0; !err && i < t->n; i++) {
		const struct figure *f = &t->rows[i];
		struct diff_change c = { .object = f->object, .measure = f->measure };

		c.before = mean(f->v, first);
		c.after = mean(f->v + first, t->runs - first);
		c.effect = mean(f->y + first, t->runs - first) - mean(f->y, first);
		c.small = f->small;
		c.sure = (uint8_t)judge(d, f, c.effect, p[i], student[i], &c.p);
		set_interval(d, &s, i, f, &c);
		if (c.sure != DIFF_NONE)
			d->changes[d->changes_n++] = c;
	}
	free(p);
	d->compared = t->n;
	qsort(d->changes, d->changes_n, sizeof(*d->changes), by_effect);
	return err;
}

/* --- the whole --- */

static int build(struct diff *d, struct diff_set *s)
{
	int err = 0;

	s->metrics = calloc(s->n, sizeof(*s->metrics));
	if (!s->metrics)
		return -ENOMEM;
	for (size_t i = 0; !err && i < s->n; i++) {
		err = metrics_build(&s->metrics[i], s->profiles[i], METRIC_BY_NAME);
		s->metrics[i].per_request = d->o.per_request;
	}
	return err;
}

static void find_lacks(struct diff *d)
{
	uint64_t has[2] = { 0 }, lacks[2] = { 0 };

	for (int k = 0; k < 2; k++)
		for (size_t i = 0; i < d->sets[k].n; i++) {
			lacks[k] |= d->sets[k].metrics[i].missing;
			has[k] |= ~d->sets[k].metrics[i].missing;
		}
	d->lacks[0] = lacks[0] & has[1];
	d->lacks[1] = lacks[1] & has[0];
}

double diff_crowding(const struct profile *p)
{
	double waited = 0, ran = 0;

	for (size_t i = 0; i < p->threads_n; i++) {
		const uint64_t *ns = p->threads[i].state_ns;

		waited += (double)(ns[PROFILE_WOKEN] + ns[PROFILE_PREEMPTED]);
		ran += (double)ns[PROFILE_ON_CPU];
	}
	return waited > 0 ? waited / (waited + ran) : 0;
}

int diff_make(struct diff *d)
{
	struct table t = { 0 };
	int err;

	d->one_each = d->sets[0].n == 1 && d->sets[1].n == 1;
	if (d->o.min_effect <= 0)
		d->o.min_effect = d->one_each ? DIFF_MIN_EFFECT_ONE : DIFF_MIN_EFFECT_SETS;
	d->crowding =
		fmax(diff_crowding(d->sets[0].profiles[0]), diff_crowding(d->sets[1].profiles[0]));
	d->least_p = stat_permutation_least(d->sets[0].n, d->sets[1].n);
	err = build(d, &d->sets[0]);
	if (!err)
		err = build(d, &d->sets[1]);
	if (!err) {
		find_lacks(d);
		err = diff_compare_config(d);
	}
	if (!err)
		err = fill_table(&t, d);
	if (!err)
		err = compare(d, &t);
	free_table(&t);
	return err;
}

void diff_free(struct diff *d)
{
	for (int k = 0; k < 2; k++) {
		for (size_t i = 0; d->sets[k].metrics && i < d->sets[k].n; i++)
			metrics_free(&d->sets[k].metrics[i]);
		free(d->sets[k].metrics);
	}
	for (size_t i = 0; i < d->config_n; i++) {
		free(d->config[i].values[0]);
		free(d->config[i].values[1]);
	}
	free(d->config);
	free(d->changes);
}

const struct profile_verdict *diff_verdict(const struct diff_set *s, size_t run)
{
	return s->profiles[run]->verdicts_n ? &s->profiles[run]->verdicts[0] : NULL;
}
