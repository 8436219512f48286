/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The three passes over all tasks: scope (creates storage before the window opens), seed (first
 * states, just after it opened) and close (hands over every account after it closed).
 *
 * Context: the process that reads the iterator; preemptible; one reader at a time.
 */
#include "descriptor.bpf.h"
#include "stack.bpf.h"
#include "thread.bpf.h"
#include "throttle.bpf.h"

SEC("iter/task")
int handle_scope(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_state *ts;
	struct cpu_counts *c;
	u64 now = bpf_ktime_get_ns();
	u32 tgid;

	if (!task || task->exit_state)
		return 0;
	tgid = task->tgid;
	if (!cfg_scope_all && !bpf_map_lookup_elem(&targets, &tgid))
		return 0;
	if (bpf_task_storage_get(&tasks, task, NULL, 0))
		return 0;
	ts = bpf_task_storage_get(&tasks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!ts) {
		c = cpu_counts();
		if (c)
			c->lost_storage++;
		return 0;
	}
	/* A target that joins a window that is open already starts now; an event that slips in
	 * before this line starts the thread at the window's begin, in the state the event tells. */
	if (now >= t_begin)
		ts->start_ns = now;
	ts->serial = __sync_fetch_and_add(&next_serial, 1);
	ts->tid = task->pid;
	ts->tgid = tgid;
	ts->syscall = INFBPF_NO_SYSCALL;
	ts->maj_flt = task->maj_flt;
	__builtin_memcpy(ts->old_comm, task->comm, sizeof(ts->old_comm));
	return 0;
}

/* What a blocked thread waits in, as far as its saved registers tell. */
static __always_inline void seed_wait(struct task_state *ts, struct task_struct *task)
{
	struct pt_regs *regs;

	if (task->flags & PF_KTHREAD) {
		ts->wait_flags = WAIT_KTHREAD;
		return;
	}
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	ts->syscall = (s16)regs->orig_ax;
	ts->wait_flags = descriptor_flags(task, ts->syscall, regs, false);
	if (BPF_CORE_READ_BITFIELD(task, in_iowait))
		ts->wait_flags |= WAIT_IOWAIT;
	if (task->__state & TASK_STOPPED_OR_TRACED)
		ts->wait_flags |= WAIT_STOPPED;
}

/* First states. The first real event overrides the seed: it knows the state before it, so the seed
 * only ever replaces RUN_NONE. */
SEC("iter/task")
int handle_seed(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_state *ts;
	u32 state;

	if (!task)
		return 0;
	ts = bpf_task_storage_get(&tasks, task, NULL, 0);
	/* Its faults between the passes were before the window. */
	if (ts && task_start(ts) == t_begin && !(ts->flags & TASK_BORN))
		ts->maj_flt = task->maj_flt;
	if (!ts || ts->state != RUN_NONE || (ts->flags & TASK_BORN && !ts->since_ns))
		return 0;
	if (task->on_cpu) {
		state = RUN_ON_CPU;
	} else if (!task->__state) {
		state = RUN_PREEMPTED;
		throttle_begin(ts, task);
	} else {
		state = RUN_BLOCKED;
		seed_wait(ts, task);
	}
	__sync_val_compare_and_swap(&ts->state, RUN_NONE, state);
	return 0;
}

/* A wait that is still open never gets a stack after the fact: registers and kernel stack now, the
 * user stack is read by user space. Returns what bpf_seq_write says. */
static __always_inline long close_wait(struct bpf_iter__task *ctx, struct task_struct *task,
				       struct task_state *ts, struct scratch *sc, u64 now)
{
	struct rec_sample *s = &sc->sample;
	u64 gap = ts->gap_ns, woken = 0, preempted = 0, weight, d;
	struct cpu_state *cpu = cpu_state();
	long n, err;

	if (gap < task_start(ts))
		gap = task_start(ts);
	if (now <= gap)
		return 0;
	d = now - gap;
	if (ts->gap_blocked_ns > d)
		ts->gap_blocked_ns = d;
	if (ts->state == RUN_WOKEN)
		woken = d - ts->gap_blocked_ns;
	else if (ts->state == RUN_PREEMPTED)
		preempted = d;
	/* It ran since the window closed: its stack is not that wait's any more. */
	if (ts->state == RUN_BLOCKED && !task->__state)
		return 0;
	if (!cpu || !stack_wanted(cpu, d, &weight))
		return 0;
	sample_start(s, ts, SAMPLE_OPEN_WAIT, now, task);
	s->woken_ns = stack_share(woken, weight, d);
	s->preempted_ns = stack_share(preempted, weight, d);
	s->blocked_ns = stack_share(ts->gap_blocked_ns, weight, d);
	s->switches = stack_switches(ts, weight, d);
	if (!(task->flags & PF_KTHREAD))
		regs_save(&s->regs, (struct pt_regs *)bpf_task_pt_regs(task));
	else
		s->regs = (struct user_regs){};
	n = bpf_get_task_stack(task, sc->ips, INFBPF_MAX_STACK * 8, 0);
	if (n < 0)
		n = 0;
	n >>= 3;
	if (n > INFBPF_MAX_STACK)
		n = INFBPF_MAX_STACK;
	s->user_n = 0;
	s->kernel_n = n;
	s->hdr.len = sizeof(*s) + n * 8;
	err = bpf_seq_write(ctx->meta->seq, s, sizeof(*s));
	return err ? err : bpf_seq_write(ctx->meta->seq, sc->ips, n * 8);
}

/* The last interval, d of waiting for a CPU, is booked: what of it was throttled. A second pass over the
 * task has no interval left, and finds 0. */
static __always_inline void close_queue(struct task_state *ts, struct task_struct *task, u64 d)
{
	u64 throttled = throttle_end(ts, task, d, true);

	if (ts->state == RUN_WOKEN) {
		ts->times.woken_ns -= throttled;
		ts->times.preempted_ns += throttled;
	}
	ts->times.throttled_ns += throttled;
}

SEC("iter/task")
int handle_close(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_state *ts;
	struct scratch *sc;
	u64 end = t_end, d;
	long err;

	if (!task)
		return 0;
	ts = bpf_task_storage_get(&tasks, task, NULL, 0);
	if (!ts || ts->flags & TASK_FLUSHED)
		return 0;
	/* A handler that passed the gate before the window closed and is still at work (preempted
	 * user probe, CPU stolen by the hypervisor): another pass comes back for this one. */
	if (ts->busy) {
		__sync_fetch_and_add(&close_left, 1);
		return 0;
	}
	sc = scratch_get(SCRATCH_ITER);
	if (!sc)
		return 0;
	if (task_start(ts) >= end || (ts->flags & TASK_BORN && ts->state == RUN_NONE)) {
		ts->flags |= TASK_FLUSHED; /* came too late for the window */
		return 0;
	}
	if (ts->state == RUN_NONE)
		seed_wait(ts, task);
	d = task_account(ts, ts->state == RUN_NONE ? RUN_BLOCKED : ts->state, end);
	if (ts->state == RUN_BLOCKED || ts->state == RUN_NONE)
		task_blocked(ts, task, d);
	if (ts->state == RUN_WOKEN || ts->state == RUN_PREEMPTED)
		close_queue(ts, task, d);
	thread_fill(&sc->thread, ts, task, end);
	err = bpf_seq_write(ctx->meta->seq, &sc->thread, sizeof(sc->thread));
	if (!err && ts->state != RUN_ON_CPU && ts->state != RUN_NONE)
		err = close_wait(ctx, task, ts, sc, end);
	/* The reader's page was full: the kernel takes back what was written of this task and comes
	 * to it again, and all of the above changes nothing the second time. */
	if (err)
		return 0;
	ts->flags |= TASK_FLUSHED;
	if (ts->stages_n)
		stage_leave_all(ts, task, true);
	return 0;
}
