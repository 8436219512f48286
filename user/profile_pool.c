/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Buckets without a stack: a thread that ran for 2 ms in ten seconds was hardly ever caught at it.
 * Its namesakes in the process do the same work as a rule, so their stacks stand in: those of the
 * same state, call and wait (system call and flags), whose kinds they show too; where there are none,
 * those of the same kind. All such short buckets together get the distribution that the pool shows, each a piece of it: laid end to end, buckets and pool are two divisions of one line. So
 * there are no more new lines than buckets and pooled stacks, and no sum is off by a nanosecond.
 */
#define _GNU_SOURCE /* qsort_r */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "profile_build.h"

/* The numbers of the rows' (pid, process, thread name): equal names, equal numbers. */
struct groups {
	uint32_t *of_row;
};

static int by_name(const void *a, const void *b, void *arg)
{
	const struct profile_thread *threads = arg;
	const struct profile_thread *x = &threads[*(const uint32_t *)a];
	const struct profile_thread *y = &threads[*(const uint32_t *)b];
	int order;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	order = x->process == y->process ? 0 : strcmp(x->process, y->process);
	return order ? order : x->comm == y->comm ? 0 : strcmp(x->comm, y->comm);
}

static int groups_make(struct groups *g, struct profile *p)
{
	const size_t n = p->threads_n;
	uint32_t *order = malloc((n + 1) * sizeof(*order));

	g->of_row = calloc(n + 1, sizeof(*g->of_row));
	if (!order || !g->of_row) {
		free(order);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	qsort_r(order, n, sizeof(*order), by_name, p->threads);
	for (size_t i = 1; i < n; i++)
		g->of_row[order[i]] = g->of_row[order[i - 1]] +
				      (by_name(&order[i - 1], &order[i], p->threads) != 0);
	free(order);
	return 0;
}

/* What makes lines alike, in two passes. */
struct likeness {
	struct groups groups;
	bool by_wait; /* the same system call and flags; else the same kind */
};

/* Same process, thread name, state, call and wait? */
static int compare_kind(const struct work_line *x, const struct work_line *y,
			const struct likeness *like)
{
	const uint32_t *of_row = like->groups.of_row;

	if (of_row[x->row] != of_row[y->row])
		return of_row[x->row] < of_row[y->row] ? -1 : 1;
	if (x->state != y->state)
		return x->state - y->state;
	if (x->call != y->call)
		return x->call < y->call ? -1 : 1;
	if (!like->by_wait)
		return x->kind - y->kind;
	return x->syscall != y->syscall ? x->syscall - y->syscall : x->flags - y->flags;
}

static int by_kind(const void *a, const void *b, void *arg)
{
	const struct work_line *x = a, *y = b;
	const int kind = compare_kind(x, y, arg);

	if (kind)
		return kind;
	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	if (x->list != y->list)
		return x->list < y->list ? -1 : 1;
	return x->kind - y->kind;
}

static uint64_t sum_of(const struct work_line *lines, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += lines[i].value_ns;
	return sum;
}

/* Lays the poor buckets, end to end, over the pool, stretched to the same length. */
static int lay_over(struct work_lines *lines, const struct work_line *poor, size_t poor_n,
		    const struct work_line *pool, size_t pool_n)
{
	const uint64_t poor_sum = sum_of(poor, poor_n), pool_sum = sum_of(pool, pool_n);
	uint64_t at = 0, bucket_end = 0, pool_seen = pool[0].value_ns, pool_end;
	size_t j = 0;
	int err = 0;

	pool_end = (uint64_t)((unsigned __int128)pool_seen * poor_sum / pool_sum);
	for (size_t i = 0; i < poor_n; i++) {
		bucket_end += poor[i].value_ns;
		while (!err && at < bucket_end) {
			struct work_line piece = poor[i];
			uint64_t end;

			while (pool_end <= at && j + 1 < pool_n) {
				pool_seen += pool[++j].value_ns;
				pool_end = (uint64_t)((unsigned __int128)pool_seen * poor_sum /
						      pool_sum);
			}
			end = pool_end < bucket_end ? pool_end : bucket_end;
			piece.list = pool[j].list;
			piece.kind = pool[j].kind;
			piece.value_ns = end - at;
			piece.stacks = 0;
			err = work_lines_add(lines, &piece);
			at = end;
		}
	}
	return err;
}

/* Nobody knows: a frame that says so, or inside a call the call. */
static int not_sampled(struct profile *p, struct work_lines *lines, const struct work_line *poor,
		       size_t n)
{
	int err = 0;

	for (size_t i = 0; !err && i < n; i++) {
		struct work_line line = poor[i];
		const char *frame =
			line.call ? p->arena->strings[line.call - 1] : PROFILE_NOT_SAMPLED;
		const int64_t list = build_list(p, &frame, 1);

		if (list < 0)
			return (int)list;
		line.list = (uint32_t)list;
		line.stacks = 0;
		err = work_lines_add(lines, &line);
	}
	return err;
}

/* Lays the poor lines over those of the pool that they are like. What finds none is left in poor. */
static int pool_pass(struct work_lines *lines, struct work_lines *poor, struct work_line *pool,
		     size_t pool_n, struct likeness *like)
{
	size_t left = 0;
	int err = 0;

	if (!poor->n || !pool_n)
		return 0;
	qsort_r(pool, pool_n, sizeof(*pool), by_kind, like);
	qsort_r(poor->lines, poor->n, sizeof(*poor->lines), by_kind, like);
	for (size_t i = 0, j = 0, from; !err && i < poor->n;) {
		const struct work_line *kind = &poor->lines[from = i];
		size_t pool_from;

		while (i < poor->n && !compare_kind(&poor->lines[i], kind, like))
			i++;
		while (j < pool_n && compare_kind(&pool[j], kind, like) < 0)
			j++;
		pool_from = j;
		while (j < pool_n && !compare_kind(&pool[j], kind, like))
			j++;
		if (j > pool_from) {
			err = lay_over(lines, kind, i - from, pool + pool_from, j - pool_from);
			continue;
		}
		memmove(poor->lines + left, kind, (i - from) * sizeof(*kind));
		left += i - from;
	}
	poor->n = left;
	return err;
}

int pool_lines(struct profile *p, struct work_lines *lines, struct work_lines *poor)
{
	const size_t pool_n = lines->n;
	struct work_line *pool = NULL;
	struct likeness like = { .by_wait = true };
	int err;

	if (!poor->n)
		return 0;
	err = groups_make(&like.groups, p);
	if (err)
		goto out;
	pool = malloc((pool_n + 1) * sizeof(*pool));
	if (!pool) {
		err = -ENOMEM;
		goto out;
	}
	if (pool_n)
		memcpy(pool, lines->lines, pool_n * sizeof(*pool));
	err = pool_pass(lines, poor, pool, pool_n, &like);
	like.by_wait = false;
	if (!err)
		err = pool_pass(lines, poor, pool, pool_n, &like);
	if (!err)
		err = not_sampled(p, lines, poor->lines, poor->n);
out:
	free(pool);
	free(like.groups.of_row);
	return err;
}
