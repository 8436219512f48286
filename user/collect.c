// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "collect_private.h"
#include "cuda.h"
#include "symbols/symbols.h"
#include "timeline.h"

/* Distinct stacks kept: about 200,000 of 30 frames. */
#define STACKS_MAX_BYTES       (32UL << 20)
#define ALLOCATIONS_MAX_BYTES  (8UL << 20)
#define WAKER_STACKS_MAX_BYTES (8UL << 20)
/* Processes whose maps are read at birth or exec, in 100 ms. */
#define LIFE_BUDGET 50
/* Samples kept until they can be walked. */
#define LATER_MAX_BYTES (16UL << 20)

struct collect *collect_new(struct profile *p, struct symbols *symbols, struct unwind *unwind)
{
	struct collect *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->profile = p;
	c->walk.symbols = symbols;
	c->walk.unwind = unwind;
	c->later_end = &c->later;
	c->stacks.max_bytes = STACKS_MAX_BYTES;
	c->allocation_stacks.max_bytes = ALLOCATIONS_MAX_BYTES;
	c->waker_stacks.max_bytes = WAKER_STACKS_MAX_BYTES;
	c->memory = memory_new();
	c->kernels = kernels_new(symbols);
	if (!c->memory || !c->kernels) {
		collect_free(c);
		return NULL;
	}
	c->options.t_end_ns = ~0ULL;
	c->life_budget = LIFE_BUDGET;
	return c;
}

void collect_free(struct collect *c)
{
	if (!c)
		return;
	for (struct later *l = c->later, *next; l; l = next) {
		next = l->next;
		free(l);
	}
	memory_free(c->memory);
	kernels_free(c->kernels);
	stacks_free(&c->stacks);
	stacks_free(&c->allocation_stacks);
	collect_sched_free(c);
	collect_ranges_free(c);
	free(c->extras);
	free(c);
}

struct collect_options *collect_options(struct collect *c)
{
	return &c->options;
}

uint64_t collect_stacks(const struct collect *c)
{
	return c->samples;
}

uint64_t collect_lost(const struct collect *c)
{
	return c->lost;
}

uint64_t collect_lost_memory(const struct collect *c)
{
	return memory_lost(c->memory) + kernels_lost(c->kernels);
}

size_t collect_threads(const struct collect *c)
{
	return c->threads;
}

struct api_extra *collect_extra(struct collect *c, uint32_t tgid, uint16_t call)
{
	struct api_extra *e;

	for (size_t i = 0; i < c->extras_n; i++)
		if (c->extras[i].tgid == tgid && c->extras[i].call == call)
			return &c->extras[i];
	if (c->extras_n == c->extras_room) {
		size_t room = c->extras_room ? c->extras_room * 2 : 16;

		e = reallocarray(c->extras, room, sizeof(*e));
		if (!e)
			return NULL;
		c->extras = e;
		c->extras_room = room;
	}
	e = &c->extras[c->extras_n++];
	*e = (struct api_extra){ .tgid = tgid, .call = call };
	return e;
}

int collect_thread_call(struct collect *c, uint64_t serial, const struct call_slot *s)
{
	uint64_t ns[PROFILE_STATES] = {
		[PROFILE_ON_CPU] = s->on_cpu_ns,
		[PROFILE_WOKEN] = s->woken_ns,
		[PROFILE_PREEMPTED] = s->preempted_ns,
		[PROFILE_BLOCKED] = s->blocked_ns,
	};
	const char *name = cuda_call_name(s->call);

	if (!name)
		return 0;
	return profile_add_thread_call(c->profile, serial, name, ns);
}

static int on_thread(struct collect *c, const struct rec_thread *r)
{
	struct profile_thread t = { 0 };
	char comm[INFBPF_COMM + 1] = "", process[INFBPF_COMM + 1] = "";
	struct api_extra *extra;
	int err;

	if (r->tgid == c->options.command_tgid && r->image == 0)
		return 0;
	memcpy(comm, r->comm, sizeof(r->comm));
	memcpy(process, r->process, sizeof(r->process));
	t.serial = r->serial;
	t.pid = r->tgid;
	t.tid = r->tid;
	t.process = process;
	t.comm = comm;
	t.merged = 1;
	t.kthread = r->flags & THREAD_KTHREAD;
	t.ended = r->flags & THREAD_ENDED;
	t.start_ns = r->start_ns - c->options.t_begin_ns;
	t.wall_ns = r->end_ns - r->start_ns;
	t.state_ns[PROFILE_ON_CPU] = r->times.on_cpu_ns;
	t.state_ns[PROFILE_WOKEN] = r->times.woken_ns;
	t.state_ns[PROFILE_PREEMPTED] = r->times.preempted_ns;
	t.state_ns[PROFILE_BLOCKED] = r->times.blocked_ns;
	t.voluntary = r->times.voluntary;
	t.involuntary = r->times.involuntary;
	t.migrations = r->times.migrations;
	t.major_faults = r->major_faults;
	t.throttled_ns = r->times.throttled_ns;
	err = collect_thread_steals(c, r, &t);
	if (!err)
		err = profile_add_thread(c->profile, &t, c->options.max_threads);
	c->threads++;
	if (!err && c->options.timeline)
		err = timeline_end(c->options.timeline, r);
	for (int i = 0; i < WAIT_SLOTS && !err; i++)
		if (r->waits[i].ns)
			err = profile_add_wait(c->profile, r->serial, r->waits[i].syscall,
					       r->waits[i].flags, r->waits[i].ns,
					       r->waits[i].count);
	for (int i = 0; i < CALL_SLOTS && !err; i++)
		if (r->calls[i].call)
			err = collect_thread_call(c, r->serial, &r->calls[i]);
	if (!err)
		err = collect_streams(c, r);
	if (err || !r->open_call.call)
		return err;
	/* A call still open: its time belongs to it in the graph; it is no finished call. */
	extra = collect_extra(c, r->tgid, r->open_call.call);
	if (!extra)
		return -ENOMEM;
	if (t.ended)
		extra->abandoned++;
	else
		extra->open_at_end++;
	return collect_thread_call(c, r->serial, &r->open_call);
}

/* Adds what one stack stands for: n, where it was taken with probability SWITCHES_ONE / n (Horvitz and
 * Thompson's estimate, and its variance's). */
static void add_switches(struct stack_entry *e, bool involuntary, uint64_t n)
{
	struct stack_switches *s = involuntary ? &e->involuntary : &e->voluntary;
	const double whole = (double)n / SWITCHES_ONE;

	s->n += n;
	if (whole > 1)
		s->variance += whole * (whole - 1);
}

static void pending_add(struct collect *c, const struct rec_sample *s, struct stack_entry *e)
{
	struct pending *p = &c->pending[s->seq & (PENDING_SLOTS - 1)];

	/* Whoever sits there has waited for 4096 stacks: it goes without its weight. */
	p->serial = s->serial;
	p->seq = s->seq;
	p->entry = e;
}

/* The sample's stack with its user part walked: merged with its like. */
static int add_sample(struct collect *c, const struct rec_sample *s,
		      const struct collect_stack *user)
{
	const uint64_t *kernel = (const uint64_t *)(s + 1);
	uint32_t locations[USER_FRAMES_MAX + 1 + INFBPF_MAX_STACK];
	struct stack_key key = { 0 };
	struct stack_entry *e;
	size_t n = user->n;

	memcpy(locations, user->locations, n * sizeof(*locations));
	for (size_t i = 0; i < s->kernel_n; i++)
		locations[n++] =
			symbols_kernel_location(c->walk.symbols, kernel[s->kernel_n - 1 - i]);
	key.user_n = user->n;
	key.outside_n = user->outside;
	key.frames_n = n;
	key.serial = s->serial;
	key.syscall = s->syscall;
	key.flags = s->flags;
	key.call = s->call;
	key.call_return = s->kind == SAMPLE_CALL;
	key.inner = s->inner;
	key.inner_after = user->inner_after;
	memcpy(key.stages, s->stages, sizeof(key.stages));
	e = stacks_get(&c->stacks, &key, locations);
	if (!e) {
		c->lost++;
		return 0;
	}
	if (s->kind == SAMPLE_OUT)
		pending_add(c, s, e);
	e->weight_ns[PROFILE_ON_CPU] +=
		s->kind == SAMPLE_ON_CPU ? c->options.on_cpu_period_ns : s->on_cpu_ns;
	e->weight_ns[PROFILE_WOKEN] += s->woken_ns;
	e->weight_ns[PROFILE_PREEMPTED] += s->preempted_ns;
	e->weight_ns[PROFILE_BLOCKED] += s->blocked_ns;
	add_switches(e, s->involuntary, s->switches);
	return 0;
}

/* 0, or -EAGAIN: not yet. */
static int walk_sample(struct collect *c, const struct rec_sample *s, size_t len)
{
	struct collect_stack user;
	struct sym_image *im;
	int err;

	im = symbols_image(c->walk.symbols, s->tgid, s->image, 0, 0);
	if (!im)
		return -ENOMEM;
	c->walk.frame_pointers = c->options.frame_pointers;
	err = collect_stack_user(&c->walk, im, s, len, &user);
	if (err)
		return err;
	if (s->kind == SAMPLE_WAKER)
		return collect_waker_stack(c, s, &user);
	return s->kind == SAMPLE_ALLOC ? collect_allocation(c, s, &user) : add_sample(c, s, &user);
}

/* Keeps a copy for walk_later(). */
static int keep_sample(struct collect *c, const struct rec_sample *s, size_t len)
{
	struct later *l;

	if (c->later_bytes + len > LATER_MAX_BYTES) {
		c->lost++;
		return 0;
	}
	l = malloc(offsetof(struct later, sample) + len);
	if (!l)
		return -ENOMEM;
	l->next = NULL;
	l->len = len;
	memcpy(&l->sample, s, len);
	*c->later_end = l;
	c->later_end = &l->next;
	c->later_bytes += len;
	return 0;
}

/* Tries the samples that had to wait again; with c->walk.wait all are done then. */
static int walk_later(struct collect *c)
{
	struct later **at = &c->later, *l;
	int err = 0;

	while ((l = *at)) {
		int one = err ? -EAGAIN : walk_sample(c, &l->sample, l->len);

		if (one == -EAGAIN) {
			at = &l->next;
			continue;
		}
		err = one;
		*at = l->next;
		c->later_bytes -= l->len;
		free(l);
	}
	c->later_end = at;
	return err;
}

int collect_refill(struct collect *c)
{
	c->life_budget = LIFE_BUDGET;
	c->walk.wait = false;
	return walk_later(c);
}

static int on_sample(struct collect *c, const struct rec_sample *s, size_t len)
{
	int err;

	if (s->kernel_n > INFBPF_MAX_STACK || len < sizeof(*s) + s->kernel_n * sizeof(uint64_t))
		return -EINVAL;
	if (s->tgid == c->options.command_tgid && s->image == 0)
		return 0;
	c->samples++;
	if (s->kind == SAMPLE_WAIT || s->kind == SAMPLE_OPEN_WAIT)
		collect_waker(c, s->serial, &s->waker, s->blocked_ns);
	/* A wait that is still open is read from its process: now or never. One that has just begun
	 * gets its weight by a record that would not find it. */
	c->walk.wait = s->kind == SAMPLE_OPEN_WAIT || s->kind == SAMPLE_OUT;
	err = walk_sample(c, s, len);
	return err == -EAGAIN ? keep_sample(c, s, len) : err;
}

static void on_resolve(struct collect *c, const struct rec_resolve *r)
{
	struct pending *p = &c->pending[r->seq & (PENDING_SLOTS - 1)];

	if (!p->entry || p->seq != r->seq || p->serial != r->serial)
		return;
	p->entry->weight_ns[PROFILE_WOKEN] += r->woken_ns;
	p->entry->weight_ns[PROFILE_PREEMPTED] += r->preempted_ns;
	p->entry->weight_ns[PROFILE_BLOCKED] += r->blocked_ns;
	add_switches(p->entry, r->involuntary, r->switches);
	collect_waker(c, r->serial, &r->waker, r->blocked_ns);
	p->entry = NULL;
}

static int on_life(struct collect *c, const struct rec_life *r)
{
	uint32_t parent_image = r->what == LIFE_FORK ? r->image : 0;

	if (c->options.life)
		c->options.life(c->options.life_arg, r);
	/* Read its maps while it lives; it may be gone before a sample of it is drained. In a fork
	 * storm only so many: 0.1 ms each. */
	if (!c->life_budget)
		return 0;
	c->life_budget--;
	return symbols_image(c->walk.symbols, r->tgid, r->image, r->parent, parent_image) ? 0
											  : -ENOMEM;
}

int collect_record(struct collect *c, const void *data, size_t len)
{
	const struct rec_hdr *hdr = data;

	if (len < sizeof(*hdr) || hdr->len > len)
		return -EINVAL;
	switch (hdr->type) {
	case REC_THREAD:
		return len < sizeof(struct rec_thread) ? -EINVAL : on_thread(c, data);
	case REC_SAMPLE:
		return len < sizeof(struct rec_sample) ? -EINVAL : on_sample(c, data, len);
	case REC_LIFE:
		return len < sizeof(struct rec_life) ? -EINVAL : on_life(c, data);
	case REC_RESOLVE:
		if (len < sizeof(struct rec_resolve))
			return -EINVAL;
		on_resolve(c, data);
		return 0;
	case REC_MEMORY:
		return len < sizeof(struct rec_memory) ? -EINVAL : memory_record(c->memory, data);
	case REC_NAME:
		return len < sizeof(struct rec_name) ? -EINVAL : kernels_name(c->kernels, data);
	case REC_SPAN:
		return len < sizeof(struct rec_span) ? -EINVAL : collect_span(c, data);
	case REC_MARK:
		return len < sizeof(struct rec_mark) ? -EINVAL : collect_mark(c, data);
	case REC_LAUNCH:
		if (len < sizeof(struct rec_launch))
			return -EINVAL;
		return kernels_launch(c->kernels, &((const struct rec_launch *)data)->key);
	case REC_SLICE:
		if (len < sizeof(struct rec_slice) || !c->options.timeline)
			return -EINVAL;
		return timeline_snapshot(c->options.timeline, data);
	}
	return -EINVAL;
}

size_t collect_name_frames(struct collect *c, const uint32_t *locations, size_t n,
			   const char **frames, size_t max)
{
	size_t at = 0;

	for (size_t i = 0; i < n && at < max; i++)
		at += symbols_frames(c->walk.symbols, locations[i], frames + at, max - at);
	return at;
}

static int add_stack(struct collect *c, const struct stack_entry *e, const char **frames)
{
	static const struct stack_switches none;
	const struct stack_key *key = &e->key;
	const char *stages[STAGE_FRAMES];
	struct profile_stack s = {
		.serial = key->serial,
		.syscall = key->syscall,
		.flags = key->flags,
		.call = cuda_call_name(key->call),
		.call_return = key->call_return,
		.inner = cuda_call_name(key->inner),
		.frames = frames,
		.stages = stages,
	};
	int err = 0;

	s.stages_n = (uint16_t)collect_stage_frames(c, key->stages, stages);
	s.outside_n =
		collect_name_frames(c, e->locations, key->outside_n, frames, COLLECT_FRAMES_MAX);
	/* (Inlined frames are counted where --lines shows them.) */
	s.inner_after = s.outside_n;
	if (key->inner_after > key->outside_n)
		s.inner_after += collect_name_frames(
			c, e->locations + key->outside_n, key->inner_after - key->outside_n,
			frames + s.outside_n, COLLECT_FRAMES_MAX - s.outside_n);
	s.user_n = s.outside_n;
	s.user_n +=
		collect_name_frames(c, e->locations + key->outside_n, key->user_n - key->outside_n,
				    frames + s.user_n, COLLECT_FRAMES_MAX - s.user_n);
	s.frames_n = s.user_n;
	s.frames_n +=
		collect_name_frames(c, e->locations + key->user_n, key->frames_n - key->user_n,
				    frames + s.frames_n, COLLECT_FRAMES_MAX - s.frames_n);
	for (int state = 0; state < PROFILE_STATES && !err; state++) {
		/* A gap is one switch: it belongs to the state that the gap began in. */
		const struct stack_switches *n = state == PROFILE_BLOCKED     ? &e->voluntary
						 : state == PROFILE_PREEMPTED ? &e->involuntary
									      : &none;

		s.state = state;
		s.weight_ns = e->weight_ns[state];
		s.switches = n->n;
		s.switches_variance = n->variance;
		err = profile_add_stack(c->profile, &s);
	}
	return err;
}

int collect_finish(struct collect *c)
{
	const char **frames = calloc(COLLECT_FRAMES_MAX, sizeof(*frames));
	int err;

	if (!frames)
		return -ENOMEM;
	c->walk.wait = true;
	err = walk_later(c);
	for (size_t i = 0; i < c->stacks.slots_n && !err; i++)
		if (c->stacks.slots[i])
			err = add_stack(c, c->stacks.slots[i], frames);
	if (!err)
		err = collect_wakers(c, frames);
	if (!err)
		err = collect_ranges_finish(c);
	free(frames);
	return err;
}
