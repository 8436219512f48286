/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * CUDA calls: wall, on-CPU, run-queue and blocked time, bytes, errors, histogram.
 *
 * A call counts at the outermost traced entry of a thread and is closed by the return that finds
 * its stack pointer. Which calls are open is told by a small stack of entry stack pointers, not by a
 * depth counter: longjmp and calls that never return would leave a counter stuck.
 *
 * Context: user probes, in the calling task; preemptible, not migratable. The scheduler's handlers
 * can interrupt at any instruction and change the thread's sums; task_snapshot() copes.
 * Cost: the trap (0.5 us each) and about 0.1 us entry, 0.15 us return.
 */
#include "stack.bpf.h"

/* The thread's counters as of now, which is returned, as one consistent set. Before the window: as
 * nothing is accounted yet, zero. */
static __always_inline u64 task_snapshot(const struct task_state *ts, struct thread_times *t)
{
	u64 since, now;
	u32 seq;
	int i;

	for (i = 0; i < 4; i++) {
		seq = *(volatile u32 *)&ts->seq;
		now = bpf_ktime_get_ns();
		*t = ts->times;
		since = task_since(ts);
		if (*(volatile u32 *)&ts->seq == seq)
			break;
	}
	if (now > since)
		t->on_cpu_ns += now - since;
	return now;
}

static __always_inline struct api_rec *api_get(const struct task_state *ts)
{
	struct api_key key = {
		.tgid = ts->tgid,
		.image = ts->image,
		.call = ts->call,
		.kind = ts->call_kind,
	};
	struct api_rec *r = bpf_map_lookup_elem(&apis, &key);
	struct cpu_counts *c;
	u32 zero = 0;
	void *init;

	if (r)
		return r;
	init = bpf_map_lookup_elem(&api_zero, &zero);
	if (init)
		bpf_map_update_elem(&apis, &key, init, BPF_NOEXIST);
	r = bpf_map_lookup_elem(&apis, &key);
	if (!r) {
		c = cpu_counts();
		if (c)
			__sync_fetch_and_add(&c->lost_map, 1);
	}
	return r;
}

static __always_inline void call_abandon(struct task_state *ts)
{
	struct api_rec *r = api_get(ts);

	if (r)
		__sync_fetch_and_add(&r->abandoned, 1);
}

/* Frames whose entry stack pointer is not above sp are gone (the stack grows down): left by longjmp,
 * an exception, or a return probe that the kernel had no room for. */
static __always_inline void calls_pop_dead(struct task_state *ts, u64 sp)
{
	int i;

#pragma unroll
	for (i = CALL_DEPTH - 1; i >= 0; i--) {
		if (i >= (int)ts->depth || ts->call_sp[i] > sp)
			continue;
		if (i == 0) {
			call_abandon(ts);
			ts->abandoned++;
		}
		ts->depth = i;
	}
}

/* Argument n of the call at its entry, 0: none. args: those in registers, by number. */
static __always_inline u64 call_arg(const u64 args[8], struct pt_regs *ctx, u8 n)
{
	u64 value = 0, at = n;

	if (n > 6) {
		bpf_probe_read_user(&value, sizeof(value), (void *)(ctx->sp + 8 * (n - 6)));
		return value;
	}
	/* The bound has to be in the very register: clang 18 knows it from the branch and leaves out an
	 * "& 7", the verifier then knows it of another register. */
	asm volatile("%0 &= 7" : "+r"(at));
	return args[at];
}

/* What the cookie and the arguments say about the call. */
static __always_inline void call_describe(struct task_state *ts, struct pt_regs *ctx, u64 cookie)
{
	/* (A switch over ctx's fields becomes one load at a computed offset, which the verifier
	 * refuses.) */
	u64 args[8] = { 0, ctx->di, ctx->si, ctx->dx, ctx->cx, ctx->r8, ctx->r9, 0 };
	u8 kind = COOKIE_KIND(cookie), times = COOKIE_TIMES(cookie);

	ts->call = COOKIE_CALL(cookie);
	ts->call_kind = COOKIE_FIXED(cookie);
	if (kind) {
		u32 k = call_arg(args, ctx, kind);

		ts->call_kind = k <= 4 ? k + 1 : 0;
	}
	ts->call_bytes = call_arg(args, ctx, COOKIE_BYTES(cookie));
	if (times)
		ts->call_bytes *= call_arg(args, ctx, times);
}

/* The clock is read once, as late as can be: what comes before counts as the caller's time. */
static __always_inline void call_open(struct task_state *ts, struct pt_regs *ctx,
				      struct cpu_counts *c)
{
	u64 cookie = bpf_get_attach_cookie(ctx), now;

	if (cookie & COOKIE_COSTLY && c)
		__sync_fetch_and_add(&c->costly_hits, 1);
	call_describe(ts, ctx, cookie);
	now = task_snapshot(ts, &ts->call_at);
	if (now >= t_end)
		return;
	if (now < t_begin)
		ts->flags |= TASK_OPEN_BEFORE;
	else
		ts->flags &= ~TASK_OPEN_BEFORE;
	ts->flags |= TASK_CALLED;
	ts->call_sp[0] = ctx->sp;
	ts->depth = 1;
}

SEC("uprobe")
int handle_call_entry(struct pt_regs *ctx)
{
	struct cpu_counts *c = cpu_counts();
	struct task_state *ts;
	u64 sp = ctx->sp;

	if (c)
		__sync_fetch_and_add(&c->call_hits, 1);
	ts = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), NULL, 0);
	if (!ts || ts->flags & TASK_FLUSHED)
		return 0;
	ts->busy++;
	if (ts->depth) {
		if (bpf_ktime_get_ns() >= t_end)
			goto out;
		calls_pop_dead(ts, sp);
	}
	if (!ts->depth) {
		call_open(ts, ctx, c);
	} else if (ts->depth < CALL_DEPTH) {
		ts->call_sp[ts->depth & (CALL_DEPTH - 1)] = sp;
		ts->depth++;
	}
out:
	ts->busy--;
	return 0;
}

static __always_inline unsigned int hist_bucket(u64 ns)
{
	unsigned int shift = 0;
	u64 v = ns;

	if (ns < (1 << HIST_SUB_BITS))
		return ns;
	if (ns >> HIST_MAX_SHIFT)
		return HIST_BUCKETS - 1;
	if (v >> 32) {
		v >>= 32;
		shift += 32;
	}
	if (v >> 16) {
		v >>= 16;
		shift += 16;
	}
	if (v >> 8) {
		v >>= 8;
		shift += 8;
	}
	if (v >> 4) {
		v >>= 4;
		shift += 4;
	}
	if (v >> 2) {
		v >>= 2;
		shift += 2;
	}
	if (v >> 1)
		shift += 1;
	/* shift: index of the highest bit, >= HIST_SUB_BITS */
	shift -= HIST_SUB_BITS;
	return (shift << HIST_SUB_BITS) + (ns >> shift);
}

/* Adds what is not zero: an atomic add costs about 5 ns. Other threads of the process share r. */
#define ADD(field, value)                                   \
	do {                                                \
		u64 v_ = (value);                           \
		if (v_)                                     \
			__sync_fetch_and_add(&(field), v_); \
	} while (0)

static __always_inline void api_add(struct task_state *ts, const struct thread_times *d, u64 wall,
				    bool failed)
{
	struct api_rec *r = api_get(ts);
	unsigned int b;
	u64 max;
	int i;

	if (!r)
		return;
	if (ts->flags & TASK_OPEN_BEFORE) {
		__sync_fetch_and_add(&r->open_at_start, 1);
		return;
	}
	__sync_fetch_and_add(&r->calls, 1);
	if (failed)
		__sync_fetch_and_add(&r->errors, 1);
	else
		ADD(r->bytes, ts->call_bytes);
	ADD(r->on_cpu_ns, d->on_cpu_ns);
	ADD(r->run_queue_ns, d->woken_ns + d->preempted_ns);
	ADD(r->blocked_ns, d->blocked_ns);
	ADD(r->voluntary, d->voluntary);
	ADD(r->involuntary, d->involuntary);
	b = hist_bucket(wall);
	if (b < HIST_BUCKETS)
		__sync_fetch_and_add(&r->hist[b], 1);
	/* A few tries at the maximum: each failure means that another thread raised it. */
	for (i = 0; i < 4; i++) {
		max = *(volatile u64 *)&r->max_ns;
		if (wall <= max || __sync_val_compare_and_swap(&r->max_ns, max, wall) == max)
			break;
	}
}

/* The thread's own time by call: like wait_add(), a slot in its storage, the map when they run out. */
static __always_inline void thread_call_add(struct task_state *ts, const struct thread_times *d)
{
	struct call_slot *s = NULL, *in_map;
	struct call_key key = {};
	struct cpu_counts *c;
	u32 i;

#pragma unroll
	for (i = 0; i < CALL_SLOTS; i++) {
		if (!ts->calls[i].call || ts->calls[i].call == ts->call) {
			s = &ts->calls[i];
			goto add;
		}
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
		c = cpu_counts();
		if (c)
			__sync_fetch_and_add(&c->lost_map, 1);
	}
	*s = (struct call_slot){};
add:
	s->call = ts->call;
	s->count++;
	s->on_cpu_ns += d->on_cpu_ns;
	s->woken_ns += d->woken_ns;
	s->preempted_ns += d->preempted_ns;
	s->blocked_ns += d->blocked_ns;
}

/* The caller's stack stands for short calls, which no clock tick and no wait ever meets. */
static __always_inline void call_stack(struct pt_regs *ctx, struct task_state *ts, u64 wall,
				       u64 now)
{
	struct rec_sample *s;
	u64 weight;

	if (!stack_wanted(wall, &weight))
		return;
	s = sample_begin(ctx, bpf_get_current_task_btf(), true);
	if (!s)
		return;
	sample_start(s, ts, SAMPLE_CALL, now, NULL);
	s->call_ra = ctx->ip;
	s->on_cpu_ns = weight;
	s->syscall = INFBPF_NO_SYSCALL;
	s->flags = WAIT_IN_CALL;
	sample_send(ctx, s, ctx, true, false);
}

/* at: the thread's counters at the return, now. */
static __always_inline void call_close(struct pt_regs *ctx, struct task_state *ts,
				       struct thread_times *at, u64 now)
{
	/* cudaErrorNotReady: the answer "not yet" of a query, not a failure. */
	u32 rc = ctx->ax;
	bool failed = rc != 0 && rc != 600;
	struct thread_times d = *at;
	u64 wall;

	if (now < t_begin) {
		ts->depth = 0;
		return;
	}
	d.on_cpu_ns -= ts->call_at.on_cpu_ns;
	d.woken_ns -= ts->call_at.woken_ns;
	d.preempted_ns -= ts->call_at.preempted_ns;
	d.blocked_ns -= ts->call_at.blocked_ns;
	d.voluntary -= ts->call_at.voluntary;
	d.involuntary -= ts->call_at.involuntary;
	/* The states' sum, not the difference of two clock readings: equal, but for a reading that
	 * a switch overtook, and then the sum is what the thread's account holds. */
	wall = d.on_cpu_ns + d.woken_ns + d.preempted_ns + d.blocked_ns;
	api_add(ts, &d, wall, failed);
	thread_call_add(ts, &d);
	call_stack(ctx, ts, wall, now);
	ts->depth = 0;
}

SEC("uretprobe")
int handle_call_return(struct pt_regs *ctx)
{
	struct cpu_counts *c = cpu_counts();
	struct task_state *ts;
	u64 sp = ctx->sp - 8; /* the return address is popped already */
	struct thread_times at;
	int i, found = -1;
	u64 now;

	if (c)
		__sync_fetch_and_add(&c->return_hits, 1);
	ts = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), NULL, 0);
	if (!ts || ts->flags & TASK_FLUSHED)
		return 0;
	ts->busy++;
	now = task_snapshot(ts, &at);
	if (now >= t_end)
		goto out;
#pragma unroll
	for (i = 0; i < CALL_DEPTH; i++) {
		if (i < (int)ts->depth && ts->call_sp[i] == sp)
			found = i;
	}
	if (found == 0)
		call_close(ctx, ts, &at, now);
	else if (found > 0)
		ts->depth = found;
	/* Neither known, nor too deep to be kept, nor of a call that began while the probes were being
	 * attached (return probes first). */
	else if (c && ts->flags & TASK_CALLED && now > probes_ns &&
		 !(ts->depth == CALL_DEPTH && sp < ts->call_sp[CALL_DEPTH - 1]))
		__sync_fetch_and_add(&c->lost_return, 1);
out:
	ts->busy--;
	return 0;
}

/* Calibration: what a trap costs with next to no work behind it. Attached to a function of infbpf's
 * own; the count tells whether the kernel's pid filter lets a process's other threads through. */
SEC("uprobe")
int handle_calibrate(struct pt_regs *ctx)
{
	struct cpu_counts *c = cpu_counts();

	if (c)
		c->calibrate_hits++;
	return 0;
}

/* The same for tracepoints; attached for a moment at the start. */
SEC("tp_btf/sched_switch")
int handle_calibrate_hook(u64 *ctx)
{
	return 0;
}
