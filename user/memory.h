/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * GPU memory by the calls that allocate and free it: what lives, what the most was, from which stacks;
 * and between what kinds of memory a copy went whose call does not say.
 *
 * Fed with the kernel side's records in the order in which things happened. What was allocated before
 * the trace is not known: freeing it is counted, and a copy to or from it stays of kind "default".
 */
#ifndef MEMORY_H
#define MEMORY_H

#include "infbpf.h"
#include "profile.h"

struct memory;
struct stack_entry;

struct memory *memory_new(void); /* NULL: no memory */
void memory_free(struct memory *m);

/* An allocation, a free, a copy. Negative errno. */
int memory_record(struct memory *m, const struct rec_memory *r);
/* The stack of the allocation whose record had this seq (SAMPLE_ALLOC). The entry must outlive m. */
int memory_stack(struct memory *m, uint32_t seq, const struct stack_entry *stack);

/* Blocks that there was no room to know one by one, frees whose failure came too late: "memory" may be
 * off by so many. */
uint64_t memory_lost(const struct memory *m);

/* Into the profile: kinds, allocations by stack, copies that were resolved. process: a pid's name;
 * frames: names the frames of a stack, outermost first, NULL stack: none was taken; returns how many. */
struct memory_names {
	void *arg;
	const char *(*process)(void *arg, uint32_t pid);
	size_t (*frames)(void *arg, const struct stack_entry *stack, const char **names,
			 size_t max);
};
int memory_report(struct memory *m, struct profile *p, const struct memory_names *names);

struct memory_copies {
	uint64_t calls, bytes, wall_ns;
	uint64_t sizes[COPY_SIZES];
};
/* A process image's copies of kind "default" that are known to be of another kind. NULL: none. */
const struct memory_copies *memory_resolved(const struct memory *m, uint32_t pid, uint32_t image);

#endif /* MEMORY_H */
