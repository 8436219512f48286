/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Allocations and frees in, what lives and what the most was out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "cuda.h"
#include "memory.h"
#include "stacks.h"

#define MIB (1024 * 1024ULL)
#define PID 42

static unsigned int number_of(const char *call)
{
	for (size_t i = 0; i < cuda_calls_n; i++)
		if (!strcmp(cuda_calls[i].name, call))
			return i + 1;
	fail_msg("no %s", call);
	return 0;
}

/* --- what is fed --- */

static uint32_t next_seq = 1;
static uint64_t by_thread = 1;

static uint32_t feed(struct memory *m, enum memory_op op, enum memory_kind kind, uint64_t ptr,
		     uint64_t bytes)
{
	struct rec_memory r = { .tgid = PID,
				.op = op,
				.kind = kind,
				.call = number_of("cudaMalloc"),
				.sampled = op == MEMORY_ALLOC,
				.seq = next_seq++,
				.ptr = ptr,
				.bytes = bytes,
				.serial = by_thread };

	assert_int_equal(memory_record(m, &r), 0);
	return r.seq;
}

static void copy(struct memory *m, uint64_t dst, uint64_t src, uint64_t bytes)
{
	struct rec_memory r = { .tgid = PID,
				.op = MEMORY_COPY,
				.ptr = dst,
				.src = src,
				.bytes = bytes,
				.wall_ns = 10 };

	assert_int_equal(memory_record(m, &r), 0);
}

/* --- what comes out --- */

static const char *process_name(void *arg, uint32_t pid)
{
	(void)arg;
	assert_int_equal(pid, PID);
	return "server";
}

static size_t frame_names(void *arg, const struct stack_entry *stack, const char **names,
			  size_t max)
{
	(void)arg;
	assert_true(max > 1);
	names[0] = stack ? "main" : PROFILE_NOT_SAMPLED;
	return 1;
}

static struct profile *report(struct memory *m)
{
	const struct memory_names names = { NULL, process_name, frame_names };
	struct profile *p = profile_new();

	assert_non_null(p);
	assert_int_equal(memory_report(m, p, &names), 0);
	assert_int_equal(profile_finish(p), 0);
	return p;
}

static const struct profile_memory *kind_of(const struct profile *p, const char *kind)
{
	for (size_t i = 0; i < p->memory_n; i++)
		if (!strcmp(p->memory[i].kind, kind))
			return &p->memory[i];
	fail_msg("no memory of kind %s", kind);
	return NULL;
}

static void live_and_peak(void **state)
{
	struct memory *m = memory_new();
	const struct profile_memory *k;
	struct profile *p;

	(void)state;
	feed(m, MEMORY_ALLOC, MEMORY_DEVICE, 0x1000 * MIB, 10 * MIB);
	feed(m, MEMORY_ALLOC, MEMORY_DEVICE, 0x2000 * MIB, 20 * MIB);
	feed(m, MEMORY_FREE, 0, 0x1000 * MIB, 0);
	feed(m, MEMORY_ALLOC, MEMORY_DEVICE, 0x1000 * MIB, 5 * MIB);
	feed(m, MEMORY_ALLOC, MEMORY_PINNED, 0x3000 * MIB, 7);
	feed(m, MEMORY_FREE, 0, 0x3000 * MIB, 0);
	p = report(m);
	k = kind_of(p, "device");
	assert_int_equal(k->allocations, 3);
	assert_int_equal(k->frees, 1);
	assert_int_equal(k->bytes, 35 * MIB);
	assert_int_equal(k->live, 2);
	assert_int_equal(k->live_bytes, 25 * MIB);
	assert_int_equal(k->peak_bytes, 30 * MIB);
	assert_int_equal(k->unknown_frees, 0);
	k = kind_of(p, "pinned");
	assert_int_equal(k->live, 0);
	assert_int_equal(k->peak_bytes, 7);
	profile_free(p);
	memory_free(m);
}

/* A free counts by the address that it was given, not by one inside; NULL is no free. */
static void strange_frees(void **state)
{
	struct memory *m = memory_new();
	const struct profile_memory *k;
	struct profile *p;

	(void)state;
	feed(m, MEMORY_FREE, 0, 0xdead000, 0);
	feed(m, MEMORY_FREE, 0, 0, 0);
	feed(m, MEMORY_ALLOC, MEMORY_DEVICE, 0x10000, 0x1000);
	feed(m, MEMORY_FREE, 0, 0x10800, 0);
	p = report(m);
	k = kind_of(p, "device");
	assert_int_equal(k->unknown_frees, 2);
	assert_int_equal(k->frees, 0);
	assert_int_equal(k->live, 1);
	profile_free(p);
	memory_free(m);
}

/* What a failed free took is there again, with its stack. */
static void failed_free(void **state)
{
	struct stack_entry *e = calloc(1, sizeof(*e));
	struct memory *m = memory_new();
	const struct profile_memory *k;
	struct profile *p;
	uint32_t seq;

	(void)state;
	seq = feed(m, MEMORY_ALLOC, MEMORY_DEVICE, 0x10000, 0x1000);
	assert_int_equal(memory_stack(m, seq, e), 0);
	feed(m, MEMORY_FREE, 0, 0x10000, 0);
	feed(m, MEMORY_FREE_FAILED, 0, 0x10000, 0);
	feed(m, MEMORY_FREE, 0, 0x99000, 0);
	feed(m, MEMORY_FREE_FAILED, 0, 0x99000, 0);
	p = report(m);
	k = kind_of(p, "device");
	assert_int_equal(k->frees, 0);
	assert_int_equal(k->live_bytes, 0x1000);
	assert_int_equal(k->unknown_frees, 0);
	assert_int_equal(p->allocations_n, 1);
	assert_int_equal(p->allocations[0].live, 1);
	assert_string_equal(p->allocations[0].frames[0], "main");
	profile_free(p);
	memory_free(m);
	free(e);
}

/* A second free of a block fails: the first one stands, and nothing is there again. */
static void double_free(void **state)
{
	struct memory *m = memory_new();
	const struct profile_memory *k;
	struct profile *p;

	(void)state;
	feed(m, MEMORY_ALLOC, MEMORY_DEVICE, 0x10000, 0x1000);
	feed(m, MEMORY_FREE, 0, 0x10000, 0);
	feed(m, MEMORY_FREE, 0, 0x10000, 0);
	feed(m, MEMORY_FREE_FAILED, 0, 0x10000, 0);
	p = report(m);
	k = kind_of(p, "device");
	assert_int_equal(k->frees, 1);
	assert_int_equal(k->live, 0);
	assert_int_equal(k->unknown_frees, 0);
	assert_int_equal(memory_lost(m), 0);
	profile_free(p);
	memory_free(m);
}

/* A free that fails late, after another thread's thousand. One whose beginning is not known takes
 * nothing back, and is counted. */
static void late_failure(void **state)
{
	struct memory *m = memory_new();
	const struct profile_memory *k;
	struct profile *p;

	(void)state;
	feed(m, MEMORY_ALLOC, MEMORY_DEVICE, 0x10000, 0x1000);
	feed(m, MEMORY_FREE, 0, 0x10000, 0);
	by_thread = 2;
	for (int i = 0; i < 1000; i++) {
		feed(m, MEMORY_ALLOC, MEMORY_DEVICE, 0x20000, 0x1000);
		feed(m, MEMORY_FREE, 0, 0x20000, 0);
	}
	by_thread = 1;
	feed(m, MEMORY_FREE_FAILED, 0, 0x10000, 0);
	assert_int_equal(memory_lost(m), 0);
	feed(m, MEMORY_FREE_FAILED, 0, 0x20000, 0);
	assert_int_equal(memory_lost(m), 1);
	p = report(m);
	k = kind_of(p, "device");
	assert_int_equal(k->frees, 1000);
	assert_int_equal(k->live_bytes, 0x1000);
	assert_int_equal(k->unknown_frees, 0);
	profile_free(p);
	memory_free(m);
}

/* An address that is given out again while it is in use: the free of the first was not seen. */
static void unseen_free(void **state)
{
	struct memory *m = memory_new();
	const struct profile_memory *k;
	struct profile *p;

	(void)state;
	feed(m, MEMORY_ALLOC, MEMORY_DEVICE, 0x10000, 0x1000);
	feed(m, MEMORY_ALLOC, MEMORY_DEVICE, 0x11000, 0x1000);
	feed(m, MEMORY_ALLOC, MEMORY_POOL, 0x10800, 0x1000); /* over both */
	p = report(m);
	k = kind_of(p, "device");
	assert_int_equal(k->live, 0);
	assert_int_equal(k->frees, 0);
	assert_int_equal(kind_of(p, "pool")->live_bytes, 0x1000);
	profile_free(p);
	memory_free(m);
}

/* Handles are no addresses: one of each may have the same number. */
static void handles(void **state)
{
	struct memory *m = memory_new();
	struct profile *p;

	(void)state;
	feed(m, MEMORY_ALLOC, MEMORY_HANDLE, 0x10000, 2 * MIB);
	feed(m, MEMORY_ALLOC, MEMORY_DEVICE, 0x10000, 4096);
	feed(m, MEMORY_FREE, MEMORY_HANDLE, 0x10000, 0);
	p = report(m);
	assert_int_equal(kind_of(p, "handle")->live, 0);
	assert_int_equal(kind_of(p, "handle")->peak_bytes, 2 * MIB);
	assert_int_equal(kind_of(p, "device")->live, 1);
	profile_free(p);
	memory_free(m);
}

/* By stack: a stack may come after the free, and from a record long gone. */
static void by_stack(void **state)
{
	struct stack_entry *e = calloc(1, sizeof(*e));
	struct memory *m = memory_new();
	const struct profile_allocation *a;
	struct profile *p;
	uint32_t seq[3];

	(void)state;
	seq[0] = feed(m, MEMORY_ALLOC, MEMORY_DEVICE, 0x10000, 100);
	seq[1] = feed(m, MEMORY_ALLOC, MEMORY_DEVICE, 0x20000, 200);
	seq[2] = feed(m, MEMORY_ALLOC, MEMORY_DEVICE, 0x30000, 400);
	assert_int_equal(memory_stack(m, seq[0], e), 0);
	feed(m, MEMORY_FREE, 0, 0x20000, 0);
	assert_int_equal(memory_stack(m, seq[1], e), 0);
	assert_int_equal(memory_stack(m, seq[1], e), 0); /* once is enough */
	assert_int_equal(memory_stack(m, 12345678, e), 0);
	p = report(m);
	assert_int_equal(p->allocations_n, 2);
	/* By live bytes. */
	a = &p->allocations[0];
	assert_string_equal(a->frames[0], PROFILE_NOT_SAMPLED);
	assert_int_equal(a->allocations, 1);
	assert_int_equal(a->live_bytes, 400);
	a = &p->allocations[1];
	assert_int_equal(a->frames_n, 2);
	assert_string_equal(a->frames[0], "main");
	assert_string_equal(a->frames[1], "cudaMalloc");
	assert_int_equal(a->allocations, 2);
	assert_int_equal(a->bytes, 300);
	assert_int_equal(a->live, 1);
	assert_int_equal(a->live_bytes, 100);
	profile_free(p);
	memory_free(m);
	free(e);
}

/* More than can wait for their stack: all are accounted for, and nothing is leaked. */
static void many(void **state)
{
	struct memory *m = memory_new();
	struct profile *p;

	(void)state;
	for (uint64_t i = 1; i <= 20000; i++)
		feed(m, MEMORY_ALLOC, MEMORY_DEVICE, i * 0x1000, 0x1000);
	for (uint64_t i = 1; i <= 20000; i += 2)
		feed(m, MEMORY_FREE, 0, i * 0x1000, 0);
	p = report(m);
	assert_int_equal(kind_of(p, "device")->live, 10000);
	assert_int_equal(kind_of(p, "device")->peak_bytes, 20000 * 0x1000ULL);
	profile_free(p);
	memory_free(m);
}

/* A program that never frees: what is known of it has its limit, its sums do not. */
static void limit(void **state)
{
	const uint64_t n = 250000;
	struct memory *m = memory_new();
	const struct profile_memory *k;
	struct profile *p;
	uint64_t lost;

	(void)state;
	for (uint64_t i = 1; i <= n; i++)
		feed(m, MEMORY_ALLOC, MEMORY_DEVICE, i * 0x1000, 8);
	lost = memory_lost(m);
	assert_in_range(lost, 1, n / 2);
	p = report(m);
	k = kind_of(p, "device");
	assert_int_equal(k->allocations, n);
	assert_int_equal(k->bytes, 8 * n);
	assert_int_equal(k->live, n - lost);
	assert_int_equal(p->allocations_n, 1);
	assert_int_equal(p->allocations[0].allocations, n);
	profile_free(p);
	memory_free(m);
}

/* Copies of unknown kind: both ends have to be known. */
static void copies(void **state)
{
	static const struct {
		uint64_t dst, src;
		const char *kind;
	} cases[] = {
		{ 0x10010, 0x20010, "H2D" }, { 0x20000, 0x10000, "D2H" },
		{ 0x10000, 0x30000, "D2D" }, { 0x20000, 0x40000, "H2H" },
		{ 0x10000, 0x90000, NULL },  { 0x50000, 0x10000, NULL },
	};
	struct memory *m = memory_new();
	const struct memory_copies *all;
	struct profile *p;

	(void)state;
	feed(m, MEMORY_ALLOC, MEMORY_DEVICE, 0x10000, 0x1000);
	feed(m, MEMORY_ALLOC, MEMORY_PINNED, 0x20000, 0x1000);
	feed(m, MEMORY_ALLOC, MEMORY_POOL, 0x30000, 0x1000);
	feed(m, MEMORY_ALLOC, MEMORY_REGISTERED, 0x40000, 0x1000);
	feed(m, MEMORY_ALLOC, MEMORY_MANAGED, 0x50000, 0x1000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		copy(m, cases[i].dst, cases[i].src, 16);
	all = memory_resolved(m, PID, 0);
	assert_non_null(all);
	assert_int_equal(all->calls, 4);
	assert_int_equal(all->bytes, 64);
	assert_int_equal(all->wall_ns, 40);
	assert_int_equal(all->sizes[4], 4);
	assert_null(memory_resolved(m, PID, 1));
	p = report(m);
	assert_int_equal(p->copies_n, 4);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t found = 0;

		for (size_t j = 0; j < p->copies_n && cases[i].kind; j++)
			found += !strcmp(p->copies[j].kind, cases[i].kind) &&
				 p->copies[j].calls == 1 && p->copies[j].bytes == 16;
		assert_int_equal(found, cases[i].kind ? 1 : 0);
	}
	profile_free(p);
	memory_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(live_and_peak), cmocka_unit_test(strange_frees),
		cmocka_unit_test(failed_free),	 cmocka_unit_test(unseen_free),
		cmocka_unit_test(handles),	 cmocka_unit_test(by_stack),
		cmocka_unit_test(many),		 cmocka_unit_test(copies),
		cmocka_unit_test(double_free),	 cmocka_unit_test(late_failure),
		cmocka_unit_test(limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
