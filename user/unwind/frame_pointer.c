// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One frame up where no call frame information says how: code made at run time, assembly without
 * it. The instructions ahead tell where they are the ends of a prologue or an epilogue; else the
 * frame pointer has to do.
 */
#include <errno.h>
#include <string.h>
#include "private.h"

#define CODE_BYTES 48

struct code_bytes {
	uint8_t at[CODE_BYTES +
		   16]; /* zeros after the end, so that no comparison reads beyond it */
	size_t n;
};

static void read_code(struct walk *w, const struct unwind_file *f, struct code_bytes *code)
{
	const uint64_t ip = w->regs.r[REG_RIP];
	uint64_t vaddr;
	int n = -ENOENT;

	memset(code, 0, sizeof(*code));
	if (f && f->elf && !elf_file_offset_to_vaddr(f->elf, w->code.offset, &vaddr))
		n = elf_file_read(f->elf, vaddr + !w->exact, code->at, CODE_BYTES);
	else if (w->space->read_code)
		n = w->space->read_code(w->space->arg, ip, code->at, CODE_BYTES);
	code->n = n > 0 ? (size_t)n : 0;
}

static bool starts_with(const struct code_bytes *c, size_t at, const char *bytes, size_t n)
{
	return at + n <= c->n && !memcmp(c->at + at, bytes, n);
}
#define AT(c, at, bytes) starts_with(c, at, bytes, sizeof(bytes) - 1)

/* --- signal trampolines without call frame information: musl, Go --- */
static bool is_sigreturn(const struct code_bytes *c)
{
	return AT(c, 0, "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05") || /* mov $15,%rax; syscall */
	       AT(c, 0, "\xb8\x0f\x00\x00\x00\x0f\x05");	   /* mov $15,%eax; syscall */
}

/* Places of DWARF's registers 0 to 16 in struct ucontext, in words from uc_mcontext (sigcontext.h):
 * rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8 to r15, rip. */
static const uint8_t in_context[REGS] = {
	13, 12, 14, 11, 9, 8, 10, 15, 0, 1, 2, 3, 4, 5, 6, 7, 16
};
#define CONTEXT_REGS_AT 40 /* uc_mcontext in struct ucontext */

static bool step_signal(struct walk *w)
{
	uint64_t saved[REGS];

	/* The handler has returned, or will: its return address is gone from above the context. */
	if (!walk_read(w, w->regs.r[REG_RSP] + CONTEXT_REGS_AT, saved, sizeof(saved)))
		return false;
	for (int i = 0; i < REGS; i++)
		w->regs.r[i] = saved[in_context[i]];
	w->regs.known = (1u << REGS) - 1;
	w->crossed_signal = true;
	return true;
}

/* --- what the instructions ahead do to the stack --- */
struct ahead {
	struct walk *w;
	struct registers regs;
	const struct code_bytes *code;
	size_t at;
};

static bool pop_to(struct ahead *a, unsigned int reg)
{
	uint64_t value;

	if (!walk_word(a->w, a->regs.r[REG_RSP], &value))
		return false;
	a->regs.r[REG_RSP] += 8;
	a->regs.r[reg] = value;
	a->regs.known |= 1u << reg;
	return true;
}

/* The encoding's register numbers are not DWARF's: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi. */
static const uint8_t encoded[8] = { 0, 2, 1, REG_RBX, REG_RSP, REG_RBP, 4, 5 };

/* One instruction of an epilogue. 1: the return; 0: another; negative: it is none. */
static int epilogue_instruction(struct ahead *a)
{
	const struct code_bytes *c = a->code;
	const uint8_t *op = c->at + a->at;
	int32_t n;

	if (a->at >= c->n)
		return -ENOENT;
	if (AT(c, a->at, "\xc3") || AT(c, a->at, "\xf3\xc3") || AT(c, a->at, "\xf2\xc3") ||
	    *op == 0xc2)
		return pop_to(a, REG_RIP) ? 1 : -EFAULT;
	if (AT(c, a->at, "\x48\x83\xc4")) { /* add $imm8,%rsp */
		a->regs.r[REG_RSP] += (uint64_t)(int8_t)op[3];
		a->at += 4;
	} else if (AT(c, a->at, "\x48\x81\xc4")) { /* add $imm32,%rsp */
		memcpy(&n, op + 3, sizeof(n));
		a->regs.r[REG_RSP] += (uint64_t)(int64_t)n;
		a->at += 7;
	} else if (*op == 0xc9 || AT(c, a->at, "\x48\x89\xec")) { /* leave; mov %rbp,%rsp */
		a->regs.r[REG_RSP] = a->regs.r[REG_RBP];
		a->at += *op == 0xc9 ? 1 : 3;
		return *op != 0xc9 || pop_to(a, REG_RBP) ? 0 : -EFAULT;
	} else if (AT(c, a->at, "\xc5\xf8\x77")) { /* vzeroupper */
		a->at += 3;
	} else if ((*op & 0xf8) == 0x58 && *op != 0x5c) { /* pop; of rsp: no epilogue */
		a->at++;
		return pop_to(a, encoded[*op & 7]) ? 0 : -EFAULT;
	} else if (*op == 0x41 && (op[1] & 0xf8) == 0x58) { /* pop of r8 to r15 */
		a->at += 2;
		return pop_to(a, 8 + (op[1] & 7)) ? 0 : -EFAULT;
	} else {
		return -ENOENT;
	}
	return 0;
}

#define EPILOGUE_MAX 20

/* Were the walk to end here, would it be at code that was called? */
static bool plausible(struct walk *w, const struct registers *regs)
{
	const uint64_t ra = walk_mend(w, regs->r[REG_RIP]);

	return ra && walk_is_code(w, ra, false) && regs->r[REG_RSP] > w->regs.r[REG_RSP];
}

static bool step_epilogue(struct walk *w, const struct code_bytes *code)
{
	struct ahead a = { .w = w, .regs = w->regs, .code = code };
	int what = 0;

	for (int i = 0; i < EPILOGUE_MAX && !what; i++)
		what = epilogue_instruction(&a);
	if (what != 1 || !plausible(w, &a.regs))
		return false;
	a.regs.known &= CALLEE_SAVED | 1u << REG_RSP | 1u << REG_RIP;
	w->regs = a.regs;
	return true;
}

/* A leaf in a PLT that lld made, or ld for a program without .eh_frame. What lies above the return
 * address: the slot's index, then the link map, for the resolver. */
static const struct {
	const char *bytes;
	uint8_t n, words;
} plt[] = {
	{ "\xff\x25", 2, 0 },				/* jmp *slot(%rip) */
	{ "\xf2\xff\x25", 3, 0 },			/* bnd jmp */
	{ "\x68", 1, 0 },				/* push $index */
	{ "\xe9", 1, 1 },				/* jmp to the first entry */
	{ "\xf2\xe9", 2, 1 },	  { "\xff\x35", 2, 1 }, /* there: push the link map */
	{ "\xff\x25", 2, 2 },				/* jmp to the resolver */
	{ "\xf2\xff\x25", 3, 2 },
};
#define PLT_INDEX_MAX 0x100000

static bool step_plt(struct walk *w, const struct code_bytes *c, size_t at)
{
	struct registers regs = w->regs;
	uint64_t stack[3] = { 0 };

	for (size_t i = 0; i < sizeof(plt) / sizeof(plt[0]); i++) {
		const unsigned int words = plt[i].words;

		if (!starts_with(c, at, plt[i].bytes, plt[i].n) ||
		    !walk_read(w, w->regs.r[REG_RSP], stack, (words + 1) * sizeof(stack[0])) ||
		    (words && stack[words - 1] >= PLT_INDEX_MAX))
			continue;
		regs.r[REG_RIP] = stack[words];
		regs.r[REG_RSP] = w->regs.r[REG_RSP] + (words + 1) * sizeof(stack[0]);
		if (plausible(w, &regs)) {
			w->regs = regs;
			return true;
		}
	}
	return false;
}

/* A leaf that has not made its frame yet. */
static bool step_prologue(struct walk *w, const struct code_bytes *c)
{
	struct ahead a = { .w = w, .regs = w->regs, .code = c };
	const size_t at = AT(c, 0, "\xf3\x0f\x1e\xfa") ? 4 : 0; /* endbr64 */
	const bool has_pushed = AT(c, at, "\x48\x89\xe5") || AT(c, at, "\x48\x8b\xec");

	if (!has_pushed && !AT(c, at, "\x55"))
		return step_plt(w, c, at);
	/* At mov %rsp,%rbp; or at the push %rbp before it. */
	if ((has_pushed && !pop_to(&a, REG_RBP)) || !pop_to(&a, REG_RIP) || !plausible(w, &a.regs))
		return false;
	w->regs = a.regs;
	return true;
}

/* --- frame pointers --- */
static bool called_from_file(const struct walk *w, uint64_t return_address)
{
	struct unwind_code code;

	return_address = walk_mend(w, return_address);
	return return_address && w->space->code(w->space->arg, return_address - 1, &code) &&
	       code.file;
}

static bool step_frame_pointer(struct walk *w)
{
	const uint64_t bp = w->regs.r[REG_RBP], sp = w->regs.r[REG_RSP];
	uint64_t frame[2]; /* the caller's rbp, the return address */

	w->end = bp || !(w->regs.known & 1u << REG_RBP) ? UNWIND_LOST : UNWIND_START;
	if (!bp || !(w->regs.known & 1u << REG_RBP) || bp < sp || bp % 8)
		return false;
	if (!walk_read(w, bp, frame, sizeof(frame)))
		return false;
	w->end = UNWIND_LOST;
	/* A caller with call frame information may use rbp for anything; others keep the chain. */
	if (frame[0] && frame[0] <= bp && !called_from_file(w, frame[1]))
		return false;
	w->regs.r[REG_RBP] = frame[0];
	w->regs.r[REG_RSP] = bp + sizeof(frame);
	w->regs.r[REG_RIP] = frame[1];
	/* Others may have been saved anywhere. */
	w->regs.known = 1u << REG_RBP | 1u << REG_RSP | 1u << REG_RIP;
	return true;
}

bool step_without_rules(struct walk *w, struct unwind_file *f)
{
	struct code_bytes code;

	read_code(w, f, &code);
	if (is_sigreturn(&code))
		return step_signal(w);
	if ((w->exact && step_prologue(w, &code)) || step_epilogue(w, &code))
		return true;
	w->u->by_frame_pointer++;
	return step_frame_pointer(w);
}
