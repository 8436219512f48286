/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Waits of requests: for others to be done, for a thread without a CPU, or for nothing. */
#include "requests_by_hand.h"

#define EXECUTOR 2

static const struct profile_requests *finish(struct profile *p)
{
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->requests_n, 1);
	check_requests(&p->requests[0]);
	for (size_t i = 0; i < p->requests[0].parts_n; i++) {
		const struct profile_part *part = &p->requests[0].parts[i];

		if (part->behind_ns == PROFILE_UNKNOWN) {
			assert_true(part->behind_slow_ns == PROFILE_UNKNOWN);
			assert_true(part->woken_slow_ns == PROFILE_UNKNOWN);
			continue;
		}
		assert_int_equal(part->kind, PART_WAIT);
		assert_true(part->behind_ns <= part->split.wall_ns);
		assert_true(part->behind_slow_ns + part->woken_slow_ns <= part->slow.wall_ns);
		assert_true(part->throttled_slow_ns <= part->woken_slow_ns);
	}
	return &p->requests[0];
}

static void in_passes(void **unused)
{
	struct profile *p = new_profile();
	const struct profile_requests *r;

	(void)unused;
	two_requests(p);
	r = finish(p);
	assert_true(PART(r, "prefill")->in_pass);
	assert_true(PART(r, "launch")->in_pass);
	assert_false(PART(r, "tokenise")->in_pass);
	assert_false(PART(r, "batch queue")->in_pass);
	/* Request 2's, while the prefill of 1 runs: no prefill is larger. Request 1, the slow one, waits for
	 * nothing. */
	assert_int_equal(PART(r, "batch queue")->behind_ns, 210);
	assert_int_equal(PART(r, "batch queue")->behind_slow_ns, 0);
	profile_free(p);
}

/* A pass that is the first of one request, or of nobody in particular. */
static void run(struct profile *p, const char *name, uint64_t id, uint32_t size, uint64_t request,
		uint64_t begin, uint64_t end)
{
	pass(p, name, EXECUTOR, id, size, begin, end, cpu);
	if (request)
		member_at(p, EXECUTOR, id, request, (int64_t)begin);
}

/* Request 1 decodes alone; 2 comes at 150 and is taken in at 400. */
static void decodes(struct profile *p, bool together)
{
	begin_at(p, 1, 0, 0);
	run(p, "prefill", 1, 1, 1, 0, 100);
	run(p, "decode", 2, 1, 0, 100, 200);
	run(p, "decode", 3, 1, 0, 200, 300);
	begin_at(p, 2, 150, 150);
	wait_from(p, "batch queue", 2, 150);
	wait_to(p, "batch queue", 2, 400);
	run(p, "prefill", 5, 1, 2, 400, 500);
	if (together)
		run(p, "decode", 6, 2, 0, 500, 600);
	end_at(p, 1, 700, 1, 1);
	end_at(p, 2, 800, 1, 1);
}

static void could_have_joined(void **unused)
{
	struct profile *p = new_profile();

	(void)unused;
	decodes(p, true);
	run(p, "decode", 4, 1, 0, 300, 400);
	/* The pass that ran when it came; not those after it, which have room for one more. */
	assert_int_equal(PART(finish(p), "batch queue")->behind_ns, 50);
	profile_free(p);
}

static void full(void **unused)
{
	struct profile *p = new_profile();

	(void)unused;
	/* There is never more than one. */
	decodes(p, false);
	run(p, "decode", 4, 1, 0, 300, 390);
	assert_int_equal(PART(finish(p), "batch queue")->behind_ns, 240);
	profile_free(p);
}

static void others_first(void **unused)
{
	struct profile *p = new_profile();

	(void)unused;
	decodes(p, true);
	/* Request 3 was there before. */
	begin_at(p, 3, 120, 120);
	run(p, "prefill", 4, 1, 3, 300, 350);
	run(p, "decode", 7, 1, 0, 350, 400);
	end_at(p, 3, 720, 1, 1);
	/* Until that is taken in, 200. Then a decode that it could have been in. */
	assert_int_equal(PART(finish(p), "batch queue")->behind_ns, 200);
	profile_free(p);
}

/* Two threads tokenise. */
static void before_a_stage(void **unused)
{
	struct profile *p = new_profile();

	(void)unused;
	begin_at(p, 1, 0, 0);
	stage(p, "tokenise", 3, 1, 0, 400, cpu);
	begin_at(p, 2, 0, 0);
	stage(p, "tokenise", 4, 2, 100, 300, cpu);
	begin_at(p, 3, 50, 50);
	wait_from(p, "tokeniser queue", 3, 50);
	wait_to(p, "tokeniser queue", 3, 350);
	stage(p, "tokenise", 4, 3, 350, 400, cpu);
	end_at(p, 1, 400, 1, 1);
	end_at(p, 2, 300, 1, 1);
	end_at(p, 3, 500, 1, 1);
	assert_int_equal(PART(finish(p), "tokeniser queue")->behind_ns, 200);
	profile_free(p);
}

/* The executor's account has more waiting for a CPU than its spans. */
static void no_cpu(void **unused)
{
	struct profile *p = new_profile();
	struct profile_thread t = make_thread(2, PID, EXECUTOR, "serve", "executor");
	const struct profile_part *part;

	(void)unused;
	t.state_ns[PROFILE_WOKEN] = 20;
	t.state_ns[PROFILE_PREEMPTED] = 90;
	t.throttled_ns = 40;
	t.state_ns[PROFILE_BLOCKED] = 1890;
	assert_int_equal(profile_add_thread(p, &t, 100), 0);
	begin_at(p, 1, 0, 0);
	wait_from(p, "batch queue", 1, 0);
	wait_to(p, "batch queue", 1, 200);
	pass(p, "prefill", EXECUTOR, 1, 1, 200, 300, (struct spent){ 0, 10, 0 });
	member_at(p, EXECUTOR, 1, 1, 200);
	end_at(p, 1, 300, 1, 1);
	part = PART(finish(p), "batch queue");
	assert_int_equal(part->behind_ns, 0);
	/* 100 of 200 ns while it waits, 40 % of them because of the quota. */
	assert_int_equal(part->woken_slow_ns, 100);
	assert_int_equal(part->throttled_slow_ns, 40);
	profile_free(p);
}

/* A thread that no request has a stage on, and that stands before the passes: all its waiting for a CPU is
 * theirs. */
static void no_cpu_for_batcher(void **unused)
{
	struct profile *p = new_profile();
	struct profile_thread t = make_thread(2, PID, 5, "serve", "batcher");

	(void)unused;
	t.state_ns[PROFILE_WOKEN] = 60;
	t.state_ns[PROFILE_BLOCKED] = 1940;
	assert_int_equal(profile_add_thread(p, &t, 100), 0);
	begin_at(p, 1, 0, 0);
	wait_from(p, "batch queue", 1, 0);
	wait_to(p, "batch queue", 1, 200);
	add_span(p, (struct profile_span){ .name = "batch window", .tid = 5 }, 0, 150,
		 (struct spent){ 100, 50, 0 });
	pass(p, "prefill", EXECUTOR, 1, 1, 200, 300, cpu);
	member_at(p, EXECUTOR, 1, 1, 200);
	end_at(p, 1, 300, 1, 1);
	assert_int_equal(PART(finish(p), "batch queue")->woken_slow_ns, 60);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_passes),
		cmocka_unit_test(could_have_joined),
		cmocka_unit_test(full),
		cmocka_unit_test(others_first),
		cmocka_unit_test(before_a_stage),
		cmocka_unit_test(no_cpu),
		cmocka_unit_test(no_cpu_for_batcher),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
