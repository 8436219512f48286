// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* JSON read back: what is written of a profile that was read is what was read. */
#define _GNU_SOURCE
#include <unistd.h>
#include "output.h"
#include "profile_read.h"
#include "requests_by_hand.h"

struct text {
	char *s;
	size_t n;
};

static struct text written(const struct profile *p)
{
	struct text t = { NULL, 0 };
	FILE *f = open_memstream(&t.s, &t.n);

	assert_non_null(f);
	assert_int_equal(json_write(p, f), 0);
	fclose(f);
	return t;
}

/* NULL: fault says why. */
static struct profile *read_text(const char *s, size_t n, struct fault *fault)
{
	char path[] = "/tmp/test_profile_read.XXXXXX";
	const int fd = mkstemp(path);
	struct profile *p;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, s, n), n);
	p = profile_read(path, fault);
	close(fd);
	unlink(path);
	return p;
}

static void assert_round_trip(const struct profile *p)
{
	struct fault fault = { .code = EXIT_DONE };
	struct text before = written(p), after;
	struct profile *again = read_text(before.s, before.n, &fault);

	if (!again)
		print_message("%s\n", fault.text);
	assert_non_null(again);
	after = written(again);
	assert_string_equal(before.s, after.s);
	free(before.s);
	free(after.s);
	profile_free(again);
}

static void random_ones(void **unused)
{
	(void)unused;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct random_profile r = random_profile(seed);

		r.p->host = "h";
		r.p->runtime = seed % 2 ? "emu" : NULL;
		r.p->wakers_known = seed % 3;
		r.p->wakers_sampled = seed % 5;
		r.p->unwound = seed % 2;
		r.p->entries_only = seed % 4 == 1;
		r.p->io_parts = seed % 16;
		r.p->lost.memory = seed;
		assert_round_trip(r.p);
		profile_free(r.p);
	}
}

/* Stages, requests with parts of every kind, passes, and the timeline. */
static void served(void **unused)
{
	static const uint64_t slices[2][4] = { { 900, 0, 0, 100 }, { 1000, 0, 0, 0 } };
	struct profile_stage row = { .pid = PID,
				     .process = "serve",
				     .name = "decode",
				     .source = STAGE_NVTX,
				     .count = 3,
				     .abandoned = 1,
				     .open_at_end = 2,
				     .times = { 1, 2, 3, 4 } };
	struct profile *p = new_profile();

	(void)unused;
	row.split.wall_ns = 100;
	row.split.on_cpu_ns = 60;
	row.split.blocked_ns = row.split.blocked_by_ns[CAUSE_DISK] = 40;
	row.split.calls_ns = 50;
	assert_int_equal(profile_add_stage(p, &row, NULL), 0);
	for (uint64_t id = 1; id <= 3; id++) {
		const int64_t begin = 100 * (int64_t)id;

		begin_at(p, id, begin, begin - 10);
		wait_from(p, "queue", id, begin + 10);
		wait_to(p, "queue", id, begin + 30);
		stage(p, "tokenise", 11, id, (uint64_t)begin + 30, (uint64_t)begin + 50,
		      (struct spent){ 5, 6, 0 });
		member_at(p, 12, 7, id, 600);
		leave_at(p, id, 900);
		end_at(p, id, 900 + begin, 10, 20);
	}
	pass(p, "decode", 12, 7, 3, 600, 800, (struct spent){ 50, 20, 100 });
	p->timeline_known = true;
	p->slice_ns = 1000;
	p->slices_n = 2;
	assert_int_equal(profile_add_slices(p, 1, slices), 0);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->requests_n, 1);
	assert_true(p->requests[0].parts_n >= 4 && p->requests[0].passes_n == 1);
	assert_int_equal(p->slice_threads_n, 1);
	assert_round_trip(p);
	profile_free(p);
}

static const char least[] =
	"{\"version\":1,\"duration_ns\":10,\"period_ns\":5,\"stacks\":0,\"threads\":[]}";

static void what_is_missing_is_unknown(void **unused)
{
	struct fault fault = { .code = EXIT_DONE };
	struct profile *p = read_text(least, sizeof(least) - 1, &fault);

	(void)unused;
	assert_non_null(p);
	assert_int_equal(p->duration_ns, 10);
	assert_null(p->host);
	assert_int_equal(p->lost.ring, PROFILE_UNKNOWN);
	assert_int_equal(p->overhead.bpf_ns, PROFILE_UNKNOWN);
	assert_false(p->wakers_known || p->stages_known || p->timeline_known || p->unwound);
	assert_false(p->entries_only);
	assert_int_equal(p->io_parts, 0);
	profile_free(p);
}

#define THREAD                                                                               \
	"{\"pid\":1,\"tid\":2,\"comm\":\"c\",\"process\":\"p\",\"merged\":1,\"start_ns\":0," \
	"\"wall_ns\":10,\"on_cpu_ns\":1,\"run_queue_ns\":5,\"blocked_ns\":4,"                \
	"\"run_queue_by\":{\"woken\":2,\"preempted\":1,\"throttled\":2},"                    \
	"\"blocked_by\":{\"lock\":1,\"a new one\":3},\"gpu_call_ns\":0,"                     \
	"\"voluntary_switches\":0,\"involuntary_switches\":0,\"migrations\":0,\"later\":[]}"
#define HEAD "\"version\":1,\"duration_ns\":10,\"period_ns\":5,\"stacks\":0,\"new\":{\"x\":1},"

static void what_is_unknown_is_passed_over(void **unused)
{
	static const char text[] = "{" HEAD "\"threads\":[" THREAD "]}";
	struct fault fault = { .code = EXIT_DONE };
	struct profile *p = read_text(text, sizeof(text) - 1, &fault);

	(void)unused;
	assert_non_null(p);
	assert_int_equal(p->threads_n, 1);
	assert_int_equal(p->threads[0].state_ns[PROFILE_PREEMPTED], 3);
	assert_int_equal(p->threads[0].throttled_ns, 2);
	assert_int_equal(p->threads[0].blocked_by_ns[CAUSE_LOCK], 1);
	assert_int_equal(p->threads[0].blocked_by_ns[CAUSE_OTHER], 3);
	assert_int_equal(p->threads[0].major_faults, PROFILE_UNKNOWN);
	profile_free(p);
}

/* One line that says where. */
static void bad_ones(void **unused)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "", "no JSON" },
		{ "[]", "no profile" },
		{ "{}", "no profile" },
		{ "{\"version\":1}", "no profile" },
		{ "{\"version\":\"1\",\"threads\":[]}", "no profile" },
		{ "{\"version\":2,\"threads\":[]}", "version 2 " },
		{ "{\"version\":1,\"threads\":[]}", "duration_ns: missing" },
		{ "{\"version\":1,\"version\":1,\"threads\":[]}", "no JSON: line 1: duplicate" },
		{ "{" HEAD "\"threads\":[", "no JSON: line 1:" },
		{ "{" HEAD "\"threads\":[7]}", "threads[0]: not an object" },
		{ "{" HEAD "\"threads\":[],\"waits\":{}}", "waits: not an array" },
		{ "{" HEAD "\"threads\":[],\"lost\":[]}", "lost: not an object" },
		{ "{" HEAD "\"threads\":[],\"lost\":{\"ring\":-1}}", "lost.ring: out of range" },
		{ "{" HEAD "\"threads\":[],\"lost\":{\"ring\":1.5}}", "lost.ring: not a whole" },
		{ "{" HEAD "\"threads\":[],\"cpus\":[{\"cpu\":4294967296}]}", "cpus[0].cpu: out" },
		{ "{" HEAD "\"threads\":[],\"cpus\":[{\"cpu\":99999999999999999999}]}", "no JSON" },
		{ "{" HEAD "\"threads\":[],\"host\":7}", "host: not a string" },
		{ "{" HEAD "\"threads\":[],\"switches\":[{\"pid\":1,\"tid\":1,\"comm\":\"x\","
		  "\"voluntary\":1,\"involuntary\":1,\"error\":0,\"wall_ns\":0}]}",
		  "switches[0]: of a thread that is not" },
		{ "{" HEAD "\"threads\":[" THREAD "],\"copies\":[{\"pid\":1,\"kind\":\"H2D\","
		  "\"calls\":1,\"bytes\":1,\"sizes\":[{\"up_to_bytes\":3,\"calls\":1}]}]}",
		  "copies[0].sizes: " },
		{ "{" HEAD "\"threads\":[" THREAD "],\"timeline\":{\"slice_ns\":5,\"threads\":["
		  "{\"pid\":1,\"tid\":2,\"comm\":\"c\",\"on_cpu_ns\":[1,2],\"run_queue_ns\":[1],"
		  "\"blocked_ns\":[1,2]}]}}",
		  "timeline.threads[0].run_queue_ns: not as long" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct fault fault = { .code = EXIT_DONE };
		struct profile *p = read_text(bad[i].text, strlen(bad[i].text), &fault);

		if (p || !strstr(fault.text, bad[i].says))
			print_message("%s\n-> %s\n", bad[i].text, fault.text);
		assert_null(p);
		assert_int_equal(fault.code, EXIT_FAILED);
		assert_non_null(strstr(fault.text, bad[i].says));
		assert_null(strchr(fault.text, '\n'));
	}
}

/* A state that does not fit its sum. */
static void sums_are_checked(void **unused)
{
	char text[] = "{" HEAD "\"threads\":[" THREAD "]}", *at = strstr(text, "\"wall_ns\":10");
	struct fault fault = { .code = EXIT_DONE };

	(void)unused;
	at[strlen("\"wall_ns\":1")] = '1';
	assert_null(read_text(text, sizeof(text) - 1, &fault));
	assert_non_null(strstr(fault.text, "threads[0].wall_ns: not the sum"));
	at[strlen("\"wall_ns\":1")] = '0';
	at = strstr(text, "\"lock\":1");
	at[strlen("\"lock\":")] = '2';
	fault = (struct fault){ .code = EXIT_DONE };
	assert_null(read_text(text, sizeof(text) - 1, &fault));
	assert_non_null(strstr(fault.text, "threads[0].blocked_ns: not the sum"));
}

static void no_file(void **unused)
{
	struct fault fault = { .code = EXIT_DONE };

	(void)unused;
	assert_null(profile_read("/nonexistent/x.json", &fault));
	assert_string_equal(fault.text, "/nonexistent/x.json: No such file or directory");
	fault = (struct fault){ .code = EXIT_DONE };
	assert_null(profile_read("/tmp", &fault));
	assert_int_equal(fault.code, EXIT_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_ones),
		cmocka_unit_test(served),
		cmocka_unit_test(what_is_missing_is_unknown),
		cmocka_unit_test(what_is_unknown_is_passed_over),
		cmocka_unit_test(bad_ones),
		cmocka_unit_test(sums_are_checked),
		cmocka_unit_test(no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
