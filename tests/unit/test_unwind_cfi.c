// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Call frame programs and expressions byte by byte, and steps without any, on made-up memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "unwind/private.h"

#define SP    0x70000
#define START 0x4000 /* of the function */
#define LEN   0x10000

/* Every word of memory tells where it lies. */
static uint64_t word(uint64_t address)
{
	return address * 3 + 7;
}

static int read_words(void *arg, uint64_t address, void *buf, size_t n)
{
	(void)arg;
	for (size_t i = 0; i < n; i++) {
		uint64_t w = word(address + i - i % 8);

		((uint8_t *)buf)[i] = ((uint8_t *)&w)[i % 8];
	}
	return 0;
}

static bool any_code(void *arg, uint64_t ip, struct unwind_code *out)
{
	(void)arg;
	(void)ip;
	*out = (struct unwind_code){ 0 };
	return true;
}

static const struct unwind_space words = { NULL, any_code, read_words, NULL, NULL };

/* Register i is 0x1000 * (i + 1). */
static struct walk walk_at(struct unwind *u)
{
	struct walk w = { .u = u, .space = &words };

	for (int i = 0; i < REGS; i++)
		w.regs.r[i] = 0x1000 * ((uint64_t)i + 1);
	w.regs.r[REG_RSP] = SP;
	w.regs.known = (1u << REGS) - 1;
	return w;
}

/* --- an .eh_frame of one CIE and one FDE --- */
struct frame {
	uint8_t bytes[512];
	size_t n;
};

static void put(struct frame *f, const void *data, size_t n)
{
	assert_true(f->n + n <= sizeof(f->bytes));
	if (n)
		memcpy(f->bytes + f->n, data, n);
	f->n += n;
}

static void put32(struct frame *f, uint32_t v)
{
	put(f, &v, sizeof(v));
}

static size_t begin_entry(struct frame *f)
{
	put32(f, 0);
	return f->n;
}

static void end_entry(struct frame *f, size_t begin)
{
	uint32_t n;

	while ((f->n - begin) % 4)
		put(f, "", 1);
	n = (uint32_t)(f->n - begin);
	memcpy(f->bytes + begin - 4, &n, sizeof(n));
}

/* Version 1, "zR", code in 1, data in -8, return address in 16, addresses as they are. */
#define CIE_USUAL "\x01zR\0\x01\x78\x10\x01\x00"
#define CIE_INIT  "\x0c\x07\x08\x90\x01" /* CFA: rsp + 8; the return address at CFA - 8 */

struct bytes {
	const char *data;
	size_t n;
};
#define BYTES(s)                 \
	{                        \
		s, sizeof(s) - 1 \
	}

static uint64_t make(struct frame *f, struct bytes cie, struct bytes init, struct bytes program)
{
	const uint64_t start = START, length = LEN;
	size_t at, fde;

	memset(f, 0, sizeof(*f));
	at = begin_entry(f);
	put32(f, 0);
	put(f, cie.data, cie.n);
	put(f, init.data, init.n);
	end_entry(f, at);
	fde = f->n;
	at = begin_entry(f);
	put32(f, (uint32_t)at);
	put(f, &start, sizeof(start));
	put(f, &length, sizeof(length));
	put(f, "", 1);
	put(f, program.data, program.n);
	end_entry(f, at);
	put32(f, 0);
	return fde;
}

/* Compiles it. Negative errno. */
static int compile(struct unwind *u, const struct frame *f, uint64_t fde, struct cfi_rows *rows)
{
	const struct section s = { .data = f->bytes, .size = f->n, .eh = true };
	struct cfi_state initial;
	uint64_t start, length;
	struct cfi_entry e;
	struct cfi_cie cie;
	int err;

	err = cfi_entry(&s, &u->window, fde, 4096, &e);
	if (!err)
		err = cfi_cie(&s, &u->window, e.cie, &cie);
	if (!err)
		err = cfi_initial(&u->pool, &cie, &initial);
	if (!err)
		err = cfi_fde_range(&cie, &e.body, &start, &length);
	if (err)
		return err;
	assert_int_equal(start, START);
	assert_int_equal(length, LEN);
	return cfi_compile(&u->pool, &cie, &initial, e.body, start, (uint32_t)length, rows);
}

static uint32_t rules_at(const struct cfi_rows *rows, uint32_t pc)
{
	uint32_t found = POOL_NONE;

	for (size_t i = 0; i < rows->n && rows->row[i].pc <= pc; i++)
		found = rows->row[i].rules;
	return found;
}

#define CFA (SP + 8)

/* What register has which value in the caller of the instruction at pc. */
static const struct {
	struct bytes program;
	uint32_t pc;
	int reg;
	uint64_t value;
} programs[] = {
	{ BYTES(""), 0, REG_RIP, (CFA - 8) * 3 + 7 },
	{ BYTES(""), 0, REG_RSP, CFA },
	{ BYTES(""), 0, REG_RBX, 0x4000 },
	/* advance_loc, def_cfa_offset */
	{ BYTES("\x41\x0e\x10"), 0, REG_RSP, SP + 8 },
	{ BYTES("\x41\x0e\x10"), 1, REG_RSP, SP + 16 },
	{ BYTES("\x41\x0e\x10"), LEN - 1, REG_RIP, (SP + 8) * 3 + 7 },
	/* advance_loc1, 2, 4, MIPS's 8, set_loc; each at its last and first byte */
	{ BYTES("\x02\x80\x0e\x10"), 127, REG_RSP, SP + 8 },
	{ BYTES("\x02\x80\x0e\x10"), 128, REG_RSP, SP + 16 },
	{ BYTES("\x03\x00\x02\x0e\x10"), 511, REG_RSP, SP + 8 },
	{ BYTES("\x03\x00\x02\x0e\x10"), 512, REG_RSP, SP + 16 },
	{ BYTES("\x04\x00\x80\x00\x00\x0e\x10"), 0x7fff, REG_RSP, SP + 8 },
	{ BYTES("\x04\x00\x80\x00\x00\x0e\x10"), 0x8000, REG_RSP, SP + 16 },
	{ BYTES("\x1d\x02\0\0\0\0\0\0\0\x0e\x10"), 1, REG_RSP, SP + 8 },
	{ BYTES("\x1d\x02\0\0\0\0\0\0\0\x0e\x10"), 2, REG_RSP, SP + 16 },
	{ BYTES("\x01\x09\x40\0\0\0\0\0\0\x0e\x10"), 8, REG_RSP, SP + 8 },
	{ BYTES("\x01\x09\x40\0\0\0\0\0\0\x0e\x10"), 9, REG_RSP, SP + 16 },
	/* Beyond the function: never reached. */
	{ BYTES("\x04\x00\x00\x02\x00\x0e\x10"), LEN - 1, REG_RSP, SP + 8 },
	/* offset rbx; offset_extended r12; its sf form; GNU_negative */
	{ BYTES("\x83\x03"), 0, REG_RBX, (CFA - 24) * 3 + 7 },
	{ BYTES("\x05\x0c\x04"), 0, REG_R12, (CFA - 32) * 3 + 7 },
	{ BYTES("\x11\x0c\x7e"), 0, REG_R12, (CFA + 16) * 3 + 7 },
	{ BYTES("\x2f\x0c\x02"), 0, REG_R12, (CFA + 16) * 3 + 7 },
	/* val_offset and its sf form */
	{ BYTES("\x14\x0d\x02"), 0, REG_R13, CFA - 16 },
	{ BYTES("\x15\x0d\x7e"), 0, REG_R13, CFA + 16 },
	/* def_cfa rbp + 16; def_cfa_register rbx; their sf forms */
	{ BYTES("\x0c\x06\x10"), 0, REG_RIP, (0x7000 + 8) * 3 + 7 },
	{ BYTES("\x0d\x0a"), 0, REG_RIP, 0xb000 * 3 + 7 },
	{ BYTES("\x12\x0a\x7e"), 0, REG_RIP, (0xb000 + 16 - 8) * 3 + 7 },
	{ BYTES("\x13\x7d"), 0, REG_RSP, SP + 24 },
	/* register: the return address is in rcx */
	{ BYTES("\x09\x10\x02"), 0, REG_RIP, 0x3000 },
	/* remember, change, restore: CFA and registers */
	{ BYTES("\x0a\x0e\x40\x83\x02\x41\x0b"), 0, REG_RSP, SP + 64 },
	{ BYTES("\x0a\x0e\x40\x83\x02\x41\x0b"), 0, REG_RBX, (SP + 64 - 16) * 3 + 7 },
	{ BYTES("\x0a\x0e\x40\x83\x02\x41\x0b"), 1, REG_RSP, SP + 8 },
	{ BYTES("\x0a\x0e\x40\x83\x02\x41\x0b"), 1, REG_RBX, 0x4000 },
	/* restore, restore_extended, same_value */
	{ BYTES("\x83\x02\x41\xc3"), 1, REG_RBX, 0x4000 },
	{ BYTES("\x83\x02\x41\x06\x03"), 1, REG_RBX, 0x4000 },
	{ BYTES("\x83\x02\x08\x03"), 0, REG_RBX, 0x4000 },
	/* GNU_args_size, and vector registers: of no use */
	{ BYTES("\x2e\x90\x01\x83\x02"), 0, REG_RBX, (CFA - 16) * 3 + 7 },
	{ BYTES("\x05\x15\x02\x83\x02"), 0, REG_RBX, (CFA - 16) * 3 + 7 },
	/* expression: r14 saved at CFA - 40; val_expression: r14 is CFA + 3 */
	{ BYTES("\x10\x0e\x03\x11\x58\x22"), 0, REG_R14, (CFA - 40) * 3 + 7 },
	{ BYTES("\x16\x0e\x02\x23\x03"), 0, REG_R14, CFA + 3 },
	/* def_cfa_expression: what rbp - 8 points to, as of a function that aligns its stack */
	{ BYTES("\x0f\x03\x76\x78\x06"), 0, REG_RSP, (0x7000 - 8) * 3 + 7 },
};

static struct unwind *open_unwind(void)
{
	struct unwind *u;

	assert_int_equal(unwind_open(&u, NULL), 0);
	return u;
}

static void cfi_programs(void **state)
{
	struct unwind *u = open_unwind();
	struct cfi_rows rows = { 0 };
	struct frame f;

	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		struct walk w = walk_at(u);
		uint32_t rules;
		uint64_t fde;

		/* The CFA need not lie above the stack pointer here. */
		w.regs.r[REG_RSP] = SP;
		fde = make(&f, (struct bytes)BYTES(CIE_USUAL), (struct bytes)BYTES(CIE_INIT),
			   programs[i].program);
		if (compile(u, &f, fde, &rows))
			fail_msg("program %zu does not compile", i);
		rules = rules_at(&rows, programs[i].pc);
		assert_int_not_equal(rules, POOL_NONE);
		/* False where the CFA is below the stack pointer: the values are there all the same. */
		step_by_rules(&w, pool_rules_at(&u->pool, rules));
		if (w.regs.r[programs[i].reg] != programs[i].value)
			fail_msg("program %zu: %#lx, not %#lx", i,
				 (unsigned long)w.regs.r[programs[i].reg],
				 (unsigned long)programs[i].value);
	}
	free(rows.row);
	unwind_close(u);
}

static const struct bytes broken[] = {
	BYTES("\x0b"),		       /* restore_state, nothing remembered */
	BYTES("\x3f"),		       /* no such instruction */
	BYTES("\x01\0\0\0\0\0\0\0\0"), /* set_loc backwards */
	BYTES("\x0c\x20\x08"),	       /* a CFA by a vector register */
	BYTES("\x0f\x7f\x11"),	       /* an expression longer than the program */
	BYTES("\x0f\x01\x30\x0e\x10"), /* def_cfa_offset on an expression */
	BYTES("\x0e\xff\xff\xff\xff\xff\xff\xff\x7f"),
	BYTES("\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a"),
};

static void broken_programs(void **state)
{
	struct unwind *u = open_unwind();
	struct cfi_rows rows = { 0 };
	struct frame f;

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		uint64_t fde = make(&f, (struct bytes)BYTES(CIE_USUAL),
				    (struct bytes)BYTES(CIE_INIT), broken[i]);

		if (!compile(u, &f, fde, &rows))
			fail_msg("program %zu compiles", i);
	}
	free(rows.row);
	unwind_close(u);
}

/* CIEs: version, augmentation, alignments, and whether they are understood. */
static const struct {
	struct bytes cie;
	bool good, signal;
} cies[] = {
	{ BYTES("\x01zR\0\x01\x78\x10\x01\x00"), true, false },
	{ BYTES("\x03zR\0\x01\x78\x10\x01\x00"), true, false },
	{ BYTES("\x04zR\0\x08\x00\x01\x78\x10\x01\x00"), true, false },
	{ BYTES("\x01zRS\0\x01\x78\x10\x01\x00"), true, true },
	{ BYTES("\x01zPLR\0\x01\x78\x10\x07\x9b\x01\x02\x03\x04\x1b\x00"), true, false },
	{ BYTES("\x01zRB\0\x01\x78\x10\x01\x00"), true, false },
	{ BYTES("\x01zRX\0\x01\x78\x10\x03\x00\x11\x22"), true, false },
	{ BYTES("\x02zR\0\x01\x78\x10\x01\x00"), false, false },
	{ BYTES("\x04zR\0\x04\x00\x01\x78\x10\x01\x00"), false, false },
	{ BYTES("\x01mystery\0\x01\x78\x10\x01\x00"), false, false },
	{ BYTES("\x01zR\0\x01\x78\x11\x01\x00"), false, false },
	{ BYTES("\x01zR\0\x01\x78\x10\x7f\x00"), false, false },
};

static void cie_kinds(void **state)
{
	struct unwind *u = open_unwind();
	struct cfi_rows rows = { 0 };
	struct frame f;

	(void)state;
	for (size_t i = 0; i < sizeof(cies) / sizeof(cies[0]); i++) {
		uint64_t fde = make(&f, cies[i].cie, (struct bytes)BYTES(CIE_INIT),
				    (struct bytes)BYTES("\x83\x03"));
		struct walk w = walk_at(u);
		const struct rules *r;

		if (!compile(u, &f, fde, &rows) != cies[i].good)
			fail_msg("CIE %zu", i);
		if (!cies[i].good)
			continue;
		r = pool_rules_at(&u->pool, rules_at(&rows, 0));
		assert_true(step_by_rules(&w, r));
		assert_int_equal(w.regs.r[REG_RBX], word(CFA - 24));
		assert_int_equal(w.crossed_signal, cies[i].signal);
	}
	free(rows.row);
	unwind_close(u);
}

/* The return address is undefined: clone, _start. */
static void undefined_return(void **state)
{
	struct unwind *u = open_unwind();
	struct walk w = walk_at(u);
	struct cfi_rows rows = { 0 };
	struct frame f;
	uint64_t fde;

	(void)state;
	fde = make(&f, (struct bytes)BYTES(CIE_USUAL), (struct bytes)BYTES(CIE_INIT),
		   (struct bytes)BYTES("\x07\x10"));
	assert_int_equal(compile(u, &f, fde, &rows), 0);
	assert_false(step_by_rules(&w, pool_rules_at(&u->pool, rules_at(&rows, 0))));
	assert_int_equal(w.end, UNWIND_START);
	free(rows.row);
	unwind_close(u);
}

static const struct {
	struct bytes op;
	bool good;
	uint64_t value;
} expressions[] = {
	{ BYTES("\x30"), true, 0 },
	{ BYTES("\x4f"), true, 31 },
	{ BYTES("\x08\xff"), true, 255 },
	{ BYTES("\x09\xff"), true, (uint64_t)-1 },
	{ BYTES("\x0a\x00\x80"), true, 0x8000 },
	{ BYTES("\x0b\x00\x80"), true, (uint64_t)-0x8000 },
	{ BYTES("\x0c\x00\x00\x00\x80"), true, 0x80000000 },
	{ BYTES("\x0d\x00\x00\x00\x80"), true, (uint64_t)-0x80000000LL },
	{ BYTES("\x0e\x01\x02\x03\x04\x05\x06\x07\x08"), true, 0x0807060504030201 },
	{ BYTES("\x10\xe5\x8e\x26"), true, 624485 },
	{ BYTES("\x11\x9b\xf1\x59"), true, (uint64_t)-624485 },
	{ BYTES("\x76\x70"), true, 0x7000 - 16 },     /* breg6 -16 */
	{ BYTES("\x92\x0c\x10"), true, 0xd000 + 16 }, /* bregx r12 16 */
	{ BYTES("\x76\x70\x06"), true, (0x7000 - 16) * 3 + 7 },
	{ BYTES("\x76\x70\x94\x01"), true, 0xd7 },  /* deref_size 1 */
	{ BYTES("\x35\x12\x22"), true, 10 },	    /* dup, plus */
	{ BYTES("\x35\x36\x13"), true, 5 },	    /* drop */
	{ BYTES("\x35\x36\x14\x1c"), true, 1 },	    /* over: 5 6 5; minus: 6 - 5 */
	{ BYTES("\x35\x36\x37\x15\x02"), true, 5 }, /* pick 2 */
	{ BYTES("\x35\x36\x16\x1c"), true, 1 },	    /* swap: 6 5; minus */
	{ BYTES("\x31\x32\x33\x17"), true, 2 },	    /* rot: 3 1 2 */
	{ BYTES("\x31\x32\x33\x17\x13\x13"), true, 3 },
	{ BYTES("\x3f\x3a\x1a"), true, 10 },
	{ BYTES("\x35\x3a\x21"), true, 15 },
	{ BYTES("\x3f\x3a\x27"), true, 5 },
	{ BYTES("\x3f\x34\x24"), true, 240 },
	{ BYTES("\x09\xf0\x34\x26"), true, (uint64_t)-1 },
	{ BYTES("\x09\xf0\x08\x3c\x25"), true, 15 },
	{ BYTES("\x31\x08\x40\x24"), true, 0 },		   /* shifted all out */
	{ BYTES("\x35\x36\x1e\x23\x02"), true, 32 },	   /* mul, plus_uconst */
	{ BYTES("\x35\x1f\x20"), true, 4 },		   /* neg, not */
	{ BYTES("\x35\x1f\x19"), true, 5 },		   /* neg, abs */
	{ BYTES("\x09\xf7\x32\x1b"), true, (uint64_t)-4 }, /* -9 / 2 */
	{ BYTES("\x39\x34\x1d"), true, 1 },
	{ BYTES("\x09\xff\x31\x2d"), true, 1 }, /* -1 < 1 */
	{ BYTES("\x09\xff\x31\x2a"), true, 0 },
	{ BYTES("\x31\x31\x29"), true, 1 },
	{ BYTES("\x31\x28\x01\x00\x35\x36"), true, 6 }, /* bra over nothing that matters */
	{ BYTES("\x35\x2f\x01\x00\x36"), true, 5 },	/* skip */
	{ BYTES("\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22"), true, SP + 8 }, /* a PLT's */
	{ BYTES(""), false, 0 },
	{ BYTES("\x22"), false, 0 },	     /* nothing to add */
	{ BYTES("\x31\x30\x1b"), false, 0 }, /* by zero */
	{ BYTES("\x31\x30\x1d"), false, 0 },
	{ BYTES("\x03\0\0\0\0\0\0\0\0"), false, 0 }, /* addr */
	{ BYTES("\x08"), false, 0 },		     /* cut short */
	{ BYTES("\x31\x2f\xfd\xff"), false, 0 },     /* a loop */
	{ BYTES("\x31\x2f\x00\x80"), false, 0 },     /* out of the expression */
	{ BYTES("\x31\x2f\x00\x10"), false, 0 },
	{ BYTES("\x30\x12\x2f\xfc\xff"), false, 0 }, /* a stack that only grows */
	{ BYTES("\x76\x00\x94\x09"), false, 0 },     /* 9 bytes */
	{ BYTES("\x8f\x00"), false, 0 },	     /* breg31 */
};

static void all_expressions(void **state)
{
	struct unwind *u = open_unwind();

	(void)state;
	for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++) {
		uint32_t number = pool_expression(&u->pool, (const uint8_t *)expressions[i].op.data,
						  expressions[i].op.n);
		struct walk w = walk_at(u);
		uint64_t value = 0;
		bool good;

		good = expression_value(&w, pool_expression_at(&u->pool, number), NULL, &value);
		if (good != expressions[i].good || (good && value != expressions[i].value))
			fail_msg("expression %zu: %d, %#lx", i, good, (unsigned long)value);
	}
	unwind_close(u);
}

/* --- steps without call frame information --- */
#define CODE  0x10000
#define STACK 0x80000

struct target {
	uint8_t code[64];
	uint64_t stack[64];
	size_t stack_n;
	uint64_t hidden, shown;
};

static bool target_code(void *arg, uint64_t ip, struct unwind_code *out)
{
	(void)arg;
	*out = (struct unwind_code){ NULL, 0 };
	return ip >= CODE && ip < CODE + 0x1000;
}

static int target_read(void *arg, uint64_t address, void *buf, size_t n)
{
	struct target *t = arg;

	if (address < STACK)
		return -EFAULT;
	if (address - STACK + n > t->stack_n * 8)
		return -ENODATA;
	memcpy(buf, (uint8_t *)t->stack + (address - STACK), n);
	return 0;
}

static int target_read_code(void *arg, uint64_t ip, void *buf, size_t n)
{
	struct target *t = arg;

	if (ip < CODE || ip - CODE >= sizeof(t->code))
		return -EFAULT;
	if (n > sizeof(t->code) - (ip - CODE))
		n = sizeof(t->code) - (ip - CODE);
	memcpy(buf, t->code + (ip - CODE), n);
	return (int)n;
}

static uint64_t target_mend(void *arg, uint64_t ra)
{
	struct target *t = arg;

	return ra == t->hidden ? t->shown : ra;
}

static size_t walk_target(struct target *t, uint64_t bp, struct unwind_frame *frames, size_t max,
			  enum unwind_end *end)
{
	const struct unwind_space space = { t, target_code, target_read, target_read_code,
					    target_mend };
	struct user_regs regs = { .ip = CODE, .sp = STACK, .bp = bp };
	struct unwind *u = open_unwind();
	size_t n = unwind_walk(u, &space, &regs, frames, max, end);

	unwind_close(u);
	return n;
}

#define RA(i) (CODE + 0x100 + 0x10 * (uint64_t)(i))

/* A leaf in code that is in no file: what lies ahead of it, and where its return address lies. */
static const struct {
	struct bytes code;
	size_t ra_at; /* words from the stack pointer */
} leaves[] = {
	{ BYTES("\x55\x48\x89\xe5"), 0 },			      /* push %rbp */
	{ BYTES("\xf3\x0f\x1e\xfa\x55\x48\x89\xe5"), 0 },	      /* endbr64; push %rbp */
	{ BYTES("\x48\x89\xe5\x90"), 1 },			      /* mov %rsp,%rbp */
	{ BYTES("\xc3"), 0 },					      /* ret */
	{ BYTES("\xc2\x08\x00"), 0 },				      /* ret $8 */
	{ BYTES("\x48\x83\xc4\x08\xc3"), 1 },			      /* add $8,%rsp; ret */
	{ BYTES("\x48\x81\xc4\x10\x00\x00\x00\x5b\x41\x5c\xc3"), 4 }, /* add; pop; pop; ret */
	{ BYTES("\x5d\xc3"), 1 },				      /* pop %rbp; ret */
	{ BYTES("\xc5\xf8\x77\x5d\xc3"), 1 },			      /* vzeroupper before */
	{ BYTES("\xc9\xc3"), 9 },				      /* leave; ret */
	{ BYTES("\x48\x89\xec\x5d\xc3"), 9 },			      /* mov %rbp,%rsp; pop; ret */
	{ BYTES("\xff\x25\x00\x00\x00\x00"), 0 },		      /* a PLT's jmp */
	{ BYTES("\x68\x05\x00\x00\x00\xe9"), 0 },		      /* its push */
	{ BYTES("\xe9\x00\x00\x00\x00"), 1 },			      /* its second jmp */
	{ BYTES("\x90\x90\x90"), 9 },				      /* by frame pointer */
};

static void leaf_code(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
		struct target t = { .stack_n = 11 };
		struct unwind_frame frames[8];
		enum unwind_end end;
		size_t n;

		memcpy(t.code, leaves[i].code.data, leaves[i].code.n);
		/* Frame pointers lead to words 8 and 9, where the chain ends. */
		t.stack[9] = RA(9);
		t.stack[leaves[i].ra_at] = RA(leaves[i].ra_at);
		t.stack[10] = 0;
		n = walk_target(&t, STACK + 8 * 8, frames, 8, &end);
		if (n < 2 || frames[1].ip != RA(leaves[i].ra_at))
			fail_msg("leaf %zu: %zu frames, %#lx", i, n,
				 n > 1 ? (unsigned long)frames[1].ip : 0);
		assert_true(frames[0].exact);
		assert_false(frames[1].exact);
	}
}

/* A chain of three frames, then 0. */
static struct target chain(void)
{
	struct target t = { .stack_n = 16 };

	memset(t.code, 0x90, sizeof(t.code));
	t.stack[2] = STACK + 8 * 6;
	t.stack[3] = RA(1);
	t.stack[6] = STACK + 8 * 10;
	t.stack[7] = RA(2);
	t.stack[10] = 0;
	t.stack[11] = RA(3);
	return t;
}

static void check_chain(struct target t, size_t max, size_t want_n, enum unwind_end want_end)
{
	struct unwind_frame frames[8];
	enum unwind_end end;
	size_t n = walk_target(&t, STACK + 8 * 2, frames, max, &end);

	assert_int_equal(n, want_n);
	assert_int_equal(end, want_end);
	for (size_t i = 1; i < n; i++)
		assert_int_equal(frames[i].ip, RA(i));
}

static void frame_pointers(void **state)
{
	struct target t = chain();

	(void)state;
	check_chain(t, 8, 4, UNWIND_START);
	check_chain(t, 3, 3, UNWIND_DEEP);
	t.stack_n = 9; /* the copy ends */
	check_chain(t, 8, 3, UNWIND_CUT);
	t = chain();
	t.stack[11] = 0; /* nobody called */
	check_chain(t, 8, 3, UNWIND_START);
	t = chain();
	t.stack[6] = STACK + 8 * 2; /* goes round */
	check_chain(t, 8, 2, UNWIND_LOST);
	t = chain();
	t.stack[7] = 0x5000; /* no code */
	check_chain(t, 8, 2, UNWIND_LOST);
	t = chain();
	t.stack[2] = 0x1000; /* below the stack */
	check_chain(t, 8, 1, UNWIND_LOST);
	t = chain();
	t.hidden = t.stack[7] = CODE + 0xf00; /* a return probe's */
	t.shown = RA(2);
	check_chain(t, 8, 4, UNWIND_START);
}

/* A signal's frame without call frame information, as musl and Go have it. */
static void sigreturn(void **state)
{
	const size_t regs_at = 40 / 8;
	struct target t = { .stack_n = 40 };
	struct unwind_frame frames[8];
	enum unwind_end end;

	(void)state;
	memcpy(t.code, "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", 9);
	t.stack[regs_at + 10] = STACK + 8 * 34; /* rbp */
	t.stack[regs_at + 15] = STACK + 8 * 32; /* rsp */
	t.stack[regs_at + 16] = RA(1);		/* rip */
	t.stack[35] = RA(2);
	assert_int_equal(walk_target(&t, 0, frames, 8, &end), 3);
	assert_int_equal(end, UNWIND_START);
	assert_int_equal(frames[1].ip, RA(1));
	assert_true(frames[1].exact);
	assert_int_equal(frames[2].ip, RA(2));
	assert_false(frames[2].exact);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cfi_programs),	   cmocka_unit_test(broken_programs),
		cmocka_unit_test(cie_kinds),	   cmocka_unit_test(undefined_return),
		cmocka_unit_test(all_expressions), cmocka_unit_test(leaf_code),
		cmocka_unit_test(frame_pointers),  cmocka_unit_test(sigreturn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
