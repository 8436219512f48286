/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a finished CUDA call adds to: its name's record, its thread's time, its stream, the thing it
 * launched, copies by kind and size; and what is sent about memory and names.
 *
 * Context: user probes, in the calling task; preemptible. Other threads of the process share the
 * records in maps (atomic adds); slots in task storage, and the record of a thread's launches, are the
 * thread's own.
 * Cost: about 40 ns a map, 5 ns an addition to it, 5 ns a slot.
 */
#ifndef CALL_ACCOUNT_BPF_H
#define CALL_ACCOUNT_BPF_H

#include "hist.bpf.h"
#include "stack.bpf.h"

/* The place of a call's record, + 1; 0: there is no room. inside: the call that this one was made by, 0:
 * it is the outermost. */
static __always_inline u32 api_place(const struct task_state *ts, const struct open_call *oc,
				     u16 inside)
{
	struct api_key key = {
		.tgid = ts->tgid,
		.image = ts->image,
		.call = oc->call,
		.kind = oc->kind,
		.inside = inside,
	};

	return place_get(&apis, &key, &next_api, API_RECS);
}

static __always_inline struct api_rec *api_at(u32 place)
{
	u32 at = place - 1;

	return place ? bpf_map_lookup_elem(&api_recs, &at) : NULL;
}

static __always_inline struct api_rec *api_get(const struct task_state *ts,
					       const struct open_call *oc, u16 inside)
{
	return api_at(api_place(ts, oc, inside));
}

/* Of a call of CALL_WAITED_NS and more: did it spin, was it blocked? */
static __always_inline void api_add_wait(struct api_rec *r, const struct thread_times *d, u64 wall)
{
	__sync_fetch_and_add(&r->waited, 1);
	if (d->blocked_ns >= wall / 2)
		__sync_fetch_and_add(&r->blocked_calls, 1);
	else if (d->on_cpu_ns >= wall - wall / 4)
		__sync_fetch_and_add(&r->spun, 1);
}

static __always_inline void api_add(struct api_rec *r, const struct open_call *oc,
				    const struct thread_times *d, u64 wall, bool failed)
{
	unsigned int b;

	__sync_fetch_and_add(&r->calls, 1);
	if (failed)
		__sync_fetch_and_add(&r->errors, 1);
	else
		ADD(r->bytes, oc->bytes);
	ADD(r->on_cpu_ns, d->on_cpu_ns);
	ADD(r->run_queue_ns, d->woken_ns + d->preempted_ns);
	ADD(r->blocked_ns, d->blocked_ns);
	ADD(r->voluntary, d->voluntary);
	ADD(r->involuntary, d->involuntary);
	b = hist_bucket(wall);
	if (b < HIST_BUCKETS)
		__sync_fetch_and_add(&r->hist[b], 1);
	if (wall >= CALL_WAITED_NS)
		api_add_wait(r, d, wall);
	max_raise(&r->max_ns, wall);
}

static __noinline int error_add(const struct task_state *ts, u32 code, u32 call, u32 inside)
{
	struct error_key key = {
		.tgid = ts->tgid,
		.image = ts->image,
		.code = code,
		.call = call,
		.inside = inside,
	};
	u64 *n = map_entry(&call_errors, &key);

	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

/* The thread's slot of the open call: like wait_add(), in its storage, and what has no room there goes
 * to the map. */
static __always_inline struct call_slot *call_slot_get(struct task_state *ts)
{
	const struct open_call *oc = &ts->outer;
	struct call_slot *s, *in_map;
	struct call_key key = {};
	u32 i;

#pragma unroll
	for (i = 0; i < CALL_SLOTS; i++) {
		s = &ts->calls[i];
		if (s->call == oc->call && s->kind == oc->kind)
			return s;
		if (!s->call)
			goto take;
	}
	s = &ts->calls[ts->call_next++ & (CALL_SLOTS - 1)];
	key.serial = ts->serial;
	key.call = s->call;
	in_map = bpf_map_lookup_elem(&thread_calls, &key);
	if (in_map) {
		in_map->count += s->count;
		in_map->on_cpu_ns += s->on_cpu_ns;
		in_map->woken_ns += s->woken_ns;
		in_map->preempted_ns += s->preempted_ns;
		in_map->blocked_ns += s->blocked_ns;
	} else if (bpf_map_update_elem(&thread_calls, &key, s, BPF_ANY)) {
		map_lost();
	}
take:
	*s = (struct call_slot){ .call = oc->call, .kind = oc->kind };
	s->api = api_place(ts, oc, 0);
	return s;
}

static __always_inline void call_slot_add(struct call_slot *s, const struct thread_times *d)
{
	s->count++;
	s->on_cpu_ns += d->on_cpu_ns;
	s->woken_ns += d->woken_ns;
	s->preempted_ns += d->preempted_ns;
	s->blocked_ns += d->blocked_ns;
}

/* The same for streams. */
static __always_inline void stream_add(struct task_state *ts, const struct open_call *oc, u64 wall,
				       bool failed)
{
	u32 what = COOKIE_WHAT(oc->cookie);
	struct stream_slot *s;
	u32 i;

	if (oc->stream == STREAM_NONE)
		return;
#pragma unroll
	for (i = 0; i < STREAM_SLOTS; i++) {
		s = &ts->streams[i];
		if (!s->calls || s->stream == oc->stream)
			goto add;
	}
	s = &ts->streams[ts->stream_next++ & (STREAM_SLOTS - 1)];
	stream_flush(ts->tgid, ts->image, s);
	*s = (struct stream_slot){};
add:
	s->stream = oc->stream;
	s->calls++;
	s->wall_ns += wall;
	if (!failed && what != CALL_ALLOC)
		s->bytes += oc->bytes;
	if (what == CALL_LAUNCH) {
		s->launches++;
	} else if (what == CALL_COPY || what == CALL_ASYNC_COPY) {
		s->copies++;
	} else if (what == CALL_SYNC) {
		s->syncs++;
		s->sync_ns += wall;
	}
}

static __always_inline void memory_lost(void)
{
	struct cpu_counts *c = cpu_counts();

	if (c)
		__sync_fetch_and_add(&c->lost_memory, 1);
}

/* The place of the record of these launches, + 1. The first tells user space of them. */
static __noinline u32 launch_place(const struct launch_key *key)
{
	u32 place, before = next_launch;
	struct rec_launch r = { .hdr = { REC_LAUNCH, sizeof(r) } };

	place = place_get(&launches, key, &next_launch, LAUNCH_RECS);
	/* (Or somebody else's was the first: one record more.) */
	if (place && next_launch != before) {
		r.key = *key;
		/* A program may end soon: wakes the reader. Once a kind of launch. */
		if (bpf_ringbuf_output(&ring, &r, sizeof(r), BPF_RB_FORCE_WAKEUP))
			memory_lost();
	}
	return place;
}

static __always_inline struct launch_rec *launch_get(struct task_state *ts,
						     const struct open_call *oc, u64 site)
{
	/* Fibonacci hashing: three bits. */
	u64 h = ((site ^ oc->object) * 0x9e3779b97f4a7c15ULL) >> 61;
	struct launch_slot *slot = &ts->launches[h];
	struct launch_key key;
	u32 at;

	if (!slot->launch || slot->site != site || slot->object != oc->object ||
	    slot->call != oc->call) {
		key = (struct launch_key){
			.tgid = ts->tgid,
			.image = ts->image,
			.site = site,
			.object = oc->object,
			.call = oc->call,
		};
		slot->site = site;
		slot->object = oc->object;
		slot->call = oc->call;
		slot->launch = launch_place(&key);
	}
	at = slot->launch - 1;
	return slot->launch ? bpf_map_lookup_elem(&launch_recs, &at) : NULL;
}

static __always_inline struct launcher_rec *launcher_get(struct task_state *ts)
{
	struct launcher_rec *r;
	u32 at = ts->launcher;

	if (!at) {
		at = __sync_fetch_and_add(&next_launcher, 1) + 1;
		ts->launcher = at;
	}
	at--;
	r = bpf_map_lookup_elem(&launchers, &at);
	if (r) {
		r->serial = ts->serial;
		return r;
	}
	map_lost();
	return NULL;
}

/* site: where the call returns to. now: of the return (of the entry, where that is all there is). */
static __always_inline void launch_add(struct task_state *ts, const struct open_call *oc, u64 site,
				       u64 wall, u64 now, bool failed)
{
	u64 gap = 0, before = ts->launch_end_ns;
	struct launch_rec *l = launch_get(ts, oc, site);
	struct launcher_rec *r = launcher_get(ts);
	bool follows = before && !cfg_entries_only;
	unsigned int b;

	if (follows && oc->now > before)
		gap = oc->now - before;
	ts->launch_end_ns = now;
	if (l) {
		__sync_fetch_and_add(&l->calls, 1);
		if (failed)
			__sync_fetch_and_add(&l->errors, 1);
		ADD(l->wall_ns, wall);
		if (follows) {
			__sync_fetch_and_add(&l->gaps, 1);
			ADD(l->gap_ns, gap);
		}
	}
	if (!r)
		return;
	r->launches++;
	r->wall_ns += wall;
	if (!follows)
		return;
	r->gaps++;
	r->gap_ns += gap;
	if (gap > r->gap_max_ns)
		r->gap_max_ns = gap;
	b = hist_bucket(gap);
	if (b < HIST_BUCKETS)
		r->hist[b]++;
}

/* The smallest i with n <= 2^i. */
static __always_inline u32 size_class(u64 n)
{
	u32 i;

	for (i = 0; i < COPY_SIZES - 1; i++)
		if (n <= 1ULL << i)
			break;
	return i;
}

/* 1: it is booked. */
static __noinline int copy_add(const struct task_state *ts, const struct open_call *oc, u64 wall,
			       u32 failed)
{
	struct copy_key key = { .tgid = ts->tgid, .image = ts->image, .kind = oc->kind };
	struct copy_rec *r = map_entry(&copies, &key);
	u32 i = size_class(oc->bytes);

	if (!r)
		return 0;
	__sync_fetch_and_add(&r->calls, 1);
	ADD(r->wall_ns, wall);
	if (!failed)
		ADD(r->bytes, oc->bytes);
	if (i < COPY_SIZES)
		__sync_fetch_and_add(&r->sizes[i], 1);
	return 1;
}

/* Sends a record about the memory at ptr, by the open call. Returns its seq, 0: it is lost. */
static __noinline int memory_send(const struct task_state *ts, u32 op, u64 ptr, u64 wall,
				  u32 sampled)
{
	const struct open_call *oc = &ts->outer;
	struct rec_memory *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	u32 seq;

	if (!r) {
		memory_lost();
		return 0;
	}
	seq = __sync_fetch_and_add(&next_seq, 1);
	r->hdr.type = REC_MEMORY;
	r->hdr.len = sizeof(*r);
	r->time_ns = bpf_ktime_get_ns();
	r->tgid = ts->tgid;
	r->image = ts->image;
	r->op = op;
	r->kind = COOKIE_MEMORY(oc->cookie);
	r->call = oc->call;
	r->sampled = sampled;
	r->seq = seq;
	r->pad = 0;
	r->ptr = ptr;
	r->bytes = oc->bytes;
	r->src = oc->src;
	r->wall_ns = wall;
	r->serial = ts->serial;
	bpf_ringbuf_submit(r, ring_flags());
	return seq;
}

/* Is a stack to be had for another allocation? User space deals them out. */
static __always_inline bool alloc_stack_wanted(void)
{
	return alloc_stacks > 0 && __sync_fetch_and_add(&alloc_stacks, -1) > 0;
}

/* An allocation has returned: the address, or the handle, is where the caller wants it; memory that is
 * only registered has been the caller's all along. */
static __always_inline void alloc_add(struct pt_regs *ctx, const struct task_state *ts, u64 now)
{
	const struct open_call *oc = &ts->outer;
	struct rec_sample *s;
	u64 ptr = oc->object;
	bool sampled;
	u32 seq;

	if (COOKIE_MEMORY(oc->cookie) != MEMORY_REGISTERED &&
	    bpf_probe_read_user(&ptr, sizeof(ptr), (void *)oc->object)) {
		memory_lost();
		return;
	}
	/* No bytes, no address. */
	if (!ptr)
		return;
	sampled = alloc_stack_wanted();
	seq = memory_send(ts, MEMORY_ALLOC, ptr, 0, sampled);
	if (!sampled || !seq)
		return;
	s = sample_begin(ctx, bpf_get_current_task_btf(), true);
	if (!s)
		return;
	sample_start(s, ts, SAMPLE_ALLOC, now, NULL);
	s->seq = seq;
	s->call_ra = ctx->ip;
	s->syscall = INFBPF_NO_SYSCALL;
	s->flags = WAIT_IN_CALL;
	sample_send(ctx, s, ctx, true, false);
}

/* object has the name at address, or (alias) that of another object. */
static __noinline int name_send(const struct task_state *ts, u64 object, u64 address, u32 is_alias)
{
	struct rec_name *r;

	if (!object || !address)
		return 0;
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		memory_lost();
		return 0;
	}
	r->hdr.type = REC_NAME;
	r->hdr.len = sizeof(*r);
	r->tgid = ts->tgid;
	r->image = ts->image;
	r->object = object;
	r->alias = is_alias ? address : 0;
	r->address = 0;
	r->name[0] = '\0';
	if (!is_alias && bpf_probe_read_user_str(r->name, sizeof(r->name), (void *)address) <= 0) {
		r->address = address;
		r->name[0] = '\0';
	}
	bpf_ringbuf_submit(r, ring_flags());
	return 0;
}

#endif /* CALL_ACCOUNT_BPF_H */
