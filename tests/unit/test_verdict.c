/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The verdict: for every rule a profile made by hand that it must name first, and near misses that it
 * must not. */
#include "verdict_by_hand.h"

/* --- scheduling --- */

static void test_none(void **state)
{
	struct serving *s = balanced();

	(void)state;
	assert_int_equal(judge(s), 0);
	assert_int_equal(s->p->verdicts_n, 1);
	judged_none(s);
}

static void test_queue_before_batch(void **state)
{
	struct serving *s = balanced();

	(void)state;
	queue(s, BATCH_QUEUE, 60, 0);
	judged(s, "scheduling", "queue-before-batch", 65. / 160);

	/* Behind others it is what they do. */
	s = balanced();
	stretch_calls(s, call("cudaDeviceSynchronize", "sync", 100, CALLS_MS(300), 0), 300);
	queue(s, BATCH_QUEUE, 60, 60);
	judged(s, "compute", "gpu-bound", (340 + 90 * 340. / 345) * 2725 / 2805 / 460);

	/* The thread was to go on with it, and had no CPU. */
	s = balanced();
	queue(s, BATCH_QUEUE, 60, 0);
	s->parts[BATCH_QUEUE].woken_slow_ns = 60 * MS;
	s->parts[BATCH_QUEUE].throttled_slow_ns = 50 * MS;
	judged(s, "scheduling", "throttled", 50. / 160);

	/* Not known: as the passes' thread is busy, 4.5 %. */
	s = balanced();
	queue(s, BATCH_QUEUE, 60, 0);
	s->parts[BATCH_QUEUE].behind_slow_ns = PROFILE_UNKNOWN;
	judged(s, "scheduling", "queue-before-batch", 65 * .955 / 160);

	/* No pass is marked: nobody knows what the queue is before. */
	s = balanced();
	queue(s, BATCH_QUEUE, 60, 0);
	s->requests.passes_n = 0;
	assert_int_equal(judge(s), 0);
	assert_string_equal(find(s->p, "queue-before-batch")->sure, "unknown");
	assert_non_null(strstr(find(s->p, "queue-before-batch")->missing, "passes"));
	assert_string_equal(find(s->p, "padding")->sure, "unknown");
	assert_string_equal(s->p->verdicts[0].rule, "none");
	done(s->p);
}

static void test_stages(void **state)
{
	struct serving *s = balanced();

	(void)state;
	/* All of its threads are busy, but it takes 6 % itself: too few threads. */
	queue(s, TOKEN_QUEUE, 60, 60);
	judged(s, "scheduling", "queue-before-stage", 65. / 160);

	s = balanced();
	stretch_cpu(s, TOKENISE, 40);
	queue(s, TOKEN_QUEUE, 30, 30);
	judged(s, "compute", "slow-stage", 80. / 170);

	/* The same queue before a stage that waits for the network. */
	s = balanced();
	stretch_blocked(s, TOKENISE, CAUSE_NETWORK, 40);
	queue(s, TOKEN_QUEUE, 30, 30);
	judged(s, "network", "network", (40 + 30 * 40. / 50) / 170);
}

static void test_cpus(void **state)
{
	struct serving *s = balanced();

	(void)state;
	stretch_queued(s, PASS, 60, 0);
	steal(s, 7, "burner", 50);
	judged(s, "scheduling", "preempted", (60 + 30 * 60. / 105) / 160);

	s = balanced();
	stretch_queued(s, PASS, 60, 60);
	judged(s, "scheduling", "throttled", (60 + 30 * 60. / 105) / 160);

	/* An emulated device's threads are no part of what the process would do on a device. */
	s = balanced();
	s->p->runtime = "emu";
	stretch_queued(s, PASS, 60, 0);
	steal(s, PID, "emu-gpu/0", 50);
	judged_none(s);
}

static void test_lock(void **state)
{
	struct serving *s = balanced();

	(void)state;
	stretch_blocked(s, TOKENISE, CAUSE_LOCK, 60);
	judged(s, "scheduling", "lock", 60. / 160);
	s = balanced();
	stretch_blocked(s, PASS, CAUSE_LOCK, 60);
	judged(s, "scheduling", "lock", (60 + 30 * 60. / 105) / 160);
}

static void test_streams(void **state)
{
	static const struct profile_stream streams[] = {
		{ PID, "0x1", 100, 900, 0, 0, 10 * MS, 100, 240 * MS },
		{ PID, "0x2", 100, 90, 0, 0, 10 * MS, 100, 5 * MS },
		{ PID, "0x3", 100, 90, 0, 0, 10 * MS, 100, 5 * MS },
	};
	struct serving *s = balanced();

	(void)state;
	memcpy(s->streams, streams, sizeof(streams));
	s->p->streams = s->streams;
	s->p->streams_n = 3;
	judged(s, "scheduling", "unbalanced-streams",
	       (40 + 30 * 40. / 45) * 250 / 330 * (240 - 250. / 3) / 250 / 100);

	/* Waited for alike. */
	s = balanced();
	memcpy(s->streams, streams, sizeof(streams));
	s->streams[1].sync_ns = s->streams[2].sync_ns = 230 * MS;
	s->p->streams = s->streams;
	s->p->streams_n = 3;
	judged_none(s);
}

/* --- io, network --- */

static void test_io(void **state)
{
	struct serving *s = balanced();

	(void)state;
	stretch_blocked(s, TOKENISE, CAUSE_DISK, 40);
	stretch_blocked(s, TOKENISE, CAUSE_PAGE_FAULT, 20);
	s->io[0] = (struct profile_io){ .pid = PID,
					.process = "serve",
					.kind = "block read",
					.device = "vda",
					.calls = 100,
					.bytes = 100 * 65536,
					.whole = { 500 * MS, 5 * MS, 6 * MS, 7 * MS, 8 * MS } };
	s->p->io = s->io;
	s->p->io_n = 1;
	assert_int_equal(judge(s), 0);
	assert_non_null(strstr(s->p->verdicts[0].evidence[3], "block read on vda: 100 of 6.55 MB"));
	judged(s, "io", "disk", 60. / 160);
}

static void test_network(void **state)
{
	struct serving *s = balanced();

	(void)state;
	/* It polls, and has sockets. */
	stretch_blocked(s, TOKENISE, CAUSE_POLL, 60);
	s->io[0] = (struct profile_io){ .pid = PID,
					.process = "serve",
					.kind = "TCP receive",
					.calls = 100,
					.bytes = 6400,
					.whole = { 1 * MS, 5 * US, 6 * US, 7 * US, 8 * US } };
	s->p->io = s->io;
	s->p->io_n = 1;
	assert_int_equal(judge(s), 0);
	assert_string_equal(s->p->verdicts[0].sure, "likely");
	judged(s, "network", "network", 60. / 160);

	/* It polls something else. */
	s = balanced();
	stretch_blocked(s, TOKENISE, CAUSE_POLL, 60);
	judged_none(s);
}

/* --- memory --- */

static void test_copies(void **state)
{
	/* As many ms of calls in the pass as there are in all of it else. */
	const double share = 60. / 100 * (100 + 30 * 100. / 105) / 160;
	struct serving *s = balanced();

	(void)state;
	stretch_calls(s, call("cudaMemcpy", "copy", 20000, CALLS_MS(60), CALLS_MS(60)), 60);
	s->copies[0].calls = 22000;
	s->copies[0].wall_ns = 20 * MS + CALLS_MS(60);
	s->copies[0].sizes[12] = 22000;
	/* With those that are there always: 20 ms of the process' 330. */
	judged(s, "memory", "small-copies", share * (515. / 495));

	s = balanced();
	stretch_calls(s, call("cudaMemcpyAsync", "copy", 400, CALLS_MS(60), 0), 60);
	s->copies[1] = (struct profile_copy){ PID,	    "D2H",	  400,
					      400ULL << 23, CALLS_MS(60), { [23] = 400 } };
	s->p->copies_n = 2;
	judged(s, "memory", "pageable-copies", share);

	/* Synchronous ones, or none that wait: what they move is too much. */
	s = balanced();
	stretch_calls(s, call("cudaMemcpy", "copy", 400, CALLS_MS(60), 0), 60);
	s->copies[1] = (struct profile_copy){ PID,	    "H2D",	  400,
					      400ULL << 23, CALLS_MS(60), { [23] = 400 } };
	s->p->copies_n = 2;
	judged(s, "memory", "transfers", share);

	/* Small ones that last wait for the device. */
	s = balanced();
	stretch_calls(s, call("cudaMemcpy", "copy", 100, CALLS_MS(200), 0), 200);
	s->copies[1] = (struct profile_copy){ PID, "D2H", 100, 400, CALLS_MS(200), { [2] = 100 } };
	s->p->copies_n = 2;
	judged(s, "compute", "gpu-bound",
	       (250 + 20 + 1650 - 210) / 1980. * (240 + 30 * 240. / 245) / 300);
}

static void test_alloc_churn(void **state)
{
	const double share = 60. / 100 * (100 + 30 * 100. / 105) / 160;
	struct serving *s = balanced();

	(void)state;
	stretch_calls(s, call("cudaMalloc", "alloc", 2000, CALLS_MS(60), CALLS_MS(50)), 60);
	s->memory[0] =
		(struct profile_memory){ PID, "serve", "device", 1000, 1000, 1000, 0, 0, 1000, 0 };
	s->p->memory = s->memory;
	s->p->memory_n = 1;
	judged(s, "memory", "alloc-churn", share);

	/* --gpu-calls without them. */
	s = balanced();
	s->p->not_measured = calloc(1, sizeof(*s->p->not_measured));
	assert_non_null(s->p->not_measured);
	s->p->not_measured[0].what = "GPU memory";
	s->p->not_measured_n = 1;
	assert_int_equal(judge(s), 0);
	assert_string_equal(find(s->p, "alloc-churn")->sure, "unknown");
	judged_none(s);
}

/* --- launch --- */

static void test_tiny_kernels(void **state)
{
	struct serving *s = balanced();

	(void)state;
	stretch_calls(s, call("cudaLaunchKernel", "launch", 200000, CALLS_MS(100), CALLS_MS(100)),
		      100);
	s->launchers[0].gaps = 222000;
	s->launchers[0].gap_p50_ns = 1 * US;
	judged(s, "launch", "tiny-kernels",
	       (825 + 60 + 222) / 1155. * (140 + 30 * 140. / 145) / 200);

	/* The device has more to do than the CPU can hand in. */
	s = balanced();
	stretch_calls(s, call("cudaLaunchKernel", "launch", 200000, CALLS_MS(40), CALLS_MS(40)),
		      40);
	stretch_calls(s, call("cudaDeviceSynchronize", "sync", 1000, CALLS_MS(40), 0), 40);
	s->launchers[0].gap_p50_ns = 100 * US;
	judged_none(s);
}

static void test_sync_each_op(void **state)
{
	struct serving *s = balanced();

	(void)state;
	stretch_calls(s, call("cudaDeviceSynchronize", "sync", 20000, CALLS_MS(60), 0), 60);
	judged(s, "launch", "sync-each-op", 745. / 825 * (100 + 30 * 100. / 105) / 160);

	/* As often, but the device works long on each. */
	s = balanced();
	s->calls[1].calls = 400;
	s->calls[2].calls = 100;
	s->calls[0].calls = 200;
	stretch_calls(s, call("cudaDeviceSynchronize", "sync", 200, CALLS_MS(200), 0), 200);
	judged(s, "compute", "gpu-bound", (1900. - 40) / 1980 * (240 + 30 * 240. / 245) / 300);
}

static void spin(struct serving *s)
{
	s->calls[0] = call("cudaStreamSynchronize", "sync", 1000, 250 * MS, 250 * MS);
	s->parts[PASS].slow.on_cpu_ns += s->parts[PASS].slow.blocked_ns;
	s->parts[PASS].slow.blocked_ns = 0;
	s->parts[PASS].slow.blocked_by_ns[CAUSE_GPU_CALL] = 0;
	s->parts[PASS].split = s->parts[PASS].slow;
}

static void test_spinning(void **state)
{
	struct serving *s = balanced();

	(void)state;
	/* Its other threads wait for the CPU meanwhile. */
	spin(s);
	stretch_queued(s, REPLY, 60, 0);
	steal(s, PID, "executor", 50);
	judged(s, "launch", "spinning-sync", ((40 + 30 * 40. / 45) * 250 / 330 + 60) / 160);

	/* Others do not want the CPU: it is only how the device is waited for. */
	s = balanced();
	spin(s);
	judged_none(s);

	/* Its other threads wait for that CPU for longer than they run: 20 ms. */
	s = balanced();
	spin(s);
	s->p->threads[0].comm = "http";
	s->p->threads[0].state_ns[PROFILE_ON_CPU] = 20 * MS;
	s->p->threads = realloc(s->p->threads, 2 * sizeof(*s->p->threads));
	assert_non_null(s->p->threads);
	s->p->threads[1] = s->p->threads[0];
	s->p->threads[1].comm = "executor";
	s->p->threads_n = 2;
	s->launchers[0].thread = 1;
	steal(s, PID, "executor", 30);
	judged(s, "launch", "spinning-sync", (40 + 30 * 40. / 45) * 250 / 330 / 100);

	/* Somebody else has it. */
	s = balanced();
	spin(s);
	stretch_queued(s, REPLY, 60, 0);
	steal(s, 7, "burner", 50);
	judged(s, "scheduling", "preempted", 60. / 160);
}

/* --- compute --- */

static void test_gpu_bound(void **state)
{
	struct serving *s = balanced();

	(void)state;
	stretch_calls(s, call("cudaDeviceSynchronize", "sync", 100, CALLS_MS(200), 0), 200);
	judged(s, "compute", "gpu-bound", 1900. / 1980 * (240 + 30 * 240. / 245) / 300);

	s = balanced();
	stretch_calls(s, call("cudaDeviceSynchronize", "sync", 100, CALLS_MS(200), 0), 200);
	s->passes[0].padded = 10000;
	judged(s, "compute", "padding", .6 * 275. / 300);

	/* A little of it is no news. */
	s = balanced();
	s->passes[0].padded = 5000;
	judged_none(s);
}

/* --- what is not known --- */

static void test_no_requests(void **state)
{
	static const char *const unknown[] = { "queue-before-batch",
					       "queue-before-stage",
					       "lock",
					       "network",
					       "slow-stage",
					       "padding" };
	struct serving *s = balanced();

	(void)state;
	s->p->requests_n = 0;
	s->p->threads[0].call_ns = 180 * MS;
	s->p->threads[0].blocked_by_ns[CAUSE_GPU_CALL] = 200 * MS;
	s->calls[3] = call("cudaMalloc", "alloc", 2000, 450 * MS, 450 * MS);
	s->p->calls_n = 4;
	assert_int_equal(judge(s), 0);
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
		assert_non_null(find(s->p, unknown[i]));
		assert_string_equal(find(s->p, unknown[i])->sure, "unknown");
	}
	assert_int_equal(s->p->verdicts_n, 7);
	assert_string_equal(s->p->verdicts[0].share_of, "busy time of the threads that launch");
	judged(s, "memory", "alloc-churn", 180 * 450. / 780 / 400);
}

static void test_no_lengths(void **state)
{
	struct serving *s = balanced();

	(void)state;
	s->p->entries_only = true;
	assert_int_equal(judge(s), 0);
	assert_non_null(strstr(find(s->p, "gpu-bound")->missing, "--returns none"));
	judged_none(s);
}

/* No CUDA call, no launch: the busiest process. */
static void test_no_calls(void **state)
{
	struct profile *p = profile_new();
	struct profile_thread t = make_thread(1, PID, PID + 1, "job", "worker");

	(void)state;
	assert_non_null(p);
	p->duration_ns = 1000 * MS;
	p->runtime = "none";
	t.state_ns[PROFILE_ON_CPU] = 200 * MS;
	t.state_ns[PROFILE_PREEMPTED] = 300 * MS;
	t.throttled_ns = 250 * MS;
	assert_int_equal(profile_add_thread(p, &t, 100), 0);
	t = make_thread(2, PID + 100, PID + 101, "idle", "idler");
	t.state_ns[PROFILE_ON_CPU] = 1 * MS;
	assert_int_equal(profile_add_thread(p, &t, 100), 0);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(verdict_judge(p), 0);
	check_rows(p);
	assert_string_equal(p->verdicts[0].rule, "throttled");
	assert_int_equal(p->verdicts[0].pid, PID);
	assert_true(p->verdicts[0].share == .5);
	assert_null(find(p, "gpu-bound"));
	profile_free(p);
}

static void test_empty(void **state)
{
	struct profile *p = profile_new();

	(void)state;
	assert_non_null(p);
	p->duration_ns = 1000 * MS;
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(verdict_judge(p), 0);
	assert_int_equal(p->verdicts_n, 1);
	assert_string_equal(p->verdicts[0].rule, "none");
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),	     cmocka_unit_test(test_queue_before_batch),
		cmocka_unit_test(test_stages),	     cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_lock),	     cmocka_unit_test(test_streams),
		cmocka_unit_test(test_io),	     cmocka_unit_test(test_network),
		cmocka_unit_test(test_copies),	     cmocka_unit_test(test_alloc_churn),
		cmocka_unit_test(test_tiny_kernels), cmocka_unit_test(test_sync_each_op),
		cmocka_unit_test(test_spinning),     cmocka_unit_test(test_gpu_bound),
		cmocka_unit_test(test_no_requests),  cmocka_unit_test(test_no_lengths),
		cmocka_unit_test(test_no_calls),     cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
