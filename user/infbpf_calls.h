/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The part of infbpf.h that is about CUDA calls: what a probe's cookie says, what the kernel side counts
 * of calls, and the records that it sends about memory and launches. Included by infbpf.h only.
 */
#ifndef INFBPF_CALLS_H
#define INFBPF_CALLS_H

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

/* Records of calls and of launches lie in arrays; hash maps have their places by key. A thread remembers
 * the places that it used last: an array's element costs 5 ns, a hash map's 40. */
#define API_RECS      1792
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

#endif /* INFBPF_CALLS_H */
