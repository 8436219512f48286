/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One x86-64 instruction, as far as the way through a function and a probe's cost depend on it. */
#ifndef STAGE_INSN_H
#define STAGE_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum insn_kind {
	INSN_PLAIN,
	INSN_CALL,
	INSN_RET,
	INSN_JUMP,
	INSN_JUMP_IF,
	INSN_LOOP,    /* loop, jrcxz: never leave a function */
	INSN_JUMP_TO, /* to where a register or memory says */
	INSN_KINDS,
};

struct insn {
	uint8_t kind; /* enum insn_kind */
	uint8_t size;
	uint8_t cc; /* INSN_JUMP_IF */
	bool prefixed;
	bool emulated; /* by every kernel that infbpf supports, at a probe; others are single-stepped */
	bool refused;  /* no probe can be put there */
	bool push;     /* of a register */
	bool slow;     /* may take long by itself: a string instruction, a system call */
	bool canary;   /* compares the stack protector's word, %fs:0x28 */
	bool table;    /* INSN_JUMP_TO that is a switch's: stays within the function */
	bool sp_known; /* sp_change is all that it does to the stack pointer */
	int32_t sp_change;
	uint64_t target; /* of direct jumps */
	/* INSN_JUMP_TO: see struct function_jump. */
	int32_t disp;
	uint8_t base, index, scale;
	bool in_memory;
};

struct insn_decoder;
/* 0, -ENOMEM, or -ELIBACC: the library is not there, which has been said. */
int insn_decoder_open(struct insn_decoder **d);
void insn_decoder_close(struct insn_decoder *d);
/* Instructions of a block are to be decoded in their order: what one wrote tells of a jump what it is.
 * -EINVAL: no instruction that is known. */
int insn_decode(struct insn_decoder *d, const uint8_t *code, size_t n, uint64_t vaddr,
		struct insn *out);

#endif /* STAGE_INSN_H */
