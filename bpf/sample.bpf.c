/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * On-CPU samples, by a software clock on every CPU.
 *
 * Context: hard interrupt (hrtimer) of the software clock, never NMI. Cost: a storage look-up per
 * tick where the interrupted task is not in scope, a stack walk where it is; 99 times a second and
 * CPU.
 */
#include "stack.bpf.h"

SEC("perf_event")
int handle_clock(struct bpf_perf_event_data *ctx)
{
	u64 now = bpf_ktime_get_ns();
	struct cpu_counts *c = cpu_counts();
	struct cpu_state *cpu = cpu_state();
	struct task_struct *task;
	struct task_state *ts;
	struct rec_sample *s;
	struct pt_regs *regs;
	bool user;

	if (!in_window(now))
		return 0;
	if (c)
		c->clocks++;
	task = bpf_get_current_task_btf();
	ts = bpf_task_storage_get(&tasks, task, NULL, 0);
	/* A CPU may do one thing for long, without any switch. */
	if (cpu && !cpu->class)
		cpu->class = ts ? CPU_TARGET : task->pid ? CPU_OTHER : CPU_IDLE;
	if (!ts || ts->flags & TASK_FLUSHED)
		return 0;
	/* The saved user registers: of this interrupt if it came from user mode, else of the entry
	 * into the kernel. */
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	user = !(task->flags & PF_KTHREAD);
	s = sample_begin(regs, task, user);
	if (!s)
		return 0;
	sample_start(s, ts, SAMPLE_ON_CPU, now, task);
	s->syscall = INFBPF_NO_SYSCALL;
	s->flags = 0;
	sample_send(ctx, s, regs, user, (ctx->regs.cs & 3) != 3);
	return 0;
}
