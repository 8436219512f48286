/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The JSON contract, read back with a parser. */
#define _GNU_SOURCE
#include <jansson.h>
#include "output.h"
#include "random_profile.h"
#include "profile_json.h"

static json_int_t number(const json_t *o, const char *key)
{
	const json_t *n = json_object_get(o, key);

	assert_true(json_is_integer(n));
	return json_integer_value(n);
}

static const char *string(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	assert_non_null(s);
	return s;
}

static json_int_t sum_of(json_t *object)
{
	const char *key;
	json_t *value;
	json_int_t sum = 0;

	json_object_foreach(object, key, value)
	{
		assert_true(json_is_integer(value));
		sum += json_integer_value(value);
	}
	return sum;
}

static void sums_agree(void **unused)
{
	(void)unused;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct random_profile r = random_profile(seed);
		json_t *root = profile_json(r.p), *thread;
		json_int_t wall = 0;
		size_t i;

		json_array_foreach(json_object_get(root, "threads"), i, thread)
		{
			assert_int_equal(number(thread, "wall_ns"),
					 number(thread, "on_cpu_ns") +
						 number(thread, "run_queue_ns") +
						 number(thread, "blocked_ns"));
			assert_int_equal(sum_of(json_object_get(thread, "run_queue_by")),
					 number(thread, "run_queue_ns"));
			assert_int_equal(sum_of(json_object_get(thread, "blocked_by")),
					 number(thread, "blocked_ns"));
			assert_true(json_is_null(json_object_get(thread, "tid")) ==
				    (number(thread, "merged") > 1));
			wall += number(thread, "wall_ns");
		}
		assert_int_equal(wall, r.wall_ns);
		json_decref(root);
		profile_free(r.p);
	}
}

static void contract(void **unused)
{
	const struct profile_call call = { .pid = 10,
					   .process = "serve",
					   .name = "cudaMemcpyAsync",
					   .api = "runtime",
					   .group = "copy",
					   .calls = 4021,
					   .errors = 1,
					   .bytes = 1100000000,
					   .abandoned = 2,
					   .open_at_start = 3,
					   .open_at_end = 4,
					   .wall_ns = 5,
					   .on_cpu_ns = 6,
					   .run_queue_ns = 7,
					   .blocked_ns = 8,
					   .voluntary = 9,
					   .involuntary = 10,
					   .p50_ns = 11,
					   .p95_ns = 12,
					   .p99_ns = 13,
					   .max_ns = 14,
					   .waited = 15,
					   .blocked_calls = 16,
					   .spun = 17 };
	const struct profile_copy copy = { 10, "H2D", 1, 2, 3, { 0 } };
	const struct profile_hook hook = { "switch", "tp_btf", NULL };
	struct profile_thread t = make_thread(1, 10, 11, "serve", "executor");
	struct profile *p = profile_new();
	json_t *root, *o;

	(void)unused;
	t.state_ns[PROFILE_ON_CPU] = 100;
	t.state_ns[PROFILE_WOKEN] = 20;
	t.state_ns[PROFILE_PREEMPTED] = 3;
	t.state_ns[PROFILE_BLOCKED] = 4000;
	t.voluntary = 7;
	t.involuntary = 8;
	t.migrations = 9;
	assert_int_equal(profile_add_thread(p, &t, 10), 0);
	assert_int_equal(profile_add_wait(p, 1, SYS_flock, 0, 4000, 31), 0);
	assert_int_equal(profile_add_call(p, &call), 0);
	assert_int_equal(profile_add_copy(p, &copy), 0);
	assert_int_equal(profile_add_hook(p, &hook), 0);
	assert_int_equal(profile_add_not_measured(p, "GPU kernel time", "needs CUPTI"), 0);
	p->duration_ns = 10000000000;
	p->host = "h";
	p->kernel = "6.1";
	p->runtime = "nvidia";
	p->lost.ring = 5;
	p->lost.memory = 6;
	p->overhead.bpf_ns = 77;
	assert_int_equal(profile_finish(p), 0);
	root = profile_json(p);

	assert_int_equal(number(root, "version"), 1);
	assert_int_equal(number(root, "duration_ns"), 10000000000);
	assert_string_equal(string(root, "runtime"), "nvidia");
	assert_true(json_is_null(json_object_get(root, "runtime_version")));

	o = json_array_get(json_object_get(root, "threads"), 0);
	assert_int_equal(number(o, "pid"), 10);
	assert_int_equal(number(o, "tid"), 11);
	assert_string_equal(string(o, "comm"), "executor");
	assert_string_equal(string(o, "process"), "serve");
	assert_int_equal(number(o, "wall_ns"), 4123);
	assert_int_equal(number(o, "run_queue_ns"), 23);
	assert_int_equal(number(json_object_get(o, "run_queue_by"), "preempted"), 3);
	assert_int_equal(number(json_object_get(o, "blocked_by"), "lock"), 4000);
	assert_int_equal(number(o, "voluntary_switches"), 7);
	assert_int_equal(number(o, "involuntary_switches"), 8);
	assert_int_equal(number(o, "migrations"), 9);

	o = json_array_get(json_object_get(root, "waits"), 0);
	assert_int_equal(number(o, "pid"), 10);
	assert_string_equal(string(o, "process"), "serve");
	assert_string_equal(string(o, "cause"), "lock");
	assert_string_equal(string(o, "kind"), "file lock");
	assert_true(json_is_null(json_object_get(o, "frame")));
	assert_int_equal(number(o, "blocked_ns"), 4000);
	assert_int_equal(number(o, "waits"), 31);

	o = json_array_get(json_object_get(root, "gpu_calls"), 0);
	assert_string_equal(string(o, "name"), "cudaMemcpyAsync");
	assert_string_equal(string(o, "api"), "runtime");
	assert_int_equal(number(o, "calls"), 4021);
	assert_int_equal(number(o, "bytes"), 1100000000);
	assert_int_equal(number(o, "abandoned"), 2);
	assert_int_equal(number(o, "open_at_end"), 4);
	assert_int_equal(number(o, "run_queue_ns"), 7);
	assert_int_equal(number(o, "involuntary_switches"), 10);
	assert_int_equal(number(o, "p99_ns"), 13);
	assert_int_equal(number(o, "max_ns"), 14);
	assert_string_equal(string(o, "group"), "copy");
	assert_true(json_is_null(json_object_get(o, "inside")));
	assert_int_equal(number(o, "waited"), 15);
	assert_int_equal(number(o, "blocked_calls"), 16);
	assert_int_equal(number(o, "spun"), 17);

	assert_string_equal(string(json_array_get(json_object_get(root, "copies"), 0), "kind"),
			    "H2D");
	assert_string_equal(string(json_array_get(json_object_get(root, "hooks"), 0), "kind"),
			    "tp_btf");
	assert_int_equal(number(json_object_get(root, "lost"), "ring"), 5);
	assert_int_equal(number(json_object_get(root, "lost"), "memory"), 6);
	assert_int_equal(number(json_object_get(root, "overhead"), "bpf_ns"), 77);
	json_decref(root);
	profile_free(p);
}

/* What was not measured is null, never 0 and never missing. */
static void unmeasured_is_null(void **unused)
{
	static const char *const parts[] = {
		"stages", "io", "verdict", "host", "kernel", "runtime"
	};
	const struct profile_call call = { .name = "cudaMalloc",
					   .p50_ns = PROFILE_UNKNOWN,
					   .max_ns = PROFILE_UNKNOWN };
	struct profile *p = profile_new();
	json_t *root, *o;

	(void)unused;
	p->lost.missed_runs = PROFILE_UNKNOWN;
	p->overhead.bpf_ns = PROFILE_UNKNOWN;
	assert_int_equal(profile_add_call(p, &call), 0);
	assert_int_equal(profile_finish(p), 0);
	root = profile_json(p);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		assert_true(json_is_null(json_object_get(root, parts[i])));
	o = json_array_get(json_object_get(root, "gpu_calls"), 0);
	assert_true(json_is_null(json_object_get(o, "p50_ns")));
	assert_true(json_is_null(json_object_get(o, "max_ns")));
	assert_int_equal(number(o, "calls"), 0);
	assert_true(json_is_null(json_object_get(json_object_get(root, "lost"), "missed_runs")));
	assert_true(json_is_null(json_object_get(json_object_get(root, "overhead"), "bpf_ns")));
	assert_int_equal(json_array_size(json_object_get(root, "threads")), 0);
	json_decref(root);
	profile_free(p);
}

static void hostile_names(void **unused)
{
	struct profile_thread t = make_thread(1, 10, 11, "\xff\xc3", "\"\\\n\t\x01\xe2\x82");
	struct profile *p = profile_new();
	json_t *root, *o;

	(void)unused;
	assert_int_equal(profile_add_thread(p, &t, 10), 0);
	assert_int_equal(profile_finish(p), 0);
	root = profile_json(p);
	o = json_array_get(json_object_get(root, "threads"), 0);
	assert_string_equal(string(o, "process"), "\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(string(o, "comm"), "\"\\\n\t\x01\xef\xbf\xbd\xef\xbf\xbd");
	json_decref(root);
	profile_free(p);
}

static void full_disk_is_reported(void **unused)
{
	struct profile *p = profile_new();
	FILE *f = fopen("/dev/full", "w");

	(void)unused;
	assert_int_equal(profile_finish(p), 0);
	if (!f) {
		print_message("skipped: no /dev/full here\n");
		profile_free(p);
		skip();
	}
	assert_int_equal(json_write(p, f), -ENOSPC);
	fclose(f);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_agree),
		cmocka_unit_test(contract),
		cmocka_unit_test(unmeasured_is_null),
		cmocka_unit_test(hostile_names),
		cmocka_unit_test(full_disk_is_reported),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
