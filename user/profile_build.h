/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a profile is made of until profile_finish(). Private to profile*.c. */
#ifndef PROFILE_BUILD_H
#define PROFILE_BUILD_H

#include "array.h"
#include "infbpf.h"
#include "profile.h"

#define NO_ROW	UINT32_MAX
#define NO_CALL 0 /* build_*.call is the call name's number in the arena plus 1 */

/* Every string, and the memory that lives as long as the profile. */
struct profile_arena {
	struct arena memory;
	const char **strings; /* by number, each once */
	size_t strings_n, strings_cap;
	struct hash_index index;
};

/* A list of frames, kept once however many stacks have it. In the arena. */
struct frame_list {
	uint16_t n, user_n;
	uint16_t stages_n;
	uint16_t pad; /* 0: from n on, this is what is hashed and compared */
	const char *frames[];
};

/* One thread's identity while records come in: they may come before its account does. */
struct build_serial {
	uint64_t serial;
	uint32_t row; /* in profile.threads, NO_ROW: no account yet */
};

struct build_wait {
	uint32_t serial; /* position in build.serials; after finish_rows(): the row */
	int16_t syscall;
	uint16_t flags;
	uint64_t ns, count;
};

struct build_call {
	uint32_t serial; /* likewise */
	uint32_t call;
	uint64_t state_ns[PROFILE_STATES];
};

/* Equal stacks of a thread, added up. */
struct build_stack {
	uint32_t serial; /* likewise */
	uint32_t call;
	uint32_t list;
	int16_t syscall; /* of blocked stacks; else INFBPF_NO_SYSCALL, flags 0 */
	uint16_t flags;
	uint8_t state;
	bool call_return;
	uint16_t pad;
	uint32_t count; /* not part of the key: it ends here */
	uint64_t weight_ns;
	uint64_t switches; /* in 1/SWITCHES_ONE */
	double switches_variance;
};

struct profile_build {
	struct build_serial *serials;
	size_t serials_n, serials_cap;
	struct hash_index serial_index;

	struct frame_list **lists;
	size_t lists_n, lists_cap;
	struct hash_index list_index;
	struct frame_list *scratch; /* room for scratch_n frames */
	size_t scratch_n;

	struct build_stack *stacks;
	size_t stacks_n, stacks_cap;
	struct hash_index stack_index;

	struct build_wait *waits;
	size_t waits_n, waits_cap;
	struct build_call *calls;
	size_t calls_n, calls_cap;

	size_t threads_cap, hooks_cap, not_measured_cap;
	size_t p_calls_cap, errors_cap, copies_cap, streams_cap, launches_cap, launchers_cap;
	size_t memory_cap, allocations_cap;
	size_t io_cap, io_threads_cap;
	size_t steals_cap, wakers_cap, waker_stacks_cap, cpus_cap;
	size_t slices_cap;
	size_t ended_n;			/* ended threads seen */
	size_t nameless_n;		/* of them, those whose serial numbers are not known */
	struct hash_index merged_index; /* rows that stand for several ended threads */

	struct serving_build *serving; /* profile_serving_build.h */
};

/* (thread, state, call) and, for blocked time outside calls, the wait's kind. */
struct build_bucket {
	uint32_t row;
	uint32_t call;
	int16_t syscall; /* INFBPF_NO_SYSCALL and flags 0 elsewhere */
	uint16_t flags;
	uint8_t state;
	uint64_t ns;	/* exact, never 0 */
	uint64_t count; /* waits in it; PROFILE_UNKNOWN: nobody counted them */
};
struct build_buckets {
	struct build_bucket *buckets; /* by row; within it in an order of their own */
	size_t n, cap;
	size_t *first; /* where each row's begin; one more at the end */
};

/* A line before its frames are put in: what is sorted, merged and pooled. */
struct work_line {
	uint32_t row;
	uint32_t call;
	uint32_t list;
	int16_t syscall; /* the bucket's */
	uint16_t flags;
	uint8_t state, kind; /* enum wait_kind */
	uint64_t value_ns, stacks;
	uint64_t switches;
	double switches_variance;
};
struct work_lines {
	struct work_line *lines;
	size_t n, cap;
};

/* The number of a string in the arena (equal strings: the same number), or a negative errno. */
int64_t arena_string(struct profile_arena *a, const char *s);
/* Replaces *s by the profile's own copy; NULL stays NULL. */
int build_own(struct profile *p, const char **s);
/* The same where a name is never absent, so that nothing after has to ask. */
int build_name(struct profile *p, const char **s);
/* Position of a serial in build.serials, made on first sight, or a negative errno. */
int64_t build_serial(struct profile_build *b, uint64_t serial);
/* The same; -ENOENT: not there. */
int64_t build_find_serial(const struct profile_build *b, uint64_t serial);
/* The list of these frames, user frames all. Its position or a negative errno. */
int64_t build_list(struct profile *p, const char *const *frames, size_t n);
void build_free(struct profile_build *b);

/* profile_bucket.c: the exact times. Sets the threads' call_ns. */
int buckets_build(struct profile *p, struct build_buckets *k);
/* The position of the bucket with this key (ns is ignored), UINT32_MAX: none. */
uint32_t buckets_find(const struct build_buckets *k, const struct build_bucket *want);
void buckets_free(struct build_buckets *k);

int work_lines_add(struct work_lines *w, const struct work_line *line);

/* profile_pool.c: lines for the buckets that no stack of their own thread stands for, from the lines
 * of threads of the same process and name; "[not sampled]" where there are none. The value of each
 * line in poor is a bucket's time; its list is ignored, and its kind where a stack knows better. */
int pool_lines(struct profile *p, struct work_lines *lines, struct work_lines *poor);

/* profile_waits.c: sets p->waits, from the lines with the rows as they are, and the buckets' counts. */
int profile_waits(struct profile *p, const struct build_buckets *k, const struct work_lines *lines);
/* profile_switches.c: how many switches each line has. A stack as a line, and what it counts. */
struct switch_stack {
	struct work_line line; /* its switches: in 1/SWITCHES_ONE; no time */
	int16_t syscall;
	uint16_t flags;
	bool in_call;
};
/* Adds lines without time whose switches sum to those of their threads, from stacks, in any order. */
int switches_lines(struct profile *p, const struct build_buckets *k, struct switch_stack *stacks,
		   size_t n, struct work_lines *lines);
/* Sets p->switches from the lines. */
int switches_rank(struct profile *p);

/* profile_calls.c: adds up and orders all rows of CUDA calls. rank: of each of the threads in their
 * final order, the row it had. */
int profile_calls_finish(struct profile *p, const uint32_t *rank);

/* profile_io.c: orders the rows of I/O. rank: as above. */
int profile_io_finish(struct profile *p, const uint32_t *rank);
/* The rows, in their final order, of the rows of threads as they came. NULL: no memory. */
uint32_t *build_places(const struct profile *p, const uint32_t *rank);
/* profile_sched.c: the same for who had the CPU and who woke; all of a profile's. */
int profile_sched_finish(struct profile *p, const uint32_t *rank);
void profile_sched_free(struct profile *p);

/* profile_slices.c: the same for the timeline. */
int profile_slices_finish(struct profile *p, const uint32_t *rank);
void profile_slices_free(struct profile *p);

/* profile_reach.c: sets p->reach from the lines. */
void profile_reach(struct profile *p);

#endif /* PROFILE_BUILD_H */
