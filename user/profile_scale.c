/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stacks to lines. A bucket is (thread, state, call or none), for blocked time outside calls also
 * the wait's (system call, flags). profile_bucket.c says how long each was; the stacks taken in it
 * share that time by weight. A bucket without a stack is left to profile_pool.c.
 */
#define _GNU_SOURCE /* qsort_r */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "apportion.h"
#include "profile_build.h"
#include "profile_serving_build.h"

#define NO_BUCKET UINT32_MAX
#define NO_REFINE 0xff

struct scale {
	struct profile *p;
	struct profile_build *b;
	struct build_buckets buckets;
	uint32_t *order;   /* stacks, by bucket */
	size_t *first;	   /* where each bucket's stacks begin in order; one more at the end */
	uint32_t *returns; /* stacks taken at returns, by row and call */
	size_t returns_n;
	uint8_t *refined;  /* by list: enum wait_kind, NO_REFINE: not asked yet */
	uint64_t *weights; /* of one bucket's stacks */
	size_t weights_cap;
	struct work_lines lines, poor;
};

int work_lines_add(struct work_lines *w, const struct work_line *line)
{
	int err = array_grow(&w->lines, &w->cap, w->n + 1, sizeof(*w->lines));

	if (!err)
		w->lines[w->n++] = *line;
	return err;
}

/* Serial numbers become rows; what has no account goes. */
static void resolve_rows(struct profile *p)
{
	struct profile_build *b = p->build;
	size_t n = 0;

	for (size_t i = 0; i < b->serials_n; i++)
		n += b->serials[i].row == NO_ROW;
	/* Those who ended while the ring was full have their sums in a row, under no number. */
	p->lost.threads += n > b->nameless_n ? n - b->nameless_n : 0;
	n = 0;
	for (size_t i = 0; i < b->waits_n; i++) {
		b->waits[n] = b->waits[i];
		b->waits[n].serial = b->serials[b->waits[i].serial].row;
		n += b->waits[n].serial != NO_ROW;
	}
	b->waits_n = n;
	n = 0;
	for (size_t i = 0; i < b->calls_n; i++) {
		b->calls[n] = b->calls[i];
		b->calls[n].serial = b->serials[b->calls[i].serial].row;
		n += b->calls[n].serial != NO_ROW;
	}
	b->calls_n = n;
	n = 0;
	for (size_t i = 0; i < b->stacks_n; i++) {
		b->stacks[n] = b->stacks[i];
		b->stacks[n].serial = b->serials[b->stacks[i].serial].row;
		n += b->stacks[n].serial != NO_ROW;
	}
	b->stacks_n = n;
}

/* The bucket a stack stands for. A stack from a call that has no time on record (one that was
 * abandoned) was taken in time that is booked outside calls; one from a wait whose kind was not kept
 * (the thread's storage was full) in the rest of the blocked time. */
static uint32_t bucket_of(const struct scale *s, const struct build_stack *k)
{
	struct build_bucket want = {
		.row = k->serial, .state = k->state, .call = k->call, .syscall = INFBPF_NO_SYSCALL
	};
	uint32_t at;

	if (k->state == PROFILE_BLOCKED && k->call == NO_CALL) {
		want.syscall = k->syscall;
		want.flags = k->flags;
	}
	at = buckets_find(&s->buckets, &want);
	if (at != NO_BUCKET)
		return at;
	want.call = NO_CALL;
	want.syscall = INFBPF_NO_SYSCALL;
	want.flags = k->state == PROFILE_BLOCKED ? WAIT_UNKNOWN : 0;
	return buckets_find(&s->buckets, &want);
}

static int by_row_call(const void *a, const void *b, void *arg)
{
	const struct build_stack *stacks = arg;
	const struct build_stack *x = &stacks[*(const uint32_t *)a];
	const struct build_stack *y = &stacks[*(const uint32_t *)b];

	if (x->serial != y->serial)
		return x->serial < y->serial ? -1 : 1;
	if (x->call != y->call)
		return x->call < y->call ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Puts the stacks in the order of their buckets: a counting sort. */
static int order_stacks(struct scale *s)
{
	const size_t n = s->b->stacks_n, buckets_n = s->buckets.n;
	uint32_t *bucket = malloc((n + 1) * sizeof(*bucket));
	int err = -ENOMEM;

	s->order = malloc((n + 1) * sizeof(*s->order));
	s->returns = malloc((n + 1) * sizeof(*s->returns));
	s->first = calloc(buckets_n + 2, sizeof(*s->first));
	if (!bucket || !s->order || !s->returns || !s->first)
		goto out;
	for (size_t i = 0; i < n; i++) {
		bucket[i] = NO_BUCKET;
		if (s->b->stacks[i].call_return)
			s->returns[s->returns_n++] = (uint32_t)i;
		else if (s->b->stacks[i].weight_ns)
			bucket[i] = bucket_of(s, &s->b->stacks[i]);
		if (bucket[i] != NO_BUCKET)
			s->first[bucket[i] + 2]++;
	}
	for (size_t i = 2; i < buckets_n + 2; i++)
		s->first[i] += s->first[i - 1];
	/* first[k + 1] is where bucket k begins; filling it moves it to where bucket k + 1 begins. */
	for (size_t i = 0; i < n; i++)
		if (bucket[i] != NO_BUCKET)
			s->order[s->first[bucket[i] + 1]++] = (uint32_t)i;
	qsort_r(s->returns, s->returns_n, sizeof(*s->returns), by_row_call, s->b->stacks);
	err = 0;
out:
	free(bucket);
	return err;
}

/* What the wait that a stack shows was for: as the call and its descriptor say, better if the stack
 * knows. */
static enum wait_kind stack_kind(struct scale *s, const struct build_stack *k)
{
	const struct frame_list *l = s->b->lists[k->list];
	enum wait_trust trust;
	const enum wait_kind first = wait_kind_first(k->syscall, k->flags, &trust);

	if (s->refined[k->list] == NO_REFINE)
		s->refined[k->list] =
			(uint8_t)wait_kind_refine(l->frames + l->user_n, l->n - l->user_n);
	return wait_kind_better(first, trust, s->refined[k->list]);
}

/* The kind of a bucket that no stack tells more about. */
static enum wait_kind bucket_kind(const struct build_bucket *k)
{
	enum wait_trust trust;

	if (k->state != PROFILE_BLOCKED)
		return KIND_NONE;
	return k->call ? KIND_GPU_CALL : wait_kind_first(k->syscall, k->flags, &trust);
}

/* The line that a stack's time in a bucket goes to. */
static struct work_line stack_line(struct scale *s, const struct build_bucket *k,
				   const struct build_stack *stack)
{
	const bool outside = k->state == PROFILE_BLOCKED && !k->call;

	return (struct work_line){
		.row = k->row,
		.call = k->call,
		.list = stack->list,
		.syscall = k->syscall,
		.flags = k->flags,
		.state = k->state,
		.kind = (uint8_t)(outside ? stack_kind(s, stack) : bucket_kind(k)),
	};
}

/* Divides a bucket's time among n stacks. */
static int share(struct scale *s, const struct build_bucket *k, const uint32_t *stacks, size_t n)
{
	int err = array_grow(&s->weights, &s->weights_cap, n, sizeof(*s->weights));

	if (err)
		return err;
	for (size_t i = 0; i < n; i++)
		s->weights[i] = s->b->stacks[stacks[i]].weight_ns;
	err = apportion(k->ns, s->weights, n, s->weights);
	for (size_t i = 0; !err && i < n; i++) {
		const struct build_stack *stack = &s->b->stacks[stacks[i]];
		struct work_line line = stack_line(s, k, stack);

		line.value_ns = s->weights[i];
		line.stacks = stack->count;
		if (line.value_ns)
			err = work_lines_add(&s->lines, &line);
	}
	return err;
}

/* The stacks taken at returns of this bucket's call. */
static const uint32_t *find_returns(const struct scale *s, const struct build_bucket *k, size_t *n)
{
	const struct build_stack *stacks = s->b->stacks;
	size_t low = 0, high = s->returns_n;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;
		const struct build_stack *x = &stacks[s->returns[mid]];

		if (x->serial < k->row || (x->serial == k->row && x->call < k->call))
			low = mid + 1;
		else
			high = mid;
	}
	for (high = low; high < s->returns_n; high++)
		if (stacks[s->returns[high]].serial != k->row ||
		    stacks[s->returns[high]].call != k->call)
			break;
	*n = high - low;
	return s->returns + low;
}

static int scale_bucket(struct scale *s, size_t at)
{
	const struct build_bucket *k = &s->buckets.buckets[at];
	const uint32_t *stacks = s->order + s->first[at];
	size_t n = s->first[at + 1] - s->first[at];

	if (!n && k->call)
		stacks = find_returns(s, k, &n);
	if (n)
		return share(s, k, stacks, n);
	return work_lines_add(&s->poor, &(struct work_line){
						.row = k->row,
						.call = k->call,
						.syscall = k->syscall,
						.flags = k->flags,
						.state = k->state,
						.kind = (uint8_t)bucket_kind(k),
						.value_ns = k->ns,
					});
}

/* The switches, to the lines that the same stacks' time is in. */
static int scale_switches(struct scale *s)
{
	const struct build_stack *k = s->b->stacks;
	struct switch_stack *stacks = calloc(s->b->stacks_n + 1, sizeof(*stacks));
	size_t n = 0;
	int err;

	if (!stacks)
		return -ENOMEM;
	for (size_t i = 0; i < s->b->stacks_n; i++, k++) {
		/* Where it has a bucket's time, that one's call; a wait of no time has its own. */
		struct build_bucket b = { .row = k->serial,
					  .call = k->call,
					  .syscall = INFBPF_NO_SYSCALL,
					  .state = k->state };
		const uint32_t at = k->switches && k->weight_ns ? bucket_of(s, k) : NO_BUCKET;

		if (!k->switches)
			continue;
		if (at != NO_BUCKET)
			b.call = s->buckets.buckets[at].call;
		if (b.state == PROFILE_BLOCKED && !b.call) {
			b.syscall = k->syscall;
			b.flags = k->flags;
		}
		stacks[n] = (struct switch_stack){ .line = stack_line(s, &b, k),
						   .syscall = k->syscall,
						   .flags = k->flags,
						   .in_call = k->call != NO_CALL };
		stacks[n].line.switches = k->switches;
		stacks[n].line.switches_variance = k->switches_variance;
		/* Those of lines with time are counted there. */
		stacks[n++].line.stacks = at == NO_BUCKET ? k->count : 0;
	}
	err = switches_lines(s->p, &s->buckets, stacks, n, &s->lines);
	free(stacks);
	return err;
}

/* Run queue time is one thing in the output, whatever led to it. */
static int state_class(unsigned int state)
{
	return state == PROFILE_PREEMPTED ? PROFILE_WOKEN : (int)state;
}

static int by_line(const void *a, const void *b)
{
	const struct work_line *x = a, *y = b;
	const int cx = state_class(x->state), cy = state_class(y->state);

	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	if (cx != cy)
		return cx - cy;
	if (x->kind != y->kind)
		return x->kind - y->kind;
	if (x->list != y->list)
		return x->list < y->list ? -1 : 1;
	if (x->call != y->call)
		return x->call < y->call ? -1 : 1;
	return x->state - y->state;
}

/* Sorts lines by row and merges equal ones. */
static void merge_lines(struct work_lines *w)
{
	size_t n = 0;

	if (w->n)
		qsort(w->lines, w->n, sizeof(*w->lines), by_line);
	for (size_t i = 0; i < w->n; i++) {
		if (n && !by_line(&w->lines[n - 1], &w->lines[i])) {
			w->lines[n - 1].value_ns += w->lines[i].value_ns;
			w->lines[n - 1].stacks += w->lines[i].stacks;
			w->lines[n - 1].switches += w->lines[i].switches;
			w->lines[n - 1].switches_variance += w->lines[i].switches_variance;
		} else {
			w->lines[n++] = w->lines[i];
		}
	}
	w->n = n;
}

/* The lines as the outputs see them, with the rows in their final order. rank: old row of each. */
static int put_lines(struct scale *s, const uint32_t *rank)
{
	struct profile *p = s->p;
	const struct work_line *w = s->lines.lines;
	size_t *first = calloc(p->threads_n + 1, sizeof(*first));

	p->lines = calloc(s->lines.n + 1, sizeof(*p->lines));
	if (!first || !p->lines) {
		free(first);
		return -ENOMEM;
	}
	for (size_t i = s->lines.n; i-- > 0;)
		first[w[i].row] = i;
	for (uint32_t row = 0; row < p->threads_n; row++) {
		for (size_t i = first[rank[row]]; i < s->lines.n && w[i].row == rank[row]; i++) {
			const struct frame_list *l = s->b->lists[w[i].list];

			p->lines[p->lines_n++] = (struct profile_line){
				.thread = row,
				.state = w[i].state,
				.cause = (uint8_t)wait_kind_cause(w[i].kind),
				.kind = w[i].kind,
				.user_n = l->user_n,
				.stages_n = l->stages_n,
				.frames_n = l->n,
				.call = w[i].call ? p->arena->strings[w[i].call - 1] : NULL,
				.frames = l->frames,
				.value_ns = w[i].value_ns,
				.switches = w[i].switches,
				.switches_variance = w[i].switches_variance,
				.stacks = w[i].stacks,
			};
		}
	}
	free(first);
	return 0;
}

uint64_t profile_busy_ns(const struct profile_thread *t)
{
	/* Waits for work that the thread's own request set going. All others may be a wait for
	 * somebody to come with a request: from outside that cannot be told. */
	static const enum wait_cause own[] = { CAUSE_GPU_CALL, CAUSE_GPU_DRIVER, CAUSE_DISK,
					       CAUSE_PAGE_FAULT };
	uint64_t busy = t->wall_ns - t->state_ns[PROFILE_BLOCKED];

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		busy += t->blocked_by_ns[own[i]];
	return busy;
}

static int by_thread(const void *a, const void *b, void *arg)
{
	const struct profile_thread *threads = arg;
	const struct profile_thread *x = &threads[*(const uint32_t *)a];
	const struct profile_thread *y = &threads[*(const uint32_t *)b];
	const uint64_t busy_x = profile_busy_ns(x), busy_y = profile_busy_ns(y);
	const int name = strcmp(x->process, y->process);

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (name)
		return name;
	if (busy_x != busy_y)
		return busy_x < busy_y ? 1 : -1;
	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	return x->serial < y->serial ? -1 : x->serial > y->serial;
}

/* Orders the threads; the lines follow. */
static int put_threads(struct scale *s)
{
	struct profile *p = s->p;
	const size_t n = p->threads_n;
	uint32_t *rank = malloc((n + 1) * sizeof(*rank));
	struct profile_thread *sorted = malloc((n + 1) * sizeof(*sorted));
	int err = -ENOMEM;

	if (!rank || !sorted)
		goto out;
	for (size_t i = 0; i < s->lines.n; i++) {
		const struct work_line *w = &s->lines.lines[i];

		if (w->state == PROFILE_BLOCKED)
			p->threads[w->row].blocked_by_ns[wait_kind_cause(w->kind)] += w->value_ns;
	}
	for (uint32_t i = 0; i < n; i++)
		rank[i] = i;
	qsort_r(rank, n, sizeof(*rank), by_thread, p->threads);
	err = put_lines(s, rank);
	if (!err)
		err = profile_calls_finish(p, rank);
	if (!err)
		err = profile_io_finish(p, rank);
	if (!err)
		err = profile_sched_finish(p, rank);
	if (!err)
		err = profile_slices_finish(p, rank);
	if (err)
		goto out;
	for (size_t i = 0; i < n; i++)
		sorted[i] = p->threads[rank[i]];
	free(p->threads);
	p->threads = sorted;
	sorted = NULL;
out:
	free(rank);
	free(sorted);
	return err;
}

static void scale_free(struct scale *s)
{
	buckets_free(&s->buckets);
	free(s->order);
	free(s->first);
	free(s->returns);
	free(s->refined);
	free(s->weights);
	free(s->lines.lines);
	free(s->poor.lines);
}

int profile_finish(struct profile *p)
{
	struct scale s = { .p = p, .b = p->build };
	int err;

	if (!p->build)
		return -EINVAL;
	resolve_rows(p);
	err = buckets_build(p, &s.buckets);
	if (!err)
		err = order_stacks(&s);
	if (err)
		goto out;
	s.refined = malloc(s.b->lists_n + 1);
	if (!s.refined) {
		err = -ENOMEM;
		goto out;
	}
	memset(s.refined, NO_REFINE, s.b->lists_n + 1);
	for (size_t i = 0; !err && i < s.buckets.n; i++)
		err = scale_bucket(&s, i);
	if (!err)
		err = pool_lines(p, &s.lines, &s.poor);
	if (!err)
		err = profile_waits(p, &s.buckets, &s.lines);
	if (!err)
		err = scale_switches(&s);
	if (err)
		goto out;
	merge_lines(&s.lines);
	err = put_threads(&s);
	if (!err)
		err = switches_rank(p);
	if (err)
		goto out;
	profile_reach(p);
	profile_stages_finish(p);
	err = profile_requests_finish(p);
	if (err)
		goto out;
	build_free(p->build);
	p->build = NULL;
out:
	scale_free(&s);
	return err;
}
