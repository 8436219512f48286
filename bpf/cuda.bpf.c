/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * CUDA calls: they open, they nest, they close.
 *
 * A call counts at the outermost traced entry of a thread and is closed by the return that finds its
 * stack pointer. That it is open is told by its entry's stack pointer and by what lies there, not by a
 * depth counter: longjmp and calls that never return would leave a counter stuck.
 *
 * Context: user probes, in the calling task; preemptible, not migratable. The scheduler's handlers
 * can interrupt at any instruction and change the thread's sums; task_snapshot() copes.
 * Cost: the trap (0.5 us each) and about 0.1 us entry, 0.2 us return.
 */
#include "call_args.bpf.h"
#include "call_account.bpf.h"

/* cudaErrorNotReady, CUDA_ERROR_NOT_READY: the answer "not yet" of a query, not a failure. */
#define NOT_READY 600
/* ncclInProgress, likewise. */
#define NCCL_IN_PROGRESS 7

static __always_inline void call_abandon(struct task_state *ts)
{
	struct api_rec *r = api_get(ts, &ts->outer, 0);

	if (r)
		__sync_fetch_and_add(&r->abandoned, 1);
	ts->abandoned++;
	ts->depth = 0;
}

/*
 * Has the open call been left without a return (longjmp, an exception, a return probe that the kernel
 * had no room for)? Its frame is gone when the stack pointer is back at or above it (the stack grows
 * down). Where the program has called deeper again since, the stack pointer does not tell, but the word
 * that held the return probe's trampoline has been written over.
 */
static __always_inline bool call_is_dead(const struct task_state *ts, u64 sp)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct xol_area *area;
	struct mm_struct *mm;

	if (ts->outer.sp <= sp)
		return true;
	mm = task->mm;
	if (!mm)
		return false;
	area = mm->uprobes_state.xol_area;
	return area && user_u64(ts->outer.sp) != area->vaddr;
}

/* The clock is read once, as late as can be: what comes before counts as the caller's time. */
static __always_inline void call_open(struct task_state *ts, struct open_call *oc,
				      struct pt_regs *ctx, u64 cookie)
{
	call_describe(oc, ctx, cookie);
	oc->now = task_snapshot(ts, &oc->at);
}

/* False: the window is over. */
static __always_inline bool outer_open(struct task_state *ts, struct pt_regs *ctx, u64 cookie)
{
	call_open(ts, &ts->outer, ctx, cookie);
	if (ts->outer.now >= t_end)
		return false;
	if (ts->outer.now < t_begin)
		ts->call_flags = CALL_SEEN | CALL_OPEN_BEFORE;
	else
		ts->call_flags = CALL_SEEN;
	ts->inner_depth = 0;
	ts->depth = 1;
	if (COOKIE_WHAT(cookie) == CALL_FREE && !(ts->call_flags & CALL_OPEN_BEFORE))
		memory_send(ts, MEMORY_FREE, ts->outer.object, 0, 0);
	return true;
}

static __always_inline u64 entry_cookie(struct pt_regs *ctx)
{
	struct cpu_counts *c = cpu_counts();
	u64 cookie = bpf_get_attach_cookie(ctx);

	/* Not atomic: a probe that is preempted here and another's on this CPU may be counted as one. They
	 * are for the cost only. */
	if (c) {
		c->call_hits++;
		if (cookie & COOKIE_COSTLY)
			c->costly_hits++;
	}
	return cookie;
}

/* True: the return is to be seen, too. */
static __always_inline bool call_enter(struct pt_regs *ctx)
{
	u64 cookie = entry_cookie(ctx);
	struct task_state *ts = task_in_scope();
	bool wanted = false;

	if (!ts)
		return false;
	ts->busy++;
	if (ts->depth) {
		if (bpf_ktime_get_ns() >= t_end)
			goto out;
		if (call_is_dead(ts, ctx->sp))
			call_abandon(ts);
	}
	if (!ts->depth) {
		wanted = outer_open(ts, ctx, cookie);
	} else if (cfg_nested && (!ts->inner_depth || ts->inner.sp <= ctx->sp)) {
		call_open(ts, &ts->inner, ctx, cookie);
		ts->inner_depth = 1;
		wanted = true;
	}
out:
	ts->busy--;
	return wanted;
}

/* What a call took, by state. The sum is its wall time: equal to the difference of two clock readings,
 * but for a reading that a switch overtook, and then the sum is what the thread's account holds. */
static __always_inline u64 call_times(const struct open_call *oc, struct thread_times *d)
{
	d->on_cpu_ns -= oc->at.on_cpu_ns;
	d->woken_ns -= oc->at.woken_ns;
	d->preempted_ns -= oc->at.preempted_ns;
	d->blocked_ns -= oc->at.blocked_ns;
	queue_mend(&d->woken_ns, &d->preempted_ns);
	d->voluntary -= oc->at.voluntary;
	d->involuntary -= oc->at.involuntary;
	return d->on_cpu_ns + d->woken_ns + d->preempted_ns + d->blocked_ns;
}

static __always_inline bool call_failed(u64 cookie, u32 code)
{
	if (COOKIE_API(cookie) == API_NCCL)
		return code && code != NCCL_IN_PROGRESS;
	return code && code != NOT_READY;
}

/* The caller's stack stands for short calls, which no clock tick and no wait ever meets. */
static __always_inline void call_stack(struct pt_regs *ctx, struct task_state *ts, u64 wall,
				       u64 now)
{
	struct cpu_state *cpu = cpu_state();
	struct rec_sample *s;
	u64 weight;

	if (!cpu || !stack_wanted(cpu, wall, &weight))
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

/* What is special about a kind of call. */
static __always_inline void call_special(struct pt_regs *ctx, struct task_state *ts, u64 wall,
					 u64 now, bool failed)
{
	struct open_call *oc = &ts->outer;
	u32 what = COOKIE_WHAT(oc->cookie);

	if (what == CALL_LAUNCH) {
		launch_add(ts, oc, ctx->ip, wall, now, failed);
	} else if (what == CALL_COPY || what == CALL_ASYNC_COPY) {
		/* (What was not booked must not be taken from the sum either.) */
		if (copy_add(ts, oc, wall, failed) && oc->kind == KIND_DEFAULT && oc->dst &&
		    oc->src && !failed)
			memory_send(ts, MEMORY_COPY, oc->dst, wall, 0);
	} else if (what == CALL_ALLOC && !failed) {
		alloc_add(ctx, ts, now);
	} else if (what == CALL_FREE && failed) {
		memory_send(ts, MEMORY_FREE_FAILED, oc->object, 0, 0);
	} else if (what == CALL_NAMED && !failed) {
		name_send(ts, user_u64(oc->object), oc->src, !!(oc->cookie & COOKIE_ALIAS));
	}
}

/* A call has returned while a stage is open. */
static __always_inline void stage_call(u64 wall)
{
	struct stage_state *st =
		bpf_task_storage_get(&stage_states, bpf_get_current_task_btf(), NULL, 0);

	if (st)
		st->calls_ns += wall;
}

/* d: the thread's counters at the return, now. */
static __always_inline void outer_close(struct pt_regs *ctx, struct task_state *ts,
					struct thread_times *d, u64 now)
{
	struct open_call *oc = &ts->outer;
	bool failed = call_failed(oc->cookie, ctx->ax);
	struct call_slot *slot;
	struct api_rec *r;
	u64 wall;

	if (now < t_begin) {
		ts->depth = 0;
		return;
	}
	wall = call_times(oc, d);
	if (ts->stages_n)
		stage_call(wall);
	slot = call_slot_get(ts);
	call_slot_add(slot, d);
	r = api_at(slot->api);
	if (!r)
		map_lost();
	if (ts->call_flags & CALL_OPEN_BEFORE) {
		if (r)
			__sync_fetch_and_add(&r->open_at_start, 1);
	} else {
		if (r)
			api_add(r, oc, d, wall, failed);
		if (failed)
			error_add(ts, ctx->ax, oc->call, 0);
		stream_add(ts, oc, wall, failed);
		call_special(ctx, ts, wall, now, failed);
	}
	call_stack(ctx, ts, wall, now);
	ts->depth = 0;
}

static __always_inline void inner_close(struct pt_regs *ctx, struct task_state *ts,
					struct thread_times *d, u64 now)
{
	struct open_call *oc = &ts->inner;
	bool failed = call_failed(oc->cookie, ctx->ax);
	struct api_rec *r;
	u64 wall;

	ts->inner_depth = 0;
	if (oc->now < t_begin)
		return;
	wall = call_times(oc, d);
	r = api_get(ts, oc, ts->outer.call);
	if (r)
		api_add(r, oc, d, wall, failed);
	if (failed)
		error_add(ts, ctx->ax, oc->call, ts->outer.call);
}

static __always_inline void call_leave(struct pt_regs *ctx)
{
	struct cpu_counts *c = cpu_counts();
	struct task_state *ts = task_in_scope();
	u64 sp = ctx->sp - 8; /* the return address is popped already */
	struct thread_times at;
	u64 now;

	if (c)
		c->return_hits++;
	if (!ts)
		return;
	ts->busy++;
	now = task_snapshot(ts, &at);
	if (now >= t_end)
		goto out;
	if (ts->depth && ts->outer.sp == sp)
		outer_close(ctx, ts, &at, now);
	else if (cfg_nested && ts->depth && ts->inner_depth && ts->inner.sp == sp)
		inner_close(ctx, ts, &at, now);
	/* Neither known, nor of a call inside the open one, nor of a call that began while the probes were
	 * being attached (return probes first), nor once more of the call that was closed last: perf events
	 * of several processes on one function each see every return (entries are filtered). */
	else if (c && ts->call_flags & CALL_SEEN && now > probes_ns &&
		 (ts->depth ? sp > ts->outer.sp : sp != ts->outer.sp))
		__sync_fetch_and_add(&c->lost_return, 1);
out:
	ts->busy--;
}

SEC("uprobe")
int handle_call_entry(struct pt_regs *ctx)
{
	call_enter(ctx);
	return 0; /* 1 would take the probe away, in kernels before 6.13 */
}

SEC("uprobe")
int handle_call_return(struct pt_regs *ctx)
{
	call_leave(ctx);
	return 0;
}

/* Entry and return of kernels that have sessions (6.13): 1 at the entry means that nobody waits for the
 * return, and then it costs no trap. At the entry the instruction pointer is the probed address. (There
 * is bpf_session_is_return(), but not in every kernel's BTF.) */
SEC("uprobe")
int handle_call_session(struct pt_regs *ctx)
{
	if (bpf_get_func_ip(ctx) == ctx->ip)
		return !call_enter(ctx);
	call_leave(ctx);
	return 0;
}

/* A function is told its name: __cudaRegisterFunction and the like. No call: entry only. */
SEC("uprobe")
int handle_call_register(struct pt_regs *ctx)
{
	u64 args[8] = { 0, ctx->di, ctx->si, ctx->dx, ctx->cx, ctx->r8, ctx->r9, 0 };
	u64 cookie = entry_cookie(ctx);
	struct task_state *ts = task_in_scope();

	if (!ts || bpf_ktime_get_ns() >= t_end)
		return 0;
	ts->busy++;
	name_send(ts, call_arg(args, ctx, COOKIE_OBJECT(cookie)),
		  call_arg(args, ctx, COOKIE_NAME(cookie)), 0);
	ts->busy--;
	return 0;
}

/*
 * Without return probes, a call inside another is told by the outer one's return address: as long as it
 * is still where it was, above the stack pointer and not far, that call has not returned. (A word that
 * nobody has written over since can deceive: the call is then left out.)
 */
#define NESTED_BYTES 65536
static __always_inline bool entry_is_nested(struct task_state *ts, u64 sp)
{
	return ts->outer.sp > sp && ts->outer.sp - sp < NESTED_BYTES &&
	       user_u64(ts->outer.sp) == ts->outer.dst;
}

/* --returns none: counts, bytes and launches, at the entry. */
SEC("uprobe")
int handle_call_count(struct pt_regs *ctx)
{
	u64 cookie = entry_cookie(ctx), now;
	struct task_state *ts = task_in_scope();
	struct open_call *oc;
	struct api_rec *r;
	u32 what;

	if (!ts)
		return 0;
	ts->busy++;
	now = bpf_ktime_get_ns();
	if (!in_window(now) || entry_is_nested(ts, ctx->sp))
		goto out;
	oc = &ts->outer;
	call_describe(oc, ctx, cookie);
	oc->now = now;
	/* No copy is followed up here: dst is free for the return address. */
	oc->dst = user_u64(ctx->sp);
	r = api_get(ts, oc, 0);
	if (r) {
		__sync_fetch_and_add(&r->calls, 1);
		ADD(r->bytes, oc->bytes);
	}
	stream_add(ts, oc, 0, false);
	what = COOKIE_WHAT(cookie);
	if (what == CALL_LAUNCH)
		launch_add(ts, oc, oc->dst, 0, now, false);
	else if (what == CALL_COPY || what == CALL_ASYNC_COPY)
		copy_add(ts, oc, 0, 0);
	/* Not open for the accounts: nobody would ever close it. */
	ts->depth = 0;
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
