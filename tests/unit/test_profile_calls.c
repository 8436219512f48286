/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows of CUDA calls: what is one is added up, what is unknown stays so, and the order is the one
 * that profile.h promises. */
#include "random_profile.h"

static void add_thread(struct profile *p, uint64_t serial, bool ended, uint64_t on_cpu)
{
	struct profile_thread t = make_thread(serial, 10, (uint32_t)(100 + serial), "proc", "t");

	t.state_ns[PROFILE_ON_CPU] = on_cpu;
	t.ended = ended;
	assert_int_equal(profile_add_thread(p, &t, 1), 0);
}

static void errors_by_code(void **unused)
{
	const struct profile_error errors[] = {
		{ 2, "cudaMalloc", NULL, 2, "cudaErrorMemoryAllocation", 1 },
		{ 1, "cudaMemcpy", NULL, 1, NULL, 10 },
		{ 2, "cudaMalloc", NULL, 2, "cudaErrorMemoryAllocation", 4 },
		{ 2, "cudaMalloc", "cudaMallocAsync", 2, "cudaErrorMemoryAllocation", 7 },
		{ 2, "cudaMalloc", NULL, 1, "cudaErrorInvalidValue", 3 },
	};
	struct profile *p = profile_new();

	(void)unused;
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		assert_int_equal(profile_add_error(p, &errors[i]), 0);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->errors_n, 4);
	assert_string_equal(p->errors[0].call, "cudaMemcpy");
	assert_null(p->errors[0].name);
	assert_int_equal(p->errors[1].code, 1);
	assert_int_equal(p->errors[2].code, 2);
	assert_int_equal(p->errors[2].calls, 5);
	assert_null(p->errors[2].inside);
	assert_string_equal(p->errors[3].inside, "cudaMallocAsync");
	assert_int_equal(p->errors[3].calls, 7);
	profile_free(p);
}

static void streams_add_up(void **unused)
{
	const struct profile_stream streams[] = {
		{ 1, "default", 1, 2, 3, 4, 5, 6, 7 },
		{ 1, "0x7f00", 10, 0, 0, 0, 1000, 0, 0 },
		{ 1, "default", 10, 20, 30, 40, 50, 60, 70 },
		{ 2, "default", 1, 0, 0, 0, 55, 1, PROFILE_UNKNOWN },
	};
	struct profile *p = profile_new();

	(void)unused;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(profile_add_stream(p, &streams[i]), 0);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->streams_n, 3);
	assert_string_equal(p->streams[0].name, "0x7f00");
	/* Equally long: the one with more calls. */
	assert_int_equal(p->streams[1].pid, 1);
	assert_int_equal(p->streams[1].calls, 11);
	assert_int_equal(p->streams[1].launches, 22);
	assert_int_equal(p->streams[1].copies, 33);
	assert_int_equal(p->streams[1].bytes, 44);
	assert_int_equal(p->streams[1].wall_ns, 55);
	assert_int_equal(p->streams[1].syncs, 66);
	assert_int_equal(p->streams[1].sync_ns, 77);
	assert_true(p->streams[2].sync_ns == PROFILE_UNKNOWN);
	profile_free(p);
}

static void launches_by_kernel_and_site(void **unused)
{
	const struct profile_launch launches[] = {
		{ 1, "gemm", "step", false, 1, 0, 10, 1, 100 },
		{ 1, "gemm", "warm_up", false, 1, 1, 500, 0, 0 },
		{ 1, "gemm", "step", false, 2, 1, 20, 2, 200 },
		{ 1, "CUDA graph 1", NULL, true, 4, 0, 7, 0, 0 },
		{ 1, "CUDA graph 1", NULL, true, 4, 0, 7, 0, 0 },
	};
	struct profile *p = profile_new();

	(void)unused;
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(profile_add_launch(p, &launches[i]), 0);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->launches_n, 3);
	assert_string_equal(p->launches[0].site, "warm_up");
	assert_string_equal(p->launches[1].site, "step");
	assert_int_equal(p->launches[1].calls, 3);
	assert_int_equal(p->launches[1].errors, 1);
	assert_int_equal(p->launches[1].wall_ns, 30);
	assert_int_equal(p->launches[1].gaps, 3);
	assert_int_equal(p->launches[1].gap_ns, 300);
	assert_true(p->launches[2].graph);
	assert_null(p->launches[2].site);
	assert_int_equal(p->launches[2].calls, 8);
	profile_free(p);
}

static void launchers_become_threads(void **unused)
{
	const struct profile_launcher launchers[] = {
		{ .serial = 1,
		  .launches = 5,
		  .gaps = 4,
		  .gap_ns = 40,
		  .gap_max_ns = 20,
		  .gap_p50_ns = 9 },
		{ .serial = 77, .launches = 1000 },
		/* Rows of ended threads beyond the first are one. */
		{ .serial = 4,
		  .launches = 10,
		  .gaps = 9,
		  .gap_ns = 90,
		  .gap_max_ns = 30,
		  .gap_p50_ns = 8 },
		{ .serial = 3,
		  .launches = 20,
		  .gaps = 19,
		  .gap_ns = 190,
		  .gap_max_ns = 25,
		  .gap_p50_ns = 7 },
		{ .serial = 2, .launches = 6, .gap_p50_ns = PROFILE_UNKNOWN },
	};
	struct profile *p = profile_new();

	(void)unused;
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(profile_add_launcher(p, &launchers[i]), 0);
	/* The busiest thread is first in the end: numbers change. */
	add_thread(p, 1, false, 10);
	add_thread(p, 2, true, 20);
	add_thread(p, 3, true, 15);
	add_thread(p, 4, true, 50);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->threads_n, 3);
	assert_int_equal(p->lost.threads, 0);
	assert_int_equal(p->launchers_n, 3);
	assert_int_equal(p->launchers[0].launches, 30);
	assert_int_equal(p->threads[p->launchers[0].thread].merged, 2);
	assert_int_equal(p->launchers[0].gaps, 28);
	assert_int_equal(p->launchers[0].gap_ns, 280);
	assert_int_equal(p->launchers[0].gap_max_ns, 30);
	assert_true(p->launchers[0].gap_p50_ns == PROFILE_UNKNOWN);
	assert_int_equal(p->launchers[1].launches, 6);
	assert_int_equal(p->threads[p->launchers[1].thread].serial, 2);
	assert_int_equal(p->launchers[2].gap_p50_ns, 9);
	assert_int_equal(p->threads[p->launchers[2].thread].serial, 1);
	profile_free(p);
}

static void memory_by_peak(void **unused)
{
	const struct profile_memory memory[] = {
		{ 1, "serve", "pinned", 1, 1, 100, 0, 0, 100, 0 },
		{ 1, "serve", "device", 3, 1, 900, 2, 600, 800, 5 },
	};
	struct profile *p = profile_new();

	(void)unused;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(profile_add_memory(p, &memory[i]), 0);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->memory_n, 2);
	assert_string_equal(p->memory[0].kind, "device");
	assert_string_equal(p->memory[0].process, "serve");
	assert_int_equal(p->memory[0].live_bytes, 600);
	assert_int_equal(p->memory[0].unknown_frees, 5);
	profile_free(p);
}

/* Frames are copied; stacks with the same names are one. */
static void allocations_by_stack(void **unused)
{
	char names[3][16] = { "main", "load", "cudaMalloc" };
	const char *frames[] = { names[0], names[1], names[2] };
	struct profile_allocation a = { .pid = 1,
					.process = "serve",
					.kind = "device",
					.call = "cudaMalloc",
					.frames = frames,
					.frames_n = 3,
					.allocations = 1,
					.bytes = 100,
					.live = 1,
					.live_bytes = 100 };
	struct profile *p = profile_new();

	(void)unused;
	assert_int_equal(profile_add_allocation(p, &a), 0);
	assert_int_equal(profile_add_allocation(p, &a), 0);
	strcpy(names[1], "churn");
	a.allocations = 50;
	a.bytes = 100000;
	a.live = a.live_bytes = 0;
	assert_int_equal(profile_add_allocation(p, &a), 0);
	a.frames_n = 0;
	a.bytes = 1;
	assert_int_equal(profile_add_allocation(p, &a), 0);
	memset(names, 'x', sizeof(names));
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->allocations_n, 3);
	assert_int_equal(p->allocations[0].allocations, 2);
	assert_int_equal(p->allocations[0].live_bytes, 200);
	assert_int_equal(p->allocations[0].frames_n, 3);
	assert_string_equal(p->allocations[0].frames[1], "load");
	assert_string_equal(p->allocations[1].frames[1], "churn");
	assert_int_equal(p->allocations[2].frames_n, 0);
	profile_free(p);
}

/* --returns none: no wall times, so the calls' number orders. */
static void unknown_stays_unknown(void **unused)
{
	const struct profile_copy copies[] = { { 1, "H2D", 1, 10, 100, { 0 } },
					       { 1, "H2D", 1, 10, PROFILE_UNKNOWN, { 0 } },
					       { 1, "H2D", 1, 10, 100, { 0 } } };
	const struct profile_call calls[] = {
		{ .name = "rare", .calls = 1, .wall_ns = PROFILE_UNKNOWN },
		{ .name = "often", .calls = 9, .wall_ns = PROFILE_UNKNOWN },
	};
	struct profile *p = profile_new();

	(void)unused;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(profile_add_copy(p, &copies[i]), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(profile_add_call(p, &calls[i]), 0);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->copies_n, 1);
	assert_int_equal(p->copies[0].calls, 3);
	assert_true(p->copies[0].wall_ns == PROFILE_UNKNOWN);
	assert_string_equal(p->calls[0].name, "often");
	profile_free(p);
}

static void nothing_after_the_end(void **unused)
{
	struct profile *p = profile_new();

	(void)unused;
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(profile_add_call(p, &(struct profile_call){ 0 }), -EINVAL);
	assert_int_equal(profile_add_error(p, &(struct profile_error){ 0 }), -EINVAL);
	assert_int_equal(profile_add_copy(p, &(struct profile_copy){ 0 }), -EINVAL);
	assert_int_equal(profile_add_stream(p, &(struct profile_stream){ 0 }), -EINVAL);
	assert_int_equal(profile_add_launch(p, &(struct profile_launch){ 0 }), -EINVAL);
	assert_int_equal(profile_add_launcher(p, &(struct profile_launcher){ 0 }), -EINVAL);
	assert_int_equal(profile_add_memory(p, &(struct profile_memory){ 0 }), -EINVAL);
	assert_int_equal(profile_add_allocation(p, &(struct profile_allocation){ 0 }), -EINVAL);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_by_code),
		cmocka_unit_test(streams_add_up),
		cmocka_unit_test(launches_by_kernel_and_site),
		cmocka_unit_test(launchers_become_threads),
		cmocka_unit_test(memory_by_peak),
		cmocka_unit_test(allocations_by_stack),
		cmocka_unit_test(unknown_stays_unknown),
		cmocka_unit_test(nothing_after_the_end),
	};

	return cmocka_run_group_tests_name("profile_calls", tests, NULL, NULL);
}
