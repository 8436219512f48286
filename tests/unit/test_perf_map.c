// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "symbols/perf_map.h"

#define N 8

struct named {
	const uint64_t *addresses;
	size_t n;
	char names[N][64];
	unsigned int calls[N];
};

static void take(void *arg, size_t i, char *text)
{
	struct named *named = arg;

	assert_true(i < named->n);
	named->calls[i]++;
	snprintf(named->names[i], sizeof(named->names[i]), "%s", text);
	memset(text, 'x', strlen(text)); /* it may be changed */
}

static int make(const void *data, size_t n)
{
	int fd = memfd_create("map", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), n);
	return fd;
}

static void read_text(const char *text, struct named *named)
{
	uint64_t budget = UINT64_MAX;
	int fd = make(text, strlen(text));

	memset(named->names, 0, sizeof(named->names));
	memset(named->calls, 0, sizeof(named->calls));
	assert_int_equal(perf_map_read(fd, named->addresses, named->n, &budget, take, named), 0);
	close(fd);
	for (size_t i = 0; i < named->n; i++)
		assert_true(named->calls[i] <= 1);
}

static void ranges(void **state)
{
	static const uint64_t at[] = { 0xfff, 0x1000, 0x10ff, 0x1100, 0x2000, 0x2001, UINT64_MAX };
	struct named named = { at, 7, { { 0 } }, { 0 } };

	(void)state;
	read_text("1000 100 first function\n0x2000 0x1 hex\n2001 1 second\n", &named);
	assert_string_equal(named.names[0], "");
	assert_string_equal(named.names[1], "first function");
	assert_string_equal(named.names[2], "first function");
	assert_string_equal(named.names[3], "");
	assert_string_equal(named.names[4], "hex");
	assert_string_equal(named.names[5], "second");
	assert_string_equal(named.names[6], "");
	read_text("0 ffffffffffffffff all\n", &named);
	assert_string_equal(named.names[0], "all");
	assert_string_equal(named.names[5], "all");
	assert_string_equal(named.names[6], ""); /* one short of it */
	read_text("ffffffffffffffff ffffffffffffffff last\n", &named);
	assert_string_equal(named.names[0], "");
	assert_string_equal(named.names[6], "last");
}

static void the_last_line_counts(void **state)
{
	static const uint64_t at[] = { 0x1000, 0x1800, 0x2000 };
	struct named named = { at, 3, { { 0 } }, { 0 } };

	(void)state;
	read_text("1000 1000 old\n1000 800 new\n2000 1 a\n2000 1 b\n2000 0 empty\n", &named);
	assert_string_equal(named.names[0], "new");
	assert_string_equal(named.names[1], "old");
	assert_string_equal(named.names[2], "b");
}

static void lines_that_are_none(void **state)
{
	static const uint64_t at[] = { 0x1000 };
	struct named named = { at, 1, { { 0 } }, { 0 } };
	static const char *const bad[] = {
		"",
		"\n",
		"1000\n",
		"1000 \n",
		"1000 10\n",
		"1000 10 \n",
		"1000 10 unfinished",
		" 1000 10 space\n",
		"1000  10 spaces\n",
		"-1000 10 minus\n",
		"10000000000001000 10 seventeen digits\n",
		"1000 g0 no hex\n",
		"0x 10 no digits\n",
		"1000 0 no size\n",
		"fff 1 below\n",
		"1001 10 above\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		read_text(bad[i], &named);
		assert_string_equal(named.names[0], "");
	}
	/* What is no line does not spoil the next. */
	read_text("1000 10 good\ngarbage\n\n\n1000 10 unfinished", &named);
	assert_string_equal(named.names[0], "good");
	read_text("1000 10 a\r\n", &named);
	assert_string_equal(named.names[0], "a\r");
}

/* Lines that lie across the blocks in which the map is read, at every place. */
static void across_blocks(void **state)
{
	static const uint64_t at[] = { 0x1000, 0x2000 };
	struct named named = { at, 2, { { 0 } }, { 0 } };
	const size_t size = 3 * 65536;
	char *text = malloc(size + 1);

	(void)state;
	assert_non_null(text);
	for (size_t place = 65536 - 40; place < 65536 + 40; place++) {
		memset(text, '\n', size);
		memcpy(text + place, "1000 10 across the blocks", 25);
		memcpy(text, "2000 1 in the first", 19);
		text[size] = '\0';
		read_text(text, &named);
		assert_string_equal(named.names[0], "across the blocks");
		assert_string_equal(named.names[1], "in the first");
	}
	free(text);
}

static void long_lines(void **state)
{
	static const uint64_t at[] = { 0x1000 };
	struct named named = { at, 1, { { 0 } }, { 0 } };
	const size_t lengths[] = { PERF_MAP_LINE_MAX, PERF_MAP_LINE_MAX + 1, 65536, 200000 };
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		text = malloc(lengths[i] + 32);
		assert_non_null(text);
		strcpy(text, "1000 1 short\n");
		memset(text + 13, 'y', lengths[i]);
		memcpy(text + 13, "1000 1 ", 7);
		strcpy(text + 13 + lengths[i], "\n");
		read_text(text, &named);
		assert_string_equal(named.names[0][0] == 'y' ? "long" : named.names[0],
				    i ? "short" : "long");
		free(text);
	}
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void count(void *arg, size_t i, char *text)
{
	(void)i, (void)text;
	++*(size_t *)arg;
}

/* Every line covers every address: each is named once. */
static void hostile_coverage(void **state)
{
	enum { ADDRESSES = 100000, LINES = 200000 };
	uint64_t *at = malloc(ADDRESSES * sizeof(*at));
	FILE *f = tmpfile();
	uint64_t budget = UINT64_MAX;
	double start;
	size_t calls = 0;

	(void)state;
	assert_true(at && f);
	for (size_t i = 0; i < ADDRESSES; i++)
		at[i] = 0x1000 + i;
	for (size_t i = 0; i < LINES; i++)
		fprintf(f, "%x %x name%zu\n", i % 2 ? 0 : 0x1000, 0x7fffffff, i);
	fflush(f);
	start = seconds();
	assert_int_equal(perf_map_read(fileno(f), at, ADDRESSES, &budget, count, &calls), 0);
	print_message("%d addresses, %d lines that cover all: %.3f s\n", ADDRESSES, LINES,
		      seconds() - start);
	assert_int_equal(calls, ADDRESSES);
	assert_true(seconds() - start < 5);
	fclose(f);
	free(at);
}

/* Of a huge map the end is read; and no more than is there. */
static void huge_and_cut(void **state)
{
	static const uint64_t at[] = { 0x1000, 0x2000 };
	struct named named = { at, 2, { { 0 } }, { 0 } };
	uint64_t budget = 200u << 20;
	int fd = memfd_create("huge", MFD_CLOEXEC);
	double start = seconds();

	(void)state;
	assert_int_equal(pwrite(fd, "1000 1 begin\n", 13, 0), 13);
	assert_int_equal(ftruncate(fd, 1ll << 40), 0);
	assert_int_equal(pwrite(fd, "\n2000 1 end\n", 12, (1ll << 40) - 12), 12);
	assert_int_equal(perf_map_read(fd, at, 2, &budget, take, &named), 0);
	assert_string_equal(named.names[0], "");
	assert_string_equal(named.names[1], "end");
	print_message("the last 128 MiB of a sparse TiB: %.3f s\n", seconds() - start);
	assert_true(seconds() - start < 20);
	/* Another one of this size is not read to its end. */
	assert_int_equal(budget, (200u << 20) - PERF_MAP_BYTES_MAX);
	assert_int_equal(perf_map_read(fd, at, 1, &budget, take, &named), 0);
	assert_int_equal(budget, 0);
	close(fd);
	assert_true(perf_map_read(-1, at, 2, &budget, take, &named) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges),
		cmocka_unit_test(the_last_line_counts),
		cmocka_unit_test(lines_that_are_none),
		cmocka_unit_test(across_blocks),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(hostile_coverage),
		cmocka_unit_test(huge_and_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
