/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stacks of the current task, built in the ring and sent.
 *
 * The user side is a copy of the stack and the registers, which user space unwinds: distribution
 * libraries have no frame pointers, and 8 KiB copied cost less than 26 frames walked (0.6 against 1.9
 * us). With --unwind fp the kernel walks it.
 *
 * Context: any, NMI included; nothing faults pages in or sleeps. In a user probe the task may be
 * preempted with its record begun: the reader waits for it, later records behind it.
 */
#ifndef STACK_BPF_H
#define STACK_BPF_H

#include "infbpf.bpf.h"

static __always_inline void regs_save(struct user_regs *out, const struct pt_regs *regs)
{
	out->ip = regs->ip;
	out->sp = regs->sp;
	out->bp = regs->bp;
	out->bx = regs->bx;
	out->r12 = regs->r12;
	out->r13 = regs->r13;
	out->r14 = regs->r14;
	out->r15 = regs->r15;
}

#define PENDING_LOOKED 16 /* return probes looked through; other tracers may have their own */

/*
 * Where pending return probes (ours, and those of other tracers) will return to: they have hidden that
 * address from stack walks (the kernel's own mends them since 6.11, a copy of the stack nobody), but
 * the kernel keeps it. Asked for at samples only: reading it from the stack at each entry costs 60 ns.
 */
static __always_inline void sample_returns(struct rec_sample *s, const struct task_state *ts,
					   struct task_struct *task)
{
	u64 call_sp = ts->depth ? ts->outer.sp : ~0ULL;
	u64 inner_sp = cfg_nested && ts->inner_depth ? ts->inner.sp : ~0ULL;
	struct return_instance *ri;
	u32 i;

	s->call_ra = 0;
	s->inner_ra = 0;
	for (i = 0; i < SAMPLE_RETURNS; i++)
		s->returns[i] = 0;
	if (!task || !bpf_core_field_exists(task->utask) || !task->utask)
		return;
	ri = task->utask->return_instances;
	for (i = 0; i < PENDING_LOOKED && ri; i++) {
		if (i < SAMPLE_RETURNS) {
			s->returns[i] = ri->orig_ret_vaddr;
			s->return_sp[i] = ri->stack;
		}
		if (ri->stack == call_sp)
			s->call_ra = ri->orig_ret_vaddr;
		if (ri->stack == inner_sp)
			s->inner_ra = ri->orig_ret_vaddr;
		ri = ri->next;
	}
}

/* task: whose pending returns are to be noted, NULL: those of no one. */
static __always_inline void sample_start(struct rec_sample *s, const struct task_state *ts,
					 u16 kind, u64 now, struct task_struct *task)
{
	s->hdr.type = REC_SAMPLE;
	s->serial = ts->serial;
	s->time_ns = now;
	s->tgid = ts->tgid;
	s->tid = ts->tid;
	s->image = ts->image;
	s->kind = kind;
	s->call = ts->depth ? ts->outer.call : 0;
	s->inner = cfg_nested && ts->depth && ts->inner_depth ? ts->inner.call : 0;
	s->on_cpu_ns = 0;
	s->woken_ns = 0;
	s->preempted_ns = 0;
	s->blocked_ns = 0;
	s->switches = 0;
	s->involuntary = !!(ts->flags & TASK_RUNNABLE);
	s->syscall = ts->syscall;
	s->flags = ts->wait_flags;
	s->user_n = 0;
	s->kernel_n = 0;
	s->seq = 0;
	s->waker.flags = 0;
	__builtin_memcpy(s->stages, ts->stages, sizeof(s->stages));
	sample_returns(s, ts, task);
}

/* stack.bpf.c: functions of their own, which the verifier looks at once. */
u32 stack_readable(u64 sp, u32 limit);
u64 stack_outer(u64 sp, u64 low, u64 size);

/* Copies n bytes, at most room, which the verifier knows. Returns how many. */
static __always_inline u32 stack_copy(void *to, u64 sp, u32 n, u32 room)
{
	if (n > room)
		n = room;
	return bpf_probe_read_user(to, n, (void *)(sp - SAMPLE_RED_ZONE)) ? 0 : n;
}

/* Where a sample's user side lies. */
static __always_inline void *sample_room(struct rec_sample *s)
{
	return (char *)s + SAMPLE_STACK_AT(INFBPF_MAX_STACK);
}

static __always_inline void sample_lost(void)
{
	struct cpu_counts *c = cpu_counts();

	if (c)
		__sync_fetch_and_add(&c->lost_ring, 1);
}

/* The last eighth of the ring is kept for what no other sample makes up for: the accounts of threads
 * that end, allocations, names. */
static __always_inline bool sample_fits(void)
{
	const u64 size = bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE);

	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) < size - size / 8;
}

static __always_inline struct rec_sample *sample_reserve(u32 room)
{
	struct rec_sample *s =
		bpf_ringbuf_reserve(&ring, SAMPLE_STACK_AT(INFBPF_MAX_STACK) + room, 0);

	if (s) {
		s->hdr.len = SAMPLE_STACK_AT(INFBPF_MAX_STACK) + room;
		s->stack_bytes = 0;
		s->outer_sp = 0;
		s->outer_bytes = 0;
		s->outer_at = 0;
		return s;
	}
	sample_lost();
	return NULL;
}

/* Of a thread on its alternate signal stack: half of the room for each stack. */
static __always_inline struct rec_sample *begin_nested(u64 sp, u64 outer)
{
	struct rec_sample *s = sample_reserve(cfg_stack_bytes);
	const u32 half = cfg_stack_bytes / 2;

	if (!s)
		return NULL;
	s->stack_bytes = stack_copy(sample_room(s), sp, stack_readable(sp, half), half);
	s->outer_sp = outer;
	s->outer_at = SAMPLE_STACK_AT(INFBPF_MAX_STACK) + half;
	s->outer_bytes =
		stack_copy(sample_room(s) + half, outer, stack_readable(outer, half), half);
	return s;
}

/*
 * Begins a sample of the current task in the ring, with the copy of its user stack if it is to have
 * one. A ring record's size must be a constant: there are two, since few stacks need all of the
 * limit. NULL: no room, counted. What is returned must go to sample_send().
 */
static __always_inline struct rec_sample *sample_begin(const struct pt_regs *regs,
						       struct task_struct *task, bool user)
{
	u64 sp = regs->sp, outer;
	struct rec_sample *s;
	u32 n;

	if (!sample_fits()) {
		sample_lost();
		return NULL;
	}
	if (!user || !cfg_stack_bytes)
		return sample_reserve(cfg_small_bytes);
	outer = stack_outer(sp, task->sas_ss_sp, task->sas_ss_size);
	if (outer)
		return begin_nested(sp, outer);
	n = stack_readable(sp, cfg_stack_bytes);
	if (n <= cfg_small_bytes) {
		s = sample_reserve(cfg_small_bytes);
		if (s)
			s->stack_bytes = stack_copy(sample_room(s), sp, n, cfg_small_bytes);
		return s;
	}
	s = sample_reserve(cfg_stack_bytes);
	if (s)
		s->stack_bytes = stack_copy(sample_room(s), sp, n, cfg_stack_bytes);
	return s;
}

/* Adds what else there is to a sample, and sends it. ctx: the program's; user: it has a user side;
 * kernel: the kernel's stack is wanted too. */
static __always_inline void sample_send(void *ctx, struct rec_sample *s, const struct pt_regs *regs,
					bool user, bool kernel)
{
	struct cpu_counts *c = cpu_counts();
	long n;

	regs_save(&s->regs, regs);
	if (!user)
		s->regs.ip = 0;
	if (kernel) {
		n = bpf_get_stack(ctx, s + 1, INFBPF_MAX_STACK * 8, 0);
		s->kernel_n = n > 0 ? n >> 3 : 0;
	}
	if (user && !cfg_stack_bytes) {
		n = bpf_get_stack(ctx, sample_room(s), INFBPF_MAX_STACK * 8, BPF_F_USER_STACK);
		s->user_n = n > 0 ? n >> 3 : 0;
	}
	if (c)
		__sync_fetch_and_add(&c->samples, 1);
	bpf_ringbuf_submit(s, ring_flags());
}

#endif /* STACK_BPF_H */
