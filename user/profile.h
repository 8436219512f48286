/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The result of a trace, in memory. Everything that writes output reads only this.
 *
 * Built in two steps. While tracing, and at the close, the collector adds exact totals
 * (profile_add_thread, profile_add_wait, profile_add_thread_call, ...) and weighted stacks
 * (profile_add_stack). Then profile_finish() scales the stacks of each bucket (thread x state x
 * cause x call) to the bucket's exact time and leaves the lines: their values sum, for every
 * thread, to its wall time to the nanosecond, and their switches to its switches.
 *
 * All strings handed in are copied; all pointers handed out live as long as the profile.
 * Functions that can fail return a negative errno.
 */
#ifndef PROFILE_H
#define PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "profile_serving.h"
#include "wait_cause.h"

/* The four states of the time model. Order is the order of output. */
enum profile_state {
	PROFILE_ON_CPU,
	PROFILE_WOKEN,	   /* run queue, after a wake-up */
	PROFILE_PREEMPTED, /* run queue, switched out while runnable */
	PROFILE_BLOCKED,
	PROFILE_STATES,
};

/* A figure that was not measured: printed as unknown, null in JSON. */
#define PROFILE_UNKNOWN UINT64_MAX

/* In a serial number: it is nobody's own. The row stands for ended threads of which only sums came. */
#define PROFILE_NAMELESS (1ULL << 63)

struct profile_thread {
	uint64_t serial;
	uint32_t pid;
	uint32_t tid;
	const char *process; /* the group leader's name */
	const char *comm;
	uint32_t merged; /* ended threads this row stands for; 1: itself only */
	bool kthread;
	bool ended;
	uint64_t start_ns; /* offset from the window's start */
	uint64_t wall_ns;
	uint64_t state_ns[PROFILE_STATES]; /* sums to wall_ns */
	uint64_t blocked_by_ns[CAUSES]; /* sums to state_ns[PROFILE_BLOCKED] after profile_finish */
	uint64_t call_ns;		/* inside CUDA calls, all states; set by profile_finish */
	uint64_t voluntary;
	uint64_t involuntary;
	uint64_t migrations;
	uint64_t major_faults; /* PROFILE_UNKNOWN in rows of threads whose account was lost */
	uint64_t throttled_ns; /* of state_ns[PROFILE_PREEMPTED]: a cgroup's quota was used up */
	/* Who had the CPU most after it was preempted, and how long at least; NULL: nobody. */
	const char *stolen_by;
	uint64_t stolen_ns;
};

/* Who had the CPU while threads of a process waited for one; waits of 20 us and more that ended. */
struct profile_steal {
	uint32_t pid;	     /* 0 with by_comm NULL */
	const char *process; /* set by profile_finish */
	uint32_t by_pid;
	const char *by_comm; /* NULL: several, of several processes, for whom there was no room */
	bool by_kthread;
	bool behind; /* was there first when the thread woke; else: took over from it */
	uint64_t waits, wall_ns;
};

/* Who ended a thread's waits. */
struct profile_waker {
	uint64_t serial; /* of the thread that waited */
	uint32_t thread; /* its index in profile.threads after profile_finish */
	bool known;	 /* false: not known who; gone after profile_finish */
	bool by_interrupt, by_kthread;
	uint32_t by_pid, by_tid;
	const char *by_comm;
	const char *const *frames; /* the waker's stack, outermost first; NULL: any */
	uint16_t frames_n, user_n;
	uint64_t blocked_ns; /* before profile_finish, a weight */
};

struct profile_cpu {
	uint32_t cpu;
	/* busy_ns + idle_ns is the window; target_ns is part of busy_ns. PROFILE_UNKNOWN: nothing was
	 * seen of this CPU. */
	uint64_t busy_ns, target_ns, idle_ns;
	uint64_t steal_ns; /* by the hypervisor; part of both; PROFILE_UNKNOWN: not told */
};

struct profile_call {
	uint32_t pid;
	const char *process;
	const char *name;
	const char *api;   /* "runtime", "driver" or "nccl" */
	const char *group; /* "launch", "copy", ...: as --gpu-calls */
	const char
		*inside; /* --driver: the runtime call that it was made by; NULL: the outermost */
	uint64_t calls, errors, bytes;
	uint64_t abandoned, open_at_start, open_at_end;
	/* PROFILE_UNKNOWN, like the percentiles, when only entries were measured (--returns none). */
	uint64_t wall_ns, on_cpu_ns, run_queue_ns, blocked_ns;
	uint64_t voluntary, involuntary;
	uint64_t p50_ns, p95_ns, p99_ns, max_ns; /* PROFILE_UNKNOWN when calls == 0 */
	/* Calls of 20 us and more; of them, those blocked for half of their time or more, and those on
	 * the CPU for three quarters or more. */
	uint64_t waited, blocked_calls, spun;
	bool is_sync;	    /* waits for the device by its nature */
	bool is_async_copy; /* should not wait */
};

/* Calls of one name that returned one code. */
struct profile_error {
	uint32_t pid;
	const char *call, *inside; /* as in struct profile_call */
	uint32_t code;
	const char *name; /* "cudaErrorMemoryAllocation"; NULL: not known */
	uint64_t calls;
};

/* By size: calls with 2^(i-1) < bytes <= 2^i; up to 1 byte: i = 0. */
#define PROFILE_SIZES 48

struct profile_copy {
	uint32_t pid;
	const char *kind; /* "H2D", "D2H", "D2D", "H2H", "default" */
	uint64_t calls, bytes;
	uint64_t wall_ns; /* or PROFILE_UNKNOWN */
	uint64_t sizes[PROFILE_SIZES];
};

/* Calls on one stream, all threads of the process together. */
struct profile_stream {
	uint32_t pid;
	const char *name; /* "default", "per-thread", or the handle: "0x7f..." */
	uint64_t calls, launches, copies, bytes, wall_ns;
	uint64_t syncs, sync_ns; /* calls that waited for this stream, and how long */
};

struct profile_launch {
	uint32_t pid;
	const char *kernel; /* its name; "CUDA graph 1"; "[unknown]" */
	const char *site;   /* the function that it was launched from */
	bool graph;
	uint64_t calls, errors, wall_ns;
	uint64_t gaps, gap_ns; /* between the thread's launch before, of anything, and these */
};

/* A thread that launched. Not the GPU's gaps: the thread's. */
struct profile_launcher {
	uint32_t thread; /* index into profile.threads after profile_finish */
	uint64_t serial;
	uint64_t launches, wall_ns; /* in launch calls */
	uint64_t gaps, gap_ns, gap_max_ns;
	uint64_t gap_p50_ns, gap_p95_ns, gap_p99_ns; /* PROFILE_UNKNOWN without gaps */
};

/* Memory of one kind of a process, as far as it was allocated within the window. */
struct profile_memory {
	uint32_t pid;
	const char *process;
	const char *kind; /* "device", "pool", "managed", "pinned", "registered", "handle" */
	uint64_t allocations, frees, bytes; /* bytes: of all allocations */
	uint64_t live, live_bytes;	    /* at the end */
	uint64_t peak_bytes;
	uint64_t unknown_frees; /* of what had been allocated before; only in one row a process */
};

/* Allocations from one stack. Those that no stack was taken of have one frame, "[not sampled]". */
struct profile_allocation {
	uint32_t pid;
	const char *process;
	const char *kind;
	const char *call;	   /* "cudaMalloc" */
	const char *const *frames; /* outermost first, the call among them */
	uint16_t frames_n;
	uint64_t allocations, bytes, live, live_bytes;
};

/* Times of one span of I/O; PROFILE_UNKNOWN where there is none. */
struct profile_times {
	uint64_t wall_ns, p50_ns, p95_ns, p99_ns, max_ns;
};

/* I/O of a process of one kind, and of block requests on one device. What began and ended within the
 * window. */
struct profile_io {
	uint32_t pid;
	const char *process; /* NULL: of the processes that had no row of their own */
	const char *kind;    /* "block read", "file write", "TCP send", "io_uring read" */
	const char *device;  /* "vda"; NULL: not a block request */
	uint64_t calls, errors, bytes;
	struct profile_times whole;
	/* Block requests: before and after they were given to the device. */
	struct profile_times queue, on_device;
	/* File reads: served by the page cache alone or not. Else PROFILE_UNKNOWN. */
	uint64_t hits, misses;
};

/* The same by thread. */
struct profile_io_thread {
	uint32_t thread; /* index into profile.threads after profile_finish */
	uint64_t serial; /* 0: of the threads that had no row of their own */
	const char *kind, *device;
	uint64_t calls, bytes, wall_ns;
};
#define PROFILE_NO_THREAD UINT32_MAX /* profile_io_thread.thread of serial 0 */

struct profile_hook {
	const char *name; /* "switch" */
	const char *kind; /* "tp_btf", "kprobe", ..., or "none" */
	const char *lost; /* what is lost on this rung, NULL: nothing */
};

/* Blocked time of a process by what it waited for: all of its threads' blocked time, once. */
struct profile_wait {
	uint32_t pid;
	const char *process;
	uint8_t kind; /* enum wait_kind */
	const char *
		frame; /* KIND_OTHER: the kernel function that waits; NULL: not known, or another kind */
	uint64_t blocked_ns;
	uint64_t waits; /* how many; PROFILE_UNKNOWN where only sampled stacks tell this kind */
};

/* One line of the folded output, before rounding to a unit. */
struct profile_line {
	uint32_t thread; /* index into profile.threads */
	uint8_t state;	 /* enum profile_state */
	uint8_t cause;	 /* enum wait_cause */
	uint8_t kind;	 /* enum wait_kind: of that cause */
	uint16_t user_n; /* of the frames, how many are user frames; the rest are kernel frames */
	uint16_t frames_n;
	uint16_t
		stages_n; /* of the user frames, how many are stages, "[decode]"; they come first */
	const char *call; /* the CUDA call in progress, NULL: none; also among the frames */
	const char *const *frames; /* outermost first; already free of ';' and newlines */
	uint64_t value_ns;	   /* 0: it has only switches */
	/* Switches that its waits began with: of PROFILE_BLOCKED voluntary, of PROFILE_PREEMPTED involuntary
	 * ones; the other states have none. And how sure that is: the estimate's variance. */
	uint64_t switches;
	double switches_variance;
	uint64_t stacks; /* stacks that stand behind it; 0: pooled or "[not sampled]" */
};

/* Switches from one stack. */
struct profile_switches {
	uint32_t thread;	   /* index into profile.threads */
	uint16_t user_n, frames_n; /* as in struct profile_line */
	const char *const *frames;
	uint64_t voluntary, involuntary;
	uint64_t error;	  /* one standard error of their sum */
	uint64_t wait_ns; /* blocked and on the run queue */
};
#define PROFILE_SWITCHES 20 /* as many are kept */

struct profile_lost {
	uint64_t events;       /* switches and wake-ups that the kernel did not show */
	uint64_t stacks;       /* stacks decided on but not taken */
	uint64_t ring;	       /* records that did not fit the ring buffer */
	uint64_t map_full;     /* updates refused by a full map */
	uint64_t missed_runs;  /* BPF runs skipped by the kernel's recursion guard */
	uint64_t uncovered_ns; /* a CUDA library mapped, not probed; summed over processes */
	uint64_t threads;      /* threads in scope without an account */
	uint64_t returns;      /* CUDA returns without their entry */
	uint64_t spans;	       /* ends of stages and other marks whose record was lost */
	uint64_t memory;       /* allocations, frees and function names whose record was lost */
};

struct profile_overhead {
	uint64_t bpf_ns, bpf_runs, trap_ns, user_cpu_ns, rss_bytes, map_bytes;
	uint64_t start_cpu_ns; /* of user_cpu_ns: loading and attaching, before the window */
	uint64_t trap_hits;
};

/* What the kernel showed of the whole host within the window. */
struct profile_events {
	uint64_t switches;
	uint64_t booked; /* of switches: away from a thread in the trace */
	uint64_t idle;	 /* of switches: away from an idle CPU */
	uint64_t wakeups;
};

/* User frames that stand at the root of a stack that could not be walked to the thread's start. */
#define PROFILE_TRUNCATED  "[truncated]"  /* the copy of the stack ended (--stack-bytes) */
#define PROFILE_INCOMPLETE "[incomplete]" /* no way on: see docs/architecture.md */

#define PROFILE_NOT_SAMPLED "[not sampled]" /* no stack of its kind */

/* All lines' time, by how far their user stacks reach. */
struct profile_reach {
	uint64_t whole_ns; /* to the thread's start; kernel threads too */
	uint64_t truncated_ns;
	uint64_t incomplete_ns;
	uint64_t none_ns; /* no stack: not sampled, or no user frame of a user thread */
};

struct profile_not_measured {
	const char *what; /* "GPU kernel time" */
	const char *why;  /* "needs CUPTI" */
};

struct profile {
	/* Set by the caller. */
	uint64_t duration_ns; /* t1 - t0 */
	const char *host, *kernel;
	const char *runtime;	     /* "nvidia", "emu" or "none" */
	const char *runtime_version; /* "13.0", NULL: unknown */
	const char *target;	     /* for titles: "infer-serve (4242)" */
	uint64_t period_ns;	     /* the stack period T at the start; raised under load */
	uint64_t stacks;	     /* samples received */
	struct profile_lost lost;
	struct profile_events events;
	struct profile_overhead overhead;
	/* Stacks are unwound to the thread's start, and marked where that failed (--unwind auto and
	 * dwarf); else nobody knows where a stack begins. */
	bool unwound;
	bool wakers_known;   /* who ended waits: the kernel told */
	bool wakers_sampled; /* --wakers: with stacks */
	bool entries_only;   /* --returns none: no lengths, no errors, no memory */

	/* Filled by the functions below. */
	struct profile_thread *threads; /* by process, the busiest first */
	size_t threads_n;
	struct profile_call *calls; /* by wall time, falling */
	size_t calls_n;
	struct profile_copy *copies;
	size_t copies_n;
	struct profile_error *errors; /* by pid and call */
	size_t errors_n;
	struct profile_stream *streams; /* by wall time, falling, like those below */
	size_t streams_n;
	struct profile_launch *launches;
	size_t launches_n;
	struct profile_launcher *launchers; /* by launches, falling */
	size_t launchers_n;
	struct profile_memory *memory; /* by peak, falling */
	size_t memory_n;
	struct profile_allocation *allocations; /* by live bytes, then bytes, falling */
	size_t allocations_n;
	struct profile_switches *switches; /* by switches, falling */
	size_t switches_n;
	unsigned int io_parts; /* set by the caller: of enum io_part, what was looked at */
	struct profile_io *io; /* by pid; within it by wall time, falling */
	size_t io_n;
	struct profile_io_thread *io_threads; /* by thread */
	size_t io_threads_n;
	struct profile_hook *hooks;
	size_t hooks_n;
	struct profile_not_measured *not_measured;
	size_t not_measured_n;
	struct profile_reach reach; /* set by profile_finish */
	struct profile_line *lines;
	size_t lines_n;
	struct profile_steal *steals; /* by time, falling */
	size_t steals_n;
	struct profile_waker *wakers; /* by time, falling */
	size_t wakers_n;
	struct profile_waker *waker_stacks; /* likewise */
	size_t waker_stacks_n;
	struct profile_cpu *cpus; /* by number */
	size_t cpus_n;
	struct profile_wait *waits; /* by time, falling; set by profile_finish */
	size_t waits_n;

	struct profile_stage *stages; /* by wall time, falling */
	size_t stages_n;
	struct profile_requests *requests; /* by how many, falling */
	size_t requests_n;
	struct profile_verdict *verdicts; /* by share, falling; set by verdict_judge() */
	size_t verdicts_n;
	/* --timeline: slices of slice_ns, the last one shorter. */
	uint64_t slice_ns;
	size_t slices_n;
	struct profile_slices *slices; /* by thread */
	size_t slice_threads_n;
	bool stages_known;   /* marks or functions were probed: no stages means that none ran */
	bool timeline_known; /* --timeline */

	struct profile_build *build; /* private to profile.c; NULL after profile_finish */
	struct profile_arena *arena; /* private to profile.c: owns every string */
};

struct profile *profile_new(void); /* NULL: no memory */
void profile_free(struct profile *p);

/* Copies s into the profile, equal strings once. NULL: no memory. */
const char *profile_string(struct profile *p, const char *s);
/* Zeroed memory that lives as long as the profile. NULL: there is none. */
void *profile_alloc(struct profile *p, size_t bytes);

/* Adds a thread's exact account (t is copied; its strings too). More than max_threads ended threads
 * are merged into one row per (pid, process, comm), sums kept. wall_ns is set to the sum of the
 * states. -EEXIST: this serial has an account already. */
int profile_add_thread(struct profile *p, const struct profile_thread *t, size_t max_threads);

/* Blocked time of a thread outside CUDA calls, by kind as far as the system call and its descriptor
 * tell it. What a thread's waits and calls leave of its blocked time is booked as KIND_OTHER. count:
 * how many waits these were. The thread need not have been added yet. */
int profile_add_wait(struct profile *p, uint64_t serial, int syscall, unsigned int flags,
		     uint64_t ns, uint64_t count);

/* Time of a thread inside a CUDA call, by state (its blocked time has CAUSE_GPU_CALL). The time
 * outside calls is what remains. A call that is open at the end counts too: stacks of a call that
 * has no time here stand for time outside calls. */
int profile_add_thread_call(struct profile *p, uint64_t serial, const char *call,
			    const uint64_t state_ns[PROFILE_STATES]);

/* One stack with its weight. frames: outermost first, user frames before kernel frames; names are
 * borrowed from the caller and must outlive the profile's build (the symbol table does).
 * weight_ns for PROFILE_ON_CPU is the sampling period; what counts is the share in the bucket. */
struct profile_stack {
	uint64_t serial;
	uint8_t state; /* enum profile_state */
	int16_t syscall;
	uint16_t flags;	  /* enum wait_flags, of user/infbpf.h */
	const char *call; /* NULL: outside calls */
	const char *const
		*stages; /* frames of the open stages, outermost first; they come first of all */
	uint16_t stages_n;
	bool call_return; /* taken at the call's return: stands for its state only if nothing else does */
	const char *const *frames;
	uint16_t frames_n, user_n;
	/* Of the user frames, how many called the call; the others are what it called. A walk that
	 * broke off inside the call has met none. */
	uint16_t outside_n;
	const char *inner;    /* --driver: the driver call inside call, a frame too; NULL: none */
	uint16_t inner_after; /* of the user frames, how many lie outside of inner */
	uint64_t weight_ns;
	/* The switches it stands for: see struct profile_line. In 1/SWITCHES_ONE of user/infbpf.h; their
	 * variance in whole ones. */
	uint64_t switches;
	double switches_variance;
};
/* One that stands for neither time nor switches is passed over. */
int profile_add_stack(struct profile *p, const struct profile_stack *s);

int profile_add_steal(struct profile *p, const struct profile_steal *s);
/* Weights of a thread's waits by waker, those that are not known among them: they share its blocked
 * time. The thread need not have been added yet. */
int profile_add_waker(struct profile *p, const struct profile_waker *w);
/* The same with stacks, frames borrowed as those of struct profile_stack: they share the time of the
 * thread's known wakers. */
int profile_add_waker_stack(struct profile *p, const struct profile_waker *w);
int profile_add_cpu(struct profile *p, const struct profile_cpu *c);

int profile_add_call(struct profile *p, const struct profile_call *c);
/* Copies of one process and kind are added up. */
int profile_add_copy(struct profile *p, const struct profile_copy *c);
int profile_add_error(struct profile *p, const struct profile_error *e);
/* Calls of one process and stream are added up. */
int profile_add_stream(struct profile *p, const struct profile_stream *s);
/* Launches of one process, kernel and site are added up. */
int profile_add_launch(struct profile *p, const struct profile_launch *l);
/* By serial; one without an account is dropped. */
int profile_add_launcher(struct profile *p, const struct profile_launcher *l);
int profile_add_memory(struct profile *p, const struct profile_memory *m);
/* The frames are copied. */
int profile_add_allocation(struct profile *p, const struct profile_allocation *a);
int profile_add_io(struct profile *p, const struct profile_io *io);
/* By serial; one without an account counts as serial 0. Rows of one thread, kind and device are added
 * up. */
int profile_add_io_thread(struct profile *p, const struct profile_io_thread *t);
int profile_add_hook(struct profile *p, const struct profile_hook *h);
int profile_add_not_measured(struct profile *p, const char *what, const char *why);

/* Scales, sorts, builds the lines. After it nothing can be added. Threads that are only known by
 * their waits or stacks are counted into lost.threads. */
int profile_finish(struct profile *p);

/* After profile_finish: time that the thread was not idle, as far as can be told: on a CPU, waiting
 * for one, or blocked on what its own work set going (GPU call, GPU driver, disk, page fault). */
uint64_t profile_busy_ns(const struct profile_thread *t);

/* A device thread of the CPU's imitation of a GPU: no part of what the process would do on one. */
bool profile_is_emulated(const struct profile *p, const struct profile_thread *t);

/* The part of --io, "block", ...; NULL: there are no more. */
const char *profile_io_part_name(unsigned int i);

/* --- histograms, log-linear as in user/infbpf.h (hist.c) --- */
unsigned int hist_bucket(uint64_t ns);
uint64_t hist_bucket_mid(unsigned int bucket); /* the middle of the bucket, in ns */
/* Quantile q in (0, 1]; PROFILE_UNKNOWN when empty. Never more than max_ns. */
uint64_t hist_quantile(const uint32_t *hist, double q, uint64_t max_ns);

#endif /* PROFILE_H */
