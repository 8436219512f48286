/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A made-up trace of a server: requests that come at random, their latencies, calls and waits drawn at
 * random, and with it a run's own luck. What infbpf would have written of it. */
#ifndef SERVED_RUN_H
#define SERVED_RUN_H

#include <math.h>
#include "random_profile.h"

struct served_options {
	double seconds, rate; /* of the window; requests a second */
	double queue, decode; /* what a request spends waiting and in decode on average, ns */
	double luck;	      /* how much runs differ in themselves: 0.05 */
	uint64_t seed;
};

#define SERVED_THREADS 3
struct served_run {
	struct profile p;
	struct profile_thread threads[SERVED_THREADS];
	struct profile_call calls[2];
	struct profile_stage stages[1];
	struct profile_requests requests[1];
	struct profile_part parts[2];
	struct profile_wait waits[1];
};

static inline double served_uniform(uint64_t *seed)
{
	return (double)(rnd(seed) >> 11) / 9007199254740992.0 + 1e-17;
}

static inline double served_normal(uint64_t *seed)
{
	return sqrt(-2 * log(served_uniform(seed))) * cos(6.283185307179586 * served_uniform(seed));
}

static inline int served_rising(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* As a histogram of 16 buckets an octave tells it. */
static inline uint64_t served_bucket(double ns)
{
	return hist_bucket_mid(hist_bucket((uint64_t)ns));
}

static inline struct profile_quantiles served_quantiles(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), served_rising);
	return (struct profile_quantiles){ served_bucket(v[n / 2]), served_bucket(v[n * 95 / 100]),
					   served_bucket(v[n * 99 / 100]), (uint64_t)v[n - 1] };
}

static inline uint64_t served_sum(const double *v, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i];
	return (uint64_t)sum;
}

/* n times of this average, a long tail to the right. */
static inline void served_times(double *v, size_t n, double average, uint64_t *seed)
{
	for (size_t i = 0; i < n; i++)
		v[i] = average * exp(0.6 * served_normal(seed) - 0.18);
}

static inline struct profile_part served_part(const char *name, int kind, double *v, size_t n)
{
	struct profile_part part = {
		.name = name, .kind = (uint8_t)kind, .requests = n, .spans = n
	};

	part.split.wall_ns = served_sum(v, n);
	part.split.blocked_ns = part.split.wall_ns;
	part.split.blocked_by_ns[CAUSE_LOCK] = part.split.wall_ns;
	part.times = served_quantiles(v, n);
	part.share_p50 = part.share_p95 = part.share_p99 = 0.5;
	return part;
}

static inline struct profile_call served_call(const char *name, size_t requests, size_t each,
					      double average, double *v, uint64_t *seed)
{
	const size_t n = requests * each;
	struct profile_call c = { .pid = 10, .process = "serve", .name = name, .calls = n };
	struct profile_quantiles q;

	served_times(v, n, average, seed);
	c.wall_ns = served_sum(v, n);
	c.on_cpu_ns = c.wall_ns / 2;
	c.blocked_ns = c.wall_ns - c.on_cpu_ns;
	c.run_queue_ns = 0;
	q = served_quantiles(v, n);
	c.p50_ns = q.p50_ns;
	c.p95_ns = q.p95_ns;
	c.p99_ns = q.p99_ns;
	c.max_ns = q.max_ns;
	return c;
}

static inline void served_thread(struct served_run *r, size_t i, const char *comm, double busy,
				 size_t requests)
{
	struct profile_thread *t = &r->threads[i];

	*t = make_thread(i + 1, 10, (uint32_t)(11 + i), "serve", comm);
	t->wall_ns = r->p.duration_ns;
	t->state_ns[PROFILE_ON_CPU] = (uint64_t)(busy * (double)t->wall_ns);
	t->state_ns[PROFILE_BLOCKED] = t->wall_ns - t->state_ns[PROFILE_ON_CPU];
	t->blocked_by_ns[CAUSE_LOCK] = t->state_ns[PROFILE_BLOCKED];
	t->voluntary = requests * 7;
	t->involuntary = requests / 3;
}

static inline struct served_run *served_run(const struct served_options *o)
{
	struct served_run *r = calloc(1, sizeof(*r));
	uint64_t seed = o->seed * 2654435761 + 1;
	const double luck = exp(o->luck * served_normal(&seed)), mean = o->rate * o->seconds;
	const size_t n = (size_t)fmax(1, mean + sqrt(mean) * served_normal(&seed));
	double *queue = calloc(4 * n, sizeof(double)), *decode = queue + n, *all = queue + 2 * n;
	double *v = calloc(n * 8, sizeof(double));

	served_times(queue, n, o->queue * luck, &seed);
	served_times(decode, n, o->decode * luck, &seed);
	for (size_t i = 0; i < n; i++)
		all[i] = queue[i] + decode[i];
	r->p = (struct profile){ .duration_ns = (uint64_t)(o->seconds * 1e9),
				 .host = "h",
				 .kernel = "6.1",
				 .runtime = "emu",
				 .target = "serve (10)",
				 .period_ns = 10000000,
				 .stages_known = true,
				 .threads = r->threads,
				 .threads_n = SERVED_THREADS,
				 .calls = r->calls,
				 .calls_n = 2,
				 .stages = r->stages,
				 .stages_n = 1,
				 .requests = r->requests,
				 .requests_n = 1,
				 .waits = r->waits,
				 .waits_n = 1 };
	r->requests[0] = (struct profile_requests){ .pid = 10,
						    .process = "serve",
						    .count = n,
						    .begun = n,
						    .tokens_in = 20 * n,
						    .tokens_out = 16 * n,
						    .parts = r->parts,
						    .parts_n = 2 };
	r->requests[0].latency_ns = served_sum(all, n);
	r->requests[0].latency = served_quantiles(all, n);
	r->requests[0].first_token = r->requests[0].per_token = r->requests[0].latency;
	r->requests[0].split.wall_ns = r->requests[0].latency_ns;
	r->parts[0] = served_part("queue", PART_WAIT, queue, n);
	r->parts[1] = served_part("decode", PART_STAGE, decode, n);
	r->stages[0] = (struct profile_stage){ .pid = 10,
					       .process = "serve",
					       .name = "decode",
					       .count = n,
					       .split = r->parts[1].split,
					       .times = r->parts[1].times };
	r->calls[0] = served_call("cudaLaunchKernel", n, 8, 2000 * luck, v, &seed);
	r->calls[1] = served_call("cudaStreamSynchronize", n, 2, o->decode * luck / 3, v, &seed);
	served_thread(r, 0, "executor", fmin(1, 0.4 * luck), n);
	served_thread(r, 1, "batcher", fmin(1, 0.02 * luck), n);
	served_thread(r, 2, "idle", 0, 1);
	r->waits[0] = (struct profile_wait){ .pid = 10,
					     .process = "serve",
					     .kind = KIND_FUTEX,
					     .blocked_ns = r->threads[0].state_ns[PROFILE_BLOCKED],
					     .waits = 5 * n };
	free(queue);
	free(v);
	return r;
}

#endif /* SERVED_RUN_H */
