// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <sys/uio.h>
#include "remote_walk.h"

#define STACK_MAX_BYTES (64UL << 20) /* how far up from the stack pointer a frame may lie */

size_t remote_walk(pid_t pid, const struct user_regs *regs, uint64_t *ips, size_t max)
{
	uint64_t frame[2], bp = regs->bp, low = regs->sp;
	struct iovec local = { frame, sizeof(frame) }, remote;
	size_t n = 0;

	ips[n++] = regs->ip;
	while (n < max && bp >= low && bp - regs->sp < STACK_MAX_BYTES && !(bp & 7)) {
		remote = (struct iovec){ (void *)(uintptr_t)bp, sizeof(frame) };
		if (process_vm_readv(pid, &local, 1, &remote, 1, 0) != sizeof(frame) || !frame[1])
			break;
		ips[n++] = frame[1];
		low = bp + sizeof(frame);
		bp = frame[0];
	}
	return n;
}
