/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Figures for people: three significant figures with their unit, or a count with commas.
 * PROFILE_UNKNOWN is "unknown", 0 is "0". Each writes into buf (FORMAT_SIZE bytes) and returns it.
 */
#ifndef FORMAT_H
#define FORMAT_H

#include <stdint.h>

#define FORMAT_SIZE 32

const char *format_duration(char *buf, uint64_t ns);  /* "2.94 us", "810 us", "16.7 min" */
const char *format_bytes(char *buf, uint64_t bytes);  /* "1.10 GB": powers of 1000 */
const char *format_memory(char *buf, uint64_t bytes); /* "21.0 MiB": powers of 1024 */
const char *format_rate(char *buf, uint64_t bytes, uint64_t ns); /* "6.10 GB/s" */
const char *format_count(char *buf, uint64_t n);		 /* "402,110" */
const char *format_count_short(char *buf, uint64_t n); /* the same; from a million on "1.23 M" */
const char *format_per_second(char *buf, uint64_t n, uint64_t ns); /* "40,211/s", "3.2/s" */
/* "61.2 %", "2.1 %", "100 %"; more than nothing but next to it: "<0.1 %". whole 0: "0". */
const char *format_percent(char *buf, uint64_t part, uint64_t whole);

#endif /* FORMAT_H */
