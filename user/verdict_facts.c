/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the rules of the verdict work on, from a finished profile. */
#include <string.h>
#include "verdict_private.h"

/* --- lengths of time --- */

static void time_add(struct verdict_time *t, const struct profile_split *s)
{
	t->wall += verdict_ns(s->wall_ns);
	t->on_cpu += verdict_ns(s->on_cpu_ns);
	t->run_queue += verdict_ns(s->run_queue_ns);
	t->throttled += verdict_ns(s->throttled_ns);
	t->calls += verdict_ns(s->calls_ns);
	for (int c = 0; c < CAUSES; c++)
		t->blocked_by[c] += verdict_ns(s->blocked_by_ns[c]);
}

/* mix: parts of 1. */
static void time_add_mix(struct verdict_time *t, const struct verdict_time *mix, double wall)
{
	t->wall += wall;
	t->on_cpu += wall * mix->on_cpu;
	t->run_queue += wall * mix->run_queue;
	t->throttled += wall * mix->throttled;
	t->calls += wall * mix->calls;
	for (int c = 0; c < CAUSES; c++)
		t->blocked_by[c] += wall * mix->blocked_by[c];
}

static struct verdict_time time_as_mix(const struct verdict_time *t)
{
	struct verdict_time mix = { 0 };

	if (t->wall > 0)
		time_add_mix(&mix, t, 1 / t->wall);
	return mix;
}

/* --- CUDA calls --- */

static enum verdict_group group_of(const struct profile_call *c)
{
	/* The names of --gpu-calls. A graph's launch is one of group launch. */
	static const char *const names[] = {
		[GROUP_LAUNCH] = "launch", [GROUP_COPY] = "copy", [GROUP_SYNC] = "sync",
		[GROUP_ALLOC] = "alloc",   [GROUP_SET] = "set",
	};

	for (int g = 0; g < GROUP_REST; g++)
		if (!strcmp(c->group, names[g]))
			return (enum verdict_group)g;
	return GROUP_REST;
}

static void calls_add(struct verdict_calls *sum, const struct profile_call *c)
{
	sum->calls += c->calls;
	sum->waited += c->waited;
	sum->spun += c->spun;
	sum->wall += verdict_ns(c->wall_ns);
	sum->on_cpu += verdict_ns(c->on_cpu_ns);
	sum->run_queue += verdict_ns(c->run_queue_ns);
	sum->blocked += verdict_ns(c->blocked_ns);
	if (!sum->longest || verdict_ns(c->wall_ns) > verdict_ns(sum->longest->wall_ns))
		sum->longest = c;
}

static void fill_calls(struct verdict_facts *f)
{
	for (size_t i = 0; i < f->p->calls_n; i++) {
		const struct profile_call *c = &f->p->calls[i];

		if (c->pid != f->pid || c->inside || !c->calls)
			continue;
		calls_add(&f->calls[group_of(c)], c);
		calls_add(&f->all_calls, c);
	}
}

/* A kind's time is shared out among its sizes as a copy of each takes it: a fixed cost, and its bytes. */
static void add_copies(struct verdict_facts *f, const struct profile_copy *c)
{
	double small = 0, all = 0;

	for (unsigned int i = 0; i < PROFILE_SIZES; i++) {
		const double size = (double)(1ULL << i) * 0.75; /* the middle of its range */
		const double cost = (double)c->sizes[i] * (size + SMALL_COPY);

		all += cost;
		if (1ULL << i <= SMALL_COPY) {
			small += cost;
			f->small.calls += c->sizes[i];
		} else {
			f->large.calls += c->sizes[i];
		}
	}
	if (all <= 0)
		return;
	f->small.wall += verdict_ns(c->wall_ns) * small / all;
	f->large.wall += verdict_ns(c->wall_ns) * (1 - small / all);
}

static void fill_copies(struct verdict_facts *f)
{
	for (size_t i = 0; i < f->p->copies_n; i++)
		if (f->p->copies[i].pid == f->pid)
			add_copies(f, &f->p->copies[i]);
}

static void fill_launchers(struct verdict_facts *f)
{
	for (size_t i = 0; i < f->p->launchers_n; i++) {
		const struct profile_launcher *l = &f->p->launchers[i];

		if (f->p->threads[l->thread].pid != f->pid)
			continue;
		if (!f->launcher)
			f->launcher = l; /* they come by launches, falling */
		if (l->gap_p50_ns == PROFILE_UNKNOWN || l->gap_p50_ns > LAUNCH_GAP_NS)
			continue;
		f->launch_gaps += (double)l->gaps * (double)l->gap_p50_ns;
	}
}

double verdict_in_calls(const struct verdict_facts *f, enum verdict_group g, enum verdict_state s)
{
	const struct verdict_calls *c = &f->calls[g];
	const double by_state[] = { c->on_cpu + c->blocked, c->on_cpu, c->blocked };

	if (f->all_calls.wall <= 0)
		return 0;
	return (f->own.calls + f->behind.calls) * by_state[s] / f->all_calls.wall;
}

/* --- requests --- */

static const struct profile_part *next_stage(const struct profile_requests *r, size_t i)
{
	while (++i < r->parts_n)
		if (r->parts[i].kind == PART_STAGE)
			return &r->parts[i];
	return NULL;
}

static bool is_pass(const struct profile_requests *r, const char *name)
{
	for (size_t i = 0; i < r->passes_n; i++)
		if (!strcmp(r->passes[i].name, name))
			return true;
	return false;
}

/* What the stage spends its time on; where the table has none of that name, what the part does. */
static struct verdict_time stage_mix(const struct verdict_facts *f, const struct profile_part *part)
{
	struct verdict_time sum = { 0 };

	for (size_t i = 0; i < f->p->stages_n; i++) {
		const struct profile_stage *s = &f->p->stages[i];

		if (s->pid == f->pid && !strcmp(s->name, part->name))
			time_add(&sum, &s->split);
	}
	if (sum.wall <= 0)
		time_add(&sum, &part->split);
	return time_as_mix(&sum);
}

static void fill_pass_mix(struct verdict_facts *f)
{
	const struct profile_requests *r = f->requests;
	struct verdict_time sum = { 0 };
	double padding = 0, padded = 0;

	for (size_t i = 0; i < f->p->stages_n; i++) {
		const struct profile_stage *s = &f->p->stages[i];

		if (s->pid == f->pid && is_pass(r, s->name))
			time_add(&sum, &s->split);
	}
	for (size_t i = 0; i < r->parts_n && sum.wall <= 0; i++)
		if (r->parts[i].kind == PART_STAGE && r->parts[i].in_pass)
			time_add(&sum, &r->parts[i].split);
	f->pass_mix = time_as_mix(&sum);
	for (size_t i = 0; i < r->passes_n; i++) {
		const struct profile_pass *pass = &r->passes[i];
		/* No sum of their times is kept. */
		const double ns = (double)pass->count * verdict_ns(pass->times.p50_ns);

		if (!pass->padded || pass->tokens > pass->padded)
			continue;
		padded += ns;
		padding += ns * (1 - (double)pass->tokens / (double)pass->padded);
	}
	f->padded = padded > 0 ? padding / padded : -1;
}

static double behind_passes(const struct verdict_facts *f, const struct profile_part *wait)
{
	double busy = 0;

	/* As long as the passes' thread is busy on average. */
	for (size_t i = 0; i < f->p->stages_n; i++)
		if (f->p->stages[i].pid == f->pid && is_pass(f->requests, f->p->stages[i].name))
			busy += verdict_ns(f->p->stages[i].split.wall_ns);
	busy = f->p->duration_ns ? busy / (double)f->p->duration_ns : 0;
	return verdict_ns(wait->slow.wall_ns) * (busy < 1 ? busy : 1);
}

double verdict_behind(const struct verdict_facts *f, size_t i, const struct profile_part **next)
{
	const struct profile_part *wait = &f->requests->parts[i];
	const double wall = verdict_ns(wait->slow.wall_ns);
	double behind = 0;

	*next = next_stage(f->requests, i);
	if (wait->behind_slow_ns != PROFILE_UNKNOWN)
		behind = (double)wait->behind_slow_ns;
	else if (*next && (*next)->in_pass)
		behind = behind_passes(f, wait);
	return behind < wall ? behind : wall;
}

static void add_wait(struct verdict_facts *f, size_t i)
{
	const struct profile_part *wait = &f->requests->parts[i], *next;
	const double behind = verdict_behind(f, i, &next);
	const double wall = verdict_ns(wait->slow.wall_ns);
	const double woken = verdict_ns(wait->woken_slow_ns);
	struct verdict_time mix = { 0 };

	f->woken += woken;
	f->woken_throttled += verdict_ns(wait->throttled_slow_ns);

	if (next && next->in_pass) {
		f->queue_pass += wall;
		f->queue_pass_behind += behind;
		f->queue_pass_woken += woken;
		f->passes_behind += behind;
		mix = f->pass_mix;
		if (!f->longest_queue_pass ||
		    wait->slow.wall_ns > f->longest_queue_pass->slow.wall_ns)
			f->longest_queue_pass = wait;
	} else if (next) {
		mix = stage_mix(f, next);
	}
	time_add_mix(&f->behind, &mix, behind);
}

static void fill_requests(struct verdict_facts *f)
{
	const struct profile_requests *r = f->requests;

	fill_pass_mix(f);
	for (size_t i = 0; i < r->parts_n; i++) {
		const struct profile_part *part = &r->parts[i];
		const double wall = verdict_ns(part->slow.wall_ns);

		f->whole += wall;
		switch (part->kind) {
		case PART_STAGE:
			time_add(&f->own, &part->slow);
			f->passes += part->in_pass ? wall : 0;
			break;
		case PART_OTHERS:
			f->passes_behind += wall;
			if (part->slow.on_cpu_ns != PROFILE_UNKNOWN)
				time_add(&f->behind, &part->slow);
			else
				time_add_mix(&f->behind, &f->pass_mix, wall);
			break;
		case PART_WAIT:
			add_wait(f, i);
			break;
		}
	}
	f->share_of = "p95 request latency";
}

/* --- threads --- */

static bool launches(const struct verdict_facts *f, uint32_t thread)
{
	for (size_t i = 0; i < f->p->launchers_n; i++)
		if (f->p->launchers[i].thread == thread)
			return true;
	return false;
}

/* Waits that may be for somebody to come with work are left out: profile_busy_ns(). */
static void fill_threads(struct verdict_facts *f)
{
	static const enum wait_cause own[] = { CAUSE_GPU_CALL, CAUSE_GPU_DRIVER, CAUSE_DISK,
					       CAUSE_PAGE_FAULT };

	for (size_t i = 0; i < f->p->threads_n; i++) {
		const struct profile_thread *t = &f->p->threads[i];

		if (t->pid != f->pid || profile_is_emulated(f->p, t) ||
		    (f->launcher && !launches(f, (uint32_t)i)))
			continue;
		f->whole += (double)profile_busy_ns(t);
		f->own.wall += (double)profile_busy_ns(t);
		f->own.on_cpu += (double)t->state_ns[PROFILE_ON_CPU];
		f->own.run_queue +=
			(double)t->state_ns[PROFILE_WOKEN] + (double)t->state_ns[PROFILE_PREEMPTED];
		f->own.throttled += verdict_ns(t->throttled_ns);
		f->own.calls += verdict_ns(t->call_ns);
		for (size_t c = 0; c < sizeof(own) / sizeof(*own); c++)
			f->own.blocked_by[own[c]] += (double)t->blocked_by_ns[own[c]];
	}
	f->share_of =
		f->launcher ? "busy time of the threads that launch" : "busy time of the threads";
}

/* --- the host --- */

static void fill_steals(struct verdict_facts *f)
{
	double own = 0, emulated = 0, other = 0, all;

	for (size_t i = 0; i < f->p->steals_n; i++) {
		const struct profile_steal *s = &f->p->steals[i];
		const struct profile_thread by = { .comm = s->by_comm ? s->by_comm : "" };

		if (s->pid != f->pid)
			continue;
		if (s->by_pid != f->pid || !s->by_comm)
			other += verdict_ns(s->wall_ns);
		else if (profile_is_emulated(f->p, &by))
			emulated += verdict_ns(s->wall_ns);
		else
			own += verdict_ns(s->wall_ns);
	}
	all = own + emulated + other;
	/* Nobody was seen: it cannot have been its own. */
	f->stolen_own = all > 0 ? own / all : 0;
	f->stolen_emulated = all > 0 ? emulated / all : 0;
	f->stolen_other = 1 - f->stolen_own - f->stolen_emulated;
}

static bool is_launcher(const struct verdict_facts *f, const char *comm)
{
	for (size_t i = 0; i < f->p->launchers_n; i++) {
		const struct profile_thread *t = &f->p->threads[f->p->launchers[i].thread];

		if (t->pid == f->pid && !strcmp(t->comm, comm))
			return true;
	}
	return false;
}

/* By the threads' names: of those who had the CPU no more is known. */
static void fill_behind_launchers(struct verdict_facts *f)
{
	for (size_t i = 0; i < f->p->steals_n; i++) {
		const struct profile_steal *s = &f->p->steals[i];

		if (s->pid == f->pid && s->by_pid == f->pid && s->by_comm &&
		    is_launcher(f, s->by_comm))
			f->behind_launchers += verdict_ns(s->wall_ns);
	}
	for (size_t i = 0; i < f->p->threads_n; i++) {
		const struct profile_thread *t = &f->p->threads[i];

		if (t->pid == f->pid && !profile_is_emulated(f->p, t) && !is_launcher(f, t->comm))
			f->others_cpu += (double)t->state_ns[PROFILE_ON_CPU];
	}
}

static void fill_cpus(struct verdict_facts *f)
{
	double busy = 0, all = 0;

	for (size_t i = 0; i < f->p->cpus_n; i++) {
		const struct profile_cpu *c = &f->p->cpus[i];

		if (c->busy_ns == PROFILE_UNKNOWN || c->idle_ns == PROFILE_UNKNOWN)
			continue;
		busy += (double)c->busy_ns;
		all += (double)c->busy_ns + (double)c->idle_ns;
	}
	f->cpus_busy = all > 0 ? busy / all : -1;
}

void verdict_facts_fill(struct verdict_facts *f, const struct profile *p, uint32_t pid,
			const struct profile_requests *requests)
{
	*f = (struct verdict_facts){ .p = p, .pid = pid, .requests = requests, .padded = -1 };
	for (size_t i = 0; i < p->threads_n && !f->process; i++)
		if (p->threads[i].pid == pid)
			f->process = p->threads[i].process;
	if (requests)
		f->process = requests->process;
	fill_calls(f);
	fill_copies(f);
	fill_launchers(f);
	fill_steals(f);
	fill_behind_launchers(f);
	fill_cpus(f);
	if (requests)
		fill_requests(f);
	else
		fill_threads(f);
}

double verdict_throttled(const struct verdict_facts *f)
{
	return f->own.throttled + f->behind.throttled + f->woken_throttled;
}

double verdict_queued(const struct verdict_facts *f)
{
	return f->own.run_queue + f->behind.run_queue + f->woken - verdict_throttled(f);
}

double verdict_blocked(const struct verdict_facts *f, enum wait_cause cause)
{
	return f->own.blocked_by[cause] + f->behind.blocked_by[cause];
}

const struct profile_part *verdict_worst(const struct verdict_facts *f,
					 uint64_t (*of)(const struct profile_split *s))
{
	const struct profile_part *worst = NULL;
	double most = 0;

	for (size_t i = 0; f->requests && i < f->requests->parts_n; i++) {
		const struct profile_part *part = &f->requests->parts[i];
		const double ns = verdict_ns(of(&part->slow));

		if (part->kind == PART_STAGE && ns > most) {
			worst = part;
			most = ns;
		}
	}
	return worst;
}
