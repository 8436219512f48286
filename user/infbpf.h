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

/* Exact sums of one thread over its part of the window. */
struct thread_times {
	__u64 on_cpu_ns;
	__u64 woken_ns;
	__u64 preempted_ns;
	__u64 blocked_ns;
	__u32 voluntary;   /* as rusage's ru_nvcsw: switched out, not runnable */
	__u32 involuntary; /* as rusage's ru_nivcsw: switched out, runnable */
	__u32 migrations;  /* switched in on another CPU than last time */
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

/* Time of one thread inside one CUDA call, finished calls only. As above: a few in the storage,
 * the rest in the map "thread_calls". */
struct call_slot {
	__u16 call; /* row of user/cuda_api.c + 1; 0: free slot */
	__u16 kind; /* as in struct api_key */
	__u32 count;
	__u32 api; /* where its api_rec is, + 1; 0: nowhere */
	__u32 pad;
	__u64 on_cpu_ns;
	__u64 woken_ns;
	__u64 preempted_ns;
	__u64 blocked_ns;
};
#define CALL_SLOTS 8

struct call_key {
	__u64 serial;
	__u16 call;
	__u16 pad[3];
};

/*
 * Log-linear histogram of nanoseconds: 16 sub-buckets an octave, so a bucket's width is at most
 * 6.25 % of its lower edge. Values under 16 have a bucket each; the last bucket is open (from
 * 2^40 ns, 18 minutes).
 */
#define HIST_SUB_BITS  4
#define HIST_MAX_SHIFT 40
#define HIST_BUCKETS   ((HIST_MAX_SHIFT - HIST_SUB_BITS + 1) * (1 << HIST_SUB_BITS))

/* Records of calls and of launches lie in arrays; hash maps have their places by key. A thread remembers
 * the places that it used last: an array's element costs 5 ns, a hash map's 40. */
#define API_RECS      2048
#define LAUNCH_RECS   8192
#define LAUNCHER_RECS 512

/* One (process image, CUDA call, copy kind). Finished calls only, the outermost on the thread; with
 * --driver also driver calls inside a runtime call, under a key of their own. */
struct api_key {
	__u32 tgid;
	__u32 image;
	__u16 call;
	__u16 kind;   /* cudaMemcpyKind + 1 for copies, else 0 */
	__u16 inside; /* the outermost call that this one was inside of, 0: itself the outermost */
	__u16 pad;
};

/* A call as long as this waited for something: shorter ones neither spin nor block to any purpose. */
#define CALL_WAITED_NS 20000

struct api_rec {
	__u64 calls;
	__u64 errors;	 /* returned anything but 0 */
	__u64 bytes;	 /* of calls that returned 0 */
	__u64 on_cpu_ns; /* wall time is the sum of the three states, to the nanosecond */
	__u64 run_queue_ns;
	__u64 blocked_ns;
	__u64 voluntary;
	__u64 involuntary;
	__u64 max_ns;
	/* Of the calls of CALL_WAITED_NS and more: how many, those that were blocked for half of their
	 * time or more, those that were on the CPU for three quarters or more. */
	__u64 waited;
	__u64 blocked_calls;
	__u64 spun;
	/* Not in any other field: */
	__u64 abandoned;     /* left by longjmp or thread death */
	__u64 open_at_start; /* began before the window, ended inside it */
	__u32 hist[HIST_BUCKETS];
};

/* What a call is to the kernel side. */
enum call_what {
	CALL_PLAIN = 0,
	CALL_LAUNCH = 1,     /* of a kernel or a graph */
	CALL_COPY = 2,	     /* returns when the copy is done */
	CALL_ASYNC_COPY = 3, /* should return at once */
	CALL_SYNC = 4,	     /* waits for the device */
	CALL_ALLOC = 5,
	CALL_FREE = 6,
	CALL_NAMED = 7,	   /* returns a handle for a function whose name it was given */
	CALL_REGISTER = 8, /* names a function; no call of its own: entry probe only, not counted */
};

/* What an allocation is of. 0: none. */
enum memory_kind {
	MEMORY_DEVICE = 1,
	MEMORY_POOL = 2, /* in stream order, from a pool */
	MEMORY_MANAGED = 3,
	MEMORY_PINNED = 4,
	MEMORY_REGISTERED = 5, /* the program's own, pinned */
	MEMORY_HANDLE =
		6, /* cuMemCreate: physical memory, known by a handle instead of an address */
};

/* Where the figures of a call sit that are not in its arguments, or not in bytes. */
enum call_shape {
	SHAPE_NONE = 0,
	SHAPE_LAUNCH_CONFIG = 1, /* argument 1: cudaLaunchConfig_t or CUlaunchConfig */
	SHAPE_COPY_3D = 2,	 /* argument 1: cudaMemcpy3DParms */
	SHAPE_COPY_3D_PEER = 3,	 /* argument 1: cudaMemcpy3DPeerParms */
	SHAPE_DRIVER_2D = 4,	 /* argument 1: CUDA_MEMCPY2D */
	SHAPE_DRIVER_3D = 5,	 /* argument 1: CUDA_MEMCPY3D */
	SHAPE_NCCL_TYPE = 6,	 /* "times" is an ncclDataType_t */
	SHAPE_UNITS_2 = 7,	 /* "bytes" counts units of 2 bytes */
	SHAPE_UNITS_4 = 8,
};

enum call_api { API_RUNTIME = 0, API_DRIVER = 1, API_NCCL = 2 };

/*
 * The attach cookie of a CUDA call's probes: which call, what it is, and which integer argument holds
 * what. Argument numbers are 1-based (from the seventh on they are on the stack); 0 means none.
 * A dim3 by value takes two numbers.
 */
#define COOKIE_CALL(c)	 ((__u16)((c)&0xfff))	     /* row of user/cuda_api.c + 1 */
#define COOKIE_BYTES(c)	 ((__u8)(((c) >> 12) & 0xf)) /* argument that counts bytes */
#define COOKIE_TIMES(c)	 ((__u8)(((c) >> 16) & 0xf)) /* argument that multiplies it (2D) */
#define COOKIE_KIND(c)	 ((__u8)(((c) >> 20) & 0xf)) /* argument that is a cudaMemcpyKind */
#define COOKIE_FIXED(c)	 ((__u8)(((c) >> 24) & 0x7)) /* cudaMemcpyKind + 1 that the name tells */
#define COOKIE_STREAM(c) ((__u8)(((c) >> 28) & 0xf)) /* argument that is a stream */
#define COOKIE_OBJECT(c) ((__u8)(((c) >> 32) & 0xf)) /* see struct cuda_call in user/cuda.h */
#define COOKIE_WHAT(c)	 ((__u8)(((c) >> 36) & 0xf)) /* enum call_what */
#define COOKIE_MEMORY(c) ((__u8)(((c) >> 40) & 0x7)) /* enum memory_kind */
#define COOKIE_SHAPE(c)	 ((__u8)(((c) >> 43) & 0xf)) /* enum call_shape */
#define COOKIE_DST(c)	 ((__u8)(((c) >> 47) & 0xf)) /* of a copy whose kind may be "default" */
#define COOKIE_SRC(c)	 ((__u8)(((c) >> 51) & 0xf))
#define COOKIE_NAME(c)	 ((__u8)(((c) >> 55) & 0xf)) /* argument that is a function's name */
#define COOKIE_API(c)	 ((__u8)(((c) >> 59) & 0x3)) /* enum call_api */
/* The probe's instruction is single-stepped: 20 times the trap. */
#define COOKIE_COSTLY (1ULL << 27)
/* A variant (_ptsz, _ptds) for which stream 0 is the thread's own default stream. */
#define COOKIE_PER_THREAD (1ULL << 61)
/* COOKIE_NAME is not a string but another object, whose name this one has. */
#define COOKIE_ALIAS (1ULL << 62)

/* COOKIE_STREAM: no argument, the call works on the default stream. */
#define STREAM_DEFAULT_ARG 15
/* Streams that are no handles (driver_types.h): the legacy default stream (also cudaStreamLegacy, 1),
 * and each thread's own. */
#define STREAM_LEGACY	  0ULL
#define STREAM_PER_THREAD 2ULL
#define STREAM_NONE	  (~0ULL)

/* Launches of one thing from one place. */
struct launch_key {
	__u32 tgid;
	__u32 image;
	__u64 site; /* the return address: in the launch stub, or the function that it was inlined into */
	__u64 object; /* what was launched: a stub's address, a cudaKernel_t, CUfunction, graph */
	__u16 call;
	__u16 pad[3];
};

struct launch_rec {
	__u64 calls;
	__u64 errors;
	__u64 wall_ns;
	__u64 gaps;   /* launches that had another one before them on their thread */
	__u64 gap_ns; /* since that one's return */
};

/* One thread that launches: the gaps between a launch's return and the next launch's entry. Written by
 * that thread alone. */
struct launcher_rec {
	__u64 serial; /* 0: free */
	__u64 launches;
	__u64 wall_ns; /* in launch calls */
	__u64 gaps;
	__u64 gap_ns;
	__u64 gap_max_ns;
	__u32 hist[HIST_BUCKETS]; /* of the gaps */
};

/* One thread's calls on one stream. As above: a few slots in the storage, the rest in a map. */
struct stream_slot {
	__u64 stream; /* STREAM_NONE: free */
	__u64 calls;
	__u64 launches;
	__u64 copies;
	__u64 bytes; /* of copies and sets that returned 0 */
	__u64 wall_ns;
	__u64 syncs; /* calls that waited for the stream */
	__u64 sync_ns;
};
#define STREAM_SLOTS 4

struct stream_key {
	__u32 tgid;
	__u32 image;
	__u64 stream;
};

struct error_key {
	__u32 tgid;
	__u32 image;
	__u32 code;
	__u16 call;
	__u16 inside;
};

/* Copies of one kind by size: the number of those with 2^(i-1) < bytes <= 2^i; 0 and 1 byte: i = 0. */
#define COPY_SIZES 48
struct copy_key {
	__u32 tgid;
	__u32 image;
	__u16 kind; /* cudaMemcpyKind + 1, 0: not known */
	__u16 pad[3];
};

struct copy_rec {
	__u64 calls; /* finished; all below is about these */
	__u64 bytes; /* of those that returned 0 */
	__u64 wall_ns;
	__u64 sizes[COPY_SIZES];
};

/* --- records in the ring buffer and in the closing iterator's output --- */
enum rec_type {
	REC_THREAD = 1,	 /* struct rec_thread: the final account of a thread */
	REC_SAMPLE = 2,	 /* struct rec_sample */
	REC_LIFE = 3,	 /* struct rec_life */
	REC_RESOLVE = 4, /* struct rec_resolve */
	REC_MEMORY = 5,	 /* struct rec_memory */
	REC_NAME = 6,	 /* struct rec_name */
	REC_LAUNCH = 7,	 /* struct rec_launch */
};

struct rec_hdr {
	__u32 type; /* enum rec_type */
	__u32 len;  /* of the whole record, this header included */
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
	__u16 open_kind;
	__u16 open_before; /* the open call began before the window */
	__u32 abandoned;   /* calls of this thread closed as abandoned */
	char comm[INFBPF_COMM];
	char process[INFBPF_COMM]; /* the group leader's comm */
};

enum sample_kind {
	SAMPLE_ON_CPU = 1,    /* on-CPU clock: weight 1, the exact total scales it */
	SAMPLE_WAIT = 2,      /* after the wait, in the thread's own context */
	SAMPLE_CALL = 3,      /* at the return of a CUDA call: the caller's stack */
	SAMPLE_OPEN_WAIT = 4, /* still waiting at the end: registers, no user stack */
	SAMPLE_OUT = 5,	      /* at switch-out, weight unknown: a rec_resolve follows */
	SAMPLE_ALLOC =
		6, /* at the return of an allocation: follows its rec_memory with the same seq */
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

struct rec_sample {
	struct rec_hdr hdr;
	__u64 serial;
	__u64 time_ns;
	__u32 tgid;
	__u32 tid;
	__u32 image;
	__u16 kind;  /* enum sample_kind */
	__u16 call;  /* CUDA call in progress (row + 1), 0: none */
	__u16 inner; /* with --driver: the driver call inside it, 0: none */
	__u16 pad[3];
	/* What the sample stands for, already weighted by max(d, T) / d; 0 for SAMPLE_ON_CPU. For a
	 * wait: the blocked and run-queue parts of the gap. For a call: its wall time in on_cpu_ns. */
	__u64 on_cpu_ns;
	__u64 woken_ns;
	__u64 preempted_ns;
	__u64 blocked_ns;
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
};

/* The gap that began with SAMPLE_OUT (serial, seq) is over. */
struct rec_resolve {
	struct rec_hdr hdr;
	__u64 serial;
	__u32 seq;
	__u32 pad;
	__u64 woken_ns;
	__u64 preempted_ns;
	__u64 blocked_ns;
};

enum memory_op {
	MEMORY_ALLOC = 1, /* sent at the return of an allocation that succeeded */
	/* Sent at a free's entry: once it has returned, another thread may be given the same address. */
	MEMORY_FREE = 2,
	MEMORY_FREE_FAILED = 3, /* that free returned an error */
	MEMORY_COPY =
		4, /* a copy whose kind the call does not tell, at its return: from src to ptr */
};

/* Allocations, frees and copies of unknown kind, in the order in which they happened. */
struct rec_memory {
	struct rec_hdr hdr;
	__u64 time_ns;
	__u32 tgid;
	__u32 image;
	__u16 op;   /* enum memory_op */
	__u16 kind; /* enum memory_kind; of a free, MEMORY_HANDLE or 0 */
	__u16 call;
	__u16 sampled; /* a SAMPLE_ALLOC follows */
	__u32 seq;
	__u32 pad;
	__u64 ptr;
	__u64 bytes;
	__u64 src;     /* MEMORY_COPY */
	__u64 wall_ns; /* MEMORY_COPY */
	__u64 serial;
};

/* The first launch of its kind: where it comes from is to be looked up while the process lives. */
struct rec_launch {
	struct rec_hdr hdr;
	struct launch_key key;
};

#define REC_NAME_BYTES 512

/* What a handle or an address launches. */
struct rec_name {
	struct rec_hdr hdr;
	__u32 tgid;
	__u32 image;
	__u64 object; /* a launch stub's address, or a handle */
	__u64 alias;  /* not 0: has the name of this other object */
	/* Of the name in the process, which had not touched it yet: name is "". Else 0. */
	__u64 address;
	char name[REC_NAME_BYTES]; /* NUL-ended, perhaps cut; as the program says: mangled */
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
};

#endif /* INFBPF_H */
