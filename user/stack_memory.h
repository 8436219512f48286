/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The stack of a sample as memory: the copies that came with it, or, of a thread that still waits, the
 * process itself. */
#ifndef STACK_MEMORY_H
#define STACK_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "infbpf.h"

#define STACK_MEMORY_COPIES 2
#define STACK_MEMORY_CHUNK  4096

struct stack_memory {
	struct {
		uint64_t start, end;
		const uint8_t *bytes;
	} copies[STACK_MEMORY_COPIES];
	size_t copies_n;
	pid_t pid; /* read from this process, 0: from the copies */
	uint64_t chunk_start, chunk_end;
	uint8_t chunk[STACK_MEMORY_CHUNK];
};

/* The copies in a sample of len bytes; they are borrowed. */
void stack_memory_copied(struct stack_memory *m, const struct rec_sample *s, size_t len);
/* The process's memory as it is when it is read (process_vm_readv; it is not stopped). */
void stack_memory_remote(struct stack_memory *m, pid_t pid);

/* As struct unwind_space wants it: 0, -ENODATA: behind a copy, -EFAULT. */
int stack_memory_read(struct stack_memory *m, uint64_t address, void *buf, size_t n);
/* Code, always from the process. Returns how many bytes, up to n, or -EFAULT. */
int stack_memory_read_code(pid_t pid, uint64_t address, void *buf, size_t n);

#endif /* STACK_MEMORY_H */
