/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* infer-serve, run for real on the emulated runtime: both builds, where there are two. */
#include <sys/stat.h>
#include "gpu_serve.h"

/* What the marks mean, by the server's own clock. */
static void check_marks(const json_t *stats, const char *key)
{
	static const struct {
		const char *kind, *name;
	} once[] = {
		{ "waits", "tokeniser queue" }, { "stages", "tokenise" },
		{ "waits", "batch queue" },	{ "waits", "reply queue" },
		{ "stages", "detokenise" },	{ "stages", "reply" },
	};
	static const char *const in_pass[] = { "host to device", "launch", "wait for device",
					       "device to host" };
	json_t *marks = json_object_get(stats, key), *v;
	json_t *prefill = json_object_get(json_object_get(marks, "passes"), "prefill");
	json_t *decode = json_object_get(json_object_get(marks, "passes"), "decode");
	json_int_t n = number(marks, "requests", "count", NULL), sizes = 0;
	json_int_t passes =
		number(prefill, "count", NULL, NULL) + number(decode, "count", NULL, NULL);
	const char *size;

	assert_int_equal(n, number(stats, "requests", NULL, NULL));
	assert_int_equal(n, number(marks, "requests", "latency", "count"));
	assert_int_equal(n, number(marks, "requests", "first_token", "count"));
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++)
		assert_int_equal(number(marks, once[i].kind, once[i].name, "count"), n);
	for (size_t i = 0; i < sizeof(in_pass) / sizeof(in_pass[0]); i++)
		assert_int_equal(number(marks, "stages", in_pass[i], "count"), passes);
	/* A token a request and pass. */
	assert_int_equal(number(prefill, "requests", NULL, NULL), n);
	assert_int_equal(n + number(decode, "requests", NULL, NULL),
			 number(marks, "requests", "tokens_out", NULL));
	assert_int_equal(number(marks, "requests", "tokens_out", NULL),
			 number(stats, "tokens", NULL, NULL));
	assert_int_equal(number(prefill, "tokens", NULL, NULL),
			 number(marks, "requests", "tokens_in", NULL));
	json_object_foreach(json_object_get(decode, "sizes"), size, v) sizes +=
		json_integer_value(v);
	assert_int_equal(sizes, number(decode, "count", NULL, NULL));
	assert_int_equal(number(marks, "requests", "latency", "sum"),
			 number(stats, "latency_ns", "end_to_end", "sum"));
	assert_true(number(marks, "requests", "first_token", "sum") <
		    number(marks, "requests", "latency", "sum"));
}

static void test_counts_agree(void **state)
{
	static const char *const stages[] = { "queue",	"tokenise",   "prefill",
					      "decode", "detokenise", "reply" };
	json_t *stats = run_stats(plain, "--requests 30 --rate 300 --seed 7"), *v;
	const char *name;
	json_int_t sum = 0;

	(void)state;
	assert_int_equal(number(stats, "requests", NULL, NULL), 30);
	assert_int_equal(number(stats, "dropped", NULL, NULL), 0);
	json_object_foreach(json_object_get(stats, "launches"), name, v) sum +=
		json_integer_value(v);
	assert_int_equal(sum, number(stats, "cuda_calls", "cudaLaunchKernel", "calls"));
	assert_true(sum > 1000);
	sum = 0;
	json_object_foreach(json_object_get(stats, "copies"), name, v)
	{
		sum += number(stats, "copies", name, "calls");
		assert_int_equal(number(stats, "copies", name, "bytes"),
				 number(stats, "bytes", name, NULL));
	}
	assert_int_equal(sum, number(stats, "cuda_calls", "cudaMemcpyAsync", "calls"));
	/* Two words a sampled token came back. */
	assert_int_equal(number(stats, "bytes", "D2H", NULL),
			 8 * number(stats, "tokens", NULL, NULL));
	json_object_foreach(json_object_get(stats, "cuda_calls"), name, v)
		assert_int_equal(number(stats, "cuda_calls", name, "errors"), 0);
	assert_int_equal(number(stats, "cuda_calls", "cudaMalloc", "calls"),
			 number(stats, "cuda_calls", "cudaFree", "calls"));
	sum = 0;
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		sum += number(stats, "latency_ns", stages[i], "sum");
	assert_int_equal(sum, number(stats, "latency_ns", "end_to_end", "sum"));
	json_object_foreach(json_object_get(stats, "latency_ns"), name, v)
	{
		assert_true(number(v, "p50", NULL, NULL) <= number(v, "p95", NULL, NULL));
		assert_true(number(v, "p95", NULL, NULL) <= number(v, "p99", NULL, NULL));
		assert_true(number(v, "p99", NULL, NULL) <= number(v, "max", NULL, NULL));
		assert_int_equal(number(v, "count", NULL, NULL), 30);
	}
	check_marks(stats, "marks");
	assert_null(json_object_get(stats, "marks_window"));
	json_decref(stats);
}

/* The server's streams, memory and errors say what its calls and copies say. */
static void check_statistics(const json_t *stats)
{
	static const struct {
		const char *kind, *alloc, *free;
	} kinds[] = {
		{ "device", "cudaMalloc", "cudaFree" },
		{ "pinned", "cudaHostAlloc", "cudaFreeHost" },
	};
	json_int_t launches = 0, copies = 0, bytes = 0, syncs = 0;
	json_t *s;
	size_t i;

	json_array_foreach(json_object_get(stats, "streams"), i, s)
	{
		launches += number(s, "launches", NULL, NULL);
		copies += number(s, "copies", NULL, NULL);
		bytes += number(s, "bytes", NULL, NULL);
		syncs += number(s, "syncs", NULL, NULL);
		assert_memory_equal(json_string_value(json_object_get(s, "handle")), "0x", 2);
	}
	assert_true(i >= 3);
	assert_int_equal(launches, number(stats, "cuda_calls", "cudaLaunchKernel", "calls") +
					   number(stats, "graphs", "launches", NULL));
	assert_int_equal(copies, number(stats, "cuda_calls", "cudaMemcpyAsync", "calls"));
	assert_int_equal(bytes,
			 number(stats, "bytes", "H2D", NULL) + number(stats, "bytes", "D2H", NULL));
	assert_int_equal(syncs, number(stats, "cuda_calls", "cudaStreamSynchronize", "calls"));
	for (i = 0; i < 2; i++) {
		const char *k = kinds[i].kind;

		assert_int_equal(number(stats, "memory", k, "allocations"),
				 number(stats, "cuda_calls", kinds[i].alloc, "calls"));
		assert_int_equal(number(stats, "memory", k, "frees"),
				 number(stats, "cuda_calls", kinds[i].free, "calls"));
		assert_int_equal(number(stats, "memory", k, "live_bytes"), 0);
		assert_true(number(stats, "memory", k, "peak_bytes") > 100000);
		assert_true(number(stats, "memory", k, "peak_bytes") <=
			    number(stats, "memory", k, "bytes"));
	}
	assert_int_equal(json_array_size(json_object_get(stats, "errors")), 0);
}

/* By graphs: the same tokens, one graph a batch size, launched once a decode pass, and what is in it
 * counts once. */
static void test_graphs(void **state)
{
	static const char *const lines[] = {
		"--requests 40 --rate 400 --seed 7",
		"--requests 40 --rate 400 --seed 7 --sync spin --max-batch 3",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		json_t *off = run_stats(plain, lines[i]), *on;
		char line[128];
		json_int_t made, per_pass;

		snprintf(line, sizeof(line), "%s --graphs on", lines[i]);
		on = run_stats(plain, line);
		assert_string_equal(json_string_value(json_object_get(on, "tokens_digest")),
				    json_string_value(json_object_get(off, "tokens_digest")));
		check_statistics(off);
		check_statistics(on);
		assert_int_equal(number(off, "graphs", "made", NULL), 0);
		made = number(on, "graphs", "made", NULL);
		assert_true(made >= 1 && made <= (i ? 3 : 8));
		assert_int_equal(number(on, "cuda_calls", "cudaGraphInstantiate", "calls"), made);
		assert_int_equal(number(on, "cuda_calls", "cudaGraphExecDestroy", "calls"), made);
		assert_int_equal(number(on, "graphs", "launches", NULL),
				 number(on, "passes", "decode", "passes"));
		assert_int_equal(number(on, "cuda_calls", "cudaGraphLaunch", "calls"),
				 number(on, "graphs", "launches", NULL));
		/* One embedding a pass; a graph's when it is made. */
		assert_int_equal(number(on, "launches", "embed_kernel", NULL),
				 number(on, "passes", "prefill", "passes") + made);
		per_pass = number(off, "cuda_calls", "cudaLaunchKernel", "calls") /
			   number(off, "launches", "embed_kernel", NULL);
		assert_int_equal(number(on, "graphs", "kernels", NULL),
				 per_pass * number(on, "graphs", "launches", NULL));
		assert_int_equal(number(on, "copies", "D2H", "calls"),
				 number(on, "passes", "prefill", "passes") + made);
		json_decref(off);
		json_decref(on);
	}
	unlink(weights_path);
}

static void digest_of(const char *program, const char *line, char *out)
{
	json_t *stats = run_stats(program, line);

	snprintf(out, 17, "%s", json_string_value(json_object_get(stats, "tokens_digest")));
	json_decref(stats);
}

/* Greedy: neither batches nor copies nor waiting change what is said; the seed does. */
static void test_same_tokens(void **state)
{
	static const char *const lines[] = {
		"--requests 20 --rate 50 --seed 7 --max-batch 1",
		"--requests 20 --rate 2000 --seed 7 --max-batch 32 --tokenizers 4",
		"--requests 20 --rate 500 --seed 7 --pinned off --batch-window-ms 0",
		"--requests 20 --rate 500 --seed 7 --sync spin",
	};
	char want[17], got[17];

	(void)state;
	digest_of(plain, "--requests 20 --rate 500 --seed 7", want);
	assert_int_equal(strlen(want), 16);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		digest_of(plain, lines[i], got);
		assert_string_equal(got, want);
	}
	unlink(weights_path);
	digest_of(plain, "--requests 20 --rate 500 --seed 8", got);
	assert_string_not_equal(got, want);
	unlink(weights_path);
}

/* What nvcc built runs on the emulated runtime unchanged, by itself or by LD_LIBRARY_PATH. */
static void test_nvcc_build(void **state)
{
	char want[17], got[17];

	(void)state;
	digest_of(plain, "--requests 20 --rate 500 --seed 7", want);
	digest_of(nvcc, "--requests 20 --rate 500 --seed 7", got);
	assert_string_equal(got, want);
	digest_of(nvcc, "--requests 20 --rate 500 --seed 7 --graphs on", got);
	assert_string_equal(got, want);
	setenv("LD_LIBRARY_PATH", BUILD "/emu", 1);
	digest_of(nvcc, "--requests 20 --rate 500 --seed 7", got);
	unsetenv("LD_LIBRARY_PATH");
	assert_string_equal(got, want);
	unlink(weights_path);
}

static void test_signals(void **state)
{
	char line[256];
	json_t *stats;
	int err;
	pid_t pid;

	(void)state;
	snprintf(line, sizeof(line), "--device emu --rate 200 --stats %s --weights %s", stats_path,
		 weights_path);
	for (int sig = SIGINT; sig <= SIGTERM; sig += SIGTERM - SIGINT) {
		unlink(stats_path);
		said[0] = '\0';
		pid = start(plain, line, &err);
		assert_true(wait_said(err, "infer-serve: ready pid="));
		usleep(300000);
		kill(pid, SIGUSR1);
		assert_true(wait_said(err, "new window"));
		usleep(100000);
		kill(pid, sig);
		assert_int_equal(finish(pid, err), 0);
		stats = json_load_file(stats_path, 0, NULL);
		assert_non_null(stats);
		assert_true(number(stats, "requests", NULL, NULL) > 10);
		assert_true(number(stats, "cuda_calls_window", "cudaLaunchKernel", "calls") <
			    number(stats, "cuda_calls_serving", "cudaLaunchKernel", "calls"));
		assert_true(number(stats, "marks_window", "requests", "begun") > 0);
		assert_true(number(stats, "marks_window", "requests", "begun") <
			    number(stats, "marks", "requests", "begun"));
		assert_true(number(stats, "marks_window", "requests", "count") <
			    number(stats, "marks", "requests", "count"));
		assert_int_equal(number(stats, "made", NULL, NULL),
				 number(stats, "requests", NULL, NULL) +
					 number(stats, "dropped", NULL, NULL) +
					 number(stats, "refused", NULL, NULL));
		json_decref(stats);
	}
	unlink(weights_path);
}

static void test_duration(void **state)
{
	json_t *stats = run_stats(plain, "--duration 0.5 --rate 100");
	double s = json_real_value(json_object_get(stats, "duration_s"));

	(void)state;
	assert_true(s >= 0.5 && s < 5);
	json_decref(stats);
	unlink(weights_path);
}

static void test_bad_input(void **state)
{
	static const char *const usage[] = {
		"--device tpu",
		"--duration -1",
		"--rate 0",
		"--requests 1.5",
		"--max-batch 33",
		"--bogus",
		"--model enormous",
		"--stats",
		"word",
		"--seed x",
		"--graphs on --pinned off",
		"--graphs on --scenario sync-each-op",
		"--scenario nosuch",
		"--scenario lock:",
		"--scenario lock:0",
		"--scenario lock:x",
		"--scenario lock:20:30",
		"--scenario baseline:1",
		"--scenario padding:129",
	};
	static const char *const failing[] = {
		"--device emu --requests 1 --weights /dev/null",
		"--device emu --requests 1 --weights /nonexistent/w",
		"--device emu --requests 1 --stats /nonexistent/s",
		"--device emu --requests 1 --stats /dev/full",
		"--device gpu --requests 1",
	};
	struct stat st;

	(void)state;
	for (size_t i = 0; i < sizeof(usage) / sizeof(usage[0]); i++) {
		int status = run(plain, usage[i]);

		if (status != 2 || strncmp(said, "infer-serve: ", 13) ||
		    strchr(said, '\n') != said + strlen(said) - 1)
			fail_msg("%s: status %d: %s", usage[i], status, said);
	}
	for (size_t i = 0; i < sizeof(failing) / sizeof(failing[0]); i++) {
		int status = run(plain, failing[i]);

		if (status != 1 || !strstr(said, "infer-serve: "))
			fail_msg("%s: status %d: %s", failing[i], status, said);
	}
	/* It was written to, not replaced. */
	assert_int_equal(stat("/dev/full", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
}

/* A device that fails is said, counted and ends the server, statistics and all. */
static void test_device_failure(void **state)
{
	(void)state;
	setenv("INFBPF_EMU_MEM_MB", "1", 1);
	assert_int_equal(run(plain, "--device emu --requests 1"), 1);
	unsetenv("INFBPF_EMU_MEM_MB");
	assert_non_null(strstr(said, "infer-serve: cudaMalloc: out of memory (2)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_agree), cmocka_unit_test(test_same_tokens),
		cmocka_unit_test(test_signals),	     cmocka_unit_test(test_duration),
		cmocka_unit_test(test_bad_input),    cmocka_unit_test(test_device_failure),
		cmocka_unit_test(test_graphs),
	};
	const struct CMUnitTest both[] = { cmocka_unit_test(test_nvcc_build) };
	int failed = cmocka_run_group_tests(tests, setup, teardown);

	if (nvcc)
		return failed + cmocka_run_group_tests(both, setup, teardown);
	/* cmocka's own skip() gives no reason, and "not ok". */
	printf("ok - test_nvcc_build # SKIP no nvcc: there is one build only\n");
	return failed;
}
