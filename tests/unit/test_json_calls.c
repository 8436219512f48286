/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The JSON's rows of CUDA calls, and what of them is null without the calls' returns. */
#define _GNU_SOURCE
#include "cuda_profile.h"
#include "profile_json.h"

static json_t *finish_and_read(struct profile *p)
{
	assert_int_equal(profile_finish(p), 0);
	return profile_json(p);
}

static json_int_t number(const json_t *o, const char *key)
{
	const json_t *n = json_object_get(o, key);

	assert_true(json_is_integer(n));
	return json_integer_value(n);
}

static bool is_null(const json_t *o, const char *key)
{
	return json_is_null(json_object_get(o, key));
}

static const json_t *row(const json_t *root, const char *part, size_t i)
{
	const json_t *o = json_array_get(json_object_get(root, part), i);

	assert_true(json_is_object(o));
	return o;
}

/* Has these strings and numbers, and as many keys as given. */
struct want {
	const char *key, *s;
	json_int_t n;
};

static void check_row(const json_t *o, const struct want *want, size_t n, size_t keys)
{
	for (size_t i = 0; i < n; i++) {
		if (want[i].s)
			assert_string_equal(json_string_value(json_object_get(o, want[i].key)),
					    want[i].s);
		else
			assert_int_equal(number(o, want[i].key), want[i].n);
	}
	assert_int_equal(json_object_size(o), keys);
}

#define CHECK_ROW(o, keys, ...)                            \
	check_row(o, (const struct want[]){ __VA_ARGS__ }, \
		  sizeof((const struct want[]){ __VA_ARGS__ }) / sizeof(struct want), keys)

static void calls_and_errors(void **unused)
{
	struct profile *p = cuda_profile();
	json_t *root = finish_and_read(p);
	const json_t *o;

	(void)unused;
	assert_int_equal(json_array_size(json_object_get(root, "gpu_calls")), 6);
	CHECK_ROW(row(root, "gpu_calls", 0), 25, { "name", "cudaStreamSynchronize", 0 },
		  { "group", "sync", 0 }, { "api", "runtime", 0 }, { "waited", NULL, 4000 },
		  { "blocked_calls", NULL, 2 }, { "spun", NULL, 3990 });
	CHECK_ROW(row(root, "gpu_calls", 2), 25, { "name", "cuLaunchKernel", 0 },
		  { "inside", "cudaLaunchKernel", 0 }, { "api", "driver", 0 });
	assert_true(is_null(row(root, "gpu_calls", 0), "inside"));
	assert_int_equal(json_array_size(json_object_get(root, "gpu_errors")), 2);
	o = row(root, "gpu_errors", 0);
	CHECK_ROW(o, 6, { "pid", NULL, 4242 }, { "call", "cudaMalloc", 0 }, { "code", NULL, 2 },
		  { "error", "cudaErrorMemoryAllocation", 0 }, { "calls", NULL, 2 });
	assert_true(is_null(o, "inside"));
	assert_true(is_null(row(root, "gpu_errors", 1), "error"));
	json_decref(root);
	profile_free(p);
}

static void work(void **unused)
{
	struct profile *p = cuda_profile();
	json_t *root = finish_and_read(p);
	const json_t *o, *sizes;

	(void)unused;
	o = row(root, "copies", 0);
	CHECK_ROW(o, 6, { "pid", NULL, 4242 }, { "kind", "D2H", 0 }, { "calls", NULL, 21 },
		  { "bytes", NULL, 2000000 }, { "wall_ns", NULL, 2 * MS });
	sizes = json_object_get(o, "sizes");
	assert_int_equal(json_array_size(sizes), 2);
	CHECK_ROW(json_array_get(sizes, 0), 2, { "up_to_bytes", NULL, 1 }, { "calls", NULL, 1 });
	CHECK_ROW(json_array_get(sizes, 1), 2, { "up_to_bytes", NULL, 131072 },
		  { "calls", NULL, 20 });
	CHECK_ROW(row(root, "streams", 0), 9, { "pid", NULL, 4242 },
		  { "stream", "0x55d0c0de1000", 0 }, { "calls", NULL, 300000 },
		  { "launches", NULL, 298000 }, { "copies", NULL, 2000 },
		  { "bytes", NULL, 600000000 }, { "wall_ns", NULL, 3000 * MS },
		  { "syncs", NULL, 3000 }, { "sync_ns", NULL, 3300 * MS });
	o = row(root, "launches", 0);
	CHECK_ROW(o, 9, { "pid", NULL, 4242 }, { "kernel", "gemm_half_128x128", 0 },
		  { "site", "decode_step", 0 }, { "calls", NULL, 300000 }, { "errors", NULL, 0 },
		  { "wall_ns", NULL, 900 * MS }, { "gaps", NULL, 299999 },
		  { "gap_ns", NULL, 5000 * MS });
	assert_true(json_is_false(json_object_get(o, "graph")));
	assert_true(json_is_true(json_object_get(row(root, "launches", 2), "graph")));
	CHECK_ROW(row(root, "launch_threads", 0), 11, { "pid", NULL, 4242 }, { "tid", NULL, 4250 },
		  { "comm", "executor", 0 }, { "launches", NULL, 400000 },
		  { "wall_ns", NULL, 1300 * MS }, { "gaps", NULL, 399999 },
		  { "gap_ns", NULL, 6900 * MS }, { "gap_p50_ns", NULL, 12 * US },
		  { "gap_p95_ns", NULL, 80 * US }, { "gap_p99_ns", NULL, 900 * US },
		  { "gap_max_ns", NULL, 90 * MS });
	json_decref(root);
	profile_free(p);
}

static void memory(void **unused)
{
	struct profile *p = cuda_profile();
	json_t *root = finish_and_read(p);
	const json_t *o;

	(void)unused;
	CHECK_ROW(row(root, "memory", 0), 9, { "pid", NULL, 4242 }, { "kind", "device", 0 },
		  { "allocations", NULL, 39 }, { "frees", NULL, 39 }, { "bytes", NULL, 800000000 },
		  { "live", NULL, 4 }, { "live_bytes", NULL, 66000000 },
		  { "peak_bytes", NULL, 786000000 }, { "unknown_frees", NULL, 4 });
	o = row(root, "allocations", 0);
	CHECK_ROW(o, 8, { "pid", NULL, 4242 }, { "kind", "device", 0 }, { "call", "cudaMalloc", 0 },
		  { "allocations", NULL, 39 }, { "bytes", NULL, 800000000 }, { "live", NULL, 4 },
		  { "live_bytes", NULL, 66000000 });
	o = json_object_get(o, "frames");
	assert_int_equal(json_array_size(o), 3);
	assert_string_equal(json_string_value(json_array_get(o, 0)), "main");
	assert_string_equal(json_string_value(json_array_get(o, 2)), "cudaMalloc");
	json_decref(root);
	profile_free(p);
}

/* --returns none: numbers and bytes are there, lengths and results are not. */
static void without_returns(void **unused)
{
	static const struct {
		const char *part, *known[5], *unknown[18];
	} parts[] = {
		{ "gpu_calls",
		  { "calls", "bytes", "pid" },
		  { "errors", "abandoned", "open_at_start", "open_at_end", "wall_ns", "on_cpu_ns",
		    "run_queue_ns", "blocked_ns", "voluntary_switches", "involuntary_switches",
		    "p50_ns", "p95_ns", "p99_ns", "max_ns", "waited", "blocked_calls", "spun" } },
		{ "copies", { "calls", "bytes" }, { "wall_ns" } },
		{ "streams",
		  { "calls", "launches", "copies", "bytes", "syncs" },
		  { "wall_ns", "sync_ns" } },
		{ "launches", { "calls" }, { "errors", "wall_ns", "gaps", "gap_ns" } },
		{ "launch_threads",
		  { "launches" },
		  { "wall_ns", "gaps", "gap_ns", "gap_p50_ns", "gap_p95_ns", "gap_p99_ns",
		    "gap_max_ns" } },
	};
	struct profile *p = cuda_profile();
	json_t *root;

	(void)unused;
	p->entries_only = true;
	root = finish_and_read(p);
	assert_true(is_null(root, "gpu_errors"));
	assert_true(is_null(root, "memory"));
	assert_true(is_null(root, "allocations"));
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		const json_t *o = row(root, parts[i].part, 0);

		for (size_t k = 0; k < 5 && parts[i].known[k]; k++)
			assert_true(json_is_integer(json_object_get(o, parts[i].known[k])));
		for (size_t k = 0; k < 18 && parts[i].unknown[k]; k++)
			assert_true(is_null(o, parts[i].unknown[k]));
	}
	assert_int_equal(json_array_size(json_object_get(row(root, "copies", 1), "sizes")), 2);
	json_decref(root);
	profile_free(p);
}

/* No gaps between launches: none has a length. A merged row has no thread number. */
static void no_gaps(void **unused)
{
	const struct profile_launcher l = { .serial = 3,
					    .launches = 1,
					    .gap_p50_ns = PROFILE_UNKNOWN,
					    .gap_p95_ns = PROFILE_UNKNOWN,
					    .gap_p99_ns = PROFILE_UNKNOWN };
	struct profile *p = profile_new();
	const json_t *o;
	json_t *root;

	(void)unused;
	for (uint32_t serial = 1; serial <= 3; serial++) {
		struct profile_thread t = make_thread(serial, 1, serial, "serve", "launcher");

		t.ended = true;
		assert_int_equal(profile_add_thread(p, &t, 1), 0);
	}
	assert_int_equal(profile_add_launcher(p, &l), 0);
	root = finish_and_read(p);
	o = row(root, "launch_threads", 0);
	assert_true(is_null(o, "tid"));
	assert_int_equal(number(o, "gaps"), 0);
	assert_int_equal(number(o, "gap_ns"), 0);
	assert_true(is_null(o, "gap_p50_ns"));
	assert_true(is_null(o, "gap_max_ns"));
	json_decref(root);
	profile_free(p);
}

/* Nothing called: measured, and none. */
static void none_is_not_null(void **unused)
{
	static const char *const parts[] = {
		"gpu_calls", "gpu_errors",     "streams", "copies",
		"launches",  "launch_threads", "memory",  "allocations"
	};
	struct profile *p = profile_new();
	json_t *root = finish_and_read(p);

	(void)unused;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		assert_true(json_is_array(json_object_get(root, parts[i])));
		assert_int_equal(json_array_size(json_object_get(root, parts[i])), 0);
	}
	json_decref(root);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_and_errors), cmocka_unit_test(work),
		cmocka_unit_test(memory),	    cmocka_unit_test(without_returns),
		cmocka_unit_test(no_gaps),	    cmocka_unit_test(none_is_not_null),
	};

	return cmocka_run_group_tests_name("json_calls", tests, NULL, NULL);
}
