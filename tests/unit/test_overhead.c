// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The parts of overhead.c and fds.c that need no kernel programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>
#include "fds.h"
#include "overhead.h"

static void test_run_is_the_middle_slice(void **state)
{
	struct overhead_slice slices[] = { { 10, 10 * 90 }, { 10, 10 * 50 }, { 10, 10 * 70 } };

	(void)state;
	assert_true(overhead_run_ns(slices, 3) == 70);
	assert_true(overhead_run_ns(slices, 2) == 50);
	assert_true(overhead_run_ns(slices, 1) == 90);
	assert_true(overhead_run_ns(slices, 0) == 0);
}

/* A slice in which the hypervisor took the CPU away for 100 ms in the middle of a run. */
static void test_run_without_outliers(void **state)
{
	struct overhead_slice slices[] = { { 1000, 1000 * 100 + 100000000 },
					   { 1000, 1000 * 110 },
					   { 1000, 1000 * 130 } };

	(void)state;
	assert_true(overhead_run_ns(slices, 3) == 130);
	assert_true(overhead_run_ns(slices, 2) == 110);
}

static void test_run_counts_runs_not_slices(void **state)
{
	struct overhead_slice slices[] = {
		{ 1, 300 }, { 1, 290 }, { 1, 295 }, { 10, 10 * 100 }, { 1, 310 }
	};

	(void)state;
	assert_true(overhead_run_ns(slices, 5) == 100);
}

static void test_run_of_all_slices(void **state)
{
	struct overhead_slice slices[OVERHEAD_SLICES];

	(void)state;
	for (int i = 0; i < OVERHEAD_SLICES; i++)
		slices[i] = (struct overhead_slice){ 2, 2 * (100 + i) };
	assert_true(overhead_run_ns(slices, OVERHEAD_SLICES) == 100 + OVERHEAD_SLICES / 2 - 1);
	/* More were taken than are kept. */
	assert_true(overhead_run_ns(slices, OVERHEAD_SLICES + 7) == 100 + OVERHEAD_SLICES / 2 - 1);
}

static void test_fds_close(void **state)
{
	int pipes[40][2], ends[41];
	char c;

	(void)state;
	for (int i = 0; i < 40; i++) {
		assert_int_equal(pipe(pipes[i]), 0);
		ends[i] = pipes[i][1];
	}
	ends[40] = -1;
	fds_close(ends, 41);
	for (int i = 0; i < 40; i++) {
		assert_int_equal(read(pipes[i][0], &c, 1), 0); /* no writer is left */
		assert_int_equal(close(pipes[i][0]), 0);
	}
	fds_close(ends + 40, 1);
	fds_close(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_is_the_middle_slice),
		cmocka_unit_test(test_run_without_outliers),
		cmocka_unit_test(test_run_counts_runs_not_slices),
		cmocka_unit_test(test_run_of_all_slices),
		cmocka_unit_test(test_fds_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
