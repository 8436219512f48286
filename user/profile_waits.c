// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What each process waited for. Times from the lines, so that they sum to its blocked time; how often,
 * from the counts that came with the exact times. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "frames.h"
#include "profile_build.h"
#include "text.h"

struct wait_rows {
	struct profile_wait *rows;
	size_t n, cap;
};

static int by_key(const void *a, const void *b)
{
	const struct profile_wait *x = a, *y = b;
	int order;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind - y->kind;
	order = text_compare(x->process, y->process);
	return order ? order : text_compare(x->frame, y->frame);
}

static int by_time(const void *a, const void *b)
{
	const struct profile_wait *x = a, *y = b;

	if (x->blocked_ns != y->blocked_ns)
		return x->blocked_ns < y->blocked_ns ? 1 : -1;
	return by_key(a, b);
}

static int add_row(struct wait_rows *w, const struct profile_wait *row)
{
	int err = array_grow(&w->rows, &w->cap, w->n + 1, sizeof(*w->rows));

	if (!err)
		w->rows[w->n++] = *row;
	return err;
}

/* The kernel function that a list's thread waited in, without what its name says besides. */
static int frame_of(struct profile *p, uint32_t list, const char **frame)
{
	const struct frame_list *l = p->build->lists[list];
	const char *name = wait_frame(l->frames + l->user_n, l->n - l->user_n);
	char symbol[256];

	*frame = NULL;
	if (!name)
		return 0;
	snprintf(symbol, sizeof(symbol), "%.*s", (int)frame_symbol(name), name);
	*frame = profile_string(p, symbol);
	return *frame ? 0 : -ENOMEM;
}

static int add_line(struct profile *p, struct wait_rows *w, const struct work_line *l)
{
	const struct profile_thread *t = &p->threads[l->row];
	struct profile_wait row = {
		.pid = t->pid, .process = t->process, .kind = l->kind, .blocked_ns = l->value_ns
	};
	enum wait_trust trust;
	int err = 0;

	if (l->kind == KIND_OTHER)
		err = frame_of(p, l->list, &row.frame);
	wait_kind_first(l->syscall, l->flags, &trust);
	if (l->call || trust != TRUST_SURE)
		row.waits = PROFILE_UNKNOWN;
	return err ? err : add_row(w, &row);
}

/* A row without time, for its count. */
static int add_count(struct profile *p, struct wait_rows *w, const struct build_bucket *k)
{
	const struct profile_thread *t = &p->threads[k->row];
	struct profile_wait row = { .pid = t->pid, .process = t->process, .waits = k->count };
	enum wait_trust trust;

	if (k->state != PROFILE_BLOCKED || k->call)
		return 0;
	row.kind = (uint8_t)wait_kind_first(k->syscall, k->flags, &trust);
	return trust == TRUST_SURE ? add_row(w, &row) : 0;
}

static uint64_t sum_counts(uint64_t a, uint64_t b)
{
	return a == PROFILE_UNKNOWN || b == PROFILE_UNKNOWN ? PROFILE_UNKNOWN : a + b;
}

static void merge(struct wait_rows *w)
{
	size_t n = 0;

	if (w->n)
		qsort(w->rows, w->n, sizeof(*w->rows), by_key);
	for (size_t i = 0; i < w->n; i++) {
		if (!n || by_key(&w->rows[n - 1], &w->rows[i])) {
			w->rows[n++] = w->rows[i];
			continue;
		}
		w->rows[n - 1].blocked_ns += w->rows[i].blocked_ns;
		w->rows[n - 1].waits = sum_counts(w->rows[n - 1].waits, w->rows[i].waits);
	}
	w->n = n;
	if (n)
		qsort(w->rows, n, sizeof(*w->rows), by_time);
}

int profile_waits(struct profile *p, const struct build_buckets *k, const struct work_lines *lines)
{
	struct wait_rows w = { 0 };
	int err = 0;

	for (size_t i = 0; !err && i < lines->n; i++)
		if (lines->lines[i].state == PROFILE_BLOCKED)
			err = add_line(p, &w, &lines->lines[i]);
	for (size_t i = 0; !err && i < k->n; i++)
		err = add_count(p, &w, &k->buckets[i]);
	if (err) {
		free(w.rows);
		return err;
	}
	merge(&w);
	p->waits = w.rows;
	p->waits_n = w.n;
	return 0;
}
