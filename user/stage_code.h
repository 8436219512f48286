/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a function begins and by which instructions it is left: what --stage probes instead of the
 * function's return. A return probe would replace the return address on the stack, and an exception,
 * a forced unwinding or a switch of stacks that passes it would kill the process.
 */
#ifndef STAGE_CODE_H
#define STAGE_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "infbpf.h"
#include "symbols/elf.h"

/* An instruction to probe. */
struct stage_code_site {
	uint64_t vaddr;
	uint8_t kind;	/* enum function_site */
	uint8_t cc;	/* SITE_JUMP_IF: its condition, as in the instruction's code */
	uint16_t delta; /* SITE_ENTRY: how far below the entry's the stack pointer is there */
	bool costly;	/* the kernel single-steps the instruction */
	struct function_jump jump; /* SITE_JUMP_TO */
};

struct stage_code {
	struct stage_code_site *sites; /* the entry is the first */
	size_t n, room;
	uint64_t instructions; /* decoded for it */
	char why[80];	       /* it cannot be probed: why not */
};

/* Decodes a function, and those parts of it that the compiler put elsewhere (NAME.cold). functions: of
 * the whole file, as elf_file_functions() has them. -ENOTSUP: c->why tells; -ENOMEM. */
int stage_code_find(const struct elf_file *elf, const struct elf_function *functions, size_t n,
		    const struct elf_function *fn, struct stage_code *c);
void stage_code_free(struct stage_code *c);

#endif /* STAGE_CODE_H */
