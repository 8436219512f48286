/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Functions as stages: a probe near the entry, one on each instruction that may lead out.
 *
 * Whether such an instruction ends the call is told by the stack pointer: it is then where it was at the
 * entry, where the return address lies. A function that was left by an exception, longjmp or a switch of
 * stacks never comes to one: it is abandoned when the thread's stack pointer is found above its entry's.
 *
 * Context: user probes, in the calling task; preemptible, not migratable. user/stage_code.c chooses
 * the instructions.
 * Cost: a trap each (0.5 us where the kernel emulates the instruction; a ret, or another instruction that
 * it single-steps, is a second trap), 20 ns, and what bpf/stage.bpf.h says.
 */
#include "stage.bpf.h"
#include "registers.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FUNCTION_NAMES);
	__type(key, u32);
	__type(value, struct function_name);
} function_names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FUNCTION_JUMPS);
	__type(key, u32);
	__type(value, struct function_jump);
} function_jumps SEC(".maps");

/* 0: no such place. Two threads that come at once are given the same number. */
static __always_inline u32 function_name(u64 cookie)
{
	u32 at = FUNCTION_NAME(cookie);
	struct function_name *n = bpf_map_lookup_elem(&function_names, &at);

	if (!n)
		return 0;
	if (!n->number)
		n->number = stage_name_number(&n->name, 0);
	return n->number;
}

/* Does a conditional jump jump? As the instruction set numbers the conditions; an odd one is the opposite of
 * the one before. */
static __always_inline bool condition_holds(u32 cc, u64 flags)
{
	bool cf = flags & 1, pf = flags & 4, zf = flags & 0x40, sf = flags & 0x80,
	     of = flags & 0x800, holds;

	switch (cc >> 1) {
	case 0:
		holds = of;
		break;
	case 1:
		holds = cf;
		break;
	case 2:
		holds = zf;
		break;
	case 3:
		holds = cf || zf;
		break;
	case 4:
		holds = sf;
		break;
	case 5:
		holds = pf;
		break;
	case 6:
		holds = sf != of;
		break;
	default:
		holds = zf || sf != of;
	}
	return holds != (cc & 1);
}

static __always_inline u64 register_or_none(const u64 *regs, u64 ip, u8 number)
{
	if (number == REGISTER_NONE)
		return 0;
	return register_get(regs, ip, number == REGISTER_IP ? MARK_IP : number);
}

/* Does an indirect jump lead out of the function? A switch's does not. What cannot be read is taken to. */
static __noinline u32 jump_leaves(const struct function_jump *j, const u64 *regs, u64 ip)
{
	u64 target = register_or_none(regs, ip, j->base), at;
	s64 to;
	u32 i;

	if (j->in_memory) {
		at = target + register_or_none(regs, ip, j->index) * j->scale + (s64)j->disp;
		if (bpf_probe_read_user(&target, sizeof(target), (void *)at))
			return 1;
	}
	to = target - ip;
#pragma unroll
	for (i = 0; i < FUNCTION_PARTS; i++)
		if (to >= j->from[i] && to < j->to[i])
			return 0;
	return 1;
}

static __always_inline bool jump_to_leaves(struct pt_regs *ctx, u64 cookie)
{
	u32 at = FUNCTION_JUMP(cookie);
	struct function_jump *j = bpf_map_lookup_elem(&function_jumps, &at);
	u64 regs[REGISTERS];

	if (!j)
		return true;
	registers_get(regs, ctx);
	return jump_leaves(j, regs, ctx->ip);
}

/* Is the function's call open whose return address lies at sp? */
static __always_inline bool is_open(const struct task_state *ts, u32 name, u64 sp)
{
	struct stage_state *st;

	if (!ts->stages_n)
		return false;
	st = bpf_task_storage_get(&stage_states, bpf_get_current_task_btf(), NULL, 0);
	return st && stage_find(ts, st, name, STAGE_FROM_FUNCTION, sp) < STAGE_DEPTH;
}

static __always_inline void function_enter(struct pt_regs *ctx, struct task_state *ts, u64 cookie)
{
	u64 sp = ctx->sp + FUNCTION_DELTA(cookie);
	u32 name = function_name(cookie);

	if (!name || (FUNCTION_SITE(cookie) == SITE_ENTRY_LOOP && is_open(ts, name, sp)))
		return;
	stage_drop_passed(ts, sp);
	stage_push(ctx, ts, name, STAGE_FROM_FUNCTION, sp);
}

static __always_inline void function_leave(struct pt_regs *ctx, struct task_state *ts, u64 cookie)
{
	u32 name;

	if (FUNCTION_SITE(cookie) == SITE_JUMP_IF &&
	    !condition_holds(FUNCTION_CC(cookie), ctx->flags))
		return;
	if (FUNCTION_SITE(cookie) == SITE_JUMP_TO && !jump_to_leaves(ctx, cookie))
		return;
	name = function_name(cookie);
	if (name)
		stage_pop_sp(ctx, ts, name, STAGE_FROM_FUNCTION, ctx->sp + FUNCTION_DELTA(cookie));
}

SEC("uprobe")
int handle_function(struct pt_regs *ctx)
{
	u64 cookie = bpf_get_attach_cookie(ctx);
	struct cpu_counts *c = cpu_counts();
	struct task_state *ts = task_in_scope();

	if (c) {
		c->function_hits++;
		if (cookie & FUNCTION_COSTLY)
			c->function_costly++;
	}
	if (!ts)
		return 0;
	if (FUNCTION_SITE(cookie) <= SITE_ENTRY_LOOP)
		function_enter(ctx, ts, cookie);
	else if (ts->stages_n)
		function_leave(ctx, ts, cookie);
	return 0; /* 1 would take the probe away, in kernels before 6.13 */
}
