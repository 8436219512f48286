/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* --timeline: whatever snapshots come in, the slices of a thread sum to its account, and no slice is
 * longer than it is; what snapshots tell of the order is in it. */
#include <jansson.h>
#include "clock.h"
#include "output.h"
#include "random_profile.h"
#include "timeline.h"

#define MS    NS_PER_MS
#define BEGIN 7777777777ULL

/* --- a thread whose states are known --- */

#define SPANS 4000
struct history {
	uint64_t serial, start_ns, end_ns; /* from the window's begin */
	struct {
		uint64_t from_ns;
		uint8_t state; /* enum run_state */
	} spans[SPANS];
	size_t n;
};

static const uint8_t profile_states[] = { [RUN_ON_CPU] = PROFILE_ON_CPU,
					  [RUN_WOKEN] = PROFILE_WOKEN,
					  [RUN_PREEMPTED] = PROFILE_PREEMPTED,
					  [RUN_BLOCKED] = PROFILE_BLOCKED };

/* What it did in [from, to). */
static void history_ns(const struct history *h, uint64_t from, uint64_t to,
		       uint64_t ns[PROFILE_STATES])
{
	memset(ns, 0, PROFILE_STATES * sizeof(*ns));
	for (size_t i = 0; i < h->n; i++) {
		uint64_t a = h->spans[i].from_ns;
		uint64_t b = i + 1 < h->n ? h->spans[i + 1].from_ns : h->end_ns;

		a = a < from ? from : a;
		b = b > to ? to : b;
		if (b > a)
			ns[profile_states[h->spans[i].state]] += b - a;
	}
}

/* Spans of up to longest_ns, some of none. */
static void history_random(struct history *h, uint64_t serial, uint64_t start_ns, uint64_t end_ns,
			   uint64_t longest_ns, uint64_t *seed)
{
	uint64_t at = start_ns;

	*h = (struct history){ .serial = serial, .start_ns = start_ns, .end_ns = end_ns };
	while (at < end_ns && h->n < SPANS) {
		h->spans[h->n].from_ns = at;
		h->spans[h->n++].state = (uint8_t)(RUN_ON_CPU + rnd_below(seed, 4));
		at += rnd_below(seed, 10) ? rnd_below(seed, longest_ns) : 0;
	}
}

static void history_add(struct history *h, enum run_state state, uint64_t ns)
{
	h->spans[h->n].from_ns = h->end_ns;
	h->spans[h->n++].state = (uint8_t)state;
	h->end_ns += ns;
}

/* The last change of state until now, and the state since. */
static uint64_t history_since(const struct history *h, uint64_t now, uint32_t *state)
{
	uint64_t since = h->start_ns;

	for (size_t i = 0; i < h->n && h->spans[i].from_ns <= now; i++) {
		since = h->spans[i].from_ns;
		*state = h->spans[i].state;
	}
	return since;
}

/* What the iterator would say: nothing of a thread blocked since before the last round. */
static void snapshot(struct timeline *t, const struct history *h, uint64_t now, uint64_t last_round,
		     bool torn)
{
	struct rec_slice r = { .hdr = { REC_SLICE, sizeof(r) }, .serial = h->serial };
	uint64_t ns[PROFILE_STATES], since;

	if (now < h->start_ns || now >= h->end_ns)
		return;
	since = history_since(h, now, &r.state);
	if (r.state == RUN_BLOCKED && since <= last_round && last_round)
		return;
	history_ns(h, 0, since, ns);
	r.start_ns = BEGIN + h->start_ns;
	r.since_ns = BEGIN + since;
	r.time_ns = BEGIN + now;
	r.on_cpu_ns = ns[PROFILE_ON_CPU];
	r.woken_ns = ns[PROFILE_WOKEN];
	r.preempted_ns = ns[PROFILE_PREEMPTED];
	r.blocked_ns = ns[PROFILE_BLOCKED];
	if (torn) {
		r.on_cpu_ns /= 2;
		r.state = RUN_NONE;
	}
	assert_int_equal(timeline_snapshot(t, &r), 0);
}

/* The final account, to the timeline and to the profile. */
static void finish(struct timeline *t, struct profile *p, const struct history *h, bool ended)
{
	struct profile_thread row = make_thread(h->serial, 1, (uint32_t)h->serial, "p", "t");
	struct rec_thread r = { .hdr = { REC_THREAD, sizeof(r) }, .serial = h->serial };

	history_ns(h, 0, h->end_ns, row.state_ns);
	r.flags = ended ? THREAD_ENDED : 0;
	r.start_ns = BEGIN + h->start_ns;
	r.end_ns = BEGIN + h->end_ns;
	r.times.on_cpu_ns = row.state_ns[PROFILE_ON_CPU];
	r.times.woken_ns = row.state_ns[PROFILE_WOKEN];
	r.times.preempted_ns = row.state_ns[PROFILE_PREEMPTED];
	r.times.blocked_ns = row.state_ns[PROFILE_BLOCKED];
	row.ended = ended;
	assert_int_equal(timeline_end(t, &r), 0);
	assert_int_equal(profile_add_thread(p, &row, 1000000), 0);
}

static const struct profile_slices *slices_of(const struct profile *p, uint64_t serial)
{
	for (size_t i = 0; i < p->slice_threads_n; i++)
		if (p->slices[i].serial == serial)
			return &p->slices[i];
	return NULL;
}

/* Every state within slack of the truth; the sums exact. */
static void check(const struct profile *p, const struct history *h, uint64_t slack)
{
	const struct profile_slices *s = slices_of(p, h->serial);
	uint64_t sums[PROFILE_STATES] = { 0 };

	assert_non_null(s);
	for (size_t i = 0; i < p->slices_n; i++) {
		const uint64_t from = i * p->slice_ns, to = from + p->slice_ns;
		uint64_t truth[PROFILE_STATES], all = 0, there = 0;

		history_ns(h, from, to, truth);
		for (int k = 0; k < PROFILE_STATES; k++) {
			const uint64_t got = s->ns[i][k];

			sums[k] += got;
			all += got;
			there += truth[k];
			assert_true(got <= truth[k] + slack && truth[k] <= got + slack);
		}
		assert_int_equal(all, there);
	}
	for (int k = 0; k < PROFILE_STATES; k++)
		assert_int_equal(sums[k], p->threads[s->thread].state_ns[k]);
	assert_int_equal(p->threads[s->thread].serial, h->serial);
}

/* --- tests --- */

/* Rounds that come late, by up to a fifth of a slice; threads that are born, end, sleep for long; some
 * that could not be read in peace. */
static void random_sums(void **unused)
{
	enum { THREADS = 8, RUNS = 60 };
	struct history *h = calloc(THREADS, sizeof(*h));
	uint64_t seed = 11;

	(void)unused;
	assert_non_null(h);
	for (int run = 0; run < RUNS; run++) {
		const uint64_t slice = MS + rnd_below(&seed, 50 * MS), duration = 97 * slice / 2;
		const bool torn = run % 3 == 2;
		struct timeline *t = timeline_new(slice, 1000);
		struct profile *p = profile_new();
		uint64_t late = 0, last = 0;

		timeline_begin(t, BEGIN);
		for (int i = 0; i < THREADS; i++) {
			uint64_t from = i % 2 ? rnd_below(&seed, duration) : 0;
			uint64_t to =
				i % 3 ? from + 1 + rnd_below(&seed, duration - from) : duration;

			history_random(&h[i], (uint64_t)i + 1, from, to,
				       i < 4 ? slice / 2 : 20 * slice, &seed);
		}
		for (uint64_t at = slice; at < duration; at += slice) {
			const uint64_t begun = at + (late = rnd_below(&seed, slice / 5));

			timeline_round(t, BEGIN + begun);
			for (int i = 0; i < THREADS; i++)
				snapshot(t, &h[i], begun + (uint64_t)i * 1000, last,
					 torn && !rnd_below(&seed, 5));
			/* Accounts of ended ones come with the ring. */
			for (int i = 0; i < THREADS; i++)
				if (h[i].end_ns > last && h[i].end_ns <= begun &&
				    h[i].end_ns < duration)
					finish(t, p, &h[i], true);
			last = begun;
		}
		for (int i = 0; i < THREADS; i++)
			if (h[i].end_ns > last || h[i].end_ns == duration)
				finish(t, p, &h[i], h[i].end_ns < duration);
		p->duration_ns = duration;
		assert_int_equal(timeline_finish(t, p), 0);
		timeline_free(t);
		assert_int_equal(profile_finish(p), 0);
		assert_int_equal(p->slice_threads_n, THREADS);
		for (int i = 0; i < THREADS; i++)
			check(p, &h[i], torn ? UINT64_MAX / 2 : slice / 5 + 10000);
		profile_free(p);
	}
	free(h);
}

/* What a thread was in when a snapshot came is not smeared: edges between the slices are exact. */
static void known_states_are_exact(void **unused)
{
	static struct history h;
	struct timeline *t = timeline_new(100 * MS, 10);
	struct profile *p = profile_new();
	const struct profile_slices *s;
	uint64_t last = 0;

	(void)unused;
	h = (struct history){ .serial = 1 };
	history_add(&h, RUN_BLOCKED, 450 * MS);
	history_add(&h, RUN_WOKEN, 20 * MS);
	history_add(&h, RUN_ON_CPU, 280 * MS);
	history_add(&h, RUN_BLOCKED, 1250 * MS);
	timeline_begin(t, BEGIN);
	for (uint64_t at = 100 * MS; at < h.end_ns; at += 100 * MS) {
		timeline_round(t, BEGIN + at + 7 * MS);
		snapshot(t, &h, at + 9 * MS, last, false);
		last = at + 7 * MS;
	}
	finish(t, p, &h, false);
	p->duration_ns = h.end_ns;
	assert_int_equal(timeline_finish(t, p), 0);
	timeline_free(t);
	assert_int_equal(profile_finish(p), 0);
	check(p, &h, 0);
	s = slices_of(p, 1);
	assert_int_equal(p->slices_n, 20);
	assert_int_equal(s->ns[4][PROFILE_BLOCKED], 50 * MS);
	assert_int_equal(s->ns[4][PROFILE_WOKEN], 20 * MS);
	assert_int_equal(s->ns[4][PROFILE_ON_CPU], 30 * MS);
	profile_free(p);
}

/* A trace without a length: slices are merged, as often as it takes. */
static void slices_double(void **unused)
{
	static struct history h[3];
	const uint64_t duration = 3 * TIMELINE_SLICES * MS + 12345;
	struct timeline *t = timeline_new(MS, 10);
	struct profile *p = profile_new();
	uint64_t seed = 5, last = 0;

	(void)unused;
	history_random(&h[0], 1, 0, duration, 2 * MS, &seed);
	history_random(&h[1], 2, 5 * MS + 1, duration / 2 + 1, 90 * MS, &seed);
	h[2] = (struct history){ .serial = 3 };
	history_add(&h[2], RUN_BLOCKED, duration - 3);
	history_add(&h[2], RUN_ON_CPU, 3);
	timeline_begin(t, BEGIN);
	for (uint64_t at = MS, slice; at < duration; at = (at / slice + 1) * slice) {
		timeline_round(t, BEGIN + at);
		for (int i = 0; i < 3; i++)
			snapshot(t, &h[i], at, last, false);
		last = at;
		slice = timeline_slice_ns(t);
	}
	finish(t, p, &h[1], true);
	finish(t, p, &h[0], false);
	finish(t, p, &h[2], false);
	p->duration_ns = duration;
	assert_int_equal(timeline_finish(t, p), 0);
	timeline_free(t);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->slice_ns, 4 * MS);
	assert_int_equal(p->slices_n, 3 * TIMELINE_SLICES / 4 + 1);
	check(p, &h[0], 0);
	/* Its end is told late: what it did since the last round is spread over that slice. */
	check(p, &h[1], 4 * MS);
	check(p, &h[2], 0);
	profile_free(p);
}

/* A wait for a CPU, booked in part as woken, of which the end says that it was throttled. */
static void queue_is_mended(void **unused)
{
	struct rec_slice r = { .hdr = { REC_SLICE, sizeof(r) },
			       .serial = 1,
			       .start_ns = BEGIN,
			       .since_ns = BEGIN + 150 * MS,
			       .time_ns = BEGIN + 200 * MS,
			       .woken_ns = 150 * MS,
			       .state = RUN_WOKEN };
	struct rec_thread end = {
		.serial = 1,
		.start_ns = BEGIN,
		.end_ns = BEGIN + 300 * MS,
		.times = { .on_cpu_ns = 50 * MS, .woken_ns = 20 * MS, .preempted_ns = 230 * MS }
	};
	struct profile_thread row = make_thread(1, 1, 1, "p", "t");
	struct timeline *t = timeline_new(100 * MS, 10);
	struct profile *p = profile_new();
	const struct profile_slices *s;

	(void)unused;
	row.state_ns[PROFILE_ON_CPU] = 50 * MS;
	row.state_ns[PROFILE_WOKEN] = 20 * MS;
	row.state_ns[PROFILE_PREEMPTED] = 230 * MS;
	timeline_begin(t, BEGIN);
	timeline_round(t, BEGIN + 200 * MS);
	assert_int_equal(timeline_snapshot(t, &r), 0);
	assert_int_equal(timeline_end(t, &end), 0);
	assert_int_equal(profile_add_thread(p, &row, 10), 0);
	p->duration_ns = 300 * MS;
	assert_int_equal(timeline_finish(t, p), 0);
	timeline_free(t);
	assert_int_equal(profile_finish(p), 0);
	s = slices_of(p, 1);
	for (int k = 0; k < PROFILE_STATES; k++)
		assert_int_equal(s->ns[0][k] + s->ns[1][k] + s->ns[2][k], row.state_ns[k]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(s->ns[i][0] + s->ns[i][1] + s->ns[i][2] + s->ns[i][3], 100 * MS);
	profile_free(p);
}

/* The busiest threads are in it; of ended ones those with a row of their own. */
static void bounded(void **unused)
{
	enum { THREADS = TIMELINE_THREADS + 100, ENDED = 20 };
	static struct history h;
	struct timeline *t = timeline_new(10 * MS, ENDED);
	struct profile *p = profile_new();

	(void)unused;
	timeline_begin(t, BEGIN);
	timeline_round(t, BEGIN + 10 * MS);
	for (uint64_t i = 1; i <= THREADS; i++) {
		h = (struct history){ .serial = i };
		history_add(&h, RUN_ON_CPU, i * 1000);
		history_add(&h, RUN_BLOCKED, 20 * MS - i * 1000);
		snapshot(t, &h, 10 * MS, 0, false);
		finish(t, p, &h, i > THREADS - 2 * ENDED);
	}
	p->duration_ns = 20 * MS;
	assert_int_equal(timeline_finish(t, p), 0);
	timeline_free(t);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->slice_threads_n, TIMELINE_THREADS);
	assert_null(slices_of(p, THREADS));
	assert_null(slices_of(p, THREADS - ENDED + 1));
	assert_non_null(slices_of(p, THREADS - ENDED));
	assert_null(slices_of(p, 1));
	for (size_t i = 1; i < p->slice_threads_n; i++)
		assert_true(p->slices[i - 1].thread < p->slices[i].thread);
	profile_free(p);
}

/* Threads without room are left out as a whole, and those that have it are exact. */
static void memory_is_bounded(void **unused)
{
	enum { THREADS = TIMELINE_CELLS / TIMELINE_SLICES + 500 };
	struct timeline *t = timeline_new(MS, 10);
	struct profile *p = profile_new();
	static struct history h;
	size_t busy = 0;

	(void)unused;
	timeline_begin(t, BEGIN);
	for (uint64_t round = 1; round < TIMELINE_SLICES; round++) {
		timeline_round(t, BEGIN + round * MS);
		for (uint64_t i = 1; i <= THREADS; i++) {
			struct rec_slice r = { .serial = i,
					       .start_ns = BEGIN,
					       .since_ns = BEGIN + round * MS,
					       .time_ns = BEGIN + round * MS,
					       .on_cpu_ns = round * MS,
					       .state = RUN_ON_CPU };

			assert_int_equal(timeline_snapshot(t, &r), 0);
		}
	}
	for (uint64_t i = 1; i <= THREADS; i++) {
		h = (struct history){ .serial = i };
		history_add(&h, RUN_ON_CPU, TIMELINE_SLICES * MS);
		finish(t, p, &h, false);
	}
	p->duration_ns = TIMELINE_SLICES * MS;
	assert_int_equal(timeline_finish(t, p), 0);
	timeline_free(t);
	assert_int_equal(profile_finish(p), 0);
	for (size_t i = 0; i < p->slice_threads_n; i++)
		for (size_t k = 0; k < p->slices_n; k++)
			busy += p->slices[i].ns[k][PROFILE_ON_CPU] == MS;
	assert_true(p->slice_threads_n > 0);
	assert_int_equal(busy, p->slice_threads_n * TIMELINE_SLICES);
	profile_free(p);
}

/* Ended threads beyond the limit are forgotten: they may come and go for ever. */
static void threads_come_and_go(void **unused)
{
	struct timeline *t = timeline_new(10 * MS, 5);
	struct profile *p = profile_new();
	static struct history h;

	(void)unused;
	timeline_begin(t, BEGIN);
	for (uint64_t i = 1; i <= 2 * TIMELINE_TRACKED + 10; i++) {
		struct rec_slice r = { .serial = i,
				       .start_ns = BEGIN,
				       .since_ns = BEGIN,
				       .time_ns = BEGIN,
				       .state = RUN_ON_CPU };
		struct rec_thread end = { .serial = i,
					  .flags = THREAD_ENDED,
					  .start_ns = BEGIN,
					  .end_ns = BEGIN + 1,
					  .times.on_cpu_ns = 1 };

		assert_int_equal(timeline_snapshot(t, &r), 0);
		assert_int_equal(timeline_end(t, &end), 0);
	}
	h = (struct history){ .serial = 1ULL << 40 };
	history_add(&h, RUN_ON_CPU, MS);
	snapshot(t, &h, MS / 2, 0, false);
	finish(t, p, &h, false);
	p->duration_ns = MS;
	assert_int_equal(timeline_finish(t, p), 0);
	timeline_free(t);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->slice_threads_n, 1);
	check(p, &h, 0);
	profile_free(p);
}

static void lengths(void **unused)
{
	(void)unused;
	/* About 200, in round numbers. */
	assert_int_equal(timeline_slice(0, 10000 * MS), 50 * MS);
	assert_int_equal(timeline_slice(0, 30000 * MS), 200 * MS);
	assert_int_equal(timeline_slice(0, 60000 * MS), 500 * MS);
	assert_int_equal(timeline_slice(0, 100 * MS), 10 * MS);
	assert_int_equal(timeline_slice(0, 0), 10 * MS);
	/* As asked, if there is room. */
	assert_int_equal(timeline_slice(5 * MS, 2000 * MS), 5 * MS);
	assert_int_equal(timeline_slice(5 * MS, 2001 * MS), 10 * MS);
	assert_int_equal(timeline_slice(MS, 2000 * MS), 8 * MS);
	assert_int_equal(timeline_slice(MS, 0), MS);
}

/* A thread without an account of its own, and one of a row of several, are in no timeline. */
static void only_rows_of_their_own(void **unused)
{
	const uint64_t ns[1][4] = { { 1, 2, 3, 4 } };
	struct profile *p = profile_new();
	struct profile_thread row = make_thread(1, 1, 1, "p", "t");
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	json_t *root, *timeline, *thread;

	(void)unused;
	p->slices_n = 1;
	p->slice_ns = 10;
	p->timeline_known = true;
	row.ended = true;
	row.state_ns[PROFILE_ON_CPU] = 1;
	for (row.serial = 1; row.serial <= 3; row.serial++)
		assert_int_equal(profile_add_thread(p, &row, 0), 0);
	row = make_thread(4, 1, 4, "p", "own");
	memcpy(row.state_ns, ns[0], sizeof(row.state_ns));
	assert_int_equal(profile_add_thread(p, &row, 0), 0);
	for (uint64_t serial = 1; serial <= 5; serial++)
		assert_int_equal(profile_add_slices(p, serial, ns), 0);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->slice_threads_n, 1);
	assert_int_equal(json_write(p, f), 0);
	fclose(f);
	root = json_loads(text, 0, NULL);
	timeline = json_object_get(root, "timeline");
	assert_int_equal(json_integer_value(json_object_get(timeline, "slice_ns")), 10);
	assert_int_equal(json_array_size(json_object_get(timeline, "threads")), 1);
	thread = json_array_get(json_object_get(timeline, "threads"), 0);
	assert_string_equal(json_string_value(json_object_get(thread, "comm")), "own");
	assert_int_equal(
		json_integer_value(json_array_get(json_object_get(thread, "on_cpu_ns"), 0)), 1);
	assert_int_equal(
		json_integer_value(json_array_get(json_object_get(thread, "run_queue_ns"), 0)), 5);
	assert_int_equal(
		json_integer_value(json_array_get(json_object_get(thread, "blocked_ns"), 0)), 4);
	json_decref(root);
	free(text);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_sums),
		cmocka_unit_test(known_states_are_exact),
		cmocka_unit_test(slices_double),
		cmocka_unit_test(queue_is_mended),
		cmocka_unit_test(bounded),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(threads_come_and_go),
		cmocka_unit_test(lengths),
		cmocka_unit_test(only_rows_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
