/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The screen of a server with marks: one screen, its figures, the verdict, and what requests cost. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include "cost.h"
#include "output.h"
#include "requests_by_hand.h"
#include "summary_text.h"

#define MS 1000000

static void expect(const char *text, const char *want)
{
	if (strstr(text, want))
		return;
	/* Longer than a message of cmocka's may be. */
	fputs(text, stderr);
	fail_msg("no \"%s\"", want);
}

static void expect_not(const char *text, const char *want)
{
	if (strstr(text, want))
		fail_msg("\"%s\" in:\n%s", want, text);
}

static void expect_lines(const char *text, size_t most)
{
	if (count_lines(text) <= most)
		return;
	fputs(text, stderr);
	fail_msg("%zu lines", count_lines(text));
}

/* Ten seconds of a server with all that may stand on a screen. */
static struct profile *busy_server(void)
{
	static const char *const calls[] = { "cudaLaunchKernel",      "cudaMemcpyAsync",
					     "cudaStreamSynchronize", "cudaEventRecord",
					     "cudaEventSynchronize",  "cudaMalloc" };
	struct profile *p = profile_new();

	assert_non_null(p);
	p->duration_ns = 10000 * (uint64_t)MS;
	p->stages_known = true;
	p->host = "gpu-17";
	p->kernel = "6.1.0-56";
	p->runtime = "nvidia";
	p->runtime_version = "13.0";
	p->target = "infer-serve (4242)";
	for (uint64_t i = 1; i < 14; i++) {
		struct profile_thread t =
			make_thread(i, PID, PID + (uint32_t)i, "infer-serve", "executor");

		t.state_ns[PROFILE_ON_CPU] = (i < 6 ? 900 : 1) * (uint64_t)MS;
		t.state_ns[PROFILE_WOKEN] = (i < 6 ? 400 : 1) * (uint64_t)MS;
		t.state_ns[PROFILE_BLOCKED] =
			p->duration_ns - t.state_ns[PROFILE_ON_CPU] - t.state_ns[PROFILE_WOKEN];
		assert_int_equal(
			profile_add_wait(p, i, SYS_futex, 0, t.state_ns[PROFILE_BLOCKED], 10), 0);
		assert_int_equal(profile_add_thread(p, &t, 100), 0);
	}
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		const struct profile_call c = { .pid = PID,
						.process = "infer-serve",
						.name = calls[i],
						.api = "runtime",
						.group = "launch",
						.calls = 1000,
						.wall_ns = (900 - 100 * i) * MS };

		assert_int_equal(profile_add_call(p, &c), 0);
	}
	for (uint32_t i = 0; i < 4; i++) {
		const struct profile_io io = { .pid = PID,
					       .process = "infer-serve",
					       .kind = "block read",
					       .device = "vda",
					       .calls = 9,
					       .whole = { (i + 1) * 100 * (uint64_t)MS, 1, 2, 3,
							  4 } };

		assert_int_equal(profile_add_io(p, &io), 0);
	}
	return p;
}

/* A hundred requests of 10 to 109 ms: 4 ms queued, the rest in a pass of which most is blocked. */
static void add_requests(struct profile *p)
{
	for (uint64_t i = 0; i < 100; i++) {
		const uint64_t t = (1 + i * 80) * MS, end = t + (10 + i) * MS;

		begin_at(p, i + 1, (int64_t)t, (int64_t)t);
		wait_from(p, "batch queue", i + 1, (int64_t)t);
		wait_to(p, "batch queue", i + 1, (int64_t)t + 4 * MS);
		member_at(p, 2 + (uint32_t)i, i + 1, i + 1, (int64_t)t + 4 * MS);
		add_span(p,
			 (struct profile_span){ .name = "prefill",
						.kind = SPAN_PASS,
						.tid = 2 + (uint32_t)i,
						.id = i + 1,
						.requests = i % 2 ? 4 : 1,
						.tokens = 30,
						.padded = 40 },
			 t + 4 * MS, end - 1 * MS, (struct spent){ end - t - 7 * MS, MS, 0 });
		end_at(p, i + 1, (int64_t)end, 30, 12);
	}
	for (uint64_t i = 0; i < 15; i++)
		end_at(p, 1000 + i, 5000, 1, 1);
	/* What is shown as many more. */
	for (uint64_t i = 0; i < 12; i++) {
		char name[16];

		snprintf(name, sizeof(name), "step %c", (char)('a' + i));
		stage(p, name, 900 + (uint32_t)i, 1, 11 * MS - 100 - 20 * i, 11 * MS - 90 - 20 * i,
		      cpu);
	}
}

static const char *const evidence[] = {
	"62.5 % of p95 request latency (1.20 s) is waiting before the batch",
	"decode: 980 passes of 1.18 requests on average, 5 at most"
};
static struct profile_verdict verdict = {
	.kind = "scheduling",
	.rule = "queue-before-batch",
	.pid = PID,
	.process = "infer-serve",
	.share = 0.625,
	.share_of = "p95 request latency",
	.evidence = evidence,
	.evidence_n = 2,
	.advice =
		"let requests join the running batch (continuous batching), shorten the batch window, "
		"raise the largest batch",
	.fix_at = "configuration",
	.sure = "measured",
};

static void one_screen(void **unused)
{
	const struct summary_options o = { .columns = 80, .cost_per_hour = 2.5 };
	struct profile *p = busy_server();
	char *text;

	(void)unused;
	add_requests(p);
	assert_int_equal(profile_finish(p), 0);
	check_requests(&p->requests[0]);
	p->verdicts = &verdict;
	p->verdicts_n = 1;
	text = summary(p, &o);
	/* One for the files written, one for the prompt. */
	expect_lines(text, 22);
	assert_true(widest_line(text) <= 80);
	expect(text, "REQUESTS 100, 10.0/s");
	expect(text,
	       "  latency             59.0 ms   104 ms  p99 108 ms, max 109 ms; 120 tokens/s");
	expect(text, "  first token         58.0 ms   103 ms\n");
	expect(text, "  prefill             54.0 ms  99.0 ms  91.5 %  95.3 %  95.4 %  lock 98");
	expect(text, "  batch queue         4.00 ms  4.00 ms   6.8 %   3.8 %   3.7 %  waiting");
	expect(text, "more, 0.9 % of p95; requests a pass: prefill 2.5 (25.0 % padding)");
	expect(text, "not counted: 15 open at the window's start");
	expect(text, "cost of 1,000 requests: 0.0694; by share of wall time: prefill 0.0636");
	expect(text,
	       "verdict: scheduling: 62.5 % of p95 request latency (1.20 s) is waiting before");
	expect(text, "Try: let requests join the running batch (continuous batching)\n");
	expect(text, "WALL TIME OF THE BUSY THREADS");
	expect(text, "GPU CALLS");
	expect(text, " lost: nothing.");
	expect(text, " cost: ");
	free(text);
	p->verdicts = NULL;
	profile_free(p);
}

/* A larger screen shows more, and no more than it holds. */
static void larger_screens(void **unused)
{
	struct profile *p = busy_server();
	size_t before = 0;

	(void)unused;
	add_requests(p);
	assert_int_equal(profile_finish(p), 0);
	for (unsigned int lines = 24; lines < 80; lines++)
		for (unsigned int columns = 80; columns <= 140; columns += 60) {
			const struct summary_options o = { .columns = columns, .lines = lines };
			char *text = summary(p, &o);

			assert_true(count_lines(text) <= lines - 2);
			assert_true(widest_line(text) <= columns);
			if (columns == 80) {
				assert_true(count_lines(text) >= before);
				before = count_lines(text);
			}
			if (lines > 70) {
				expect(text, "step l");
				expect(text, "  block read vda");
				expect(text, "cudaMalloc");
				expect(text, "host gpu-17");
				expect(text, " stacks: ");
			}
			free(text);
		}
	profile_free(p);
}

static void wide(void **unused)
{
	const struct summary_options o = { .columns = 80, .wide = true, .cost_per_hour = 2.5 };
	struct profile *p = busy_server();
	char *text;

	(void)unused;
	add_requests(p);
	assert_int_equal(profile_finish(p), 0);
	p->verdicts = &verdict;
	p->verdicts_n = 1;
	text = summary(p, &o);
	expect(text, "infer-serve (10): 100 REQUESTS");
	expect(text, "100 begun in the window");
	expect(text, "step a");
	expect(text, "step l");
	expect(text,
	       "  prefill               100 54.0 ms 99.0 ms  103 ms  104 ms 91.5 % 95.3 % 95.4 %");
	expect(text, "HOW SPENT");
	expect(text,
	       "  batch queue            100  400 ms      -      -       -        -     0.00467");
	expect(text, "BY THE SLOW ONES");
	expect(text, "requests: passes: 1: 50, 4: 50");
	expect(text, "scheduling, queue-before-batch: 62.5 % of p95 request latency (measured)");
	expect(text, "decode: 980 passes");
	expect(text, "[configuration]");
	free(text);
	p->verdicts = NULL;
	profile_free(p);
}

/* Stages without requests. */
static void stages_alone(void **unused)
{
	const struct summary_options o = { .columns = 80 };
	struct profile *p = busy_server();
	char name[16], *text;

	(void)unused;
	for (uint64_t i = 0; i < 9; i++) {
		struct profile_stage s = {
			.pid = PID, .process = "infer-serve", .name = name, .count = 100
		};

		snprintf(name, sizeof(name), "stage %c", (char)('a' + i));
		s.split.wall_ns = (900 - 50 * i) * MS;
		s.split.blocked_ns = s.split.blocked_by_ns[CAUSE_DISK] = 300 * MS;
		s.split.on_cpu_ns = s.split.wall_ns - 300 * MS;
		s.times = (struct profile_quantiles){ MS, 2 * MS, 3 * MS, 4 * MS };
		assert_int_equal(profile_add_stage(p, &s, NULL), 0);
	}
	assert_int_equal(profile_finish(p), 0);
	text = summary(p, &o);
	expect_lines(text, 22);
	expect(text, "STAGES");
	expect(text, "  stage a                    100 1.00 ms 2.00 ms  900 ms  on-CPU 66.7 %");
	expect(text, "more (--wide)");
	expect_not(text, "REQUESTS");
	free(text);
	profile_free(p);
}

/* Passes, and no request has ended. */
static void no_requests(void **unused)
{
	const struct summary_options o = { .columns = 80 }, all = { .columns = 80, .wide = true };
	struct profile *p = busy_server();
	char *text;

	(void)unused;
	begin_at(p, 1, 10, 10);
	pass(p, "decode", 2, 1, 3, 20, 40, cpu);
	add_event(p, (struct profile_event){ .kind = EVENT_REQUEST_DROP, .request = 9 });
	assert_int_equal(profile_finish(p), 0);
	text = summary(p, &o);
	expect(text, "REQUESTS 0");
	expect(text, "requests a pass: decode 3 (37.5 % padding)");
	expect(text, "not counted: 1 dropped");
	expect_not(text, "latency");
	free(text);
	text = summary(p, &all);
	expect(text, "1 open at its end");
	free(text);
	profile_free(p);
}

static void verdicts(void **unused)
{
	static const char *const none[] = {
		"p95 request latency: 1.1 % on a CPU, 12.2 % waiting for one"
	};
	const struct summary_options o = { .columns = 80 };
	struct profile_verdict v = {
		.kind = "none", .rule = "none", .share = -1, .sure = "measured"
	};
	struct profile *p = busy_server();
	char *text;

	(void)unused;
	assert_int_equal(profile_finish(p), 0);
	text = summary(p, &o);
	expect_not(text, "verdict");
	free(text);
	p->verdicts = &v;
	p->verdicts_n = 1;
	text = summary(p, &o);
	expect(text, " verdict: no single bottleneck\n");
	expect_lines(text, 22);
	free(text);
	v.evidence = none;
	v.evidence_n = 1;
	v.missing = "requests (no marks)";
	text = summary(p, &o);
	expect(text, " verdict: no single bottleneck. p95 request latency: 1.1 % on a CPU,\n");
	expect(text, "(not measured: requests (no marks))");
	free(text);
	v = verdict;
	v.sure = "likely";
	v.advice = "a word";
	text = summary(p, &o);
	expect(text, " verdict: scheduling (likely): 62.5 %");
	expect(text, "Try: a word\n");
	free(text);
	p->verdicts = NULL;
	profile_free(p);
}

static void costs(void **unused)
{
	struct profile *p = busy_server();
	char buf[FORMAT_SIZE];
	double all;

	(void)unused;
	assert_true(cost_per_thousand(p, 3.6) < 0);
	add_requests(p);
	assert_int_equal(profile_finish(p), 0);
	/* 3.6 an hour is 0.001 a second: ten seconds for a hundred requests. */
	all = cost_per_thousand(p, 3.6);
	assert_true(all > 0.0999999 && all < 0.1000001);
	assert_true(cost_of_part(all, 25, 100) > 0.02499 && cost_of_part(all, 25, 100) < 0.02501);
	assert_true(cost_of_part(all, PROFILE_UNKNOWN, 100) < 0);
	assert_true(cost_of_part(-1, 25, 100) < 0);
	assert_string_equal(format_cost(buf, 0.1), "0.100");
	assert_string_equal(format_cost(buf, 0.0123456), "0.0123");
	assert_string_equal(format_cost(buf, 0.9996), "1.00");
	assert_string_equal(format_cost(buf, 12.345), "12.3");
	assert_string_equal(format_cost(buf, 99.96), "100");
	assert_string_equal(format_cost(buf, 999.6), "1,000");
	assert_string_equal(format_cost(buf, 1234567), "1,234,567");
	assert_string_equal(format_cost(buf, 0.00000123), "0.00000123");
	assert_string_equal(format_cost(buf, 0), "0");
	assert_string_equal(format_cost(buf, -1), "unknown");
	profile_free(p);
}

static void cost_option(void **unused)
{
	static const char *const bad[] = { "",	  "0",	 "-1",	 "+1",	"x",  "1x",  "inf",
					   "nan", "0x2", "1e12", "1,5", " 1", "2.5 " };
	struct fault f;
	double x;

	(void)unused;
	assert_int_equal(cost_parse("2.5", &x, &f), 0);
	assert_true(x == 2.5);
	assert_int_equal(cost_parse("0.004", &x, &f), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		f = (struct fault){ 0 };
		if (!cost_parse(bad[i], &x, &f))
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(f.code, EXIT_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_screen),  cmocka_unit_test(larger_screens),
		cmocka_unit_test(wide),	       cmocka_unit_test(stages_alone),
		cmocka_unit_test(no_requests), cmocka_unit_test(verdicts),
		cmocka_unit_test(costs),       cmocka_unit_test(cost_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
