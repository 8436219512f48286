/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * io_uring: from the submission of a request to its completion being posted.
 *
 * Context: submission in the task that enters the kernel (or the ring's polling thread), completion there,
 * in a worker, or in the task's own work; preemptible. About 0.4 us a request, nothing else pays.
 *
 * A completion that the program asked not to be posted (IOSQE_CQE_SKIP_SUCCESS) is not seen; the
 * entry is overwritten when the request's structure is used again.
 */
#include "io.bpf.h"

#define CQE_F_MORE (1 << 1) /* the request goes on: more completions will come of it */

/* include/uapi/linux/io_uring.h */
static __always_inline u32 uring_kind(u8 opcode)
{
	switch (opcode) {
	case 1:	 /* READV */
	case 4:	 /* READ_FIXED */
	case 22: /* READ */
	case 49: /* READ_MULTISHOT */
	case 60: /* READV_FIXED */
		return IO_URING_READ;
	case 2:	 /* WRITEV */
	case 5:	 /* WRITE_FIXED */
	case 23: /* WRITE */
	case 61: /* WRITEV_FIXED */
		return IO_URING_WRITE;
	case 3: /* FSYNC */
	case 8: /* SYNC_FILE_RANGE */
		return IO_URING_FSYNC;
	case 10: /* RECVMSG */
	case 27: /* RECV */
	case 58: /* RECV_ZC */
		return IO_URING_RECEIVE;
	case 9:	 /* SENDMSG */
	case 26: /* SEND */
	case 47: /* SEND_ZC */
	case 48: /* SENDMSG_ZC */
		return IO_URING_SEND;
	default:
		return IO_URING_OTHER;
	}
}

/* ctx: the request. (Since 6.0.) */
SEC("tp_btf/io_uring_submit_req")
int handle_uring_submit(u64 *ctx)
{
	struct io_kiocb *req = (struct io_kiocb *)ctx[0];
	struct task_state *ts = io_owner();
	u64 now;

	if (!ts)
		return 0;
	now = bpf_ktime_get_ns();
	if (in_window(now))
		io_request_begin((u64)req, ts, uring_kind(BPF_CORE_READ(req, opcode)), 0, now);
	return 0;
}

static __always_inline bool moves_bytes(u32 kind)
{
	return kind != IO_URING_OTHER && kind != IO_URING_FSYNC;
}

static __always_inline void uring_end(const struct io_request *r, s32 result, u64 now)
{
	u64 wall = now > r->start_ns ? now - r->start_ns : 0;
	u64 bytes = result > 0 && moves_bytes(r->kind) ? result : 0;
	struct io_rec *rec = io_rec_at(io_place(r->tgid, 0, r->kind));

	if (rec)
		io_rec_add(rec, bytes, result < 0 && result != -EAGAIN, wall);
	io_thread_add(r->serial, 0, r->kind, 1, bytes, wall);
}

/* ctx: ring, request, then user_data, result, flags; since 6.15 ring, request, completion entry. */
SEC("tp_btf/io_uring_complete")
int handle_uring_complete(u64 *ctx)
{
	u64 address = ctx[1], now;
	struct io_request *r = bpf_map_lookup_elem(&io_requests, &address);
	struct io_uring_cqe *cqe;
	u32 flags;
	s32 result;

	if (!r || r->kind <= IO_LAST_NET)
		return 0;
	if (cfg_uring_cqe) {
		cqe = (struct io_uring_cqe *)ctx[2];
		result = BPF_CORE_READ(cqe, res);
		flags = BPF_CORE_READ(cqe, flags);
	} else {
		result = (s32)ctx[3];
		flags = (u32)ctx[4];
	}
	now = bpf_ktime_get_ns();
	if (now < t_end)
		uring_end(r, result, now);
	if (flags & CQE_F_MORE)
		r->start_ns = now; /* until the next one */
	else
		bpf_map_delete_elem(&io_requests, &address);
	return 0;
}
