/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Distinct stacks of locations with their weights: an open-addressing hash table. */
#ifndef STACKS_H
#define STACKS_H

#include <stddef.h>
#include <stdint.h>
#include "infbpf.h"
#include "profile.h"

struct stack_key {
	uint64_t serial;
	int16_t syscall;
	uint16_t flags;
	uint16_t call;
	uint16_t call_return; /* taken at a call's return */
	uint16_t user_n;
	uint16_t frames_n;
	uint16_t outside_n;   /* of the user frames: callers of the open call */
	uint16_t inner;	      /* --driver: the driver call inside it, 0: none */
	uint16_t inner_after; /* of the user frames: callers of that one */
	uint16_t pad[3];
	uint16_t stages[STAGE_FRAMES]; /* open stages, as in struct rec_sample */
};

/* Switches that stacks stand for. variance: of n, of which it is an estimate, in whole switches. */
struct stack_switches {
	uint64_t n; /* in 1/SWITCHES_ONE */
	double variance;
};

struct stack_entry {
	struct stack_key key;
	uint64_t hash;
	uint64_t weight_ns[PROFILE_STATES];
	struct stack_switches voluntary, involuntary;
	uint32_t locations[]; /* frames_n, outermost first: user frames, then kernel frames */
};

struct stacks {
	struct stack_entry **slots;
	size_t slots_n; /* a power of two */
	size_t n;
	size_t bytes, max_bytes;
};

/* The entry of this stack, made with zero weights on first use. NULL: out of memory or over
 * max_bytes. Entries stay where they are. */
struct stack_entry *stacks_get(struct stacks *s, const struct stack_key *key,
			       const uint32_t *locations);
void stacks_free(struct stacks *s);

#endif /* STACKS_H */
