// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "profile_by_hand.h"

/* --- properties --- */

static void check_line(const struct profile *p, const struct profile_line *l)
{
	bool has_call = !l->call;

	assert_true(l->thread < p->threads_n);
	assert_true(l->value_ns > 0 || l->switches > 0);
	assert_true(!l->switches || l->state == PROFILE_BLOCKED || l->state == PROFILE_PREEMPTED);
	assert_true(l->switches_variance >= 0);
	assert_true(l->frames_n > 0 && l->user_n <= l->frames_n);
	assert_true((l->state == PROFILE_BLOCKED) == (l->cause != CAUSE_NONE));
	if (l->call && l->state == PROFILE_BLOCKED)
		assert_int_equal(l->cause, CAUSE_GPU_CALL);
	if (!l->call)
		assert_int_not_equal(l->cause, CAUSE_GPU_CALL);
	for (size_t k = 0; k < l->frames_n; k++) {
		const char *name = l->frames[k];
		const bool kernel = strlen(name) > 4 && !strcmp(name + strlen(name) - 4, "_[k]");

		assert_int_equal(kernel, k >= l->user_n);
		has_call |= l->call && k < l->user_n && !strcmp(name, l->call);
	}
	assert_true(has_call);
}

static void sums_are_exact(void **unused)
{
	size_t merged_seen = 0, pooled_seen = 0, orphans_seen = 0;

	(void)unused;
	for (uint64_t seed = 1; seed <= 2000; seed++) {
		struct random_profile r = random_profile(seed);
		struct profile *p = r.p;
		uint64_t wall = 0, threads = 0, (*by_state)[PROFILE_STATES];
		uint64_t(*switches)[PROFILE_STATES];

		by_state = calloc(p->threads_n, sizeof(*by_state));
		switches = calloc(p->threads_n, sizeof(*switches));
		assert_non_null(by_state);
		assert_non_null(switches);
		for (size_t i = 0; i < p->lines_n; i++) {
			check_line(p, &p->lines[i]);
			assert_true(!i || p->lines[i - 1].thread <= p->lines[i].thread);
			by_state[p->lines[i].thread][p->lines[i].state] += p->lines[i].value_ns;
			switches[p->lines[i].thread][p->lines[i].state] += p->lines[i].switches;
			pooled_seen += !p->lines[i].stacks;
		}
		for (size_t i = 0; i < p->threads_n; i++) {
			const struct profile_thread *t = &p->threads[i];
			uint64_t blocked = 0, states = 0;

			for (int s = 0; s < PROFILE_STATES; s++) {
				assert_int_equal(by_state[i][s], t->state_ns[s]);
				states += t->state_ns[s];
			}
			for (int c = 0; c < CAUSES; c++)
				blocked += t->blocked_by_ns[c];
			assert_int_equal(switches[i][PROFILE_BLOCKED], t->voluntary);
			assert_int_equal(switches[i][PROFILE_PREEMPTED], t->involuntary);
			assert_int_equal(states, t->wall_ns);
			assert_int_equal(blocked, t->state_ns[PROFILE_BLOCKED]);
			assert_int_equal(t->blocked_by_ns[CAUSE_NONE], 0);
			assert_true(t->call_ns <= t->wall_ns);
			assert_true(t->merged == 1 || t->ended);
			merged_seen += t->merged > 1;
			wall += t->wall_ns;
			threads += t->merged;
		}
		assert_int_equal(wall, r.wall_ns);
		assert_int_equal(threads, r.threads);
		assert_int_equal(p->lost.threads, r.orphans);
		orphans_seen += r.orphans;
		free(by_state);
		free(switches);
		profile_free(p);
	}
	/* The generator reaches what the test is for. */
	assert_true(merged_seen > 100 && pooled_seen > 100 && orphans_seen > 100);
}

/* The same input gives the same lines. */
static void is_deterministic(void **unused)
{
	(void)unused;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct profile *a = random_profile(seed).p, *b = random_profile(seed).p;

		assert_int_equal(a->lines_n, b->lines_n);
		for (size_t i = 0; i < a->lines_n; i++) {
			assert_int_equal(a->lines[i].value_ns, b->lines[i].value_ns);
			assert_int_equal(a->lines[i].switches, b->lines[i].switches);
			assert_int_equal(a->lines[i].frames_n, b->lines[i].frames_n);
			for (size_t k = 0; k < a->lines[i].frames_n; k++)
				assert_string_equal(a->lines[i].frames[k], b->lines[i].frames[k]);
		}
		profile_free(a);
		profile_free(b);
	}
}

/* The same blocked time once more, by process and kind. */
static void waits_sum_to_blocked_time(void **unused)
{
	(void)unused;
	for (uint64_t seed = 1; seed <= 500; seed++) {
		struct profile *p = random_profile(seed).p;
		uint64_t blocked = 0, in_calls = 0, waits = 0, waits_in_calls = 0;

		for (size_t i = 0; i < p->threads_n; i++) {
			blocked += p->threads[i].state_ns[PROFILE_BLOCKED];
			in_calls += p->threads[i].blocked_by_ns[CAUSE_GPU_CALL];
		}
		for (size_t i = 0; i < p->waits_n; i++) {
			const struct profile_wait *w = &p->waits[i];

			assert_true(!i || w[-1].blocked_ns >= w->blocked_ns);
			assert_true(w->kind > KIND_NONE && w->kind < KINDS);
			assert_true(w->blocked_ns > 0);
			assert_true(!w->frame || w->kind == KIND_OTHER);
			waits += w->blocked_ns;
			waits_in_calls += w->kind == KIND_GPU_CALL ? w->blocked_ns : 0;
			for (size_t j = 0; j < i; j++)
				assert_false(p->waits[j].pid == w->pid &&
					     p->waits[j].kind == w->kind &&
					     p->waits[j].frame == w->frame);
		}
		assert_int_equal(waits, blocked);
		assert_int_equal(waits_in_calls, in_calls);
		profile_free(p);
	}
}

/* --- buckets --- */

static void stacks_share_by_weight(void **unused)
{
	struct profile *p = profile_new();

	(void)unused;
	add_thread(p, 1, "t", 1000, 0, 0, 0);
	add_stack(p, 1, PROFILE_ON_CPU, NULL, "a", 10);
	add_stack(p, 1, PROFILE_ON_CPU, NULL, "b", 10);
	add_stack(p, 1, PROFILE_ON_CPU, NULL, "a", 10);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->lines_n, 2);
	/* 666.67 and 333.33: the larger remainder gets the nanosecond. */
	assert_int_equal(line_with(p, 1, PROFILE_ON_CPU, "a")->value_ns, 667);
	assert_int_equal(line_with(p, 1, PROFILE_ON_CPU, "a")->stacks, 2);
	assert_int_equal(line_with(p, 1, PROFILE_ON_CPU, "b")->value_ns, 333);
	profile_free(p);
}

static void calls_are_buckets(void **unused)
{
	const uint64_t in_call[PROFILE_STATES] = { 300, 20, 10, 5000 };
	struct profile *p = profile_new();

	(void)unused;
	add_thread(p, 1, "t", 1000, 100, 50, 7000);
	assert_int_equal(profile_add_thread_call(p, 1, "cudaMemcpy", in_call), 0);
	assert_int_equal(profile_add_wait(p, 1, SYS_futex, 0, 1500, 3), 0);
	/* A single stack, elsewhere: it must not draw time out of the call. */
	add_stack(p, 1, PROFILE_ON_CPU, NULL, "compute", 1);
	assert_int_equal(profile_finish(p), 0);
	for (int s = 0; s < PROFILE_STATES; s++)
		assert_int_equal(lines_ns(p, 1, s, -1, "cudaMemcpy"), in_call[s]);
	assert_int_equal(lines_ns(p, 1, PROFILE_ON_CPU, -1, NULL), 700);
	assert_int_equal(lines_ns(p, 1, PROFILE_BLOCKED, CAUSE_LOCK, NULL), 1500);
	assert_int_equal(lines_ns(p, 1, PROFILE_BLOCKED, CAUSE_OTHER, NULL), 500);
	assert_int_equal(thread_of(p, 1)->call_ns, 5330);
	assert_int_equal(thread_of(p, 1)->blocked_by_ns[CAUSE_GPU_CALL], 5000);
	/* No stack inside the call: its name alone. */
	assert_int_equal(line_with(p, 1, PROFILE_BLOCKED, "cudaMemcpy")->frames_n, 1);
	assert_int_equal(line_with(p, 1, PROFILE_BLOCKED, "cudaMemcpy")->stacks, 0);
	assert_non_null(line_with(p, 1, PROFILE_BLOCKED, "[not sampled]"));
	profile_free(p);
}

/* Calls that reach over the window's edge: the thread's account is the authority. */
static void excess_is_cut(void **unused)
{
	const uint64_t a[PROFILE_STATES] = { 900, 0, 0, 300 },
		       b[PROFILE_STATES] = { 300, 0, 0, 100 };
	struct profile *p = profile_new();

	(void)unused;
	add_thread(p, 1, "t", 600, 0, 0, 500);
	assert_int_equal(profile_add_thread_call(p, 1, "cudaA", a), 0);
	assert_int_equal(profile_add_thread_call(p, 1, "cudaB", b), 0);
	assert_int_equal(profile_add_wait(p, 1, SYS_futex, 0, 150, 1), 0);
	assert_int_equal(profile_add_wait(p, 1, SYS_ppoll, 0, 50, 1), 0);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(lines_ns(p, 1, PROFILE_ON_CPU, -1, "cudaA"), 450);
	assert_int_equal(lines_ns(p, 1, PROFILE_ON_CPU, -1, "cudaB"), 150);
	assert_int_equal(lines_ns(p, 1, PROFILE_ON_CPU, -1, NULL), 0);
	assert_int_equal(lines_ns(p, 1, PROFILE_BLOCKED, CAUSE_LOCK, NULL), 75);
	assert_int_equal(lines_ns(p, 1, PROFILE_BLOCKED, CAUSE_POLL, NULL), 25);
	profile_free(p);
}

static void return_stacks_stand_in(void **unused)
{
	const uint64_t in_call[PROFILE_STATES] = { 300, 0, 0, 700 };
	const char *frames[] = { "main", "copy_batch", "uprobe_return_[k]" };
	const struct profile_stack at_return = { .serial = 1,
						 .state = PROFILE_ON_CPU,
						 .call = "cudaMemcpy",
						 .call_return = true,
						 .frames = frames,
						 .frames_n = 3,
						 .user_n = 2,
						 .weight_ns = 1000 };
	struct profile *p = profile_new();
	const struct profile_line *l;

	(void)unused;
	add_thread(p, 1, "t", 300, 0, 0, 700);
	assert_int_equal(profile_add_thread_call(p, 1, "cudaMemcpy", in_call), 0);
	assert_int_equal(profile_add_stack(p, &at_return), 0);
	add_stack(p, 1, PROFILE_ON_CPU, "cudaMemcpy", "spin", 1);
	assert_int_equal(profile_finish(p), 0);
	/* On-CPU has a stack of its own, blocked has not. */
	assert_int_equal(lines_ns(p, 1, PROFILE_ON_CPU, -1, "*"), 300);
	assert_null(line_with(p, 1, PROFILE_ON_CPU, "copy_batch"));
	l = line_with(p, 1, PROFILE_BLOCKED, "copy_batch");
	assert_non_null(l);
	assert_int_equal(l->value_ns, 700);
	assert_int_equal(l->frames_n, 3);
	assert_string_equal(l->frames[2], "cudaMemcpy");
	profile_free(p);
}

/* The call's name goes below the variant that is on the stack, else after the last user frame. */
static void call_is_a_frame(void **unused)
{
	const uint64_t in_call[PROFILE_STATES] = { 100, 0, 0, 0 };
	(void)unused;
	for (int variant = 0; variant < 3; variant++) {
		static const char *const leaf[] = { "cudaMemcpy_ptds", "cudaMemcpy", "libcuda" };
		struct profile *p = profile_new();
		const struct profile_line *l;

		add_thread(p, 1, "t", 100, 0, 0, 0);
		assert_int_equal(profile_add_thread_call(p, 1, "cudaMemcpy", in_call), 0);
		add_stack(p, 1, PROFILE_ON_CPU, "cudaMemcpy", leaf[variant], 1);
		assert_int_equal(profile_finish(p), 0);
		l = line_with(p, 1, PROFILE_ON_CPU, "cudaMemcpy");
		assert_non_null(l);
		assert_int_equal(l->frames_n, variant == 1 ? 2 : 3);
		/* Below its caller, above what it called. */
		assert_string_equal(l->frames[1], "cudaMemcpy");
		profile_free(p);
	}
}

/* A driver call within a call is a frame too, leafward of it, wherever the walk broke off. */
static void inner_call_is_a_frame_below(void **unused)
{
	const uint64_t in_call[PROFILE_STATES] = { 100, 0, 0, 0 };
	static const struct {
		const char *frames[5];
		uint16_t n, outside_n, inner_after;
		bool call_return;
		const char *want[6];
	} cases[] = {
		/* Neither is there: by their numbers of callers. */
		{ { "main", "rt", "drv" },
		  3,
		  1,
		  2,
		  false,
		  { "main", "cudaLaunchKernel", "rt", "cuLaunchKernel", "drv" } },
		/* Nothing of the library was walked: one below the other. */
		{ { "main" }, 1, 1, 1, false, { "main", "cudaLaunchKernel", "cuLaunchKernel" } },
		{ { "main", "drv" },
		  2,
		  1,
		  1,
		  false,
		  { "main", "cudaLaunchKernel", "cuLaunchKernel", "drv" } },
		/* Both are. */
		{ { "main", "cudaLaunchKernel", "rt", "cuLaunchKernel", "drv" },
		  5,
		  1,
		  3,
		  false,
		  { "main", "cudaLaunchKernel", "rt", "cuLaunchKernel", "drv" } },
		/* One is. */
		{ { "main", "cudaLaunchKernel", "rt", "drv" },
		  4,
		  1,
		  3,
		  false,
		  { "main", "cudaLaunchKernel", "rt", "cuLaunchKernel", "drv" } },
		{ { "main", "rt", "cuLaunchKernel", "drv" },
		  4,
		  1,
		  2,
		  false,
		  { "main", "cudaLaunchKernel", "rt", "cuLaunchKernel", "drv" } },
		/* A variant of it. */
		{ { "main", "rt", "cuLaunchKernel_ptsz" },
		  3,
		  1,
		  2,
		  false,
		  { "main", "cudaLaunchKernel", "rt", "cuLaunchKernel", "cuLaunchKernel_ptsz" } },
		/* A number that puts it above its caller, or beyond the leaf. */
		{ { "main", "cudaLaunchKernel", "drv" },
		  3,
		  1,
		  0,
		  false,
		  { "main", "cudaLaunchKernel", "cuLaunchKernel", "drv" } },
		{ { "main", "rt" },
		  2,
		  1,
		  900,
		  false,
		  { "main", "cudaLaunchKernel", "rt", "cuLaunchKernel" } },
		/* A call of that name that is its caller's caller is another. */
		{ { "cuLaunchKernel", "cb", "cudaLaunchKernel", "rt" },
		  4,
		  2,
		  4,
		  false,
		  { "cuLaunchKernel", "cb", "cudaLaunchKernel", "rt", "cuLaunchKernel" } },
		/* The stack at the call's return has only callers. */
		{ { "main", "step" },
		  2,
		  1,
		  1,
		  true,
		  { "main", "step", "cudaLaunchKernel", "cuLaunchKernel" } },
		/* A walk that broke off in the inner call, and none knows how far out the other is. */
		{ { "[incomplete]", "cuLaunchKernel" },
		  2,
		  2,
		  2,
		  false,
		  { "[incomplete]", "cudaLaunchKernel", "cuLaunchKernel" } },
		/* A walk that broke off at once. */
		{ { "drv" }, 1, 0, 0, false, { "cudaLaunchKernel", "cuLaunchKernel", "drv" } },
	};

	(void)unused;
	for (size_t c = 0; c < sizeof(cases) / sizeof(*cases); c++) {
		const struct profile_stack s = { .serial = 1,
						 .state = PROFILE_ON_CPU,
						 .call = "cudaLaunchKernel",
						 .call_return = cases[c].call_return,
						 .frames = cases[c].frames,
						 .frames_n = cases[c].n,
						 .user_n = cases[c].n,
						 .outside_n = cases[c].outside_n,
						 .inner = "cuLaunchKernel",
						 .inner_after = cases[c].inner_after,
						 .weight_ns = 1 };
		struct profile *p = profile_new();
		size_t n = 0;

		add_thread(p, 1, "t", 100, 0, 0, 0);
		assert_int_equal(profile_add_thread_call(p, 1, "cudaLaunchKernel", in_call), 0);
		assert_int_equal(profile_add_stack(p, &s), 0);
		assert_int_equal(profile_finish(p), 0);
		assert_int_equal(p->lines_n, 1);
		while (n < 6 && cases[c].want[n])
			n++;
		assert_int_equal(p->lines[0].frames_n, n);
		assert_int_equal(p->lines[0].user_n, n);
		for (size_t i = 0; i < n; i++)
			assert_string_equal(p->lines[0].frames[i], cases[c].want[i]);
		profile_free(p);
	}
}

/* A call that was abandoned has no time on record: its stacks were taken in time outside calls. */
static void abandoned_call_counts_outside(void **unused)
{
	struct profile *p = profile_new();
	const struct profile_line *l;

	(void)unused;
	add_thread(p, 1, "t", 1000, 0, 0, 0);
	add_stack(p, 1, PROFILE_ON_CPU, "cudaMemcpy", "inside", 1);
	assert_int_equal(profile_finish(p), 0);
	l = line_with(p, 1, PROFILE_ON_CPU, "inside");
	assert_non_null(l);
	assert_int_equal(l->value_ns, 1000);
	assert_null(l->call);
	profile_free(p);
}

/* --- pooling --- */

static void namesakes_lend_their_stacks(void **unused)
{
	struct profile *p = profile_new();
	uint64_t a = 0, b = 0;

	(void)unused;
	add_thread(p, 1, "worker", 3000, 0, 0, 0);
	add_stack(p, 1, PROFILE_ON_CPU, NULL, "a", 2);
	add_stack(p, 1, PROFILE_ON_CPU, NULL, "b", 1);
	for (uint64_t serial = 2; serial < 32; serial++)
		add_thread(p, serial, "worker", 10, 0, 0, 0);
	add_thread(p, 50, "stranger", 10, 0, 0, 0);
	assert_int_equal(profile_finish(p), 0);
	for (size_t i = 0; i < p->lines_n; i++) {
		const struct profile_line *l = &p->lines[i];

		if (p->threads[l->thread].serial == 1 || p->threads[l->thread].serial == 50)
			continue;
		assert_int_equal(l->stacks, 0);
		a += !strcmp(l->frames[1], "a") ? l->value_ns : 0;
		b += !strcmp(l->frames[1], "b") ? l->value_ns : 0;
	}
	/* Together the 30 small buckets have the pool's distribution. */
	assert_int_equal(a, 200);
	assert_int_equal(b, 100);
	assert_true(p->lines_n <= 2 + 30 + 1 + 1);
	assert_non_null(line_with(p, 50, PROFILE_ON_CPU, "[not sampled]"));
	profile_free(p);
}

/* --- the container --- */

static void ended_threads_merge(void **unused)
{
	struct profile *p = profile_new();

	(void)unused;
	for (uint64_t serial = 1; serial <= 100; serial++) {
		struct profile_thread t =
			make_thread(serial, 10, (uint32_t)serial, "proc", serial % 2 ? "x" : "y");

		t.ended = true;
		t.state_ns[PROFILE_ON_CPU] = serial;
		t.voluntary = 2;
		add_stack(p, serial, PROFILE_ON_CPU, NULL, "f", 1);
		assert_int_equal(profile_add_thread(p, &t, 10), 0);
	}
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->threads_n, 12);
	for (size_t i = 0; i < p->threads_n; i++)
		if (p->threads[i].merged > 1) {
			assert_int_equal(p->threads[i].merged, 45);
			assert_int_equal(p->threads[i].voluntary, 90);
		}
	/* One line a row: the merged threads' equal stacks are one. And one for switches that nobody
	 * knows the stack of. */
	assert_int_equal(p->lines_n, 24);
	profile_free(p);
}

static void misuse_is_refused(void **unused)
{
	struct profile *p = profile_new();
	struct profile_thread t = make_thread(1, 10, 1, "p", "c");
	const struct profile_stack bad = { .serial = 1, .state = PROFILE_STATES, .weight_ns = 1 };

	(void)unused;
	assert_int_equal(profile_add_thread(p, &t, 10), 0);
	assert_int_equal(profile_add_thread(p, &t, 10), -EEXIST);
	assert_int_equal(profile_add_stack(p, &bad), -EINVAL);
	assert_null(profile_string(p, NULL));
	assert_ptr_equal(profile_string(p, "same"), profile_string(p, "same"));
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(profile_finish(p), -EINVAL);
	assert_int_equal(profile_add_thread(p, &t, 10), -EINVAL);
	assert_int_equal(profile_add_wait(p, 1, 0, 0, 1, 1), -EINVAL);
	assert_int_equal(p->lines_n, 0);
	profile_free(p);
	profile_free(NULL);
}

static void empty_profile_is_fine(void **unused)
{
	struct profile *p = profile_new();

	(void)unused;
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->threads_n + p->lines_n, 0);
	profile_free(p);
}

static void sorted_for_output(void **unused)
{
	const struct profile_call calls[] = {
		{ .pid = 1, .name = "short", .api = "runtime", .wall_ns = 5 },
		{ .pid = 1, .name = "long", .api = "runtime", .wall_ns = 50 },
	};
	const struct profile_copy copies[] = { { 1, "H2D", 1, 10, 100, { [3] = 1 } },
					       { 1, "D2H", 2, 20, 200, { [4] = 2 } },
					       { 1, "H2D", 4, 40, 400, { [3] = 1, [4] = 3 } } };
	struct profile *p = profile_new();

	(void)unused;
	add_thread(p, 1, "idle", 1, 0, 0, 1000);
	add_thread(p, 2, "busy", 100, 0, 0, 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(profile_add_call(p, &calls[i]), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(profile_add_copy(p, &copies[i]), 0);
	assert_int_equal(profile_finish(p), 0);
	assert_string_equal(p->threads[0].comm, "busy");
	assert_string_equal(p->calls[0].name, "long");
	assert_int_equal(p->copies_n, 2);
	assert_string_equal(p->copies[1].kind, "H2D");
	assert_int_equal(p->copies[1].bytes, 50);
	assert_int_equal(p->copies[1].wall_ns, 500);
	assert_int_equal(p->copies[1].sizes[3], 2);
	assert_int_equal(p->copies[1].sizes[4], 3);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_exact),
		cmocka_unit_test(is_deterministic),
		cmocka_unit_test(stacks_share_by_weight),
		cmocka_unit_test(calls_are_buckets),
		cmocka_unit_test(excess_is_cut),
		cmocka_unit_test(waits_sum_to_blocked_time),
		cmocka_unit_test(return_stacks_stand_in),
		cmocka_unit_test(call_is_a_frame),
		cmocka_unit_test(inner_call_is_a_frame_below),
		cmocka_unit_test(abandoned_call_counts_outside),
		cmocka_unit_test(namesakes_lend_their_stacks),
		cmocka_unit_test(ended_threads_merge),
		cmocka_unit_test(misuse_is_refused),
		cmocka_unit_test(empty_profile_is_fine),
		cmocka_unit_test(sorted_for_output),
	};

	return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
