// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The statistics of diff: known values, and how often they claim what is not. */
#include <math.h>
#include "diff_stat.h"
#include "random_profile.h"

#define METRICS 40

static double uniform(uint64_t *seed)
{
	return (double)(rnd(seed) >> 11) / 9007199254740992.0 + 1e-17;
}

static double normal(uint64_t *seed)
{
	return sqrt(-2 * log(uniform(seed))) * cos(6.283185307179586 * uniform(seed));
}

static void student_as_in_tables(void **unused)
{
	static const struct {
		double t, df, p;
	} rows[] = { { 12.7062, 1, 0.05 },  { 4.30265, 2, 0.05 },  { 2.77645, 4, 0.05 },
		     { 8.61030, 4, 0.001 }, { 2.22814, 10, 0.05 }, { 1.95996, 1e7, 0.05 },
		     { 0, 3, 1 },	    { 31.5991, 2, 0.001 } };

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_float_equal(stat_student_p(rows[i].t, rows[i].df), rows[i].p,
				   rows[i].p * 1e-4);
	assert_float_equal(stat_student_p(1, 0), 1, 0);
}

static void least_that_can_be_had(void **unused)
{
	(void)unused;
	assert_float_equal(stat_permutation_least(2, 2), 2.0 / 6, 1e-12);
	assert_float_equal(stat_permutation_least(3, 3), 0.1, 1e-12);
	assert_float_equal(stat_permutation_least(4, 4), 2.0 / 70, 1e-12);
	assert_float_equal(stat_permutation_least(3, 4), 1.0 / 35, 1e-12);
	assert_float_equal(stat_permutation_least(20, 20), 1e-4, 1e-12);
}

/* A clear difference comes to the least that can be had: all ways were tried, each once. */
static void separated(void **unused)
{
	(void)unused;
	for (size_t first = 1; first <= 6; first++)
		for (size_t second = 1; second <= 6; second++) {
			double y[12], p;
			const struct stat_table t = { y, 1, first + second, first, 0.01 };

			for (size_t i = 0; i < first + second; i++)
				y[i] = (i < first ? 0 : 100) + 0.001 * (double)i;
			assert_int_equal(stat_permutation(&t, &p), 0);
			assert_float_equal(p, stat_permutation_least(first, second), 1e-9);
		}
}

static void what_is_clearest_has_the_least(void **unused)
{
	double y[3][8], p[3];
	const struct stat_table t = { y[0], 3, 8, 4, 0.01 };
	uint64_t seed = 3;

	(void)unused;
	for (size_t i = 0; i < 8; i++) {
		y[0][i] = 0.2 * normal(&seed);
		y[1][i] = 0.2 * normal(&seed) + (i >= 4 ? 5 : 0);
		y[2][i] = i % 3 ? 1 : NAN;
	}
	assert_int_equal(stat_permutation(&t, p), 0);
	assert_float_equal(p[1], 2.0 / 70, 1e-9);
	assert_true(p[0] > 0.05);
	assert_true(p[2] > 0.05);
}

/* Many runs are sampled, the same way each time. */
static void a_sample_of_ways(void **unused)
{
	double y[2][40], p[2], again[2];
	const struct stat_table t = { y[0], 2, 40, 20, 0.01 };
	uint64_t seed = 5;

	(void)unused;
	for (size_t i = 0; i < 40; i++) {
		y[0][i] = normal(&seed) + (i >= 20 ? 2 : 0);
		y[1][i] = normal(&seed);
	}
	assert_int_equal(stat_permutation(&t, p), 0);
	assert_int_equal(stat_permutation(&t, again), 0);
	assert_memory_equal(p, again, sizeof(p));
	assert_true(p[0] < 0.001 && p[1] > 0.05);
}

/* --- false claims --- */

/* How figures of runs of the same may scatter. */
enum noise { NORMAL, TAILED, ROUNDED, SHARED, NOISES };

static void fill(double *y, size_t runs, enum noise noise, uint64_t *seed)
{
	double load[16];

	for (size_t r = 0; r < runs; r++)
		load[r] = normal(seed);
	for (size_t m = 0; m < METRICS; m++)
		for (size_t r = 0; r < runs; r++) {
			double v = 0.1 * normal(seed);

			if (noise == TAILED)
				v /= fmax(0.02, sqrt(uniform(seed)));
			if (noise == ROUNDED)
				v = round(v / 0.06) * 0.06;
			/* A run on a busy machine is slow in all figures. */
			if (noise == SHARED)
				v = 0.02 * v + 0.2 * load[r];
			y[m * runs + r] = v;
		}
}

struct claims {
	double proven, likely; /* share of tables with any */
};

static struct claims claims(size_t first, size_t second, enum noise noise, int tables)
{
	double y[METRICS * 16], p[METRICS], errors[METRICS] = { 0 };
	const struct stat_table t = { y, METRICS, first + second, first, 0.0075 };
	uint64_t seed = 11 + noise;
	struct claims c = { 0, 0 };

	for (int i = 0; i < tables; i++) {
		double proven = 1, likely = 1;

		fill(y, first + second, noise, &seed);
		assert_int_equal(stat_permutation(&t, p), 0);
		for (size_t m = 0; m < METRICS; m++)
			proven = fmin(proven, p[m]);
		assert_int_equal(stat_student(&t, errors, p), 0);
		for (size_t m = 0; m < METRICS; m++)
			likely = fmin(likely, p[m]);
		c.proven += (proven <= 0.05) / (double)tables;
		c.likely += (likely <= 0.05) / (double)tables;
	}
	return c;
}

#define TABLES 600
static void false_claims(void **unused)
{
	static const char *const names[] = { "normal", "tailed", "rounded", "shared" };
	/* 1 in 20, and three standard errors of so many tables. */
	const double most = 0.05 + 3 * sqrt(0.05 * 0.95 / TABLES);

	(void)unused;
	for (enum noise n = NORMAL; n < NOISES; n++) {
		const struct claims four = claims(4, 4, n, TABLES), three = claims(3, 3, n, TABLES);

		print_message("# %s: 4 and 4 proven %.3f likely %.3f, 3 and 3 proven %.3f "
			      "likely %.3f\n",
			      names[n], four.proven, four.likely, three.proven, three.likely);
		assert_true(four.proven <= most);
		/* Too few runs to prove anything. */
		assert_true(three.proven == 0);
		assert_true(three.likely <= most);
	}
}

/* And what is there is found: half as much again, with a tenth of scatter. */
static void finds(void **unused)
{
	double y[METRICS * 8], p[METRICS];
	const struct stat_table t = { y, METRICS, 8, 4, 0.0075 };
	uint64_t seed = 2;
	int found = 0;

	(void)unused;
	for (int i = 0; i < 200; i++) {
		fill(y, 8, NORMAL, &seed);
		for (size_t r = 4; r < 8; r++)
			y[r] += log(2);
		assert_int_equal(stat_permutation(&t, p), 0);
		found += p[0] <= 0.05;
	}
	print_message("# twice as much, a tenth of scatter: found %d times of 200\n", found);
	assert_true(found >= 180);
}

static void intervals(void **unused)
{
	double y[6] = { 0, 0.1, -0.1, 1, 1.1, 0.9 };
	const struct stat_table t = { y, 1, 6, 3, 0.01 };
	const struct stat_difference d = stat_difference(&t, 0, 0);

	(void)unused;
	/* s = 0.1, times sqrt(2/3), times 2.776. */
	assert_float_equal(d.mean, 1, 1e-12);
	assert_float_equal(d.within, 0.22667, 1e-4);
	assert_true(stat_difference(&t, 0, 0.1).within > d.within);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(student_as_in_tables),
		cmocka_unit_test(least_that_can_be_had),
		cmocka_unit_test(separated),
		cmocka_unit_test(what_is_clearest_has_the_least),
		cmocka_unit_test(a_sample_of_ways),
		cmocka_unit_test(intervals),
		cmocka_unit_test(finds),
		cmocka_unit_test(false_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
