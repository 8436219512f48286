/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The scheduler's part of a profile: who had the CPU, who woke, the CPUs; and what the outputs say. */
#define _GNU_SOURCE
#include <jansson.h>
#include "frames.h"
#include "output.h"
#include "random_profile.h"
#include "profile_json.h"

static struct profile *new_profile(void)
{
	struct profile *p = profile_new();

	assert_non_null(p);
	p->duration_ns = 1000000000;
	p->wakers_known = true;
	return p;
}

static void add_thread(struct profile *p, uint64_t serial, uint32_t pid, const char *comm,
		       const uint64_t ns[PROFILE_STATES], uint64_t throttled, const char *stolen_by,
		       uint64_t stolen_ns)
{
	struct profile_thread t = make_thread(serial, pid, (uint32_t)serial, "proc", comm);

	memcpy(t.state_ns, ns, sizeof(t.state_ns));
	t.throttled_ns = throttled;
	t.stolen_by = stolen_by;
	t.stolen_ns = stolen_ns;
	assert_int_equal(profile_add_thread(p, &t, 100), 0);
}

static void add_steal(struct profile *p, uint32_t pid, uint32_t by_pid, const char *by, bool behind,
		      uint64_t ns)
{
	const struct profile_steal s = { .pid = pid,
					 .by_pid = by_pid,
					 .by_comm = by,
					 .behind = behind,
					 .waits = 1,
					 .wall_ns = ns };

	assert_int_equal(profile_add_steal(p, &s), 0);
}

static struct profile_waker waker(uint64_t serial, uint32_t tid, const char *comm, uint64_t ns)
{
	return (struct profile_waker){ .serial = serial,
				       .known = comm != NULL,
				       .by_pid = tid,
				       .by_tid = tid,
				       .by_comm = comm,
				       .blocked_ns = ns };
}

static void add_waker(struct profile *p, uint64_t serial, uint32_t tid, const char *comm,
		      uint64_t ns)
{
	const struct profile_waker w = waker(serial, tid, comm, ns);

	assert_int_equal(profile_add_waker(p, &w), 0);
}

static void add_waker_stack(struct profile *p, uint64_t serial, uint32_t tid, const char *comm,
			    uint64_t ns, const char *const *frames, uint16_t n)
{
	struct profile_waker w = waker(serial, tid, comm, ns);

	w.frames = frames;
	w.frames_n = n;
	w.user_n = 1;
	assert_int_equal(profile_add_waker_stack(p, &w), 0);
}

static const uint64_t blocked_600[] = { 100000000, 100000000, 200000000, 600000000 };

static json_t *row_of(json_t *root, const char *part, size_t i)
{
	json_t *row = json_array_get(json_object_get(root, part), i);

	assert_non_null(row);
	return row;
}

static json_int_t number(json_t *o, const char *key)
{
	assert_true(json_is_integer(json_object_get(o, key)));
	return json_integer_value(json_object_get(o, key));
}

static void assert_text(json_t *o, const char *key, const char *want)
{
	assert_string_equal(json_string_value(json_object_get(o, key)), want);
}

static bool is_null(json_t *o, const char *key)
{
	return json_is_null(json_object_get(o, key));
}

/* --- throttled --- */

static void throttled_is_part_of_the_queue(void **unused)
{
	struct profile *p = new_profile();
	json_t *root, *by;

	(void)unused;
	add_thread(p, 1, 10, "one", blocked_600, 150000000, NULL, 0);
	/* More than there was of it cannot be. */
	add_thread(p, 2, 10, "two", blocked_600, 999000000, NULL, 0);
	assert_int_equal(profile_finish(p), 0);
	root = profile_json(p);
	by = json_object_get(row_of(root, "threads", 0), "run_queue_by");
	assert_int_equal(number(by, "woken"), 100000000);
	assert_int_equal(number(by, "preempted"), 50000000);
	assert_int_equal(number(by, "throttled"), 150000000);
	by = json_object_get(row_of(root, "threads", 1), "run_queue_by");
	assert_int_equal(number(by, "preempted"), 0);
	assert_int_equal(number(by, "throttled"), 200000000);
	json_decref(root);
	profile_free(p);
}

static void merged_threads_keep_sums(void **unused)
{
	struct profile *p = new_profile();

	(void)unused;
	for (uint64_t serial = 1; serial <= 3; serial++) {
		struct profile_thread t =
			make_thread(serial, 10, (uint32_t)serial, "proc", "worker");

		memcpy(t.state_ns, blocked_600, sizeof(t.state_ns));
		t.throttled_ns = serial * 1000;
		t.stolen_by = serial == 2 ? "thief" : "other";
		t.stolen_ns = serial == 2 ? 5000 : 4000;
		t.ended = true;
		assert_int_equal(profile_add_thread(p, &t, 0), 0);
	}
	add_waker(p, 1, 77, "waker", 10);
	add_waker(p, 3, 77, "waker", 10);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->threads_n, 1);
	assert_int_equal(p->threads[0].throttled_ns, 6000);
	assert_string_equal(p->threads[0].stolen_by, "thief");
	assert_int_equal(p->wakers_n, 1);
	assert_int_equal(p->wakers[0].blocked_ns, 3 * blocked_600[PROFILE_BLOCKED]);
	profile_free(p);
}

/* --- who had the CPU --- */

static void steals_add_up(void **unused)
{
	struct profile *p = new_profile();
	json_t *root, *row;

	(void)unused;
	add_thread(p, 1, 10, "victim", blocked_600, 0, NULL, 0);
	add_steal(p, 10, 99, "stress", false, 1000000);
	add_steal(p, 10, 99, "stress", true, 500000);
	add_steal(p, 10, 99, "stress", false, 3000000);
	add_steal(p, 10, 98, "stress", false, 2000000);
	add_steal(p, 0, 0, NULL, false, 7000000);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->steals_n, 4);
	root = profile_json(p);
	row = row_of(root, "preempted_by", 0);
	assert_int_equal(number(row, "wall_ns"), 7000000);
	assert_true(is_null(row, "pid") && is_null(row, "by_pid") && is_null(row, "by_comm") &&
		    is_null(row, "how") && is_null(row, "by_kthread") && is_null(row, "process"));
	row = row_of(root, "preempted_by", 1);
	assert_int_equal(number(row, "wall_ns"), 4000000);
	assert_int_equal(number(row, "waits"), 2);
	assert_int_equal(number(row, "by_pid"), 99);
	assert_text(row, "how", "preempted");
	assert_text(row, "process", "proc");
	assert_int_equal(number(row_of(root, "preempted_by", 2), "by_pid"), 98);
	assert_text(row_of(root, "preempted_by", 3), "how", "behind");
	json_decref(root);
	profile_free(p);
}

/* --- who woke --- */

static void wakers_share_the_blocked_time(void **unused)
{
	struct profile *p = new_profile();
	json_t *root, *row;

	(void)unused;
	/* The thread's account may come last. */
	add_waker(p, 1, 77, "waker", 30);
	add_waker(p, 1, 78, "waker", 10);
	add_waker(p, 1, 77, "waker", 10);
	add_waker(p, 1, 0, NULL, 10);	  /* open at the end */
	add_waker(p, 5, 77, "waker", 10); /* no such thread */
	add_thread(p, 1, 10, "sleeper", blocked_600, 0, NULL, 0);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->wakers_n, 2);
	root = profile_json(p);
	row = row_of(root, "woken_by", 0);
	assert_int_equal(number(row, "blocked_ns"), 400000000);
	assert_int_equal(number(row, "by_tid"), 77);
	assert_text(row, "comm", "sleeper");
	assert_text(row, "by_comm", "waker");
	assert_int_equal(number(row_of(root, "woken_by", 1), "blocked_ns"), 100000000);
	assert_true(is_null(root, "wakers"));
	json_decref(root);
	p->wakers_known = false;
	root = profile_json(p);
	assert_true(is_null(root, "woken_by"));
	json_decref(root);
	profile_free(p);
}

static void waker_stacks_share_the_wakers_time(void **unused)
{
	static const char *const post[] = { "main",
					    "post",
					    "futex_wake_[k]",
					    "try_to_wake_up_[k]",
					    "__traceiter_sched_waking_[k]",
					    "bpf_trace_run1_[k]" };
	static const char *const other[] = { "main", "do_exit_[k]", "bpf_prog_1_waking_[k]" };
	struct profile *p = new_profile();
	json_t *root, *frames;

	(void)unused;
	p->wakers_sampled = true;
	add_thread(p, 1, 10, "sleeper", blocked_600, 0, NULL, 0);
	add_waker(p, 1, 77, "waker", 20);
	add_waker(p, 1, 0, NULL, 10);
	add_waker_stack(p, 1, 77, "waker", 3, post, 6);
	add_waker_stack(p, 1, 77, "waker", 1, other, 3);
	assert_int_equal(profile_finish(p), 0);
	root = profile_json(p);
	assert_int_equal(json_array_size(json_object_get(root, "wakers")), 2);
	assert_int_equal(number(row_of(root, "wakers", 0), "blocked_ns"), 300000000);
	frames = json_object_get(row_of(root, "wakers", 0), "frames");
	assert_int_equal(json_array_size(frames), 3);
	assert_string_equal(json_string_value(json_array_get(frames, 2)), "futex_wake_[k]");
	assert_int_equal(number(row_of(root, "wakers", 1), "blocked_ns"), 100000000);
	frames = json_object_get(row_of(root, "wakers", 1), "frames");
	assert_int_equal(json_array_size(frames), 2);
	json_decref(root);
	profile_free(p);
}

/* Threads are put in order after the wakers came. */
static void wakers_follow_their_threads(void **unused)
{
	static const uint64_t busy[] = { 900000000, 0, 0, 100000000 };
	struct profile *p = new_profile();

	(void)unused;
	add_thread(p, 1, 10, "lazy", blocked_600, 0, NULL, 0);
	add_thread(p, 2, 10, "busy", busy, 0, NULL, 0);
	add_waker(p, 1, 77, "of lazy", 1);
	add_waker(p, 2, 78, "of busy", 1);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->wakers_n, 2);
	assert_string_equal(p->threads[p->wakers[0].thread].comm, "lazy");
	assert_string_equal(p->wakers[0].by_comm, "of lazy");
	assert_string_equal(p->threads[p->wakers[1].thread].comm, "busy");
	assert_int_equal(p->wakers[1].blocked_ns, 100000000);
	profile_free(p);
}

static void wakers_never_exceed_the_account(void **unused)
{
	(void)unused;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct profile *p = new_profile();
		uint64_t s = seed * 2685821657736338717ULL, sum[4] = { 0 };

		for (uint64_t t = 0; t < 4; t++) {
			const uint64_t ns[] = { 1, rnd_ns(&s, 40), rnd_ns(&s, 40), rnd_ns(&s, 40) };

			add_thread(p, t + 1, 10, "any", ns, rnd_ns(&s, 40), NULL, 0);
		}
		for (uint64_t i = rnd_below(&s, 40); i; i--)
			add_waker(p, 1 + rnd_below(&s, 5), (uint32_t)rnd_below(&s, 3),
				  rnd_below(&s, 3) ? "waker" : NULL, rnd_ns(&s, 50));
		assert_int_equal(profile_finish(p), 0);
		for (size_t i = 0; i < p->wakers_n; i++)
			sum[p->wakers[i].thread] += p->wakers[i].blocked_ns;
		for (size_t i = 0; i < p->threads_n; i++)
			assert_true(sum[i] <= p->threads[i].state_ns[PROFILE_BLOCKED]);
		profile_free(p);
	}
}

/* --- CPUs and the screen --- */

static char *summary(const struct profile *p, unsigned int columns, bool wide)
{
	const struct summary_options o = { .columns = columns, .lines = 24, .wide = wide };
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(summary_write(p, &o, f), 0);
	fclose(f);
	return text;
}

static void assert_says(const struct profile *p, unsigned int columns, bool wide, const char *what)
{
	char *text = summary(p, columns, wide);

	if (!strstr(text, what))
		print_message("no '%s' in\n%s", what, text);
	assert_non_null(strstr(text, what));
	free(text);
}

static void the_screen_names_the_neighbour(void **unused)
{
	static const uint64_t waits[] = { 200000000, 100000000, 700000000, 0 };
	struct profile *p = new_profile();

	(void)unused;
	p->duration_ns = 1000000000;
	add_thread(p, 1, 10, "victim", waits, 0, "stress-ng", 568000000);
	add_thread(p, 2, 10, "quota", waits, 690000000, NULL, 0);
	add_steal(p, 10, 99, "stress-ng", false, 568000000);
	add_waker(p, 1, 77, "waker", 1);
	for (uint32_t i = 0; i < 3; i++) {
		const struct profile_cpu c = { .cpu = i,
					       .busy_ns = i == 2 ? PROFILE_UNKNOWN : 250000000,
					       .target_ns = i == 2 ? PROFILE_UNKNOWN : 100000000,
					       .idle_ns = i == 2 ? PROFILE_UNKNOWN : 750000000,
					       .steal_ns = i ? PROFILE_UNKNOWN : 20000000 };

		assert_int_equal(profile_add_cpu(p, &c), 0);
	}
	assert_int_equal(profile_finish(p), 0);
	assert_says(p, 80, false, "preempted (stres..)");
	assert_says(p, 120, false, "preempted (stress-ng 71 %)");
	assert_says(p, 160, false, "run queue (preempted by stress-ng 71 %)");
	assert_says(p, 80, false, "throttled 69.0 %");
	assert_says(p, 120, false, "throttled 69.0 %");
	assert_says(p, 80, false,
		    "waited for a CPU: 1.60 s, 43.1 % throttled by a quota, 44.4 % preempted");
	assert_says(p, 120, false, "; CPU went to stress-ng 35.5 %");
	assert_says(p, 80, false, "2 CPUs: 25.0 % busy, 10.0 % with what was traced");
	assert_says(p, 120, false, ", 1.0 % stolen by the hypervisor");
	assert_says(p, 80, true, "WHO HAD THE CPU");
	assert_says(p, 80, true, "CPU 1");
	profile_free(p);
}

static void cpus_that_were_not_seen_are_null(void **unused)
{
	struct profile *p = new_profile();
	const struct profile_cpu c = { 3, PROFILE_UNKNOWN, PROFILE_UNKNOWN, PROFILE_UNKNOWN, 0 };
	json_t *root;

	(void)unused;
	assert_int_equal(profile_add_cpu(p, &c), 0);
	assert_int_equal(profile_finish(p), 0);
	root = profile_json(p);
	assert_int_equal(number(row_of(root, "cpus", 0), "cpu"), 3);
	assert_true(is_null(row_of(root, "cpus", 0), "busy_ns"));
	assert_int_equal(number(row_of(root, "cpus", 0), "steal_ns"), 0);
	json_decref(root);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(throttled_is_part_of_the_queue),
		cmocka_unit_test(merged_threads_keep_sums),
		cmocka_unit_test(steals_add_up),
		cmocka_unit_test(wakers_share_the_blocked_time),
		cmocka_unit_test(waker_stacks_share_the_wakers_time),
		cmocka_unit_test(wakers_follow_their_threads),
		cmocka_unit_test(wakers_never_exceed_the_account),
		cmocka_unit_test(the_screen_names_the_neighbour),
		cmocka_unit_test(cpus_that_were_not_seen_are_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
