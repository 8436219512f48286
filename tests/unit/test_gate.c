// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Metrics and conditions on them. */
#include "gate.h"
#include "served_run.h"

static const struct served_options base = {
	.seconds = 10, .rate = 60, .queue = 3e6, .decode = 9e6, .luck = 0.04, .seed = 1
};

/* One profile that has a row in every section, its figures round. */
static struct served_run *round_run(void)
{
	static struct profile_verdict verdict = { .kind = "scheduling",
						  .rule = "queue-before-batch",
						  .share = 0.62,
						  .fix_at = "configuration",
						  .sure = "measured" };
	static struct profile_pass passes[] = { { .name = "prefill",
						  .count = 100,
						  .requests = 250,
						  .tokens = 600,
						  .padded = 1000,
						  .times = { 1000000, 2000000, 3000000,
							     4000000 } } };
	static struct profile_copy copies[] = { { .pid = 10,
						  .kind = "H2D",
						  .calls = 100,
						  .bytes = 1000000,
						  .wall_ns = PROFILE_UNKNOWN } };
	static struct profile_launch launches[] = {
		{ .pid = 10, .kernel = "void f<float*>(float*)", .calls = 1000, .wall_ns = 5000000 }
	};
	static struct profile_launcher launchers[] = { { .thread = 0,
							 .launches = 1000,
							 .gap_p50_ns = 1500,
							 .gap_p95_ns = 2500,
							 .gap_p99_ns = 4000,
							 .gap_max_ns = 90000 } };
	static struct profile_memory memory[] = { { .pid = 10,
						    .process = "serve",
						    .kind = "device",
						    .allocations = 50,
						    .bytes = 5000,
						    .peak_bytes = 64 << 20 } };
	static struct profile_steal steals[] = { { .pid = 10,
						   .process = "serve",
						   .by_comm = "stress-ng",
						   .waits = 20,
						   .wall_ns = 400000000 } };
	static struct profile_io io[] = {
		{ .pid = 10,
		  .process = "serve",
		  .kind = "file read",
		  .calls = 100,
		  .errors = 5,
		  .whole = { 1000000, 10000, 20000, 30000, 40000 },
		  .queue = { PROFILE_UNKNOWN, PROFILE_UNKNOWN, PROFILE_UNKNOWN, PROFILE_UNKNOWN,
			     PROFILE_UNKNOWN },
		  .on_device = { PROFILE_UNKNOWN, PROFILE_UNKNOWN, PROFILE_UNKNOWN, PROFILE_UNKNOWN,
				 PROFILE_UNKNOWN },
		  .hits = 75,
		  .misses = 25 }
	};
	struct served_run *r = served_run(&base);
	struct profile *p = &r->p;

	r->requests[0].count = 600;
	r->requests[0].dropped = 200;
	r->requests[0].latency =
		(struct profile_quantiles){ 50000000, 200000000, 300000000, 400000000 };
	r->requests[0].passes = passes;
	r->requests[0].passes_n = 1;
	r->parts[0].share_p95 = 0.62;
	r->stages[0].times = (struct profile_quantiles){ 20000000, 40000000, 60000000, 80000000 };
	r->threads[0].state_ns[PROFILE_ON_CPU] = p->duration_ns / 4;
	r->threads[0].state_ns[PROFILE_PREEMPTED] = p->duration_ns / 4;
	r->threads[0].state_ns[PROFILE_BLOCKED] = p->duration_ns / 2;
	r->threads[0].blocked_by_ns[CAUSE_LOCK] = p->duration_ns / 2;
	r->calls[1].p95_ns = 2000000;
	r->calls[1].calls = 1200;
	p->verdicts = &verdict;
	p->verdicts_n = 1;
	p->copies = copies;
	p->copies_n = p->launches_n = p->launchers_n = p->memory_n = p->steals_n = p->io_n = 1;
	p->launches = launches;
	p->launchers = launchers;
	p->memory = memory;
	p->steals = steals;
	p->io = io;
	p->io_parts = 2;
	return r;
}

static int check(const struct profile *p, const char *expr, struct fault *f, char *text)
{
	*f = (struct fault){ .code = EXIT_DONE };
	*text = '\0';
	return gate_check(p, expr, text, 400, f);
}

static void expect_holds(const struct profile *p, const char *expr, int holds)
{
	struct fault f;
	char text[400];
	const int got = check(p, expr, &f, text);

	if (got != holds)
		print_message("%s: %d, %s%s\n", expr, got, text, f.text);
	assert_int_equal(got, holds);
	assert_true(*text);
	assert_int_equal(f.code, EXIT_DONE);
}

static void what_holds(void **unused)
{
	static const struct {
		const char *expr;
		int holds;
	} rows[] = {
		{ "stage:decode.p99 > 50ms", 1 },
		{ "stage:decode.p99 > 60ms", 0 },
		{ "stage:decode.p99 >= 60ms", 1 },
		{ "stage:decode.p99 >= 60000us", 1 },
		{ "stage:decode.max < 0.1s", 1 },
		{ "  stage:decode.p50<=20ms  ", 1 },
		{ "stage:dec*.p50 == 20 ms", 1 },
		{ "stage:d?code.p50 != 20ms", 0 },
		{ "request.p95 > 100ms", 1 },
		{ "request.p95 < 100ms", 0 },
		{ "requests.rate < 100", 1 },
		{ "requests.rate == 60/s", 1 },
		{ "throughput < 60", 0 },
		{ "tokens > 100", 1 },
		{ "requests.count == 600", 1 },
		{ "requests.dropped_share == 25%", 1 },
		{ "part:queue.share_p95 > 40%", 1 },
		{ "pass:prefill.padding == 40 %", 1 },
		{ "pass:prefill.rows == 2.5", 1 },
		{ "call:cudaStreamSynchronize.p95 >= 2ms", 1 },
		{ "call:cudaStreamSynchronize.rate == 120", 1 },
		{ "calls.errors > 0", 0 },
		{ "copy:H2D.bytes_rate == 100kB/s", 1 },
		{ "copy:H2D.size == 10kB", 1 },
		{ "launches.rate == 100", 1 },
		{ "launch:void f<float*>(float*).wall == 0.5ms/s", 1 },
		{ "launch:void f<float*>(float*).wall > 0.04%", 1 },
		{ "launcher:executor.gap_p95 == 2500ns", 1 },
		{ "memory:device.peak == 64MiB", 1 },
		{ "memory:device.live > 0", 0 },
		{ "blocked:lock.wall > 100%", 1 },
		{ "blocked:network.wall > 0", 0 },
		{ "wait:futex.wall > 10%", 1 },
		{ "wait:TCP receive.rate > 0", 0 },
		{ "process:serve.run_queue == 250ms/s", 1 },
		{ "thread:executor.on_cpu > 20%", 1 },
		{ "thread:executor.blocked_lock == 50%", 1 },
		{ "thread:*.on_cpu > 20%", 1 },
		{ "preempted_by:stress-ng.wall == 4%", 1 },
		{ "io:file read.misses >= 25%", 1 },
		{ "io:file read.p99 > 1us", 1 },
		{ "verdict.kind == scheduling", 1 },
		{ "verdict.kind != scheduling", 0 },
		{ "verdict.rule == queue-before-batch", 1 },
		{ "verdict.share > 60%", 1 },
		{ "lost.events > 0", 0 },
		{ "lost.uncovered > 0", 0 },
		{ "trace.duration < 10s", 0 },
		{ "trace.runtime == emu", 1 },
	};
	struct served_run *r = round_run();

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		expect_holds(&r->p, rows[i].expr, rows[i].holds);
	free(r);
}

static void what_is_no_condition(void **unused)
{
	static const char *const rows[] = {
		"",
		" ",
		">",
		"> 50ms",
		"request.p95",
		"request.p95 >",
		"request.p95 50ms",
		"request.p95 = 50ms",
		"request.p95 > 50",
		"request.p95 > 50%",
		"request.p95 > 50 parsecs",
		"request.p95 > 50msx",
		"request.p95 > -5ms",
		"request.p95 > nan",
		"request.p95 > inf",
		"request.p95 > 0x10ms",
		"request.p95 > 1e999ms",
		"request > 50ms",
		"request.p42 > 50ms",
		"request:x.p95 > 50ms",
		"requests:x.rate > 5",
		"stage.p95 > 5ms",
		"stage:.p95 > 5ms",
		"nothing:x.p95 > 5ms",
		"thread:executor.on_cpu > 80",
		"memory:device.peak > 64",
		"verdict.kind > scheduling",
		"verdict.kind ==",
		"requests.rate < 100 %",
	};
	struct served_run *r = round_run();
	struct fault f;
	char text[400];

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const int got = check(&r->p, rows[i], &f, text);

		if (got >= 0 || f.code != EXIT_USAGE)
			print_message("'%s': %d, code %d, %s%s\n", rows[i], got, f.code, text,
				      f.text);
		assert_true(got < 0);
		assert_int_equal(f.code, EXIT_USAGE);
		assert_true(strlen(f.text) > 10);
	}
	free(r);
}

/* Never a pass in silence. */
static void what_was_not_measured(void **unused)
{
	static const char *const rows[] = {
		"stage:nothere.p99 > 50ms",
		"stage:nothere*.p99 > 50ms",
		"call:cudaFree.rate > 5",
		"copy:H2D.wall > 1%",
		"io:file read.queue_p95 > 1ms",
		"wait:nosuchkind.wall > 0",
		"thread:idl.on_cpu > 0",
		/* One condition each. */
		"stage:decode.p99 > 50ms && request.p95 > 1s",
	};
	struct served_run *r = round_run();
	struct fault f;
	char text[400];

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_true(check(&r->p, rows[i], &f, text) < 0);
		assert_int_equal(f.code, EXIT_FAILED);
		assert_non_null(strstr(f.text, "not measured"));
	}
	assert_true(check(&r->p, rows[0], &f, text) < 0);
	assert_non_null(strstr(f.text, "there are decode"));
	r->p.stages_known = false;
	r->p.io_parts = 0;
	r->p.verdicts_n = 0;
	for (size_t i = 0; i < 3; i++) {
		static const char *const gone[] = { "stage:decode.p99 > 50ms",
						    "io:file read.p99 > 0",
						    "verdict.kind == none" };

		assert_true(check(&r->p, gone[i], &f, text) < 0);
		assert_int_equal(f.code, EXIT_FAILED);
	}
	free(r);
}

/* Two processes with a stage of one name: any of them. */
static void any_process(void **unused)
{
	struct served_run *r = round_run();
	struct profile_stage stages[2] = { r->stages[0], r->stages[0] };
	struct fault f;
	char text[400];

	(void)unused;
	stages[1].pid = 11;
	stages[1].times.p99_ns = 200000000;
	r->p.stages = stages;
	r->p.stages_n = 2;
	assert_int_equal(check(&r->p, "stage:decode.p99 > 100ms", &f, text), 1);
	assert_string_equal(text, "stage:decode.p99 of serve (11) is 200 ms: '> 100 ms' holds");
	assert_int_equal(check(&r->p, "stage:decode.p99 < 100ms", &f, text), 1);
	assert_string_equal(text, "stage:decode.p99 of serve (10) is 60.0 ms: '< 100 ms' holds");
	assert_int_equal(check(&r->p, "stage:decode.p99 > 300ms", &f, text), 0);
	assert_string_equal(text,
			    "stage:decode.p99 of serve (11) is 200 ms: '> 300 ms' does not hold");
	free(r);
}

/* Names may hold what the grammar is made of, and be no patterns. */
static void names_of_all_kinds(void **unused)
{
	static const char *const names[] = { "a > b",	  "at::_ops::mm::call", "x.y.z",
					     "[unknown]", "operator->",		"a==b != c",
					     "*",	  "\xc3\xa4 \x1b[0m" };
	struct served_run *r = round_run();

	(void)unused;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char expr[200];

		r->stages[0].name = names[i];
		snprintf(expr, sizeof(expr), "stage:%s.p99 > 50ms", names[i]);
		expect_holds(&r->p, expr, 1);
	}
	free(r);
}

/* Every section and measure there is, is in the man page, and has a value here that is a number. */
static void the_man_page_knows_all(void **unused)
{
	FILE *f = fopen("docs/infbpf.1.scd", "re");
	char *page = calloc(1, 200000), *metrics, *end;
	size_t n;

	(void)unused;
	assert_non_null(f);
	n = fread(page, 1, 199999, f);
	fclose(f);
	for (size_t i = 0, k = 0; i <= n; i++)
		if (page[i] != '\\')
			page[k++] = page[i];
	metrics = strstr(page, "# METRICS");
	assert_non_null(metrics);
	end = strstr(metrics, "# EXIT STATUS");
	assert_non_null(end);
	*end = '\0';
	for (size_t i = 0; i < metric_sections_n; i++) {
		const struct metric_section *s = &metric_sections[i];
		char text[80];

		snprintf(text, sizeof(text), "*%s*", s->name);
		if (!strstr(metrics, text))
			snprintf(text, sizeof(text), "*%s:*", s->name);
		if (!strstr(metrics, text))
			fail_msg("the man page does not know %s", s->name);
		for (size_t k = 0; s->measures[k].name; k++) {
			snprintf(text, sizeof(text), "%s", s->measures[k].name);
			/* "first_token_p50, ..." stands for four, "blocked_CAUSE" for all of these. */
			if (strstr(text, "_p9") && !strstr(text, "share") && !strstr(text, "gap"))
				strcpy(strstr(text, "_p9"), "_p50");
			if (strstr(text, "_max") && !strstr(text, "gap"))
				strcpy(strstr(text, "_max"), "_p50");
			if (!strncmp(text, "blocked_", 8))
				memmove(text, text + 8, strlen(text + 8) + 1);
			if (!strstr(metrics, text))
				fail_msg("the man page does not know %s of %s", text, s->name);
		}
	}
	free(page);
}

static void an_empty_profile(void **unused)
{
	struct profile p = { .duration_ns = 1 };
	struct fault f;
	char text[400];

	(void)unused;
	for (size_t i = 0; i < metric_sections_n; i++) {
		const struct metric_section *s = &metric_sections[i];

		for (size_t k = 0; s->measures[k].name; k++) {
			char expr[120];
			const bool named = !(s->flags & METRIC_TOTAL) && strcmp(s->name, "request");

			if (s->measures[k].unit == METRIC_WORD)
				continue;
			snprintf(expr, sizeof(expr), "%s%s.%s > 0", s->name, named ? ":x" : "",
				 s->measures[k].name);
			if (check(&p, expr, &f, text) < 0)
				assert_int_equal(f.code, EXIT_FAILED);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_holds),
		cmocka_unit_test(what_is_no_condition),
		cmocka_unit_test(what_was_not_measured),
		cmocka_unit_test(any_process),
		cmocka_unit_test(names_of_all_kinds),
		cmocka_unit_test(the_man_page_knows_all),
		cmocka_unit_test(an_empty_profile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
