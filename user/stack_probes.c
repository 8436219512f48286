// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "stack_probes.h"

/* x86-64 maps the trampoline of return probes at the start of the last page of user space, of 47 or
 * 56 bits. */
#define UPROBES_PAGE   0x7fffffffe000ULL
#define UPROBES_PAGE_5 0xffffffffffe000ULL
#define PAGE_BITS      12
/* Behind it are copies of single-stepped instructions, 128 bytes each. */
#define TRAMPOLINE_BYTES 128

#define INT3 0xcc

static bool is_trampoline(uint64_t ip)
{
	uint64_t page = ip >> PAGE_BITS << PAGE_BITS;

	return page == UPROBES_PAGE || page == UPROBES_PAGE_5;
}

uint64_t stack_probes_return(struct stack_probes *p, uint64_t address)
{
	const struct rec_sample *s = p->sample;
	const size_t i = p->mended;

	if (!is_trampoline(address) || i >= SAMPLE_RETURNS || !s->returns[i])
		return address;
	for (p->mended++; p->mended < SAMPLE_RETURNS; p->mended++)
		if (s->return_sp[p->mended] != s->return_sp[i])
			break;
	return s->returns[i];
}

/* What the trampoline has pushed before the instruction at this offset. Since 6.11 it is a system call
 * (push %rax; push %rcx; push %r11; mov; syscall), before that a breakpoint at its start. */
static uint64_t pushed_bytes(uint64_t offset)
{
	static const uint64_t ends[] = { 0, 1, 2 };

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (offset <= ends[i])
			return i * sizeof(uint64_t);
	return 3 * sizeof(uint64_t);
}

/* Put there by somebody; linkers fill the gaps between functions with the same byte. */
static bool is_breakpoint(const struct stack_probes *p, uint64_t ip)
{
	uint8_t now, file;

	return p->read_code(p->arg, ip, &now, sizeof(now)) == sizeof(now) && now == INT3 &&
	       !p->read_file(p->arg, ip, &file, sizeof(file)) && file != INT3;
}

/* A breakpoint trap leaves ip behind the breakpoint until the kernel's handler puts it back. Later the
 * kernel has run the instruction for the thread (push %rbp), and ip is right: then the return address
 * is not on top of the stack any more. */
static bool is_at_breakpoint(const struct stack_probes *p, const struct user_regs *regs)
{
	uint64_t top;

	return p->sample->kernel_n && is_breakpoint(p, regs->ip - 1) &&
	       !p->read(p->arg, regs->sp, &top, sizeof(top)) &&
	       (is_trampoline(top) || p->is_code(p->arg, top));
}

struct user_regs stack_probes_registers(struct stack_probes *p)
{
	struct user_regs regs = p->sample->regs;
	uint64_t offset = regs.ip & ((1ULL << PAGE_BITS) - 1);
	uint64_t address;

	if (is_trampoline(regs.ip)) {
		address = stack_probes_return(p, regs.ip);
		if (address != regs.ip && offset < TRAMPOLINE_BYTES) {
			regs.ip = address;
			regs.sp += pushed_bytes(offset);
		}
	} else if (p->sample->kind == SAMPLE_ON_CPU ||
		   (p->sample->kind == SAMPLE_WAIT && !p->sample->blocked_ns)) {
		if (is_at_breakpoint(p, &regs))
			regs.ip--;
	}
	return regs;
}
