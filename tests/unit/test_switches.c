/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Switches: whose they are by the stacks, how many by the threads' exact counts. (That every thread's
 * sum is exact whatever comes in: test_profile.c.) */
#define _GNU_SOURCE
#include "output.h"
#include "random_profile.h"

#define MS 1000000

static void add_thread(struct profile *p, uint64_t serial, const char *comm, uint64_t voluntary,
		       uint64_t involuntary, uint64_t preempted_ns, uint64_t blocked_ns)
{
	struct profile_thread t = make_thread(serial, 10, (uint32_t)serial, "proc", comm);

	t.state_ns[PROFILE_ON_CPU] = MS;
	t.state_ns[PROFILE_PREEMPTED] = preempted_ns;
	t.state_ns[PROFILE_BLOCKED] = blocked_ns;
	t.voluntary = voluntary;
	t.involuntary = involuntary;
	assert_int_equal(profile_add_thread(p, &t, 100), 0);
}

/* A stack of main() and leaf, that stands for n switches, give or take error. */
static void add_stack(struct profile *p, uint64_t serial, enum profile_state state, int syscall,
		      const char *call, const char *leaf, uint64_t weight_ns, double n,
		      double error)
{
	const char *frames[] = { "main", leaf };
	const struct profile_stack s = { .serial = serial,
					 .state = (uint8_t)state,
					 .syscall = (int16_t)syscall,
					 .call = call,
					 .frames = frames,
					 .frames_n = 2,
					 .user_n = 2,
					 .outside_n = 2,
					 .weight_ns = weight_ns,
					 .switches = (uint64_t)(n * SWITCHES_ONE),
					 .switches_variance = error * error };

	assert_int_equal(profile_add_stack(p, &s), 0);
}

static const struct profile_line *line_of(const struct profile *p, uint64_t serial, int state,
					  const char *frame)
{
	for (size_t i = 0; i < p->lines_n; i++)
		for (size_t k = 0; k < p->lines[i].frames_n; k++)
			if (p->threads[p->lines[i].thread].serial == serial &&
			    p->lines[i].state == state && !strcmp(p->lines[i].frames[k], frame))
				return &p->lines[i];
	fail_msg("no line of %s", frame);
	return NULL;
}

/* Short waits, many; long ones, few: the opposite of what the times say. */
static void counts_are_not_times(void **unused)
{
	struct profile *p = profile_new();

	(void)unused;
	add_thread(p, 1, "t", 1010, 0, 0, 110 * MS);
	assert_int_equal(profile_add_wait(p, 1, SYS_nanosleep, 0, 110 * MS, 1010), 0);
	/* 10 ms of waits of 10 us each, at 10 ms a stack: one stack. */
	add_stack(p, 1, PROFILE_BLOCKED, SYS_nanosleep, NULL, "often", 10 * MS, 1000, 999.5);
	add_stack(p, 1, PROFILE_BLOCKED, SYS_nanosleep, NULL, "seldom", 100 * MS, 10, 0);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(line_of(p, 1, PROFILE_BLOCKED, "often")->switches, 1000);
	assert_int_equal(line_of(p, 1, PROFILE_BLOCKED, "seldom")->switches, 10);
	assert_int_equal(line_of(p, 1, PROFILE_BLOCKED, "often")->value_ns, 10 * MS);
	assert_int_equal(line_of(p, 1, PROFILE_BLOCKED, "seldom")->value_ns, 100 * MS);
	profile_free(p);
}

/* Largest remainder, and never more than the thread has. */
static void scaled_to_the_thread(void **unused)
{
	struct profile *p = profile_new();

	(void)unused;
	add_thread(p, 1, "t", 0, 100, 3 * MS, 0);
	add_stack(p, 1, PROFILE_PREEMPTED, -1, NULL, "a", MS, 1000, 0);
	add_stack(p, 1, PROFILE_PREEMPTED, -1, NULL, "b", MS, 1000, 0);
	add_stack(p, 1, PROFILE_PREEMPTED, -1, NULL, "c", MS, 1000, 0);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(line_of(p, 1, PROFILE_PREEMPTED, "a")->switches, 34);
	assert_int_equal(line_of(p, 1, PROFILE_PREEMPTED, "b")->switches, 33);
	assert_int_equal(line_of(p, 1, PROFILE_PREEMPTED, "c")->switches, 33);
	profile_free(p);
}

/* How often each kind of wait was is exact: a lucky stack of one cannot draw from the other. */
static void kinds_are_exact(void **unused)
{
	struct profile *p = profile_new();

	(void)unused;
	add_thread(p, 1, "t", 300, 0, 0, 4 * MS);
	assert_int_equal(profile_add_wait(p, 1, SYS_futex, 0, 1 * MS, 200), 0);
	assert_int_equal(profile_add_wait(p, 1, SYS_futex, 0, 1 * MS, 40), 0);
	assert_int_equal(profile_add_wait(p, 1, SYS_nanosleep, 0, 2 * MS, 60), 0);
	add_stack(p, 1, PROFILE_BLOCKED, SYS_futex, NULL, "lock", 2 * MS, 1, 0);
	add_stack(p, 1, PROFILE_BLOCKED, SYS_nanosleep, NULL, "nap", 2 * MS, 5000, 0);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(line_of(p, 1, PROFILE_BLOCKED, "lock")->switches, 240);
	assert_int_equal(line_of(p, 1, PROFILE_BLOCKED, "nap")->switches, 60);
	profile_free(p);
}

/* What the waits outside of calls leave was inside of them. */
static void calls_get_the_rest(void **unused)
{
	const uint64_t in_call[PROFILE_STATES] = { [PROFILE_BLOCKED] = 3 * MS };
	struct profile *p = profile_new();

	(void)unused;
	add_thread(p, 1, "t", 100, 0, 0, 4 * MS);
	assert_int_equal(profile_add_thread_call(p, 1, "cudaMemcpy", in_call), 0);
	assert_int_equal(profile_add_wait(p, 1, SYS_futex, 0, MS, 30), 0);
	add_stack(p, 1, PROFILE_BLOCKED, SYS_futex, NULL, "lock", MS, 7, 0);
	add_stack(p, 1, PROFILE_BLOCKED, SYS_ioctl, "cudaMemcpy", "copy", 3 * MS, 2, 0);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(line_of(p, 1, PROFILE_BLOCKED, "lock")->switches, 30);
	assert_int_equal(line_of(p, 1, PROFILE_BLOCKED, "copy")->switches, 70);
	assert_string_equal(line_of(p, 1, PROFILE_BLOCKED, "copy")->call, "cudaMemcpy");
	profile_free(p);
}

/* No stack inside the calls: by their time, under their names. */
static void calls_without_stacks(void **unused)
{
	const uint64_t copies[PROFILE_STATES] = { [PROFILE_BLOCKED] = 3 * MS };
	const uint64_t syncs[PROFILE_STATES] = { [PROFILE_BLOCKED] = 1 * MS };
	struct profile *p = profile_new();

	(void)unused;
	add_thread(p, 1, "t", 40, 0, 0, 4 * MS);
	assert_int_equal(profile_add_thread_call(p, 1, "cudaMemcpy", copies), 0);
	assert_int_equal(profile_add_thread_call(p, 1, "cudaStreamSynchronize", syncs), 0);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(line_of(p, 1, PROFILE_BLOCKED, "cudaMemcpy")->switches, 30);
	assert_int_equal(line_of(p, 1, PROFILE_BLOCKED, "cudaStreamSynchronize")->switches, 10);
	profile_free(p);
}

/* Where a thread has no stack of its own, its namesakes' stand in; where nobody has, nobody knows. */
static void pooled(void **unused)
{
	struct profile *p = profile_new();

	(void)unused;
	add_thread(p, 1, "worker", 100, 7, MS, 2 * MS);
	add_thread(p, 2, "worker", 50, 0, 0, 2 * MS);
	add_thread(p, 3, "loner", 20, 9, MS, 2 * MS);
	for (uint64_t serial = 1; serial <= 3; serial++)
		assert_int_equal(profile_add_wait(p, serial, SYS_futex, 0, 2 * MS, 20), 0);
	add_stack(p, 1, PROFILE_BLOCKED, SYS_futex, NULL, "most", MS, 30, 0);
	add_stack(p, 1, PROFILE_BLOCKED, SYS_futex, NULL, "some", MS, 10, 0);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(line_of(p, 1, PROFILE_BLOCKED, "most")->switches, 75);
	assert_int_equal(line_of(p, 1, PROFILE_BLOCKED, "some")->switches, 25);
	assert_int_equal(line_of(p, 1, PROFILE_PREEMPTED, PROFILE_NOT_SAMPLED)->switches, 7);
	assert_int_equal(line_of(p, 2, PROFILE_BLOCKED, "most")->switches +
				 line_of(p, 2, PROFILE_BLOCKED, "some")->switches,
			 50);
	assert_in_range(line_of(p, 2, PROFILE_BLOCKED, "most")->switches, 37, 38);
	assert_int_equal(line_of(p, 3, PROFILE_BLOCKED, PROFILE_NOT_SAMPLED)->switches, 20);
	assert_int_equal(line_of(p, 3, PROFILE_BLOCKED, PROFILE_NOT_SAMPLED)->cause, CAUSE_LOCK);
	assert_int_equal(line_of(p, 3, PROFILE_PREEMPTED, PROFILE_NOT_SAMPLED)->switches, 9);
	profile_free(p);
}

/* A switch need not take time, nor blocked time begin with one. */
static void one_without_the_other(void **unused)
{
	struct profile *p = profile_new();
	const struct profile_line *l;

	(void)unused;
	/* Switched out and in again within a nanosecond; blocked since before the window. */
	add_thread(p, 1, "t", 3, 2, 0, 0);
	add_stack(p, 1, PROFILE_BLOCKED, SYS_futex, NULL, "quick", 0, 3, 0);
	add_thread(p, 2, "u", 0, 0, 0, 5 * MS);
	assert_int_equal(profile_add_wait(p, 2, SYS_futex, 0, 5 * MS, 1), 0);
	add_stack(p, 2, PROFILE_BLOCKED, SYS_futex, NULL, "asleep", 5 * MS, 0, 0);
	add_thread(p, 3, "v", 4, 0, 0, 0);
	assert_int_equal(profile_finish(p), 0);
	l = line_of(p, 1, PROFILE_BLOCKED, "quick");
	assert_int_equal(l->switches, 3);
	assert_int_equal(l->value_ns, 0);
	assert_int_equal(l->cause, CAUSE_LOCK);
	assert_int_equal(line_of(p, 1, PROFILE_PREEMPTED, PROFILE_NOT_SAMPLED)->switches, 2);
	assert_int_equal(line_of(p, 2, PROFILE_BLOCKED, "asleep")->switches, 0);
	assert_int_equal(line_of(p, 2, PROFILE_BLOCKED, "asleep")->value_ns, 5 * MS);
	l = line_of(p, 3, PROFILE_BLOCKED, PROFILE_NOT_SAMPLED);
	assert_int_equal(l->switches, 4);
	assert_int_equal(l->cause, CAUSE_OTHER);
	profile_free(p);
}

/* A stack that only stands for switches must not draw the time of waits that have no stack. */
static void counts_draw_no_time(void **unused)
{
	struct profile *p = profile_new();

	(void)unused;
	add_thread(p, 1, "t", 4, 0, 0, 5 * MS);
	assert_int_equal(profile_add_wait(p, 1, SYS_futex, 0, 5 * MS, 4), 0);
	add_stack(p, 1, PROFILE_BLOCKED, SYS_futex, NULL, "quick", 0, 1, 0);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(line_of(p, 1, PROFILE_BLOCKED, "quick")->value_ns, 0);
	assert_int_equal(line_of(p, 1, PROFILE_BLOCKED, "quick")->switches, 4);
	assert_int_equal(line_of(p, 1, PROFILE_BLOCKED, PROFILE_NOT_SAMPLED)->value_ns, 5 * MS);
	profile_free(p);
}

/* --- what comes out --- */

static char *fold(const struct profile *p, enum fold_filter filter, size_t *lines)
{
	/* A unit is for times. */
	const struct fold_options o = { .unit = UNIT_MS,
					.filter = filter,
					.count = COUNT_SWITCHES };
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(fold_write(p, &o, f, lines), 0);
	fclose(f);
	return text;
}

static struct profile *example(void)
{
	struct profile *p = profile_new();

	assert_non_null(p);
	p->duration_ns = 1000 * MS;
	p->target = "proc (10)";
	add_thread(p, 1, "t", 1010, 3, MS, 110 * MS);
	assert_int_equal(profile_add_wait(p, 1, SYS_nanosleep, 0, 110 * MS, 1010), 0);
	add_stack(p, 1, PROFILE_BLOCKED, SYS_nanosleep, NULL, "often", 10 * MS, 1000, 100);
	add_stack(p, 1, PROFILE_WOKEN, -1, NULL, "often", 10 * MS, 0, 0);
	add_stack(p, 1, PROFILE_BLOCKED, SYS_nanosleep, NULL, "seldom", 100 * MS, 10, 0);
	add_stack(p, 1, PROFILE_PREEMPTED, -1, NULL, "often", MS, 3, 0);
	assert_int_equal(profile_finish(p), 0);
	return p;
}

static void folded(void **unused)
{
	struct profile *p = example();
	size_t lines;
	char *text = fold(p, FOLD_ALL, &lines);

	(void)unused;
	assert_string_equal(text, "proc (10);t (1);main;often;[run queue] 3\n"
				  "proc (10);t (1);main;often;[blocked: sleep] 1000\n"
				  "proc (10);t (1);main;seldom;[blocked: sleep] 10\n");
	assert_int_equal(lines, 3);
	free(text);
	text = fold(p, FOLD_ON_CPU, &lines);
	assert_string_equal(text, "");
	assert_int_equal(lines, 0);
	free(text);
	profile_free(p);
}

static void drawn(void **unused)
{
	const struct flame_options o = { .count = COUNT_SWITCHES };
	struct profile *p = example();
	char *svg = NULL;
	size_t n;
	FILE *f = open_memstream(&svg, &n);

	(void)unused;
	assert_non_null(f);
	assert_int_equal(flamegraph_write(p, &o, f), 0);
	fclose(f);
	assert_non_null(strstr(svg, "often\n1,003 switches, 99.0 % of all"));
	assert_non_null(strstr(svg, "seldom\n10 switches, "));
	assert_non_null(strstr(svg, "1,013 context switches in all"));
	assert_non_null(strstr(svg, "Width is switches."));
	free(svg);
	profile_free(p);
}

/* The rows of the JSON: a stack's voluntary and involuntary ones, its waits, and how sure that is. */
static void ranked(void **unused)
{
	struct profile *p = example();

	(void)unused;
	assert_int_equal(p->switches_n, 2);
	assert_int_equal(p->switches[0].voluntary, 1000);
	assert_int_equal(p->switches[0].involuntary, 3);
	assert_int_equal(p->switches[0].wait_ns, 11 * MS);
	assert_string_equal(p->switches[0].frames[1], "often");
	/* The two share 1010 that are exact: what one has too much, the other has too little. A
	 * hundredth of the error of 100 is that of "seldom", and "often" cannot be further off. */
	assert_int_equal(p->switches[0].error, 1);
	assert_int_equal(p->switches[1].voluntary, 10);
	assert_int_equal(p->switches[1].error, 1);
	profile_free(p);
}

static void only_the_first(void **unused)
{
	struct profile *p = profile_new();
	char leaf[16];

	(void)unused;
	for (uint64_t serial = 1; serial <= 7; serial++) {
		add_thread(p, serial, "t", 0, 600, MS, 0);
		for (int i = 1; i <= 5; i++) {
			snprintf(leaf, sizeof(leaf), "leaf %d", i);
			add_stack(p, serial, PROFILE_PREEMPTED, -1, NULL, leaf, MS, 40 * i, 1);
		}
	}
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->switches_n, PROFILE_SWITCHES);
	for (size_t i = 0; i < p->switches_n; i++) {
		/* Equal ones in the order of their threads. */
		assert_int_equal(p->switches[i].involuntary, 200 - 40 * (i / 7));
		assert_int_equal(p->switches[i].thread, i % 7);
	}
	profile_free(p);
}

static void json_rows(void **unused)
{
	struct profile *p = example();
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	(void)unused;
	assert_non_null(f);
	assert_int_equal(json_write(p, f), 0);
	fclose(f);
	assert_non_null(strstr(
		text, "\"switches\":[\n"
		      "{\"pid\":10,\"tid\":1,\"comm\":\"t\",\"voluntary\":1000,\"involuntary\":3,"
		      "\"error\":1,\"wall_ns\":11000000,\"frames\":[\"main\",\"often\"]},\n"));
	free(text);
	profile_free(p);
}

/* --- the summary's line --- */

static char *summary(const struct profile *p, bool wide)
{
	const struct summary_options o = { .columns = 80, .lines = 40, .wide = wide };
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(summary_write(p, &o, f), 0);
	fclose(f);
	return text;
}

/* Two threads' switches from one stack, n a second in all, share percent of them. */
static char *summary_of(uint64_t n, uint64_t share, enum profile_state state)
{
	struct profile *p = profile_new();
	const bool blocked = state == PROFILE_BLOCKED;
	char *text;

	p->duration_ns = 1000 * MS;
	p->target = "proc (10)";
	for (uint64_t serial = 1; serial <= 2; serial++) {
		add_thread(p, serial, "t", blocked ? n / 2 : 0, blocked ? 0 : n / 2,
			   blocked ? 0 : 9 * MS, blocked ? 9 * MS : 0);
		add_stack(p, serial, state, -1, NULL, "ns::pop(int)", MS, (double)share, 0);
		add_stack(p, serial, state, -1, NULL, serial == 1 ? "a" : "b", MS,
			  100.0 - (double)share, 0);
	}
	assert_int_equal(profile_finish(p), 0);
	text = summary(p, false);
	profile_free(p);
	return text;
}

static void summary_tells(void **unused)
{
	static const char all[] = "  switches: 75.0 % of 4,000/s from one stack: ns::pop < main\n";
	static const char lost[] =
		"  switches: 75.0 % of 4,000/s from one stack (involuntary): ns::pop < main\n";
	char *text = summary_of(4000, 75, PROFILE_BLOCKED);

	(void)unused;
	assert_non_null(strstr(text, all));
	free(text);
	text = summary_of(4000, 75, PROFILE_PREEMPTED);
	assert_non_null(strstr(text, lost));
	free(text);
}

static void summary_is_sparing(void **unused)
{
	char *text = summary_of(1200, 75, PROFILE_BLOCKED);

	(void)unused;
	assert_null(strstr(text, "switches:"));
	free(text);
	text = summary_of(40000, 49, PROFILE_BLOCKED);
	assert_null(strstr(text, "switches:"));
	free(text);
}

static void summary_table(void **unused)
{
	struct profile *p = example();
	char *text = summary(p, true);

	(void)unused;
	assert_non_null(strstr(
		text,
		" SWITCHES           tid      vol      inv     +-   waited  stack\n"
		"  t                   1    1,000        3      1  11.0 ms  often < main\n"
		"  t                   1       10        0      1   100 ms  seldom < main\n"));
	free(text);
	profile_free(p);
}

/* A call that loses the CPU or waits several times, often enough to matter. */
static void calls_that_switch(void **unused)
{
	const struct profile_call busy = { .pid = 10,
					   .process = "proc",
					   .name = "cudaStreamSynchronize",
					   .api = "runtime",
					   .group = "sync",
					   .calls = 1000,
					   .wall_ns = 100 * MS,
					   .voluntary = 3000,
					   .involuntary = 125 };
	struct profile_call c = busy;
	struct profile *p = profile_new();
	char *text;

	(void)unused;
	p->duration_ns = 1000 * MS;
	assert_int_equal(profile_add_call(p, &c), 0);
	c.name = "cudaEventSynchronize";
	c.voluntary = 0;
	c.involuntary = 2200;
	assert_int_equal(profile_add_call(p, &c), 0);
	/* One a call is how a call waits that blocks. */
	c.name = "cudaMemcpy";
	c.involuntary = 400;
	assert_int_equal(profile_add_call(p, &c), 0);
	assert_int_equal(profile_finish(p), 0);
	text = summary(p, false);
	assert_non_null(strstr(text, "3.12 switches a call\n"));
	assert_non_null(strstr(text, "2.2 switches a call, most involuntary\n"));
	assert_null(strstr(text, "0.4 switches a call"));
	free(text);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_not_times),
		cmocka_unit_test(scaled_to_the_thread),
		cmocka_unit_test(kinds_are_exact),
		cmocka_unit_test(calls_get_the_rest),
		cmocka_unit_test(calls_without_stacks),
		cmocka_unit_test(pooled),
		cmocka_unit_test(one_without_the_other),
		cmocka_unit_test(counts_draw_no_time),
		cmocka_unit_test(folded),
		cmocka_unit_test(drawn),
		cmocka_unit_test(ranked),
		cmocka_unit_test(only_the_first),
		cmocka_unit_test(json_rows),
		cmocka_unit_test(summary_tells),
		cmocka_unit_test(summary_is_sparing),
		cmocka_unit_test(summary_table),
		cmocka_unit_test(calls_that_switch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
