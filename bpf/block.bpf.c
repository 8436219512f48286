/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Block requests: who asked, how long they queued, how long the device took.
 *
 * Context: a request begins in the task that asks for it (writeback: a kernel thread), is issued there
 * or in a kernel worker, and completes in an interrupt. Requests are few beside system calls: about
 * 0.5 us each in all, nothing else pays.
 *
 * What was merged into a request counts with it, for whoever began it. A request that was merged into
 * another one never completes: its entry is overwritten when its structure is used again, of which there
 * are only so many a device.
 */
#include "io.bpf.h"

/* blk_types.h; unchanged since 4.10. */
#define REQ_OP_MASK	    0xff
#define REQ_OP_READ	    0
#define REQ_OP_WRITE	    1
#define REQ_OP_FLUSH	    2
#define REQ_OP_DISCARD	    3
#define REQ_OP_SECURE_ERASE 5

/* fsync's flush is a write of nothing, with REQ_PREFLUSH. */
static __always_inline u32 request_kind(u32 flags, u32 bytes)
{
	switch (flags & REQ_OP_MASK) {
	case REQ_OP_READ:
		return IO_BLOCK_READ;
	case REQ_OP_WRITE:
		return bytes ? IO_BLOCK_WRITE : IO_BLOCK_FLUSH;
	case REQ_OP_FLUSH:
		return IO_BLOCK_FLUSH;
	case REQ_OP_DISCARD:
	case REQ_OP_SECURE_ERASE:
		return IO_BLOCK_DISCARD;
	default:
		return IO_BLOCK_OTHER;
	}
}

static __always_inline u32 request_device(struct request *rq)
{
	struct gendisk *disk = BPF_CORE_READ(rq, q, disk);

	return disk ? IO_DEV(BPF_CORE_READ(disk, major), BPF_CORE_READ(disk, first_minor)) : 0;
}

static __always_inline u32 request_kind_of(struct request *rq)
{
	return request_kind(BPF_CORE_READ(rq, cmd_flags), BPF_CORE_READ(rq, __data_len));
}

static __always_inline void request_begin(struct request *rq, u64 start)
{
	struct task_state *ts = io_owner();

	if (ts && in_window(start))
		io_request_begin((u64)rq, ts, request_kind_of(rq), request_device(rq), start);
}

/* 6.5 and later. */
SEC("tp_btf/block_io_start")
int handle_block_start(u64 *ctx)
{
	request_begin((struct request *)ctx[0], bpf_ktime_get_ns());
	return 0;
}

/* A request is about to be made for this bio: kept under its address until the request shows up with it.
 * (In older kernels the function where a request begins is mostly inlined: no place for a probe.) */
SEC("tp_btf/block_getrq")
int handle_block_getrq(u64 *ctx)
{
	struct task_state *ts = io_owner();
	u64 now = bpf_ktime_get_ns();

	if (ts && in_window(now))
		io_request_begin(ctx[0], ts, IO_BLOCK_OTHER, 0, now);
	return 0;
}

/* The request's entry. One that has none may have its first bio's, which becomes its own. */
static __always_inline struct io_request *request_get(struct request *rq)
{
	u64 address = (u64)rq, bio;
	struct io_request *r = bpf_map_lookup_elem(&io_requests, &address), copy;

	if (r || cfg_block_start != 2)
		return r;
	bio = (u64)BPF_CORE_READ(rq, bio);
	r = bio ? bpf_map_lookup_elem(&io_requests, &bio) : NULL;
	if (!r)
		return NULL;
	copy = *r;
	copy.kind = request_kind_of(rq);
	copy.dev = request_device(rq);
	bpf_map_delete_elem(&io_requests, &bio);
	if (bpf_map_update_elem(&io_requests, &address, &copy, BPF_ANY))
		map_lost();
	return bpf_map_lookup_elem(&io_requests, &address);
}

/* Again after a requeue: the last time counts. */
SEC("tp_btf/block_rq_issue")
int handle_block_issue(u64 *ctx)
{
	struct request *rq = (struct request *)ctx[0];
	u64 address = (u64)rq, now = bpf_ktime_get_ns();
	struct io_request *r = request_get(rq);

	/* A request that was not seen to begin belongs to who issues it. Its own clock, where the
	 * kernel keeps one, tells since when it has been waiting. */
	if (!r && !cfg_block_start) {
		u64 start = BPF_CORE_READ(rq, start_time_ns);

		request_begin(rq, start && start < now ? start : now);
		r = bpf_map_lookup_elem(&io_requests, &address);
	}
	if (r)
		r->issue_ns = now;
	return 0;
}

static __always_inline void span_add(u32 place, u32 span, u64 ns)
{
	struct io_rec *r = io_rec_at(place + span);

	if (r)
		io_rec_time(r, ns);
}

static __always_inline void request_end(const struct io_request *r, u64 now)
{
	u64 wall = now > r->start_ns ? now - r->start_ns : 0;
	/* A flush without data is never issued itself: the device's time is all there is. */
	u64 queue = r->issue_ns > r->start_ns ? r->issue_ns - r->start_ns : 0;
	u32 place = io_place(r->tgid, r->dev, r->kind);
	struct io_rec *rec = io_rec_at(place);

	if (queue > wall)
		queue = wall;
	if (rec)
		io_rec_add(rec, r->bytes, r->failed, wall);
	span_add(place, IO_SPAN_QUEUE, queue);
	span_add(place, IO_SPAN_DEVICE, wall - queue);
	io_thread_add(r->serial, r->dev, r->kind, 1, r->failed ? 0 : r->bytes, wall);
}

/* ctx: request, error (blk_status_t, up to 5.15 an errno), bytes that are done now. The request still
 * says how many were left before that. */
SEC("tp_btf/block_rq_complete")
int handle_block_complete(u64 *ctx)
{
	struct request *rq = (struct request *)ctx[0];
	u64 address = (u64)rq, now;
	struct io_request *r = request_get(rq);
	u32 bytes = (u32)ctx[2];

	if (!r || r->kind > IO_LAST_BLOCK)
		return 0;
	r->bytes += bytes;
	r->failed |= !!(u32)ctx[1];
	if (bytes < BPF_CORE_READ(rq, __data_len))
		return 0;
	now = bpf_ktime_get_ns();
	if (now < t_end)
		request_end(r, now);
	bpf_map_delete_elem(&io_requests, &address);
	return 0;
}
