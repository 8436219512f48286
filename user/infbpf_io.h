/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The part of infbpf.h that is about I/O: block requests, calls on files and sockets, io_uring. Included
 * by infbpf.h only.
 */
#ifndef INFBPF_IO_H
#define INFBPF_IO_H

/* What --io asks for. */
enum io_part {
	IO_PART_BLOCK = 1 << 0,
	IO_PART_FILE = 1 << 1,
	IO_PART_NET = 1 << 2,
	IO_PART_URING = 1 << 3,
};
#define IO_PARTS 4

/* Names and parts in user/collect_io.c. Those of block requests come first: each takes three places. */
enum io_kind {
	IO_NONE = 0,
	IO_BLOCK_READ,
	IO_BLOCK_WRITE,
	IO_BLOCK_FLUSH,
	IO_BLOCK_DISCARD,
	IO_BLOCK_OTHER,
	IO_FILE_READ,
	IO_FILE_WRITE,
	IO_DIRECT_READ, /* O_DIRECT: past the page cache */
	IO_DIRECT_WRITE,
	IO_FSYNC,
	IO_PIPE_READ,
	IO_PIPE_WRITE,
	IO_TCP_RECEIVE,
	IO_TCP_SEND,
	IO_UDP_RECEIVE,
	IO_UDP_SEND,
	IO_UNIX_RECEIVE,
	IO_UNIX_SEND,
	IO_SOCKET_RECEIVE, /* of any other kind */
	IO_SOCKET_SEND,
	IO_URING_READ,
	IO_URING_WRITE,
	IO_URING_FSYNC,
	IO_URING_RECEIVE,
	IO_URING_SEND,
	IO_URING_OTHER,
	IO_KINDS,
};
#define IO_LAST_BLOCK IO_BLOCK_OTHER
#define IO_FIRST_FILE IO_FILE_READ
#define IO_LAST_FILE  IO_PIPE_WRITE
#define IO_LAST_NET   IO_SOCKET_SEND

/* What a place in the array of records counts; of a block request three in a row. */
enum io_span {
	IO_SPAN_WHOLE = 0,
	IO_SPAN_QUEUE = 1,  /* asked for, not yet given to the device */
	IO_SPAN_DEVICE = 2, /* given to it, not yet done */
	IO_SPANS = 3,
};

/* The first places are those of processes that no others are left for, by kind. */
#define IO_REST	       (IO_LAST_BLOCK * IO_SPANS + IO_KINDS - 1 - IO_LAST_BLOCK)
#define IO_RECS	       448
#define IO_KEYS	       384
#define IO_IN_FLIGHT   4096
#define IO_THREADS     2048
#define IO_DEV(ma, mi) ((__u32)(ma) << 20 | (mi))
#define IO_MAJOR(dev)  ((dev) >> 20)
#define IO_MINOR(dev)  ((dev)&0xfffff)

/* One (process, kind, device). dev 0: none. */
struct io_key {
	__u32 tgid;
	__u32 dev;
	__u16 kind; /* enum io_kind */
	__u16 pad[3];
};

/* What began and ended within the window. Of the spans of a block request only wall_ns, max_ns and
 * hist count. */
struct io_rec {
	__u64 calls;
	__u64 errors; /* returned an error; that there is nothing to be had yet (EAGAIN) is none */
	__u64 bytes;  /* that were moved */
	__u64 wall_ns;
	__u64 max_ns;
	__u64 misses; /* of file reads: had to wait for the device, or read pages into the cache */
	__u32 hist[HIST_BUCKETS];
};

struct io_thread_key {
	__u64 serial;
	__u32 dev;
	__u16 kind;
	__u16 pad;
};

struct io_thread_rec {
	__u64 calls;
	__u64 bytes;
	__u64 wall_ns;
};

/* The same of the kinds that a thread used last, in its storage. */
struct io_slot {
	__u16 kind; /* 0: free slot */
	__u16 place;
	__u32 calls;
	__u64 bytes;
	__u64 wall_ns;
};
#define IO_SLOTS 4

/* A request in flight, of the block layer or of io_uring, by its address in the kernel. */
struct io_request {
	__u64 serial;
	__u64 start_ns;
	__u64 issue_ns; /* 0: not given to the device yet */
	__u64 bytes;	/* done so far: a request may be completed in pieces */
	__u32 tgid;
	__u32 dev;
	__u16 kind;
	__u16 failed;
	__u32 pad;
};

#endif /* INFBPF_IO_H */
