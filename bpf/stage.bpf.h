/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stages of a thread: they begin, nest, end.
 *
 * A stage's length is the difference of two readings of the thread's own account, so on-CPU, run queue
 * and blocked time sum to its wall time; blocked time by cause is kept by the scheduler's handlers while
 * a stage is open. Whether a stage is open is told by the stack in stage_states alone: an end that finds
 * no begin is nothing, one that finds other stages open within abandons them.
 *
 * Context: user probes, in the calling task, with task_state.busy raised; preemptible, not migratable.
 * The scheduler's handlers may interrupt, but while they run the task is not blocked: its blocked time,
 * and that by cause, are as they were.
 * Cost: 0.15 us a begin, 0.3 us an end, beside the trap.
 */
#ifndef STAGE_BPF_H
#define STAGE_BPF_H

#include "infbpf.bpf.h"
#include "hist.bpf.h"

/* What a stage begins with. */
struct stage_begin {
	u64 sp; /* of a function: the stack pointer at its entry; 0: of a mark */
	u64 request, group;
	u32 requests, tokens, padded; /* of a pass */
	u16 name;
	u8 source, kind;
};

static __always_inline void span_lost(void)
{
	struct cpu_counts *c = cpu_counts();

	if (c)
		__sync_fetch_and_add(&c->lost_spans, 1);
}

/* The number of a name, a new one where it has none. */
static __noinline u32 stage_name_number(const struct stage_name *key, u32 later)
{
	u32 *number, mine;

	number = bpf_map_lookup_elem(&stage_names, key);
	if (number)
		return *number;
	if (next_stage_name >= STAGE_NAMES) {
		map_lost();
		return STAGE_NAME_MORE;
	}
	/* Two threads may come at once: the number of the one that is late stays unused. */
	mine = __sync_fetch_and_add(&next_stage_name, 1) | later;
	if (STAGE_NAME_NUMBER(mine) >= STAGE_NAMES)
		return STAGE_NAME_MORE;
	bpf_map_update_elem(&stage_names, key, &mine, BPF_NOEXIST);
	number = bpf_map_lookup_elem(&stage_names, key);
	if (!number) {
		map_lost();
		return STAGE_NAME_MORE;
	}
	if (later) {
		struct rec_mark r = { .hdr = { REC_MARK, sizeof(r) }, .name = mine };

		/* User space reads it while the process lives. */
		if (bpf_ringbuf_output(&ring, &r, sizeof(r), BPF_RB_FORCE_WAKEUP))
			span_lost();
	}
	return *number;
}

/* May one more record be sent? User space deals them out. */
static __always_inline bool stage_record_wanted(void)
{
	if (stage_records > 0 && __sync_fetch_and_add(&stage_records, -1) > 0)
		return true;
	span_lost();
	return false;
}

/* Reads the thread's clocks into st->now. Returns the time. */
static __always_inline u64 stage_clock(const struct task_state *ts, struct stage_state *st)
{
	u64 calls = st->calls_ns, since, begin = t_begin, now;
	struct thread_times t;

	now = task_snapshot(ts, &t);
	st->now.on_cpu_ns = t.on_cpu_ns;
	st->now.run_queue_ns = t.woken_ns + t.preempted_ns;
	st->now.blocked_ns = t.blocked_ns;
	st->now.throttled_ns = t.throttled_ns;
	if (ts->depth) {
		since = ts->outer.now > begin ? ts->outer.now : begin;
		if (now > since)
			calls += now - since;
	}
	st->now.calls_ns = calls;
	return now;
}

/* The same where a stage is open. ~0: none is. To be called first: what comes after it is no part of the
 * stage that ends. */
static __always_inline u64 stage_now(const struct task_state *ts)
{
	struct stage_state *st;

	if (!ts->stages_n)
		return ~0ULL;
	st = bpf_task_storage_get(&stage_states, bpf_get_current_task_btf(), NULL, 0);
	return st ? stage_clock(ts, st) : ~0ULL;
}

static __noinline int stage_begin(struct task_state *ts, const struct stage_begin *b)
{
	struct stage_state *st = bpf_task_storage_get(&stage_states, bpf_get_current_task_btf(),
						      NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	struct stage_open *e, *around;
	u32 n = ts->stages_n;

	if (bpf_ktime_get_ns() >= t_end)
		return 0;
	if (!st) {
		span_lost();
		return 0;
	}
	if (!n)
		st->over = 0;
	if (n >= STAGE_DEPTH) {
		if (!b->sp)
			st->over++;
		span_lost();
		return 0;
	}
	e = &st->open[n & (STAGE_DEPTH - 1)];
	around = &st->open[(n - 1) & (STAGE_DEPTH - 1)];
	e->sp = b->sp;
	e->request = b->request;
	e->group = b->group;
	if (n && !b->request && !b->group) {
		e->request = around->request;
		e->group = around->group;
	}
	e->requests = b->requests;
	e->tokens = b->tokens;
	e->padded = b->padded;
	e->name = b->name;
	e->source = b->source;
	e->kind = b->kind;
	e->id = ts->serial << 32 | (u32)++st->ids;
	if (n < STAGE_FRAMES)
		ts->stages[n & (STAGE_FRAMES - 1)] = b->name;
	e->begin_ns = stage_clock(ts, st);
	e->at = st->now;
	ts->stages_n = n + 1;
	return 1;
}

static __noinline int stage_abandon(const struct task_state *ts, u32 name, u32 source, u64 begin_ns)
{
	struct stage_rec *r;

	if (begin_ns < t_begin)
		return 0;
	r = stage_rec_get(ts, name, source);
	if (r)
		__sync_fetch_and_add(&r->abandoned, 1);
	return 0;
}

/* n stages are open from now on: fewer than before. */
static __always_inline void stage_cut(struct task_state *ts, u32 n)
{
	u32 i;

	ts->stages_n = n;
#pragma unroll
	for (i = 0; i < STAGE_FRAMES; i++)
		if (i >= n)
			ts->stages[i] = 0;
}

/* Abandons the open stages from number `from` on. */
static __noinline int stage_leave(struct task_state *ts, struct stage_state *st, u32 from)
{
	struct stage_open *e;
	u32 i, n = ts->stages_n;

	for (i = 0; i < STAGE_DEPTH; i++) {
		if (n <= from)
			break;
		n--;
		e = &st->open[n & (STAGE_DEPTH - 1)];
		stage_abandon(ts, e->name, e->source, e->begin_ns);
	}
	stage_cut(ts, from);
	return 0;
}

static __always_inline void stage_sum(struct stage_times *sum, const struct stage_times *d)
{
	u32 i;

	ADD(sum->on_cpu_ns, d->on_cpu_ns);
	ADD(sum->run_queue_ns, d->run_queue_ns);
	ADD(sum->blocked_ns, d->blocked_ns);
	ADD(sum->throttled_ns, d->throttled_ns);
	ADD(sum->calls_ns, d->calls_ns);
#pragma unroll
	for (i = 0; i < STAGE_CAUSES; i++)
		ADD(sum->by_ns[i], d->by_ns[i]);
}

/* e->at becomes what passed since. Returns the wall time. */
static __always_inline u64 stage_passed(const struct stage_times *now, struct stage_times *at)
{
	u32 i;

	at->on_cpu_ns = now->on_cpu_ns - at->on_cpu_ns;
	at->run_queue_ns = now->run_queue_ns - at->run_queue_ns;
	at->blocked_ns = now->blocked_ns - at->blocked_ns;
	at->throttled_ns = now->throttled_ns - at->throttled_ns;
	/* (The time of a call that was left without a return was the call's until that was found out.) */
	at->calls_ns = now->calls_ns > at->calls_ns ? now->calls_ns - at->calls_ns : 0;
#pragma unroll
	for (i = 0; i < STAGE_CAUSES; i++)
		at->by_ns[i] = now->by_ns[i] - at->by_ns[i];
	return at->on_cpu_ns + at->run_queue_ns + at->blocked_ns;
}

static __noinline int span_send(const struct task_state *ts, const struct stage_open *e, u64 parent,
				u32 depth, u64 now)
{
	struct rec_span *r;

	if (!stage_record_wanted())
		return 0;
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		span_lost();
		return 0;
	}
	r->hdr.type = REC_SPAN;
	r->hdr.len = sizeof(*r);
	r->tgid = ts->tgid;
	r->tid = ts->tid;
	r->image = ts->image;
	r->name = e->name;
	r->source = e->source;
	r->kind = e->kind;
	r->depth = depth;
	r->requests = e->requests;
	r->tokens = e->tokens;
	r->padded = e->padded;
	r->id = e->id;
	r->parent = parent;
	r->request = e->request;
	r->group = e->group;
	r->begin_ns = e->begin_ns;
	r->end_ns = now;
	r->times = e->at;
	bpf_ringbuf_submit(r, ring_flags());
	return 0;
}

/* The n-th open stage, which is the innermost now, has ended at st->now. */
static __noinline int stage_close(struct task_state *ts, struct stage_state *st, u32 n, u64 now)
{
	struct stage_open *e = &st->open[n & (STAGE_DEPTH - 1)];
	struct stage_rec *r;
	unsigned int b;
	u64 wall;

	if (e->begin_ns < t_begin)
		return 0;
	wall = stage_passed(&st->now, &e->at);
	r = stage_rec_get(ts, e->name, e->source);
	if (r) {
		__sync_fetch_and_add(&r->count, 1);
		stage_sum(&r->sum, &e->at);
		b = hist_bucket(wall);
		if (b < HIST_BUCKETS)
			__sync_fetch_and_add(&r->hist[b], 1);
		max_raise(&r->max_ns, wall);
	}
	if (e->request || e->group)
		span_send(ts, e, n ? st->open[(n - 1) & (STAGE_DEPTH - 1)].id : 0, n, now);
	return 0;
}

/* Which open stage this is the end of, STAGE_DEPTH: of none. what: source | kind << 8. Where one of the
 * names is not known yet (STAGE_NAME_LATER), it is taken for the innermost one's. */
static __noinline u32 stage_find(const struct task_state *ts, struct stage_state *st, u32 name,
				 u32 what, u64 sp)
{
	struct stage_open *e;
	u32 i, n = ts->stages_n;

	for (i = 0; i < STAGE_DEPTH; i++) {
		if (!n)
			break;
		n--;
		e = &st->open[n & (STAGE_DEPTH - 1)];
		if (e->sp != sp || (e->source | (u32)e->kind << 8) != what)
			continue;
		if (e->name == name || name & STAGE_NAME_LATER)
			return n;
		if (e->name & STAGE_NAME_LATER) {
			e->name = name;
			return n;
		}
	}
	return STAGE_DEPTH;
}

/* now: of stage_now(). 1: there was such a stage. */
static __noinline int stage_end(struct task_state *ts, u32 name, u32 what, u64 sp, u64 now)
{
	struct stage_state *st;
	u32 n;

	if (!ts->stages_n || now >= t_end)
		return 0;
	st = bpf_task_storage_get(&stage_states, bpf_get_current_task_btf(), NULL, 0);
	if (!st)
		return 0;
	if (st->over && !sp) {
		st->over--;
		return 0;
	}
	n = stage_find(ts, st, name, what, sp);
	if (n >= STAGE_DEPTH)
		return 0;
	stage_leave(ts, st, n + 1);
	stage_close(ts, st, n, now);
	stage_cut(ts, n);
	return 1;
}

/* --- stages of functions: bpf/stage_function.bpf.c --- */

/* sp: the stack pointer at the function's entry, where its return address lies. */
static __always_inline int stage_push(void *ctx, struct task_state *ts, u16 name_id, u8 source,
				      u64 sp)
{
	struct stage_begin b = { .sp = sp, .name = name_id, .source = source };
	int pushed;

	ts->busy++;
	pushed = stage_begin(ts, &b);
	ts->busy--;
	return pushed;
}

/* sp: as above, which is the stack pointer at the function's ret instruction again. 1: it was open. */
static __always_inline int stage_pop_sp(void *ctx, struct task_state *ts, u16 name_id, u8 source,
					u64 sp)
{
	int popped;

	ts->busy++;
	popped = stage_end(ts, name_id, source, sp, stage_now(ts));
	ts->busy--;
	return popped;
}

/* Abandons the functions whose frames are gone, with all that is open within them: the stack pointer, sp
 * now, is back at or above that of their entry (the stack grows down). */
static __always_inline int stage_drop_passed(struct task_state *ts, u64 sp)
{
	struct stage_state *st;
	struct stage_open *e;
	u32 i;

	if (!ts->stages_n || bpf_ktime_get_ns() >= t_end)
		return 0;
	st = bpf_task_storage_get(&stage_states, bpf_get_current_task_btf(), NULL, 0);
	if (!st)
		return 0;
	for (i = 0; i < STAGE_DEPTH; i++) {
		if (i >= ts->stages_n)
			break;
		e = &st->open[i];
		if (!e->sp || e->sp > sp)
			continue;
		ts->busy++;
		stage_leave(ts, st, i);
		ts->busy--;
		break;
	}
	return 0;
}

#endif /* STAGE_BPF_H */
