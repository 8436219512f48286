// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A function's code, decoded from its first byte to its last. Compilers put no data between x86
 * instructions; where a program did, or where an instruction is not known, a jump to the middle of
 * another one tells, and the function is left alone: a probe there would break the program.
 *
 * Whether an instruction that may leave the function does so is told when it runs, by the stack
 * pointer: it is then where it was at the entry. (bpf/stage_function.bpf.c)
 */
#include "stage_code.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "array.h"

#if defined(__x86_64__)
#include "stage_depth.h"
#include "stage_insn.h"

#define MAX_CODE     (1u << 20) /* bytes of one function; the largest real ones have a tenth */
#define MAX_BRANCHES 65536
/* The entry's probe may sit so many instructions after the first. */
#define ENTRY_INSTRUCTIONS 32
/* So many between the check of a stack protector and the ret. */
#define TAIL_INSTRUCTIONS 16

/* Of a byte of code. */
enum mark {
	MARK_START = 1,	 /* an instruction begins there */
	MARK_TARGET = 2, /* and is jumped to */
};

struct part {
	uint64_t vaddr;
	size_t size;
	uint8_t *bytes, *marks;
	uint32_t *steps; /* of each byte that an instruction begins at */
};

/* An instruction that may lead out. */
struct branch {
	uint64_t vaddr;
	uint32_t step;
	struct insn insn;
	/* A ret: the conditional jump before it, if all that comes between is taking down the frame. */
	uint64_t check;
	uint16_t check_delta;
	uint8_t check_cc;
};

struct look {
	const struct elf_file *elf;
	const struct elf_function *functions, *fn;
	size_t functions_n;
	struct insn_decoder *decoder;
	struct part parts[FUNCTION_PARTS];
	size_t parts_n;
	struct branch *branches;
	size_t n, room;
	struct stage_step *steps; /* one an instruction */
	size_t steps_n, steps_room;
	bool calls;
	struct stage_code *out;
};

static int refuse(struct look *l, const char *why, uint64_t vaddr)
{
	snprintf(l->out->why, sizeof(l->out->why), "%s at +0x%llx", why,
		 (unsigned long long)(vaddr - l->fn->vaddr));
	return -ENOTSUP;
}

static struct part *part_of(struct look *l, uint64_t vaddr)
{
	for (size_t i = 0; i < l->parts_n; i++)
		if (vaddr - l->parts[i].vaddr < l->parts[i].size)
			return &l->parts[i];
	return NULL;
}

static uint8_t *mark_of(struct look *l, uint64_t vaddr)
{
	struct part *p = part_of(l, vaddr);

	return p ? &p->marks[vaddr - p->vaddr] : NULL;
}

/* --- decoding --- */

static int add_branch(struct look *l, const struct branch *b)
{
	if (l->n == MAX_BRANCHES)
		return refuse(l, "too many branches", b->vaddr);
	if (array_grow(&l->branches, &l->room, l->n + 1, sizeof(*l->branches)))
		return -ENOMEM;
	l->branches[l->n++] = *b;
	return 0;
}

/* What is known of the way to a ret, within the block of code. */
struct tail {
	uint64_t check; /* 0: there is none in sight */
	uint8_t cc;
	int64_t delta; /* of the stack pointer since */
	unsigned int instructions;
	bool canary; /* the last instruction compared the stack protector's word */
};

/* Follows the way from a stack protector's check to the ret. That check runs once a return and its jump is
 * emulated by the kernel, while a ret is single-stepped. */
static void follow_tail(struct tail *t, const struct insn *i, uint64_t vaddr)
{
	const bool canary = t->canary;

	t->canary = i->canary;
	if (i->kind == INSN_JUMP_IF && canary && !i->prefixed) {
		/* Left if the jump is not taken: the opposite condition. */
		*t = (struct tail){ .check = vaddr, .cc = i->cc ^ 1 };
		return;
	}
	if (i->kind != INSN_PLAIN || !i->sp_known || ++t->instructions > TAIL_INSTRUCTIONS)
		t->check = 0;
	else
		t->delta += i->sp_change;
}

static int add_ret(struct look *l, const struct insn *i, uint64_t vaddr, const struct tail *t)
{
	struct branch b = { .vaddr = vaddr, .step = (uint32_t)l->steps_n - 1, .insn = *i };

	if (t->check && t->delta >= 0 && t->delta <= UINT16_MAX) {
		b.check = t->check;
		b.check_delta = t->delta;
		b.check_cc = t->cc;
	}
	return add_branch(l, &b);
}

/* A call leaves the stack as it was. */
static int add_step(struct look *l, const struct insn *i, bool last)
{
	if (array_grow(&l->steps, &l->steps_room, l->steps_n + 1, sizeof(*l->steps)))
		return -ENOMEM;
	l->steps[l->steps_n++] = (struct stage_step){
		.change = i->kind == INSN_CALL ? 0
			  : i->sp_known	       ? i->sp_change
					       : STAGE_DEPTH_OPEN,
		.target = STAGE_NO_TARGET,
		.indirect = i->kind == INSN_JUMP_TO,
		.falls = !last && i->kind != INSN_RET && i->kind != INSN_JUMP &&
			 i->kind != INSN_JUMP_TO,
	};
	return 0;
}

static int sweep(struct look *l, struct part *p)
{
	struct tail tail = { 0 };
	struct insn i;
	int err = 0;

	for (size_t at = 0; at < p->size && !err; at += i.size) {
		const uint64_t vaddr = p->vaddr + at;

		if (insn_decode(l->decoder, p->bytes + at, p->size - at, vaddr, &i))
			return refuse(l, "an instruction that is not known", vaddr);
		p->marks[at] |= MARK_START;
		p->steps[at] = (uint32_t)l->steps_n;
		l->out->instructions++;
		err = add_step(l, &i, at + i.size >= p->size);
		if (!err && i.kind == INSN_RET)
			err = add_ret(l, &i, vaddr, &tail);
		else if (!err && i.kind == INSN_CALL)
			l->calls = true;
		else if (!err && i.kind != INSN_PLAIN)
			err = add_branch(l, &(struct branch){ .vaddr = vaddr,
							      .step = (uint32_t)l->steps_n - 1,
							      .insn = i });
		follow_tail(&tail, &i, vaddr);
	}
	return err;
}

static int add_part(struct look *l, const struct elf_function *fn)
{
	struct part *p = &l->parts[l->parts_n];
	int n;

	if (!fn->size || fn->size > MAX_CODE)
		return refuse(l, fn->size ? "too large" : "size not known", fn->vaddr);
	*p = (struct part){ .vaddr = fn->vaddr, .size = fn->size };
	p->bytes = malloc(p->size);
	p->marks = calloc(1, p->size);
	p->steps = calloc(p->size, sizeof(*p->steps));
	l->parts_n++; /* freed with the rest from here on */
	if (!p->bytes || !p->marks || !p->steps)
		return -ENOMEM;
	n = elf_file_read(l->elf, p->vaddr, p->bytes, p->size);
	if (n < 0 || (size_t)n < p->size)
		return refuse(l, "its code is not in the file", fn->vaddr);
	return sweep(l, p);
}

/* "foo.cold" and "foo.cold.12" are what GCC moved out of foo. */
static bool is_cold_part(const char *name, const char *of)
{
	const size_t n = strlen(of);

	return !strncmp(name, of, n) && !strncmp(name + n, ".cold", 5) &&
	       (!name[n + 5] || name[n + 5] == '.');
}

/* Direct jumps: their targets are marked, and a cold part that one leads to is decoded too (and its jumps
 * come behind these in the list). */
static int follow_jumps(struct look *l)
{
	const struct elf_function *to;
	int err;

	for (size_t i = 0; i < l->n; i++) {
		const struct branch b = l->branches[i];

		if (b.insn.kind != INSN_JUMP && b.insn.kind != INSN_JUMP_IF &&
		    b.insn.kind != INSN_LOOP)
			continue;
		to = l->parts_n < FUNCTION_PARTS && !part_of(l, b.insn.target)
			     ? elf_function_find(l->functions, l->functions_n, b.insn.target)
			     : NULL;
		if (to && is_cold_part(to->name, l->fn->name)) {
			err = add_part(l, to);
			if (err)
				return err;
		}
		if (part_of(l, b.insn.target))
			*mark_of(l, b.insn.target) |= MARK_TARGET;
	}
	for (size_t i = 0; i < l->parts_n; i++)
		for (size_t at = 0; at < l->parts[i].size; at++)
			if (l->parts[i].marks[at] == MARK_TARGET)
				return refuse(l, "a jump into the middle of an instruction",
					      l->parts[i].vaddr + at);
	return 0;
}

/* Where the stack is not as it was at the entry, no jump leaves the function: it leads to a part of it whose
 * symbol was stripped. */
static int find_depths(struct look *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct branch *b = &l->branches[i];
		const struct part *to = b->insn.target ? part_of(l, b->insn.target) : NULL;

		if (to)
			l->steps[b->step].target = to->steps[b->insn.target - to->vaddr];
	}
	return stage_depths(l->steps, l->steps_n);
}

static bool within_frame(const struct look *l, const struct branch *b)
{
	const struct stage_step *s = &l->steps[b->step];

	return b->insn.kind != INSN_RET && s->reached && s->depth && s->depth != STAGE_DEPTH_OPEN;
}

/* --- sites --- */

static int add_site(struct look *l, const struct stage_code_site *site)
{
	struct stage_code *c = l->out;

	if (array_grow(&c->sites, &c->room, c->n + 1, sizeof(*c->sites)))
		return -ENOMEM;
	c->sites[c->n++] = *site;
	return 0;
}

static bool leads_out(struct look *l, const struct insn *i)
{
	switch (i->kind) {
	case INSN_RET:
	case INSN_JUMP_TO:
		return true;
	case INSN_JUMP:
	case INSN_JUMP_IF:
		return !part_of(l, i->target);
	default:
		return false;
	}
}

static bool has_jump_to(const struct look *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->branches[i].insn.kind == INSN_JUMP_TO)
			return true;
	return false;
}

/* Where the entry is probed: on the first instruction of the function's first block that the kernel
 * emulates, or else on its first. In a block every instruction runs if the first does. (An indirect jump
 * may lead to anywhere in it, but not among the pushes at its beginning.) */
static int entry_site(struct look *l, struct stage_code_site *site)
{
	const bool pushes_only = has_jump_to(l);
	const struct part *p = &l->parts[0];
	int64_t delta = 0;
	bool found = false;
	struct insn i;
	size_t at = 0;

	*site = (struct stage_code_site){
		.kind = p->marks[0] & MARK_TARGET ? SITE_ENTRY_LOOP : SITE_ENTRY,
		.costly = true,
	};
	for (int k = 0; k < ENTRY_INSTRUCTIONS && at < p->size; k++, at += i.size) {
		if ((at && p->marks[at] & MARK_TARGET) ||
		    insn_decode(l->decoder, p->bytes + at, p->size - at, p->vaddr + at, &i))
			break;
		if (!leads_out(l, &i) && i.emulated && (!pushes_only || i.push || !delta)) {
			site->vaddr = p->vaddr + at;
			site->delta = delta;
			site->costly = false;
			return 0;
		}
		if (!found && !i.refused && !leads_out(l, &i)) {
			found = true;
			site->vaddr = p->vaddr + at;
			site->delta = delta;
		}
		delta -= i.sp_change;
		if (i.kind != INSN_PLAIN || !i.sp_known || i.slow || delta < 0 ||
		    delta > UINT16_MAX)
			break;
	}
	return found ? 0 : refuse(l, "does nothing but leave", l->fn->vaddr);
}

static int32_t relative(uint64_t to, uint64_t from)
{
	return (int32_t)(int64_t)(to - from);
}

/* Distances within a file fit 32 bits. */
static void describe_jump(const struct look *l, const struct branch *b, struct function_jump *j)
{
	const struct insn *i = &b->insn;

	*j = (struct function_jump){
		.disp = i->disp,
		.base = i->base,
		.index = i->index,
		.scale = i->scale,
		.in_memory = i->in_memory,
	};
	/* Relative to the next instruction in the code, to this one's beginning here. */
	if (i->base == REGISTER_IP)
		j->disp += i->size;
	for (size_t k = 0; k < l->parts_n; k++) {
		j->from[k] = relative(l->parts[k].vaddr, b->vaddr);
		j->to[k] = relative(l->parts[k].vaddr + l->parts[k].size, b->vaddr);
	}
}

/* Does nothing lead from elsewhere into (from, to]? */
static bool is_straight(struct look *l, uint64_t from, uint64_t to)
{
	for (uint64_t at = from + 1; at <= to; at++) {
		const uint8_t *mark = mark_of(l, at);

		if (!mark || *mark & MARK_TARGET)
			return false;
	}
	return true;
}

/* Code that nothing is seen to lead to: a switch's cases, or where an exception lands. A function that has
 * neither has data there (assembly), and a probe would change it. */
static bool may_be_reached(const struct look *l)
{
	return l->calls || has_jump_to(l);
}

static int exit_site(struct look *l, const struct branch *b, uint64_t entry)
{
	static const uint8_t kinds[INSN_KINDS] = {
		[INSN_RET] = SITE_RET,
		[INSN_JUMP] = SITE_JUMP,
		[INSN_JUMP_IF] = SITE_JUMP_IF,
		[INSN_JUMP_TO] = SITE_JUMP_TO,
	};
	struct stage_code_site site = { .vaddr = b->vaddr,
					.kind = kinds[b->insn.kind],
					.cc = b->insn.cc,
					.costly = !b->insn.emulated };

	if (!leads_out(l, &b->insn) || b->insn.table || within_frame(l, b))
		return 0;
	if (!l->steps[b->step].reached && !may_be_reached(l))
		return 0;
	if (b->insn.refused)
		return refuse(l, "an exit that the kernel cannot probe", b->vaddr);
	if (b->insn.kind == INSN_RET && b->check && b->check != entry &&
	    is_straight(l, b->check, b->vaddr)) {
		site = (struct stage_code_site){ .vaddr = b->check,
						 .kind = SITE_JUMP_IF,
						 .cc = b->check_cc,
						 .delta = b->check_delta };
	} else if (b->insn.kind == INSN_JUMP_TO) {
		describe_jump(l, b, &site.jump);
	}
	return add_site(l, &site);
}

static int look(struct look *l)
{
	struct stage_code_site entry = { 0 };
	int err = add_part(l, l->fn);

	if (!err)
		err = follow_jumps(l);
	if (!err)
		err = find_depths(l);
	if (!err)
		err = entry_site(l, &entry);
	if (!err)
		err = add_site(l, &entry);
	for (size_t i = 0; i < l->n && !err; i++)
		err = exit_site(l, &l->branches[i], entry.vaddr);
	return err;
}

int stage_code_find(const struct elf_file *elf, const struct elf_function *functions, size_t n,
		    const struct elf_function *fn, struct stage_code *c)
{
	struct look l = {
		.elf = elf, .functions = functions, .functions_n = n, .fn = fn, .out = c
	};
	int err;

	*c = (struct stage_code){ 0 };
	err = insn_decoder_open(&l.decoder);
	if (err)
		return err;
	err = look(&l);
	insn_decoder_close(l.decoder);
	for (size_t i = 0; i < l.parts_n; i++) {
		free(l.parts[i].bytes);
		free(l.parts[i].marks);
		free(l.parts[i].steps);
	}
	free(l.branches);
	free(l.steps);
	if (err)
		c->n = 0;
	return err;
}

#else

int stage_code_find(const struct elf_file *elf, const struct elf_function *functions, size_t n,
		    const struct elf_function *fn, struct stage_code *c)
{
	(void)elf, (void)functions, (void)n, (void)fn;
	*c = (struct stage_code){ .why = "only x86-64 code can be decoded" };
	return -ENOTSUP;
}

#endif

void stage_code_free(struct stage_code *c)
{
	free(c->sites);
	memset(c, 0, sizeof(*c));
}
