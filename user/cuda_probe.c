// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Where in a function's first bytes a probe is cheap.
 *
 * On x86 the kernel emulates a few instructions at a probe and single-steps all others out of line,
 * at many times the cost. Every kernel infbpf supports emulates push of a register, nop (0x90) and
 * relative jmp and call (branch_xol_ops and push_xol_ops in arch/x86/kernel/uprobes.c). Newer ones
 * emulate more (6.18: long nops), which is not relied on; a nop with a 0x66 prefix is even refused
 * by older ones.
 */
#include "cuda.h"

#include <string.h>

#if defined(__x86_64__)

/* Length of an instruction that does nothing (endbr64, long nops), 0: another one. */
static size_t idle_length(const uint8_t *code, size_t n)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	size_t at = 0;
	unsigned int mod, rm;

	if (n >= sizeof(endbr64) && !memcmp(code, endbr64, sizeof(endbr64)))
		return sizeof(endbr64);
	/* Operand size and %cs prefixes are how assemblers make nops longer. */
	while (at < n && (code[at] == 0x66 || code[at] == 0x2e))
		at++;
	if (at < n && code[at] == 0x90)
		return at + 1;
	if (n - at < 3 || code[at] != 0x0f || code[at + 1] != 0x1f)
		return 0;
	/* 0f 1f /0: a memory operand that is not accessed. */
	at += 2;
	mod = code[at] >> 6;
	rm = code[at] & 7;
	if ((code[at] >> 3 & 7) != 0 || mod == 3)
		return 0;
	at++;
	if (rm == 4) {
		if (at >= n)
			return 0;
		if (mod == 0 && (code[at] & 7) == 5)
			mod = 2;
		at++;
	} else if (mod == 0 && rm == 5) {
		mod = 2;
	}
	at += mod == 1 ? 1 : mod == 2 ? 4 : 0;
	return at <= n ? at : 0;
}

static bool is_push(uint8_t byte)
{
	return byte >= 0x50 && byte <= 0x57;
}

static bool is_emulated(const uint8_t *code, size_t n)
{
	if (!n)
		return false;
	switch (code[0]) {
	case 0x90: /* nop */
		return true;
	case 0x41: /* push %r8 ... %r15 */
		return n >= 2 && is_push(code[1]);
	case 0xeb: /* jmp */
		return n >= 2;
	case 0xe8: /* call */
	case 0xe9: /* jmp */
		return n >= 5;
	default:
		return is_push(code[0]);
	}
}

unsigned int cuda_probe_skip(const uint8_t *code, size_t n, bool *costly)
{
	size_t at = 0, length;

	do {
		if (is_emulated(code + at, n - at)) {
			*costly = false;
			return at;
		}
		length = idle_length(code + at, n - at);
		at += length;
	} while (length);
	*costly = true;
	return 0;
}

bool cuda_probe_forwards(const uint8_t *code, size_t n, int64_t *to)
{
	/* push %rbp; mov %rsp,%rbp; pop %rbp: a frame set up and left again. */
	static const uint8_t frame[] = { 0x55, 0x48, 0x89, 0xe5, 0x5d };
	size_t at = 0, length;
	int32_t far;

	while ((length = idle_length(code + at, n - at)))
		at += length;
	if (n - at >= sizeof(frame) && !memcmp(code + at, frame, sizeof(frame)))
		at += sizeof(frame);
	if (n - at >= 2 && code[at] == 0xeb) {
		*to = (int64_t)at + 2 + (int8_t)code[at + 1];
		return true;
	}
	if (n - at < 5 || code[at] != 0xe9)
		return false;
	memcpy(&far, code + at + 1, sizeof(far));
	*to = (int64_t)at + 5 + far;
	return true;
}

#else

unsigned int cuda_probe_skip(const uint8_t *code, size_t n, bool *costly)
{
	(void)code;
	(void)n;
	*costly = true;
	return 0;
}

bool cuda_probe_forwards(const uint8_t *code, size_t n, int64_t *to)
{
	(void)code;
	(void)n;
	(void)to;
	return false;
}

#endif
