/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The state machine: on-CPU, run queue (woken, preempted), blocked.
 *
 * Context: sched_switch and sched_wakeup run with the run queue lock of the task held and interrupts
 * off, so the events of one task are totally ordered. No map is ever allocated from here (task
 * storage is created elsewhere: before 6.4 creating it here could allocate under that lock).
 * Cost: two storage look-ups a switch (none for the idle task), one a wake-up; the clock is read only
 * where one is in scope, or where a CPU begins or ends to be idle.
 */
#include "descriptor.bpf.h"
#include "stack.bpf.h"
#include "steal.bpf.h"
#include "thread.bpf.h"
#include "throttle.bpf.h"

/* The facts that tell what the task begins to wait for. */
static __always_inline void wait_begin(struct task_state *ts, struct task_struct *task,
				       unsigned int prev_state, const bool typed)
{
	struct pt_regs *regs;
	u16 flags = 0;

	ts->syscall = INFBPF_NO_SYSCALL;
	if (task->flags & PF_KTHREAD) {
		flags |= WAIT_KTHREAD;
	} else {
		/* x86 sets orig_ax to -1 on every entry that is no system call. */
		regs = (struct pt_regs *)bpf_task_pt_regs(task);
		ts->syscall = (s16)regs->orig_ax;
		flags |= descriptor_flags(task, ts->syscall, regs, typed);
	}
	/* A bitfield: a plain read is silently wrong. */
	if (BPF_CORE_READ_BITFIELD(task, in_iowait)) {
		flags |= WAIT_IOWAIT;
		ts->io_waits++;
	}
	if (prev_state & TASK_STOPPED_OR_TRACED)
		flags |= WAIT_STOPPED;
	if (ts->depth)
		flags |= WAIT_IN_CALL;
	ts->wait_flags = flags;
}

/* The switches since the last SAMPLE_OUT, this one included. Hidden ones are in the thread's totals. */
static __always_inline u64 out_switches(struct task_state *ts)
{
	u64 all = (u64)ts->times.voluntary + ts->times.involuntary;
	u64 n = all - ts->out_switches;

	ts->out_switches = all;
	return n << SWITCHES_SHIFT;
}

/* No hook after the switch on this kernel: the stack is taken before the wait, at most one a period
 * and thread, and its duration follows by rec_resolve. */
static __always_inline void switch_out_stack(void *ctx, struct task_state *ts,
					     struct task_struct *prev, u64 now)
{
	struct rec_sample *s;
	struct pt_regs *regs;
	bool user;

	if (now - ts->last_out_ns < period_ns)
		return;
	regs = (struct pt_regs *)bpf_task_pt_regs(prev);
	user = !(ts->wait_flags & WAIT_KTHREAD);
	s = sample_begin(regs, prev, user);
	if (!s)
		return;
	ts->last_out_ns = now;
	ts->out_seq = __sync_fetch_and_add(&next_seq, 1);
	ts->due_switches = out_switches(ts);
	sample_start(s, ts, SAMPLE_OUT, now, prev);
	s->seq = ts->out_seq;
	sample_send(ctx, s, regs, user, true);
}

/* Counts switches by the kernel's own counters, which were moved just before the tracepoint: the same
 * sums as rusage, and switches that were not shown are in them. Only the first of a window, with no
 * earlier reading to compare, goes by what the event looks like. The switch that ends a thread is not
 * counted: rusage was closed before it. */
static __always_inline void count_switches(struct task_state *ts, struct task_struct *prev,
					   bool voluntary, bool dead)
{
	u64 nvcsw = prev->nvcsw - dead, nivcsw = prev->nivcsw;

	if (ts->flags & TASK_COUNTED) {
		ts->times.voluntary += nvcsw - ts->nvcsw;
		ts->times.involuntary += nivcsw - ts->nivcsw;
	} else if (voluntary) {
		ts->times.voluntary += !dead;
	} else {
		ts->times.involuntary++;
	}
	ts->nvcsw = nvcsw;
	ts->nivcsw = nivcsw;
	ts->flags |= TASK_COUNTED;
}

static __always_inline void switch_out(u64 *ctx, struct task_state *ts, struct cpu_counts *c,
				       u64 now, const bool typed)
{
	struct task_struct *prev = (struct task_struct *)ctx[1];
	struct task_struct *next = (struct task_struct *)ctx[2];
	unsigned int prev_state = cfg_prev_state ? (unsigned int)ctx[3] : prev->__state;
	bool preempt = ctx[0];
	u64 end = t_end, d;

	if (ts->flags & TASK_FLUSHED)
		return;
	/* The last switch of a thread, also in the moment between the window's end and the closing
	 * iterator, which would not meet it any more. */
	if (now >= end) {
		if (!(prev_state & TASK_DEAD) || !in_window(end - 1))
			return;
		now = end;
	}
	ts->busy++;
	c->booked++;
	if (ts->flags & TASK_PENDING) {
		ts->flags &= ~TASK_PENDING;
		c->lost_stack++;
	}
	if (ts->state != RUN_ON_CPU && ts->state != RUN_NONE)
		c->lost_switch++;
	/* Whatever it was booked as, it is running now. A switch-in that was not shown leaves its
	 * time with the state before it: of a wait, with its cause. */
	d = task_account(ts, ts->state == RUN_NONE ? RUN_ON_CPU : ts->state, now);
	if (ts->state == RUN_BLOCKED)
		task_blocked(ts, prev, d);
	count_switches(ts, prev, !preempt && prev_state, !!(prev_state & TASK_DEAD));
	if (prev_state & TASK_DEAD) {
		ts->flags |= TASK_FLUSHED;
		if (ts->stages_n)
			stage_leave_current();
		thread_send(ts, prev, now, NULL);
		ts->state = RUN_DEAD;
		goto out;
	}
	ts->gap_ns = now;
	ts->gap_blocked_ns = 0;
	ts->out_seq = 0;
	/* Wanted to sleep, but a signal is pending: it stays on the run queue, and up to about 6.13 the
	 * event still shows the state it wanted. (A concurrent wake-up cannot look like this: it shows
	 * TASK_WAKING until the switch is through.) */
	if (preempt || !prev_state || !prev->__state) {
		ts->state = RUN_PREEMPTED;
		ts->flags |= TASK_RUNNABLE;
		throttle_begin(ts, prev);
		steal_begin(ts, next);
		ts->wait_flags = ts->depth ? WAIT_IN_CALL : 0;
	} else {
		ts->state = RUN_BLOCKED;
		ts->flags &= ~TASK_RUNNABLE;
		wait_begin(ts, prev, prev_state, typed);
	}
	if (!cfg_after_switch)
		switch_out_stack(ctx, ts, prev, now);
out:
	ts->busy--;
}

/* The gap is over: one decision on its whole length, its parts weighted alike. */
static __always_inline void gap_end(struct task_state *ts, struct cpu_state *cpu, u64 woken,
				    u64 preempted, u64 now)
{
	u64 gap = ts->gap_ns > t_begin ? ts->gap_ns : t_begin;
	u64 d = ts->gap_blocked_ns + woken + preempted;
	u64 weight;

	if (!cfg_after_switch) {
		struct rec_resolve r = { .hdr = { REC_RESOLVE, sizeof(r) } };

		if (!ts->out_seq)
			return;
		r.serial = ts->serial;
		r.seq = ts->out_seq;
		r.woken_ns = woken;
		r.preempted_ns = preempted;
		r.blocked_ns = ts->gap_blocked_ns;
		r.switches = ts->due_switches;
		r.involuntary = !!(ts->flags & TASK_RUNNABLE);
		r.waker = ts->waker;
		ts->out_seq = 0;
		bpf_ringbuf_output(&ring, &r, sizeof(r), ring_flags());
		return;
	}
	/* A thread's very first switch-in leaves through schedule_tail, where no stack is taken. */
	if (!d || now <= gap || ((ts->flags & TASK_BORN) && !(ts->flags & TASK_RAN)))
		return;
	if (!stack_wanted(cpu, d, &weight))
		return;
	ts->due_woken_ns = stack_share(woken, weight, d);
	ts->due_preempted_ns = stack_share(preempted, weight, d);
	ts->due_blocked_ns = stack_share(ts->gap_blocked_ns, weight, d);
	ts->due_switches = stack_switches(ts, weight, d);
	ts->flags |= TASK_PENDING;
	cpu->due = 1;
}

static __always_inline void switch_in(u64 *ctx, struct task_state *ts, struct cpu_counts *c,
				      struct cpu_state *cs, u64 now)
{
	struct task_struct *prev = (struct task_struct *)ctx[1];
	struct task_struct *next = (struct task_struct *)ctx[2];
	u64 woken = 0, preempted = 0, throttled, d;
	s32 cpu = bpf_get_smp_processor_id();
	u32 state;

	if (ts->flags & TASK_FLUSHED)
		return;
	ts->busy++;
	/* No event before this one in the window: it was on the run queue all along. */
	state = ts->state == RUN_NONE ? RUN_WOKEN : ts->state;
	d = task_account(ts, state, now);
	switch (state) {
	case RUN_WOKEN:
		throttled = throttle_end(ts, next, d, false);
		woken = d - throttled;
		preempted = throttled;
		/* None of its probes can see the account between these lines: it does not run. */
		ts->times.woken_ns -= throttled;
		ts->times.preempted_ns += throttled;
		ts->times.throttled_ns += throttled;
		steal_end(ts, false, prev, woken);
		break;
	case RUN_PREEMPTED:
		throttled = throttle_end(ts, next, d, false);
		preempted = d;
		ts->times.throttled_ns += throttled;
		steal_end(ts, true, prev, d - throttled);
		break;
	case RUN_BLOCKED:
		/* Its wake-up was not seen (6.1 under 11,000 births a second loses some: the storage
		 * lock was busy). The run-queue part is booked as blocked. */
		c->lost_wakeup++;
		task_blocked(ts, next, d);
		break;
	default:
		c->lost_switch++;
	}
	if (ts->flags & TASK_RAN && ts->cpu != cpu)
		ts->times.migrations++;
	gap_end(ts, cs, woken, preempted, now);
	if (!(ts->flags & TASK_PENDING))
		ts->waker.flags = 0;
	ts->cpu = cpu;
	ts->flags |= TASK_RAN;
	ts->state = RUN_ON_CPU;
	ts->busy--;
}

/* What the CPU did until now. Cut at the window's edges; user space closes the last interval. */
static __always_inline void cpu_use(struct cpu_state *cpu, u32 class, u64 now)
{
	u64 begin = cpu->since_ns > t_begin ? cpu->since_ns : t_begin;
	u64 end = now < t_end ? now : t_end;

	if (end <= begin)
		return;
	cpu->since_ns = end;
	if (class != CPU_IDLE)
		cpu->busy_ns += end - begin;
	if (class == CPU_TARGET)
		cpu->target_ns += end - begin;
}

/* ctx: bool preempt, prev, next, unsigned int prev_state (since 5.18; read by its raw position, as
 * older kernels' verifiers refuse an argument that the tracepoint does not have). */
static __always_inline int on_switch(u64 *ctx, const bool typed)
{
	struct task_struct *prev = (struct task_struct *)ctx[1];
	struct task_struct *next = (struct task_struct *)ctx[2];
	u32 prev_class = CPU_IDLE, next_class = CPU_IDLE;
	struct task_state *out = NULL, *in = NULL;
	struct cpu_counts *c = cpu_counts();
	struct cpu_state *cpu = cpu_state();
	u64 now;

	if (!c || !cpu)
		return 0;
	c->switches++;
	if (prev->pid) {
		out = bpf_task_storage_get(&tasks, prev, NULL, 0);
		prev_class = out ? CPU_TARGET : CPU_OTHER;
	} else {
		c->idle++;
	}
	if (next->pid) {
		in = bpf_task_storage_get(&tasks, next, NULL, 0);
		next_class = in ? CPU_TARGET : CPU_OTHER;
	}
	/* What the last switch said: where the kernel hid one since, the threads' accounts go by that,
	 * too. */
	if (cpu->class)
		prev_class = cpu->class;
	cpu->class = next_class;
	if (!out && !in && prev_class == next_class)
		return 0;
	now = bpf_ktime_get_ns();
	if (now < t_begin)
		return 0;
	if (prev_class != next_class)
		cpu_use(cpu, prev_class, now);
	if (out)
		switch_out(ctx, out, c, now, typed);
	if (in && now < t_end)
		switch_in(ctx, in, c, cpu, now);
	return 0;
}

SEC("tp_btf/sched_switch")
int handle_switch(u64 *ctx)
{
	return on_switch(ctx, false);
}

/* Where bpf_rdonly_cast is (6.2): descriptors are looked up without helpers. */
SEC("tp_btf/sched_switch")
int handle_switch_typed(u64 *ctx)
{
	return on_switch(ctx, true);
}

static __always_inline int wakeup(struct task_struct *p)
{
	struct cpu_counts *c = cpu_counts();
	struct task_state *ts;
	u64 now, d;

	if (c)
		c->wakeups++;
	ts = bpf_task_storage_get(&tasks, p, NULL, 0);
	if (!ts || ts->flags & TASK_FLUSHED)
		return 0;
	now = bpf_ktime_get_ns();
	if (!in_window(now))
		return 0;
	/* Also fires for a task that was about to block and is still running: no change. */
	if (ts->state != RUN_BLOCKED && (ts->state != RUN_NONE || p->on_cpu))
		return 0;
	ts->busy++;
	/* Woken before the seed came to it. */
	if (ts->state == RUN_NONE)
		wait_begin(ts, p, 0, false);
	d = task_account(ts, RUN_BLOCKED, now);
	task_blocked(ts, p, d);
	ts->state = RUN_WOKEN;
	throttle_begin(ts, p);
	ts->busy--;
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(handle_wakeup, struct task_struct *p)
{
	return wakeup(p);
}

/* A new thread's life begins here: it can run from now on. */
SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(handle_wakeup_new, struct task_struct *p)
{
	u64 now = bpf_ktime_get_ns();
	struct task_state *ts;

	if (!in_window(now))
		return 0;
	ts = bpf_task_storage_get(&tasks, p, NULL, 0);
	if (!ts || ts->flags & TASK_FLUSHED)
		return 0;
	if (!(ts->flags & TASK_BORN) || ts->state != RUN_NONE)
		return wakeup(p); /* a second scope pass met it first */
	ts->busy++;
	ts->start_ns = now;
	ts->since_ns = now;
	ts->gap_ns = now;
	ts->state = RUN_WOKEN;
	throttle_begin(ts, p);
	ts->busy--;
	return 0;
}
