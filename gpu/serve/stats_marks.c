/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the marks mean, by the server's own clock, as JSON. */
#include <jansson.h>
#include <stdio.h>
#include "server.h"

static json_t *integer(uint64_t v)
{
	return json_integer((json_int_t)v);
}

json_t *stats_latency(const struct latency *l)
{
	return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "p50", integer(latency_quantile(l, 0.50)),
			 "p95", integer(latency_quantile(l, 0.95)), "p99",
			 integer(latency_quantile(l, 0.99)), "max", integer(l->max_ns), "count",
			 integer(l->count), "sum", integer(l->sum_ns));
}

/* A pass is a stage, too, with what took part in it. */
static json_t *pass_json(const struct span_counts *c, int id)
{
	json_t *out = stats_latency(&c->times[id]), *sizes = json_object();

	for (int i = 0; i < SPANS_BATCHES; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%d", i);
		if (c->passes[id].sizes[i])
			json_object_set_new(sizes, text, integer(c->passes[id].sizes[i]));
	}
	json_object_set_new(out, "requests", integer(c->passes[id].requests));
	json_object_set_new(out, "tokens", integer(c->passes[id].tokens));
	json_object_set_new(out, "padded", integer(c->passes[id].padded));
	json_object_set_new(out, "sizes", sizes);
	return out;
}

static json_t *requests_json(const struct span_counts *c)
{
	return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "count", integer(c->ended), "begun",
			 integer(c->begun), "dropped", integer(c->dropped), "tokens_in",
			 integer(c->tokens_in), "tokens_out", integer(c->tokens_out), "latency",
			 stats_latency(&c->latency), "first_token", stats_latency(&c->first_token),
			 "per_token", stats_latency(&c->per_token));
}

json_t *stats_marks(const struct span_counts *c)
{
	static const char *const kinds[] = {
		[SPAN_IS_STAGE] = "stages",
		[SPAN_IS_WAIT] = "waits",
		[SPAN_IS_PASS] = "passes",
	};
	json_t *out = json_pack("{s:{},s:{},s:{},s:o}", kinds[0], kinds[1], kinds[2], "requests",
				requests_json(c));

	for (int i = 0; i < SPANS; i++)
		if (c->times[i].count)
			json_object_set_new(
				json_object_get(out, kinds[span_rows[i].kind]), span_rows[i].name,
				span_rows[i].kind == SPAN_IS_PASS ? pass_json(c, i)
								  : stats_latency(&c->times[i]));
	return out;
}
