// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A mark's arguments: SIZE@OPERAND, blanks between, in the assembler's own notation. SIZE is in bytes,
 * negative for a signed one. OPERAND is $NUMBER, a register, or memory: NUMBER(BASE,INDEX,SCALE),
 * VARIABLE+NUMBER(%rip).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "usdt.h"

/* As the instruction set numbers them; names by width. */
static const char *const registers[16][4] = {
	{ "rax", "eax", "ax", "al" },	   { "rcx", "ecx", "cx", "cl" },
	{ "rdx", "edx", "dx", "dl" },	   { "rbx", "ebx", "bx", "bl" },
	{ "rsp", "esp", "sp", "spl" },	   { "rbp", "ebp", "bp", "bpl" },
	{ "rsi", "esi", "si", "sil" },	   { "rdi", "edi", "di", "dil" },
	{ "r8", "r8d", "r8w", "r8b" },	   { "r9", "r9d", "r9w", "r9b" },
	{ "r10", "r10d", "r10w", "r10b" }, { "r11", "r11d", "r11w", "r11b" },
	{ "r12", "r12d", "r12w", "r12b" }, { "r13", "r13d", "r13w", "r13b" },
	{ "r14", "r14d", "r14w", "r14b" }, { "r15", "r15d", "r15w", "r15b" },
};
static const char *const high_halves[] = { "ah", "ch", "dh", "bh" };

/* Where parsing is. */
struct text {
	const char *at;
	uint64_t pc;
	usdt_symbol_fn symbol;
	void *arg;
};

static bool take(struct text *t, char c)
{
	if (*t->at != c)
		return false;
	t->at++;
	return true;
}

static bool take_number(struct text *t, int64_t *out)
{
	const char *digits = t->at + (*t->at == '-' || *t->at == '+');
	char *end;

	if (*digits < '0' || *digits > '9')
		return false;
	errno = 0;
	/* Addresses may be beyond LONG_MAX. */
	*out = *t->at == '-' ? strtoll(t->at, &end, 0) : (int64_t)strtoull(t->at, &end, 0);
	t->at = end;
	return !errno;
}

/* "%NAME". from_bit: where in the register it begins. */
static bool take_register(struct text *t, uint8_t *number, uint8_t *from_bit)
{
	size_t n;

	*from_bit = 0;
	if (!take(t, '%'))
		return false;
	n = strspn(t->at, "abcdefghijklmnopqrstuvwxyz0123456789");
	for (uint8_t i = 0; i < 16; i++) {
		for (size_t w = 0; w < 4; w++) {
			if (strlen(registers[i][w]) != n || strncmp(t->at, registers[i][w], n))
				continue;
			t->at += n;
			*number = i;
			return true;
		}
	}
	for (uint8_t i = 0; i < 4; i++) {
		if (n == 2 && !strncmp(t->at, high_halves[i], 2)) {
			t->at += n;
			*number = i;
			*from_bit = 8;
			return true;
		}
	}
	return false;
}

/* A variable's name, its address less the mark's. */
static bool take_symbol(struct text *t, uint64_t *value)
{
	size_t n = strcspn(t->at, "+-(@ ");
	char name[256];
	uint64_t vaddr;
	int64_t more = 0;

	if (!n || n >= sizeof(name) || !t->symbol)
		return false;
	memcpy(name, t->at, n);
	name[n] = '\0';
	t->at += n;
	if (!t->symbol(t->arg, name, &vaddr))
		return false;
	if ((*t->at == '+' || *t->at == '-') && !take_number(t, &more))
		return false;
	*value = vaddr + (uint64_t)more - t->pc;
	return true;
}

/* "(BASE,INDEX,SCALE)", each but one of BASE and INDEX may be missing. */
static bool take_base(struct text *t, struct mark_arg *a)
{
	int64_t scale = 1;
	uint8_t high;

	if (!take(t, '('))
		return false;
	if (*t->at == '%' && (!take_register(t, &a->base, &high) || high))
		return false;
	if (take(t, ',')) {
		if (!take_register(t, &a->index, &high) || high)
			return false;
		if (take(t, ',') && !take_number(t, &scale))
			return false;
	}
	if (scale != 1 && scale != 2 && scale != 4 && scale != 8)
		return false;
	a->shift = (uint8_t)__builtin_ctz((unsigned int)scale);
	return take(t, ')') && (a->base != MARK_NO_REGISTER || a->index != MARK_NO_REGISTER);
}

static bool take_memory(struct text *t, struct mark_arg *a)
{
	static const char relative[] = "(%rip)";
	uint64_t distance;
	int64_t number;

	a->is_memory = 1;
	if (*t->at == '-' || *t->at == '+' || (*t->at >= '0' && *t->at <= '9')) {
		if (!take_number(t, &number))
			return false;
		a->value = (uint64_t)number;
		return take_base(t, a);
	}
	if (*t->at == '(')
		return take_base(t, a);
	a->base = MARK_IP;
	if (!take_symbol(t, &distance) || strncmp(t->at, relative, sizeof(relative) - 1))
		return false;
	a->value = distance;
	t->at += sizeof(relative) - 1;
	return true;
}

static bool take_operand(struct text *t, struct mark_arg *a)
{
	int64_t number;

	if (take(t, '$')) {
		if (!take_number(t, &number))
			return false;
		a->value = (uint64_t)number;
		return true;
	}
	return *t->at == '%' ? take_register(t, &a->base, &a->from_bit) : take_memory(t, a);
}

static bool take_argument(struct text *t, struct mark_arg *a)
{
	int64_t size;

	if (!take_number(t, &size) || !take(t, '@'))
		return false;
	a->is_signed = size < 0;
	size = size < 0 ? -size : size;
	if (size != 1 && size != 2 && size != 4 && size != 8)
		return false;
	a->bytes = (uint8_t)size;
	return take_operand(t, a) && (!*t->at || *t->at == ' ');
}

int usdt_arguments(const char *text, uint64_t pc, usdt_symbol_fn symbol, void *arg,
		   struct mark_arg out[MARK_ARGS], const char **bad)
{
	struct text t = { .at = text, .pc = pc, .symbol = symbol, .arg = arg };

	for (size_t i = 0; i < MARK_ARGS; i++) {
		struct mark_arg *a = &out[i];

		*a = (struct mark_arg){ .base = MARK_NO_REGISTER, .index = MARK_NO_REGISTER };
		while (take(&t, ' '))
			;
		if (!*t.at)
			continue;
		*bad = t.at;
		if (!take_argument(&t, a))
			return -EINVAL;
	}
	return 0;
}
