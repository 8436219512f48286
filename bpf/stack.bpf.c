/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What of a user stack is to be copied. Inlined into every program that takes a sample, the loop over
 * pages cost the verifier some hundred milliseconds at each start.
 *
 * Context: as the programs that call them. Cost: a load a page, or one fault.
 */
#include "stack.bpf.h"

#define PAGE_BYTES 4096

/*
 * How many bytes of the stack there are to copy, from the red zone below sp on, up to limit. A read
 * that meets a page that is not there fails as a whole, and most stacks are shallower than the limit:
 * so a byte of each page is tried first (30 ns; a fault, once, is some hundred).
 */
__noinline u32 stack_readable(u64 sp, u32 limit)
{
	u64 from = sp - SAMPLE_RED_ZONE;
	u32 n = PAGE_BYTES - (from & (PAGE_BYTES - 1));
	char byte;
	int i;

	for (i = 0; i < SAMPLE_STACK_MAX / PAGE_BYTES; i++) {
		if (n >= limit || bpf_probe_read_user(&byte, 1, (void *)(from + n)))
			break;
		n += PAGE_BYTES;
	}
	return n < limit ? n : limit;
}

/* struct ucontext and struct sigcontext of x86-64 (uapi/asm/ucontext.h, sigcontext.h): where the
 * alternate stack's own address, its size, and the interrupted stack pointer lie in the former. */
#define UCONTEXT_SS_SP	 16
#define UCONTEXT_SS_SIZE 32
#define UCONTEXT_SP	 160
#define UCONTEXT_BYTES	 304

/* The stack pointer that a signal's frame says was interrupted, if there is one with this ucontext; 0:
 * there is none. The kernel puts the settings of the alternate stack into the frame. */
static __always_inline u64 interrupted_sp(u64 uc, u64 sp, u64 low, u64 size)
{
	u64 seen[3] = {}, outer = 0;

	if (uc < sp || bpf_probe_read_user(seen, sizeof(seen), (void *)(uc + UCONTEXT_SS_SP)) ||
	    seen[0] != low || seen[2] != size ||
	    bpf_probe_read_user(&outer, sizeof(outer), (void *)(uc + UCONTEXT_SP)))
		return 0;
	return outer;
}

/*
 * Where the stack pointer was when a signal took the thread to its alternate stack; 0: it is not
 * there. The kernel puts the signal's frame at the top of the alternate stack, and what is read is what
 * was looked for, or it is not used. The register state at the very top is no multiple of 64 bytes, and
 * its start is rounded down to one: the frame is where a stack with a rounded top would have it, or, if
 * what the rounding cut off has room for the odd part, 64 bytes higher. 0 too where half of the copy
 * would not reach from sp to the end of what unwinding through the frame needs. low, size: of the
 * alternate stack.
 */
__noinline u64 stack_outer(u64 sp, u64 low, u64 size)
{
	u64 uc, outer;

	if (!cfg_sigframe_bytes || !size || sp - low >= size)
		return 0;
	uc = ((low + size) & ~63ULL) - cfg_sigframe_bytes;
	outer = interrupted_sp(uc, sp, low, size);
	if (!outer) {
		uc += 64;
		outer = interrupted_sp(uc, sp, low, size);
	}
	return uc + UCONTEXT_BYTES - sp <= cfg_stack_bytes / 2 ? outer : 0;
}
