// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Call frame programs (DWARF 5, 6.4.2), run once per function: what they say of each address
 * becomes a row.
 */
#include <errno.h>
#include <string.h>
#include "private.h"

/* DW_CFA_remember_state nests as deep as code does; compilers' code does not. */
#define REMEMBER_MAX 16

struct run {
	struct pool *pool;
	const struct cfi_cie *cie;
	const struct cfi_state *initial; /* NULL: this is the CIE's own program */
	struct cfi_state now, saved[REMEMBER_MAX];
	size_t saved_n;
	struct cursor c;
	uint64_t start, pc, length; /* pc from start */
	struct cfi_rows *rows;
};

/* --- states to rows --- */
static uint32_t state_number(struct run *r)
{
	union {
		struct rules rules;
		uint8_t bytes[sizeof(struct rules) + REGS * sizeof(struct rule)];
	} u;
	const struct cfi_state *s = &r->now;
	struct rule *to = u.rules.rule;

	if (s->cfa.kind == RULE_SAME)
		return POOL_NONE; /* no CFA yet: nothing can be said */
	u.rules = (struct rules){
		.cfa_kind = s->cfa.kind,
		.cfa_reg = s->cfa_reg,
		.cfa_value = s->cfa.value,
		.flags = r->cie->signal ? RULES_SIGNAL : 0,
	};
	for (uint8_t i = 0; i < REGS; i++) {
		/* The return address may have another column than it has on x86-64. */
		const struct cfi_rule *from = &s->reg[i == REG_RIP ? r->cie->ra : i];

		if (from->kind != RULE_SAME)
			to[u.rules.n++] = (struct rule){ i, from->kind, 0, from->value };
	}
	return pool_rules(r->pool, &u.rules);
}

/* What holds from the pc on. */
static int put_row(struct run *r)
{
	struct cfi_rows *rows = r->rows;
	uint32_t number = state_number(r);

	if (number == POOL_NONE && r->now.cfa.kind != RULE_SAME)
		return -ENOSPC;
	if (rows->n && rows->row[rows->n - 1].pc == r->pc)
		rows->n--;
	if (rows->n && rows->row[rows->n - 1].rules == number)
		return 0;
	if (rows->n >= CFI_ROWS_MAX)
		return -E2BIG;
	if (array_grow(&rows->row, &rows->cap, rows->n + 1, sizeof(*rows->row)))
		return -ENOMEM;
	rows->row[rows->n++] = (struct row){ (uint32_t)r->pc, number };
	return 0;
}

/* --- the instructions --- */
static int advance(struct run *r, uint64_t delta)
{
	int err = r->initial ? put_row(r) : -ENOEXEC;

	if (err)
		return err;
	if (__builtin_mul_overflow(delta, r->cie->code_align, &delta) ||
	    __builtin_add_overflow(r->pc, delta, &r->pc) || r->pc >= r->length)
		r->pc = r->length; /* beyond the function: no more rows */
	return 0;
}

static int set_loc(struct run *r)
{
	uint64_t to = cursor_pointer(&r->c, r->cie->fde_encoding, 0) - r->start;

	if (r->c.bad || to < r->pc || to > r->length || !r->cie->code_align)
		return -ENOEXEC;
	to -= r->pc;
	/* In bytes, whatever the code alignment is. */
	return to % r->cie->code_align ? -ENOEXEC : advance(r, to / r->cie->code_align);
}

static int set(struct run *r, struct cfi_rule *rule, enum rule_kind kind, int64_t value)
{
	if (value != (int32_t)value || r->c.bad)
		return -ENOEXEC;
	*rule = (struct cfi_rule){ kind, (int32_t)value };
	return 0;
}

static int set_reg(struct run *r, uint64_t reg, enum rule_kind kind, int64_t value)
{
	/* Vector registers and the like are of no use here. */
	if (reg >= REGS)
		return r->c.bad ? -ENOEXEC : 0;
	return set(r, &r->now.reg[reg], kind, value);
}

/* An offset in units of the data alignment. */
static int set_reg_scaled(struct run *r, uint64_t reg, enum rule_kind kind, int64_t units)
{
	int64_t value;

	if (__builtin_mul_overflow(units, r->cie->data_align, &value))
		return -ENOEXEC;
	return set_reg(r, reg, kind, value);
}

static int restore(struct run *r, uint64_t reg)
{
	if (!r->initial || r->c.bad)
		return -ENOEXEC;
	if (reg < REGS)
		r->now.reg[reg] = r->initial->reg[reg];
	return 0;
}

static int set_cfa(struct run *r, uint64_t reg, int64_t offset)
{
	if (reg >= REG_RIP)
		return -ENOEXEC;
	r->now.cfa_reg = (uint8_t)reg;
	return set(r, &r->now.cfa, RULE_REGISTER, offset);
}

static int64_t scaled(struct run *r, int64_t units)
{
	int64_t value;

	if (!__builtin_mul_overflow(units, r->cie->data_align, &value))
		return value;
	r->c.bad = true;
	return 0;
}

/* The number of an expression that stands in the program. */
static int64_t expression(struct run *r)
{
	const uint64_t n = cursor_uleb(&r->c);
	const uint8_t *op = cursor_skip(&r->c, n);
	uint32_t number = op ? pool_expression(r->pool, op, n) : POOL_NONE;

	if (number > INT32_MAX)
		r->c.bad = true;
	return number;
}

static int remember(struct run *r)
{
	if (r->saved_n == REMEMBER_MAX)
		return -E2BIG;
	r->saved[r->saved_n++] = r->now;
	return 0;
}

static int recall(struct run *r)
{
	if (!r->saved_n)
		return -ENOEXEC;
	r->now = r->saved[--r->saved_n];
	return 0;
}

/* Instructions that say where the CFA is. */
static int run_cfa(struct run *r, uint8_t op)
{
	struct cursor *c = &r->c;
	uint64_t reg;

	switch (op) {
	case 0x0c: /* def_cfa */
		reg = cursor_uleb(c);
		return set_cfa(r, reg, (int64_t)cursor_uleb(c));
	case 0x12: /* def_cfa_sf */
		reg = cursor_uleb(c);
		return set_cfa(r, reg, scaled(r, cursor_sleb(c)));
	case 0x0d: /* def_cfa_register */
		reg = cursor_uleb(c);
		return r->now.cfa.kind == RULE_REGISTER ? set_cfa(r, reg, r->now.cfa.value)
							: -ENOEXEC;
	case 0x0e: /* def_cfa_offset */
	case 0x13: /* def_cfa_offset_sf */
		if (r->now.cfa.kind != RULE_REGISTER)
			return -ENOEXEC;
		return set_cfa(r, r->now.cfa_reg,
			       op == 0x0e ? (int64_t)cursor_uleb(c) : scaled(r, cursor_sleb(c)));
	case 0x0f: /* def_cfa_expression */
		return set(r, &r->now.cfa, RULE_VAL_EXPRESSION, expression(r));
	}
	return -ENOEXEC;
}

/* Instructions that say where a register is. */
static int run_register(struct run *r, uint8_t op)
{
	struct cursor *c = &r->c;
	const uint64_t reg = cursor_uleb(c);

	switch (op) {
	case 0x05: /* offset_extended */
		return set_reg_scaled(r, reg, RULE_OFFSET, (int64_t)cursor_uleb(c));
	case 0x11: /* offset_extended_sf */
		return set_reg_scaled(r, reg, RULE_OFFSET, cursor_sleb(c));
	case 0x2f: /* GNU_negative_offset_extended */
		return set_reg_scaled(r, reg, RULE_OFFSET, (int64_t)(0 - cursor_uleb(c)));
	case 0x14: /* val_offset */
		return set_reg_scaled(r, reg, RULE_VAL_OFFSET, (int64_t)cursor_uleb(c));
	case 0x15: /* val_offset_sf */
		return set_reg_scaled(r, reg, RULE_VAL_OFFSET, cursor_sleb(c));
	case 0x06: /* restore_extended */
		return restore(r, reg);
	case 0x07: /* undefined */
		return set_reg(r, reg, RULE_UNDEFINED, 0);
	case 0x08: /* same_value */
		return set_reg(r, reg, RULE_SAME, 0);
	case 0x09: { /* register */
		uint64_t from = cursor_uleb(c);

		return from < REGS ? set_reg(r, reg, RULE_REGISTER, (int64_t)from)
				   : set_reg(r, reg, RULE_UNDEFINED, 0);
	}
	case 0x10: /* expression */
		return set_reg(r, reg, RULE_EXPRESSION, expression(r));
	case 0x16: /* val_expression */
		return set_reg(r, reg, RULE_VAL_EXPRESSION, expression(r));
	}
	return -ENOEXEC;
}

static int run_one(struct run *r)
{
	struct cursor *c = &r->c;
	const uint8_t op = (uint8_t)cursor_unsigned(c, 1);

	switch (op >> 6) {
	case 1: /* advance_loc */
		return advance(r, op & 0x3f);
	case 2: /* offset */
		return set_reg_scaled(r, op & 0x3f, RULE_OFFSET, (int64_t)cursor_uleb(c));
	case 3: /* restore */
		return restore(r, op & 0x3f);
	}
	switch (op) {
	case 0x00: /* nop */
		return 0;
	case 0x01: /* set_loc */
		return set_loc(r);
	case 0x02: /* advance_loc1, 2, 4 */
	case 0x03:
	case 0x04:
		return advance(r, cursor_unsigned(c, 1u << (op - 2)));
	case 0x1d: /* MIPS_advance_loc8 */
		return advance(r, cursor_unsigned(c, 8));
	case 0x0a:
		return remember(r);
	case 0x0b:
		return recall(r);
	case 0x2e: /* GNU_args_size: of use to throwing only */
		cursor_uleb(c);
		return 0;
	case 0x0c ... 0x0f:
	case 0x12:
	case 0x13:
		return run_cfa(r, op);
	}
	return run_register(r, op);
}

static int run_all(struct run *r)
{
	while (r->c.at < r->c.end && r->pc < r->length) {
		int err = run_one(r);

		if (!err && r->c.bad)
			err = -ENOEXEC;
		if (err)
			return err;
	}
	return 0;
}

int cfi_initial(struct pool *pool, const struct cfi_cie *cie, struct cfi_state *out)
{
	struct run r = { .pool = pool, .cie = cie, .c = cie->program, .length = 1 };
	int err = run_all(&r);

	*out = r.now;
	return err;
}

int cfi_compile(struct pool *pool, const struct cfi_cie *cie, const struct cfi_state *initial,
		struct cursor program, uint64_t start, uint32_t length, struct cfi_rows *out)
{
	struct run r = { .pool = pool,
			 .cie = cie,
			 .initial = initial,
			 .now = *initial,
			 .c = program,
			 .start = start,
			 .length = length,
			 .rows = out };
	int err;

	out->n = 0;
	err = run_all(&r);
	if (!err && r.pc < r.length)
		err = put_row(&r);
	return err;
}
