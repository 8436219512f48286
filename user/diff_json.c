// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What changed, for programs: docs/json.md. */
#include <errno.h>
#include <math.h>
#include "diff.h"
#include "json_part.h"

#define DIFF_CONTRACT 1

static json_t *real(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static int set_real(json_t *o, const char *key, double v)
{
	return json_set(o, key, real(v));
}

static int set_set(json_t *o, const char *key, const struct diff_set *s)
{
	json_t *set = json_object(), *verdicts = json_array();
	int err = set && verdicts
			  ? json_set_strings(set, "files", (const char *const *)s->paths, s->n)
			  : -ENOMEM;

	for (size_t i = 0; !err && i < s->n; i++) {
		const struct profile_verdict *v = diff_verdict(s, i);
		json_t *one = v ? json_object() : json_null();

		err = one ? 0 : -ENOMEM;
		if (!err && v)
			err = JSON_SET_TEXTS(one, { "kind", v->kind }, { "rule", v->rule });
		if (!err && v)
			err = set_real(one, "share", v->share < 0 ? NAN : v->share);
		err = json_array_append_new(verdicts, one) && !err ? -ENOMEM : err;
	}
	if (err) {
		json_decref(set);
		json_decref(verdicts);
		return err;
	}
	err = json_set(set, "verdict", verdicts);
	if (err) {
		json_decref(set);
		return err;
	}
	return json_set(o, key, set);
}

static int fill_config(const struct diff *d, size_t i, json_t *o)
{
	const struct diff_config *c = &d->config[i];

	return JSON_SET_TEXTS(o, { "what", c->what }, { "before", c->values[0] },
			      { "after", c->values[1] });
}

static const char *unit_name(const struct diff *d, enum metric_unit unit)
{
	static const char *const names[METRIC_UNITS][2] = {
		[METRIC_NS] = { "ns", "ns" },
		[METRIC_RATE] = { "1/s", "1/request" },
		[METRIC_TIME] = { "ns/s", "ns/request" },
		[METRIC_MOVED] = { "bytes/s", "bytes/request" },
		[METRIC_SHARE] = { "share", "share" },
		[METRIC_MEAN] = { "mean", "mean" },
		[METRIC_BYTES] = { "bytes", "bytes" },
		[METRIC_COUNT] = { "count", "count" },
	};

	return names[unit][d->o.per_request];
}

static int fill_change(const struct diff *d, size_t i, json_t *o)
{
	static const char *const better[] = { "lower", NULL, "higher" };
	static const char *const sure[] = { "proven", "likely", "one run each" };
	const struct diff_change *c = &d->changes[i];
	const struct metric_section *s = c->object->section;
	const struct metric_measure *m = &s->measures[c->measure];
	int err = JSON_SET_TEXTS(o, { "section", s->name }, { "process", c->object->process },
				 { "name", c->object->name }, { "measure", m->name },
				 { "unit", unit_name(d, m->unit) },
				 { "better", better[m->better + 1] });

	if (!err)
		err = set_real(o, "before", c->before);
	if (!err)
		err = set_real(o, "after", c->after);
	if (!err)
		err = set_real(o, "change", c->before > 0 ? c->after / c->before - 1 : NAN);
	if (!err)
		err = set_real(o, "low", c->low);
	if (!err)
		err = set_real(o, "high", c->high);
	if (!err)
		err = set_real(o, "p", c->p);
	return err ? err : json_set_string(o, "sure", sure[c->sure]);
}

static int fill_lack(const struct diff *d, size_t i, json_t *o)
{
	const int after = i >= metric_sections_n;
	const size_t section = i % metric_sections_n;

	if (!(d->lacks[after] >> section & 1))
		return 1;
	return JSON_SET_TEXTS(o, { "section", metric_sections[section].name },
			      { "in", after ? "after" : "before" });
}

/* fill: 1: nothing of this number. */
static int set_array(json_t *o, const char *key, const struct diff *d,
		     int (*fill)(const struct diff *, size_t, json_t *), size_t n)
{
	json_t *array = json_array();
	int err = array ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < n; i++) {
		json_t *one = json_object();

		err = one ? fill(d, i, one) : -ENOMEM;
		if (err)
			json_decref(one);
		else
			err = json_array_append_new(array, one) ? -ENOMEM : 0;
		err = err > 0 ? 0 : err;
	}
	if (err) {
		json_decref(array);
		return err;
	}
	return json_set(o, key, array);
}

static int fill_head(const struct diff *d, json_t *o)
{
	int err =
		JSON_SET_NUMBERS(o, { "diff_version", DIFF_CONTRACT }, { "compared", d->compared });

	if (!err)
		err = json_set_string(o, "per", d->o.per_request ? "request" : "second");
	if (!err)
		err = set_real(o, "min_effect", d->o.min_effect);
	if (!err)
		err = json_set_string(o, "method",
				      d->one_each		? "one run each"
				      : d->least_p > DIFF_LEVEL ? "student"
								: "permutation");
	if (!err)
		err = set_set(o, "before", &d->sets[0]);
	return err ? err : set_set(o, "after", &d->sets[1]);
}

int diff_write_json(const struct diff *d, FILE *f)
{
	json_t *o = json_object();
	int err = o ? fill_head(d, o) : -ENOMEM;

	if (!err)
		err = set_array(o, "configuration", d, fill_config, d->config_n);
	if (!err)
		err = set_array(o, "not_measured", d, fill_lack, 2 * metric_sections_n);
	if (!err)
		err = set_array(o, "changes", d, fill_change, d->changes_n);
	errno = 0;
	if (!err && (json_dumpf(o, f, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) ||
		     fputc('\n', f) == EOF || fflush(f)))
		err = errno ? -errno : -EIO;
	json_decref(o);
	return err;
}
