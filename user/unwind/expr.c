// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * DWARF expressions, as far as call frame information may use them (DWARF 5, 2.5.1 and 6.4.2):
 * __restore_rt, the PLT, functions with a realigned stack.
 */
#include <string.h>
#include "private.h"

#define STACK_MAX 32
#define STEPS_MAX 256 /* a branch backwards is a loop */

struct machine {
	struct walk *w;
	uint64_t stack[STACK_MAX];
	size_t n;
	struct cursor c;
	const uint8_t *begin;
	bool bad;
};

static void push(struct machine *m, uint64_t v)
{
	if (m->n < STACK_MAX)
		m->stack[m->n++] = v;
	else
		m->bad = true;
}

static uint64_t pop(struct machine *m)
{
	if (m->n)
		return m->stack[--m->n];
	m->bad = true;
	return 0;
}

static void pick(struct machine *m, size_t depth)
{
	if (depth < m->n)
		push(m, m->stack[m->n - 1 - depth]);
	else
		m->bad = true;
}

static void push_register(struct machine *m, uint64_t reg)
{
	const int64_t offset = cursor_sleb(&m->c);

	if (reg < REGS && m->w->regs.known & 1u << reg)
		push(m, m->w->regs.r[reg] + (uint64_t)offset);
	else
		m->bad = true;
}

static void deref(struct machine *m, size_t bytes)
{
	uint64_t address = pop(m), v = 0;

	if (bytes > 8 || !bytes || m->bad || !walk_read(m->w, address, &v, bytes))
		m->bad = true;
	else
		push(m, v);
}

static void branch(struct machine *m, bool taken)
{
	const int64_t by = cursor_signed(&m->c, 2);

	if (!taken || m->c.bad)
		return;
	if (by < m->begin - m->c.at || by > m->c.end - m->c.at)
		m->bad = true;
	else
		m->c.at += by;
}

/* Two operands, the second on top. */
static void binary(struct machine *m, uint8_t op)
{
	uint64_t b = pop(m), a = pop(m);
	const int64_t sa = (int64_t)a, sb = (int64_t)b;

	switch (op) {
	case 0x1a:
		return push(m, a & b);
	case 0x1b: /* div, signed; INT64_MIN / -1 would trap */
		if (!b)
			m->bad = true;
		return push(m, !b ? 0 : sb == -1 ? 0 - a : (uint64_t)(sa / sb));
	case 0x1c:
		return push(m, a - b);
	case 0x1d: /* mod, unsigned */
		if (!b)
			m->bad = true;
		return push(m, b ? a % b : 0);
	case 0x1e:
		return push(m, a * b);
	case 0x21:
		return push(m, a | b);
	case 0x22:
		return push(m, a + b);
	case 0x24:
		return push(m, b < 64 ? a << b : 0);
	case 0x25:
		return push(m, b < 64 ? a >> b : 0);
	case 0x26: /* shra */
		b = b < 64 ? b : 63;
		return push(m, sa < 0 ? ~(~a >> b) : a >> b);
	case 0x27:
		return push(m, a ^ b);
	case 0x29: /* eq, ge, gt, le, lt, ne */
		return push(m, a == b);
	case 0x2a:
		return push(m, sa >= sb);
	case 0x2b:
		return push(m, sa > sb);
	case 0x2c:
		return push(m, sa <= sb);
	case 0x2d:
		return push(m, sa < sb);
	case 0x2e:
		return push(m, a != b);
	}
	m->bad = true;
}

static void rearrange(struct machine *m, uint8_t op)
{
	uint64_t a, b, c;

	switch (op) {
	case 0x12: /* dup */
		return pick(m, 0);
	case 0x13: /* drop */
		pop(m);
		return;
	case 0x14: /* over */
		return pick(m, 1);
	case 0x15: /* pick */
		return pick(m, cursor_unsigned(&m->c, 1));
	case 0x16: /* swap */
		a = pop(m);
		b = pop(m);
		push(m, a);
		return push(m, b);
	case 0x17: /* rot: the top goes under the two below it */
		a = pop(m);
		b = pop(m);
		c = pop(m);
		push(m, a);
		push(m, c);
		return push(m, b);
	}
}

static void constant(struct machine *m, uint8_t op)
{
	if (op == 0x10)
		return push(m, cursor_uleb(&m->c));
	if (op == 0x11)
		return push(m, (uint64_t)cursor_sleb(&m->c));
	/* const1u, const1s, const2u, ... const8s */
	if (op & 1)
		push(m, (uint64_t)cursor_signed(&m->c, 1u << ((op - 0x08) / 2)));
	else
		push(m, cursor_unsigned(&m->c, 1u << ((op - 0x08) / 2)));
}

static void unary(struct machine *m, uint8_t op)
{
	const uint64_t a = pop(m);

	switch (op) {
	case 0x19: /* abs */
		return push(m, (int64_t)a < 0 ? 0 - a : a);
	case 0x1f:
		return push(m, 0 - a);
	case 0x20:
		return push(m, ~a);
	case 0x23: /* plus_uconst */
		return push(m, a + cursor_uleb(&m->c));
	}
}

static void operate(struct machine *m)
{
	const uint8_t op = (uint8_t)cursor_unsigned(&m->c, 1);

	switch (op) {
	case 0x06:
		return deref(m, 8);
	case 0x94:
		return deref(m, cursor_unsigned(&m->c, 1));
	case 0x08 ... 0x11:
		return constant(m, op);
	case 0x12 ... 0x17:
		return rearrange(m, op);
	case 0x19:
	case 0x1f:
	case 0x20:
	case 0x23:
		return unary(m, op);
	case 0x28: /* bra */
		return branch(m, pop(m));
	case 0x2f: /* skip */
		return branch(m, true);
	case 0x30 ... 0x4f: /* lit0 to lit31 */
		return push(m, op - 0x30);
	case 0x70 ... 0x8f: /* breg0 to breg31 */
		return push_register(m, op - 0x70);
	case 0x92: /* bregx */
		return push_register(m, cursor_uleb(&m->c));
	case 0x96: /* nop */
		return;
	}
	/* Addresses of the file (DW_OP_addr) and all that needs more than registers and memory are not
	 * among these, and refused. */
	binary(m, op);
}

bool expression_value(struct walk *w, const struct expression *e, const uint64_t *cfa,
		      uint64_t *out)
{
	struct machine m = {
		.w = w,
		.c = { .at = e->op, .end = e->op + e->n },
		.begin = e->op,
	};

	w->u->expressions++;
	w->end = UNWIND_LOST; /* unless memory that is not there is to blame */
	if (cfa)
		push(&m, *cfa);
	for (int steps = 0; m.c.at < m.c.end; steps++) {
		if (steps == STEPS_MAX)
			return false;
		operate(&m);
		if (m.bad || m.c.bad)
			return false;
	}
	*out = pop(&m);
	return !m.bad;
}
