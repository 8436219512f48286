/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The log-linear histogram: every value in the bucket that holds it, quantiles within 6.25 %. */
#include "random_profile.h"

static void layout_is_as_promised(void **unused)
{
	(void)unused;
	for (uint64_t v = 0; v < 16; v++)
		assert_int_equal(hist_bucket(v), v);
	/* 16 sub-buckets an octave. */
	assert_int_equal(hist_bucket(16), 16);
	assert_int_equal(hist_bucket(31), 31);
	assert_int_equal(hist_bucket(32), 32);
	assert_int_equal(hist_bucket(33), 32);
	assert_int_equal(hist_bucket(34), 33);
	assert_int_equal(hist_bucket(63), 47);
	assert_int_equal(hist_bucket(64), 48);
	assert_int_equal(hist_bucket((1ULL << HIST_MAX_SHIFT) - 1), HIST_BUCKETS - 1);
	assert_int_equal(hist_bucket(1ULL << HIST_MAX_SHIFT), HIST_BUCKETS - 1);
	assert_int_equal(hist_bucket(UINT64_MAX), HIST_BUCKETS - 1);
	assert_int_equal(HIST_BUCKETS, 592);
}

static void middle_lies_in_its_bucket(void **unused)
{
	(void)unused;
	for (unsigned int b = 0; b < HIST_BUCKETS; b++)
		assert_int_equal(hist_bucket(hist_bucket_mid(b)), b);
	assert_int_equal(hist_bucket_mid(HIST_BUCKETS + 5), hist_bucket_mid(HIST_BUCKETS - 1));
}

static void values_are_within_a_sixteenth(void **unused)
{
	uint64_t seed = 7;

	(void)unused;
	for (int i = 0; i < 100000; i++) {
		const uint64_t v = rnd(&seed) >> (24 + rnd_below(&seed, 40));
		const uint64_t mid = hist_bucket_mid(hist_bucket(v));
		const uint64_t off = mid > v ? mid - v : v - mid;

		/* Half a bucket: a 32nd of its lower edge. */
		assert_true(off <= v / 32 + 1);
	}
	for (uint64_t v = 1; v < 1 << 20; v++)
		assert_true(hist_bucket(v) >= hist_bucket(v - 1) &&
			    hist_bucket(v) <= hist_bucket(v - 1) + 1);
}

static void quantiles(void **unused)
{
	uint32_t hist[HIST_BUCKETS] = { 0 };

	(void)unused;
	assert_int_equal(hist_quantile(hist, 0.5, 100), PROFILE_UNKNOWN);
	hist[hist_bucket(1000)] = 99;
	hist[hist_bucket(1000000)] = 1;
	assert_int_equal(hist_quantile(hist, 0.50, 1000000), hist_bucket_mid(hist_bucket(1000)));
	/* The 99th of 100 is still a short one. */
	assert_int_equal(hist_quantile(hist, 0.99, 1000000), hist_bucket_mid(hist_bucket(1000)));
	assert_int_equal(hist_quantile(hist, 1.0, 1000000), 1000000);
	/* Never more than what was the longest. */
	assert_int_equal(hist_quantile(hist, 1.0, 983041), 983041);
	hist[HIST_BUCKETS - 1] = 1000;
	assert_int_equal(hist_quantile(hist, 0.9, 3ULL << 40), 3ULL << 40);
}

/* Against the sorted values themselves. */
static int by_value(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void quantiles_match_sorted_values(void **unused)
{
	static const double qs[] = { 0.01, 0.5, 0.95, 0.99, 0.999, 1.0 };
	uint64_t values[997], seed = 99;

	(void)unused;
	for (int round = 0; round < 50; round++) {
		uint32_t hist[HIST_BUCKETS] = { 0 };
		const size_t n = 1 + rnd_below(&seed, 997);

		for (size_t i = 0; i < n; i++) {
			values[i] = rnd(&seed) >> (26 + rnd_below(&seed, 30));
			hist[hist_bucket(values[i])]++;
		}
		qsort(values, n, sizeof(*values), by_value);
		for (size_t k = 0; k < sizeof(qs) / sizeof(*qs); k++) {
			size_t rank = 1;
			uint64_t got, want;

			while ((double)rank < qs[k] * (double)n - 1e-6)
				rank++;
			want = values[rank - 1];
			got = hist_quantile(hist, qs[k], values[n - 1]);
			assert_true(got <= want + want / 16 + 1 && want <= got + got / 16 + 1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout_is_as_promised),
		cmocka_unit_test(middle_lies_in_its_bucket),
		cmocka_unit_test(values_are_within_a_sixteenth),
		cmocka_unit_test(quantiles),
		cmocka_unit_test(quantiles_match_sorted_values),
	};

	return cmocka_run_group_tests_name("hist", tests, NULL, NULL);
}
