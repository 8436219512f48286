// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Requests, their parts and passes, and stages as metrics. */
#include "metric_part.h"

/* --- requests --- */

static double get_dropped(const void *row, double *of)
{
	const struct profile_requests *r = row;

	*of = metric_known(r->count) + metric_known(r->dropped);
	return metric_known(r->dropped);
}

const struct metric_measure metric_of_requests[] = {
	SUM(profile_requests, "rate", METRIC_RATE, METRIC_HIGHER, count),
	SUM(profile_requests, "tokens_in_rate", METRIC_RATE, METRIC_HIGHER, tokens_in),
	SUM(profile_requests, "tokens_out_rate", METRIC_RATE, METRIC_HIGHER, tokens_out),
	COUNT(profile_requests, "count", count),
	COUNT(profile_requests, "dropped", dropped),
	{ .name = "dropped_share",
	  .unit = METRIC_SHARE,
	  .better = METRIC_LOWER,
	  .get = get_dropped },
	{ .name = NULL },
};

const struct metric_measure metric_of_request[] = {
	QUANTILES(profile_requests, "", latency.),
	QUANTILES(profile_requests, "first_token_", first_token.),
	QUANTILES(profile_requests, "per_token_", per_token.),
	SPLIT(profile_requests, split),
	{ .name = NULL },
};

bool metric_has_stages(const struct profile *p)
{
	return p->stages_known;
}

bool metric_has_requests(const struct profile *p)
{
	return p->stages_known && p->requests_n;
}

const void *metric_row_requests(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_requests *r;

	if (i >= p->requests_n)
		return NULL;
	r = &p->requests[i];
	*l = (struct metric_label){ r->process, r->pid, "", metric_known(r->count),
				    metric_known(r->latency_ns) };
	return r;
}

/* The i-th of all processes' parts or passes, whose array and number are at these offsets. */
static const void *nested(const struct profile *p, size_t i, size_t array, size_t number,
			  size_t size, const struct profile_requests **whose)
{
	for (size_t k = 0; k < p->requests_n; k++) {
		const char *r = (const char *)&p->requests[k];
		const size_t n = *(const size_t *)(r + number);

		*whose = &p->requests[k];
		if (i < n)
			return *(const char *const *)(r + array) + i * size;
		i -= n;
	}
	return NULL;
}

const struct metric_measure metric_of_part[] = {
	QUANTILES(profile_part, "", times.),
	{ .name = "share_p50",
	  .unit = METRIC_SHARE,
	  .flags = METRIC_DOUBLE,
	  .at = AT(profile_part, share_p50) },
	{ .name = "share_p95",
	  .unit = METRIC_SHARE,
	  .flags = METRIC_DOUBLE,
	  .at = AT(profile_part, share_p95) },
	{ .name = "share_p99",
	  .unit = METRIC_SHARE,
	  .flags = METRIC_DOUBLE,
	  .at = AT(profile_part, share_p99) },
	/* By request that had it: their number is another figure. */
	RATIO(profile_part, "mean", METRIC_NS, METRIC_LOWER, split.wall_ns, requests),
	SPLIT(profile_part, split),
	{ .name = NULL },
};

const void *metric_row_part(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_requests *r = NULL;
	const struct profile_part *part = nested(p, i, AT(profile_requests, parts),
						 AT(profile_requests, parts_n), sizeof(*part), &r);

	if (part)
		*l = (struct metric_label){ r->process, r->pid, part->name,
					    metric_known(part->requests),
					    metric_known(part->split.wall_ns) };
	return part;
}

static double get_padding(const void *row, double *of)
{
	const struct profile_pass *pass = row;

	*of = metric_known(pass->padded);
	return metric_known(pass->padded) - metric_known(pass->tokens);
}

const struct metric_measure metric_of_pass[] = {
	RATE(profile_pass, "rate", count),
	QUANTILES(profile_pass, "", times.),
	RATIO(profile_pass, "rows", METRIC_MEAN, METRIC_HIGHER, requests, count),
	SUM(profile_pass, "tokens_rate", METRIC_RATE, METRIC_HIGHER, tokens),
	{ .name = "padding", .unit = METRIC_SHARE, .better = METRIC_LOWER, .get = get_padding },
	{ .name = NULL },
};

const void *metric_row_pass(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_requests *r = NULL;
	const struct profile_pass *pass = nested(p, i, AT(profile_requests, passes),
						 AT(profile_requests, passes_n), sizeof(*pass), &r);

	if (pass)
		*l = (struct metric_label){ r->process, r->pid, pass->name,
					    metric_known(pass->count), NAN };
	return pass;
}

const struct metric_measure metric_of_stage[] = {
	RATE(profile_stage, "rate", count),	      QUANTILES(profile_stage, "", times.),
	TIME(profile_stage, "wall", split.wall_ns),   SPLIT(profile_stage, split),
	COUNT(profile_stage, "abandoned", abandoned), { .name = NULL },
};

const void *metric_row_stage(const struct profile *p, size_t i, struct metric_label *l)
{
	const struct profile_stage *s;

	if (i >= p->stages_n)
		return NULL;
	s = &p->stages[i];
	*l = (struct metric_label){ s->process, s->pid, s->name, metric_known(s->count),
				    metric_known(s->split.wall_ns) };
	return s;
}
