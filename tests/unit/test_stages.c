/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stages of a profile, and the JSON of stages, requests and verdicts. */
#include <jansson.h>
#include "output.h"
#include "requests_by_hand.h"
#include "profile_json.h"

static struct profile_stage make_stage(uint32_t pid, const char *name, uint8_t source,
				       uint64_t wall)
{
	return (struct profile_stage){ .pid = pid,
				       .process = "serve",
				       .name = name,
				       .source = source,
				       .count = 2,
				       .abandoned = 1,
				       .open_at_end = 1,
				       .split = { .wall_ns = wall,
						  .on_cpu_ns = wall - 30,
						  .run_queue_ns = 10,
						  .blocked_ns = 20,
						  .throttled_ns = 4,
						  .blocked_by_ns = { [CAUSE_LOCK] = 20 },
						  .calls_ns = 7 },
				       .times = { .max_ns = wall } };
}

static void merge(void **unused)
{
	uint32_t hist[HIST_BUCKETS] = { 0 };
	struct profile *p = new_profile();
	struct profile_stage s = make_stage(PID, "decode", STAGE_MARK, 100);

	(void)unused;
	hist[hist_bucket(10)] = 19;
	assert_int_equal(profile_add_stage(p, &s, hist), 0);
	s = make_stage(PID, "decode", STAGE_MARK, 90);
	hist[hist_bucket(10)] = 0;
	hist[hist_bucket(90)] = 1;
	assert_int_equal(profile_add_stage(p, &s, hist), 0);
	/* Others: of another source, process, name. */
	s = make_stage(PID, "decode", STAGE_NVTX, 300);
	assert_int_equal(profile_add_stage(p, &s, NULL), 0);
	s = make_stage(PID + 1, "decode", STAGE_MARK, 50);
	s.split.calls_ns = PROFILE_UNKNOWN;
	assert_int_equal(profile_add_stage(p, &s, NULL), 0);
	assert_int_equal(profile_add_stage(p, &s, NULL), 0);
	s.source = STAGE_SOURCES;
	assert_int_equal(profile_add_stage(p, &s, NULL), -EINVAL);
	assert_int_equal(profile_finish(p), 0);

	assert_int_equal(p->stages_n, 3);
	assert_int_equal(p->stages[0].source, STAGE_NVTX);
	assert_int_equal(p->stages[0].times.max_ns, 300);
	assert_int_equal(p->stages[1].pid, PID);
	assert_int_equal(p->stages[1].count, 4);
	assert_int_equal(p->stages[1].abandoned, 2);
	assert_int_equal(p->stages[1].open_at_end, 2);
	assert_int_equal(p->stages[1].split.wall_ns, 190);
	assert_int_equal(p->stages[1].split.throttled_ns, 8);
	assert_int_equal(p->stages[1].split.blocked_by_ns[CAUSE_LOCK], 40);
	check_split(&p->stages[1].split);
	assert_int_equal(p->stages[1].times.p50_ns, 10);
	assert_int_equal(p->stages[1].times.p95_ns, 10);
	assert_int_equal(p->stages[1].times.p99_ns, 100);
	assert_int_equal(p->stages[1].times.max_ns, 100);
	assert_true(p->stages[2].split.calls_ns == PROFILE_UNKNOWN);
	assert_true(p->stages[2].times.p50_ns == PROFILE_UNKNOWN);
	assert_int_equal(p->stages[2].times.max_ns, 50);
	profile_free(p);
}

static void sources(void **unused)
{
	(void)unused;
	assert_string_equal(profile_stage_source_name(STAGE_MARK), "mark");
	assert_string_equal(profile_stage_source_name(STAGE_FUNCTION), "function");
	assert_string_equal(profile_stage_source_name(STAGE_NVTX), "nvtx");
}

/* --- JSON --- */

static json_int_t number(const json_t *o, const char *key)
{
	if (!json_is_integer(json_object_get(o, key)))
		fail_msg("%s is no integer", key);
	return json_integer_value(json_object_get(o, key));
}

static const char *string(const json_t *o, const char *key)
{
	assert_true(json_is_string(json_object_get(o, key)));
	return json_string_value(json_object_get(o, key));
}

static void json_stages(void **unused)
{
	uint32_t hist[HIST_BUCKETS] = { 0 };
	const struct profile_stage s = make_stage(PID, "decode", STAGE_FUNCTION, 100);
	struct profile *p = new_profile();
	json_t *root, *o;

	(void)unused;
	hist[hist_bucket(10)] = 4;
	assert_int_equal(profile_add_stage(p, &s, hist), 0);
	p->lost.spans = 3;
	assert_int_equal(profile_finish(p), 0);
	root = profile_json(p);
	o = json_array_get(json_object_get(root, "stages"), 0);
	assert_int_equal(number(o, "pid"), PID);
	assert_string_equal(string(o, "process"), "serve");
	assert_string_equal(string(o, "name"), "decode");
	assert_string_equal(string(o, "source"), "function");
	assert_int_equal(number(o, "count"), 2);
	assert_int_equal(number(o, "abandoned"), 1);
	assert_int_equal(number(o, "open_at_end"), 1);
	assert_int_equal(number(o, "total_ns"), 100);
	assert_int_equal(number(o, "wall_ns"), 100);
	assert_int_equal(number(o, "on_cpu_ns"), 70);
	assert_int_equal(number(o, "run_queue_ns"), 10);
	assert_int_equal(number(o, "throttled_ns"), 4);
	assert_int_equal(number(o, "blocked_ns"), 20);
	assert_int_equal(number(o, "gpu_calls_ns"), 7);
	assert_int_equal(json_object_size(json_object_get(o, "blocked_by")), 1);
	assert_int_equal(number(json_object_get(o, "blocked_by"), "lock"), 20);
	assert_int_equal(number(o, "p50_ns"), 10);
	assert_int_equal(number(o, "max_ns"), 100);
	assert_int_equal(number(json_object_get(root, "lost"), "spans"), 3);
	assert_int_equal(json_array_size(json_object_get(root, "requests")), 0);
	json_decref(root);
	profile_free(p);
}

static const json_t *part_named(const json_t *r, const char *name)
{
	const json_t *parts = json_object_get(r, "parts");

	for (size_t i = 0; i < json_array_size(parts); i++)
		if (!strcmp(string(json_array_get(parts, i), "name"), name))
			return json_array_get(parts, i);
	fail_msg("no part %s", name);
	return NULL;
}

static void json_requests(void **unused)
{
	struct profile *p = new_profile();
	const json_t *r, *part, *passes;
	json_int_t sum = 0;
	json_t *root;

	(void)unused;
	two_requests(p);
	assert_int_equal(profile_finish(p), 0);
	root = profile_json(p);
	r = json_array_get(json_object_get(root, "requests"), 0);
	assert_int_equal(number(r, "count"), 2);
	assert_int_equal(number(r, "begun"), 2);
	assert_int_equal(number(r, "lost"), 0);
	assert_int_equal(number(r, "tokens_out"), 6);
	assert_int_equal(number(r, "latency_ns"), 2000);
	assert_int_equal(number(r, "p95_ns"), 1100);
	assert_int_equal(number(json_object_get(r, "first_token"), "max_ns"), 600);
	assert_int_equal(number(json_object_get(r, "per_token"), "p50_ns"), 100);
	assert_int_equal(number(r, "wall_ns"), 1030);
	assert_int_equal(number(json_object_get(r, "slow"), "requests"), 1);
	assert_int_equal(number(json_object_get(r, "slow"), "wall_ns"), 1100 - 180 - 240);
	for (size_t i = 0; i < p->requests[0].parts_n; i++)
		sum += number(json_array_get(json_object_get(r, "parts"), i), "wall_ns");
	assert_int_equal(sum, 2000);
	part = part_named(r, "batch queue");
	assert_string_equal(string(part, "kind"), "wait");
	assert_true(json_is_null(json_object_get(part, "on_cpu_ns")));
	assert_true(json_is_null(json_object_get(part, "blocked_by")));
	assert_true(json_is_null(json_object_get(json_object_get(part, "slow"), "blocked_ns")));
	assert_int_equal(number(json_object_get(part, "slow"), "wall_ns"), 180);
	assert_true(json_real_value(json_object_get(part, "share_p95")) == 180 / 1100.0);
	assert_int_equal(number(part, "p50_ns"), 180);
	assert_string_equal(string(part_named(r, "[pass of others]"), "kind"), "others");
	assert_string_equal(string(part_named(r, "[not marked]"), "kind"), "rest");
	passes = json_object_get(r, "passes");
	assert_int_equal(json_array_size(passes), 2);
	assert_string_equal(string(json_array_get(passes, 0), "name"), "decode");
	assert_int_equal(number(json_array_get(passes, 0), "padded"), 32);
	assert_int_equal(number(json_object_get(json_array_get(passes, 0), "sizes"), "2"), 2);
	assert_int_equal(number(json_array_get(passes, 0), "p50_ns"), 100);
	json_decref(root);
	profile_free(p);
}

static void json_verdict(void **unused)
{
	static const char *const evidence[] = { "62 % of p95 is queueing",
						"the batch window is 5 ms" };
	struct profile_verdict v[] = {
		{ .kind = "scheduling",
		  .rule = "queue-before-batch",
		  .pid = PID,
		  .process = "serve",
		  .share = 0.625,
		  .share_of = "p95 request latency",
		  .evidence = evidence,
		  .evidence_n = 2,
		  .advice = "shorten the batch window",
		  .fix_at = "configuration",
		  .sure = "measured" },
		{ .kind = "none",
		  .rule = "none",
		  .share = -1,
		  .sure = "unknown",
		  .missing = "stages" },
	};
	struct profile *p = new_profile();
	json_t *root, *o;

	(void)unused;
	p->verdicts = v;
	p->verdicts_n = 2;
	assert_int_equal(profile_finish(p), 0);
	root = profile_json(p);
	o = json_array_get(json_object_get(root, "verdict"), 0);
	assert_string_equal(string(o, "kind"), "scheduling");
	assert_string_equal(string(o, "rule"), "queue-before-batch");
	assert_int_equal(number(o, "pid"), PID);
	assert_true(json_real_value(json_object_get(o, "share")) == 0.625);
	assert_string_equal(string(o, "share_of"), "p95 request latency");
	assert_int_equal(json_array_size(json_object_get(o, "evidence")), 2);
	assert_string_equal(string(o, "advice"), "shorten the batch window");
	assert_string_equal(string(o, "fix_at"), "configuration");
	assert_string_equal(string(o, "sure"), "measured");
	assert_true(json_is_null(json_object_get(o, "missing")));
	o = json_array_get(json_object_get(root, "verdict"), 1);
	assert_true(json_is_null(json_object_get(o, "pid")));
	assert_true(json_is_null(json_object_get(o, "share")));
	assert_string_equal(string(o, "missing"), "stages");
	json_decref(root);
	p->verdicts = NULL;
	p->verdicts_n = 0;
	profile_free(p);
}

/* Nothing was probed: null, not an empty list. */
static void not_probed(void **unused)
{
	static const char *const keys[] = { "stages", "requests", "verdict" };
	struct profile *p = profile_new();
	json_t *root;

	(void)unused;
	assert_int_equal(profile_finish(p), 0);
	root = profile_json(p);
	for (size_t i = 0; i < 3; i++)
		assert_true(json_is_null(json_object_get(root, keys[i])));
	json_decref(root);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merge),	cmocka_unit_test(sources),
		cmocka_unit_test(json_stages),	cmocka_unit_test(json_requests),
		cmocka_unit_test(json_verdict), cmocka_unit_test(not_probed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
