/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A server's profile for verdicts: nothing stands out, until some part of it is stretched. */
#ifndef VERDICT_BY_HAND_H
#define VERDICT_BY_HAND_H

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

static inline struct profile_split unknown_split(uint64_t wall)
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

static inline struct profile_quantiles times(uint64_t ns)
{
	return (struct profile_quantiles){ ns / 2, ns, ns, ns };
}

static inline struct profile_call call(const char *name, const char *group, uint64_t calls,
				       uint64_t wall, uint64_t on_cpu)
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

static inline struct profile *bare(void)
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
static inline struct serving *balanced(void)
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
static inline void done(struct profile *p)
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

static inline const struct profile_verdict *find(const struct profile *p, const char *rule)
{
	for (size_t i = 0; i < p->verdicts_n; i++)
		if (!strcmp(p->verdicts[i].rule, rule))
			return &p->verdicts[i];
	return NULL;
}

static inline void check_rows(const struct profile *p)
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
static inline int judge(struct serving *s)
{
	s->stages[0].split = s->parts[PASS].split;
	s->stages[1].split = s->parts[TOKENISE].split;
	return verdict_judge(s->p);
}

static inline void judged(struct serving *s, const char *kind, const char *rule, double share)
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

static inline void judged_none(struct serving *s)
{
	assert_int_equal(judge(s), 0);
	check_rows(s->p);
	if (strcmp(s->p->verdicts[0].rule, "none"))
		fail_msg("%s holds: %.3f", s->p->verdicts[0].rule, s->p->verdicts[0].share);
	assert_string_equal(s->p->verdicts[0].kind, "none");
	done(s->p);
}

static inline void stretch(struct serving *s, int part, uint64_t ms)
{
	s->parts[part].slow.wall_ns += ms * MS;
	s->parts[part].split.wall_ns += ms * MS;
}

static inline void stretch_cpu(struct serving *s, int part, uint64_t ms)
{
	stretch(s, part, ms);
	s->parts[part].slow.on_cpu_ns += ms * MS;
	s->parts[part].split.on_cpu_ns += ms * MS;
}

static inline void stretch_blocked(struct serving *s, int part, enum wait_cause cause, uint64_t ms)
{
	stretch(s, part, ms);
	s->parts[part].slow.blocked_ns += ms * MS;
	s->parts[part].slow.blocked_by_ns[cause] += ms * MS;
	s->parts[part].split.blocked_ns += ms * MS;
	s->parts[part].split.blocked_by_ns[cause] += ms * MS;
}

static inline void stretch_queued(struct serving *s, int part, uint64_t ms, uint64_t throttled_ms)
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
static inline void stretch_calls(struct serving *s, struct profile_call c, uint64_t ms)
{
	if (c.on_cpu_ns * 2 > c.wall_ns)
		stretch_cpu(s, PASS, ms);
	else
		stretch_blocked(s, PASS, CAUSE_GPU_CALL, ms);
	s->parts[PASS].slow.calls_ns += ms * MS;
	s->parts[PASS].split.calls_ns += ms * MS;
	s->calls[s->p->calls_n++] = c;
}

static inline void queue(struct serving *s, int part, uint64_t ms, uint64_t behind_ms)
{
	stretch(s, part, ms);
	s->parts[part].behind_slow_ns = behind_ms * MS;
	s->parts[part].behind_ns = behind_ms * MS;
}

/* Who had the CPU, in ms. */
static inline void steal(struct serving *s, uint32_t by, const char *comm, uint64_t ms)
{
	s->steals[s->p->steals_n++] = (struct profile_steal){ .pid = PID,
							      .process = "serve",
							      .by_pid = by,
							      .by_comm = comm,
							      .waits = 100,
							      .wall_ns = ms * MS };
	s->p->steals = s->steals;
}

#endif /* VERDICT_BY_HAND_H */
