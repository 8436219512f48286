/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a finished piece of I/O adds to. Shared by block.bpf.c, file.bpf.c and uring.bpf.c.
 *
 * Cost: an array's element about 5 ns, a hash map's 40, an atomic addition 5.
 */
#ifndef IO_BPF_H
#define IO_BPF_H

#include "hist.bpf.h"
#include "infbpf.bpf.h"

#define PF_IO_WORKER 0x00000010 /* sched.h; since 5.12 */
#define EAGAIN	     11

/* The account that a task's I/O belongs to; NULL: not in scope. A worker or polling thread of io_uring has
 * none of its own if it was born while tracing (no tracepoint tells of it): it works for its process. */
static __always_inline struct task_state *io_owner(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *ts = bpf_task_storage_get(&tasks, task, NULL, 0);

	if (!ts && task->flags & PF_IO_WORKER)
		ts = bpf_task_storage_get(&tasks, task->group_leader, NULL, 0);
	if (!ts || ts->flags & TASK_FLUSHED || before_command(ts))
		return NULL;
	return ts;
}

/* Where the sums of a process that has no record of its own go. */
static __always_inline u32 io_rest_place(u32 kind)
{
	return kind <= IO_LAST_BLOCK ? (kind - 1) * IO_SPANS
				     : IO_LAST_BLOCK * IO_SPANS + (kind - 1 - IO_LAST_BLOCK);
}

/* The place of the records of (process, device, kind): one, or as many as there are spans. */
static __always_inline u32 io_place(u32 tgid, u32 dev, u32 kind)
{
	struct io_key key = { .tgid = tgid, .dev = dev, .kind = kind };
	u32 n = kind <= IO_LAST_BLOCK ? IO_SPANS : 1, mine, *place;

	place = bpf_map_lookup_elem(&io_keys, &key);
	if (place)
		return *place;
	if (next_io + n > IO_RECS)
		return io_rest_place(kind);
	mine = __sync_fetch_and_add(&next_io, n);
	if (mine + n > IO_RECS)
		return io_rest_place(kind);
	if (!bpf_map_update_elem(&io_keys, &key, &mine, BPF_NOEXIST))
		return mine;
	/* Another CPU was faster, and the places of the one that was late stay empty; or there is no
	 * room for the key. */
	place = bpf_map_lookup_elem(&io_keys, &key);
	return place ? *place : io_rest_place(kind);
}

static __always_inline struct io_rec *io_rec_at(u32 place)
{
	return bpf_map_lookup_elem(&io_recs, &place);
}

static __always_inline void io_rec_time(struct io_rec *r, u64 ns)
{
	u32 b = hist_bucket(ns);

	ADD(r->wall_ns, ns);
	if (b < HIST_BUCKETS)
		__sync_fetch_and_add(&r->hist[b], 1);
	max_raise(&r->max_ns, ns);
}

static __always_inline void io_rec_add(struct io_rec *r, u64 bytes, bool failed, u64 wall)
{
	__sync_fetch_and_add(&r->calls, 1);
	if (failed)
		__sync_fetch_and_add(&r->errors, 1);
	else
		ADD(r->bytes, bytes);
	io_rec_time(r, wall);
}

/* Notes a request of current's, or of the process that it works for. */
static __always_inline void io_request_begin(u64 address, const struct task_state *ts, u32 kind,
					     u32 dev, u64 now)
{
	struct io_request r = { .kind = kind };

	r.serial = ts->serial;
	r.tgid = ts->tgid;
	r.dev = dev;
	r.start_ns = now;
	if (bpf_map_update_elem(&io_requests, &address, &r, BPF_ANY))
		map_lost();
}

#endif /* IO_BPF_H */
