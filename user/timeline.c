// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "apportion.h"
#include "array.h"
#include "clock.h"
#include "timeline.h"

#define DEFAULT_SLICES 200
#define DEFAULT_MIN_NS (10 * NS_PER_MS)

typedef uint64_t cell[PROFILE_STATES];

/* Times are from the window's begin. */
struct timeline_thread {
	uint64_t serial;
	uint64_t start_ns;
	uint64_t placed_ns; /* until here it is in the slices; total sums to placed_ns - start_ns */
	cell total;
	uint8_t state;	  /* enum profile_state: from placed_ns on, PROFILE_STATES: not known */
	uint64_t held_ns; /* until when, at least, as the last snapshot says */
	uint32_t round;	  /* of the last snapshot */
	bool ended;	  /* the final account has come */
	bool lost;	  /* no room: it is in no output */
	/* Of the slices from first on. Before and after them it was blocked, if it was there. */
	uint32_t first, n, cap;
	cell *cells;
};

struct timeline {
	uint64_t begin_ns, slice_ns;
	uint64_t round_ns, last_round_ns; /* when this round and the one before began */
	uint32_t round;
	struct timeline_thread *threads;
	size_t threads_n, threads_cap;
	struct hash_index index;
	size_t cells, ended_n, max_ended;
	bool full; /* of threads that are still there */
};

/* --- slices --- */

/* The next 1, 2 or 5 times a power of ten. */
static uint64_t round_up(uint64_t ns)
{
	static const uint64_t steps[] = { 1, 2, 5 };

	for (uint64_t unit = 1;; unit *= 10)
		for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
			if (unit * steps[i] >= ns || unit > UINT64_MAX / 100)
				return unit * steps[i];
}

uint64_t timeline_slice(uint64_t asked, uint64_t duration)
{
	uint64_t slice = asked;

	if (!slice) {
		slice = round_up(duration / DEFAULT_SLICES);
		return slice < DEFAULT_MIN_NS ? DEFAULT_MIN_NS : slice;
	}
	while ((duration + slice - 1) / slice > TIMELINE_SLICES)
		slice *= 2;
	return slice;
}

struct timeline *timeline_new(uint64_t slice_ns, size_t max_ended)
{
	struct timeline *t = calloc(1, sizeof(*t));

	if (t) {
		t->slice_ns = slice_ns;
		t->max_ended = max_ended;
	}
	return t;
}

void timeline_free(struct timeline *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->threads_n; i++)
		free(t->threads[i].cells);
	free(t->threads);
	hash_index_free(&t->index);
	free(t);
}

void timeline_begin(struct timeline *t, uint64_t begin_ns)
{
	t->begin_ns = begin_ns;
}

uint64_t timeline_slice_ns(const struct timeline *t)
{
	return t->slice_ns;
}

/* How much of a slice the thread has been there, as far as it is placed. */
static uint64_t overlap(const struct timeline *t, const struct timeline_thread *th, uint64_t slice)
{
	uint64_t from = slice * t->slice_ns, to = from + t->slice_ns;

	if (from < th->start_ns)
		from = th->start_ns;
	if (to > th->placed_ns)
		to = th->placed_ns;
	return to > from ? to - from : 0;
}

static void drop_cells(struct timeline *t, struct timeline_thread *th)
{
	t->cells -= th->cap;
	free(th->cells);
	th->cells = NULL;
	th->n = th->cap = 0;
}

static void lose(struct timeline *t, struct timeline_thread *th)
{
	drop_cells(t, th);
	th->lost = true;
}

/* Room for n cells. -ENOSPC: there is none. */
static int cells_grow(struct timeline *t, struct timeline_thread *th, uint32_t n)
{
	uint32_t cap = th->cap ? th->cap : 4;
	cell *cells;

	if (n <= th->cap)
		return 0;
	while (cap < n)
		cap *= 2;
	if (t->cells + cap - th->cap > TIMELINE_CELLS)
		return -ENOSPC;
	cells = reallocarray(th->cells, cap, sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	t->cells += cap - th->cap;
	th->cells = cells;
	th->cap = cap;
	return 0;
}

/* Gives the thread cells up to this slice, which is not before its first one. */
static int cells_reach(struct timeline *t, struct timeline_thread *th, uint32_t slice)
{
	int err;

	if (!th->n)
		th->first = slice;
	err = cells_grow(t, th, slice - th->first + 1);
	if (err)
		return err;
	for (; th->n <= slice - th->first; th->n++) {
		memset(th->cells[th->n], 0, sizeof(cell));
		th->cells[th->n][PROFILE_BLOCKED] = overlap(t, th, th->first + th->n);
	}
	return 0;
}

/* Two cells become one; those that had none were blocked. */
static void thread_double(const struct timeline *t, struct timeline_thread *th)
{
	const uint32_t first = th->first, n = th->n;
	uint32_t last;

	if (!n)
		return;
	th->first = first / 2;
	last = (first + n - 1) / 2;
	th->n = last - th->first + 1;
	for (uint32_t slice = th->first; slice <= last; slice++) {
		cell sum = { 0 };

		for (uint32_t half = 2 * slice; half <= 2 * slice + 1; half++) {
			if (half < first || half >= first + n) {
				sum[PROFILE_BLOCKED] += overlap(t, th, half);
				continue;
			}
			for (int s = 0; s < PROFILE_STATES; s++)
				sum[s] += th->cells[half - first][s];
		}
		memcpy(th->cells[slice - th->first], sum, sizeof(sum));
	}
}

int timeline_double(struct timeline *t)
{
	if (t->slice_ns > UINT64_MAX / 4)
		return -EOVERFLOW;
	for (size_t i = 0; i < t->threads_n; i++) {
		struct timeline_thread *th = &t->threads[i];
		cell *cells;

		thread_double(t, th);
		if (!th->n || th->n == th->cap)
			continue;
		cells = reallocarray(th->cells, th->n, sizeof(*cells));
		if (!cells)
			return -ENOMEM;
		t->cells -= th->cap - th->n;
		th->cells = cells;
		th->cap = th->n;
	}
	t->slice_ns *= 2;
	return 0;
}

/* --- time into slices --- */

/* The thread spent ns, and nobody knows in what order: as long as they are, evenly. */
static int spend(struct timeline *t, struct timeline_thread *th, cell ns)
{
	uint64_t left = 0;
	int err = 0;

	for (int s = 0; s < PROFILE_STATES; s++) {
		th->total[s] += ns[s];
		left += ns[s];
	}
	while (left && !err) {
		const uint64_t slice = th->placed_ns / t->slice_ns;
		uint64_t part = (slice + 1) * t->slice_ns - th->placed_ns;
		cell share;

		if (slice >= TIMELINE_SLICES) {
			err = timeline_double(t);
			continue;
		}
		if (part > left)
			part = left;
		/* Each share is at most the whole of it: part is. */
		err = apportion(part, ns, PROFILE_STATES, share);
		if (!err && share[PROFILE_BLOCKED] < part)
			err = cells_reach(t, th, (uint32_t)slice);
		if (err)
			break;
		if (th->n && slice < th->first + th->n)
			for (int s = 0; s < PROFILE_STATES; s++)
				th->cells[slice - th->first][s] += share[s];
		for (int s = 0; s < PROFILE_STATES; s++)
			ns[s] -= share[s];
		th->placed_ns += part;
		left -= part;
	}
	return err;
}

/* A wait for a CPU that was booked as woken turned out to have been throttled, in part. */
static bool mend_queue(struct timeline_thread *th, cell sums)
{
	uint64_t over = th->total[PROFILE_WOKEN] - sums[PROFILE_WOKEN], part;

	for (uint32_t i = th->n; i-- > 0 && over;) {
		part = th->cells[i][PROFILE_WOKEN] < over ? th->cells[i][PROFILE_WOKEN] : over;
		th->cells[i][PROFILE_WOKEN] -= part;
		th->cells[i][PROFILE_PREEMPTED] += part;
		th->total[PROFILE_WOKEN] -= part;
		th->total[PROFILE_PREEMPTED] += part;
		over -= part;
	}
	return !over;
}

/* The thread's sums are these now. */
static int advance(struct timeline *t, struct timeline_thread *th, cell sums)
{
	uint64_t known = th->held_ns > th->placed_ns ? th->held_ns - th->placed_ns : 0;
	cell rest, first = { 0 };
	int err;

	if (sums[PROFILE_WOKEN] < th->total[PROFILE_WOKEN] && !mend_queue(th, sums))
		return -ENOSPC;
	for (int s = 0; s < PROFILE_STATES; s++) {
		if (sums[s] < th->total[s])
			return -ENOSPC;
		rest[s] = sums[s] - th->total[s];
	}
	if (known && th->state < PROFILE_STATES) {
		first[th->state] = known < rest[th->state] ? known : rest[th->state];
		rest[th->state] -= first[th->state];
		err = spend(t, th, first);
		if (err)
			return err;
	}
	return spend(t, th, rest);
}

/* --- threads --- */

static bool serial_equal(const void *array, uint32_t position, const void *key)
{
	const struct timeline_thread *threads = array;

	return threads[position].serial == *(const uint64_t *)key;
}

/* Forgets the threads that are in no output: of those that come and go there may be any number. */
static int forget_lost(struct timeline *t)
{
	size_t n = 0;
	int err = 0;

	hash_index_free(&t->index);
	for (size_t i = 0; i < t->threads_n && !err; i++) {
		if (t->threads[i].lost && t->threads[i].ended)
			continue;
		t->threads[n] = t->threads[i];
		err = hash_index_add(&t->index, hash_bytes(&t->threads[n].serial, sizeof(uint64_t)),
				     (uint32_t)n);
		n++;
	}
	if (!err)
		t->threads_n = n;
	/* Looking again for every new one would take too long. */
	t->full = n > TIMELINE_TRACKED / 8 * 7;
	return err;
}

static struct timeline_thread *find(const struct timeline *t, uint64_t serial)
{
	const uint32_t at = hash_index_find(&t->index, hash_bytes(&serial, sizeof(serial)),
					    serial_equal, t->threads, &serial);

	return at == HASH_INDEX_NONE ? NULL : &t->threads[at];
}

/* The thread with this serial number, made on first sight. NULL with 0: there are too many. */
static int find_or_make(struct timeline *t, uint64_t serial, uint64_t start_ns,
			struct timeline_thread **th)
{
	int err = 0;

	*th = find(t, serial);
	if (*th)
		return 0;
	if (t->threads_n == TIMELINE_TRACKED && !t->full)
		err = forget_lost(t);
	if (err || t->threads_n == TIMELINE_TRACKED)
		return err;
	err = array_grow(&t->threads, &t->threads_cap, t->threads_n + 1, sizeof(*t->threads));
	if (!err)
		err = hash_index_add(&t->index, hash_bytes(&serial, sizeof(serial)),
				     (uint32_t)t->threads_n);
	if (err)
		return err;
	*th = &t->threads[t->threads_n++];
	**th = (struct timeline_thread){ .serial = serial, .state = PROFILE_STATES };
	(*th)->start_ns = (*th)->placed_ns = start_ns > t->begin_ns ? start_ns - t->begin_ns : 0;
	return 0;
}

/* As far as a thread had no snapshot in rounds that came to it, it was blocked: until the last of these,
 * which began at round_ns. */
static void hold_blocked(struct timeline *t, struct timeline_thread *th, uint32_t rounds,
			 uint64_t round_ns)
{
	if (th->state == PROFILE_BLOCKED && rounds > th->round && round_ns > t->begin_ns &&
	    round_ns - t->begin_ns > th->held_ns)
		th->held_ns = round_ns - t->begin_ns;
}

void timeline_round(struct timeline *t, uint64_t now_ns)
{
	t->last_round_ns = t->round_ns;
	t->round_ns = now_ns;
	t->round++;
}

/* A thread that there is no room for costs the others nothing. */
static int check(struct timeline *t, struct timeline_thread *th, int err)
{
	if (err != -ENOSPC)
		return err;
	lose(t, th);
	return 0;
}

int timeline_snapshot(struct timeline *t, const struct rec_slice *r)
{
	static const uint8_t states[] = {
		[RUN_NONE] = PROFILE_STATES,	 [RUN_ON_CPU] = PROFILE_ON_CPU,
		[RUN_WOKEN] = PROFILE_WOKEN,	 [RUN_PREEMPTED] = PROFILE_PREEMPTED,
		[RUN_BLOCKED] = PROFILE_BLOCKED, [RUN_DEAD] = PROFILE_STATES
	};
	cell sums = { [PROFILE_ON_CPU] = r->on_cpu_ns,
		      [PROFILE_WOKEN] = r->woken_ns,
		      [PROFILE_PREEMPTED] = r->preempted_ns,
		      [PROFILE_BLOCKED] = r->blocked_ns };
	struct timeline_thread *th;
	int err;

	if (r->state >= sizeof(states))
		return -EINVAL;
	err = find_or_make(t, r->serial, r->start_ns, &th);
	if (err || !th || th->lost || th->ended)
		return err;
	if (r->state != RUN_NONE) {
		hold_blocked(t, th, t->round - 1, t->last_round_ns);
		err = advance(t, th, sums);
		th->held_ns = r->time_ns > t->begin_ns ? r->time_ns - t->begin_ns : 0;
	}
	/* One that could not be read has done something since: nothing is known of it from here on but
	 * what it was held in until the last one. */
	th->state = r->state == RUN_NONE ? th->state : states[r->state];
	th->round = r->state == RUN_NONE ? UINT32_MAX : t->round;
	return check(t, th, err);
}

int timeline_end(struct timeline *t, const struct rec_thread *r)
{
	cell sums = { [PROFILE_ON_CPU] = r->times.on_cpu_ns,
		      [PROFILE_WOKEN] = r->times.woken_ns,
		      [PROFILE_PREEMPTED] = r->times.preempted_ns,
		      [PROFILE_BLOCKED] = r->times.blocked_ns };
	const bool late = r->flags & THREAD_ENDED && ++t->ended_n > t->max_ended;
	struct timeline_thread *th = NULL;
	int err = 0;

	if (late)
		th = find(t, r->serial);
	else
		err = find_or_make(t, r->serial, r->start_ns, &th);
	if (err || !th || th->ended)
		return err;
	th->ended = true;
	if (late)
		lose(t, th);
	if (th->lost)
		return 0;
	hold_blocked(t, th, t->round, t->round_ns);
	return check(t, th, advance(t, th, sums));
}

/* --- the result --- */

static uint64_t busy(const struct timeline_thread *th)
{
	return th->total[PROFILE_ON_CPU] + th->total[PROFILE_WOKEN] + th->total[PROFILE_PREEMPTED];
}

static int by_busy(const void *a, const void *b)
{
	const struct timeline_thread *x = a, *y = b;

	if (busy(x) != busy(y))
		return busy(x) < busy(y) ? 1 : -1;
	return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static int add_thread(const struct timeline *t, const struct timeline_thread *th, struct profile *p,
		      cell *all)
{
	for (uint32_t i = 0; i < p->slices_n; i++) {
		memset(all[i], 0, sizeof(*all));
		if (th->n && i >= th->first && i < th->first + th->n)
			memcpy(all[i], th->cells[i - th->first], sizeof(*all));
		else
			all[i][PROFILE_BLOCKED] = overlap(t, th, i);
	}
	return profile_add_slices(p, th->serial, all);
}

int timeline_finish(struct timeline *t, struct profile *p)
{
	size_t n = 0, kept = 0;
	cell *all;
	int err = 0;

	while (!err && (p->duration_ns + t->slice_ns - 1) / t->slice_ns > TIMELINE_SLICES)
		err = timeline_double(t);
	p->slice_ns = t->slice_ns;
	p->slices_n = (p->duration_ns + t->slice_ns - 1) / t->slice_ns;
	p->timeline_known = true;
	all = err ? NULL : calloc(p->slices_n + 1, sizeof(*all));
	if (!all)
		return err ? err : -ENOMEM;
	/* The index is of no use from here on. */
	for (size_t i = 0; i < t->threads_n; i++) {
		if (t->threads[i].ended && !t->threads[i].lost &&
		    t->threads[i].placed_ns > t->threads[i].start_ns)
			t->threads[n++] = t->threads[i];
		else
			free(t->threads[i].cells);
	}
	t->threads_n = n;
	if (n)
		qsort(t->threads, n, sizeof(*t->threads), by_busy);
	for (size_t i = 0; !err && i < n && kept < TIMELINE_THREADS; i++, kept++)
		err = add_thread(t, &t->threads[i], p, all);
	free(all);
	return err;
}
