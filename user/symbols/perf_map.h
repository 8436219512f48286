/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Perf maps: lines of "START SIZE NAME", numbers in hex. */
#ifndef SYMBOLS_PERF_MAP_H
#define SYMBOLS_PERF_MAP_H

#include <stddef.h>
#include <stdint.h>

#define PERF_MAP_BYTES_MAX (128u * 1024 * 1024) /* read of a map, from its end */
#define PERF_MAP_LINE_MAX  4096			/* longer lines are passed over */

/* Calls name(arg, i, text) for each of the n addresses (in ascending order) that a line covers, with
 * that of the last one: what was compiled later took the place. text may be changed. budget: bytes
 * that may be read, lowered by what was. Negative errno. */
int perf_map_read(int fd, const uint64_t *addresses, size_t n, uint64_t *budget,
		  void (*name)(void *arg, size_t i, char *text), void *arg);

#endif /* SYMBOLS_PERF_MAP_H */
