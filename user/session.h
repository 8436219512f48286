/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One trace, from opening to closing. session.c is the only file that knows the order of things:
 * load, attach, scope, open the window, seed, drain, close the window, hand over, detach.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fault.h"
#include "hooks.h"
#include "profile.h"
#include "stage_option.h"
#include "target.h"

struct session;

/* How user stacks are walked (--unwind). */
enum session_unwind {
	SESSION_UNWIND_AUTO,  /* by call frame information, by frame pointers where there is none */
	SESSION_UNWIND_DWARF, /* by call frame information only */
	SESSION_UNWIND_FP,    /* by frame pointers, in the kernel */
};

struct session_options {
	struct target_pids pids; /* -p */
	const char *cgroup;	 /* -c, NULL: none */
	bool all;		 /* -a */
	char *const *command;	 /* -- COMMAND ARGS, NULL: none */
	uint64_t duration_ns;	 /* 0: until something ends it */
	uint64_t period_ns;	 /* the stack period T */
	unsigned int freq_hz;	 /* of the on-CPU clock */
	unsigned int max_stacks; /* a second; beyond it the period is raised */
	size_t max_threads;	 /* ended threads with a row of their own */
	enum hooks_mode hooks;
	unsigned int parts; /* of enum hook_part, beside what every trace has */
	enum session_unwind unwind;
	unsigned int stack_bytes; /* of the user stack, copied with a sample */
	const char *unwind_cache; /* directory, NULL: none */
	bool lines;		  /* source lines and inlined functions */
	const char *gpu_calls;	  /* as cuda_select() takes it, NULL: "default" */
	bool driver;		  /* driver calls inside of other calls, too */
	bool entries_only;	  /* no return probes: no lengths, errors or memory of calls */
	bool wakers;		  /* stacks of those who end waits */
	struct stage_options functions; /* --stage, --preset */
	bool marks;			/* --marks: stages and requests that the program marks */
	bool timeline;			/* the threads' states by slices of the window */
	uint64_t slice_ns;		/* their length, 0: what suits the duration */
	bool verbose;			/* libbpf's messages on stderr */
};

struct session_progress {
	uint64_t elapsed_ns;
	uint64_t calls, switches, stacks, lost; /* since the start */
	double cost;				/* share of one CPU, so far; < 0: not known yet */
};
/* Called about once a second while tracing. */
typedef void (*session_progress_fn)(void *arg, const struct session_progress *p);

/* Opens, loads, attaches and puts the targets in scope. NULL: f tells. The options are borrowed. */
struct session *session_open(const struct session_options *o, struct fault *f);
/* A line for "attached to ...". */
void session_describe(const struct session *s, char *buf, size_t len);
/* Opens the window and drains until the end: duration, signal (SIGINT, SIGTERM), target exit. */
int session_run(struct session *s, session_progress_fn progress, void *arg, struct fault *f);
/* Closes the window, collects what remains, and builds the profile (owned by the session). */
int session_finish(struct session *s, struct profile **p, struct fault *f);
/* Brings infbpf's own CPU time in the profile up to date: outputs before the one that shows it take
 * some too. */
void session_count_cpu(struct session *s);
/* With a command: waits for it and returns its exit status as a shell would (128 + signal). */
int session_wait_command(struct session *s);
/* Detaches and frees. With perf-event probes a child process does the slow part. */
void session_close(struct session *s);

#endif /* SESSION_H */
