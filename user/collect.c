// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "collect_private.h"
#include "cuda.h"
#include "remote_walk.h"
#include "symbols/symbols.h"

/* Distinct stacks kept: about 200,000 of 30 frames. */
#define STACKS_MAX_BYTES (32UL << 20)
/* Processes whose maps are read at birth or exec, in 100 ms. */
#define LIFE_BUDGET 50
/* x86-64 maps the trampoline of return probes in the last page of user space, of 47 or 56 bits. */
#define UPROBES_PAGE   0x7fffffffe000ULL
#define UPROBES_PAGE_5 0xffffffffffe000ULL
#define PAGE_BITS      12

struct collect *collect_new(struct profile *p, struct symbols *symbols)
{
	struct collect *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->profile = p;
	c->symbols = symbols;
	c->stacks.max_bytes = STACKS_MAX_BYTES;
	c->options.t_end_ns = ~0ULL;
	c->life_budget = LIFE_BUDGET;
	return c;
}

void collect_free(struct collect *c)
{
	if (!c)
		return;
	stacks_free(&c->stacks);
	free(c->extras);
	free(c);
}

struct collect_options *collect_options(struct collect *c)
{
	return &c->options;
}

void collect_refill(struct collect *c)
{
	c->life_budget = LIFE_BUDGET;
}

uint64_t collect_stacks(const struct collect *c)
{
	return c->samples;
}

uint64_t collect_lost(const struct collect *c)
{
	return c->lost;
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
	err = profile_add_thread(c->profile, &t, c->options.max_threads);
	c->threads++;
	for (int i = 0; i < WAIT_SLOTS && !err; i++)
		if (r->waits[i].ns)
			err = profile_add_wait(c->profile, r->serial, r->waits[i].syscall,
					       r->waits[i].flags, r->waits[i].ns,
					       r->waits[i].count);
	for (int i = 0; i < CALL_SLOTS && !err; i++)
		if (r->calls[i].call)
			err = collect_thread_call(c, r->serial, &r->calls[i]);
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

static bool is_trampoline(uint64_t ip)
{
	uint64_t page = ip >> PAGE_BITS << PAGE_BITS;

	return page == UPROBES_PAGE || page == UPROBES_PAGE_5;
}

/* The user part of a stack, outermost first, cut where a frame-pointer walk goes astray: at the first
 * address that is no code, or where the outermost repeats to the end (loops at clone). */
static size_t locate_user(struct collect *c, const struct rec_sample *s, struct sym_image *im,
			  const uint64_t *ips, size_t n, uint32_t *out, uint16_t *outside)
{
	size_t kept = 0, inside = 0, mended = 0;
	uint32_t other;
	uint64_t ip;

	/* Repeats further in are recursion. */
	while (n > 1 && ips[n - 1] == ips[n - 2])
		n--;
	for (size_t i = 0; i < n; i++) {
		ip = ips[i];
		if (is_trampoline(ip) && mended < SAMPLE_RETURNS && s->returns[mended])
			ip = s->returns[mended++];
		if (i && !symbols_is_code(im, ip))
			break;
		if (s->call_ra && ip == s->call_ra && !inside)
			inside = kept + 1; /* this one is the caller */
		out[kept++] = symbols_user_location(c->symbols, im, ip, i == 0);
	}
	for (size_t i = 0; i < kept / 2; i++) {
		other = out[i];
		out[i] = out[kept - 1 - i];
		out[kept - 1 - i] = other;
	}
	/* No return address to look for: the return probe is at work, and all of the stack is callers. */
	*outside = inside ? kept + 1 - inside : s->call_ra ? 0 : kept;
	return kept;
}

static void pending_add(struct collect *c, const struct rec_sample *s, struct stack_entry *e)
{
	struct pending *p = &c->pending[s->seq & (PENDING_SLOTS - 1)];

	/* Whoever sits there has waited for 4096 stacks: it goes without its weight. */
	p->serial = s->serial;
	p->seq = s->seq;
	p->entry = e;
}

static int on_sample(struct collect *c, const struct rec_sample *s, size_t len)
{
	uint64_t ips[2 * INFBPF_MAX_STACK];
	uint32_t locations[2 * INFBPF_MAX_STACK];
	const uint64_t *user = ips, *kernel;
	struct stack_key key = { 0 };
	struct stack_entry *e;
	struct sym_image *im;
	size_t user_n = s->user_n, n;

	n = (size_t)s->user_n + s->kernel_n;
	if (s->user_n > INFBPF_MAX_STACK || s->kernel_n > INFBPF_MAX_STACK ||
	    len < sizeof(*s) + n * 8)
		return -EINVAL;
	if (s->tgid == c->options.command_tgid && s->image == 0)
		return 0;
	memcpy(ips, s + 1, n * 8);
	kernel = ips + s->user_n;
	c->samples++;
	im = symbols_image(c->symbols, s->tgid, s->image, 0, 0);
	if (!im)
		return -ENOMEM;
	if (s->kind == SAMPLE_OPEN_WAIT && s->regs.ip) {
		uint64_t remote[INFBPF_MAX_STACK];

		user_n = remote_walk(s->tgid, &s->regs, remote, INFBPF_MAX_STACK);
		n = locate_user(c, s, im, remote, user_n, locations, &key.outside_n);
	} else {
		n = locate_user(c, s, im, user, user_n, locations, &key.outside_n);
	}
	key.user_n = n;
	for (size_t i = 0; i < s->kernel_n; i++)
		locations[n++] = symbols_kernel_location(c->symbols, kernel[s->kernel_n - 1 - i]);
	key.frames_n = n;
	key.serial = s->serial;
	key.syscall = s->syscall;
	key.flags = s->flags;
	key.call = s->call;
	key.call_return = s->kind == SAMPLE_CALL;
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
	return 0;
}

static void on_resolve(struct collect *c, const struct rec_resolve *r)
{
	struct pending *p = &c->pending[r->seq & (PENDING_SLOTS - 1)];

	if (!p->entry || p->seq != r->seq || p->serial != r->serial)
		return;
	p->entry->weight_ns[PROFILE_WOKEN] += r->woken_ns;
	p->entry->weight_ns[PROFILE_PREEMPTED] += r->preempted_ns;
	p->entry->weight_ns[PROFILE_BLOCKED] += r->blocked_ns;
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
	return symbols_image(c->symbols, r->tgid, r->image, r->parent, parent_image) ? 0 : -ENOMEM;
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
	}
	return -EINVAL;
}

static int add_stack(struct collect *c, const struct stack_entry *e, const char **frames)
{
	struct profile_stack s = {
		.serial = e->key.serial,
		.syscall = e->key.syscall,
		.flags = e->key.flags,
		.call = cuda_call_name(e->key.call),
		.call_return = e->key.call_return,
		.frames = frames,
		.frames_n = e->key.frames_n,
		.user_n = e->key.user_n,
		.outside_n = e->key.outside_n,
	};
	int err = 0;

	for (size_t i = 0; i < e->key.frames_n; i++)
		frames[i] = symbols_name(c->symbols, e->locations[i]);
	for (int state = 0; state < PROFILE_STATES && !err; state++) {
		if (!e->weight_ns[state])
			continue;
		s.state = state;
		s.weight_ns = e->weight_ns[state];
		err = profile_add_stack(c->profile, &s);
	}
	return err;
}

int collect_finish(struct collect *c)
{
	const char *frames[2 * INFBPF_MAX_STACK];
	int err = 0;

	for (size_t i = 0; i < c->stacks.slots_n && !err; i++)
		if (c->stacks.slots[i])
			err = add_stack(c, c->stacks.slots[i], frames);
	return err;
}
