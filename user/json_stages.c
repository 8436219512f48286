/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The JSON's stages, requests and verdicts. */
#include <errno.h>
#include <stdio.h>
#include "json_part.h"

/* --- what they have in common --- */

/* The causes that occurred; null where nobody knows. */
static int set_causes(json_t *o, const struct profile_split *s)
{
	json_t *by;
	int err = 0;

	if (s->blocked_ns == PROFILE_UNKNOWN)
		return json_set(o, "blocked_by", json_null());
	by = json_object();
	for (unsigned int c = CAUSE_NONE + 1; by && !err && c < CAUSES; c++)
		if (s->blocked_by_ns[c])
			err = json_set_number(by, wait_cause_name(c), s->blocked_by_ns[c]);
	if (err) {
		json_decref(by);
		return err;
	}
	return json_set(o, "blocked_by", by);
}

static int set_split(json_t *o, const struct profile_split *s)
{
	const int err = JSON_SET_NUMBERS(
		o, { "wall_ns", s->wall_ns }, { "on_cpu_ns", s->on_cpu_ns },
		{ "run_queue_ns", s->run_queue_ns }, { "throttled_ns", s->throttled_ns },
		{ "blocked_ns", s->blocked_ns }, { "gpu_calls_ns", s->calls_ns });

	return err ? err : set_causes(o, s);
}

static int set_quantiles(json_t *o, const struct profile_quantiles *q)
{
	return JSON_SET_NUMBERS(o, { "p50_ns", q->p50_ns }, { "p95_ns", q->p95_ns },
				{ "p99_ns", q->p99_ns }, { "max_ns", q->max_ns });
}

static int set_quantiles_in(json_t *o, const char *key, const struct profile_quantiles *q)
{
	json_t *in = json_object();
	const int err = in ? set_quantiles(in, q) : -ENOMEM;

	if (err) {
		json_decref(in);
		return err;
	}
	return json_set(o, key, in);
}

/* Of the slow requests; n: how many they are, NULL: it stands elsewhere. */
static int set_slow(json_t *o, const uint64_t *n, const struct profile_split *s)
{
	json_t *in = json_object();
	int err = in ? 0 : -ENOMEM;

	if (!err && n)
		err = json_set_number(in, "requests", *n);
	if (!err)
		err = set_split(in, s);
	if (err) {
		json_decref(in);
		return err;
	}
	return json_set(o, "slow", in);
}

/* Negative: not measured. */
static int set_share(json_t *o, const char *key, double share)
{
	return json_set(o, key, share < 0 ? json_null() : json_real(share));
}

/* An array of n objects. */
static int set_array(json_t *o, const char *key, const struct profile_requests *r,
		     int (*fill)(const struct profile_requests *r, size_t i, json_t *o), size_t n)
{
	json_t *array = json_array();
	int err = array ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < n; i++) {
		json_t *row = json_object();

		err = row ? fill(r, i, row) : -ENOMEM;
		if (err)
			json_decref(row);
		else
			err = json_array_append_new(array, row) ? -ENOMEM : 0;
	}
	if (err) {
		json_decref(array);
		return err;
	}
	return json_set(o, key, array);
}

/* --- stages --- */

int json_fill_stage(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_stage *s = &p->stages[i];
	int err = json_set_number(o, "pid", s->pid);

	if (!err)
		err = JSON_SET_TEXTS(o, { "process", s->process }, { "name", s->name },
				     { "source", profile_stage_source_name(s->source) });
	if (!err)
		err = JSON_SET_NUMBERS(o, { "count", s->count }, { "abandoned", s->abandoned },
				       { "open_at_end", s->open_at_end },
				       { "total_ns", s->split.wall_ns });
	if (!err)
		err = set_split(o, &s->split);
	return err ? err : set_quantiles(o, &s->times);
}

/* --- requests --- */

static int fill_part(const struct profile_requests *r, size_t i, json_t *o)
{
	static const char *const kinds[] = {
		[PART_STAGE] = "stage",
		[PART_WAIT] = "wait",
		[PART_OTHERS] = "others",
		[PART_REST] = "rest",
	};
	const struct profile_part *part = &r->parts[i];
	int err = JSON_SET_TEXTS(o, { "name", part->name }, { "kind", kinds[part->kind] });

	if (!err)
		err = JSON_SET_NUMBERS(o, { "requests", part->requests }, { "spans", part->spans });
	if (!err)
		err = json_set(o, "in_pass", json_boolean(part->in_pass));
	if (!err)
		err = JSON_SET_NUMBERS(o, { "behind_ns", part->behind_ns },
				       { "behind_slow_ns", part->behind_slow_ns },
				       { "woken_slow_ns", part->woken_slow_ns },
				       { "throttled_slow_ns", part->throttled_slow_ns });
	if (!err)
		err = set_split(o, &part->split);
	if (!err)
		err = set_slow(o, NULL, &part->slow);
	if (!err)
		err = set_quantiles(o, &part->times);
	if (!err)
		err = set_share(o, "share_p50", part->share_p50);
	if (!err)
		err = set_share(o, "share_p95", part->share_p95);
	return err ? err : set_share(o, "share_p99", part->share_p99);
}

/* The sizes that occurred. */
static int set_sizes(json_t *o, const struct profile_pass *pass)
{
	json_t *sizes = json_object();
	char key[16];
	int err = 0;

	for (unsigned int i = 0; sizes && !err && i < PROFILE_BATCHES; i++) {
		if (!pass->sizes[i])
			continue;
		snprintf(key, sizeof(key), "%u", i);
		err = json_set_number(sizes, key, pass->sizes[i]);
	}
	if (err) {
		json_decref(sizes);
		return err;
	}
	return json_set(o, "sizes", sizes);
}

static int fill_pass(const struct profile_requests *r, size_t i, json_t *o)
{
	const struct profile_pass *pass = &r->passes[i];
	int err = json_set_string(o, "name", pass->name);

	if (!err)
		err = JSON_SET_NUMBERS(o, { "count", pass->count }, { "requests", pass->requests },
				       { "tokens", pass->tokens }, { "padded", pass->padded });
	if (!err)
		err = set_sizes(o, pass);
	return err ? err : set_quantiles(o, &pass->times);
}

int json_fill_requests(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_requests *r = &p->requests[i];
	int err = json_set_number(o, "pid", r->pid);

	if (!err)
		err = json_set_string(o, "process", r->process);
	if (!err)
		err = JSON_SET_NUMBERS(o, { "count", r->count }, { "begun", r->begun },
				       { "open_at_start", r->open_at_start },
				       { "open_at_end", r->open_at_end }, { "dropped", r->dropped },
				       { "lost", r->lost }, { "tokens_in", r->tokens_in },
				       { "tokens_out", r->tokens_out },
				       { "latency_ns", r->latency_ns });
	if (!err)
		err = set_quantiles(o, &r->latency);
	if (!err)
		err = set_quantiles_in(o, "first_token", &r->first_token);
	if (!err)
		err = set_quantiles_in(o, "per_token", &r->per_token);
	if (!err)
		err = set_split(o, &r->split);
	if (!err)
		err = set_slow(o, &r->slow, &r->split_slow);
	if (!err)
		err = set_array(o, "parts", r, fill_part, r->parts_n);
	return err ? err : set_array(o, "passes", r, fill_pass, r->passes_n);
}

/* --- verdicts --- */

int json_fill_verdict(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_verdict *v = &p->verdicts[i];
	int err = JSON_SET_TEXTS(o, { "kind", v->kind }, { "rule", v->rule });

	/* A verdict on all that was traced is no process's. */
	if (!err)
		err = json_set_number(o, "pid", v->process ? v->pid : PROFILE_UNKNOWN);
	if (!err)
		err = json_set_string(o, "process", v->process);
	if (!err)
		err = set_share(o, "share", v->share);
	if (!err)
		err = json_set_string(o, "share_of", v->share_of);
	if (!err)
		err = json_set_strings(o, "evidence", v->evidence, v->evidence_n);
	return err ? err
		   : JSON_SET_TEXTS(o, { "advice", v->advice }, { "fix_at", v->fix_at },
				    { "sure", v->sure }, { "missing", v->missing });
}
