/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Figures and names for people; the division that must not lose a unit. */
#include "apportion.h"
#include "format.h"
#include "random_profile.h"
#include "text.h"

static void durations(void **unused)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 1, "1 ns" },
		{ 999, "999 ns" },
		{ 1000, "1.00 us" },
		{ 2944, "2.94 us" },
		{ 2945, "2.95 us" },
		{ 9994, "9.99 us" },
		{ 9995, "10.0 us" },
		{ 99949, "99.9 us" },
		{ 99950, "100 us" },
		{ 999499, "999 us" },
		{ 999500, "1.00 ms" },
		{ 999500000, "1.00 s" },
		{ 10000000000, "10.0 s" },
		{ 999499999999, "999 s" },
		{ 999500000000, "16.7 min" },
		{ 3600000000000000, "1000 h" },
		{ PROFILE_UNKNOWN, "unknown" },
		{ PROFILE_UNKNOWN - 1, "5124096 h" },
	};
	char buf[FORMAT_SIZE];

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(format_duration(buf, cases[i].ns), cases[i].text);
}

static void sizes_and_rates(void **unused)
{
	char buf[FORMAT_SIZE];

	(void)unused;
	assert_string_equal(format_bytes(buf, 0), "0");
	assert_string_equal(format_bytes(buf, 512), "512 B");
	assert_string_equal(format_bytes(buf, 1100000000), "1.10 GB");
	assert_string_equal(format_bytes(buf, PROFILE_UNKNOWN), "unknown");
	assert_string_equal(format_memory(buf, 21 << 20), "21.0 MiB");
	assert_string_equal(format_memory(buf, 1010 << 10), "0.99 MiB");
	assert_string_equal(format_rate(buf, 6100, 1000), "6.10 GB/s");
	assert_string_equal(format_rate(buf, 6100, 0), "unknown");
	assert_string_equal(format_rate(buf, UINT64_MAX - 1, 1), "unknown");
}

static void counts_and_shares(void **unused)
{
	char buf[FORMAT_SIZE];

	(void)unused;
	assert_string_equal(format_count(buf, 0), "0");
	assert_string_equal(format_count(buf, 999), "999");
	assert_string_equal(format_count(buf, 402110), "402,110");
	assert_string_equal(format_count(buf, PROFILE_UNKNOWN - 1), "18,446,744,073,709,551,614");
	assert_string_equal(format_count(buf, PROFILE_UNKNOWN), "unknown");
	assert_string_equal(format_count_short(buf, 999999), "999,999");
	assert_string_equal(format_count_short(buf, 1234567), "1.23 M");
	assert_string_equal(format_percent(buf, 0, 100), "0");
	assert_string_equal(format_percent(buf, 1, 0), "0");
	assert_string_equal(format_percent(buf, 1, 100000), "<0.1 %");
	assert_string_equal(format_percent(buf, 21, 1000), "2.1 %");
	assert_string_equal(format_percent(buf, 612, 1000), "61.2 %");
	assert_string_equal(format_percent(buf, 9999, 10000), "100 %");
	assert_string_equal(format_percent(buf, 25, 10), "250 %");
	assert_string_equal(format_percent(buf, PROFILE_UNKNOWN, 10), "unknown");
	assert_string_equal(format_per_second(buf, 402110, 10000000000), "40,211/s");
	assert_string_equal(format_per_second(buf, 999, 10000000000), "99.9/s");
	assert_string_equal(format_per_second(buf, 9995, 100000000000), "100/s");
	assert_string_equal(format_per_second(buf, 1, 1000000000000), "<0.1/s");
	assert_string_equal(format_per_second(buf, 0, 1), "0");
	assert_string_equal(format_per_second(buf, 12345678, 1000000000), "12.3 M/s");
	assert_string_equal(format_per_second(buf, 1, 0), "unknown");
	assert_string_equal(format_per_second(buf, PROFILE_UNKNOWN, 1), "unknown");
}

static void fits_its_buffer(void **unused)
{
	uint64_t seed = 3;

	(void)unused;
	for (int i = 0; i < 20000; i++) {
		const uint64_t a = rnd(&seed) >> rnd_below(&seed, 64);
		const uint64_t b = rnd(&seed) >> rnd_below(&seed, 64);
		/* The sanitizer watches the ends. */
		char *buf = malloc(FORMAT_SIZE);

		assert_non_null(buf);
		assert_true(strlen(format_duration(buf, a)) < FORMAT_SIZE);
		assert_true(strlen(format_count(buf, a)) < FORMAT_SIZE);
		assert_true(strlen(format_rate(buf, a, b)) < FORMAT_SIZE);
		assert_true(strlen(format_percent(buf, a, b)) < FORMAT_SIZE);
		assert_true(strlen(format_per_second(buf, a, b)) < FORMAT_SIZE);
		free(buf);
	}
}

static void utf8_is_made_valid(void **unused)
{
	static const char *const cases[][2] = {
		{ "plain", "plain" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "cut\xc3", "cut\xef\xbf\xbd" },
		{ "\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd" },
		/* Overlong, surrogate, beyond Unicode: three or four bad bytes. */
		{ "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xf0\x9f\x9a\x80", "\xf0\x9f\x9a\x80" },
		{ "\xf4\x90\x80\x80x", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx" },
	};
	char buf[64];

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(text_utf8(cases[i][0], buf, sizeof(buf)), strlen(cases[i][1]));
		assert_string_equal(buf, cases[i][1]);
	}
	/* Cut at a character, not within. */
	assert_int_equal(text_utf8("a\xc3\xbc", buf, 3), 1);
	assert_string_equal(buf, "a");
}

static void shown_names_keep_their_end(void **unused)
{
	char buf[16];

	(void)unused;
	assert_string_equal(text_shown("CUDA graph 12", buf, sizeof(buf)), "CUDA graph 12");
	assert_string_equal(text_shown("\033[2J\n", buf, sizeof(buf)), "_[2J_");
	assert_string_equal(text_shown("a\xff\xc2\x9bm", buf, sizeof(buf)), "a__m");
	assert_string_equal(text_shown("12345678901234\xc3\xbcx", buf, sizeof(buf)),
			    "12345678901234");
	assert_string_equal(text_shown("", buf, sizeof(buf)), "");
}

static void names_are_cut_by_characters(void **unused)
{
	char buf[64];

	(void)unused;
	assert_string_equal(text_name("", buf, sizeof(buf)), "[unnamed]");
	assert_string_equal(text_name(NULL, buf, sizeof(buf)), "[unnamed]");
	assert_null(strpbrk(text_name("a;b\nc\033[2Jd", buf, sizeof(buf)), ";\n\033"));
	strcpy(buf, "gr\xc3\xbc\xc3\x9f dich");
	assert_int_equal(text_width(buf), 9);
	text_cut(buf, 9);
	assert_string_equal(buf, "gr\xc3\xbc\xc3\x9f dich");
	text_cut(buf, 6);
	assert_string_equal(buf, "gr\xc3\xbc\xc3\x9f..");
	text_cut(buf, 1);
	assert_string_equal(buf, ".");
	text_cut(buf, 0);
	assert_string_equal(buf, "");
}

static void apportions_exactly(void **unused)
{
	uint64_t weights[64], shares[64], seed = 5;

	(void)unused;
	for (int round = 0; round < 20000; round++) {
		const size_t n = 1 + rnd_below(&seed, 64);
		const uint64_t total = rnd(&seed) >> (1 + rnd_below(&seed, 63));
		uint64_t sum = 0, all = 0;

		for (size_t i = 0; i < n; i++) {
			weights[i] = rnd_ns(&seed, 57);
			all += weights[i];
		}
		assert_int_equal(apportion(total, weights, n, shares), 0);
		for (size_t i = 0; i < n; i++) {
			const unsigned __int128 due = (unsigned __int128)total * weights[i];

			sum += shares[i];
			if (!all)
				continue;
			/* Less than one off. */
			assert_true(shares[i] >= (uint64_t)(due / all));
			assert_true(shares[i] <= (uint64_t)((due + all - 1) / all));
			assert_true(weights[i] || !shares[i]);
		}
		assert_int_equal(sum, total);
		assert_int_equal(apportion(total, weights, n, weights), 0);
		assert_memory_equal(weights, shares, n * sizeof(*weights));
	}
	assert_int_equal(apportion(5, weights, 0, shares), 0);
}

static void largest_remainder_wins(void **unused)
{
	const uint64_t weights[] = { 50, 26, 24 }, even[] = { 1, 1, 1 };
	uint64_t shares[3];

	(void)unused;
	assert_int_equal(apportion(10, weights, 3, shares), 0);
	assert_int_equal(shares[0], 5);
	assert_int_equal(shares[1], 3);
	assert_int_equal(shares[2], 2);
	assert_int_equal(apportion(2, even, 3, shares), 0);
	assert_int_equal(shares[0] + shares[1], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(sizes_and_rates),
		cmocka_unit_test(counts_and_shares),
		cmocka_unit_test(fits_its_buffer),
		cmocka_unit_test(utf8_is_made_valid),
		cmocka_unit_test(shown_names_keep_their_end),
		cmocka_unit_test(names_are_cut_by_characters),
		cmocka_unit_test(apportions_exactly),
		cmocka_unit_test(largest_remainder_wins),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
