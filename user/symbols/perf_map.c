// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Perf maps, read from the end: the last line that covers an address counts, so each address is named
 * once and is out of the way then, and reading ends when all are. That bounds the time for a map whose
 * every line covers every address.
 */
#define _GNU_SOURCE
#include "perf_map.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../array.h"

#define BLOCK 65536

struct reader {
	const uint64_t *addresses;
	size_t n, left; /* left: without a name */
	size_t *next; /* from each address, the nearest one up that has no name; shortened on use */
	void (*name)(void *arg, size_t i, char *text);
	void *arg;
};

static size_t unnamed_from(struct reader *r, size_t i)
{
	size_t end = i;

	while (r->next[end] != end)
		end = r->next[end];
	while (r->next[i] != end) {
		size_t step = r->next[i];

		r->next[i] = end;
		i = step;
	}
	return end;
}

static const char *parse_hex(const char *text, uint64_t *value)
{
	const char *p = text;
	int digits = 0;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		p += 2;
	for (*value = 0;; p++, digits++) {
		int d = *p >= '0' && *p <= '9'	 ? *p - '0'
			: *p >= 'a' && *p <= 'f' ? *p - 'a' + 10
			: *p >= 'A' && *p <= 'F' ? *p - 'A' + 10
						 : -1;

		if (d < 0 || digits > 16)
			break;
		*value = *value << 4 | (uint64_t)d;
	}
	return digits && digits <= 16 && *p == ' ' ? p + 1 : NULL;
}

/* line: ends in NUL. */
static void take_line(struct reader *r, char *line)
{
	char copy[PERF_MAP_LINE_MAX + 1];
	uint64_t start, size;
	const char *p = parse_hex(line, &start);

	p = p ? parse_hex(p, &size) : NULL;
	if (!p || !*p)
		return;
	for (size_t i = unnamed_from(r, array_lower_bound(r->addresses, r->n, start));
	     i < r->n && r->addresses[i] - start < size; i = unnamed_from(r, i)) {
		/* The callback may change its copy. */
		memcpy(copy, p, strlen(p) + 1);
		r->name(r->arg, i, copy);
		r->next[i] = i + 1;
		r->left--;
	}
}

/* A line's end that was read before its beginning. */
struct tail {
	char text[PERF_MAP_LINE_MAX + 1]; /* at the end of the array, ends in NUL */
	size_t n;			  /* bytes before the NUL */
	bool too_long;
};

static void tail_clear(struct tail *t)
{
	t->n = 0;
	t->too_long = false;
	t->text[PERF_MAP_LINE_MAX] = '\0';
}

static void tail_prepend(struct tail *t, const char *data, size_t n)
{
	if (t->too_long || n > PERF_MAP_LINE_MAX - t->n) {
		t->too_long = true;
		return;
	}
	t->n += n;
	memcpy(t->text + PERF_MAP_LINE_MAX - t->n, data, n);
}

static void tail_take(struct tail *t, struct reader *r)
{
	char *line = t->text + PERF_MAP_LINE_MAX - t->n;

	/* A NUL inside cuts the name: the same as what is printed. */
	if (t->n && !t->too_long)
		take_line(r, line);
	tail_clear(t);
}

/* The lines of one block, last first; the first one may begin in the block before. */
static void take_block(struct reader *r, const char *block, size_t n, struct tail *t, bool *ended)
{
	size_t end = n;

	for (size_t at = n; at-- > 0 && r->left;) {
		if (block[at] != '\n')
			continue;
		if (*ended) {
			tail_prepend(t, block + at + 1, end - at - 1);
			tail_take(t, r);
		}
		/* What stands behind the last newline is still being written. */
		*ended = true;
		end = at;
	}
	if (*ended)
		tail_prepend(t, block, end);
}

static int read_backward(struct reader *r, int fd, uint64_t size, uint64_t *budget, char *block,
			 struct tail *t)
{
	uint64_t most = *budget < PERF_MAP_BYTES_MAX ? *budget : PERF_MAP_BYTES_MAX;
	uint64_t from = size > most ? size - most : 0;
	bool ended = false;

	while (size > from && r->left) {
		size_t want = size - from < BLOCK ? size - from : BLOCK;
		ssize_t got = pread(fd, block, want, (off_t)(size - want));

		if (got < 0 && errno == EINTR)
			continue;
		if (got != (ssize_t)want)
			return got < 0 ? -errno : -EIO; /* cut short meanwhile */
		take_block(r, block, want, t, &ended);
		size -= want;
		*budget -= want;
	}
	/* The first line has no newline before it. */
	if (r->left && !from)
		tail_take(t, r);
	return 0;
}

int perf_map_read(int fd, const uint64_t *addresses, size_t n, uint64_t *budget,
		  void (*name)(void *arg, size_t i, char *text), void *arg)
{
	struct reader r = { addresses, n, n, NULL, name, arg };
	struct tail *t = malloc(sizeof(*t));
	char *block = malloc(BLOCK);
	struct stat st;
	int err = -ENOMEM;

	r.next = calloc(n + 1, sizeof(*r.next));
	if (!r.next || !t || !block)
		goto out;
	for (size_t i = 0; i <= n; i++)
		r.next[i] = i;
	tail_clear(t);
	err = fstat(fd, &st) ? -errno : read_backward(&r, fd, st.st_size, budget, block, t);
out:
	free(r.next);
	free(block);
	free(t);
	return err;
}
