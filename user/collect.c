// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include "collect.h"
#include "cuda.h"
#include "remote_walk.h"
#include "stacks.h"
#include "symbols/symbols.h"

/* Distinct stacks kept: about 200,000 of 30 frames. */
#define STACKS_MAX_BYTES (32UL << 20)
/* Processes whose maps are read at birth or exec, in 100 ms. */
#define LIFE_BUDGET   50
#define PENDING_SLOTS 4096 /* stacks taken at switch-out whose gap is not over yet; power of two */
/* x86-64 maps the trampoline of return probes in the last page of user space. */
#define UPROBES_START 0x7fffffffe000ULL
#define UPROBES_END   0x7ffffffff000ULL

struct pending {
	uint64_t serial;
	uint32_t seq;
	struct stack_entry *entry;
};

/* Figures of a CUDA call that come from elsewhere than its api_rec. */
struct api_extra {
	uint32_t tgid;
	uint16_t call;
	uint64_t open_at_end, abandoned;
};

struct collect {
	struct profile *profile;
	struct symbols *symbols;
	struct collect_options options;
	struct stacks stacks;
	struct pending pending[PENDING_SLOTS];
	struct api_extra *extras;
	size_t extras_n, extras_room;
	uint64_t samples, lost;
	size_t threads;
	unsigned int life_budget;
};

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

static struct api_extra *extra_get(struct collect *c, uint32_t tgid, uint16_t call)
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

static int add_thread_call(struct collect *c, uint64_t serial, const struct call_slot *s)
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
			err = add_thread_call(c, r->serial, &r->calls[i]);
	if (err || !r->open_call.call)
		return err;
	/* A call still open: its time belongs to it in the graph; it is no finished call. */
	extra = extra_get(c, r->tgid, r->open_call.call);
	if (!extra)
		return -ENOMEM;
	if (t.ended)
		extra->abandoned++;
	else
		extra->open_at_end++;
	return add_thread_call(c, r->serial, &r->open_call);
}

/* The user part of a stack, outermost first, cut where a frame-pointer walk goes astray: at the first
 * address that is no code, or that repeats (loops at clone). */
static size_t locate_user(struct collect *c, const struct rec_sample *s, struct sym_image *im,
			  const uint64_t *ips, size_t n, uint32_t *out)
{
	uint32_t leaf_first[INFBPF_MAX_STACK];
	size_t kept = 0;
	uint64_t ip;

	for (size_t i = 0; i < n; i++) {
		ip = ips[i];
		if (ip >= UPROBES_START && ip < UPROBES_END && s->call_ra)
			ip = s->call_ra;
		if (i && (!symbols_is_code(im, ip) || ip == ips[i - 1]))
			break;
		leaf_first[kept++] = symbols_user_location(c->symbols, im, ip, i == 0);
	}
	for (size_t i = 0; i < kept; i++)
		out[i] = leaf_first[kept - 1 - i];
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
		n = locate_user(c, s, im, remote, user_n, locations);
	} else {
		n = locate_user(c, s, im, user, user_n, locations);
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

/* Calls fn for every entry of a hash map; key and value have room for the map's sizes. */
static int map_each(int fd, void *key, void *value, int (*fn)(struct collect *, void *, void *),
		    struct collect *c)
{
	void *previous = NULL;
	int err;

	while (!bpf_map_get_next_key(fd, previous, key)) {
		previous = key;
		if (bpf_map_lookup_elem(fd, key, value))
			continue;
		err = fn(c, key, value);
		if (err)
			return err;
	}
	return 0;
}

static int on_wait_entry(struct collect *c, void *k, void *v)
{
	const struct wait_key *key = k;
	const struct wait_slot *slot = v;

	return profile_add_wait(c->profile, key->serial, key->syscall, key->flags, slot->ns,
				slot->count);
}

int collect_waits(struct collect *c, int map_fd)
{
	struct wait_slot value;
	struct wait_key key;

	return map_each(map_fd, &key, &value, on_wait_entry, c);
}

static int on_call_entry(struct collect *c, void *k, void *v)
{
	const struct call_key *key = k;

	return add_thread_call(c, key->serial, v);
}

int collect_thread_calls(struct collect *c, int map_fd)
{
	struct call_slot value;
	struct call_key key;

	return map_each(map_fd, &key, &value, on_call_entry, c);
}

/* One (process image, call): kinds of copy merged, histograms added. */
struct api_sum {
	struct api_key key;
	struct api_rec rec;
	struct api_sum *next;
};

struct api_sums {
	struct api_sum *first;
};

static int api_sum_add(struct api_sums *sums, const struct api_key *key, const struct api_rec *r)
{
	struct api_sum *s;

	for (s = sums->first; s; s = s->next)
		if (s->key.tgid == key->tgid && s->key.call == key->call)
			break;
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return -ENOMEM;
		s->key = *key;
		s->next = sums->first;
		sums->first = s;
	}
	s->rec.calls += r->calls;
	s->rec.errors += r->errors;
	s->rec.bytes += r->bytes;
	s->rec.on_cpu_ns += r->on_cpu_ns;
	s->rec.run_queue_ns += r->run_queue_ns;
	s->rec.blocked_ns += r->blocked_ns;
	s->rec.voluntary += r->voluntary;
	s->rec.involuntary += r->involuntary;
	s->rec.abandoned += r->abandoned;
	s->rec.open_at_start += r->open_at_start;
	if (r->max_ns > s->rec.max_ns)
		s->rec.max_ns = r->max_ns;
	for (size_t i = 0; i < HIST_BUCKETS; i++)
		s->rec.hist[i] += r->hist[i];
	return 0;
}

static const char *process_name(const struct collect *c, uint32_t pid)
{
	for (size_t i = 0; i < c->profile->threads_n; i++)
		if (c->profile->threads[i].pid == pid)
			return c->profile->threads[i].process;
	return "?";
}

static uint64_t api_wall_ns(const struct api_rec *r)
{
	return r->on_cpu_ns + r->run_queue_ns + r->blocked_ns;
}

static int add_api(struct collect *c, const struct api_sum *s)
{
	struct profile_call call = { 0 };
	struct api_extra *extra = extra_get(c, s->key.tgid, s->key.call);

	if (!extra)
		return -ENOMEM;
	call.pid = s->key.tgid;
	call.process = process_name(c, s->key.tgid);
	call.name = cuda_call_name(s->key.call);
	call.api = cuda_calls[s->key.call - 1].api;
	call.calls = s->rec.calls;
	call.errors = s->rec.errors;
	call.bytes = s->rec.bytes;
	call.abandoned = s->rec.abandoned + extra->abandoned;
	call.open_at_start = s->rec.open_at_start;
	call.open_at_end = extra->open_at_end;
	call.wall_ns = api_wall_ns(&s->rec);
	call.on_cpu_ns = s->rec.on_cpu_ns;
	call.run_queue_ns = s->rec.run_queue_ns;
	call.blocked_ns = s->rec.blocked_ns;
	call.voluntary = s->rec.voluntary;
	call.involuntary = s->rec.involuntary;
	call.max_ns = s->rec.calls ? s->rec.max_ns : PROFILE_UNKNOWN;
	call.p50_ns = hist_quantile(s->rec.hist, 0.50, s->rec.max_ns);
	call.p95_ns = hist_quantile(s->rec.hist, 0.95, s->rec.max_ns);
	call.p99_ns = hist_quantile(s->rec.hist, 0.99, s->rec.max_ns);
	return profile_add_call(c->profile, &call);
}

static int add_copy(struct collect *c, const struct api_key *key, const struct api_rec *r)
{
	struct profile_copy copy = {
		.pid = key->tgid,
		.kind = cuda_copy_kind(key->kind),
		.calls = r->calls,
		.bytes = r->bytes,
		.wall_ns = api_wall_ns(r),
	};

	return copy.kind && r->calls ? profile_add_copy(c->profile, &copy) : 0;
}

int collect_apis(struct collect *c, int map_fd)
{
	struct api_key key, *previous = NULL;
	struct api_sums sums = { 0 };
	struct api_sum *s, *next;
	struct api_rec value;
	int err = 0;

	while (!err && !bpf_map_get_next_key(map_fd, previous, &key)) {
		previous = &key;
		if (!cuda_call_name(key.call) || bpf_map_lookup_elem(map_fd, &key, &value))
			continue;
		err = api_sum_add(&sums, &key, &value);
		if (!err)
			err = add_copy(c, &key, &value);
	}
	/* Calls that are only ever open have no record of their own. */
	memset(&value, 0, sizeof(value));
	for (size_t i = 0; i < c->extras_n && !err; i++) {
		key = (struct api_key){ .tgid = c->extras[i].tgid, .call = c->extras[i].call };
		err = api_sum_add(&sums, &key, &value);
	}
	for (s = sums.first; s; s = next) {
		next = s->next;
		if (!err)
			err = add_api(c, s);
		free(s);
	}
	return err;
}

static int on_ended_entry(struct collect *c, void *k, void *v)
{
	const struct ended_key *key = k;
	const struct ended_rec *r = v;
	struct profile_thread t = { 0 };
	char comm[INFBPF_COMM + 1] = "";

	memcpy(comm, key->comm, sizeof(key->comm));
	t.serial = 1ULL << 63 | c->threads++; /* no thread's own: its stacks are not kept apart */
	t.pid = key->tgid;
	t.process = process_name(c, key->tgid);
	t.comm = comm;
	t.merged = r->threads;
	t.ended = true;
	t.wall_ns = r->wall_ns;
	t.state_ns[PROFILE_ON_CPU] = r->times.on_cpu_ns;
	t.state_ns[PROFILE_WOKEN] = r->times.woken_ns;
	t.state_ns[PROFILE_PREEMPTED] = r->times.preempted_ns;
	t.state_ns[PROFILE_BLOCKED] = r->times.blocked_ns;
	t.voluntary = r->times.voluntary;
	t.involuntary = r->times.involuntary;
	t.migrations = r->times.migrations;
	return profile_add_thread(c->profile, &t, c->options.max_threads);
}

int collect_ended(struct collect *c, int map_fd)
{
	struct ended_rec value;
	struct ended_key key;

	return map_each(map_fd, &key, &value, on_ended_entry, c);
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
