/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* I/O: rows of a profile, their order, the JSON, the screen, --io. */
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include "hooks.h"
#include "infbpf.h"
#include "output.h"
#include "random_profile.h"
#include "trace_options.h"
#include "profile_json.h"

#define NONE PROFILE_UNKNOWN

static const struct profile_times no_times = { NONE, NONE, NONE, NONE, NONE };

static struct profile_io make_io(uint32_t pid, const char *kind, const char *device, uint64_t wall)
{
	return (struct profile_io){ .pid = pid,
				    .process = pid ? "serve" : NULL,
				    .kind = kind,
				    .device = device,
				    .calls = 4,
				    .errors = 1,
				    .bytes = 4096,
				    .whole = { wall, 10, 20, 30, 40 },
				    .queue = no_times,
				    .on_device = no_times,
				    .hits = NONE,
				    .misses = NONE };
}

static void add_io_thread(struct profile *p, uint64_t serial, const char *kind, uint64_t calls)
{
	const struct profile_io_thread t = { .serial = serial,
					     .kind = kind,
					     .calls = calls,
					     .bytes = 10 * calls,
					     .wall_ns = 100 * calls };

	assert_int_equal(profile_add_io_thread(p, &t), 0);
}

static struct profile *make_profile(void)
{
	struct profile *p = profile_new();
	struct profile_thread t;

	assert_non_null(p);
	p->duration_ns = 1000000000;
	p->target = "serve (10)";
	for (uint32_t i = 0; i < 2; i++) {
		t = make_thread(i + 1, 10, 20 + i, "serve", i ? "busy" : "idle");
		t.state_ns[i ? PROFILE_ON_CPU : PROFILE_BLOCKED] = 1000000000;
		t.major_faults = 7 + i;
		assert_int_equal(profile_add_thread(p, &t, 100), 0);
	}
	return p;
}

static void order(void **unused)
{
	struct profile *p = make_profile();
	const struct profile_io rows[] = {
		make_io(0, "file read", NULL, 900),
		make_io(10, "file read", NULL, 500),
		make_io(10, "block read", "vda", 700),
		make_io(9, "fsync", NULL, 1),
	};

	(void)unused;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(profile_add_io(p, &rows[i]), 0);
	add_io_thread(p, 1, "file read", 1);
	add_io_thread(p, 2, "file read", 2);
	/* The same thread once more; one without an account; those that have no row. */
	add_io_thread(p, 2, "file read", 3);
	add_io_thread(p, 77, "fsync", 5);
	add_io_thread(p, 0, "fsync", 6);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->io_n, 4);
	assert_int_equal(p->io[0].pid, 9);
	assert_string_equal(p->io[1].kind, "block read");
	assert_string_equal(p->io[2].kind, "file read");
	assert_null(p->io[3].process);
	assert_int_equal(p->io_threads_n, 3);
	/* In the threads' final order: the busy one first. */
	assert_string_equal(p->threads[p->io_threads[0].thread].comm, "busy");
	assert_int_equal(p->io_threads[0].calls, 5);
	assert_int_equal(p->io_threads[0].bytes, 50);
	assert_int_equal(p->io_threads[0].wall_ns, 500);
	assert_string_equal(p->threads[p->io_threads[1].thread].comm, "idle");
	assert_int_equal(p->io_threads[2].thread, PROFILE_NO_THREAD);
	assert_int_equal(p->io_threads[2].calls, 11);
	profile_free(p);
}

static json_int_t number(const json_t *o, const char *key)
{
	assert_true(json_is_integer(json_object_get(o, key)));
	return json_integer_value(json_object_get(o, key));
}

static void json(void **unused)
{
	static const char *const nulls[] = { "device",	     "queue_ns",  "queue_p50_ns",
					     "queue_max_ns", "device_ns", "device_p99_ns" };
	struct profile_io block = make_io(10, "block write", "nvme0n1", 700);
	struct profile_io file = make_io(10, "file read", NULL, 500);
	struct profile *p = make_profile();
	json_t *root, *io, *o;

	(void)unused;
	block.queue = (struct profile_times){ 100, 1, 2, 3, 4 };
	block.on_device = (struct profile_times){ 600, 5, 6, 7, 8 };
	file.hits = 2;
	file.misses = 1;
	p->io_parts = IO_PART_BLOCK | IO_PART_URING;
	assert_int_equal(profile_add_io(p, &block), 0);
	assert_int_equal(profile_add_io(p, &file), 0);
	add_io_thread(p, 2, "file read", 4);
	add_io_thread(p, 0, "fsync", 1);
	assert_int_equal(profile_finish(p), 0);
	root = profile_json(p);
	io = json_object_get(root, "io");
	assert_int_equal(json_array_size(io), 2);
	o = json_array_get(io, 0);
	assert_string_equal(json_string_value(json_object_get(o, "device")), "nvme0n1");
	assert_int_equal(number(o, "queue_ns"), 100);
	assert_int_equal(number(o, "queue_p95_ns"), 2);
	assert_int_equal(number(o, "device_ns"), 600);
	assert_int_equal(number(o, "device_max_ns"), 8);
	assert_true(json_is_null(json_object_get(o, "hits")));
	o = json_array_get(io, 1);
	assert_int_equal(number(o, "pid"), 10);
	assert_int_equal(number(o, "calls"), 4);
	assert_int_equal(number(o, "errors"), 1);
	assert_int_equal(number(o, "bytes"), 4096);
	assert_int_equal(number(o, "wall_ns"), 500);
	assert_int_equal(number(o, "p99_ns"), 30);
	assert_int_equal(number(o, "max_ns"), 40);
	assert_int_equal(number(o, "hits"), 2);
	assert_int_equal(number(o, "misses"), 1);
	for (size_t i = 0; i < sizeof(nulls) / sizeof(*nulls); i++)
		assert_true(json_is_null(json_object_get(o, nulls[i])));
	io = json_object_get(root, "io_threads");
	assert_int_equal(json_array_size(io), 2);
	o = json_array_get(io, 0);
	assert_int_equal(number(o, "tid"), 21);
	assert_int_equal(number(o, "calls"), 4);
	assert_true(json_is_null(json_object_get(json_array_get(io, 1), "pid")));
	io = json_object_get(root, "io_parts");
	assert_int_equal(json_array_size(io), 2);
	assert_string_equal(json_string_value(json_array_get(io, 0)), "block");
	assert_string_equal(json_string_value(json_array_get(io, 1)), "uring");
	o = json_array_get(json_object_get(root, "threads"), 0);
	assert_int_equal(number(o, "major_faults"), 8);
	json_decref(root);
	profile_free(p);
}

/* Not looked at is not nothing. */
static void json_none(void **unused)
{
	struct profile *p = make_profile();
	json_t *root;

	(void)unused;
	assert_int_equal(profile_finish(p), 0);
	root = profile_json(p);
	assert_true(json_is_null(json_object_get(root, "io")));
	assert_true(json_is_null(json_object_get(root, "io_threads")));
	assert_int_equal(json_array_size(json_object_get(root, "io_parts")), 0);
	json_decref(root);
	p->io_parts = IO_PART_BLOCK;
	root = profile_json(p);
	assert_int_equal(json_array_size(json_object_get(root, "io")), 0);
	json_decref(root);
	profile_free(p);
}

/* Rows of merged threads, one of which nobody knows about. */
static void merged_faults(void **unused)
{
	struct profile *p = profile_new();
	struct profile_thread t;

	(void)unused;
	for (uint32_t i = 0; i < 4; i++) {
		t = make_thread(i + 1, 10, 20 + i, "serve", i < 2 ? "known" : "not");
		t.state_ns[PROFILE_ON_CPU] = 5;
		t.ended = true;
		t.major_faults = i == 3 ? PROFILE_UNKNOWN : 5;
		assert_int_equal(profile_add_thread(p, &t, 0), 0);
	}
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->threads_n, 2);
	for (size_t i = 0; i < 2; i++)
		assert_true(p->threads[i].major_faults ==
			    (strcmp(p->threads[i].comm, "not") ? 10 : PROFILE_UNKNOWN));
	profile_free(p);
}

static char *summary(const struct profile *p, bool wide, unsigned int columns)
{
	const struct summary_options o = { .columns = columns, .lines = 24, .wide = wide };
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(summary_write(p, &o, f), 0);
	fclose(f);
	return text;
}

static void screen(void **unused)
{
	struct profile *p = make_profile();
	struct profile_io io;
	char kind[32], *text;
	size_t lines = 0;

	(void)unused;
	p->io_parts = IO_PART_BLOCK;
	for (unsigned int i = 0; i < 9; i++) {
		snprintf(kind, sizeof(kind), "kind %u", i);
		/* The last is worth no line of the one screen: under a thousandth of the window. */
		io = make_io(10, kind, NULL, i == 8 ? 999000 : 500000000 + i * 1000000);
		assert_int_equal(profile_add_io(p, &io), 0);
	}
	assert_int_equal(profile_finish(p), 0);
	text = summary(p, false, 80);
	assert_non_null(strstr(text, " I/O"));
	assert_non_null(strstr(text, "kind 7"));
	assert_null(strstr(text, "kind 4"));
	assert_null(strstr(text, "kind 8"));
	assert_non_null(strstr(text, "+ 5 more"));
	for (const char *at = text; *at; at++)
		lines += *at == '\n';
	assert_true(lines <= 24);
	free(text);
	text = summary(p, true, 120);
	for (unsigned int i = 0; i < 9; i++) {
		snprintf(kind, sizeof(kind), "kind %u", i);
		assert_non_null(strstr(text, kind));
	}
	assert_non_null(strstr(text, "1 errors"));
	free(text);
	profile_free(p);
}

static unsigned int parts_of(const char *list, int want)
{
	char *argv[] = { "trace", "-a", "--io", (char *)list, NULL };
	struct trace_options o;
	struct fault f = { 0 };

	assert_int_equal(trace_options_parse(4, argv, &o, &f), want);
	if (want)
		assert_non_null(strstr(f.text, "--io"));
	return o.session.parts;
}

static void option(void **unused)
{
	char *argv[] = { "trace", "-a", NULL };
	struct trace_options o;
	struct fault f = { 0 };

	(void)unused;
	assert_int_equal(trace_options_parse(2, argv, &o, &f), 0);
	assert_int_equal(o.session.parts, HOOK_BLOCK);
	assert_int_equal(parts_of("none", 0), 0);
	assert_int_equal(parts_of("file,net", 0), HOOK_FILE | HOOK_NET);
	assert_int_equal(parts_of("all", 0), HOOK_BLOCK | HOOK_FILE | HOOK_NET | HOOK_URING);
	parts_of("file,disk", -EINVAL);
	parts_of("", -EINVAL);
	parts_of("file,", -EINVAL);
}

/* The kernel side's way to a place is this: kinds do not share any. */
static void rest_places(void **unused)
{
	bool taken[IO_REST] = { false };
	size_t place = 0;

	(void)unused;
	for (unsigned int kind = 1; kind < IO_KINDS; kind++) {
		const size_t n = kind <= IO_LAST_BLOCK ? IO_SPANS : 1;
		const size_t at = kind <= IO_LAST_BLOCK
					  ? (kind - 1) * IO_SPANS
					  : IO_LAST_BLOCK * IO_SPANS + (kind - 1 - IO_LAST_BLOCK);

		assert_int_equal(at, place);
		for (size_t i = 0; i < n; i++, place++) {
			assert_false(taken[at + i]);
			taken[at + i] = true;
		}
	}
	assert_int_equal(place, IO_REST);
	assert_true(IO_REST < IO_RECS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order),       cmocka_unit_test(json),
		cmocka_unit_test(json_none),   cmocka_unit_test(merged_faults),
		cmocka_unit_test(screen),      cmocka_unit_test(option),
		cmocka_unit_test(rest_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
