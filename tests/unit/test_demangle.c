// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "symbols/symbols.h"

static void names(void **state)
{
	static const struct {
		const char *mangled, *plain; /* NULL: not mangled */
	} cases[] = {
		{ "main", NULL },
		{ "", NULL },
		{ "_", NULL },
		{ "_Z", NULL },
		{ "_R", NULL },
		{ "_start", NULL },
		{ "_ZN3foo3barEi", "foo::bar" },
		{ "_Z3addIiET_S0_S0_", "add<int>" },
		{ "_ZNSt6vectorIiSaIiEE9push_backEOi",
		  "std::vector<int, std::allocator<int> >::push_back" },
		{ "_ZN12_GLOBAL__N_13runEv", "(anonymous namespace)::run" },
		{ "_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()" },
		{ "_Z3foov.cold", "foo" },
		/* Rust, legacy and v0: the hash is left out. */
		{ "_ZN4core3fmt9Formatter9write_fmt17h0123456789abcdefE",
		  "core::fmt::Formatter::write_fmt" },
		{ "_RNvNtCsgEmfK2I1SDS_4core3fmt17pointer_fmt_inner",
		  "core::fmt::pointer_fmt_inner" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *plain = symbols_demangle(cases[i].mangled);

		if (cases[i].plain) {
			assert_non_null(plain);
			assert_string_equal(plain, cases[i].plain);
		} else {
			assert_null(plain);
		}
		free(plain);
	}
}

/* Each level names the one before twice: 2^30 pairs from 350 bytes. */
static void exponential_name_is_cut(void **state)
{
	char name[1024] = "_Z1fISt4pairIiiE", *plain;
	struct timespec t0, t1;

	(void)state;
	/* S0_ is std::pair, S1_ the first pair of two ints. */
	for (int i = 1; i <= 30; i++) {
		char c = i < 10 ? '0' + i : 'A' + i - 10, level[32];

		snprintf(level, sizeof(level), "S0_IS%c_S%c_E", c, c);
		strcat(name, level);
	}
	strcat(name, "EvT_");
	clock_gettime(CLOCK_MONOTONIC, &t0);
	plain = symbols_demangle(name);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	assert_true(t1.tv_sec - t0.tv_sec <= 2);
	assert_non_null(plain);
	assert_memory_equal(plain, "f<std::pair<int, int>, std::pair<std::pair<int, int>, ", 54);
	assert_true(strlen(plain) < 2048);
	assert_string_equal(plain + strlen(plain) - 3, "...");
	free(plain);
}

static void deep_name_does_not_overflow_the_stack(void **state)
{
	static char name[4097];

	(void)state;
	memset(name, 'P', sizeof(name) - 1);
	memcpy(name, "_Z1fI", 5);
	memcpy(name + sizeof(name) - 8, "iEvT_", 5);
	name[sizeof(name) - 3] = '\0';
	free(symbols_demangle(name));
	memset(name, 'N', sizeof(name) - 1);
	memcpy(name, "_RI", 3);
	free(symbols_demangle(name));
	memset(name, 'R', sizeof(name) - 1);
	memcpy(name, "_RINvC1a1f", 10);
	free(symbols_demangle(name));
}

static void long_template_is_demangled(void **state)
{
	/* Over 1,024 bytes mangled, where libiberty gives up by default. */
	char name[4096] = "_Z1fI", *plain;

	(void)state;
	for (int i = 0; i < 200; i++)
		strcat(name, "3abcIiE");
	strcat(name, "EvT_");
	plain = symbols_demangle(name);
	assert_non_null(plain);
	assert_memory_equal(plain, "f<abc<int>, abc<int>", 20);
	free(plain);
}

static void random_names(void **state)
{
	static const char alphabet[] = "_ZRNIESTKPLvic0123456789hXJDpstr";
	uint32_t x = 0x1badb002;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char name[128] = "_Z";
		size_t n;

		x = x * 1664525u + 1013904223u;
		n = 3 + (x >> 16) % 120;
		name[1] = i % 2 ? 'Z' : 'R';
		for (size_t k = 2; k < n; k++) {
			x = x * 1664525u + 1013904223u;
			name[k] = alphabet[(x >> 16) % (sizeof(alphabet) - 1)];
		}
		free(symbols_demangle(name));
	}
}

static void clean_names(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "main", "main" },
		{ "", "" },
		{ "   ", "" },
		{ "a;b;c", "a:b:c" },
		{ "std::map<int, int>", "std::map<int, int>" },
		{ "two\nlines\r\t", "two?lines??" },
		{ "\033[31mred\033[0m", "?[31mred?[0m" },
		{ "\302\233"
		  "31mred",
		  "?31mred" },				   /* C1: CSI */
		{ "left\342\200\256right", "left?right" }, /* right-to-left override */
		{ "gr\303\274n", "gr\303\274n" },
		{ "\346\274\242\345\255\227", "\346\274\242\345\255\227" },
		{ "\360\237\230\200", "\360\237\230\200" },
		{ "bad\377byte", "bad?byte" },
		{ "cut\303", "cut?" },
		{ "cut\342\202", "cut??" },
		{ "over\300\257long", "over??long" },
		{ "surrogate\355\240\200", "surrogate???" },
		{ "beyond\364\220\200\200", "beyond????" },
		{ "frame 12", "frame_12" },
		{ "frame 1.5", "frame_1.5" },
		{ "frame 12 ", "frame_12" },
		{ "frame 12 34", "frame 12_34" },
		{ "frame12", "frame12" },
		{ "12", "12" },
		{ " 12", "12" },
		{ "operator()", "operator()" },
		{ "a\177b", "a?b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[64];

		strcpy(name, cases[i].in);
		symbols_clean_name(name);
		assert_string_equal(name, cases[i].out);
	}
}

static void long_names_are_cut(void **state)
{
	char *name = malloc(4096);

	(void)state;
	assert_non_null(name);
	memset(name, 'a', 4095);
	name[SYMBOLS_NAME_MAX] = '\0';
	symbols_clean_name(name);
	assert_int_equal(strlen(name), SYMBOLS_NAME_MAX);
	assert_null(strchr(name, '.'));

	memset(name, 'a', 4095);
	name[4095] = '\0';
	symbols_clean_name(name);
	assert_int_equal(strlen(name), SYMBOLS_NAME_MAX);
	assert_string_equal(name + SYMBOLS_NAME_MAX - 4, "a...");

	/* Never in the middle of a character. */
	name[0] = '\0';
	for (int i = 0; i < 200; i++)
		strcat(name, "\342\202\254");
	symbols_clean_name(name);
	assert_int_equal(strlen(name), 237 / 3 * 3 + 3);
	assert_string_equal(name + strlen(name) - 6, "\342\202\254...");

	/* 200 bytes of ';' and spaces. */
	for (int i = 0; i < 200; i++)
		name[i] = i % 3 == 0 ? ';' : i % 3 == 1 ? ' ' : '7';
	name[200] = '\0';
	symbols_clean_name(name);
	assert_null(strchr(name, ';'));
	assert_int_equal(strlen(name), 199); /* the trailing space */
	free(name);
}

/* Appends a reference to the nth substitution. */
static void add_substitution(char *name, unsigned int n)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	if (n > 36)
		sprintf(name + strlen(name), "S%c%c_", digits[(n - 1) / 36], digits[(n - 1) % 36]);
	else if (n)
		sprintf(name + strlen(name), "S%c_", digits[n - 1]);
	else
		strcat(name, "S_");
}

/* What prints little and walks long: each level is two references to the one below, and a pack
 * expansion that comes first in print looks for a pack through all of them. */
static void endless_names_are_left(void **state)
{
	static const char *const rust[] = {
		/* A back reference to itself: without a limit, all of the stack. */
		"_RB_",
		/* 2^60 lifetimes in a part that is not printed. */
		"_RNvXs_Cs1234_7mycrateNtB4_3B_RIYFGIarNtB4_3Foo3bazYFG__3",
	};
	char name[2048] = "_ZTC1zI";
	struct timespec a, b;
	unsigned int level;

	(void)state;
	for (level = 0; level < 60; level++) {
		sprintf(name + strlen(name), "1%cI", 'a' + level % 25);
		if (level) {
			add_substitution(name, 2 * level);
			add_substitution(name, 2 * level);
			strcat(name, "E");
		} else {
			strcat(name, "iiE");
		}
	}
	strcat(name, "E0_Dp");
	add_substitution(name, 2 * level);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < 100; i++)
		assert_null(symbols_demangle(name));
	for (size_t i = 0; i < sizeof(rust) / sizeof(rust[0]); i++)
		assert_null(symbols_demangle(rust[i]));
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_true(b.tv_sec - a.tv_sec < 20);
}

/* What libiberty has on the heap is not lost where the output is cut: the leak sanitizer looks. */
static void long_rust_name_is_cut(void **state)
{
	char name[4096] = "_RINvC1a1b", *demangled;

	(void)state;
	for (int i = 0; i < 60; i++)
		strcat(name, "NvC1cu30____7hkackfecea1cbdathfdh9hlq6y");
	strcat(name, "E");
	demangled = symbols_demangle(name);
	assert_non_null(demangled);
	assert_string_equal(demangled + strlen(demangled) - 3, "...");
	free(demangled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(exponential_name_is_cut),
		cmocka_unit_test(deep_name_does_not_overflow_the_stack),
		cmocka_unit_test(long_template_is_demangled),
		cmocka_unit_test(random_names),
		cmocka_unit_test(clean_names),
		cmocka_unit_test(long_names_are_cut),
		cmocka_unit_test(long_rust_name_is_cut),
		/* The last: after it, long names are no longer tried. */
		cmocka_unit_test(endless_names_are_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
