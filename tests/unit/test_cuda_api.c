// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "cuda.h"

static const struct cuda_call *call_named(const char *name)
{
	for (size_t i = 0; i < cuda_calls_n; i++)
		if (!strcmp(cuda_calls[i].name, name))
			return &cuda_calls[i];
	fail_msg("no row for %s", name);
	return NULL;
}

static void rows_are_whole(void **state)
{
	(void)state;
	assert_true(cuda_calls_n > 40 && cuda_calls_n < 256);
	for (size_t i = 0; i < cuda_calls_n; i++) {
		const struct cuda_call *c = &cuda_calls[i];

		assert_non_null(c->name);
		assert_non_null(c->variants);
		assert_string_equal(c->api, "runtime");
		/* Four bits each in the cookie; a product needs its first factor. */
		assert_true(c->bytes_arg <= 15 && c->times_arg <= 15 && c->kind_arg <= 15);
		assert_true(!c->times_arg || c->bytes_arg);
		assert_true(!c->kind_arg || !c->fixed_kind);
		assert_true(!c->kind_arg || c->class == CUDA_COPY);
		assert_true(c->fixed_kind <= 5);
	}
}

/* A name twice would make the row it counts for a matter of order. */
static void names_are_unique(void **state)
{
	const char *all[1024];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < cuda_calls_n; i++) {
		all[n++] = cuda_calls[i].name;
		for (const char *const *v = cuda_calls[i].variants; *v; v++)
			all[n++] = *v;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(all[i], all[k]);
}

static void cookies(void **state)
{
	(void)state;
	for (size_t i = 0; i < cuda_calls_n; i++) {
		uint64_t cookie = cuda_call_cookie(i);

		assert_int_equal(COOKIE_CALL(cookie), i + 1);
		assert_int_equal(COOKIE_BYTES(cookie), cuda_calls[i].bytes_arg);
		assert_int_equal(COOKIE_TIMES(cookie), cuda_calls[i].times_arg);
		assert_int_equal(COOKIE_KIND(cookie), cuda_calls[i].kind_arg);
		assert_string_equal(cuda_call_name(i + 1), cuda_calls[i].name);
	}
	assert_null(cuda_call_name(0));
	assert_null(cuda_call_name(cuda_calls_n + 1));
}

/* Against the prototypes in cuda_runtime_api.h. */
static void arguments(void **state)
{
	static const struct {
		const char *name;
		enum cuda_class class;
		uint8_t bytes, times, kind, fixed;
	} rows[] = {
		{ "cudaLaunchKernel", CUDA_LAUNCH, 0, 0, 0, 0 },
		{ "cudaGraphLaunch", CUDA_LAUNCH, 0, 0, 0, 0 },
		{ "cudaMemcpy", CUDA_COPY, 3, 0, 4, 0 },
		{ "cudaMemcpyAsync", CUDA_COPY, 3, 0, 4, 0 },
		{ "cudaMemcpy2D", CUDA_COPY, 5, 6, 7, 0 },
		{ "cudaMemcpy2DFromArray", CUDA_COPY, 6, 7, 8, 0 },
		{ "cudaMemcpyToSymbol", CUDA_COPY, 3, 0, 5, 0 },
		{ "cudaMemcpyPeer", CUDA_COPY, 5, 0, 0, 4 },
		{ "cudaMemset", CUDA_OTHER, 3, 0, 0, 0 },
		{ "cudaMemset2D", CUDA_OTHER, 4, 5, 0, 0 },
		{ "cudaMalloc", CUDA_ALLOC, 2, 0, 0, 0 },
		{ "cudaMallocPitch", CUDA_ALLOC, 3, 4, 0, 0 },
		{ "cudaHostAlloc", CUDA_ALLOC, 2, 0, 0, 0 },
		{ "cudaFree", CUDA_ALLOC, 0, 0, 0, 0 },
		{ "cudaStreamSynchronize", CUDA_SYNC, 0, 0, 0, 0 },
		{ "cudaStreamQuery", CUDA_OTHER, 0, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct cuda_call *c = call_named(rows[i].name);

		assert_int_equal(c->class, rows[i].class);
		assert_int_equal(c->bytes_arg, rows[i].bytes);
		assert_int_equal(c->times_arg, rows[i].times);
		assert_int_equal(c->kind_arg, rows[i].kind);
		assert_int_equal(c->fixed_kind, rows[i].fixed);
	}
}

static void copy_kinds(void **state)
{
	/* cudaMemcpyKind: HostToHost 0, HostToDevice 1, DeviceToHost 2, DeviceToDevice 3, Default 4. */
	static const char *const kinds[] = { "H2H", "H2D", "D2H", "D2D", "default" };

	(void)state;
	for (unsigned int kind = 0; kind < 5; kind++)
		assert_string_equal(cuda_copy_kind(kind + 1), kinds[kind]);
	assert_null(cuda_copy_kind(0));
	assert_null(cuda_copy_kind(6));
	assert_null(cuda_copy_kind(UINT32_MAX));
}

static void errors(void **state)
{
	int last = -1, known = 0;

	(void)state;
	assert_string_equal(cuda_error_name(0), "cudaSuccess");
	assert_string_equal(cuda_error_name(2), "cudaErrorMemoryAllocation");
	assert_string_equal(cuda_error_name(35), "cudaErrorInsufficientDriver");
	assert_string_equal(cuda_error_name(600), "cudaErrorNotReady");
	assert_string_equal(cuda_error_name(999), "cudaErrorUnknown");
	assert_null(cuda_error_name(-1));
	assert_null(cuda_error_name(8888));
	/* Every row is found, so the table is sorted. */
	for (int code = 0; code < 1000; code++) {
		if (!cuda_error_name(code))
			continue;
		assert_true(code > last);
		last = code;
		known++;
	}
	assert_int_equal(known, 133);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_whole), cmocka_unit_test(names_are_unique),
		cmocka_unit_test(cookies),	  cmocka_unit_test(arguments),
		cmocka_unit_test(copy_kinds),	  cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
