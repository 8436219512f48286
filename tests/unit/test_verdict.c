/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The verdict: for every rule a profile made by hand that it must name first, and near misses that it
 * must not. */
#include "random_profile.h"
#include "verdict.h"

#define US  1000ULL
#define MS  1000000ULL
#define PID 42

/* A server with requests: what it does for the slow ones, in ms a part. Passes and their queue, and a
 * tokenise stage with its queue. */
#define PARTS 6
enum { TOKEN_QUEUE, TOKENISE, BATCH_QUEUE, PASS, OTHERS, REPLY };

struct serving {
	struct profile *p;
	struct profile_requests requests;
	struct profile_part parts[PARTS];
	struct profile_pass passes[1];
	struct profile_stage stages[2];
	struct profile_call calls[8];
	struct profile_copy copies[2];
	struct profile_launcher launchers[1];
	struct profile_stream streams[3];
	struct profile_steal steals[2];
	struct profile_memory memory[1];
	struct profile_io io[2];
};

static struct profile_split unknown_split(uint64_t wall)
{
	struct profile_split s = { .wall_ns = wall,
				   .on_cpu_ns = PROFILE_UNKNOWN,
				   .run_queue_ns = PROFILE_UNKNOWN,
				   .blocked_ns = PROFILE_UNKNOWN,
				   .throttled_ns = PROFILE_UNKNOWN,
				   .calls_ns = PROFILE_UNKNOWN };

	for (int c = 0; c < CAUSES; c++)
		s.blocked_by_ns[c] = PROFILE_UNKNOWN;
	return s;
}

static struct profile_quantiles times(uint64_t ns)
{
	return (struct profile_quantiles){ ns / 2, ns, ns, ns };
}

static struct profile_call call(const char *name, const char *group, uint64_t calls, uint64_t wall,
				uint64_t on_cpu)
{
	const bool long_ones = wall >= calls * 20 * US;

	return (struct profile_call){ .pid = PID,
				      .process = "serve",
				      .name = name,
				      .api = "runtime",
				      .group = group,
				      .calls = calls,
				      .wall_ns = wall,
				      .on_cpu_ns = on_cpu,
				      .blocked_ns = wall - on_cpu,
				      .p50_ns = calls ? wall / calls : PROFILE_UNKNOWN,
				      .p95_ns = calls ? wall / calls : PROFILE_UNKNOWN,
				      .p99_ns = calls ? wall / calls : PROFILE_UNKNOWN,
				      .max_ns = calls ? wall / calls : 0,
				      .waited = long_ones ? calls : 0,
				      .blocked_calls = long_ones && on_cpu * 2 <= wall ? calls : 0,
				      .spun = long_ones && on_cpu * 4 >= wall * 3 ? calls : 0,
				      .is_sync = !strcmp(group, "sync"),
				      .is_async_copy = strstr(name, "Async") != NULL };
}

static struct profile *bare(void)
{
	struct profile *p = profile_new();
	struct profile_thread t = make_thread(1, PID, PID + 1, "serve", "executor");

	assert_non_null(p);
	p->duration_ns = 1000 * MS;
	p->runtime = "nvidia";
	t.state_ns[PROFILE_ON_CPU] = 200 * MS;
	t.state_ns[PROFILE_BLOCKED] = 800 * MS;
	assert_int_equal(profile_add_thread(p, &t, 100), 0);
	assert_int_equal(profile_finish(p), 0);
	return p;
}

/* Ten slow requests of 10 ms each: 1 ms tokenise, 1 ms queues, 4.5 ms passes (2.5 of them waiting for the
 * device, 1 ms launching), 3 ms behind others, 0.5 ms reply. Nothing stands out. */
static struct serving *balanced(void)
{
	static struct serving s;
	static const char *const names[PARTS] = { "tokeniser queue",  "tokenise",
						  "batch queue",      "decode",
						  "[pass of others]", "reply" };
	static const uint8_t kinds[PARTS] = { PART_WAIT,  PART_STAGE,  PART_WAIT,
					      PART_STAGE, PART_OTHERS, PART_STAGE };
	static const uint64_t walls[PARTS] = { 5, 10, 5, 45, 30, 5 };

	s = (struct serving){ .p = bare() };
	for (int i = 0; i < PARTS; i++) {
		s.parts[i] = (struct profile_part){
			.name = names[i],
			.kind = kinds[i],
			.in_pass = i == PASS,
			.requests = 200,
			.spans = 200,
			.times = times(walls[i] * MS / 10),
			.behind_ns = kinds[i] == PART_WAIT ? 0 : PROFILE_UNKNOWN,
			.behind_slow_ns = kinds[i] == PART_WAIT ? 0 : PROFILE_UNKNOWN,
			.woken_slow_ns = kinds[i] == PART_WAIT ? 0 : PROFILE_UNKNOWN,
			.throttled_slow_ns = kinds[i] == PART_WAIT ? 0 : PROFILE_UNKNOWN,
			.slow = unknown_split(walls[i] * MS),
		};
		if (kinds[i] == PART_STAGE) {
			memset(&s.parts[i].slow, 0, sizeof(s.parts[i].slow));
			s.parts[i].slow.wall_ns = walls[i] * MS;
			s.parts[i].slow.on_cpu_ns = walls[i] * MS;
		}
	}
	s.parts[PASS].slow.on_cpu_ns = 20 * MS;
	s.parts[PASS].slow.blocked_ns = 25 * MS;
	s.parts[PASS].slow.blocked_by_ns[CAUSE_GPU_CALL] = 25 * MS;
	s.parts[PASS].slow.calls_ns = 40 * MS;
	for (int i = 0; i < PARTS; i++)
		s.parts[i].split = s.parts[i].slow;
	s.passes[0] = (struct profile_pass){ .name = "decode",
					     .count = 1000,
					     .requests = 4000,
					     .tokens = 4000,
					     .padded = 4000,
					     .sizes = { [4] = 1000 },
					     .times = times(1 * MS) };
	s.stages[0] = (struct profile_stage){ .pid = PID,
					      .process = "serve",
					      .name = "decode",
					      .count = 1000,
					      .split = s.parts[PASS].slow };
	s.stages[1] = (struct profile_stage){ .pid = PID,
					      .process = "serve",
					      .name = "tokenise",
					      .count = 200,
					      .split = s.parts[TOKENISE].slow };
	s.calls[0] = call("cudaStreamSynchronize", "sync", 1000, 250 * MS, 2 * MS);
	s.calls[1] = call("cudaLaunchKernel", "launch", 22000, 60 * MS, 60 * MS);
	s.calls[2] = call("cudaMemcpyAsync", "copy", 2000, 20 * MS, 20 * MS);
	s.copies[0] =
		(struct profile_copy){ PID, "H2D", 2000, 2000 * 4096, 20 * MS, { [12] = 2000 } };
	s.launchers[0] = (struct profile_launcher){ .launches = 22000,
						    .wall_ns = 60 * MS,
						    .gaps = 21999,
						    .gap_ns = 900 * MS,
						    .gap_max_ns = 9 * MS,
						    .gap_p50_ns = 2 * US,
						    .gap_p95_ns = 5 * US,
						    .gap_p99_ns = 1 * MS };
	s.requests = (struct profile_requests){ .pid = PID,
						.process = "serve",
						.count = 200,
						.begun = 200,
						.tokens_out = 1000,
						.latency = times(10 * MS),
						.slow = 10,
						.parts = s.parts,
						.parts_n = PARTS,
						.passes = s.passes,
						.passes_n = 1 };
	s.p->requests = &s.requests;
	s.p->requests_n = 1;
	s.p->stages = s.stages;
	s.p->stages_n = 2;
	s.p->stages_known = true;
	s.p->calls = s.calls;
	s.p->calls_n = 3;
	s.p->copies = s.copies;
	s.p->copies_n = 1;
	s.p->launchers = s.launchers;
	s.p->launchers_n = 1;
	return &s;
}

/* What is not the profile's own goes back before it is freed. */
static void done(struct profile *p)
{
	p->requests = NULL;
	p->stages = NULL;
	p->calls = NULL;
	p->copies = NULL;
	p->launchers = NULL;
	p->streams = NULL;
	p->steals = NULL;
	p->memory = NULL;
	p->io = NULL;
	p->requests_n = p->stages_n = p->calls_n = p->copies_n = p->launchers_n = p->streams_n = 0;
	p->steals_n = p->memory_n = p->io_n = 0;
	profile_free(p);
}

static const struct profile_verdict *find(const struct profile *p, const char *rule)
{
	for (size_t i = 0; i < p->verdicts_n; i++)
		if (!strcmp(p->verdicts[i].rule, rule))
			return &p->verdicts[i];
	return NULL;
}

static void check_rows(const struct profile *p)
{
	double last = 2;

	assert_true(p->verdicts_n > 0);
	for (size_t i = 0; i < p->verdicts_n; i++) {
		const struct profile_verdict *v = &p->verdicts[i];

		assert_true(v->share <= last && v->share <= 1);
		last = v->share;
		assert_non_null(v->kind);
		assert_non_null(v->advice);
		assert_non_null(v->fix_at);
		assert_non_null(v->share_of);
		assert_true((v->missing != NULL) == !strcmp(v->sure, "unknown"));
		assert_true((v->missing != NULL) == (v->share < 0));
		assert_true(v->missing || v->evidence_n > 0);
		for (size_t k = 0; k < v->evidence_n; k++) {
			assert_non_null(v->evidence[k]);
			assert_null(strstr(v->evidence[k], "unknown"));
			/* Each has a number. */
			assert_non_null(strpbrk(v->evidence[k], "0123456789"));
		}
	}
}

/* The stages' table is of the same time. */
static int judge(struct serving *s)
{
	s->stages[0].split = s->parts[PASS].split;
	s->stages[1].split = s->parts[TOKENISE].split;
	return verdict_judge(s->p);
}

static void judged(struct serving *s, const char *kind, const char *rule, double share)
{
	const struct profile_verdict *v;

	assert_int_equal(judge(s), 0);
	check_rows(s->p);
	v = &s->p->verdicts[0];
	if (strcmp(v->rule, rule) || strcmp(v->kind, kind) || v->share < share - 0.011 ||
	    v->share > share + 0.011) {
		for (size_t i = 0; i < s->p->verdicts_n; i++)
			print_message("%s/%s %.3f\n", s->p->verdicts[i].kind,
				      s->p->verdicts[i].rule, s->p->verdicts[i].share);
		fail_msg("wanted %s/%s %.2f", kind, rule, share);
	}
	assert_int_equal(v->pid, PID);
	done(s->p);
}

static void judged_none(struct serving *s)
{
	assert_int_equal(judge(s), 0);
	check_rows(s->p);
	if (strcmp(s->p->verdicts[0].rule, "none"))
		fail_msg("%s holds: %.3f", s->p->verdicts[0].rule, s->p->verdicts[0].share);
	assert_string_equal(s->p->verdicts[0].kind, "none");
	done(s->p);
}

static void stretch(struct serving *s, int part, uint64_t ms)
{
	s->parts[part].slow.wall_ns += ms * MS;
	s->parts[part].split.wall_ns += ms * MS;
}

static void stretch_cpu(struct serving *s, int part, uint64_t ms)
{
	stretch(s, part, ms);
	s->parts[part].slow.on_cpu_ns += ms * MS;
	s->parts[part].split.on_cpu_ns += ms * MS;
}

static void stretch_blocked(struct serving *s, int part, enum wait_cause cause, uint64_t ms)
{
	stretch(s, part, ms);
	s->parts[part].slow.blocked_ns += ms * MS;
	s->parts[part].slow.blocked_by_ns[cause] += ms * MS;
	s->parts[part].split.blocked_ns += ms * MS;
	s->parts[part].split.blocked_by_ns[cause] += ms * MS;
}

static void stretch_queued(struct serving *s, int part, uint64_t ms, uint64_t throttled_ms)
{
	stretch(s, part, ms);
	s->parts[part].slow.run_queue_ns += ms * MS;
	s->parts[part].slow.throttled_ns += throttled_ms * MS;
	s->parts[part].split.run_queue_ns += ms * MS;
	s->parts[part].split.throttled_ns += throttled_ms * MS;
}

/* More time in calls of the pass, by ms, and in those of the process accordingly: its calls are 8.25 times
 * those of the slow requests. */
#define CALLS_MS(ms) ((ms)*MS * 33 / 4)
static void stretch_calls(struct serving *s, struct profile_call c, uint64_t ms)
{
	if (c.on_cpu_ns * 2 > c.wall_ns)
		stretch_cpu(s, PASS, ms);
	else
		stretch_blocked(s, PASS, CAUSE_GPU_CALL, ms);
	s->parts[PASS].slow.calls_ns += ms * MS;
	s->parts[PASS].split.calls_ns += ms * MS;
	s->calls[s->p->calls_n++] = c;
}

static void queue(struct serving *s, int part, uint64_t ms, uint64_t behind_ms)
{
	stretch(s, part, ms);
	s->parts[part].behind_slow_ns = behind_ms * MS;
	s->parts[part].behind_ns = behind_ms * MS;
}

/* Who had the CPU, in ms. */
static void steal(struct serving *s, uint32_t by, const char *comm, uint64_t ms)
{
	s->steals[s->p->steals_n++] = (struct profile_steal){ .pid = PID,
							      .process = "serve",
							      .by_pid = by,
							      .by_comm = comm,
							      .waits = 100,
							      .wall_ns = ms * MS };
	s->p->steals = s->steals;
}

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
