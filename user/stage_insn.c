// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * x86-64 instructions by capstone. Which of them a kernel emulates at a probe and which it refuses to
 * probe: arch/x86/kernel/uprobes.c (branch_xol_ops, push_xol_ops, is_prefix_bad()) of 5.15.
 */
#if defined(__x86_64__)
#include "stage_insn.h"

#include <capstone/capstone.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include "fault.h"
#include "infbpf.h"

#define GENERAL_REGISTERS 16

/* What is used of the library. */
#define CAPSTONE(F)       \
	F(cs_open)        \
	F(cs_close)       \
	F(cs_option)      \
	F(cs_malloc)      \
	F(cs_free)        \
	F(cs_disasm_iter) \
	F(cs_regs_access)

#define AS_POINTER(name) __typeof__(name) *name;
struct capstone {
	CAPSTONE(AS_POINTER)
};

struct insn_decoder {
	struct capstone lib;
	csh handle;
	cs_insn *insn;
	/* The last write to the register was the sum of two registers: a switch's table, of offsets. */
	bool sum[GENERAL_REGISTERS];
};

#ifdef INFBPF_STATIC
static int capstone_load(struct capstone *lib)
{
#define LINKED(name) .name = name,
	*lib = (struct capstone){ CAPSTONE(LINKED) };
	return 0;
}
#else
#define SONAME_OF(major) "libcapstone.so." #major
#define SONAME(major)	 SONAME_OF(major)
/* Loaded where it is needed first, and kept: its tables are pointers, which the loader has to write, and
 * those 3 MiB would be part of every trace. The version is that of the header: its numbers change. */
static int capstone_load(struct capstone *lib)
{
	void *so = dlopen(SONAME(CS_API_MAJOR), RTLD_NOW | RTLD_LOCAL);
	bool whole = so;

#define LOADED(name) whole = whole && (lib->name = (__typeof__(lib->name))dlsym(so, #name));
	CAPSTONE(LOADED)
	if (whole)
		return 0;
	message_print("--stage and --preset want libcapstone: %s", dlerror());
	return -ELIBACC;
}
#endif

int insn_decoder_open(struct insn_decoder **out)
{
	struct insn_decoder *d = calloc(1, sizeof(*d));
	int err = d ? capstone_load(&d->lib) : -ENOMEM;

	if (err)
		goto out;
	err = -ENOMEM;
	if (d->lib.cs_open(CS_ARCH_X86, CS_MODE_64, &d->handle))
		goto out;
	d->lib.cs_option(d->handle, CS_OPT_DETAIL, CS_OPT_ON);
	d->insn = d->lib.cs_malloc(d->handle);
	if (d->insn) {
		*out = d;
		return 0;
	}
	d->lib.cs_close(&d->handle);
out:
	free(d);
	return err;
}

void insn_decoder_close(struct insn_decoder *d)
{
	d->lib.cs_free(d->insn, 1);
	d->lib.cs_close(&d->handle);
	free(d);
}

/* Numbers as in the instructions' code; REGISTER_NONE: no general register of 64 or 32 bits. */
static uint8_t register_number(unsigned int reg)
{
	static const uint16_t of[GENERAL_REGISTERS][2] = {
		{ X86_REG_RAX, X86_REG_EAX },  { X86_REG_RCX, X86_REG_ECX },
		{ X86_REG_RDX, X86_REG_EDX },  { X86_REG_RBX, X86_REG_EBX },
		{ X86_REG_RSP, X86_REG_ESP },  { X86_REG_RBP, X86_REG_EBP },
		{ X86_REG_RSI, X86_REG_ESI },  { X86_REG_RDI, X86_REG_EDI },
		{ X86_REG_R8, X86_REG_R8D },   { X86_REG_R9, X86_REG_R9D },
		{ X86_REG_R10, X86_REG_R10D }, { X86_REG_R11, X86_REG_R11D },
		{ X86_REG_R12, X86_REG_R12D }, { X86_REG_R13, X86_REG_R13D },
		{ X86_REG_R14, X86_REG_R14D }, { X86_REG_R15, X86_REG_R15D },
	};

	for (uint8_t i = 0; i < GENERAL_REGISTERS; i++)
		if (reg == of[i][0] || reg == of[i][1])
			return i;
	return reg == X86_REG_RIP ? REGISTER_IP : REGISTER_NONE;
}

/* --- prefixes --- */

struct prefixes {
	size_t n;     /* legacy ones */
	bool refused; /* the kernel probes no instruction with one of them */
	bool operand_size, repeat, notrack;
	size_t rex; /* 0 or 1 */
};

static void read_prefixes(const uint8_t *code, size_t n, struct prefixes *p)
{
	*p = (struct prefixes){ 0 };
	for (; p->n < n; p->n++) {
		switch (code[p->n]) {
		case 0x3e: /* %ds; before an indirect jump: notrack */
			p->notrack = true;
			p->refused = true;
			break;
		case 0x26: /* %es, %cs, %ss, lock */
		case 0x2e:
		case 0x36:
		case 0xf0:
			p->refused = true;
			break;
		case 0x66:
			p->operand_size = true;
			break;
		case 0xf2: /* repne, bnd; rep */
		case 0xf3:
			p->repeat = true;
			break;
		case 0x64: /* %fs, %gs, address size */
		case 0x65:
		case 0x67:
			break;
		default:
			p->rex = (code[p->n] & 0xf0) == 0x40;
			return;
		}
	}
}

/* --- control flow --- */

static uint64_t direct_target(const cs_insn *i)
{
	const cs_x86 *x = &i->detail->x86;

	return x->op_count && x->operands[0].type == X86_OP_IMM ? (uint64_t)x->operands[0].imm : 0;
}

static void set_jump_to(const struct insn_decoder *d, const struct prefixes *p, struct insn *out)
{
	const cs_x86 *x = &d->insn->detail->x86;
	const cs_x86_op *op = &x->operands[0];

	out->kind = INSN_JUMP_TO;
	out->base = out->index = REGISTER_NONE;
	out->table = p->notrack;
	if (op->type == X86_OP_REG) {
		out->base = register_number(op->reg);
		out->table |= out->base < GENERAL_REGISTERS && d->sum[out->base];
	} else if (op->type == X86_OP_MEM) {
		out->in_memory = true;
		out->base = register_number(op->mem.base);
		out->index = register_number(op->mem.index);
		out->scale = op->mem.scale;
		out->disp = (int32_t)op->mem.disp;
	}
}

static void set_flow(const struct insn_decoder *d, const uint8_t *code, const struct prefixes *p,
		     struct insn *out)
{
	const uint8_t *op = code + p->n + p->rex;
	const uint8_t modrm = d->insn->detail->x86.modrm;

	if (op[0] == 0xc3 || op[0] == 0xc2) {
		out->kind = INSN_RET;
	} else if (op[0] == 0xeb || op[0] == 0xe9) {
		out->kind = INSN_JUMP;
	} else if (op[0] >= 0x70 && op[0] <= 0x7f) {
		out->kind = INSN_JUMP_IF;
		out->cc = op[0] & 0xf;
	} else if (op[0] == 0x0f && op[1] >= 0x80 && op[1] <= 0x8f) {
		out->kind = INSN_JUMP_IF;
		out->cc = op[1] & 0xf;
	} else if (op[0] >= 0xe0 && op[0] <= 0xe3) {
		out->kind = INSN_LOOP;
	} else if (op[0] == 0xe8 || (op[0] == 0xff && (modrm >> 3 & 7) == 2)) {
		out->kind = INSN_CALL;
	} else if (op[0] == 0xff && (modrm >> 3 & 7) == 4) {
		set_jump_to(d, p, out);
		return;
	}
	if (out->kind == INSN_JUMP || out->kind == INSN_JUMP_IF || out->kind == INSN_LOOP)
		out->target = direct_target(d->insn);
}

static bool is_emulated(const uint8_t *code, const struct prefixes *p, const struct insn *i)
{
	const uint8_t op = code[p->n + p->rex];

	if (p->n)
		return false;
	/* A call through memory is not. */
	return i->push || (op == 0x90 && !p->rex) || i->kind == INSN_JUMP ||
	       i->kind == INSN_JUMP_IF || op == 0xe8;
}

/* --- the stack pointer --- */

static bool writes_sp(const struct insn_decoder *d)
{
	cs_regs read, write;
	uint8_t read_n, write_n;

	if (d->lib.cs_regs_access(d->handle, d->insn, read, &read_n, write, &write_n))
		return true;
	for (uint8_t i = 0; i < write_n; i++)
		if (write[i] == X86_REG_RSP || write[i] == X86_REG_ESP || write[i] == X86_REG_SP)
			return true;
	return false;
}

static void set_sp_change(const struct insn_decoder *d, const struct prefixes *p, struct insn *out)
{
	const cs_x86_op *op = d->insn->detail->x86.operands;
	const bool to_sp = op[0].type == X86_OP_REG && op[0].reg == X86_REG_RSP;
	const bool wide = !p->operand_size;

	out->sp_known = true;
	switch (d->insn->id) {
	case X86_INS_PUSH:
		out->sp_known = wide;
		out->sp_change = -8;
		return;
	case X86_INS_POP:
		out->sp_known = wide && !to_sp;
		out->sp_change = 8;
		return;
	case X86_INS_SUB:
	case X86_INS_ADD:
		if (!to_sp)
			return;
		out->sp_known = op[1].type == X86_OP_IMM && op[1].imm == (int32_t)op[1].imm;
		out->sp_change = (int32_t)(d->insn->id == X86_INS_ADD ? op[1].imm : -op[1].imm);
		return;
	case X86_INS_LEA:
		if (!to_sp)
			return;
		out->sp_known = op[1].mem.base == X86_REG_RSP && op[1].mem.index == X86_REG_INVALID;
		out->sp_change = (int32_t)op[1].mem.disp;
		return;
	default:
		out->sp_known = !writes_sp(d);
	}
}

/* --- the rest --- */

/* A system call, or a string instruction that repeats itself: movs, cmps, stos, lods, scas, ins, outs. */
static bool is_slow(const uint8_t *code, const struct prefixes *p, const cs_insn *i)
{
	const uint8_t op = code[p->n + p->rex];

	if (i->id == X86_INS_SYSCALL || i->id == X86_INS_SYSENTER || i->id == X86_INS_INT)
		return true;
	return p->repeat && ((op >= 0xa4 && op <= 0xa7) || (op >= 0xaa && op <= 0xaf) ||
			     (op >= 0x6c && op <= 0x6f));
}

/* "sub %fs:0x28, %rax": GCC and clang subtract, compare or exclusive-or it. */
static bool is_canary(const cs_insn *i)
{
	const cs_x86 *x = &i->detail->x86;

	if (i->id != X86_INS_SUB && i->id != X86_INS_XOR && i->id != X86_INS_CMP)
		return false;
	for (uint8_t k = 0; k < x->op_count; k++)
		if (x->operands[k].type == X86_OP_MEM && x->operands[k].mem.segment == X86_REG_FS &&
		    x->operands[k].mem.disp == 0x28)
			return true;
	return false;
}

/* Which registers hold the sum of two. */
static void note_sums(struct insn_decoder *d)
{
	const cs_x86_op *op = d->insn->detail->x86.operands;
	cs_regs read, write;
	uint8_t read_n, write_n, to;

	if (d->lib.cs_regs_access(d->handle, d->insn, read, &read_n, write, &write_n))
		return;
	for (uint8_t i = 0; i < write_n; i++) {
		to = register_number(write[i]);
		if (to < GENERAL_REGISTERS)
			d->sum[to] = d->insn->id == X86_INS_ADD && op[0].type == X86_OP_REG &&
				     register_number(op[0].reg) == to && op[1].type == X86_OP_REG;
	}
}

int insn_decode(struct insn_decoder *d, const uint8_t *code, size_t n, uint64_t vaddr,
		struct insn *out)
{
	const uint8_t *at = code;
	struct prefixes p;
	size_t left = n;

	*out = (struct insn){ 0 };
	if (!d->lib.cs_disasm_iter(d->handle, &at, &left, &vaddr, d->insn))
		return -EINVAL;
	out->size = (uint8_t)d->insn->size;
	read_prefixes(code, out->size, &p);
	if (p.n + p.rex >= out->size)
		return -EINVAL;
	out->prefixed = p.n > 0;
	out->push = !p.n && code[p.rex] >= 0x50 && code[p.rex] <= 0x57;
	set_flow(d, code, &p, out);
	out->emulated = is_emulated(code, &p, out);
	/* A nop with an operand size is refused by some kernels; a jump or call with one by all. */
	out->refused = p.refused || (p.operand_size && (out->kind || d->insn->id == X86_INS_NOP));
	out->slow = is_slow(code, &p, d->insn);
	out->canary = is_canary(d->insn);
	set_sp_change(d, &p, out);
	note_sums(d);
	return 0;
}

#endif /* __x86_64__ */
