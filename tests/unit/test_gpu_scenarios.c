/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* infer-serve --scenario: each plants what it says, as much as it says, and says the same. */
#include <sys/prctl.h>
#include "gpu_serve.h"

#define SCENARIOS 16
#define LOAD	  "--requests 12 --rate 40 --seed 7"

struct listed {
	char name[32];
	double middle, high;
} listed[SCENARIOS + 1];
static int listed_n;

static void list_read(void)
{
	char line[256];
	FILE *f;

	snprintf(line, sizeof(line), "%s --scenario list", plain);
	f = popen(line, "r");
	assert_non_null(f);
	listed_n = 0;
	while (listed_n <= SCENARIOS && fgets(line, sizeof(line), f)) {
		struct listed *l = &listed[listed_n++];

		assert_int_equal(sscanf(line, "%31s %lf %lf", l->name, &l->middle, &l->high), 3);
	}
	assert_int_equal(pclose(f), 0);
}

static void test_list(void **state)
{
	(void)state;
	list_read();
	assert_int_equal(listed_n, SCENARIOS);
	assert_string_equal(listed[0].name, "baseline");
	for (int i = 1; i < listed_n; i++)
		assert_true(listed[i].middle > 0 && listed[i].high > 0 &&
			    listed[i].middle != listed[i].high);
}

/* What has to be there at least: times the magnitude (0: by itself) and, if so, the passes. */
struct effect {
	const char *name, *a, *b, *c;
	double by_magnitude, fixed;
	bool a_pass;
};
static const struct effect effects[] = {
	{ "batch-wait", "latency_ns", "queue", "max", 0.8e6, 0, false },
	{ "lock", "latency_ns", "tokenise", "max", 0.1e6, 0, false },
	{ "slow-disk", "latency_ns", "tokenise", "p50", 50e3, 0, false },
	{ "slow-net", "latency_ns", "tokenise", "p50", 1e6, 0, false },
	{ "slow-tokenise", "latency_ns", "tokenise", "p50", 0.98e6, 0, false },
	{ "cgroup-throttle", "latency_ns", "tokenise", "p50", 0, 4.9e6, false },
	{ "small-copies", "copies_serving", "H2D", "calls", 1, 1, true },
	{ "pageable-copies", "copies_serving", "H2D", "bytes", 1 << 20, 0, true },
	/* Nine products a pass of one row, and 13 other kernels. */
	{ "tiny-kernels", "launches", "matmul_kernel", NULL, 9, 0, true },
	{ "sync-each-op", "cuda_calls_serving", "cudaStreamSynchronize", "calls", 0.22, 1, true },
	{ "spin-sync", "passes", "decode", "device_ns", 1e6, 0, true },
	{ "gpu-bound", "passes", "decode", "device_ns", 1e6, 0, true },
	{ "alloc-churn", "cuda_calls_serving", "cudaMalloc", "calls", 1, 0, true },
};

static void effect_check(const json_t *stats, const struct effect *e, double magnitude)
{
	double want = e->by_magnitude * magnitude + e->fixed, got;
	json_int_t passes = number(stats, "passes", "decode", "passes");

	if (e->a_pass)
		want *= (double)passes;
	got = (double)number(stats, e->a, e->b, e->c);
	if (got < want)
		fail_msg("%s:%g: %s %s is %g, not %g or more", e->name, magnitude, e->a, e->b, got,
			 want);
}

/* Neither its children nor its cgroup stay. */
static void nothing_left(const char *name)
{
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		fail_msg("%s: a child process is left", name);
}

static void scenario_check(const struct listed *l, double magnitude, const char *digest)
{
	char line[256];
	json_t *stats;

	snprintf(line, sizeof(line), LOAD " --device emu --weights %s --stats %s --scenario %s:%g",
		 weights_path, stats_path, l->name, magnitude);
	/* A quota needs root and a cgroup that can be written. */
	if (run(plain, line) && !strcmp(l->name, "cgroup-throttle") &&
	    strstr(said, "infer-serve: --scenario cgroup-throttle: ")) {
		print_message("%s", said);
		return;
	}
	stats = json_load_file(stats_path, 0, NULL);
	if (!stats)
		fail_msg("%s:%g: %s", l->name, magnitude, said);
	assert_string_equal(json_string_value(json_object_get(stats, "scenario")), l->name);
	assert_true(json_real_value(json_object_get(stats, "magnitude")) == magnitude);
	if (strcmp(json_string_value(json_object_get(stats, "tokens_digest")), digest))
		fail_msg("%s:%g: other tokens", l->name, magnitude);
	for (size_t i = 0; i < sizeof(effects) / sizeof(effects[0]); i++)
		if (!strcmp(effects[i].name, l->name))
			effect_check(stats, &effects[i], magnitude);
	json_decref(stats);
	unlink(stats_path);
	nothing_left(l->name);
}

static void test_each(void **state)
{
	json_t *stats = run_stats(plain, LOAD);
	char digest[17];

	(void)state;
	snprintf(digest, sizeof(digest), "%s",
		 json_string_value(json_object_get(stats, "tokens_digest")));
	assert_string_equal(json_string_value(json_object_get(stats, "scenario")), "baseline");
	json_decref(stats);
	unlink(stats_path);
	list_read();
	/* Orphans come to us. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 1; i < listed_n; i++) {
		scenario_check(&listed[i], listed[i].middle, digest);
		scenario_check(&listed[i], listed[i].high, digest);
	}
	unlink(weights_path);
}

/* The rows of a pass that are no request's. */
static void test_padding(void **state)
{
	json_t *stats = run_stats(plain, LOAD " --scenario padding:100"), *marks;

	(void)state;
	marks = json_object_get(json_object_get(stats, "marks"), "passes");
	assert_int_equal(number(marks, "prefill", "padded", NULL),
			 100 * number(stats, "requests", NULL, NULL));
	assert_int_equal(number(marks, "decode", "padded", NULL),
			 25 * number(marks, "decode", "count", NULL));
	assert_int_equal(number(marks, "decode", "tokens", NULL),
			 number(marks, "decode", "requests", NULL));
	assert_int_equal(number(stats, "passes", "decode", "rows"),
			 number(marks, "decode", "padded", NULL));
	json_decref(stats);
	stats = run_stats(plain, LOAD);
	marks = json_object_get(json_object_get(stats, "marks"), "passes");
	assert_int_equal(number(marks, "prefill", "padded", NULL),
			 number(marks, "prefill", "tokens", NULL));
	json_decref(stats);
	unlink(weights_path);
}

/* What the command line says stands; a magnitude may be named. */
static void test_options(void **state)
{
	json_t *stats = run_stats(plain, LOAD " --batch-window-ms 1 --scenario batch-wait:high");

	(void)state;
	assert_true(json_real_value(json_object_get(stats, "magnitude")) == 100);
	assert_true(number(json_object_get(stats, "marks"), "stages", "batch window", "p50") <
		    20000000);
	json_decref(stats);
	unlink(weights_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
