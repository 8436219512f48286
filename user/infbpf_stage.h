/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The part of infbpf.h that is about stages and requests: what a mark's probe is told, what the kernel
 * side adds up, and the records that it sends. Included by infbpf.h only.
 */
#ifndef INFBPF_STAGE_H
#define INFBPF_STAGE_H

#define STAGE_NAME   32 /* bytes of a name, its NUL among them */
#define STAGE_DEPTH  16 /* open stages of a thread; power of two */
#define STAGE_FRAMES 4	/* of them, the outermost, that samples carry */

/* Names have numbers, by the map "stage_names". */
#define STAGE_NAMES	  4096 /* the numbers are less; the map has room for STAGE_NAMES_FEW */
#define STAGE_NAMES_FEW	  512
#define STAGE_NAME_NONE	  0
#define STAGE_NAME_UNREAD 1 /* there is none at the address */
#define STAGE_NAME_MORE	  2 /* all names that there was no room for */
#define STAGE_NAME_FIRST  3
/* With a number: nobody had touched the page yet that the name is on, which the kernel side does not
 * fault in. It is the name of a struct stage_address. */
#define STAGE_NAME_LATER	0x8000
#define STAGE_NAME_NUMBER(name) ((name)&0x7fff)

/* Records of (process image, name, source), 2.5 KiB each; where functions are probed, more. */
#define STAGE_RECS	128
#define STAGE_RECS_MANY 1024

/* enum wait_cause of user/wait_cause.h, as far as the kernel side knows of it. */
#define STAGE_CAUSES	    13
#define STAGE_CAUSE_GPU	    1
#define STAGE_CAUSE_STOPPED 11

/* The cause of a wait by what is known when it begins: the system call (all from 511 on are one: none),
 * enum wait_fd, iowait. */
#define STAGE_CAUSE_ROW(syscall) ((((__u32)(__u16)(syscall)) < 511 ? (__u16)(syscall) : 511) << 5)
#define STAGE_CAUSE_IOWAIT	 16
#define STAGE_CAUSE_TABLE	 (512 << 5)

struct stage_name {
	char name[STAGE_NAME]; /* NUL-ended, zeroes behind */
};

/* The same as a key, where user space has to read it. No name looks like this. */
struct stage_address {
	__u8 zero, one;
	__u8 pad[6];
	__u64 address;
	__u32 tgid, image;
	__u64 more; /* 0 */
};

/* enum profile_stage_source */
enum stage_source { STAGE_FROM_MARK = 0, STAGE_FROM_FUNCTION = 1, STAGE_FROM_NVTX = 2 };

/* enum profile_span_kind */
enum stage_kind { STAGE_IS_STAGE = 0, STAGE_IS_PASS = 1 };

/* A thread's clocks, or what passed on them. Run queue and blocked time are in no other field; on_cpu_ns
 * + run_queue_ns + blocked_ns is the wall time. */
struct stage_times {
	__u64 on_cpu_ns;
	__u64 run_queue_ns;
	__u64 blocked_ns;
	__u64 throttled_ns; /* of run_queue_ns */
	__u64 calls_ns;	    /* in CUDA calls, whatever the state */
	/* Of blocked_ns, by the first cause. May sum to less or more, where the kernel hid a switch. */
	__u64 by_ns[STAGE_CAUSES];
};

struct stage_rec_key {
	__u32 tgid;
	__u32 image;
	__u16 name;
	__u16 source; /* enum stage_source */
	__u32 pad;
};

/* Spans that began and ended within the window. */
struct stage_rec {
	__u64 count;
	struct stage_times sum;
	__u64 max_ns;
	/* In no other field: */
	__u64 abandoned;   /* left without an end */
	__u64 open_at_end; /* of the window */
	__u32 hist[HIST_BUCKETS];
};

/* Spans and marks that are sent in 100 ms; those beyond are counted as lost. */
#define STAGE_RECORDS 3000

/* A span that belongs to a request, a group or a pass, or is within one. */
struct rec_span {
	struct rec_hdr hdr;
	__u32 tgid;
	__u32 tid;
	__u32 image;
	__u16 name;
	__u8 source;			/* enum stage_source */
	__u8 kind;			/* enum stage_kind */
	__u32 depth;			/* 0: outermost of its thread */
	__u32 requests, tokens, padded; /* STAGE_IS_PASS */
	__u64 id;			/* by thread and begin; never used again */
	__u64 parent;			/* 0: none */
	__u64 request;			/* its own, or the one of the span around it; 0: none */
	__u64 group;
	__u64 begin_ns;
	__u64 end_ns;
	struct stage_times times;
};

/* In the place of a request, of MARK_WAIT_BEGIN and _END: the rest is the number of an NVTX range that was
 * started on one thread and may end on another (nvtx/inject.c). */
#define STAGE_RANGE_BIT (1ULL << 63)

/* What a mark says. */
enum mark_what {
	MARK_NONE = 0,	    /* as a rec_mark: name is new and STAGE_NAME_LATER */
	MARK_STAGE_BEGIN,   /* name, request */
	MARK_STAGE_END,	    /* name */
	MARK_PASS_BEGIN,    /* name, group, requests, tokens, padded */
	MARK_PASS_END,	    /* name */
	MARK_REQUEST_BEGIN, /* request, arrival; from here on a rec_mark each */
	MARK_REQUEST_END,   /* request, tokens in, tokens out */
	MARK_REQUEST_DROP,  /* request */
	MARK_WAIT_BEGIN,    /* name, request */
	MARK_WAIT_END,	    /* name, request */
	MARK_PASS_MEMBER,   /* request */
	MARK_GROUP_LEAVE,   /* group, request */
	MARK_WHATS,
};

struct rec_mark {
	struct rec_hdr hdr;
	__u32 tgid;
	__u32 tid;
	__u32 image;
	__u16 what; /* enum mark_what */
	__u16 name; /* 0: it has none */
	__u64 time_ns;
	__u64 request;
	__u64 group;
	__u64 pass; /* MARK_PASS_MEMBER: the span's id, 0: no pass is open */
	/* MARK_REQUEST_BEGIN: arrival, 0: now. MARK_REQUEST_END: tokens in, tokens out. */
	__u64 value, value2;
};

/* Where an argument of a mark is: base + index * 2^shift + value, read from memory or not. */
#define MARK_ARGS	 5
#define MARK_SPECS	 256  /* marks in all files: the cookie is the place in "mark_specs" */
#define MARK_NO_REGISTER 0xff /* no base, no index */
#define MARK_IP		 0xfe /* the probed instruction's address */
struct mark_arg {
	__u64 value;
	__u8 base,
		index; /* register as the instruction set numbers it: rax rcx rdx rbx rsp rbp rsi rdi r8 ... */
	__u8 shift;
	__u8 is_memory;
	__u8 bytes; /* 1, 2, 4, 8; 0: not there, it is 0 */
	__u8 is_signed;
	__u8 from_bit; /* of the register: 8 for %ah and its like */
	__u8 pad;
};

struct mark_spec {
	__u16 what;   /* enum mark_what */
	__u16 source; /* enum stage_source */
	__u32 pad;
	struct mark_arg args[MARK_ARGS];
};

#endif /* INFBPF_STAGE_H */
