/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a scenario does while the server runs. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "server.h"

/* cgroup-throttle: CPU time to tokenise a request, so that there is something to throttle. */
#define QUOTA_WORK_MS 5

static uint64_t thread_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* Tokenises over and over for so much CPU time. */
static void tokenise_long(const struct bpe *b, const char *text, double ms)
{
	uint64_t until = thread_cpu_ns() + (uint64_t)(ms * 1e6);
	int32_t token[MODEL_MAX_PROMPT];

	while (thread_cpu_ns() < until)
		bpe_encode(b, text, token, MODEL_MAX_PROMPT);
}

/* Housekeeping of a prompt cache that has one lock: it is held for long, then let go for as
 * long. The work under it is real: every entry is tokenised anew. */
static void *housekeeper_run(void *arg)
{
	struct server *s = arg;
	struct scenario *c = &s->scenario;
	double ms = s->options.plant.lock_ms;
	struct timespec pause = { (time_t)(ms / 1000), (long)(ms * 1e6) % 1000000000L };

	pthread_setname_np(pthread_self(), "housekeeper");
	while (!__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) {
		pthread_mutex_lock(&c->cache);
		tokenise_long(s->bpe, "the tracer waits before every request", ms);
		pthread_mutex_unlock(&c->cache);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static int housekeeper_start(struct server *s)
{
	struct scenario *c = &s->scenario;
	int err = pthread_create(&c->housekeeper, NULL, housekeeper_run, s);

	c->housekeeping = !err;
	return -err;
}

static void cache_look_up(struct server *s)
{
	if (!s->scenario.housekeeping)
		return;
	pthread_mutex_lock(&s->scenario.cache);
	pthread_mutex_unlock(&s->scenario.cache);
}

/* The last CPU that we may use is for the executor and its competitors. The main thread leaves it, and
 * with it all that it starts, the emulated device as well: a GPU has nobody to share with either. */
static int cpu_choose(void)
{
	cpu_set_t set;
	int cpu = -1;

	if (sched_getaffinity(0, sizeof(set), &set))
		return -1;
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			cpu = i;
	CPU_CLR(cpu, &set);
	if (CPU_COUNT(&set))
		sched_setaffinity(0, sizeof(set), &set);
	return cpu;
}

int scenario_start(struct server *s)
{
	const struct plant *p = &s->options.plant;
	struct scenario *c = &s->scenario;
	int err = 0;

	c->cpu = p->competitors || p->spin_ms ? cpu_choose() : -1;
	c->adapters_fd = -1;
	c->started = true;
	pthread_mutex_init(&c->cache, NULL);
	if (p->competitors)
		err = competitors_start(c, (int)p->competitors);
	if (!err && p->net_ms)
		err = remote_start(s);
	if (!err && p->quota_percent)
		err = cgroup_make(c, p->quota_percent);
	if (!err && p->adapter_mib)
		err = adapters_make(c, s->options.seed);
	if (!err && p->lock_ms)
		err = housekeeper_start(s);
	if (err)
		fprintf(stderr, "infer-serve: --scenario %s: %s\n", s->options.scenario,
			strerror(-err));
	return err;
}

void scenario_stop(struct server *s)
{
	struct scenario *c = &s->scenario;

	if (!c->started)
		return;
	__atomic_store_n(&c->stop, true, __ATOMIC_RELEASE);
	if (c->housekeeping)
		pthread_join(c->housekeeper, NULL);
	children_end(c);
	cgroup_remove(c);
	if (c->adapters_fd >= 0)
		close(c->adapters_fd);
	pthread_mutex_destroy(&c->cache);
}

/* cpu-steal, spin-sync. A thread that mostly sleeps takes the CPU as it wakes, from a competitor of the
 * same weight. Not so one of a batch job: it waits until the competitor's slice ends. */
static void confine(const struct scenario *c)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(c->cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ 0 });
}

void scenario_thread(struct server *s, enum scenario_role role)
{
	const struct scenario *c = &s->scenario;
	int err = 0;

	/* spin-sync: all that the server does itself has one CPU. */
	if (c->cpu >= 0 && (s->options.plant.spin_ms ? role != ROLE_LOAD : role == ROLE_EXECUTOR))
		confine(c);
	if (c->cgroup[0] && role != ROLE_LOAD)
		err = cgroup_join(c);
	if (err)
		fprintf(stderr, "infer-serve: --scenario %s: a thread could not join: %s\n",
			s->options.scenario, strerror(-err));
}

int32_t scenario_tokenise(struct server *s, struct request *r)
{
	const struct plant *p = &s->options.plant;
	struct scenario *c = &s->scenario;
	double busy_ms = p->tokenise_ms + (p->quota_percent ? QUOTA_WORK_MS : 0);

	cache_look_up(s);
	if (p->adapter_mib) {
		uint64_t begin = stage_begin(SPAN_ADAPTER, r);
		int err = adapter_read(c, r->id ^ s->options.seed << 32, p->adapter_mib);

		stage_end(&s->spans, SPAN_ADAPTER, begin);
		if (err)
			return err;
	}
	if (busy_ms)
		tokenise_long(s->bpe, r->text, busy_ms);
	if (p->net_ms)
		return remote_encode(c, r->text, r->token, MODEL_MAX_PROMPT);
	return bpe_encode(s->bpe, r->text, r->token, MODEL_MAX_PROMPT);
}

void scenario_prefill(struct server *s)
{
	cache_look_up(s);
}
