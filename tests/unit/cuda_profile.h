/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A profile with some of everything that CUDA calls leave: an inference server's. */
#ifndef CUDA_PROFILE_H
#define CUDA_PROFILE_H

#include "random_profile.h"

#define US 1000ULL
#define MS 1000000ULL
#define S  1000000000ULL

static inline void cuda_profile_threads(struct profile *p)
{
	static const struct {
		const char *comm;
		uint64_t on_cpu_ms, blocked_ms;
	} threads[] = {
		{ "executor", 6120, 3880 }, { "batcher", 300, 9700 }, { "http", 250, 9750 },
		{ "idle-0", 1, 9999 },	    { "idle-1", 1, 9999 },    { "idle-2", 1, 9999 },
	};

	for (uint32_t i = 0; i < sizeof(threads) / sizeof(*threads); i++) {
		struct profile_thread t =
			make_thread(i + 1, 4242, 4250 + i, "serve", threads[i].comm);

		t.state_ns[PROFILE_ON_CPU] = threads[i].on_cpu_ms * MS;
		t.state_ns[PROFILE_BLOCKED] = threads[i].blocked_ms * MS;
		t.voluntary = 12034;
		t.involuntary = 233;
		assert_int_equal(profile_add_thread(p, &t, 100), 0);
		assert_int_equal(
			profile_add_wait(p, i + 1, SYS_futex, 0, t.state_ns[PROFILE_BLOCKED], 1),
			0);
	}
}

static inline void cuda_profile_calls(struct profile *p)
{
	static const struct profile_call calls[] = {
		{ .name = "cudaLaunchKernel",
		  .group = "launch",
		  .calls = 402110,
		  .wall_ns = 1310 * MS,
		  .on_cpu_ns = 1300 * MS,
		  .blocked_ns = 10 * MS,
		  .p50_ns = 2944,
		  .p95_ns = 4412,
		  .p99_ns = 9830,
		  .max_ns = 2 * MS },
		{ .name = "cuLaunchKernel",
		  .api = "driver",
		  .group = "launch",
		  .inside = "cudaLaunchKernel",
		  .calls = 402110,
		  .wall_ns = 1000 * MS,
		  .on_cpu_ns = 995 * MS,
		  .blocked_ns = 5 * MS,
		  .p50_ns = 2100,
		  .p95_ns = 3900,
		  .p99_ns = 8000,
		  .max_ns = 2 * MS },
		{ .name = "cudaStreamSynchronize",
		  .group = "sync",
		  .is_sync = true,
		  .calls = 4021,
		  .wall_ns = 3410 * MS,
		  .on_cpu_ns = 3400 * MS,
		  .blocked_ns = 10 * MS,
		  .p50_ns = 810 * US,
		  .p95_ns = 1400 * US,
		  .p99_ns = 2200 * US,
		  .max_ns = 9 * MS,
		  .waited = 4000,
		  .spun = 3990,
		  .blocked_calls = 2 },
		{ .name = "cudaEventSynchronize",
		  .group = "sync",
		  .is_sync = true,
		  .calls = 120,
		  .wall_ns = 400 * MS,
		  .on_cpu_ns = 2 * MS,
		  .blocked_ns = 398 * MS,
		  .p50_ns = 3 * MS,
		  .p95_ns = 5 * MS,
		  .p99_ns = 6 * MS,
		  .max_ns = 9 * MS,
		  .waited = 120,
		  .blocked_calls = 118 },
		{ .name = "cudaMemcpyAsync",
		  .group = "copy",
		  .is_async_copy = true,
		  .calls = 4021,
		  .bytes = 1100000000,
		  .wall_ns = 180 * MS,
		  .on_cpu_ns = 30 * MS,
		  .blocked_ns = 150 * MS,
		  .p50_ns = 41 * US,
		  .p95_ns = 66 * US,
		  .p99_ns = 120 * US,
		  .max_ns = 1 * MS,
		  .waited = 3900,
		  .blocked_calls = 3900 },
		{ .name = "cudaMalloc",
		  .group = "alloc",
		  .calls = 42,
		  .errors = 3,
		  .bytes = 800000000,
		  .wall_ns = 12 * MS,
		  .on_cpu_ns = 4 * MS,
		  .blocked_ns = 8 * MS,
		  .p50_ns = 200 * US,
		  .p95_ns = 400 * US,
		  .p99_ns = 500 * US,
		  .max_ns = 600 * US,
		  .waited = 42,
		  .blocked_calls = 20 },
	};
	static const struct profile_error errors[] = {
		{ 4242, "cudaMalloc", NULL, 2, "cudaErrorMemoryAllocation", 2 },
		{ 4242, "cudaMalloc", NULL, 12345, NULL, 1 },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		struct profile_call c = calls[i];

		c.pid = 4242;
		c.process = "serve";
		c.api = c.api ? c.api : "runtime";
		assert_int_equal(profile_add_call(p, &c), 0);
	}
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		assert_int_equal(profile_add_error(p, &errors[i]), 0);
}

static inline void cuda_profile_work(struct profile *p)
{
	const struct profile_copy copies[] = {
		{ 4242, "H2D", 4000, 1100000000, 178 * MS, { [12] = 100, [19] = 3900 } },
		{ 4242, "D2H", 21, 2000000, 2 * MS, { [0] = 1, [17] = 20 } },
	};
	const struct profile_stream streams[] = {
		{ 4242, "0x55d0c0de1000", 300000, 298000, 2000, 600000000, 3000 * MS, 3000,
		  3300 * MS },
		{ 4242, "0x55d0c0de2000", 110000, 104110, 2021, 502000000, 900 * MS, 1021,
		  110 * MS },
	};
	const struct profile_launch launches[] = {
		{ 4242, "gemm_half_128x128", "decode_step", false, 300000, 0, 900 * MS, 299999,
		  5000 * MS },
		{ 4242, "void softmax<float, 4>(float*, int)", "decode_step", false, 90000, 0,
		  300 * MS, 90000, 1000 * MS },
		{ 4242, "CUDA graph 1", "prefill", true, 12110, 0, 110 * MS, 12110, 900 * MS },
	};
	const struct profile_launcher launchers[] = {
		{ .serial = 1,
		  .launches = 400000,
		  .wall_ns = 1300 * MS,
		  .gaps = 399999,
		  .gap_ns = 6900 * MS,
		  .gap_max_ns = 90 * MS,
		  .gap_p50_ns = 12 * US,
		  .gap_p95_ns = 80 * US,
		  .gap_p99_ns = 900 * US },
		{ .serial = 2,
		  .launches = 2110,
		  .wall_ns = 10 * MS,
		  .gaps = 2109,
		  .gap_ns = 9900 * MS,
		  .gap_max_ns = 90 * MS,
		  .gap_p50_ns = 4 * MS,
		  .gap_p95_ns = 8 * MS,
		  .gap_p99_ns = 9 * MS },
	};
	size_t i;

	for (i = 0; i < sizeof(copies) / sizeof(*copies); i++)
		assert_int_equal(profile_add_copy(p, &copies[i]), 0);
	for (i = 0; i < sizeof(streams) / sizeof(*streams); i++)
		assert_int_equal(profile_add_stream(p, &streams[i]), 0);
	for (i = 0; i < sizeof(launches) / sizeof(*launches); i++)
		assert_int_equal(profile_add_launch(p, &launches[i]), 0);
	for (i = 0; i < sizeof(launchers) / sizeof(*launchers); i++)
		assert_int_equal(profile_add_launcher(p, &launchers[i]), 0);
}

static inline void cuda_profile_memory(struct profile *p)
{
	static const char *const load[] = { "main", "load_model", "cudaMalloc" };
	static const char *const step[] = { "main", "decode_step", "cudaMallocAsync" };
	static const char *const pin[] = { "main", "new_request", "cudaMallocHost" };
	const struct profile_memory memory[] = {
		{ 4242, "serve", "device", 39, 39, 800000000, 4, 66000000, 786000000, 4 },
		{ 4242, "serve", "pool", 8000, 8000, 4000000000, 0, 0, 2000000, 0 },
		{ 4242, "serve", "pinned", 40, 20, 40000000, 20, 20000000, 21000000, 0 },
	};
	const struct profile_allocation allocations[] = {
		{ 4242, "serve", "device", "cudaMalloc", load, 3, 39, 800000000, 4, 66000000 },
		{ 4242, "serve", "pool", "cudaMallocAsync", step, 3, 8000, 4000000000, 0, 0 },
		{ 4242, "serve", "pinned", "cudaMallocHost", pin, 3, 40, 40000000, 20, 20000000 },
	};

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(profile_add_memory(p, &memory[i]), 0);
		assert_int_equal(profile_add_allocation(p, &allocations[i]), 0);
	}
}

/* Not finished: more can be added. */
static inline struct profile *cuda_profile(void)
{
	struct profile *p = profile_new();

	assert_non_null(p);
	p->duration_ns = 10 * S;
	p->host = "gpu-17";
	p->kernel = "6.1.0-56";
	p->runtime = "nvidia";
	p->runtime_version = "13.0";
	p->target = "serve (4242)";
	p->stacks = 9204;
	p->overhead = (struct profile_overhead){ .bpf_ns = 20 * MS,
						 .trap_ns = 30 * MS,
						 .user_cpu_ns = 70 * MS,
						 .start_cpu_ns = 60 * MS,
						 .rss_bytes = 11 << 20,
						 .map_bytes = 10 << 20 };
	cuda_profile_threads(p);
	cuda_profile_calls(p);
	cuda_profile_work(p);
	cuda_profile_memory(p);
	assert_int_equal(profile_add_not_measured(p, "GPU kernel time", "needs CUPTI"), 0);
	return p;
}

#endif /* CUDA_PROFILE_H */
