/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the scheduler leaves in a profile: who had the CPU, who ended waits, what every CPU did. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "apportion.h"
#include "frames.h"
#include "profile_build.h"
#include "text.h"

/* --- what comes in --- */

int profile_add_steal(struct profile *p, const struct profile_steal *steal)
{
	struct profile_steal s = *steal;
	int err;

	if (!p->build)
		return -EINVAL;
	err = build_own(p, &s.by_comm);
	if (!err)
		err = array_grow(&p->steals, &p->build->steals_cap, p->steals_n + 1, sizeof(s));
	if (!err)
		p->steals[p->steals_n++] = s;
	return err;
}

/* Takes over the waker's names; its frames are replaced by the profile's own list. */
static int take_waker(struct profile *p, struct profile_waker *w)
{
	const struct frame_list *l;
	int64_t list;
	size_t n;
	int err = build_name(p, &w->by_comm);

	if (err || !w->frames)
		return err;
	n = frames_trim(w->frames, w->frames_n, w->user_n, FRAMES_WAKER);
	list = build_list(p, w->frames, n);
	if (list < 0)
		return (int)list;
	l = p->build->lists[list];
	w->frames = l->frames;
	w->frames_n = l->n;
	return 0;
}

int profile_add_waker(struct profile *p, const struct profile_waker *waker)
{
	struct profile_waker w = *waker;
	int err;

	if (!p->build)
		return -EINVAL;
	w.frames = NULL;
	err = take_waker(p, &w);
	if (!err)
		err = array_grow(&p->wakers, &p->build->wakers_cap, p->wakers_n + 1, sizeof(w));
	if (!err)
		p->wakers[p->wakers_n++] = w;
	return err;
}

int profile_add_waker_stack(struct profile *p, const struct profile_waker *waker)
{
	struct profile_waker w = *waker;
	int err;

	if (!p->build || !w.frames)
		return -EINVAL;
	err = take_waker(p, &w);
	if (!err)
		err = array_grow(&p->waker_stacks, &p->build->waker_stacks_cap,
				 p->waker_stacks_n + 1, sizeof(w));
	if (!err)
		p->waker_stacks[p->waker_stacks_n++] = w;
	return err;
}

int profile_add_cpu(struct profile *p, const struct profile_cpu *cpu)
{
	int err;

	if (!p->build)
		return -EINVAL;
	err = array_grow(&p->cpus, &p->build->cpus_cap, p->cpus_n + 1, sizeof(*cpu));
	if (!err)
		p->cpus[p->cpus_n++] = *cpu;
	return err;
}

void profile_sched_free(struct profile *p)
{
	free(p->steals);
	free(p->wakers);
	free(p->waker_stacks);
	free(p->cpus);
}

/* --- who had the CPU --- */

#define COMPARE(x, y) ((x) < (y) ? -1 : (x) > (y))

static int by_steal(const void *a, const void *b)
{
	const struct profile_steal *x = a, *y = b;
	int order = COMPARE(x->pid, y->pid);

	if (!order)
		order = COMPARE(x->by_pid, y->by_pid);
	if (!order)
		order = text_compare(x->by_comm, y->by_comm);
	return order ? order : COMPARE(x->behind, y->behind);
}

static int by_steal_time(const void *a, const void *b)
{
	const struct profile_steal *x = a, *y = b;
	const int order = COMPARE(y->wall_ns, x->wall_ns);

	return order ? order : by_steal(a, b);
}

static const char *process_name(const struct profile *p, uint32_t pid)
{
	for (size_t i = 0; i < p->threads_n; i++)
		if (p->threads[i].pid == pid)
			return p->threads[i].process;
	return NULL;
}

static void merge_steals(struct profile *p)
{
	size_t n = 0;

	if (p->steals_n)
		qsort(p->steals, p->steals_n, sizeof(*p->steals), by_steal);
	for (size_t i = 0; i < p->steals_n; i++) {
		if (!n || by_steal(&p->steals[n - 1], &p->steals[i])) {
			p->steals[n] = p->steals[i];
			/* They are sorted by process. */
			p->steals[n].process = n && p->steals[n - 1].pid == p->steals[n].pid
						       ? p->steals[n - 1].process
						       : process_name(p, p->steals[n].pid);
			n++;
			continue;
		}
		p->steals[n - 1].wall_ns += p->steals[i].wall_ns;
		p->steals[n - 1].waits += p->steals[i].waits;
	}
	p->steals_n = n;
	if (n)
		qsort(p->steals, n, sizeof(*p->steals), by_steal_time);
}

/* --- who ended waits --- */

static int by_waker(const void *a, const void *b)
{
	const struct profile_waker *x = a, *y = b;
	int order = COMPARE(x->thread, y->thread);

	if (!order)
		order = COMPARE(x->known, y->known);
	if (!order)
		order = COMPARE(x->by_pid, y->by_pid);
	if (!order)
		order = COMPARE(x->by_tid, y->by_tid);
	if (!order)
		order = text_compare(x->by_comm, y->by_comm);
	if (!order)
		order = COMPARE(x->by_interrupt, y->by_interrupt);
	/* Equal lists of frames are one. */
	return order ? order : COMPARE(x->frames, y->frames);
}

static int by_waker_time(const void *a, const void *b)
{
	const struct profile_waker *x = a, *y = b;
	const int order = COMPARE(y->blocked_ns, x->blocked_ns);

	return order ? order : by_waker(a, b);
}

/* Serial numbers become rows; what has no account, or was no wait, goes; what is equal is added up. */
static size_t merge_wakers(const struct profile_build *b, struct profile_waker *w, size_t n)
{
	size_t kept = 0;
	int64_t at;

	for (size_t i = 0; i < n; i++) {
		at = build_find_serial(b, w[i].serial);
		if (at < 0 || b->serials[at].row == NO_ROW || !w[i].blocked_ns)
			continue;
		w[kept] = w[i];
		w[kept++].thread = b->serials[at].row;
	}
	n = kept;
	kept = 0;
	if (n)
		qsort(w, n, sizeof(*w), by_waker);
	for (size_t i = 0; i < n; i++) {
		if (kept && !by_waker(&w[kept - 1], &w[i]))
			w[kept - 1].blocked_ns += w[i].blocked_ns;
		else
			w[kept++] = w[i];
	}
	return kept;
}

/* Divides total(thread) among its rows. weights: room for n. */
static int scale_wakers(struct profile_waker *w, size_t n, const uint64_t *total, uint64_t *weights)
{
	size_t first = 0, end;
	int err = 0;

	for (; first < n && !err; first = end) {
		for (end = first; end < n && w[end].thread == w[first].thread; end++)
			weights[end] = w[end].blocked_ns;
		err = apportion(total[w[first].thread], weights + first, end - first,
				weights + first);
	}
	for (size_t i = 0; i < n && !err; i++)
		w[i].blocked_ns = weights[i];
	return err;
}

/* In their final form. position: of each row of threads, where it will be. */
static size_t put_wakers(struct profile_waker *w, size_t n, const uint32_t *position)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (!w[i].known || !w[i].blocked_ns)
			continue;
		w[kept] = w[i];
		w[kept++].thread = position[w[i].thread];
	}
	if (kept)
		qsort(w, kept, sizeof(*w), by_waker_time);
	return kept;
}

static int finish_wakers(struct profile *p, const uint32_t *position)
{
	const size_t most = p->wakers_n > p->waker_stacks_n ? p->wakers_n : p->waker_stacks_n;
	uint64_t *total = calloc(p->threads_n + 1, sizeof(*total));
	uint64_t *weights = calloc(most + 1, sizeof(*weights));
	int err = -ENOMEM;

	if (!total || !weights)
		goto out;
	for (size_t i = 0; i < p->threads_n; i++)
		total[i] = p->threads[i].state_ns[PROFILE_BLOCKED];
	p->wakers_n = merge_wakers(p->build, p->wakers, p->wakers_n);
	err = scale_wakers(p->wakers, p->wakers_n, total, weights);
	if (err)
		goto out;
	/* The stacks share what the known ones have. */
	memset(total, 0, p->threads_n * sizeof(*total));
	for (size_t i = 0; i < p->wakers_n; i++)
		if (p->wakers[i].known)
			total[p->wakers[i].thread] += p->wakers[i].blocked_ns;
	p->waker_stacks_n = merge_wakers(p->build, p->waker_stacks, p->waker_stacks_n);
	err = scale_wakers(p->waker_stacks, p->waker_stacks_n, total, weights);
	if (err)
		goto out;
	p->wakers_n = put_wakers(p->wakers, p->wakers_n, position);
	p->waker_stacks_n = put_wakers(p->waker_stacks, p->waker_stacks_n, position);
out:
	free(total);
	free(weights);
	return err;
}

int profile_sched_finish(struct profile *p, const uint32_t *rank)
{
	uint32_t *position = build_places(p, rank);
	int err;

	if (!position)
		return -ENOMEM;
	merge_steals(p);
	err = finish_wakers(p, position);
	free(position);
	return err;
}
