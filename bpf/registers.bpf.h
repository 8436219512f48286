/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A probed thread's general registers, by number. */
#ifndef REGISTERS_BPF_H
#define REGISTERS_BPF_H

#include "infbpf.bpf.h"

#define REGISTERS 16

/* As the instruction set numbers them. */
static __always_inline void registers_get(u64 *regs, const struct pt_regs *ctx)
{
	regs[0] = ctx->ax;
	regs[1] = ctx->cx;
	regs[2] = ctx->dx;
	regs[3] = ctx->bx;
	regs[4] = ctx->sp;
	regs[5] = ctx->bp;
	regs[6] = ctx->si;
	regs[7] = ctx->di;
	regs[8] = ctx->r8;
	regs[9] = ctx->r9;
	regs[10] = ctx->r10;
	regs[11] = ctx->r11;
	regs[12] = ctx->r12;
	regs[13] = ctx->r13;
	regs[14] = ctx->r14;
	regs[15] = ctx->r15;
}

static __always_inline u64 register_get(const u64 *regs, u64 ip, u8 number)
{
	u64 at = number;

	if (number == MARK_IP)
		return ip;
	/* The bound has to be in the very register. */
	asm volatile("%0 &= 15" : "+r"(at));
	return regs[at];
}

#endif /* REGISTERS_BPF_H */
