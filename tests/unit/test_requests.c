/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The ways of requests: exact figures on timelines made by hand. */
#include "requests_by_hand.h"

static const struct profile_requests *finish(struct profile *p)
{
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->requests_n, 1);
	check_requests(&p->requests[0]);
	return &p->requests[0];
}

static void the_way(void **unused)
{
	static const char *const order[] = { "tokenise",    "batch queue", "prefill",
					     "copy in",	    "launch",	   "wait for device",
					     "decode",	    "detokenise",  "[pass of others]",
					     "[not marked]" };
	struct profile *p = new_profile();
	const struct profile_requests *r;

	(void)unused;
	two_requests(p);
	r = finish(p);
	assert_int_equal(r->pid, PID);
	assert_string_equal(r->process, "serve");
	assert_int_equal(r->count, 2);
	assert_int_equal(r->begun, 2);
	assert_int_equal(r->open_at_start + r->open_at_end + r->dropped + r->lost, 0);
	assert_int_equal(r->tokens_in, 30);
	assert_int_equal(r->tokens_out, 6);
	assert_int_equal(r->latency_ns, 1100 + 900);
	assert_int_equal(r->latency.p50_ns, 900);
	assert_int_equal(r->latency.p95_ns, 1100);
	assert_int_equal(r->first_token.p50_ns, 500);
	assert_int_equal(r->first_token.max_ns, 600);
	assert_int_equal(r->per_token.p50_ns, 100);
	assert_int_equal(r->per_token.max_ns, 200);
	assert_int_equal(r->slow, 1);

	assert_int_equal(r->parts_n, 10);
	for (size_t i = 0; i < 10; i++)
		assert_string_equal(r->parts[i].name, order[i]);
	assert_int_equal(PART(r, "tokenise")->split.wall_ns, 140);
	assert_int_equal(PART(r, "tokenise")->slow.wall_ns, 100);
	/* Until the pass: that it ended after the pass began is not waiting. */
	assert_int_equal(PART(r, "batch queue")->split.wall_ns, 180 + 340);
	assert_int_equal(PART(r, "batch queue")->kind, PART_WAIT);
	assert_true(PART(r, "batch queue")->split.blocked_ns == PROFILE_UNKNOWN);
	assert_int_equal(PART(r, "batch queue")->times.p50_ns, 180);
	assert_int_equal(PART(r, "batch queue")->times.max_ns, 340);
	/* Around what is nested in it. */
	assert_int_equal(PART(r, "prefill")->split.wall_ns, 20 + 110);
	assert_int_equal(PART(r, "prefill")->requests, 2);
	assert_int_equal(PART(r, "copy in")->split.wall_ns, 20);
	assert_int_equal(PART(r, "launch")->split.wall_ns, 80);
	assert_int_equal(PART(r, "wait for device")->split.wall_ns, 90);
	assert_int_equal(PART(r, "wait for device")->requests, 1);
	assert_int_equal(PART(r, "decode")->split.wall_ns, 400);
	assert_int_equal(PART(r, "decode")->spans, 4);
	assert_int_equal(PART(r, "[pass of others]")->split.wall_ns, 110);
	assert_int_equal(PART(r, "[pass of others]")->kind, PART_OTHERS);
	assert_int_equal(PART(r, "[not marked]")->split.wall_ns, 240 + 210);
	profile_free(p);
}

static void splits(void **unused)
{
	struct profile *p = new_profile();
	const struct profile_requests *r;
	const struct profile_split *s;

	(void)unused;
	two_requests(p);
	r = finish(p);
	s = &PART(r, "tokenise")->split;
	assert_int_equal(s->on_cpu_ns, 110);
	assert_int_equal(s->run_queue_ns, 10);
	assert_int_equal(s->blocked_ns, 20);
	assert_int_equal(s->blocked_by_ns[CAUSE_LOCK], 20);
	/* Less what is nested in it: 81 - 80 blocked, 6 - 5 on the run queue, 168 - 168 in calls; and the
	 * second one, whole. */
	s = &PART(r, "prefill")->split;
	assert_int_equal(s->blocked_ns, 1 + 50);
	assert_int_equal(s->run_queue_ns, 1);
	assert_int_equal(s->calls_ns, 0);
	assert_int_equal(s->on_cpu_ns, 18 + 60);
	assert_int_equal(PART(r, "prefill")->slow.blocked_ns, 1);
	/* Once for each member. */
	assert_int_equal(PART(r, "decode")->split.blocked_ns, 120);
	assert_int_equal(PART(r, "decode")->slow.blocked_ns, 60);
	/* How the thread spent it. */
	assert_int_equal(PART(r, "[pass of others]")->split.blocked_ns, 50);
	assert_int_equal(r->split.wall_ns, 2000 - 520 - 450);
	assert_int_equal(r->split.calls_ns, 168);
	profile_free(p);
}

static void shares(void **unused)
{
	struct profile *p = new_profile();
	const struct profile_requests *r;

	(void)unused;
	two_requests(p);
	/* Eighteen more that are faster: what is slow is the first of the two alone. */
	for (uint64_t i = 3; i <= 20; i++) {
		begin_at(p, i, 1400, 1400);
		stage(p, "tokenise", (uint32_t)i + 10, i, 1400, 1400 + 10 * i, cpu);
		end_at(p, i, 1400 + 10 * (int64_t)i, 0, 0);
	}
	r = finish(p);
	assert_int_equal(r->count, 20);
	assert_int_equal(r->latency.p50_ns, 120);
	assert_int_equal(r->latency.p95_ns, 900);
	assert_int_equal(r->latency.p99_ns, 1100);
	assert_int_equal(r->slow, 2);
	assert_true(PART(r, "tokenise")->share_p50 == 1.0);
	assert_true(PART(r, "batch queue")->share_p95 == 520 / 2000.0);
	assert_true(PART(r, "batch queue")->share_p99 == 180 / 1100.0);
	assert_true(PART(r, "batch queue")->share_p50 == 0);
	profile_free(p);
}

static void pass_sizes(void **unused)
{
	struct profile *p = new_profile();
	const struct profile_requests *r;

	(void)unused;
	two_requests(p);
	pass(p, "decode", 2, 9, 70, 1500, 1900, cpu);
	r = finish(p);
	assert_int_equal(r->passes_n, 2);
	assert_string_equal(r->passes[0].name, "decode");
	assert_int_equal(r->passes[0].count, 3);
	assert_int_equal(r->passes[0].requests, 74);
	assert_int_equal(r->passes[0].tokens, 370);
	assert_int_equal(r->passes[0].padded, 592);
	assert_int_equal(r->passes[0].sizes[2], 2);
	assert_int_equal(r->passes[0].sizes[PROFILE_BATCHES - 1], 1);
	assert_int_equal(r->passes[0].times.p50_ns, 100);
	assert_int_equal(r->passes[0].times.max_ns, 400);
	assert_string_equal(r->passes[1].name, "prefill");
	assert_int_equal(r->passes[1].sizes[1], 2);
	profile_free(p);
}

/* Any order gives the same. */
static void order_is_no_matter(void **unused)
{
	struct profile *p = new_profile();
	const struct profile_requests *r;

	(void)unused;
	end_at(p, 1, 1000, 0, 2);
	pass(p, "decode", 2, 3, 1, 600, 800, cpu);
	wait_to(p, "queue", 1, 300);
	member_at(p, 2, 2, 1, 400);
	inner(p, "launch", 2, 420, 440, cpu);
	pass(p, "prefill", 2, 2, 1, 400, 500, cpu);
	wait_from(p, "queue", 1, 200);
	begin_at(p, 1, 100, 100);
	r = finish(p);
	assert_int_equal(PART(r, "queue")->split.wall_ns, 100);
	assert_int_equal(PART(r, "prefill")->split.wall_ns, 80);
	assert_int_equal(PART(r, "launch")->split.wall_ns, 20);
	assert_int_equal(PART(r, "decode")->split.wall_ns, 200);
	assert_int_equal(r->per_token.p50_ns, 300);
	profile_free(p);
}

/* What began last counts: over the whole of a request lies a span, and over its work. */
static void outer_span(void **unused)
{
	struct profile *p = new_profile();
	const struct profile_requests *r;

	(void)unused;
	begin_at(p, 1, 100, 100);
	stage(p, "handle", 1, 1, 100, 1100, (struct spent){ 500, 0, 0 });
	/* Nested on its own thread, and beside it on another. */
	inner(p, "parse", 1, 150, 250, (struct spent){ 100, 0, 0 });
	stage(p, "work", 2, 1, 300, 500, cpu);
	wait_from(p, "queue", 1, 600);
	wait_to(p, "queue", 1, 700);
	end_at(p, 1, 1200, 0, 0);
	r = finish(p);
	assert_int_equal(PART(r, "parse")->split.wall_ns, 100);
	assert_int_equal(PART(r, "work")->split.wall_ns, 200);
	assert_int_equal(PART(r, "queue")->split.wall_ns, 100);
	assert_int_equal(PART(r, "handle")->split.wall_ns, 600);
	assert_int_equal(PART(r, "handle")->spans, 1);
	/* 400 of the 900 that it is alone; of these, 600 count. */
	assert_int_equal(PART(r, "handle")->split.blocked_ns, 400 * 600 / 900);
	assert_int_equal(PART(r, "[not marked]")->split.wall_ns, 100);
	profile_free(p);
}

static void arrivals(void **unused)
{
	struct profile *p = new_profile();
	const struct profile_requests *r;

	(void)unused;
	/* Before the window; on another clock; in the future. */
	begin_at(p, 1, 10, -90);
	end_at(p, 1, 110, 0, 0);
	begin_at(p, 2, 20, -4000000000000);
	end_at(p, 2, 120, 0, 0);
	begin_at(p, 3, 30, 1000000);
	end_at(p, 3, 130, 0, 0);
	r = finish(p);
	assert_int_equal(r->latency_ns, 400);
	assert_int_equal(r->latency.max_ns, 200);
	profile_free(p);
}

static void open_and_lost(void **unused)
{
	struct profile *p = new_profile();
	const struct profile_requests *r;

	(void)unused;
	end_at(p, 1, 50, 9, 9);	  /* began before the window */
	begin_at(p, 2, 100, 100); /* ends after it */
	wait_from(p, "queue", 2, 150);
	begin_at(p, 3, 100, 100); /* its end was lost, and the id comes again */
	begin_at(p, 3, 500, 500);
	end_at(p, 3, 600, 1, 1);
	end_at(p, 3, 650, 1, 1); /* nobody's */
	begin_at(p, 4, 100, 100);
	add_event(p, (struct profile_event){
			     .kind = EVENT_REQUEST_DROP, .request = 4, .time_ns = 200 });
	add_event(p, (struct profile_event){
			     .kind = EVENT_REQUEST_DROP, .request = 5, .time_ns = 200 });
	wait_from(p, "queue", 6, 150); /* open all the time */
	wait_to(p, "queue", 6, 250);
	/* A wait without its beginning, one without its end, one whose beginning is there twice. */
	begin_at(p, 7, 1000, 1000);
	wait_to(p, "a", 7, 1010);
	wait_from(p, "b", 7, 1020);
	wait_from(p, "c", 7, 1030);
	wait_from(p, "c", 7, 1040);
	wait_to(p, "c", 7, 1050);
	end_at(p, 7, 1100, 1, 1);
	r = finish(p);
	assert_int_equal(r->count, 2);
	assert_int_equal(r->begun, 5);
	assert_int_equal(r->lost, 1);
	assert_int_equal(r->dropped, 2);
	assert_int_equal(r->open_at_start, 2);
	assert_int_equal(r->open_at_end, 2);
	assert_int_equal(r->tokens_in, 2);
	assert_int_equal(PART(r, "c")->split.wall_ns, 10);
	assert_null(find_part(r, "a"));
	assert_null(find_part(r, "b"));
	assert_null(find_part(r, "queue"));
	profile_free(p);
}

/* An id used again: each life has what lies in it. */
static void same_id(void **unused)
{
	struct profile *p = new_profile();
	const struct profile_requests *r;

	(void)unused;
	for (int i = 0; i < 3; i++) {
		begin_at(p, 1, 100 + 500 * i, 100 + 500 * i);
		stage(p, "work", 1, 1, 110 + 500 * (uint64_t)i, 150 + 510 * (uint64_t)i, cpu);
		end_at(p, 1, 400 + 500 * i, 0, 0);
	}
	r = finish(p);
	assert_int_equal(r->count, 3);
	assert_int_equal(PART(r, "work")->requests, 3);
	assert_int_equal(PART(r, "work")->times.max_ns, 60);
	assert_int_equal(r->latency.max_ns, 300);
	profile_free(p);
}

/* Members that a mark names take part, those that are only in the group do not; a request that left has
 * no part in it, and what it did not leave ends with it. */
static void groups(void **unused)
{
	struct profile *p = new_profile();
	const struct profile_requests *r;

	(void)unused;
	for (uint64_t i = 1; i <= 3; i++) {
		begin_at(p, i, 0, 0);
		member_at(p, 2, 1, i, 10);
	}
	pass(p, "prefill", 2, 1, 3, 10, 20, cpu);
	leave_at(p, 3, 30);
	member_at(p, 2, 2, 1, 41);
	pass(p, "some", 2, 2, 1, 40, 50, cpu);
	pass(p, "all", 2, 3, 2, 60, 70, cpu);
	end_at(p, 1, 65, 0, 0);
	pass(p, "all", 2, 4, 1, 80, 90, cpu);
	end_at(p, 2, 100, 0, 0);
	end_at(p, 3, 100, 0, 0);
	r = finish(p);
	assert_int_equal(PART(r, "prefill")->requests, 3);
	assert_int_equal(PART(r, "some")->requests, 1);
	assert_int_equal(PART(r, "[pass of others]")->requests, 1);
	assert_int_equal(PART(r, "[pass of others]")->split.wall_ns, 10);
	/* 5 of the first, which ends after request 1, and 20 of request 2. */
	assert_int_equal(PART(r, "all")->split.wall_ns, 25);
	assert_int_equal(PART(r, "all")->requests, 2);
	profile_free(p);
}

/* In and out again: between is nobody's, and what others do then no concern of its. */
static void joins_again(void **unused)
{
	struct profile *p = new_profile();
	const struct profile_requests *r;

	(void)unused;
	begin_at(p, 1, 0, 0);
	for (uint64_t i = 0; i < 4; i++) {
		const uint64_t t = 100 * i;

		pass(p, "step", 2, 3 * i + 1, 1, t + 10, t + 30, cpu);
		member_at(p, 2, 3 * i + 1, 1, (int64_t)t + 11);
		/* Another's: while it is in the group, and after. */
		member_at(p, 2, 3 * i + 2, 9, (int64_t)t + 41);
		pass(p, "step", 2, 3 * i + 2, 1, t + 40, t + 50, cpu);
		leave_at(p, 1, (int64_t)t + 55);
		member_at(p, 2, 3 * i + 3, 9, (int64_t)t + 61);
		pass(p, "step", 2, 3 * i + 3, 1, t + 60, t + 90, cpu);
	}
	end_at(p, 1, 400, 0, 4);
	r = finish(p);
	assert_int_equal(PART(r, "step")->split.wall_ns, 80);
	assert_int_equal(PART(r, "step")->spans, 4);
	assert_int_equal(PART(r, "[pass of others]")->split.wall_ns, 40);
	assert_int_equal(PART(r, "[pass of others]")->spans, 4);
	assert_int_equal(PART(r, "[not marked]")->split.wall_ns, 280);
	assert_int_equal(r->per_token.p50_ns, 100);
	assert_int_equal(r->open_at_start, 1);
	profile_free(p);
}

/* A pass without group and members is nobody's, and still a pass. */
static void passes_alone(void **unused)
{
	struct profile *p = new_profile();

	(void)unused;
	add_span(p,
		 (struct profile_span){
			 .name = "step", .kind = SPAN_PASS, .pid = 99, .tid = 1, .requests = 4 },
		 10, 20, cpu);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->requests_n, 1);
	assert_int_equal(p->requests[0].pid, 99);
	assert_int_equal(p->requests[0].count, 0);
	assert_int_equal(p->requests[0].parts_n, 0);
	assert_true(p->requests[0].latency.p50_ns == PROFILE_UNKNOWN);
	assert_int_equal(p->requests[0].passes[0].sizes[4], 1);
	profile_free(p);
}

static void two_processes(void **unused)
{
	struct profile *p = new_profile();

	(void)unused;
	for (uint32_t pid = 20; pid < 23; pid++)
		for (uint64_t i = 1; i <= pid - 19; i++) {
			add_event(p, (struct profile_event){ .kind = EVENT_REQUEST_BEGIN,
							     .pid = pid,
							     .request = i,
							     .time_ns = 10 });
			add_span(p,
				 (struct profile_span){
					 .name = "work", .pid = pid, .tid = pid, .request = i },
				 20 * i, 20 * i + pid - 10, cpu);
			add_event(p, (struct profile_event){ .kind = EVENT_REQUEST_END,
							     .pid = pid,
							     .request = i,
							     .time_ns = 1000 });
		}
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->requests_n, 3);
	for (uint32_t i = 0; i < 3; i++) {
		const struct profile_requests *r = &p->requests[i];

		check_requests(r);
		assert_int_equal(r->pid, 22 - i);
		assert_int_equal(r->count, 3 - i);
		assert_int_equal(PART(r, "work")->split.wall_ns, r->count * (12 - i));
	}
	profile_free(p);
}

/* States that are not known stay so, and make no other figure wrong. */
static void unknown_states(void **unused)
{
	struct profile *p = new_profile();
	const struct profile_requests *r;
	struct profile_span s = {
		.pid = PID, .tid = 1, .name = "work", .request = 1, .begin_ns = 20, .end_ns = 40
	};

	(void)unused;
	memset(&s.split, 0xff, sizeof(s.split));
	begin_at(p, 1, 10, 10);
	assert_int_equal(profile_add_span(p, &s), 0);
	stage(p, "work", 1, 1, 50, 60, (struct spent){ 5, 0, 0 });
	stage(p, "other", 1, 1, 70, 80, (struct spent){ 5, 0, 0 });
	end_at(p, 1, 100, 0, 0);
	r = finish(p);
	assert_int_equal(PART(r, "work")->split.wall_ns, 30);
	assert_true(PART(r, "work")->split.on_cpu_ns == PROFILE_UNKNOWN);
	assert_int_equal(PART(r, "other")->split.blocked_ns, 5);
	assert_true(r->split.blocked_ns == PROFILE_UNKNOWN);
	profile_free(p);
}

static void bad_records(void **unused)
{
	struct profile *p = new_profile();
	struct profile_span s = { .name = "x", .begin_ns = 5, .end_ns = 4 };
	struct profile_event e = { .kind = EVENT_REQUEST_DROP + 1 };

	(void)unused;
	assert_int_equal(profile_add_span(p, &s), -EINVAL);
	s.end_ns = UINT64_MAX;
	assert_int_equal(profile_add_span(p, &s), -EINVAL);
	assert_int_equal(profile_add_event(p, &e), -EINVAL);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->requests_n, 0);
	e.kind = EVENT_REQUEST_BEGIN;
	assert_int_equal(profile_add_event(p, &e), -EINVAL);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_way),
		cmocka_unit_test(splits),
		cmocka_unit_test(shares),
		cmocka_unit_test(pass_sizes),
		cmocka_unit_test(order_is_no_matter),
		cmocka_unit_test(outer_span),
		cmocka_unit_test(arrivals),
		cmocka_unit_test(open_and_lost),
		cmocka_unit_test(same_id),
		cmocka_unit_test(groups),
		cmocka_unit_test(joins_again),
		cmocka_unit_test(passes_alone),
		cmocka_unit_test(two_processes),
		cmocka_unit_test(unknown_states),
		cmocka_unit_test(bad_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
