// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* I/O in a profile: rows by process, and by thread. */
#include <errno.h>
#include <stdlib.h>
#include "profile_build.h"
#include "text.h"

int profile_add_io(struct profile *p, const struct profile_io *row)
{
	struct profile_io io = *row;
	int err;

	if (!p->build)
		return -EINVAL;
	err = build_own(p, &io.process);
	if (!err)
		err = build_name(p, &io.kind);
	if (!err)
		err = build_own(p, &io.device);
	if (!err)
		err = array_grow(&p->io, &p->build->io_cap, p->io_n + 1, sizeof(io));
	if (!err)
		p->io[p->io_n++] = io;
	return err;
}

int profile_add_io_thread(struct profile *p, const struct profile_io_thread *row)
{
	struct profile_io_thread t = *row;
	int err;

	if (!p->build)
		return -EINVAL;
	err = build_name(p, &t.kind);
	if (!err)
		err = build_own(p, &t.device);
	if (!err)
		err = array_grow(&p->io_threads, &p->build->io_threads_cap, p->io_threads_n + 1,
				 sizeof(t));
	if (!err)
		p->io_threads[p->io_threads_n++] = t;
	return err;
}

static int rising(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* By process; rows of no process last. Within one the longest first. */
static int io_order(const void *a, const void *b)
{
	const struct profile_io *x = a, *y = b;
	int c = rising(!x->process, !y->process);

	if (!c)
		c = rising(x->pid, y->pid);
	if (!c)
		c = rising(y->whole.wall_ns, x->whole.wall_ns);
	if (!c)
		c = text_compare(x->kind, y->kind);
	return c ? c : text_compare(x->device, y->device);
}

static int io_thread_key(const void *a, const void *b)
{
	const struct profile_io_thread *x = a, *y = b;
	int c = rising(x->thread, y->thread);

	if (!c)
		c = text_compare(x->kind, y->kind);
	return c ? c : text_compare(x->device, y->device);
}

static void merge_threads(struct profile *p)
{
	struct profile_io_thread *rows = p->io_threads;
	size_t n = 0;

	for (size_t i = 1; i < p->io_threads_n; i++) {
		if (io_thread_key(&rows[n], &rows[i])) {
			rows[++n] = rows[i];
			continue;
		}
		rows[n].calls += rows[i].calls;
		rows[n].bytes += rows[i].bytes;
		rows[n].wall_ns += rows[i].wall_ns;
	}
	if (p->io_threads_n)
		p->io_threads_n = n + 1;
}

int profile_io_finish(struct profile *p, const uint32_t *rank)
{
	const struct profile_build *b = p->build;
	uint32_t *row = build_places(p, rank);

	if (!row)
		return -ENOMEM;
	for (size_t i = 0; i < p->io_threads_n; i++) {
		struct profile_io_thread *t = &p->io_threads[i];
		const int64_t at = t->serial ? build_find_serial(b, t->serial) : -ENOENT;

		t->thread = at < 0 || b->serials[at].row == NO_ROW ? PROFILE_NO_THREAD
								   : row[b->serials[at].row];
	}
	free(row);
	if (p->io_n)
		qsort(p->io, p->io_n, sizeof(*p->io), io_order);
	if (p->io_threads_n)
		qsort(p->io_threads, p->io_threads_n, sizeof(*p->io_threads), io_thread_key);
	merge_threads(p);
	return 0;
}
