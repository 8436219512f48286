/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How long each bucket was. A thread's account is the authority: what its calls and waits leave of a
 * state is a bucket of its own, and where they exceed it (a call that reaches over the window's edge)
 * they are cut down to it, in proportion.
 */
#include <errno.h>
#include <stdlib.h>
#include "apportion.h"
#include "profile_build.h"

static int by_call(const void *a, const void *b)
{
	const struct build_call *x = a, *y = b;

	if (x->serial != y->serial)
		return x->serial < y->serial ? -1 : 1;
	return x->call < y->call ? -1 : x->call > y->call;
}

static int by_wait(const void *a, const void *b)
{
	const struct build_wait *x = a, *y = b;

	if (x->serial != y->serial)
		return x->serial < y->serial ? -1 : 1;
	if (x->syscall != y->syscall)
		return x->syscall - y->syscall;
	return x->flags - y->flags;
}

/* Sorts both, adds up what is equal. */
static void sum_up(struct profile_build *b)
{
	size_t n = 0;

	if (b->calls_n)
		qsort(b->calls, b->calls_n, sizeof(*b->calls), by_call);
	for (size_t i = 0; i < b->calls_n; i++) {
		if (n && !by_call(&b->calls[n - 1], &b->calls[i]))
			for (int s = 0; s < PROFILE_STATES; s++)
				b->calls[n - 1].state_ns[s] += b->calls[i].state_ns[s];
		else
			b->calls[n++] = b->calls[i];
	}
	b->calls_n = n;
	n = 0;
	if (b->waits_n)
		qsort(b->waits, b->waits_n, sizeof(*b->waits), by_wait);
	for (size_t i = 0; i < b->waits_n; i++) {
		if (n && !by_wait(&b->waits[n - 1], &b->waits[i])) {
			b->waits[n - 1].ns += b->waits[i].ns;
			b->waits[n - 1].count += b->waits[i].count;
		} else {
			b->waits[n++] = b->waits[i];
		}
	}
	b->waits_n = n;
}

static int by_bucket(const void *a, const void *b)
{
	const struct build_bucket *x = a, *y = b;

	if (x->state != y->state)
		return x->state - y->state;
	if (x->call != y->call)
		return x->call < y->call ? -1 : 1;
	if (x->syscall != y->syscall)
		return x->syscall - y->syscall;
	return x->flags - y->flags;
}

static int add_bucket(struct build_buckets *k, const struct build_bucket *bucket)
{
	int err;

	if (!bucket->ns)
		return 0;
	err = array_grow(&k->buckets, &k->cap, k->n + 1, sizeof(*k->buckets));
	if (!err)
		k->buckets[k->n++] = *bucket;
	return err;
}

/* Cuts the parts down so that they sum to no more than total. Returns their sum, or what is left of
 * memory: a negative errno in *err. */
static uint64_t cut_to(uint64_t total, uint64_t *parts, size_t n, int *err)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		/* Sums that do not fit 64 bits are nonsense; cut before they wrap. */
		if (parts[i] > UINT64_MAX - sum)
			parts[i] = UINT64_MAX - sum;
		sum += parts[i];
	}
	if (sum <= total)
		return sum;
	*err = apportion(total, parts, n, parts);
	return total;
}

struct row_parts {
	struct profile_thread *thread;
	uint32_t row;
	struct build_call *calls;
	size_t calls_n;
	struct build_wait *waits;
	size_t waits_n;
	uint64_t *parts; /* room for the calls and for the waits */
};

/* A thread's blocked time outside calls, by (system call, flags). */
static int add_waits(struct build_buckets *k, struct row_parts *r, uint64_t total)
{
	struct build_bucket bucket = { .row = r->row, .state = PROFILE_BLOCKED };
	uint64_t rest;
	int err = 0;

	for (size_t i = 0; i < r->waits_n; i++)
		r->parts[i] = r->waits[i].ns;
	rest = total - cut_to(total, r->parts, r->waits_n, &err);
	for (size_t i = 0; !err && i < r->waits_n; i++) {
		bucket.syscall = r->waits[i].syscall;
		bucket.flags = r->waits[i].flags;
		bucket.ns = r->parts[i];
		bucket.count = r->waits[i].count;
		if (bucket.syscall == INFBPF_NO_SYSCALL && bucket.flags == WAIT_UNKNOWN) {
			bucket.ns += rest;
			rest = 0;
		}
		err = add_bucket(k, &bucket);
	}
	bucket.syscall = INFBPF_NO_SYSCALL;
	bucket.flags = WAIT_UNKNOWN;
	bucket.ns = rest;
	bucket.count = PROFILE_UNKNOWN;
	return err ? err : add_bucket(k, &bucket);
}

static int add_state(struct build_buckets *k, struct row_parts *r, int state)
{
	const uint64_t total = r->thread->state_ns[state];
	struct build_bucket bucket = { .row = r->row,
				       .state = (uint8_t)state,
				       .syscall = INFBPF_NO_SYSCALL,
				       .count = PROFILE_UNKNOWN };
	uint64_t inside;
	int err = 0;

	for (size_t i = 0; i < r->calls_n; i++)
		r->parts[i] = r->calls[i].state_ns[state];
	inside = cut_to(total, r->parts, r->calls_n, &err);
	r->thread->call_ns += inside;
	for (size_t i = 0; !err && i < r->calls_n; i++) {
		bucket.call = r->calls[i].call;
		bucket.ns = r->parts[i];
		err = add_bucket(k, &bucket);
	}
	if (err)
		return err;
	if (state == PROFILE_BLOCKED)
		return add_waits(k, r, total - inside);
	bucket.call = NO_CALL;
	bucket.ns = total - inside;
	return add_bucket(k, &bucket);
}

int buckets_build(struct profile *p, struct build_buckets *k)
{
	struct profile_build *b = p->build;
	struct row_parts r = { .calls = b->calls, .waits = b->waits };
	size_t calls_left, waits_left;
	int err = -ENOMEM;

	sum_up(b);
	calls_left = b->calls_n;
	waits_left = b->waits_n;
	k->first = calloc(p->threads_n + 1, sizeof(*k->first));
	r.parts = calloc(b->calls_n + b->waits_n + 1, sizeof(*r.parts));
	if (!k->first || !r.parts)
		goto out;
	err = 0;
	for (r.row = 0; !err && r.row < p->threads_n; r.row++) {
		const size_t first = k->n;

		r.thread = &p->threads[r.row];
		/* Both are sorted by row. */
		for (r.calls_n = 0; r.calls_n < calls_left; r.calls_n++)
			if (r.calls[r.calls_n].serial != r.row)
				break;
		for (r.waits_n = 0; r.waits_n < waits_left; r.waits_n++)
			if (r.waits[r.waits_n].serial != r.row)
				break;
		for (int s = 0; !err && s < PROFILE_STATES; s++)
			err = add_state(k, &r, s);
		if (k->n > first)
			qsort(k->buckets + first, k->n - first, sizeof(*k->buckets), by_bucket);
		k->first[r.row + 1] = k->n;
		/* Where there are none, the lists are NULL. */
		if (r.calls_n)
			r.calls += r.calls_n;
		if (r.waits_n)
			r.waits += r.waits_n;
		calls_left -= r.calls_n;
		waits_left -= r.waits_n;
	}
out:
	free(r.parts);
	return err;
}

uint32_t buckets_find(const struct build_buckets *k, const struct build_bucket *want)
{
	const size_t first = k->first[want->row], n = k->first[want->row + 1] - first;
	const struct build_bucket *found;

	found = n ? bsearch(want, k->buckets + first, n, sizeof(*found), by_bucket) : NULL;
	return found ? (uint32_t)(found - k->buckets) : UINT32_MAX;
}

void buckets_free(struct build_buckets *k)
{
	free(k->buckets);
	free(k->first);
	*k = (struct build_buckets){ 0 };
}
