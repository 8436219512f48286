/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stacks of finished waits, taken just after the thread was switched in: its duration is known, and
 * it has not moved since it began to wait.
 *
 * Cost: one array look-up a switch where no stack is due.
 */
#include "stack.bpf.h"

static __always_inline int after_switch(void *ctx)
{
	struct task_struct *task;
	struct task_state *ts;
	struct rec_sample *s;
	struct pt_regs *regs;
	bool user;
	struct cpu_state *cpu = cpu_state();

	if (!cpu || !cpu->due)
		return 0;
	cpu->due = 0;
	task = bpf_get_current_task_btf();
	ts = bpf_task_storage_get(&tasks, task, NULL, 0);
	/* Not marked: the mark was for a newborn thread that left through schedule_tail. */
	if (!ts || !(ts->flags & TASK_PENDING))
		return 0;
	ts->flags &= ~TASK_PENDING;
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	user = !(task->flags & PF_KTHREAD);
	s = sample_begin(regs, task, user);
	if (!s)
		return 0;
	ts->busy++;
	sample_start(s, ts, SAMPLE_WAIT, bpf_ktime_get_ns(), task);
	s->woken_ns = ts->due_woken_ns;
	s->preempted_ns = ts->due_preempted_ns;
	s->blocked_ns = ts->due_blocked_ns;
	s->switches = ts->due_switches;
	s->waker = ts->waker;
	ts->waker.flags = 0;
	sample_send(ctx, s, regs, user, true);
	ts->busy--;
	return 0;
}

/* 6.16 and later: the end of __schedule(), interrupts on, preemption off. */
SEC("tp_btf/sched_exit_tp")
int handle_exit_tp(u64 *ctx)
{
	return after_switch(ctx);
}

/* Older kernels: finish_task_switch() in the new task's context, run queue lock held. The symbol
 * may be finish_task_switch.isra.0: the loader looks it up. */
SEC("kprobe")
int handle_finish_switch(struct pt_regs *ctx)
{
	return after_switch(ctx);
}
