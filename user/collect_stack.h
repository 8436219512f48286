/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The user part of a sample's stack: from registers and memory to locations. */
#ifndef COLLECT_STACK_H
#define COLLECT_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "infbpf.h"

struct symbols;
struct sym_image;
struct unwind;

#define USER_FRAMES_MAX 384 /* of one stack; beyond, the outermost are left out */

struct collect_stack {
	uint32_t locations[USER_FRAMES_MAX + 1]; /* outermost first; the first may be a marker */
	size_t n;
	uint16_t outside;     /* how many of them are the open call's callers */
	uint16_t inner_after; /* how many of them are those of the call inside it */
};

struct collect_walk {
	struct symbols *symbols;
	struct unwind *unwind;
	bool frame_pointers; /* no tables: stacks whose beginning nobody knows */
	bool wait;	     /* for tables that are still being made; else -EAGAIN */
};

/* Where the code at ip is, with its unwinding tables: the answer of struct unwind_space. */
struct unwind_code;
bool collect_stack_code(struct symbols *symbols, struct unwind *unwind, struct sym_image *im,
			uint64_t ip, struct unwind_code *out);

/* Takes what the kernel walked, or walks the copy of the stack, or, for a wait that is still open, the
 * process's memory. A kernel thread gives n = 0. len: of the record. */
int collect_stack_user(const struct collect_walk *how, struct sym_image *im,
		       const struct rec_sample *s, size_t len, struct collect_stack *out);

#endif /* COLLECT_STACK_H */
