/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * --timeline: the threads' states by slices of the window.
 *
 * Snapshots of the threads' accounts come in rounds, one a slice and a little late; each says until
 * when its sums are. What lies between two snapshots of a thread is spread over the slices that it
 * touches, so that the slices sum to the thread's account to the nanosecond: where the state is known
 * (the thread was in it when the snapshot was taken) exactly, the rest evenly. An idle thread costs
 * nothing: where there are no cells it was blocked.
 *
 * Bounded: at most TIMELINE_SLICES slices (then two become one), TIMELINE_CELLS cells; a thread that
 * there is no room for is left out as a whole.
 */
#ifndef TIMELINE_H
#define TIMELINE_H

#include <stddef.h>
#include <stdint.h>
#include "infbpf.h"
#include "profile.h"

#define TIMELINE_SLICES	 400
#define TIMELINE_THREADS 512	   /* in the profile: the busiest */
#define TIMELINE_TRACKED 65536	   /* while tracing */
#define TIMELINE_CELLS	 (1 << 19) /* of 32 bytes */
#define TIMELINE_MIN_NS	 1000000   /* a slice's length, at least */

struct timeline;

/* How long slices are: as asked (0: not) where that makes at most TIMELINE_SLICES of the duration (0:
 * not known), else longer. */
uint64_t timeline_slice(uint64_t asked_ns, uint64_t duration_ns);

/* max_ended: ended threads with a row of their own in the profile. NULL: no memory. */
struct timeline *timeline_new(uint64_t slice_ns, size_t max_ended);
void timeline_free(struct timeline *t);
void timeline_begin(struct timeline *t, uint64_t begin_ns);
uint64_t timeline_slice_ns(const struct timeline *t);
/* Makes slices twice as long. */
int timeline_double(struct timeline *t);

/* A round begins now: snapshots follow. */
void timeline_round(struct timeline *t, uint64_t now_ns);
int timeline_snapshot(struct timeline *t, const struct rec_slice *r);
/* A thread's final account. */
int timeline_end(struct timeline *t, const struct rec_thread *r);

/* The busiest threads into the profile, whose duration is set. Nothing can come in after it. */
int timeline_finish(struct timeline *t, struct profile *p);

#endif /* TIMELINE_H */
