/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What collect.c (records as they come) and collect_maps.c (maps after the close) share. */
#ifndef COLLECT_PRIVATE_H
#define COLLECT_PRIVATE_H

#include "array.h"
#include "collect.h"
#include "collect_stack.h"
#include "kernels.h"
#include "memory.h"
#include "stacks.h"

#define PENDING_SLOTS 4096 /* stacks taken at switch-out whose gap is not over yet; power of two */

struct pending {
	uint64_t serial;
	uint32_t seq;
	struct stack_entry *entry;
};

/* A stage's name by its number; NULL: not read yet. */
struct collect_stage_name {
	const char *name, *frame; /* "decode", "[decode]" */
};

/* Figures of a CUDA call that come from elsewhere than its api_rec. */
struct api_extra {
	uint32_t tgid;
	uint16_t call;
	uint64_t open_at_end, abandoned;
};

/* Calls by process and name, all kinds of copy together; in collect_maps.c. */
struct api_sums {
	struct api_sum *first;
};

/* A sample whose stack cannot be walked yet: a file's index is still being built. */
struct later {
	struct later *next;
	size_t len;
	struct rec_sample sample; /* and what follows it */
};

/* Sleepers and who ended their waits; in collect_sched.c. */
struct waker_row;
struct collect_wakers {
	struct waker_row *rows;
	size_t n, cap;
	struct hash_index index;
};

struct collect {
	struct profile *profile;
	struct collect_walk walk;
	struct collect_options options;
	struct stacks stacks;
	struct stacks allocation_stacks; /* theirs; no weights */
	struct memory *memory;
	struct kernels *kernels;
	struct pending pending[PENDING_SLOTS];
	struct api_sums sums;
	struct api_extra *extras;
	size_t extras_n, extras_room;
	uint64_t samples, lost;
	size_t threads;
	unsigned int life_budget;
	struct later *later, **later_end; /* oldest first */
	size_t later_bytes;
	struct collect_wakers wakers;	   /* of the waits that a stack was taken of */
	struct collect_wakers waker_pairs; /* of waker_stacks, whose keys' serials are rows of it */
	struct stacks waker_stacks;	   /* --wakers */
	struct collect_stage_name stage_names[STAGE_NAMES];
	struct collect_ranges *ranges; /* NULL: there was none */
	uint64_t *steal_begin;	       /* stolen time by CPU when the window opened */
};

/* The extra figures of a process's call, made on first use. NULL: no memory. */
struct api_extra *collect_extra(struct collect *c, uint32_t tgid, uint16_t call);
/* Time of a thread inside a call, into the profile. */
int collect_thread_call(struct collect *c, uint64_t serial, const struct call_slot *s);

/* Calls fn for every entry of a hash map, recs_fd >= 0: whose values are places, + 1, in that array; then
 * value is the array's element. key and value have room for the maps' sizes. */
int collect_each(struct collect *c, int map_fd, int recs_fd, void *key, void *value,
		 int (*fn)(struct collect *, void *key, void *value));
/* The name of a process by the threads' accounts, "?": it has none. */
const char *collect_process_name(const struct collect *c, uint32_t pid);
/* A location may be several frames, where functions are inlined. */
#define COLLECT_FRAMES_MAX (USER_FRAMES_MAX + 1 + INFBPF_MAX_STACK)
size_t collect_name_frames(struct collect *c, const uint32_t *locations, size_t n,
			   const char **frames, size_t max);
/* collect_cuda.c: a thread's slots of streams; its stack at an allocation. */
int collect_streams(struct collect *c, const struct rec_thread *r);
int collect_allocation(struct collect *c, const struct rec_sample *s,
		       const struct collect_stack *user);

/* collect_sched.c. Who had the CPU while this thread waited for it; the worst of them goes to t. */
int collect_thread_steals(struct collect *c, const struct rec_thread *r, struct profile_thread *t);
/* Who ended waits of this (weighted) length. */
void collect_waker(struct collect *c, uint64_t serial, const struct waker *waker,
		   uint64_t blocked_ns);
int collect_waker_stack(struct collect *c, const struct rec_sample *s,
			const struct collect_stack *user);
/* All wakers into the profile. frames: room for COLLECT_FRAMES_MAX. */
int collect_wakers(struct collect *c, const char **frames);
void collect_sched_free(struct collect *c);

/* collect_range.c: an NVTX range that was started, or has ended. */
int collect_range(struct collect *c, const struct rec_mark *r, const char *name);
/* All of them into the profile, with those that are still open. */
int collect_ranges_finish(struct collect *c);
void collect_ranges_free(struct collect *c);

/* collect_stage.c */
int collect_span(struct collect *c, const struct rec_span *r);
int collect_mark(struct collect *c, const struct rec_mark *r);
/* The frames of open stages. Returns how many. */
size_t collect_stage_frames(struct collect *c, const __u16 stages[STAGE_FRAMES],
			    const char *frames[STAGE_FRAMES]);

#endif /* COLLECT_PRIVATE_H */
