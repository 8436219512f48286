/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The part of infbpf.h that is about functions as stages (--stage): the probes' cookies. Included by
 * infbpf.h only, after infbpf_stage.h. */
#ifndef INFBPF_FUNCTION_H
#define INFBPF_FUNCTION_H

/* What a probed instruction does. */
enum function_site {
	SITE_ENTRY,	 /* runs once a call, near its beginning */
	SITE_ENTRY_LOOP, /* the function jumps back to it: the same call may come by again */
	SITE_RET,	 /* ret: the call ends */
	SITE_JUMP,	 /* a jump out of the function, in place of a call and a return */
	SITE_JUMP_IF,	 /* the same, on a condition */
	SITE_JUMP_TO, /* a jump to where a register or memory says: out of the function, or within it */
};

/* Where a SITE_JUMP_TO leads, as the instruction says, and what is still within the function. Addresses
 * are relative to the instruction's. */
#define FUNCTION_PARTS 2
struct function_jump {
	__s32 from[FUNCTION_PARTS], to[FUNCTION_PARTS];
	__s32 disp;
	__u8 base, index; /* enum function_register */
	__u8 scale;
	__u8 in_memory; /* the target is read at base + index * scale + disp; else it is base */
};

/* Registers as x86 instructions number them, and: */
enum function_register {
	REGISTER_IP = 16, /* the probed instruction's own address */
	REGISTER_NONE = 17,
};

/* A probe's cookie. */
#define FUNCTION_NAME(c) ((__u32)((c)&0xffff)) /* place of the stage's name in function_names */
#define FUNCTION_SITE(c) ((__u32)(((c) >> 16) & 0x7)) /* enum function_site */
#define FUNCTION_CC(c)	 ((__u32)(((c) >> 19) & 0xf)) /* SITE_JUMP_IF */
#define FUNCTION_DELTA(c) \
	((__u32)(((c) >> 23) & 0xffff)) /* SITE_ENTRY: see struct stage_code_site */
#define FUNCTION_JUMP(c) ((__u32)(((c) >> 39) & 0x3fff)) /* SITE_JUMP_TO: place in function_jumps */
/* (Bit 62 is free of these.) */
#define FUNCTION_COSTLY (1ULL << 62)

#define FUNCTION_NAMES 8192
#define FUNCTION_JUMPS 8192

/* A stage's name, and its number once it was needed: most of the functions that a glob means never run. */
struct function_name {
	struct stage_name name;
	__u32 number; /* 0: none yet */
};

#endif /* INFBPF_FUNCTION_H */
