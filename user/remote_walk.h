/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The user stack of another process, by frame pointers, for threads that still wait at the end. */
#ifndef REMOTE_WALK_H
#define REMOTE_WALK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "infbpf.h"

/* Reads only (process_vm_readv); the process is not stopped. Leaf first. Returns how many addresses,
 * at least the one in regs. */
size_t remote_walk(pid_t pid, const struct user_regs *regs, uint64_t *ips, size_t max);

#endif /* REMOTE_WALK_H */
