/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Marks made by hand, and what became of them. */
#ifndef REQUESTS_BY_HAND_H
#define REQUESTS_BY_HAND_H

#include "random_profile.h"

#define PID   10
#define GROUP 7

static inline struct profile *new_profile(void)
{
	struct profile *p = profile_new();
	struct profile_thread t = make_thread(1, PID, PID, "serve", "serve");

	assert_non_null(p);
	p->duration_ns = 2000;
	p->stages_known = true;
	t.state_ns[PROFILE_ON_CPU] = 2000;
	assert_int_equal(profile_add_thread(p, &t, 100), 0);
	return p;
}

static inline void add_event(struct profile *p, struct profile_event e)
{
	e.pid = e.pid ? e.pid : PID;
	assert_int_equal(profile_add_event(p, &e), 0);
}

static inline void begin_at(struct profile *p, uint64_t request, int64_t time, int64_t arrival)
{
	add_event(p, (struct profile_event){ .kind = EVENT_REQUEST_BEGIN,
					     .request = request,
					     .time_ns = time,
					     .value = arrival });
}

static inline void end_at(struct profile *p, uint64_t request, int64_t time, int64_t in,
			  int64_t out)
{
	add_event(p, (struct profile_event){ .kind = EVENT_REQUEST_END,
					     .request = request,
					     .time_ns = time,
					     .value = in,
					     .value2 = out });
}

static inline void wait_from(struct profile *p, const char *name, uint64_t request, int64_t time)
{
	add_event(p, (struct profile_event){ .kind = EVENT_WAIT_BEGIN,
					     .name = name,
					     .request = request,
					     .time_ns = time });
}

static inline void wait_to(struct profile *p, const char *name, uint64_t request, int64_t time)
{
	add_event(p, (struct profile_event){ .kind = EVENT_WAIT_END,
					     .name = name,
					     .request = request,
					     .time_ns = time });
}

static inline void member_at(struct profile *p, uint32_t tid, uint64_t pass, uint64_t request,
			     int64_t time)
{
	add_event(p, (struct profile_event){ .kind = EVENT_PASS_MEMBER,
					     .tid = tid,
					     .pass = pass,
					     .request = request,
					     .group = GROUP,
					     .time_ns = time });
}

static inline void leave_at(struct profile *p, uint64_t request, int64_t time)
{
	add_event(p, (struct profile_event){ .kind = EVENT_GROUP_LEAVE,
					     .request = request,
					     .group = GROUP,
					     .time_ns = time });
}

/* Blocked on a lock, on the run queue, inside calls; the rest is on-CPU. */
struct spent {
	uint64_t blocked, queue, calls;
};

static inline void add_span(struct profile *p, struct profile_span s, uint64_t begin, uint64_t end,
			    struct spent spent)
{
	s.pid = s.pid ? s.pid : PID;
	s.begin_ns = begin;
	s.end_ns = end;
	s.split.blocked_ns = s.split.blocked_by_ns[CAUSE_LOCK] = spent.blocked;
	s.split.run_queue_ns = spent.queue;
	s.split.calls_ns = spent.calls;
	assert_int_equal(profile_add_span(p, &s), 0);
}

/* A request's own. */
static inline void stage(struct profile *p, const char *name, uint32_t tid, uint64_t request,
			 uint64_t begin, uint64_t end, struct spent spent)
{
	add_span(p, (struct profile_span){ .name = name, .tid = tid, .request = request }, begin,
		 end, spent);
}

/* In a pass. */
static inline void inner(struct profile *p, const char *name, uint32_t tid, uint64_t begin,
			 uint64_t end, struct spent spent)
{
	add_span(p, (struct profile_span){ .name = name, .tid = tid, .depth = 1, .group = GROUP },
		 begin, end, spent);
}

static inline void pass(struct profile *p, const char *name, uint32_t tid, uint64_t id,
			uint32_t requests, uint64_t begin, uint64_t end, struct spent spent)
{
	add_span(p,
		 (struct profile_span){ .name = name,
					.kind = SPAN_PASS,
					.tid = tid,
					.id = id,
					.group = GROUP,
					.requests = requests,
					.tokens = 5 * requests,
					.padded = 8 * requests },
		 begin, end, spent);
}

static inline const struct profile_part *find_part(const struct profile_requests *r,
						   const char *name)
{
	for (size_t i = 0; i < r->parts_n; i++)
		if (!strcmp(r->parts[i].name, name))
			return &r->parts[i];
	return NULL;
}

/* What must hold of any profile: parts are a partition of the latencies, splits of their walls. */
static inline void check_split(const struct profile_split *s)
{
	uint64_t blocked = 0;

	if (s->blocked_ns == PROFILE_UNKNOWN) {
		assert_true(s->on_cpu_ns == PROFILE_UNKNOWN);
		return;
	}
	assert_int_equal(s->wall_ns, s->on_cpu_ns + s->run_queue_ns + s->blocked_ns);
	assert_true(s->throttled_ns == PROFILE_UNKNOWN || s->throttled_ns <= s->run_queue_ns);
	assert_true(s->calls_ns == PROFILE_UNKNOWN || s->calls_ns <= s->wall_ns);
	for (unsigned int c = 0; c < CAUSES; c++)
		blocked += s->blocked_by_ns[c];
	assert_int_equal(blocked, s->blocked_ns);
}

static inline void check_requests(const struct profile_requests *r)
{
	uint64_t wall = 0, marked = 0, slow = 0, slow_marked = 0;
	double shares[3] = { 0 };

	for (size_t i = 0; i < r->parts_n; i++) {
		const struct profile_part *part = &r->parts[i];

		wall += part->split.wall_ns;
		slow += part->slow.wall_ns;
		if (part->kind == PART_STAGE || part->kind == PART_OTHERS) {
			marked += part->split.wall_ns;
			slow_marked += part->slow.wall_ns;
		}
		shares[0] += part->share_p50;
		shares[1] += part->share_p95;
		shares[2] += part->share_p99;
		check_split(&part->split);
		check_split(&part->slow);
		assert_true(part->requests && part->requests <= r->count);
		assert_true(part->spans >= part->requests);
		assert_true(part->times.p50_ns <= part->times.p95_ns);
		assert_true(part->times.p95_ns <= part->times.p99_ns);
		assert_true(part->times.p99_ns <= part->times.max_ns);
		assert_true(part->times.max_ns <= r->latency.max_ns);
		assert_true(part->slow.wall_ns <= part->split.wall_ns);
	}
	assert_int_equal(wall, r->latency_ns);
	assert_int_equal(marked, r->split.wall_ns);
	assert_int_equal(slow_marked, r->split_slow.wall_ns);
	for (int i = 0; i < 3; i++)
		assert_true(!r->latency_ns || (shares[i] > 0.999999 && shares[i] < 1.000001));
	assert_true(!r->count || (r->slow >= 1 && slow >= r->latency.p95_ns));
	assert_true(r->begun >= r->count + r->lost);
}

static const struct spent cpu = { 0, 0, 0 };

#define PART(r, name) part_with(r, name)
static inline const struct profile_part *part_with(const struct profile_requests *r,
						   const char *name)
{
	const struct profile_part *part = find_part(r, name);

	if (!part)
		fail_msg("no part \"%s\"", name);
	return part;
}

/*
 * Request 1 arrives at 100, 2 at 400. Thread 1 tokenises, thread 2 runs the passes: a prefill of 1, one
 * of 2, during which 1 waits, and two decodes of both.
 */
static inline void two_requests(struct profile *p)
{
	begin_at(p, 1, 120, 100);
	stage(p, "tokenise", 1, 1, 200, 300, (struct spent){ 20, 10, 0 });
	wait_from(p, "batch queue", 1, 310);
	wait_to(p, "batch queue", 1, 500);
	inner(p, "copy in", 2, 500, 520, (struct spent){ 0, 0, 18 });
	inner(p, "launch", 2, 520, 600, (struct spent){ 0, 5, 60 });
	inner(p, "wait for device", 2, 600, 690, (struct spent){ 80, 0, 90 });
	pass(p, "prefill", 2, 1, 1, 490, 700, (struct spent){ 81, 6, 168 });
	member_at(p, 2, 1, 1, 495);

	begin_at(p, 2, 400, 400);
	stage(p, "tokenise", 1, 2, 410, 450, cpu);
	wait_from(p, "batch queue", 2, 450);
	wait_to(p, "batch queue", 2, 800);
	member_at(p, 2, 6, 2, 792);
	pass(p, "prefill", 2, 6, 1, 790, 900, (struct spent){ 50, 0, 0 });

	pass(p, "decode", 2, 7, 2, 900, 1000, (struct spent){ 30, 0, 0 });
	pass(p, "decode", 2, 8, 2, 1000, 1100, (struct spent){ 30, 0, 0 });
	leave_at(p, 1, 1105);
	leave_at(p, 2, 1110);
	stage(p, "detokenise", 3, 1, 1120, 1180, cpu);
	end_at(p, 1, 1200, 10, 3);
	end_at(p, 2, 1300, 20, 3);
}

#endif /* REQUESTS_BY_HAND_H */
