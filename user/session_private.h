/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of a session share: session.c (the order), session_load.c (programs and targets),
 * session_loop.c (while tracing), session_result.c (figures of the whole trace). */
#ifndef SESSION_PRIVATE_H
#define SESSION_PRIVATE_H

#include <signal.h>
#include <bpf/libbpf.h>
#include "clock.h"
#include "collect.h"
#include "cuda_attach.h"
#include "infbpf.skel.h"
#include "overhead.h"
#include "session.h"
#include "stage_function.h"
#include "symbols/symbols.h"
#include "timeline.h"
#include "unwind/unwind.h"

#define DRAIN_MS      50	/* how often the ring is emptied */
#define LOOK_FIRST_NS NS_PER_MS /* between the first looks at a new image's libraries; doubled */
/* Stacks of allocations in 100 ms; each takes up to 30 KiB of the ring. Beyond: "[not sampled]". */
#define ALLOC_STACKS 150

struct session {
	const struct session_options *options;
	struct infbpf_bpf *skel;
	struct hooks hooks;
	struct overhead overhead;
	enum uprobe_kind uprobes;
	struct cuda_attach cuda;
	struct stage_attach stages;
	struct function_attach functions;
	bool *chosen; /* by row of cuda_calls: --gpu-calls */
	struct symbols *symbols;
	struct unwind *unwind;
	struct profile *profile;
	struct collect *collect;
	struct ring_buffer *ring;
	struct target_pids pids; /* in scope by id: -p, cgroup members, the command */
	struct target_command command;
	char cgroup[4096];
	int *pidfds;
	size_t pidfds_n;
	int signal_fd;
	sigset_t old_mask;
	uint64_t begin_ns, end_ns;
	struct cpu_counts counts_begin, counts_end; /* at those times */
	uint64_t next_look_ns, next_young_ns, look_step_ns, next_progress_ns, next_adapt_ns;
	uint64_t next_lower_ns;
	uint64_t adapt_stacks, adapt_lost;
	/* --timeline */
	struct timeline *timeline; /* NULL: not asked for */
	struct bpf_link *slice_link;
	uint64_t next_slice_ns;		     /* when the next round is due */
	uint64_t slice_round_ns;	     /* when the last one began */
	uint64_t slice_cpu_ns, slice_rounds; /* of the latest: what they took */
	unsigned int sigframe_bytes;
	int drain_error;
	int command_status;
	bool command_reaped, interrupted;
	char target[160];
};

/* session_load.c */
/* --io: of enum io_part. */
unsigned int session_io_parts(const struct session_options *o);
int session_load(struct session *s, struct fault *f);
/* Resolves the options into process ids; starts the command, held before its exec. */
int session_find_targets(struct session *s, struct fault *f);
/* Puts the processes in s->pids[from..] in scope. */
int session_scope(struct session *s, size_t from);
/* Reads an iterator to its end; its output goes to the collector. */
int session_iterate(struct session *s, struct bpf_program *prog);
/* The same, with a link to it. */
int session_iterate_link(struct session *s, const struct bpf_link *link);
/* Probes on the CUDA libraries of all processes in scope. What cannot be probed does not stop the
 * trace: it is reported. */
int session_attach_cuda(struct session *s);

/* session_loop.c */
/* Drains until the trace is to end. What was measured is kept whatever happens. */
void session_loop(struct session *s, session_progress_fn progress, void *arg);

/* session_timeline.c; all but the first do nothing without --timeline. */
int session_timeline_open(struct session *s);
void session_timeline_begin(struct session *s);
/* Reads all threads' accounts when a slice has ended. */
int session_timeline_tick(struct session *s, uint64_t now);
int session_timeline_finish(struct session *s);
void session_timeline_close(struct session *s);

/* session_result.c */
int session_counts(const struct session *s, struct cpu_counts *sum);
/* Hooks, runtime, losses, overhead into the profile. */
int session_result(struct session *s);

#endif /* SESSION_PRIVATE_H */
