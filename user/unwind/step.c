// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One frame up, by the rules of call frame information. */
#include <errno.h>
#include "private.h"

bool walk_read(struct walk *w, uint64_t address, void *buf, size_t n)
{
	const int err = w->space->read(w->space->arg, address, buf, n);

	if (!err)
		return true;
	w->end = err == -ENODATA ? UNWIND_CUT : UNWIND_LOST;
	return false;
}

bool walk_word(struct walk *w, uint64_t address, uint64_t *value)
{
	return walk_read(w, address, value, sizeof(*value));
}

static bool lost(struct walk *w)
{
	w->end = UNWIND_LOST;
	return false;
}

static bool cfa_of(struct walk *w, const struct rules *r, uint64_t *cfa)
{
	if (r->cfa_kind != RULE_REGISTER)
		return expression_value(w, pool_expression_at(&w->u->pool, (uint32_t)r->cfa_value),
					NULL, cfa);
	/* The kernel side keeps callee-saved registers only, so a CFA by another one (r10 in the
	 * prologue of a function that aligns its stack) is out of reach but for signals' frames. */
	if (!(w->regs.known & 1u << r->cfa_reg))
		return lost(w);
	*cfa = w->regs.r[r->cfa_reg] + (uint64_t)(int64_t)r->cfa_value;
	return true;
}

/* A register's value in the caller. known: false for one that is undefined there. */
static bool apply(struct walk *w, const struct rule *rule, uint64_t cfa, uint64_t *value,
		  bool *known)
{
	const struct pool *pool = &w->u->pool;
	const uint64_t at = cfa + (uint64_t)(int64_t)rule->value;

	*known = true;
	switch (rule->kind) {
	case RULE_OFFSET:
		if (walk_word(w, at, value))
			return true;
		/* In an epilogue the register has been popped already, which compilers do not say:
		 * the slot now lies below the stack pointer, where no copy of a stack begins. */
		if (at >= w->regs.r[REG_RSP] || rule->reg == REG_RIP)
			return false;
		*known = w->regs.known & 1u << rule->reg;
		*value = w->regs.r[rule->reg];
		return true;
	case RULE_VAL_OFFSET:
		*value = at;
		return true;
	case RULE_REGISTER:
		*known = w->regs.known & 1u << rule->value;
		*value = w->regs.r[rule->value];
		return true;
	case RULE_EXPRESSION:
	case RULE_VAL_EXPRESSION:
		if (!expression_value(w, pool_expression_at(pool, (uint32_t)rule->value), &cfa,
				      value))
			return false;
		return rule->kind == RULE_VAL_EXPRESSION || walk_word(w, *value, value);
	}
	*known = false;
	*value = 0;
	return true;
}

bool step_by_rules(struct walk *w, const struct rules *r)
{
	const uint64_t sp = w->regs.r[REG_RSP];
	const bool is_signal = r->flags & RULES_SIGNAL;
	uint64_t value[REGS], cfa;
	uint32_t known = 0, listed = 0;

	if (!cfa_of(w, r, &cfa))
		return false;
	for (unsigned int i = 0; i < r->n; i++) {
		bool is_known;

		if (!apply(w, &r->rule[i], cfa, &value[i], &is_known))
			return false;
		listed |= 1u << r->rule[i].reg;
		known |= (uint32_t)is_known << r->rule[i].reg;
	}
	for (unsigned int i = 0; i < r->n; i++)
		w->regs.r[r->rule[i].reg] = value[i];
	w->regs.known = (w->regs.known & CALLEE_SAVED & ~listed) | known;
	if (!(listed & 1u << REG_RSP)) {
		w->regs.r[REG_RSP] = cfa;
		w->regs.known |= 1u << REG_RSP;
	}
	/* "Undefined" is how clone and _start say that nobody called them. */
	if (listed & ~known & 1u << REG_RIP) {
		w->end = UNWIND_START;
		return false;
	}
	if (!(known & 1u << REG_RIP) || !(w->regs.known & 1u << REG_RSP))
		return lost(w);
	/* Else a broken stack could keep the walk going round. */
	if (!is_signal && w->regs.r[REG_RSP] <= sp)
		return lost(w);
	w->crossed_signal = is_signal;
	return true;
}
