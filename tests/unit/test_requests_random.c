/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whatever marks come, in whatever order and however many are missing: a request's parts sum to its
 * latency. What is too much is refused and said; a million spans do not take long. */
#include <time.h>
#include "profile_serving_build.h"
#include "requests_by_hand.h"

static const char *const names[] = { "prefill", "decode", "tokenise", "queue", "launch" };

static void random_split(struct profile_split *s, uint64_t *seed)
{
	if (!rnd_below(seed, 20)) {
		memset(s, 0xff, sizeof(*s));
		return;
	}
	s->run_queue_ns = rnd_ns(seed, 12);
	s->blocked_ns = rnd_ns(seed, 12);
	s->throttled_ns = rnd_ns(seed, 12);
	s->calls_ns = rnd_ns(seed, 12);
	for (int i = 0; i < 2; i++)
		s->blocked_by_ns[rnd_below(seed, CAUSES)] = rnd_ns(seed, 10);
}

/* Threads, ids, groups and requests are few, so that everything meets everything. */
static void random_span(struct profile *p, uint64_t *seed)
{
	struct profile_span s = {
		.pid = PID + (uint32_t)rnd_below(seed, 2),
		.tid = (uint32_t)rnd_below(seed, 4),
		.name = names[rnd_below(seed, 5)],
		.kind = (uint8_t)(rnd_below(seed, 3) ? SPAN_STAGE : SPAN_PASS),
		.depth = (uint8_t)rnd_below(seed, 3),
		.id = rnd_below(seed, 30),
		.request = rnd_below(seed, 2) ? rnd_below(seed, 12) : 0,
		.group = rnd_below(seed, 3),
		.requests = (uint32_t)rnd_below(seed, 100),
	};

	s.begin_ns = rnd_below(seed, 5000);
	s.end_ns = s.begin_ns + rnd_ns(seed, 11);
	random_split(&s.split, seed);
	assert_int_equal(profile_add_span(p, &s), 0);
}

static void random_event(struct profile *p, uint64_t *seed)
{
	struct profile_event e = {
		.pid = PID + (uint32_t)rnd_below(seed, 2),
		.tid = (uint32_t)rnd_below(seed, 4),
		.kind = (uint8_t)rnd_below(seed, EVENT_REQUEST_DROP + 1),
		.name = rnd_below(seed, 10) ? names[rnd_below(seed, 5)] : NULL,
		.request = rnd_below(seed, 12),
		.group = rnd_below(seed, 3),
		.pass = rnd_below(seed, 30),
		.time_ns = (int64_t)rnd_below(seed, 6000) - 100,
		.value = (int64_t)rnd_below(seed, 6000) - 1000,
		.value2 = (int64_t)rnd_below(seed, 40) - 2,
	};

	/* Drops end most of what begins. */
	if (e.kind == EVENT_REQUEST_DROP && rnd_below(seed, 4))
		e.kind = EVENT_REQUEST_END;
	assert_int_equal(profile_add_event(p, &e), 0);
}

static void sums_hold(void **unused)
{
	uint64_t requests = 0, others = 0, lost = 0;

	(void)unused;
	for (uint64_t round = 1; round <= 1500; round++) {
		uint64_t seed = round * 0x9e3779b97f4a7c15ULL;
		struct profile *p = new_profile();

		for (uint64_t n = rnd_below(&seed, 200); n; n--)
			random_span(p, &seed);
		for (uint64_t n = rnd_below(&seed, 200); n; n--)
			random_event(p, &seed);
		assert_int_equal(profile_finish(p), 0);
		for (size_t i = 0; i < p->requests_n; i++) {
			check_requests(&p->requests[i]);
			requests += p->requests[i].count;
			lost += p->requests[i].lost;
			others += find_part(&p->requests[i], "[pass of others]") != NULL;
		}
		profile_free(p);
	}
	/* It was no empty exercise. */
	print_message("%u requests, %u lost, others in %u\n", (unsigned int)requests,
		      (unsigned int)lost, (unsigned int)others);
	assert_true(requests > 1000 && others > 50 && lost > 1000);
}

/* Marks as a server makes them, of which some get lost: no time is made up, and no request is slower
 * than it was. */
static void lost_marks(void **unused)
{
	(void)unused;
	for (uint64_t round = 1; round <= 200; round++) {
		uint64_t seed = round * 0x9e3779b97f4a7c15ULL;
		struct profile *p = new_profile();
		uint64_t made = 0;

		for (uint64_t i = 1; i <= 50; i++) {
			const int64_t t = (int64_t)i * 100;

			if (rnd_below(&seed, 10)) {
				begin_at(p, i, t, t);
				made++;
			}
			if (rnd_below(&seed, 10))
				stage(p, "tokenise", 1, i, (uint64_t)t, (uint64_t)t + 10, cpu);
			if (rnd_below(&seed, 10))
				wait_from(p, "queue", i, t + 10);
			if (rnd_below(&seed, 10))
				wait_to(p, "queue", i, t + 20);
			if (rnd_below(&seed, 10))
				member_at(p, 2, i, i, t + 22);
			if (rnd_below(&seed, 10))
				pass(p, "prefill", 2, i, 1, (uint64_t)t + 20, (uint64_t)t + 80,
				     cpu);
			if (rnd_below(&seed, 10))
				leave_at(p, i, t + 90);
			if (rnd_below(&seed, 10))
				end_at(p, i, t + 90, 1, 1);
		}
		assert_int_equal(profile_finish(p), 0);
		check_requests(&p->requests[0]);
		assert_int_equal(p->requests[0].begun, made);
		assert_int_equal(p->requests[0].latency.max_ns, 90);
		/* Those whose end was lost are open. Of an end without its beginning nothing is made. */
		assert_true(p->requests[0].count <= made && p->requests[0].count > 30);
		assert_true(p->requests[0].open_at_end >= made - p->requests[0].count);
		if (find_part(&p->requests[0], "queue"))
			assert_int_equal(find_part(&p->requests[0], "queue")->times.max_ns, 10);
		if (find_part(&p->requests[0], "prefill"))
			assert_int_equal(find_part(&p->requests[0], "prefill")->times.max_ns, 60);
		profile_free(p);
	}
}

/* What there is no room for: what ended before is as if there were room. */
static void too_many(void **unused)
{
	struct profile *p = new_profile();

	(void)unused;
	p->build->serving->max = 8;
	for (uint64_t i = 1; i <= 6; i++) {
		begin_at(p, i, 100 * (int64_t)i, 100 * (int64_t)i);
		stage(p, "work", 1, i, 100 * i, 100 * i + 50, cpu);
		end_at(p, i, 100 * (int64_t)i + 60, 1, 1);
	}
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->lost.spans, 4);
	assert_int_equal(p->requests[0].count, 4);
	assert_int_equal(p->requests[0].begun, 4);
	assert_int_equal(find_part(&p->requests[0], "work")->split.wall_ns, 200);
	profile_free(p);
}

/* More names than a program has stages. */
static void many_names(void **unused)
{
	struct profile *p = new_profile();
	const struct profile_requests *r;
	char name[32];

	(void)unused;
	for (uint32_t pid = PID; pid < PID + 2; pid++)
		for (uint64_t i = 1; i <= 2000; i++) {
			const uint64_t t = 100 * i;

			snprintf(name, sizeof(name), "step %u", (unsigned int)i);
			add_event(p, (struct profile_event){ .kind = EVENT_REQUEST_BEGIN,
							     .pid = pid,
							     .request = i,
							     .time_ns = (int64_t)t,
							     .value = (int64_t)t });
			add_span(p,
				 (struct profile_span){
					 .pid = pid, .tid = 1, .name = name, .request = i },
				 t, t + 50, (struct spent){ 20, 0, 0 });
			add_event(p, (struct profile_event){ .kind = EVENT_REQUEST_END,
							     .pid = pid,
							     .request = i,
							     .time_ns = (int64_t)t + 60 });
		}
	assert_int_equal(profile_finish(p), 0);
	for (int i = 0; i < 2; i++) {
		r = &p->requests[i];
		check_requests(r);
		assert_int_equal(r->count, 2000);
		assert_true(r->parts_n <= 503);
		assert_true(find_part(r, "[more stages]")->requests > 1400);
		assert_int_equal(r->split.blocked_ns, 2000 * 20);
	}
	profile_free(p);
}

/* A server under load: passes of eight requests with six stages each. */
static void add_load(struct profile *p, uint64_t passes)
{
	static const char *const inside[] = { "copy in", "launch",   "cache",
					      "wait",	 "copy out", "sample" };
	const struct spent spent = { 300, 20, 500 };

	for (uint64_t i = 0; i < passes; i++) {
		const uint64_t t = 1000 * i;
		/* Each is in 32 passes; a new one comes every fourth. */
		const uint64_t request = 1 + i / 4;

		if (i % 4 == 0) {
			begin_at(p, request, (int64_t)t - 500, (int64_t)t - 600);
			stage(p, "tokenise", 1, request, t - (t ? 500 : 0), t, spent);
			member_at(p, 2, i + 1, request, (int64_t)t + 1);
		}
		pass(p, i % 4 ? "decode" : "prefill", 2, i + 1, 8, t, t + 900,
		     (struct spent){ 400, 100, 800 });
		for (uint64_t k = 0; k < 6; k++)
			inner(p, inside[k], 2, t + 10 + 100 * k, t + 100 + 100 * k,
			      (struct spent){ 50, 5, 60 });
		if (i % 4 == 3 && request > 8) {
			leave_at(p, request - 8, (int64_t)t + 950);
			end_at(p, request - 8, (int64_t)t + 990, 10, 24);
		}
	}
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void a_million(void **unused)
{
	struct profile *p = new_profile();
	const struct profile_requests *r;
	double took;

	(void)unused;
	add_load(p, 140000);
	took = seconds();
	assert_int_equal(profile_finish(p), 0);
	took = seconds() - took;
	r = &p->requests[0];
	check_requests(r);
	assert_int_equal(r->count, 35000 - 8);
	assert_int_equal(find_part(r, "decode")->requests, r->count);
	/* Nine generations of 36 passes, nine of which are others' first ones. */
	assert_int_equal(r->passes[0].count, 105000);
	print_message("%zu spans: %.2f s\n", (size_t)(140000 * 7 + 35000), took);
	/* With the sanitizers and beside other load. */
	assert_true(took < 20);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_hold), cmocka_unit_test(lost_marks),
		cmocka_unit_test(too_many),  cmocka_unit_test(many_names),
		cmocka_unit_test(a_million),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
