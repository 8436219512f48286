/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who ends a wait: noted in the sleeper's storage, and sent with the stack of that wait if one is taken.
 *
 * Context: sched_waking, in the waker's context or in an interrupt of it, the sleeper's pi_lock held:
 * one waker of a task at a time. (sched_wakeup may fire on the sleeper's CPU instead, where nobody
 * knows who it was.) It also fires for a task that has not gone to sleep yet: if it does not, the next
 * waker overwrites the note.
 * Cost: a storage look-up a wake-up, a name copied; with --wakers stacks, by the wait's length.
 */
#include "stack.bpf.h"

#define THREAD_SIZE 16384 /* x86-64 */

/*
 * Is this an interrupt (or a softirq) that only happens to have the waker as its current task? Where
 * preempt_count lies, not every kernel tells; where ctx lies, on the stack in use, does: x86 serves
 * interrupts and softirqs on stacks of their own, but for a hard interrupt of user mode, and there the
 * user's registers say that it was no system call. (Nor is a page fault, which hardly wakes anybody.)
 */
static __always_inline bool in_interrupt(const u64 *ctx, struct task_state *ts,
					 struct task_struct *waker)
{
	struct pt_regs *regs;

	/* Through memory: the verifier lets nobody calculate with an address. */
	*(volatile u64 *)&ts->waker_at = (u64)ctx;
	if (*(volatile u64 *)&ts->waker_at - (u64)waker->stack >= THREAD_SIZE)
		return true;
	if (waker->flags & PF_KTHREAD)
		return false;
	regs = (struct pt_regs *)bpf_task_pt_regs(waker);
	return (long)regs->orig_ax < 0;
}

static __always_inline void waker_stack(void *ctx, const struct task_state *ts,
					struct task_struct *waker)
{
	const struct task_state *own;
	u64 now = bpf_ktime_get_ns(), since = task_since(ts), weight;
	struct cpu_state *cpu = cpu_state();
	struct rec_sample *s;
	struct pt_regs *regs;
	bool user;

	if (!cpu || ts->state != RUN_BLOCKED || !in_window(now) || now <= since)
		return;
	if (!stack_wanted(cpu, now - since, &weight))
		return;
	regs = (struct pt_regs *)bpf_task_pt_regs(waker);
	/* Who is interrupted has nothing to do with it: the interrupt's own stack is all. */
	user = !(ts->waker.flags & (WAKER_KTHREAD | WAKER_INTERRUPT));
	s = sample_begin(regs, waker, user);
	if (!s)
		return;
	own = bpf_task_storage_get(&tasks, waker, NULL, 0);
	sample_start(s, ts, SAMPLE_WAKER, now, user ? waker : NULL);
	s->tgid = waker->tgid;
	s->tid = waker->pid;
	s->image = own ? own->image : 0;
	s->call = 0;
	s->inner = 0;
	__builtin_memset(s->stages, 0, sizeof(s->stages));
	s->blocked_ns = weight;
	s->waker = ts->waker;
	sample_send(ctx, s, regs, user, true);
}

SEC("tp_btf/sched_waking")
int handle_waking(u64 *ctx)
{
	struct task_struct *p = (struct task_struct *)ctx[0], *waker;
	struct task_state *ts;
	u32 flags = WAKER_KNOWN;

	ts = bpf_task_storage_get(&tasks, p, NULL, 0);
	if (!ts)
		return 0;
	waker = bpf_get_current_task_btf();
	if (!waker->pid || in_interrupt(ctx, ts, waker))
		flags |= WAKER_INTERRUPT;
	if (waker->flags & PF_KTHREAD)
		flags |= WAKER_KTHREAD;
	ts->waker.tgid = waker->tgid;
	ts->waker.tid = waker->pid;
	ts->waker.flags = flags;
	__builtin_memcpy(ts->waker.comm, waker->comm, sizeof(ts->waker.comm));
	if (cfg_wakers)
		waker_stack(ctx, ts, waker);
	return 0;
}
