/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What user probes, infbpf's and other tracers', have done to a thread's stack and registers, undone
 * for the walk. x86-64. */
#ifndef STACK_PROBES_H
#define STACK_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "infbpf.h"

struct stack_probes {
	const struct rec_sample *sample;
	size_t mended; /* of its hidden return addresses */
	/* Executable? And the process's memory, as struct unwind_space has them. */
	void *arg;
	bool (*is_code)(void *arg, uint64_t ip);
	int (*read)(void *arg, uint64_t address, void *buf, size_t n);
	int (*read_code)(void *arg, uint64_t ip, void *buf, size_t n);
	/* The same code as its file has it: 0, or a negative errno. */
	int (*read_file)(void *arg, uint64_t ip, void *buf, size_t n);
};

/* The return address that a pending return probe has hidden; any other as it is. Called for each in
 * turn, innermost first. */
uint64_t stack_probes_return(struct stack_probes *p, uint64_t address);

/* The registers of a thread that was met inside a probe: on its way back through a return probe, or at
 * the breakpoint of an entry probe. */
struct user_regs stack_probes_registers(struct stack_probes *p);

#endif /* STACK_PROBES_H */
