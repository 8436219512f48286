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

static void test_mean_weighs_runs(void **state)
{
	struct overhead_slice slices[] = { { 100, 100 * 50 }, { 300, 300 * 90 } };

	(void)state;
	assert_true(overhead_mean(slices, 2) == 80);
	assert_true(overhead_mean(slices, 1) == 50);
	assert_true(overhead_mean(slices, 0) == 0);
}

/* A slice in which the hypervisor took the CPU away for 100 ms in the middle of a run. */
static void test_mean_leaves_outliers_out(void **state)
{
	struct overhead_slice slices[] = { { 1000, 1000 * 100 },
					   { 1000, 1000 * 100 + 100000000 },
					   { 1000, 1000 * 130 } };

	(void)state;
	assert_true(overhead_mean(slices, 3) == 115);
}

/* Few runs that were slow are no reason to doubt many that were not, nor are they left out unless
 * they are beyond three times the median. */
static void test_mean_median_by_runs(void **state)
{
	struct overhead_slice slices[] = {
		{ 1, 299 }, { 1, 299 }, { 1, 299 }, { 10, 10 * 100 }, { 1, 301 }
	};

	(void)state;
	assert_true(overhead_mean(slices, 5) == (3 * 299 + 1000) / 13.0);
}

static void test_mean_all_slices(void **state)
{
	struct overhead_slice slices[OVERHEAD_SLICES];

	(void)state;
	for (int i = 0; i < OVERHEAD_SLICES; i++)
		slices[i] = (struct overhead_slice){ 2, 100 + 2 * (i % 2) };
	assert_true(overhead_mean(slices, OVERHEAD_SLICES) == 50.5);
	/* More were taken than are kept. */
	assert_true(overhead_mean(slices, OVERHEAD_SLICES + 7) == 50.5);
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
		cmocka_unit_test(test_mean_weighs_runs),
		cmocka_unit_test(test_mean_leaves_outliers_out),
		cmocka_unit_test(test_mean_median_by_runs),
		cmocka_unit_test(test_mean_all_slices),
		cmocka_unit_test(test_fds_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
