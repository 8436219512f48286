/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From kernel records to the profile.
 *
 * Addresses are located (file, offset) while the process lives, as records are drained; equal stacks
 * are merged at once; names are looked up at the end. Memory grows with distinct stacks, up to a
 * limit; a stack beyond it is counted as lost.
 */
#ifndef COLLECT_H
#define COLLECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "infbpf.h"
#include "profile.h"

struct collect;
struct symbols;
struct timeline;
struct unwind;

/* What the session wants to know as it happens. */
typedef void (*collect_life_fn)(void *arg, const struct rec_life *life);

struct collect_options {
	uint64_t t_begin_ns, t_end_ns; /* the window; t_end_ns is set before collect_finish */
	uint64_t on_cpu_period_ns;
	size_t max_threads;
	bool frame_pointers; /* user stacks by frame pointers only */
	bool entries_only;   /* --returns none: calls have no lengths */
	/* The command that infbpf started: what its process did before exec is not the command's. */
	uint32_t command_tgid;
	int stage_names_fd;	   /* the map; 0: there is none */
	struct timeline *timeline; /* --timeline, else NULL; borrowed */
	collect_life_fn life;
	void *life_arg;
};

struct collect *collect_new(struct profile *p, struct symbols *symbols, struct unwind *unwind);
void collect_free(struct collect *c);
struct collect_options *collect_options(struct collect *c);

/* One record of the ring or of the closing iterator. Returns 0 or a negative errno. */
int collect_record(struct collect *c, const void *data, size_t len);

/* The maps' contents, after the close (descriptors). */
int collect_waits(struct collect *c, int map_fd);
int collect_steals(struct collect *c, int map_fd);
int collect_thread_calls(struct collect *c, int map_fd);
int collect_ended(struct collect *c, int map_fd);
int collect_errors(struct collect *c, int map_fd);
int collect_copies(struct collect *c, int map_fd);
int collect_stream_map(struct collect *c, int map_fd);
int collect_launchers(struct collect *c, int map_fd);
/* These three have a second map, an array, with the records. */
int collect_apis(struct collect *c, int map_fd, int recs_fd);
int collect_launches(struct collect *c, int map_fd, int recs_fd);
int collect_stage_map(struct collect *c, int map_fd, int recs_fd);
/* I/O; parts: of enum io_part. */
int collect_io(struct collect *c, unsigned int parts, int keys_fd, int recs_fd);
int collect_io_threads(struct collect *c, int threads_fd, int rest_fd);
/* Before the window opens: the entry of those that the map has no room for. */
int collect_steals_prepare(int map_fd);
/* What switches said of the CPUs until now: a thread that came into scope while it ran was nobody's
 * then. To be called when all are in scope, before the window opens. */
int collect_cpus_forget(int map_fd);
/* What the CPUs did: to be called as the window opens; with the map of struct cpu_state. */
int collect_cpus_begin(struct collect *c);
int collect_cpus(struct collect *c, int map_fd);
/* What is known of memory. */
int collect_memory(struct collect *c);

/* Names every stack and hands it to the profile. */
int collect_finish(struct collect *c);

/* Every 100 ms: renews what is spent on processes that come and go, walks what had to wait. */
int collect_refill(struct collect *c);
uint64_t collect_stacks(const struct collect *c); /* samples so far */
uint64_t collect_lost(const struct collect *c);	  /* samples dropped here: too many distinct ones */
uint64_t
collect_lost_memory(const struct collect *c);	 /* of blocks and functions' names, likewise */
size_t collect_threads(const struct collect *c); /* accounts so far */

#endif /* COLLECT_H */
