/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The records that cross the border between the kernel side (bpf/) and the user side (user/).
 *
 * Included by both, so: fixed-size types only, every field naturally aligned, no pointers, no
 * padding that is not named. All times are CLOCK_MONOTONIC nanoseconds (bpf_ktime_get_ns).
 */
#ifndef INFBPF_H
#define INFBPF_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define INFBPF_COMM	 16  /* TASK_COMM_LEN */
#define INFBPF_MAX_STACK 127 /* frames a stack walk keeps (PERF_MAX_STACK_DEPTH) */

/* No system call in progress: page fault, interrupt, kernel thread, or not known. */
#define INFBPF_NO_SYSCALL (-1)

/* What a thread is doing. The four states of the time model, and NONE before the seed. */
enum run_state {
	RUN_NONE = 0, /* storage exists, first state not known yet */
	RUN_ON_CPU = 1,
	RUN_WOKEN = 2, /* run queue, after a wake-up */
	RUN_PREEMPTED =
		3, /* run queue, switched out while runnable (preempted, yielded, throttled) */
	RUN_BLOCKED = 4,
	RUN_DEAD = 5,
};

/* Facts about a wait that the kernel side records at switch-out; user/wait_cause.c turns them and
 * the system call number into a cause. */
enum wait_flags {
	WAIT_IOWAIT = 1 << 0,  /* task_struct.in_iowait */
	WAIT_STOPPED = 1 << 1, /* __TASK_STOPPED or __TASK_TRACED */
	WAIT_KTHREAD = 1 << 2, /* PF_KTHREAD: the system call number means nothing */
	WAIT_IN_CALL = 1 << 3, /* a CUDA call was open */
	WAIT_UNKNOWN = 1 << 4, /* the storage filled up: the rest of this thread's blocked time */
};
/* Four bits more: enum wait_fd. */
#define WAIT_FD_SHIFT 8
#define WAIT_FD_MASK  (0xf << WAIT_FD_SHIFT)

/* What the descriptor is that a system call waits for (its first argument), of calls that wait for
 * whatever it is. */
enum wait_fd {
	FD_NONE = 0, /* another call, or not known */
	FD_REGULAR,  /* a file or block device, by the page cache */
	FD_DIRECT,   /* the same, opened with O_DIRECT */
	FD_PIPE,     /* FIFOs too */
	FD_TCP,
	FD_UDP,
	FD_UNIX,
	FD_SOCKET, /* of another kind */
	FD_EVENTFD,
	FD_TIMERFD,
	FD_SIGNALFD,
	FD_INOTIFY, /* and fanotify */
	FD_TTY,
	FD_GPU, /* a device of a GPU driver */
	FD_OTHER,
};

/* Character devices by major number, 2 bits each. */
enum char_kind { CHAR_OTHER = 0, CHAR_TTY = 1, CHAR_GPU = 2 };
#define CHAR_MAJORS 512

#define FD_CALLS 512 /* system calls have lower numbers */

/* Exact sums of one thread over its part of the window. */
struct thread_times {
	__u64 on_cpu_ns;
	__u64 woken_ns;
	__u64 preempted_ns;
	__u64 blocked_ns;
	__u64 throttled_ns; /* part of preempted_ns: a cgroup's quota was used up */
	__u32 voluntary;    /* as rusage's ru_nvcsw: switched out, not runnable */
	__u32 involuntary;  /* as rusage's ru_nivcsw: switched out, runnable */
	__u32 migrations;   /* switched in on another CPU than last time */
	__u32 pad;
};

/* Blocked time outside CUDA calls by (system call, flags). A few are kept in the thread's storage;
 * the ones that do not fit go to the map "waits". */
struct wait_slot {
	__s16 syscall;
	__u16 flags; /* enum wait_flags */
	__u32 count;
	__u64 ns;
};
#define WAIT_SLOTS 4

struct wait_key {
	__u64 serial;
	__s16 syscall;
	__u16 flags;
	__u32 pad;
};

/* Who had the CPU while a thread waited for it; waits of STEAL_MIN_NS and more. Two in the thread's
 * storage, those with the most time; the others go to the map "steals". */
enum steal_how {
	STEAL_PREEMPTED = 1 << 0, /* took over from it: who ran next */
	STEAL_BEHIND = 1 << 1,	/* was there when it woke, and until it could run: who ran before */
	STEAL_KTHREAD = 1 << 2, /* a kernel thread */
};

struct steal_slot {
	__u32 by_tgid;
	__u32 how; /* enum steal_how */
	char by_comm[INFBPF_COMM];
	__u64 ns; /* 0: free */
	__u64 waits;
};
#define STEAL_SLOTS  2
#define STEAL_MIN_NS 20000

struct steal_key {
	__u32 tgid;
	__u32 by_tgid; /* with how 0: all for whom the map had no room */
	__u32 how;
	__u32 pad;
	char by_comm[INFBPF_COMM];
};

struct steal_rec {
	__u64 ns;
	__u64 waits;
};

/* Who ended a wait. */
enum waker_flags {
	WAKER_KNOWN = 1 << 0,
	WAKER_INTERRUPT =
		1 << 1, /* from an interrupt: who ran just then need not have to do with it */
	WAKER_KTHREAD = 1 << 2,
};

struct waker {
	__u32 tgid;
	__u32 tid;   /* 0: from an interrupt on an idle CPU */
	__u32 flags; /* enum waker_flags; 0: not known who */
	__u32 pad;
	char comm[INFBPF_COMM];
};

/* What a CPU does. */
enum cpu_class {
	CPU_UNKNOWN = 0, /* no switch and no tick seen yet */
	CPU_IDLE = 1,
	CPU_OTHER = 2,	/* runs a task that is not in scope */
	CPU_TARGET = 3, /* runs one that is */
};

/* A CPU's own. Written with interrupts off, or in one. */
struct cpu_state {
	__u64 due;	/* a stack is due for the task being switched in */
	__u64 random;	/* of stack_wanted() */
	__u64 since_ns; /* until when the two below are counted; 0: the window's begin */
	__u64 busy_ns;
	__u64 target_ns;
	__u32 class; /* enum cpu_class: what it does since since_ns */
	__u32 pad;
};

/*
 * Log-linear histogram of nanoseconds: 16 sub-buckets an octave, so a bucket's width is at most
 * 6.25 % of its lower edge. Values under 16 have a bucket each; the last bucket is open (from
 * 2^40 ns, 18 minutes).
 */
#define HIST_SUB_BITS  4
#define HIST_MAX_SHIFT 40
#define HIST_BUCKETS   ((HIST_MAX_SHIFT - HIST_SUB_BITS + 1) * (1 << HIST_SUB_BITS))

struct rec_hdr {
	__u32 type; /* enum rec_type */
	__u32 len;  /* of the whole record, this header included */
};

#include "infbpf_calls.h"
#include "infbpf_io.h"
#include "infbpf_stage.h"
#include "infbpf_function.h"

/* --- records in the ring buffer and in the closing iterator's output --- */
enum rec_type {
	REC_THREAD = 1,	 /* struct rec_thread: the final account of a thread */
	REC_SAMPLE = 2,	 /* struct rec_sample */
	REC_LIFE = 3,	 /* struct rec_life */
	REC_RESOLVE = 4, /* struct rec_resolve */
	REC_MEMORY = 5,	 /* struct rec_memory */
	REC_NAME = 6,	 /* struct rec_name */
	REC_LAUNCH = 7,	 /* struct rec_launch */
	REC_SPAN = 8,	 /* struct rec_span */
	REC_MARK = 9,	 /* struct rec_mark */
	REC_SLICE = 10,	 /* struct rec_slice */
};

enum thread_flags {
	THREAD_ENDED = 1 << 0, /* died, or became another image by exec, inside the window */
	THREAD_KTHREAD = 1 << 1,
	THREAD_UNSEEDED = 1 << 2, /* never got a state: no event and no seed */
	THREAD_BORN = 1 << 3,	  /* born inside the window */
};

struct rec_thread {
	struct rec_hdr hdr;
	__u64 serial; /* one a thread and image, never reused */
	__u32 tgid;   /* in the initial pid namespace */
	__u32 tid;
	__u32 image;	/* process image: changes at exec, inherited at fork */
	__u32 flags;	/* enum thread_flags */
	__u64 start_ns; /* of this thread's part of the window */
	__u64 end_ns;
	struct thread_times times; /* sums to end_ns - start_ns */
	struct wait_slot waits[WAIT_SLOTS];
	struct call_slot calls[CALL_SLOTS];
	/* The CUDA call open at the end (its time so far), call 0: none. */
	struct call_slot open_call;
	struct stream_slot streams[STREAM_SLOTS];
	struct steal_slot steals[STEAL_SLOTS];
	__u16 open_kind;
	__u16 open_before; /* the open call began before the window */
	__u32 abandoned;   /* calls of this thread closed as abandoned */
	__u64 major_faults;
	char comm[INFBPF_COMM];
	char process[INFBPF_COMM]; /* the group leader's comm */
};

/* --timeline: a thread's account at the end of a slice. A thread that has been blocked since before the
 * round before has none. */
struct rec_slice {
	struct rec_hdr hdr;
	__u64 serial;
	__u64 start_ns; /* of this thread's part of the window */
	__u64 since_ns; /* until when the sums below are; they sum to since_ns - start_ns */
	__u64 time_ns;	/* until when it has been in this state, at least */
	__u64 on_cpu_ns, woken_ns, preempted_ns, blocked_ns;
	__u32 state; /* enum run_state: since since_ns; RUN_NONE: could not be read in peace */
	__u32 pad;
};

enum sample_kind {
	SAMPLE_ON_CPU = 1,    /* on-CPU clock: weight 1, the exact total scales it */
	SAMPLE_WAIT = 2,      /* after the wait, in the thread's own context */
	SAMPLE_CALL = 3,      /* at the return of a CUDA call: the caller's stack */
	SAMPLE_OPEN_WAIT = 4, /* still waiting at the end: registers, no user stack */
	SAMPLE_OUT = 5,	      /* at switch-out, weight unknown: a rec_resolve follows */
	SAMPLE_ALLOC =
		6, /* at the return of an allocation: follows its rec_memory with the same seq */
	SAMPLE_WAKER = 7, /* --wakers: of the waker; serial is that of the thread it wakes */
};

/* The user registers an unwinder starts from. */
struct user_regs {
	__u64 ip;
	__u64 sp;
	__u64 bp;
	__u64 bx, r12, r13, r14, r15; /* the other callee-saved ones */
};

/*
 * A stack. In memory followed by kernel_n kernel addresses (leaf first); in the ring at SAMPLE_STACK_AT
 * by what there is of the user side: either user_n addresses (leaf first), walked by frame pointers, or
 * stack_bytes of the stack, copied from SAMPLE_RED_ZONE below regs.sp upward. Of a thread in a signal
 * handler on an alternate stack also, at outer_at, outer_bytes likewise from outer_sp: the stack that
 * was interrupted.
 */
#define SAMPLE_STACK_AT(max_stack) (sizeof(struct rec_sample) + (max_stack)*8)
#define SAMPLE_RETURNS		   4
#define SAMPLE_STACK_BYTES	   24576 /* copied, unless --stack-bytes says otherwise */
#define SAMPLE_SMALL_BYTES	   8192	 /* what most stacks need */
/* Below the stack pointer: leaf functions may use it, and what an epilogue has popped is still there. */
#define SAMPLE_RED_ZONE	 128
#define SAMPLE_STACK_MAX 65536 /* --stack-bytes, at most */

/* One context switch, as samples count them: in fixed point. A gap of 1 ns with a stack period of 10 s
 * stands for 10^10 switches: 50 bits. */
#define SWITCHES_SHIFT 16
#define SWITCHES_ONE   (1ULL << SWITCHES_SHIFT)

struct rec_sample {
	struct rec_hdr hdr;
	__u64 serial;
	__u64 time_ns;
	__u32 tgid;
	__u32 tid;
	__u32 image;
	__u16 kind;	   /* enum sample_kind */
	__u16 call;	   /* CUDA call in progress (row + 1), 0: none */
	__u16 inner;	   /* with --driver: the driver call inside it, 0: none */
	__u16 involuntary; /* the gap began runnable: what switches counts */
	__u16 pad[2];
	__u16 stages
		[STAGE_FRAMES]; /* names of the thread's open stages, outermost first; 0: no more */
	/* What the sample stands for, already weighted by max(d, T) / d; 0 for SAMPLE_ON_CPU. For a
	 * wait: the blocked and run-queue parts of the gap. For a call: its wall time in on_cpu_ns. */
	__u64 on_cpu_ns;
	__u64 woken_ns;
	__u64 preempted_ns;
	__u64 blocked_ns;
	/* How many switch-outs within the window it stands for, in 1/SWITCHES_ONE: max(d, T) / d. Of a
	 * gap that began before the window 0. */
	__u64 switches;
	__s16 syscall;
	__u16 flags; /* enum wait_flags */
	__u16 user_n;
	__u16 kernel_n;
	__u32 stack_bytes;
	__u32 seq;	/* SAMPLE_OUT: matches rec_resolve.seq; SAMPLE_ALLOC: rec_memory.seq */
	__u64 call_ra;	/* return address of the open call, 0: none */
	__u64 inner_ra; /* of the inner one */
	/* The return addresses that pending return probes hide, innermost first; 0: none. */
	__u64 returns[SAMPLE_RETURNS];
	/* Where each lay on the stack. Two probed functions, one of which ends in a jump to the other,
	 * have one return between them: equal neighbours are the same. */
	__u64 return_sp[SAMPLE_RETURNS];
	__u64 outer_sp; /* 0: not on an alternate signal stack, or its frame was not found */
	__u32 outer_bytes;
	__u32 outer_at; /* from the record's start */
	struct user_regs regs;
	struct waker waker; /* who ended the wait; of SAMPLE_WAKER: whose stack it is */
};

/* The gap that began with SAMPLE_OUT (serial, seq) is over. */
struct rec_resolve {
	struct rec_hdr hdr;
	__u64 serial;
	__u32 seq;
	__u32 involuntary; /* as in struct rec_sample */
	__u64 woken_ns;
	__u64 preempted_ns;
	__u64 blocked_ns;
	/* The switches since the one whose stack was sent before this one, in 1/SWITCHES_ONE: stacks are
	 * picked by time here, and all that a period had look like the one that was picked. */
	__u64 switches;
	struct waker waker;
};

enum life_what {
	LIFE_FORK = 1, /* a new process in scope (not a thread) */
	LIFE_EXEC = 2, /* new program image: probes and maps have to be found again */
};

struct rec_life {
	struct rec_hdr hdr;
	__u64 time_ns;
	__u32 what; /* enum life_what */
	__u32 tgid;
	__u32 image;
	__u32 parent; /* LIFE_FORK: the parent's tgid */
	char comm[INFBPF_COMM];
};

/* Threads that ended while the ring was full: sums by process and name, in the map "ended". */
struct ended_key {
	__u32 tgid;
	char comm[INFBPF_COMM];
};

struct ended_rec {
	struct thread_times times;
	__u64 wall_ns;
	__u64 threads;
};

/* Losses and activity, one copy a CPU; user space sums them. */
struct cpu_counts {
	__u64 switches;	   /* sched_switch, any task, since attached */
	__u64 wakeups;	   /* sched_wakeup, likewise */
	__u64 clocks;	   /* ticks of the on-CPU clock */
	__u64 call_hits;   /* entry probe hits in scope or not */
	__u64 costly_hits; /* of call_hits: at probes whose instruction is single-stepped */
	__u64 return_hits; /* return probe hits */
	__u64 samples;	   /* samples sent */
	__u64 lost_ring;   /* records that did not fit the ring */
	__u64 lost_stack;  /* stacks decided on but not taken (missed mark, scratch busy) */
	__u64 lost_map;	   /* updates refused by a full map */
	__u64 lost_wakeup; /* switched in while still booked as blocked */
	__u64 lost_switch; /* a thread's state contradicts the event: one before it was not shown */
	__u64 lost_storage; /* thread in scope without storage: not accounted */
	__u64 lost_return;  /* return without entry, or entry beyond the call stack's depth */
	__u64 calibrate_hits;
	__u64 lost_thread; /* ended threads that are in no record and not in the map "ended" */
	__u64 lost_memory; /* allocations, frees and names whose record did not fit the ring */
	__u64 booked;	   /* of switches, within the window: away from a thread in scope */
	__u64 idle;	   /* of switches: away from the idle task */
	__u64 mark_hits;   /* probes of marks and stages, in scope or not */
	__u64 lost_spans; /* spans and marks that are in no record, stages that were one too many */
	__u64 function_hits;   /* probes of functions that are stages, in scope or not */
	__u64 function_costly; /* of them: at an instruction that is single-stepped */
};

#endif /* INFBPF_H */
