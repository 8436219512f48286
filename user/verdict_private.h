/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the rules of the verdict work on. Private to verdict*.c. */
#ifndef VERDICT_PRIVATE_H
#define VERDICT_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "verdict.h"

/* --- what a rule reads: verdict_facts.c --- */

/* Lengths of time in ns. They are parts of sums, so no integers. */
struct verdict_time {
	double wall, on_cpu, run_queue, throttled, calls;
	double blocked_by[CAUSES];
};

enum verdict_group {
	GROUP_LAUNCH,
	GROUP_COPY,
	GROUP_SYNC,
	GROUP_ALLOC,
	GROUP_SET,
	GROUP_REST,
	GROUPS,
};

/* CUDA calls of a process, the outermost ones. */
struct verdict_calls {
	uint64_t calls, waited, spun;
	double wall, on_cpu, run_queue, blocked;
	const struct profile_call *longest; /* together; NULL: there are none */
};

/* Copies of a process: those whose size matters little, and the others. */
struct verdict_copies {
	uint64_t calls;
	double wall;
};

/*
 * A process. What its shares are of: the latency of its slow requests; where requests are not known,
 * the busy time of the threads that launch, or of all its threads if none does.
 *
 * A request that waits for others to be done spends its time as they do: `behind` is that time, shared
 * out as the passes (or the stage) that it waits for spend theirs.
 */
struct verdict_facts {
	const struct profile *p;
	uint32_t pid;
	const char *process;
	const struct profile_requests *requests; /* NULL: not known */
	const char *share_of;
	double whole;

	struct verdict_time own, behind;
	double passes, passes_behind;	      /* of them, in passes of the model */
	double queue_pass, queue_pass_behind; /* waits before passes; of them, behind others */
	double queue_pass_woken;	      /* and while the thread had no CPU */
	double woken, woken_throttled;	      /* the same of all waits; and because of a quota */
	const struct profile_part *longest_queue_pass;
	struct verdict_time pass_mix; /* passes' time by what it is spent on, as parts of 1 */
	double padded;		      /* of the passes' time: for padding; negative: not known */

	struct verdict_calls calls[GROUPS], all_calls;
	struct verdict_copies small, large;
	const struct profile_launcher *launcher; /* who launches most */
	double launch_gaps; /* ns between its launches, as far as it did nothing else */
	/* Of the time that its threads waited for a CPU, by who had it: threads of its own, the device
	 * threads of an emulated runtime, others. Parts of 1. */
	double stolen_own, stolen_emulated, stolen_other;
	/* How long its other threads waited for a CPU that one of its launching threads had, and how long
	 * they ran themselves. */
	double behind_launchers, others_cpu;
	double cpus_busy; /* 0 to 1, of all CPUs; negative: not known */
};
/* pid's facts. requests may be NULL. */
void verdict_facts_fill(struct verdict_facts *f, const struct profile *p, uint32_t pid,
			const struct profile_requests *requests);

/* Time in calls of a group, of what the shares are of: the time in calls is measured there, their
 * mix is the process's. STATE_BUSY: on a CPU or blocked; what is left waits for a CPU. */
enum verdict_state { STATE_BUSY, STATE_ON_CPU, STATE_BLOCKED };
double verdict_in_calls(const struct verdict_facts *f, enum verdict_group g, enum verdict_state s);
/* Own and behind. */
double verdict_queued(const struct verdict_facts *f); /* for a CPU, without what is throttled */
double verdict_throttled(const struct verdict_facts *f);
double verdict_blocked(const struct verdict_facts *f, enum wait_cause cause);
/* The part with the most of it among the slow requests; NULL: none has any. */
const struct profile_part *verdict_worst(const struct verdict_facts *f,
					 uint64_t (*of)(const struct profile_split *s));
/* Of a wait (part i) of the slow requests, how long it was for others to be done; *next: the stage that
 * they waited for, or NULL. */
double verdict_behind(const struct verdict_facts *f, size_t i, const struct profile_part **next);
/* On a CPU outside of CUDA calls. */
double verdict_own_cpu(const struct profile_split *s);
/* Of the waits in synchronising calls, the part (of 1) that is round trips, not the device's work: where
 * the program waits after each op. Else 0. */
double verdict_sync_claim(const struct verdict_facts *f);
/* Waiting for the device keeps a CPU busy that others are in want of: its requests, or its other threads,
 * which wait for it longer than they run, or whoever else is on a host without an idle CPU. */
bool verdict_spins(const struct verdict_facts *f);
/* As an integer, whatever it is: files may hold any numbers. */
uint64_t verdict_whole(double ns);
/* 0 where it is not known. */
static inline double verdict_ns(uint64_t ns)
{
	return ns == PROFILE_UNKNOWN ? 0 : (double)ns;
}

/* A call that waits for the device takes so long where the device has next to nothing to do: the
 * thread is woken, hands in the next op, and that begins. 20 to 100 us in practice; what a call takes
 * beyond is the device's own work. */
#define ROUND_TRIP_NS 100000.0
/* At 12 GB/s (PCIe 3) so many bytes take 5 us, about a copy's fixed cost: smaller ones cost by their
 * number, larger ones by their bytes. */
#define SMALL_COPY 65536
/* Waits for a CPU below this part are what any host has. */
#define WANT_OF_CPU 0.05
/* Synchronises after each op: so many launches and copies a synchronisation, or fewer. */
#define OPS_A_SYNC 4
/* A thread that does nothing between two launches but prepare the next one takes less. */
#define LAUNCH_GAP_NS 20000

/* --- what a rule says --- */

#define EVIDENCE_MAX  6
#define EVIDENCE_SIZE 256

struct verdict_ruling {
	double ns;	     /* of facts.whole */
	const char *missing; /* what would be needed; NULL: nothing */
	const char *sure;    /* NULL: as the rule's */
	unsigned int evidence_n;
	char evidence[EVIDENCE_MAX][EVIDENCE_SIZE];
};
/* A sentence. Those beyond EVIDENCE_MAX are left out. */
__attribute__((format(printf, 2, 3))) void verdict_say(struct verdict_ruling *r, const char *format,
						       ...);

/* verdict_say.c: sentences that several rules say. */
/* "12.3 % of p95 request latency (4.51 ms a request) is IS" */
void verdict_say_share(struct verdict_ruling *r, const struct verdict_facts *f, double ns,
		       const char *is);
void verdict_say_call(struct verdict_ruling *r, const struct profile_call *c); /* NULL: nothing */
/* The part of the slow requests with the most of it, if there is one. */
void verdict_say_worst(struct verdict_ruling *r, const struct verdict_facts *f,
		       uint64_t (*of)(const struct profile_split *s), const char *what);
/* As a share; buf: FORMAT_SIZE. */
const char *verdict_percent(const struct verdict_facts *f, double ns, char *buf);

enum verdict_needs {
	NEEDS_REQUESTS = 1, /* marked requests */
	NEEDS_PASSES = 2,   /* marked passes of the model */
	NEEDS_CALLS = 4,    /* CUDA calls: a process without any has no such problem */
	/* These groups among them. */
	NEEDS_LAUNCH = 8 | NEEDS_CALLS,
	NEEDS_COPY = 16 | NEEDS_CALLS,
	NEEDS_SYNC = 32 | NEEDS_CALLS,
	NEEDS_ALLOC = 64 | NEEDS_CALLS,
};

struct verdict_rule {
	const char *name, *kind, *fix_at;
	double from; /* the share from which on it is worth naming */
	unsigned int needs;
	const char *sure; /* "measured", or "likely" where something is concluded */
	void (*judge)(const struct verdict_facts *f, struct verdict_ruling *r);
	const char *advice;
};
extern const struct verdict_rule verdict_rules[]; /* verdict_table.c */
extern const size_t verdict_rules_n;

/* verdict_scheduling.c */
void rule_queue_before_batch(const struct verdict_facts *f, struct verdict_ruling *r);
void rule_queue_before_stage(const struct verdict_facts *f, struct verdict_ruling *r);
void rule_preempted(const struct verdict_facts *f, struct verdict_ruling *r);
void rule_throttled(const struct verdict_facts *f, struct verdict_ruling *r);
void rule_lock(const struct verdict_facts *f, struct verdict_ruling *r);
void rule_unbalanced_streams(const struct verdict_facts *f, struct verdict_ruling *r);
void rule_slow_stage(const struct verdict_facts *f, struct verdict_ruling *r);
/* verdict_io.c */
void rule_disk(const struct verdict_facts *f, struct verdict_ruling *r);
void rule_network(const struct verdict_facts *f, struct verdict_ruling *r);
/* verdict_memory.c */
void rule_small_copies(const struct verdict_facts *f, struct verdict_ruling *r);
void rule_pageable_copies(const struct verdict_facts *f, struct verdict_ruling *r);
void rule_transfers(const struct verdict_facts *f, struct verdict_ruling *r);
void rule_alloc_churn(const struct verdict_facts *f, struct verdict_ruling *r);
/* verdict_device.c */
void rule_tiny_kernels(const struct verdict_facts *f, struct verdict_ruling *r);
void rule_sync_each_op(const struct verdict_facts *f, struct verdict_ruling *r);
void rule_spinning_sync(const struct verdict_facts *f, struct verdict_ruling *r);
void rule_padding(const struct verdict_facts *f, struct verdict_ruling *r);
void rule_gpu_bound(const struct verdict_facts *f, struct verdict_ruling *r);

#endif /* VERDICT_PRIVATE_H */
