/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls on files and sockets, however they are seen: as system calls (file.bpf.c) or as kernel functions
 * (file_function.bpf.c).
 *
 * Context: the calling task, before and after its call; preemption off, but for kprobes on kernels that
 * optimise them. Another task never touches its struct io_call.
 * Cost: one that is accounted, some 0.5 us with the way here.
 */
#ifndef FILE_BPF_H
#define FILE_BPF_H

#include "descriptor.bpf.h"
#include "io.bpf.h"

#define PAGE_SHIFT 12 /* x86 */

enum file_call {
	DO_NONE,
	DO_READ,    /* from the file's position */
	DO_READ_AT, /* from the one in the fourth argument */
	DO_WRITE,
	DO_SYNC,
	DO_RECEIVE,
	DO_RECEIVE_MANY, /* tells messages, not bytes */
	DO_SEND,
	DO_SEND_MANY,
};

/* Kernel functions that stand for calls. 0: seen as a system call. */
enum file_function { BY_SYSCALL, BY_VFS_READ, BY_VFS_WRITE, BY_FSYNC, BY_TCP_SEND, BY_TCP_RECEIVE };

static __always_inline bool is_receive(u32 call)
{
	return call == DO_READ || call == DO_READ_AT || call == DO_RECEIVE ||
	       call == DO_RECEIVE_MANY;
}

/* What a call on this file is. IO_NONE: neither file, pipe nor socket (a terminal, an eventfd). */
static __always_inline u32 file_kind(struct file *file, u32 call)
{
	bool receive = is_receive(call);

	if (call == DO_SYNC)
		return IO_FSYNC;
	switch (descriptor_file(file, false)) {
	case FD_REGULAR:
		return receive ? IO_FILE_READ : IO_FILE_WRITE;
	case FD_DIRECT:
		return receive ? IO_DIRECT_READ : IO_DIRECT_WRITE;
	case FD_PIPE:
		return receive ? IO_PIPE_READ : IO_PIPE_WRITE;
	case FD_TCP:
		return receive ? IO_TCP_RECEIVE : IO_TCP_SEND;
	case FD_UDP:
		return receive ? IO_UDP_RECEIVE : IO_UDP_SEND;
	case FD_UNIX:
		return receive ? IO_UNIX_RECEIVE : IO_UNIX_SEND;
	case FD_SOCKET:
		return receive ? IO_SOCKET_RECEIVE : IO_SOCKET_SEND;
	default:
		return IO_NONE;
	}
}

static __always_inline bool kind_wanted(u32 kind)
{
	if (!kind)
		return false;
	return cfg_io_parts & (kind <= IO_LAST_FILE ? IO_PART_FILE : IO_PART_NET);
}

/* A read that the page cache did not serve alone: the thread waited for the device in it, or pages of
 * the file up to the last one that it read were brought in. Pages beyond are read ahead, for others. */
static __always_inline bool read_missed(const struct task_state *ts, struct file *file, u64 end)
{
	if (ts->io_waits != ts->io.waits)
		return true;
	if (!ts->io.mapping || !end || ts->io.first_page > (end - 1) >> PAGE_SHIFT)
		return false;
	return ts->io.mapping == (u64)BPF_CORE_READ(file, f_mapping);
}

/* The thread's slot for this kind, freed for it if need be. */
static __always_inline struct io_slot *slot_get(struct task_state *ts, u32 kind)
{
	struct io_slot *s;
	u32 i;

#pragma unroll
	for (i = 0; i < IO_SLOTS; i++) {
		s = &ts->ios[i];
		if (s->kind == kind)
			return s;
		if (!s->kind)
			goto take;
	}
	s = &ts->ios[ts->io_next++ & (IO_SLOTS - 1)];
	io_slot_flush(ts->serial, s);
take:
	s->kind = kind;
	s->place = io_place(ts->tgid, 0, kind);
	s->calls = 0;
	s->bytes = 0;
	s->wall_ns = 0;
	return s;
}

/* end: of a file read, where it stopped; 0: not known. */
static __always_inline void call_end(struct task_state *ts, u32 kind, struct file *file,
				     long result, u64 bytes, u64 end, u64 now)
{
	struct io_slot *s = slot_get(ts, kind);
	u64 wall = now - ts->io.start_ns;
	struct io_rec *r = io_rec_at(s->place);
	bool failed = result < 0 && result != -EAGAIN;

	s->calls++;
	s->bytes += bytes;
	s->wall_ns += wall;
	if (!r)
		return;
	io_rec_add(r, bytes, failed, wall);
	if (kind == IO_FILE_READ && result >= 0 && read_missed(ts, file, end))
		__sync_fetch_and_add(&r->misses, 1);
}

static __always_inline void call_begin(struct task_state *ts, u32 by, u64 now)
{
	ts->io.start_ns = now;
	ts->io.mapping = 0;
	ts->io.first_page = 0;
	ts->io.waits = ts->io_waits;
	ts->io.by = by;
}

/* The calling thread's account while the window is open. */
static __always_inline struct task_state *caller(struct task_struct *task, u64 *now)
{
	struct task_state *ts = bpf_task_storage_get(&tasks, task, NULL, 0);

	if (!ts || ts->flags & TASK_FLUSHED || before_command(ts))
		return NULL;
	*now = bpf_ktime_get_ns();
	return in_window(*now) ? ts : NULL;
}

#endif /* FILE_BPF_H */
