// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "format.h"
#include "metric.h"
#include "text.h"

/* Percentiles come from histograms: within 6.25 %, evenly spread. */
#define BUCKET_ERROR (0.0625 / 3.46)

size_t metric_measures_n(const struct metric_section *s)
{
	size_t n = 0;

	while (s->measures[n].name)
		n++;
	return n;
}

bool metric_is_sum(enum metric_unit unit)
{
	return unit == METRIC_RATE || unit == METRIC_TIME || unit == METRIC_MOVED ||
	       unit == METRIC_COUNT;
}

static bool is_ratio(const struct metric_measure *m)
{
	return !metric_is_sum(m->unit) && (m->get || m->of);
}

/* --- one row --- */

static double field(const void *row, size_t at, bool is_double)
{
	const char *from = (const char *)row + at;
	uint64_t n;
	double d;

	if (is_double) {
		memcpy(&d, from, sizeof(d));
		return d < 0 ? NAN : d;
	}
	memcpy(&n, from, sizeof(n));
	return n == PROFILE_UNKNOWN ? NAN : (double)n;
}

/* The slope of the quantiles' logarithm between two of them. */
static double slope(double low, double high, double width)
{
	return low > 0 && high > low ? log(high / low) / width : 0;
}

/* How far the q-quantile of count events may be off by chance: the share of events below it is known
 * to sqrt(q (1 - q) / n), and what that is in time the quantiles around it tell. */
static double quantile_error(const void *row, const struct metric_measure *m, double count)
{
	static const double at[] = { 0.5, 0.95, 0.99, 1 };
	const unsigned int i = m->quantile == 50 ? 0 : m->quantile == 95 ? 1 : 2;
	const size_t first = m->at - i * sizeof(uint64_t);
	double q[4], steep, spread;

	for (size_t k = 0; k < 4; k++)
		q[k] = field(row, first + k * sizeof(uint64_t), false);
	if (isnan(count) || count < 1)
		return NAN;
	steep = slope(q[i], q[i + 1], at[i + 1] - at[i]);
	if (i)
		steep = fmax(steep, slope(q[i - 1], q[i], at[i] - at[i - 1]));
	spread = sqrt(at[i] * (1 - at[i]) / count) * steep;
	return sqrt(spread * spread + BUCKET_ERROR * BUCKET_ERROR);
}

static struct metric_value value_of(const struct metric_measure *m, const void *row, double count)
{
	struct metric_value v = { .of = 1, .error = NAN };

	if (m->word) {
		v.word = m->word(row);
		v.value = NAN;
		return v;
	}
	v.value = m->get ? m->get(row, &v.of) : field(row, m->at, m->flags & METRIC_DOUBLE);
	if (!m->get && m->of)
		v.of = field(row, m->of, false);
	if (m->quantile)
		v.error = quantile_error(row, m, count);
	return v;
}

/* Two rows of one object. What is not known of one is not known of both, but for the largest. */
static void merge(const struct metric_measure *m, struct metric_value *to,
		  const struct metric_value *v)
{
	if (metric_is_sum(m->unit)) {
		to->value += v->value;
	} else if (is_ratio(m)) {
		to->value += v->value;
		to->of += v->of;
	} else if (!(to->value >= v->value) && !isnan(v->value)) {
		*to = *v;
	}
}

/* --- the list --- */

static bool key_equal(const void *array, uint32_t position, const void *key)
{
	return !strcmp(((const struct metric_object *)array)[position].key, key);
}

static uint32_t find(const struct metrics *m, const char *key)
{
	return hash_index_find(&m->by_key, hash_bytes(key, strlen(key)), key_equal, m->objects,
			       key);
}

const struct metric_object *metrics_find(const struct metrics *m, const char *key)
{
	const uint32_t at = find(m, key);

	return at == HASH_INDEX_NONE ? NULL : &m->objects[at];
}

/* Separated by what no name has. */
static void make_key(const struct metrics *m, const struct metric_section *s,
		     const struct metric_label *l, size_t row, char *buf, size_t size)
{
	if (s->flags & METRIC_TOTAL)
		snprintf(buf, size, "%s", s->name);
	else if (m->scope == METRIC_BY_NAME)
		snprintf(buf, size, "%s\x1f%s\x1f%s", s->name, l->process ? l->process : "",
			 l->name);
	else if (s->flags & METRIC_APART)
		snprintf(buf, size, "%s\x1f%zu", s->name, row);
	else
		snprintf(buf, size, "%s\x1f%u\x1f%s", s->name, l->pid, l->name);
}

static char *copy(struct metrics *m, const char *s)
{
	const size_t n = strlen(s) + 1;
	char *to = arena_alloc(&m->arena, n);

	return to ? memcpy(to, s, n) : NULL;
}

static int add_object(struct metrics *m, const struct metric_section *s,
		      const struct metric_label *l, const char *key, struct metric_object **out)
{
	const bool total = s->flags & METRIC_TOTAL;
	struct metric_object *o;
	int err = array_grow(&m->objects, &m->cap, m->objects_n + 1, sizeof(*o));

	if (err)
		return err;
	o = &m->objects[m->objects_n];
	*o = (struct metric_object){
		.section = s,
		.key = copy(m, key),
		.process = total || !l->process ? NULL : copy(m, l->process),
		.pid = total ? 0 : l->pid,
		.name = total || !*l->name ? NULL : copy(m, l->name),
		.values = arena_alloc(&m->arena, metric_measures_n(s) * sizeof(*o->values)),
	};
	if (!o->key || !o->values || (!total && l->process && !o->process) ||
	    (!total && *l->name && !o->name))
		return -ENOMEM;
	err = hash_index_add(&m->by_key, hash_bytes(key, strlen(key)), (uint32_t)m->objects_n);
	if (!err)
		m->objects_n++;
	*out = o;
	return err;
}

static int add_row(struct metrics *m, const struct metric_section *s, const void *row, size_t i,
		   const struct metric_label *l)
{
	char key[4096];
	struct metric_object *o = NULL;
	bool fresh;
	uint32_t at;
	int err;

	make_key(m, s, l, i, key, sizeof(key));
	at = find(m, key);
	fresh = at == HASH_INDEX_NONE;
	err = fresh ? add_object(m, s, l, key, &o) : 0;
	if (err)
		return err;
	if (!fresh)
		o = &m->objects[at];
	for (size_t k = 0; s->measures[k].name; k++) {
		const struct metric_value v = value_of(&s->measures[k], row, l->count);

		if (fresh)
			o->values[k] = v;
		else
			merge(&s->measures[k], &o->values[k], &v);
	}
	o->count = fresh ? l->count : o->count + l->count;
	o->wall_ns = fresh ? l->wall_ns : o->wall_ns + l->wall_ns;
	if (o->pid != l->pid)
		o->pid = 0;
	return 0;
}

static int add_section(struct metrics *m, size_t number)
{
	const struct metric_section *s = &metric_sections[number];
	const void *row;
	int err = 0;

	if (s->measured && !s->measured(m->p)) {
		m->missing |= 1ULL << number;
		return 0;
	}
	for (size_t i = 0; !err; i++) {
		struct metric_label l = { .count = NAN, .wall_ns = NAN };

		row = s->row(m->p, i, &l);
		if (!row)
			break;
		if (l.name)
			err = add_row(m, s, row, i, &l);
	}
	return err;
}

int metrics_build(struct metrics *m, const struct profile *p, enum metric_scope scope)
{
	int err = 0;

	*m = (struct metrics){ .p = p,
			       .scope = scope,
			       .seconds = (double)p->duration_ns / 1e9,
			       .requests = p->stages_known ? 0 : NAN };
	for (size_t i = 0; i < p->requests_n; i++)
		m->requests += (double)p->requests[i].count;
	for (size_t i = 0; !err && i < metric_sections_n; i++)
		err = add_section(m, i);
	if (err)
		metrics_free(m);
	return err;
}

void metrics_free(struct metrics *m)
{
	hash_index_free(&m->by_key);
	arena_free(&m->arena);
	free(m->objects);
	*m = (struct metrics){ 0 };
}

double metric_value(const struct metrics *m, const struct metric_object *o, size_t measure)
{
	const struct metric_measure *what = &o->section->measures[measure];
	const struct metric_value *v = &o->values[measure];
	const double per = what->unit == METRIC_COUNT ? 1
			   : m->per_request	      ? m->requests
						      : m->seconds;

	if (metric_is_sum(what->unit))
		return per > 0 ? v->value / per : NAN;
	if (is_ratio(what))
		return v->of > 0 ? v->value / v->of : NAN;
	return v->value;
}

/* Calls and waits come in bursts, a request's at a time: no more independent than the requests are. Where
 * there are none, bursts of this size are assumed. */
#define BURST 20

double metric_error(const struct metrics *m, const struct metric_object *o, size_t measure)
{
	const struct metric_measure *what = &o->section->measures[measure];
	double events = what->unit == METRIC_RATE ? o->values[measure].value : o->count;

	if (what->quantile)
		return o->values[measure].error;
	if (m->requests > 0)
		events = fmin(events, m->requests);
	else
		events /= BURST;
	return events > 0 ? 1 / sqrt(events) : NAN;
}

/* --- as text --- */

const char *metric_name(const struct metric_section *s, const char *name,
			const struct metric_measure *m, char buf[METRIC_NAME_SIZE])
{
	char shown[METRIC_NAME_SIZE] = "";

	if (name)
		text_shown(name, shown, sizeof(shown));
	snprintf(buf, METRIC_NAME_SIZE, "%s%s%.*s%s%s", s->name, name ? ":" : "",
		 METRIC_NAME_SIZE - 48, shown, m ? "." : "", m ? m->name : "");
	return buf;
}

/* What is larger nobody measured. */
#define LARGEST_INTEGER 1e18

static const char *number_text(double v, char buf[METRIC_TEXT_SIZE])
{
	char figure[FORMAT_SIZE];
	const double size = fabs(v);

	if (size >= LARGEST_INTEGER)
		snprintf(buf, METRIC_TEXT_SIZE, "%.3g", v);
	else if (size >= 1000)
		snprintf(buf, METRIC_TEXT_SIZE, "%s",
			 format_count_short(figure, (uint64_t)(size + 0.5)));
	else
		snprintf(buf, METRIC_TEXT_SIZE, "%.*f",
			 size >= 100  ? 0
			 : size >= 10 ? 1
			 : size >= 1  ? 2
				      : 3,
			 v);
	return v ? buf : strcpy(buf, "0");
}

const char *metric_text(enum metric_unit unit, bool per_request, double value,
			char buf[METRIC_TEXT_SIZE])
{
	const char *per = !metric_is_sum(unit) || unit == METRIC_COUNT ? ""
			  : per_request				       ? "/req"
								       : "/s";
	const uint64_t n = value < 0		     ? 0
			   : value > LARGEST_INTEGER ? (uint64_t)LARGEST_INTEGER
						     : (uint64_t)(value + 0.5);
	char figure[METRIC_TEXT_SIZE];

	if (isnan(value))
		return strcpy(buf, "unknown");
	switch (unit) {
	case METRIC_NS:
	case METRIC_TIME:
		format_duration(figure, n);
		break;
	case METRIC_BYTES:
		format_memory(figure, n);
		break;
	case METRIC_MOVED:
		format_bytes(figure, n);
		break;
	case METRIC_SHARE:
		snprintf(figure, sizeof(figure), "%.1f %%", value * 100);
		break;
	default:
		number_text(value, figure);
		break;
	}
	snprintf(buf, METRIC_TEXT_SIZE, "%.*s%s", METRIC_TEXT_SIZE - 6, figure, per);
	return buf;
}
