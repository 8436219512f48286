/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "book.h"
#include "../truth.h"

#define ROWS  64
#define CODES 8
#define KINDS 5
#define SIZES 48

struct row {
	char name[40];
	uint64_t calls, errors, bytes;
	struct {
		int code;
		uint64_t calls;
	} codes[CODES];
};

static struct {
	pthread_mutex_t lock;
	struct row rows[ROWS];
	struct {
		uint64_t calls, bytes, sizes[SIZES];
	} kinds[KINDS];
} * pages;

void book_open(void)
{
	pthread_mutexattr_t shared;

	pages = mmap(NULL, sizeof(*pages), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (pages == MAP_FAILED)
		truth_die("mmap");
	pthread_mutexattr_init(&shared);
	pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&pages->lock, &shared);
}

static struct row *row_of(const char *name)
{
	for (int r = 0; r < ROWS; r++) {
		struct row *row = &pages->rows[r];

		if (!row->name[0])
			snprintf(row->name, sizeof(row->name), "%s", name);
		if (strcmp(row->name, name) == 0)
			return row;
	}
	truth_die("book: too many names");
}

static void add_code(struct row *row, int code)
{
	for (int c = 0; c < CODES; c++) {
		if (row->codes[c].calls && row->codes[c].code != code)
			continue;
		row->codes[c].code = code;
		row->codes[c].calls++;
		return;
	}
	truth_die("book: too many codes");
}

int book(const char *name, int ret, uint64_t bytes)
{
	struct row *row;

	pthread_mutex_lock(&pages->lock);
	row = row_of(name);
	row->calls++;
	if (ret)
		add_code(row, ret);
	else
		row->bytes += bytes;
	/* cudaErrorNotReady is an answer. */
	if (ret && ret != 600)
		row->errors++;
	pthread_mutex_unlock(&pages->lock);
	return ret;
}

int book_copy(const char *name, int ret, uint64_t bytes, int kind)
{
	int size = 0;

	book(name, ret, bytes);
	if (kind < 0 || kind >= KINDS)
		return ret;
	while (UINT64_C(1) << size < bytes)
		size++;
	pthread_mutex_lock(&pages->lock);
	pages->kinds[kind].calls++;
	pages->kinds[kind].sizes[size]++;
	if (!ret)
		pages->kinds[kind].bytes += bytes;
	pthread_mutex_unlock(&pages->lock);
	return ret;
}

static void tell(const char *of, const char *what, uint64_t value)
{
	char name[96];

	snprintf(name, sizeof(name), "%s.%s", of, what);
	truth_number(name, value);
}

static void tell_row(const struct row *row)
{
	char what[32];

	tell(row->name, "calls", row->calls);
	tell(row->name, "errors", row->errors);
	tell(row->name, "bytes", row->bytes);
	for (int c = 0; c < CODES && row->codes[c].calls; c++) {
		snprintf(what, sizeof(what), "code.%d", row->codes[c].code);
		tell(row->name, what, row->codes[c].calls);
	}
}

void book_tell(void)
{
	static const char *const kinds[KINDS] = { "copy.H2H", "copy.H2D", "copy.D2H", "copy.D2D",
						  "copy.default" };
	char what[32];

	for (int r = 0; r < ROWS && pages->rows[r].name[0]; r++)
		tell_row(&pages->rows[r]);
	for (int k = 0; k < KINDS; k++) {
		tell(kinds[k], "calls", pages->kinds[k].calls);
		tell(kinds[k], "bytes", pages->kinds[k].bytes);
		for (int i = 0; i < SIZES; i++) {
			snprintf(what, sizeof(what), "size.%llu", 1ull << i);
			if (pages->kinds[k].sizes[i])
				tell(kinds[k], what, pages->kinds[k].sizes[i]);
		}
	}
}
