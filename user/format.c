/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Durations, sizes, counts and shares as text. Integers throughout: 999.6 us must become "1.00 ms"
 * and not "1000 us", whatever the floating point of the day makes of it. */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "format.h"
#include "profile.h"

/* One unit: how many base units it is, and from how many of itself on the next one is used. */
struct unit {
	uint64_t size;
	const char *name;
	unsigned int limit; /* 0: it is the last */
};

static const struct unit time_units[] = {
	{ 1, "ns", 1000 },	   { 1000, "us", 1000 },	 { 1000000, "ms", 1000 },
	{ 1000000000, "s", 1000 }, { 60000000000, "min", 1000 }, { 3600000000000, "h", 0 },
};
static const struct unit byte_units[] = {
	{ 1, "B", 1000 },	    { 1000, "kB", 1000 },	   { 1000000, "MB", 1000 },
	{ 1000000000, "GB", 1000 }, { 1000000000000, "TB", 1000 }, { 1000000000000000, "PB", 0 },
};
static const struct unit memory_units[] = {
	{ 1, "B", 1000 },
	{ 1ULL << 10, "KiB", 1000 },
	{ 1ULL << 20, "MiB", 1000 },
	{ 1ULL << 30, "GiB", 1000 },
	{ 1ULL << 40, "TiB", 0 },
};
static const struct unit rate_units[] = {
	{ 1, "B/s", 1000 },
	{ 1000, "kB/s", 1000 },
	{ 1000000, "MB/s", 1000 },
	{ 1000000000, "GB/s", 1000 },
	{ 1000000000000, "TB/s", 1000 },
	{ 1000000000000000, "PB/s", 0 },
};
static const struct unit count_units[] = {
	{ 1000000, "M", 1000 },
	{ 1000000000, "G", 1000 },
	{ 1000000000000, "T", 0 },
};

/* value in a unit, rounded half up to as many decimals as make three figures. False: it belongs in
 * the next unit. */
static bool in_unit(char *buf, uint64_t value, const struct unit *u)
{
	static const unsigned int scales[] = { 100, 10, 1 };

	for (unsigned int decimals = 2, i = 0; i < 3; i++, decimals--) {
		const unsigned int scale = u->size == 1 ? 1 : scales[i];
		const unsigned __int128 scaled =
			((unsigned __int128)value * scale + u->size / 2) / u->size;
		const uint64_t figures = (uint64_t)scaled;

		if (scale == 1) {
			if (u->limit && figures >= u->limit)
				return false;
			snprintf(buf, FORMAT_SIZE, "%" PRIu64 " %s", figures, u->name);
			return true;
		}
		if (figures < 1000) {
			snprintf(buf, FORMAT_SIZE, "%" PRIu64 ".%0*" PRIu64 " %s", figures / scale,
				 (int)decimals, figures % scale, u->name);
			return true;
		}
	}
	return false;
}

static const char *in_units(char *buf, uint64_t value, const struct unit *units, size_t n)
{
	if (value == PROFILE_UNKNOWN) {
		snprintf(buf, FORMAT_SIZE, "unknown");
	} else if (!value) {
		snprintf(buf, FORMAT_SIZE, "0");
	} else {
		for (size_t i = 0; i < n; i++)
			if (in_unit(buf, value, &units[i]))
				break;
	}
	return buf;
}

#define IN_UNITS(buf, value, units) in_units(buf, value, units, sizeof(units) / sizeof(*(units)))

const char *format_duration(char *buf, uint64_t ns)
{
	return IN_UNITS(buf, ns, time_units);
}

const char *format_bytes(char *buf, uint64_t bytes)
{
	return IN_UNITS(buf, bytes, byte_units);
}

const char *format_memory(char *buf, uint64_t bytes)
{
	return IN_UNITS(buf, bytes, memory_units);
}

const char *format_rate(char *buf, uint64_t bytes, uint64_t ns)
{
	unsigned __int128 rate;

	if (bytes == PROFILE_UNKNOWN || ns == PROFILE_UNKNOWN || !ns)
		return IN_UNITS(buf, PROFILE_UNKNOWN, rate_units);
	rate = (unsigned __int128)bytes * 1000000000 / ns;
	return IN_UNITS(buf, rate < PROFILE_UNKNOWN ? (uint64_t)rate : PROFILE_UNKNOWN, rate_units);
}

const char *format_count(char *buf, uint64_t n)
{
	char digits[FORMAT_SIZE];
	int len, at = 0;

	if (n == PROFILE_UNKNOWN) {
		snprintf(buf, FORMAT_SIZE, "unknown");
		return buf;
	}
	len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	buf[at] = '\0';
	return buf;
}

const char *format_count_short(char *buf, uint64_t n)
{
	if (n < 1000000 || n == PROFILE_UNKNOWN)
		return format_count(buf, n);
	return IN_UNITS(buf, n, count_units);
}

const char *format_per_second(char *buf, uint64_t n, uint64_t ns)
{
	unsigned __int128 tenths;
	uint64_t t;

	if (n == PROFILE_UNKNOWN || ns == PROFILE_UNKNOWN || !ns) {
		snprintf(buf, FORMAT_SIZE, "unknown");
		return buf;
	}
	tenths = ((unsigned __int128)n * 10000000000 + ns / 2) / ns;
	t = tenths < UINT64_MAX ? (uint64_t)tenths : UINT64_MAX - 5;
	if (t >= 1000) {
		format_count_short(buf, (t + 5) / 10);
		strcat(buf, "/s");
	} else if (!n) {
		snprintf(buf, FORMAT_SIZE, "0");
	} else if (!t) {
		snprintf(buf, FORMAT_SIZE, "<0.1/s");
	} else {
		snprintf(buf, FORMAT_SIZE, "%" PRIu64 ".%" PRIu64 "/s", t / 10, t % 10);
	}
	return buf;
}

const char *format_percent(char *buf, uint64_t part, uint64_t whole)
{
	unsigned __int128 tenths;
	uint64_t t;

	if (part == PROFILE_UNKNOWN || whole == PROFILE_UNKNOWN) {
		snprintf(buf, FORMAT_SIZE, "unknown");
		return buf;
	}
	if (!part || !whole) {
		snprintf(buf, FORMAT_SIZE, "0");
		return buf;
	}
	tenths = ((unsigned __int128)part * 1000 + whole / 2) / whole;
	t = tenths < UINT64_MAX ? (uint64_t)tenths : UINT64_MAX;
	if (!t)
		snprintf(buf, FORMAT_SIZE, "<0.1 %%");
	else if (t >= 1000)
		snprintf(buf, FORMAT_SIZE, "%" PRIu64 " %%", (t + 5) / 10);
	else
		snprintf(buf, FORMAT_SIZE, "%" PRIu64 ".%" PRIu64 " %%", t / 10, t % 10);
	return buf;
}
