/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the screen says about CUDA calls: notes, lines about what they did, and the tables of --wide. */
#define _GNU_SOURCE
#include "cuda_profile.h"
#include "output.h"
#include "summary_part.h"

static char *summary(struct profile *p, const struct summary_options *o)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(summary_write(p, o, f), 0);
	fclose(f);
	return text;
}

static size_t count_lines(const char *text, size_t *widest)
{
	size_t n = 0, width = 0;

	*widest = 0;
	for (; *text; text++) {
		width = *text == '\n' ? 0 : width + 1;
		*widest = width > *widest ? width : *widest;
		n += *text == '\n';
	}
	return n;
}

#define HAS(text, what)                              \
	do {                                         \
		if (!strstr(text, what))             \
			print_message("%s", text);   \
		assert_non_null(strstr(text, what)); \
	} while (0)

/* One screen, whatever its size; the smaller, the less. */
static void fits_the_screen(void **unused)
{
	(void)unused;
	for (unsigned int lines = 0; lines < 60; lines++) {
		const struct summary_options o = { .columns = 80 + lines, .lines = lines };
		struct profile *p = cuda_profile();
		char *text = summary(p, &o);
		size_t widest;

		assert_true(count_lines(text, &widest) <= (lines > 24 ? lines : 24) - 2);
		assert_true(widest <= o.columns);
		HAS(text,
		    "  launches: 40,211/s, 13.0 % of executor's time; gemm_half_128x128 74.6 %");
		HAS(text, "  copies: H2D 1.10 GB at 6.18 GB/s in call");
		HAS(text, "  memory: device 62.9 MiB live, 750 MiB peak");
		HAS(text, "cudaStreamSynchronize");
		HAS(text, "executor");
		free(text);
		profile_free(p);
	}
}

static void says_what_there_is(void **unused)
{
	const struct summary_options o = { .columns = 100, .lines = 60 };
	struct profile *p = cuda_profile();
	char *text = summary(p, &o);

	(void)unused;
	HAS(text, "      spins: 99.7 % of its wait is CPU time\n");
	/* The driver's part of a call, below it. */
	HAS(text, "10.0 ms\n    cuLaunchKernel       402,110 2.10 us");
	HAS(text, "      waits: 97.0 % of the copies, blocked (pageable memory?)\n");
	HAS(text, "      2 cudaErrorMemoryAllocation, 1 error 12345\n");
	HAS(text, "softmax 22.4 %");
	HAS(text, "CUDA graph 1 3.0 %\n");
	HAS(text, "gaps between launches on the calling thread, executor: p50 12.0 us, p99 900 us");
	HAS(text, "in call (half up to 512 KiB)");
	HAS(text, "  streams: 96.8 % of 3.41 s sync wait is for 0x55d0c0de1000, one of 2\n");
	HAS(text, "churn 800/s");
	HAS(text, "4 frees of what was allocated before the trace");
	HAS(text, "  leaks: 82.0 MiB of 24 allocations live at the end: load_model 62.9 MiB");
	free(text);
	profile_free(p);
}

/* Balanced streams, one stream, streams hardly waited for: nothing to say. */
static void quiet_where_nothing_is(void **unused)
{
	const struct summary_options o = { .columns = 80, .lines = 60 };
	const struct profile_stream streams[] = {
		{ 1, "0x1", 10, 5, 5, 0, 2 * S, 5, 1100 * MS },
		{ 1, "0x2", 10, 5, 5, 0, 2 * S, 5, 1000 * MS },
		{ 2, "0x1", 10, 5, 5, 0, 2 * S, 5, 900 * MS },
		{ 3, "0x1", 10, 5, 5, 0, 2 * S, 5, 50 * MS },
		{ 3, "0x2", 10, 5, 5, 0, 2 * S, 5, 0 },
	};
	struct profile *p = profile_new();
	char *text;

	(void)unused;
	p->duration_ns = 10 * S;
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(profile_add_stream(p, &streams[i]), 0);
	text = summary(p, &o);
	assert_null(strstr(text, "streams"));
	assert_null(strstr(text, "launches"));
	assert_null(strstr(text, "copies"));
	assert_null(strstr(text, "memory:"));
	assert_null(strstr(text, "leaks"));
	free(text);
	profile_free(p);
}

/* Who asked for leaks is told that there are none. */
static void no_leaks(void **unused)
{
	const struct summary_options o = { .lines = 40, .leaks = true };
	const struct profile_memory m = { 1, "serve", "device", 5, 5, 4096, 0, 0, 4096, 0 };
	struct profile *p = profile_new();
	char *text;

	(void)unused;
	assert_int_equal(profile_add_memory(p, &m), 0);
	text = summary(p, &o);
	HAS(text, "  leaks: none\n");
	HAS(text, "  memory: device 0 live, 4.00 KiB peak\n");
	free(text);
	profile_free(p);
}

static void add_call(struct profile *p, struct profile_call c)
{
	c.pid = 1;
	c.process = "serve";
	c.wall_ns = 10 * MS;
	assert_int_equal(profile_add_call(p, &c), 0);
}

static void notes(void **unused)
{
	const struct summary_options o = { .lines = 60 }, wide = { .columns = 170, .lines = 60 };
	const struct summary_options *const options[] = { &o, &wide };

	(void)unused;
	for (size_t i = 0; i < 2; i++) {
		struct profile *p = profile_new();
		char *text;

		/* Some of both; one that others wait in as well; one query that is always told no. */
		add_call(p, (struct profile_call){ .name = "cudaDeviceSynchronize",
						   .group = "sync",
						   .is_sync = true,
						   .calls = 10,
						   .on_cpu_ns = 5 * MS,
						   .waited = 10,
						   .spun = 4,
						   .blocked_calls = 4 });
		add_call(p, (struct profile_call){ .name = "cudaMemcpy",
						   .group = "copy",
						   .api = "runtime",
						   .calls = 10,
						   .on_cpu_ns = 10 * MS,
						   .waited = 10,
						   .spun = 10 });
		add_call(p, (struct profile_call){ .name = "cudaEventSynchronize",
						   .group = "sync",
						   .is_sync = true,
						   .calls = 10,
						   .waited = 10,
						   .blocked_calls = 10 });
		add_call(p, (struct profile_call){ .name = "cudaEventQuery",
						   .group = "query",
						   .calls = 100,
						   .errors = 99 });
		add_call(p, (struct profile_call){ .name = "cuInit",
						   .group = "other",
						   .api = "driver",
						   .calls = 1,
						   .abandoned = 1 });
		add_call(p, (struct profile_call){ .name = "cuMemFree",
						   .group = "alloc",
						   .api = "driver",
						   .calls = 9,
						   .errors = 9 });
		text = summary(p, options[i]);
		HAS(text, "spins and blocks: 50.0 % of its wait is CPU time\n");
		HAS(text, "spins: 100 % of its wait is CPU time\n");
		HAS(text, "cuInit (driver)");
		HAS(text, "1 abandoned\n");
		HAS(text, "9 errors\n");
		/* Only where there is room for it. */
		assert_true(!strstr(text, "  blocks\n") == (i == 0));
		assert_true(!strstr(text, "  99 errors\n") == (i == 0));
		free(text);
		profile_free(p);
	}
}

/* Calls within a call whose own row is missing still show; several processes keep apart. */
static void calls_within_calls(void **unused)
{
	const struct summary_options o = { .lines = 60, .wide = true };
	static const struct profile_call calls[] = {
		{ .pid = 1, .name = "cudaMalloc", .wall_ns = 50, .calls = 1 },
		{ .pid = 2, .name = "cudaMalloc", .wall_ns = 90, .calls = 1 },
		{ .pid = 1,
		  .name = "cuMemAlloc",
		  .inside = "cudaMalloc",
		  .wall_ns = 40,
		  .calls = 2 },
		{ .pid = 2,
		  .name = "cuMemAlloc",
		  .inside = "cudaMalloc",
		  .wall_ns = 1,
		  .calls = 3 },
		{ .pid = 2, .name = "cuInit", .inside = "cudaFree", .wall_ns = 9, .calls = 4 },
		{ .pid = 2,
		  .name = "cuCtxSetCurrent",
		  .inside = "cudaMalloc",
		  .wall_ns = 60,
		  .calls = 1 },
	};
	static const char *const want[] = { "  cudaMalloc ",   "    cuCtxSetCurrent ",
					    "    cuMemAlloc ", "  cudaMalloc ",
					    "    cuMemAlloc ", "    cuInit " };
	struct profile *p = profile_new();
	const char *at;
	char *text;

	(void)unused;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		assert_int_equal(profile_add_call(p, &calls[i]), 0);
	text = summary(p, &o);
	at = strstr(text, "GPU CALLS");
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		at = strchr(at, '\n') + 1;
		assert_memory_equal(at, want[i], strlen(want[i]));
	}
	free(text);
	profile_free(p);
}

static void all_tables_when_asked(void **unused)
{
	const struct summary_options o = { .columns = 80, .wide = true };
	struct profile *p = cuda_profile();
	char *text = summary(p, &o);
	size_t widest;

	(void)unused;
	count_lines(text, &widest);
	assert_true(widest <= 80);
	HAS(text, " ERRORS                         calls   code  error\n"
		  "  cudaMalloc                        2      2  cudaErrorMemoryAllocation\n"
		  "  cudaMalloc                        1  12345  [unknown]\n");
	HAS(text,
	    " KERNELS LAUNCHED           calls     rate    wall    mean     gap  from\n"
	    "  gemm_half_128x128       300,000 30,000/s  900 ms 3.00 us 16.7 us  decode_step\n");
	HAS(text,
	    " GAPS, CALLING THREAD       tid launches   share gap p50     p95     p99 longest\n"
	    "  executor                 4250  400,000  13.0 % 12.0 us 80.0 us  900 us 90.0 ms\n");
	HAS(text,
	    " STREAMS                launches   copies    bytes     wall    syncs sync wait\n"
	    "  0x55d0c0de1000         298,000    2,000   600 MB   3.00 s    3,000    3.30 s\n");
	HAS(text, "  H2D                 4,000    1.10 GB     178 ms     6.18 GB/s\n");
	HAS(text, "  D2H                   1 B          1      4.8 %\n"
		  "  D2H               128 KiB         20     95.2 %\n");
	HAS(text,
	    "  device             39   763 MiB      39       4   62.9 MiB   750 MiB         4\n");
	HAS(text, "  device             39   763 MiB  62.9 MiB  cudaMalloc < load_model < main\n");
	free(text);
	profile_free(p);
}

/* --returns none: what was not measured is not shown as 0. */
static void without_returns(void **unused)
{
	struct summary_options o = { .columns = 80, .lines = 60 };

	(void)unused;
	for (int wide = 0; wide < 2; wide++) {
		struct profile *p = cuda_profile();
		char *text;

		o.wide = wide;
		p->entries_only = true;
		text = summary(p, &o);
		HAS(text, " GPU CALLS                             calls  per second       bytes\n");
		HAS(text, "  cudaMemcpyAsync                      4,021       402/s     1.10 GB\n");
		HAS(text, "  launches: 40,211/s; gemm_half_128x128");
		HAS(text, "CUDA calls' lengths and errors, GPU memory (--returns none)");
		HAS(text, "copies: H2D 1.10 GB (half up to 512 KiB), D2H 2.00 MB");
		assert_null(strstr(text, "B/s in call"));
		assert_null(strstr(text, "leaks"));
		assert_null(strstr(text, "memory:"));
		assert_null(strstr(text, "spins"));
		assert_null(strstr(text, "cudaErrorMemoryAllocation"));
		if (wide)
			HAS(text,
			    "  gemm_half_128x128       300,000 30,000/s       -       -       -");
		free(text);
		profile_free(p);
	}
}

/* Kernels and their callers are named by the program. */
static void hostile_names_cannot_steer_the_terminal(void **unused)
{
	static const char bad[] = "\033[2J\n\xff\xc2\x9b";
	static const char *const frames[] = { bad, "cudaMalloc" };
	const struct profile_launch l = { 1, bad, bad, false, 7, 0, 10, 0, 0 };
	const struct profile_stream s = { 1, bad, 1, 1, 0, 0, S, 1, S };
	const struct profile_memory m = { 1, bad, "device", 1, 0, 7, 1, 7, 7, 0 };
	const struct profile_allocation a = {
		1, bad, "device", "cudaMalloc", frames, 2, 1, 7, 1, 7
	};
	const struct profile_error e = { 1, bad, NULL, 2, bad, 1 };
	const struct profile_call c = {
		.pid = 1, .name = bad, .api = "driver", .calls = 1, .errors = 1
	};

	(void)unused;
	for (int wide = 0; wide < 2; wide++) {
		const struct summary_options o = { .lines = 60, .wide = wide };
		struct profile *p = profile_new();
		char *text;

		assert_int_equal(profile_add_launch(p, &l), 0);
		assert_int_equal(profile_add_stream(p, &s), 0);
		assert_int_equal(profile_add_memory(p, &m), 0);
		assert_int_equal(profile_add_allocation(p, &a), 0);
		assert_int_equal(profile_add_error(p, &e), 0);
		assert_int_equal(profile_add_call(p, &c), 0);
		p->duration_ns = S;
		text = summary(p, &o);
		HAS(text, "leaks: 7 B of 1 allocations");
		for (const char *at = text; *at; at++) {
			assert_true(*at == '\n' || (unsigned char)*at >= 0x20);
			assert_true((unsigned char)*at != 0x9b && (unsigned char)*at != 0xff);
		}
		free(text);
		profile_free(p);
	}
}

static void names_of_cxx(void **unused)
{
	static const struct {
		const char *name, *bare, *within;
	} cases[] = {
		{ "gemm", "gemm", "gemm" },
		{ "void softmax<float, 4>(float*, int)", "softmax", "softmax" },
		{ "void at::native::(anonymous namespace)::sort<int>(int*)", "sort",
		  "at::native::sort" },
		{ "(anonymous namespace)::f(int)", "f", "f" },
		{ "Model::load(std::string const&)", "load", "Model::load" },
		{ "[unknown]", "[unknown]", "[unknown]" },
		{ "std::vector<int>::push_back(int&&)", "push_back", "std::vector::push_back" },
		{ "<odd>", "<odd>", "<odd>" },
		{ "", "", "" },
	};
	char buf[CELL_SIZE];

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_string_equal(summary_name(cases[i].name, true, buf, sizeof(buf)),
				    cases[i].bare);
		assert_string_equal(summary_name(cases[i].name, false, buf, sizeof(buf)),
				    cases[i].within);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fits_the_screen),
		cmocka_unit_test(says_what_there_is),
		cmocka_unit_test(quiet_where_nothing_is),
		cmocka_unit_test(no_leaks),
		cmocka_unit_test(notes),
		cmocka_unit_test(calls_within_calls),
		cmocka_unit_test(all_tables_when_asked),
		cmocka_unit_test(without_returns),
		cmocka_unit_test(names_of_cxx),
		cmocka_unit_test(hostile_names_cannot_steer_the_terminal),
	};

	return cmocka_run_group_tests_name("summary_calls", tests, NULL, NULL);
}
