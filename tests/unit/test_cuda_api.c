// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The table of CUDA calls, --gpu-calls, the names of errors.
 *
 * With an argument it prints what cuda_headers.py holds against NVIDIA's headers: "rows", "errors".
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "cuda.h"

#define DEFAULT_KIND 5 /* cudaMemcpyDefault + 1 */

static const struct cuda_call *call_named(const char *name)
{
	for (size_t i = 0; i < cuda_calls_n; i++)
		if (!strcmp(cuda_calls[i].name, name))
			return &cuda_calls[i];
	fail_msg("no row for %s", name);
	return NULL;
}

static void check(bool so, const struct cuda_call *c, const char *what)
{
	if (!so)
		fail_msg("%s: %s", c->name, what);
}

static void row_is_whole(const struct cuda_call *c)
{
	const uint8_t args[] = { c->bytes_arg,	c->times_arg, c->kind_arg,
				 c->object_arg, c->dst_arg,   c->src_arg };
	const bool copy = c->what == CALL_COPY || c->what == CALL_ASYNC_COPY;
	const bool ends = c->dst_arg || c->src_arg;

	for (size_t i = 0; i < sizeof(args); i++)
		check(args[i] <= 14, c, "an argument's number has four bits, and 15 is taken");
	check(c->stream_arg <= 15 && c->name_arg >= -14 && c->name_arg <= 14, c, "so it is here");
	check(!c->times_arg || c->bytes_arg, c, "a product without its first factor");
	check(!c->kind_arg || !c->fixed_kind, c, "two kinds");
	check((!c->kind_arg && !c->fixed_kind) || copy, c, "a kind, but no copy");
	check(c->fixed_kind <= DEFAULT_KIND, c, "a kind that there is not");
	check(!ends || (c->dst_arg && c->src_arg), c, "one end");
	check(!ends || c->kind_arg || c->fixed_kind == DEFAULT_KIND, c, "ends of a known kind");
	check(!copy || c->group == CUDA_COPY, c, "a copy in another group");
	check((c->what == CALL_LAUNCH) == (c->group == CUDA_LAUNCH), c, "group and what disagree");
	check((c->what == CALL_SYNC) == (c->group == CUDA_SYNC), c, "group and what disagree");
	check((c->what == CALL_ALLOC) == (c->memory && c->what != CALL_FREE), c, "memory of what?");
	check(c->what != CALL_FREE || !c->memory || c->memory == MEMORY_HANDLE, c, "frees a kind");
	check(c->what == CALL_PLAIN || copy || c->what == CALL_SYNC || c->object_arg ||
		      strstr(c->name, "MultiDevice"),
	      c, "no object");
	check(!c->object_arg || (c->what != CALL_PLAIN && !copy && c->what != CALL_SYNC), c,
	      "an object of no use");
	check(!c->name_arg == (c->what != CALL_NAMED && c->what != CALL_REGISTER), c, "a name");
	check(c->name_arg >= 0 || c->what == CALL_NAMED, c,
	      "only handles have other objects' names");
	check(c->shape != SHAPE_NCCL_TYPE || c->times_arg, c, "where is the type?");
	check(c->shape < SHAPE_COPY_3D || c->shape > SHAPE_DRIVER_3D || !c->bytes_arg, c,
	      "bytes twice");
}

static void rows_are_whole(void **state)
{
	static const char *const starts[] = { "cuda", "cu", "nccl" };

	(void)state;
	assert_true(cuda_calls_n > 300 && cuda_calls_n < 0xfff);
	for (size_t i = 0; i < cuda_calls_n; i++) {
		const struct cuda_call *c = &cuda_calls[i];
		const char *start = c->name + (strncmp(c->name, "__", 2) ? 0 : 2);
		enum call_api api = strncmp(start, "nccl", 4)
					    ? strncmp(start, "cuda", 4) ? API_DRIVER : API_RUNTIME
					    : API_NCCL;

		assert_non_null(c->variants);
		assert_int_equal(c->api, api);
		assert_true(!strncmp(start, starts[api], strlen(starts[api])));
		assert_in_range(c->group, 0, CUDA_GROUPS - 1);
		assert_int_equal(c->api == API_NCCL, c->group == CUDA_COLLECTIVE);
		assert_true(c->on_request || c->api != API_NCCL);
		row_is_whole(c);
	}
}

/* What the look-up rests on. A name twice would make the row it counts for a matter of order. */
static void names_are_sorted(void **state)
{
	const char *all[2048];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < cuda_calls_n; i++) {
		if (i && strcmp(cuda_calls[i - 1].name, cuda_calls[i].name) >= 0)
			fail_msg("%s is behind %s", cuda_calls[i].name, cuda_calls[i - 1].name);
		assert_true(n < sizeof(all) / sizeof(*all) - 8);
		all[n++] = cuda_calls[i].name;
		for (const char *const *v = cuda_calls[i].variants; *v; v++)
			all[n++] = *v;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(all[i], all[k]);
}

static bool ends_with(const char *s, const char *end)
{
	const size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

static void look_up(void **state)
{
	static const char *const none[] = {
		"",
		"c",
		"cu",
		"cuda",
		"__cuda",
		"_ptsz",
		"nccl",
		"memcpy",
		"cudaMemcpy_",
		"cudaMemcp",
		"cudaMemcpyX",
		"cudaMemcpy_ptsz",
		"cudaMemcpy_ptds_ptds",
		"cudaMemcpyAsync_v2",
		"__cudaMemcpy",
		"__cudaLaunchKernel_v2",
		"cudaGetLastError",
		"cudaGetDevice",
		"__cudaPushCallConfiguration",
		"cuCtxSetCurrent",
		"cuMemAlloc_v3",
		"_Z10cudaMallocv",
		"cublasCreate_v2",
		"zzz",
	};
	bool per_thread;

	(void)state;
	for (size_t i = 0; i < cuda_calls_n; i++) {
		per_thread = true;
		assert_int_equal(cuda_call_row(cuda_calls[i].name, &per_thread), i);
		assert_false(per_thread);
		for (const char *const *v = cuda_calls[i].variants; *v; v++) {
			assert_int_equal(cuda_call_row(*v, NULL), i);
			assert_int_equal(cuda_call_row(*v, &per_thread), i);
			assert_int_equal(per_thread,
					 ends_with(*v, "_ptsz") || ends_with(*v, "_ptds"));
		}
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		if (cuda_call_row(none[i], &per_thread) != cuda_calls_n)
			fail_msg("%s has a row", none[i]);
}

/* A program's symbols are looked up one by one. Here in CPU time under the sanitizers, which make it
 * five times slower; a search from end to end takes seconds. */
static void look_up_is_fast(void **state)
{
	char names[1000][32];
	clock_t start;
	double took;

	(void)state;
	for (int i = 0; i < 1000; i++)
		snprintf(names[i], sizeof(names[i]), "%s%c%dAsync", i % 2 ? "cudaMem" : "cuMem",
			 'A' + i % 26, i);
	start = clock();
	for (int i = 0; i < 100000; i++)
		assert_true(cuda_call_row(names[i % 1000], NULL) == cuda_calls_n);
	took = (double)(clock() - start) / CLOCKS_PER_SEC;
	print_message("# 100,000 names: %.1f ms\n", took * 1000);
	assert_true(took < 0.4);
}

static void cookies(void **state)
{
	(void)state;
	for (size_t i = 0; i < cuda_calls_n; i++) {
		const struct cuda_call *c = &cuda_calls[i];

		for (int per_thread = 0; per_thread < 2; per_thread++) {
			uint64_t cookie = cuda_call_cookie(i, per_thread);

			assert_int_equal(COOKIE_CALL(cookie), i + 1);
			assert_int_equal(COOKIE_BYTES(cookie), c->bytes_arg);
			assert_int_equal(COOKIE_TIMES(cookie), c->times_arg);
			assert_int_equal(COOKIE_KIND(cookie), c->kind_arg);
			assert_int_equal(COOKIE_FIXED(cookie), c->fixed_kind);
			assert_int_equal(COOKIE_STREAM(cookie), c->stream_arg);
			assert_int_equal(COOKIE_OBJECT(cookie), c->object_arg);
			assert_int_equal(COOKIE_WHAT(cookie), c->what);
			assert_int_equal(COOKIE_MEMORY(cookie), c->memory);
			assert_int_equal(COOKIE_SHAPE(cookie), c->shape);
			assert_int_equal(COOKIE_DST(cookie), c->dst_arg);
			assert_int_equal(COOKIE_SRC(cookie), c->src_arg);
			assert_int_equal(COOKIE_NAME(cookie), abs(c->name_arg));
			assert_int_equal(COOKIE_API(cookie), c->api);
			assert_int_equal(!!(cookie & COOKIE_ALIAS), c->name_arg < 0);
			assert_int_equal(!!(cookie & COOKIE_PER_THREAD), per_thread);
			assert_false(cookie & COOKIE_COSTLY);
			assert_false(cookie >> 63);
		}
		assert_string_equal(cuda_call_name(i + 1), c->name);
	}
	assert_null(cuda_call_name(0));
	assert_null(cuda_call_name(cuda_calls_n + 1));
}

/* A few by hand; cuda_headers.py holds them all against the prototypes, where there are headers. */
static void arguments(void **state)
{
	static const struct {
		const char *name;
		enum cuda_group group;
		uint8_t bytes, times, kind, fixed, stream, object;
	} rows[] = {
		{ "cudaLaunchKernel", CUDA_LAUNCH, 0, 0, 0, 0, 8, 1 },
		{ "cudaLaunchKernelExC", CUDA_LAUNCH, 0, 0, 0, 0, 0, 2 },
		{ "cudaGraphLaunch", CUDA_LAUNCH, 0, 0, 0, 0, 2, 1 },
		{ "cuLaunchKernel", CUDA_LAUNCH, 0, 0, 0, 0, 9, 1 },
		{ "cudaMemcpy", CUDA_COPY, 3, 0, 4, 0, STREAM_DEFAULT_ARG, 0 },
		{ "cudaMemcpyAsync", CUDA_COPY, 3, 0, 4, 0, 5, 0 },
		{ "cudaMemcpy2D", CUDA_COPY, 5, 6, 7, 0, STREAM_DEFAULT_ARG, 0 },
		{ "cudaMemcpy2DFromArrayAsync", CUDA_COPY, 6, 7, 8, 0, 9, 0 },
		{ "cudaMemcpyToSymbol", CUDA_COPY, 3, 0, 5, 0, STREAM_DEFAULT_ARG, 0 },
		{ "cudaMemcpyPeer", CUDA_COPY, 5, 0, 0, 4, STREAM_DEFAULT_ARG, 0 },
		{ "cuMemcpyHtoDAsync", CUDA_COPY, 3, 0, 0, 2, 4, 0 },
		{ "cuMemcpyDtoH", CUDA_COPY, 3, 0, 0, 3, STREAM_DEFAULT_ARG, 0 },
		{ "cuMemcpyAsync", CUDA_COPY, 3, 0, 0, 5, 4, 0 },
		{ "cudaMemset", CUDA_SET, 3, 0, 0, 0, STREAM_DEFAULT_ARG, 0 },
		{ "cudaMemset2DAsync", CUDA_SET, 4, 5, 0, 0, 6, 0 },
		{ "cuMemsetD32Async", CUDA_SET, 3, 0, 0, 0, 4, 0 },
		{ "cudaMalloc", CUDA_ALLOC, 2, 0, 0, 0, 0, 1 },
		{ "cudaMallocPitch", CUDA_ALLOC, 3, 4, 0, 0, 0, 1 },
		{ "cudaMallocAsync", CUDA_ALLOC, 2, 0, 0, 0, 3, 1 },
		{ "cudaHostAlloc", CUDA_ALLOC, 2, 0, 0, 0, 0, 1 },
		{ "cudaFree", CUDA_ALLOC, 0, 0, 0, 0, 0, 1 },
		{ "cudaFreeAsync", CUDA_ALLOC, 0, 0, 0, 0, 2, 1 },
		{ "cuMemRelease", CUDA_ALLOC, 0, 0, 0, 0, 0, 1 },
		{ "cudaStreamSynchronize", CUDA_SYNC, 0, 0, 0, 0, 1, 0 },
		{ "cudaStreamQuery", CUDA_QUERY, 0, 0, 0, 0, 1, 0 },
		{ "cudaEventRecord", CUDA_EVENT, 0, 0, 0, 0, 2, 0 },
		{ "cuModuleGetFunction", CUDA_MODULE, 0, 0, 0, 0, 0, 1 },
		{ "ncclAllReduce", CUDA_COLLECTIVE, 3, 4, 0, 0, 7, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct cuda_call *c = call_named(rows[i].name);

		assert_int_equal(c->group, rows[i].group);
		assert_int_equal(c->bytes_arg, rows[i].bytes);
		assert_int_equal(c->times_arg, rows[i].times);
		assert_int_equal(c->kind_arg, rows[i].kind);
		assert_int_equal(c->fixed_kind, rows[i].fixed);
		assert_int_equal(c->stream_arg, rows[i].stream);
		assert_int_equal(c->object_arg, rows[i].object);
	}
	assert_int_equal(call_named("cudaMemcpy2D")->src_arg, 3);
	assert_int_equal(call_named("__cudaRegisterFunction")->name_arg, 4);
	assert_int_equal(call_named("__cudaGetKernel")->name_arg, -2);
	assert_int_equal(call_named("cuMemRelease")->memory, MEMORY_HANDLE);
}

static void kinds(void **state)
{
	/* cudaMemcpyKind: HostToHost 0, HostToDevice 1, DeviceToHost 2, DeviceToDevice 3, Default 4. */
	static const char *const copies[] = { "H2H", "H2D", "D2H", "D2D", "default" };
	static const char *const apis[] = { "runtime", "driver", "nccl" };

	(void)state;
	for (unsigned int kind = 0; kind < 5; kind++)
		assert_string_equal(cuda_copy_kind(kind + 1), copies[kind]);
	assert_null(cuda_copy_kind(0));
	assert_null(cuda_copy_kind(6));
	assert_null(cuda_copy_kind(UINT32_MAX));
	for (int api = 0; api < 3; api++)
		assert_string_equal(cuda_api_name(api), apis[api]);
	assert_string_equal(cuda_memory_kind(MEMORY_DEVICE), "device");
	assert_string_equal(cuda_memory_kind(MEMORY_HANDLE), "handle");
	assert_null(cuda_memory_kind(0));
	assert_null(cuda_memory_kind(MEMORY_HANDLE + 1));
	for (int g = 0; g < CUDA_GROUPS; g++) {
		assert_non_null(cuda_group_name(g));
		for (int k = 0; k < g; k++)
			assert_string_not_equal(cuda_group_name(g), cuda_group_name(k));
	}
}

static void errors(void **state)
{
	static const struct {
		enum call_api api;
		int code;
		const char *name;
	} some[] = {
		{ API_RUNTIME, 0, "cudaSuccess" },
		{ API_RUNTIME, 2, "cudaErrorMemoryAllocation" },
		{ API_RUNTIME, 35, "cudaErrorInsufficientDriver" },
		{ API_RUNTIME, 600, "cudaErrorNotReady" },
		{ API_RUNTIME, 999, "cudaErrorUnknown" },
		{ API_DRIVER, 0, "CUDA_SUCCESS" },
		{ API_DRIVER, 2, "CUDA_ERROR_OUT_OF_MEMORY" },
		{ API_DRIVER, 600, "CUDA_ERROR_NOT_READY" },
		{ API_DRIVER, 700, "CUDA_ERROR_ILLEGAL_ADDRESS" },
		{ API_DRIVER, 999, "CUDA_ERROR_UNKNOWN" },
		{ API_NCCL, 0, "ncclSuccess" },
		{ API_NCCL, 5, "ncclInvalidUsage" },
		{ API_NCCL, 7, "ncclInProgress" },
	};
	static const int rows[] = { 134, 101, 8 };

	(void)state;
	for (size_t i = 0; i < sizeof(some) / sizeof(*some); i++)
		assert_string_equal(cuda_error_name(some[i].api, some[i].code), some[i].name);
	for (int api = 0; api < 3; api++) {
		int known = 0;

		/* Every row is found, so the table is sorted. */
		for (int code = -10; code < 20000; code++)
			known += cuda_error_name(api, code) != NULL;
		assert_int_equal(known, rows[api]);
		assert_null(cuda_error_name(api, -1));
		assert_null(cuda_error_name(api, 8888));
	}
	assert_null(cuda_error_name(3, 0));
}

static bool chosen[0xfff];

static void choose(const char *list)
{
	const char *bad;
	size_t bad_n;

	memset(chosen, 0x55, sizeof(chosen));
	if (cuda_select(list, chosen, &bad, &bad_n))
		fail_msg("%s is refused: %.*s", list, (int)bad_n, bad);
}

static bool has(const char *name)
{
	return chosen[call_named(name) - cuda_calls];
}

static bool names_kernels(const struct cuda_call *c)
{
	return c->what == CALL_NAMED || c->what == CALL_REGISTER;
}

static void select_groups(void **state)
{
	(void)state;
	for (int g = 0; g < CUDA_GROUPS; g++) {
		choose(cuda_group_name(g));
		for (size_t i = 0; i < cuda_calls_n; i++) {
			const struct cuda_call *c = &cuda_calls[i];

			assert_int_equal(chosen[i], (int)c->group == g ||
							    (g == CUDA_LAUNCH && names_kernels(c)));
		}
	}
	choose("none");
	for (size_t i = 0; i < cuda_calls_n; i++)
		assert_false(chosen[i]);
	choose("all");
	for (size_t i = 0; i < cuda_calls_n; i++)
		assert_true(chosen[i]);
	choose("default");
	for (size_t i = 0; i < cuda_calls_n; i++)
		assert_int_equal(chosen[i], !cuda_calls[i].on_request);
	choose("copy,sync");
	assert_true(has("cudaMemcpy") && has("cuMemcpyHtoD") && has("cudaDeviceSynchronize"));
	assert_false(has("cudaMalloc") || has("cudaLaunchKernel") || has("__cudaRegisterFunction"));
	choose("none,copy,none");
	assert_true(has("cudaMemcpy") && !has("cudaMalloc"));
	choose("graph");
	assert_true(has("cudaStreamIsCapturing") && has("cudaGraphInstantiate"));
	choose("default,graph");
	assert_true(has("cudaStreamIsCapturing") && has("cudaMalloc") && !has("cudaSetDevice"));
}

static void select_libraries(void **state)
{
	static const struct {
		const char *list;
		bool runtime, driver, nccl;
	} defaults[] = {
		{ "runtime", true, false, false },	 { "driver", false, true, false },
		{ "driver,runtime", true, true, false }, { "runtime,nccl", true, false, true },
		{ "nccl,driver", false, true, true },	 { "nccl", false, false, true },
		{ "default,nccl", true, true, true },	 { "default,runtime", true, false, false },
		{ "runtime,none", false, false, false },
	};

	(void)state;
	for (size_t k = 0; k < sizeof(defaults) / sizeof(*defaults); k++) {
		const bool libraries[] = { defaults[k].runtime, defaults[k].driver,
					   defaults[k].nccl };

		choose(defaults[k].list);
		for (size_t i = 0; i < cuda_calls_n; i++) {
			const struct cuda_call *c = &cuda_calls[i];
			const bool asked = c->api == API_NCCL || !c->on_request;

			if (chosen[i] != (libraries[c->api] && asked))
				fail_msg("%s: %s", defaults[k].list, c->name);
		}
	}
	choose("launch,driver");
	assert_true(has("cuLaunchKernel") && has("cuModuleGetFunction"));
	assert_false(has("cudaLaunchKernel") || has("cudaLibraryGetKernel") || has("cuMemAlloc"));
	choose("runtime,launch,nccl");
	assert_true(has("cudaLaunchKernel") && has("__cudaRegisterFunction") &&
		    has("ncclAllReduce"));
	assert_false(has("cuLaunchKernel") || has("cudaMalloc") || has("cuModuleGetFunction"));
	choose("all,runtime");
	assert_true(has("cudaSetDevice") && !has("cuMemAlloc") && !has("ncclSend"));
	choose("launch,nccl");
	assert_true(has("cudaLaunchKernel") && has("cuLaunchKernel") && has("ncclSend"));
}

static void select_refuses(void **state)
{
	static const struct {
		const char *list;
		size_t at, n;
	} refused[] = {
		{ "", 0, 0 },
		{ ",", 0, 0 },
		{ "copy,", 5, 0 },
		{ ",copy", 0, 0 },
		{ "copy,,sync", 5, 0 },
		{ "copies", 0, 6 },
		{ "cop", 0, 3 },
		{ "Copy", 0, 4 },
		{ "launch, copy", 7, 5 },
		{ "copy,x,y", 5, 1 },
		{ "all,cudaMalloc", 4, 10 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		const char *bad = NULL;
		size_t bad_n = 99;

		assert_int_equal(cuda_select(refused[i].list, chosen, &bad, &bad_n), -EINVAL);
		assert_ptr_equal(bad, refused[i].list + refused[i].at);
		assert_int_equal(bad_n, refused[i].n);
	}
}

static void print_rows(void)
{
	printf("name api group on_request what bytes times kind fixed stream object dst src name_arg "
	       "memory shape variants\n");
	for (size_t i = 0; i < cuda_calls_n; i++) {
		const struct cuda_call *c = &cuda_calls[i];

		printf("%s %s %s %d %d %d %d %d %d %d %d %d %d %d %d %d ", c->name,
		       cuda_api_name(c->api), cuda_group_name(c->group), c->on_request, c->what,
		       c->bytes_arg, c->times_arg, c->kind_arg, c->fixed_kind, c->stream_arg,
		       c->object_arg, c->dst_arg, c->src_arg, c->name_arg, c->memory, c->shape);
		for (const char *const *v = c->variants; *v; v++)
			printf("%s,", *v);
		putchar('\n');
	}
}

static void print_errors(void)
{
	for (int api = 0; api < 3; api++)
		for (int code = 0; code < 20000; code++)
			if (cuda_error_name(api, code))
				printf("%s %d %s\n", cuda_api_name(api), code,
				       cuda_error_name(api, code));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_whole), cmocka_unit_test(names_are_sorted),
		cmocka_unit_test(look_up),	  cmocka_unit_test(look_up_is_fast),
		cmocka_unit_test(cookies),	  cmocka_unit_test(arguments),
		cmocka_unit_test(kinds),	  cmocka_unit_test(errors),
		cmocka_unit_test(select_groups),  cmocka_unit_test(select_libraries),
		cmocka_unit_test(select_refuses),
	};

	if (argc == 2 && !strcmp(argv[1], "rows")) {
		print_rows();
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "errors")) {
		print_errors();
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
