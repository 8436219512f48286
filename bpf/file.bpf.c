/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls on files and sockets: seen as system calls or, where that is asked for, as kernel functions.
 *
 * Context: the calling task, before and after its call; preemption off, but for kprobes on kernels that
 * optimise them. Another task never touches its struct io_call.
 * Cost: every system call of every process of the host pays for the tracepoints (about 0.15 us a call);
 * one that is accounted for 0.2 us more.
 */
#include "io.bpf.h"

#include <asm/unistd.h>

#define TS_COMPAT  0x0002 /* a 32-bit system call, whose number means another one (x86) */
#define S_IFMT	   0170000
#define S_IFSOCK   0140000
#define S_IFREG	   0100000
#define S_IFBLK	   0060000
#define S_IFIFO	   0010000
#define O_DIRECT   040000 /* x86 */
#define AF_UNIX	   1
#define AF_INET	   2
#define AF_INET6   10
#define PAGE_SHIFT 12 /* x86 */
/* Between the kernel's own: the call is to be taken up again (ERESTARTSYS to ERESTART_RESTARTBLOCK). */
#define ERESTART_FIRST 512
#define ERESTART_LAST  516

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

static __always_inline u32 syscall_call(long nr)
{
	switch (nr) {
	case __NR_read:
	case __NR_readv:
		return DO_READ;
	case __NR_pread64:
	case __NR_preadv:
	case __NR_preadv2:
		return DO_READ_AT;
	case __NR_write:
	case __NR_writev:
	case __NR_pwrite64:
	case __NR_pwritev:
	case __NR_pwritev2:
	case __NR_sendfile:
		return DO_WRITE;
	case __NR_fsync:
	case __NR_fdatasync:
	case __NR_sync_file_range:
	case __NR_syncfs:
		return DO_SYNC;
	case __NR_recvfrom:
	case __NR_recvmsg:
		return DO_RECEIVE;
	case __NR_recvmmsg:
		return DO_RECEIVE_MANY;
	case __NR_sendto:
	case __NR_sendmsg:
		return DO_SEND;
	case __NR_sendmmsg:
		return DO_SEND_MANY;
	default:
		return DO_NONE;
	}
}

static __always_inline bool is_receive(u32 call)
{
	return call == DO_READ || call == DO_READ_AT || call == DO_RECEIVE ||
	       call == DO_RECEIVE_MANY;
}

static __always_inline u32 socket_kind(struct file *file, bool receive)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk);
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	u16 protocol = BPF_CORE_READ(sk, sk_protocol);

	if (family == AF_UNIX)
		return receive ? IO_UNIX_RECEIVE : IO_UNIX_SEND;
	if (family == AF_INET || family == AF_INET6) {
		if (protocol == 6)
			return receive ? IO_TCP_RECEIVE : IO_TCP_SEND;
		if (protocol == 17)
			return receive ? IO_UDP_RECEIVE : IO_UDP_SEND;
	}
	return receive ? IO_SOCKET_RECEIVE : IO_SOCKET_SEND;
}

/* What a call on this file is. IO_NONE: neither file, pipe nor socket (a terminal, an eventfd). */
static __always_inline u32 file_kind(struct file *file, u32 call)
{
	u32 type = BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT;
	bool receive = is_receive(call);

	switch (type) {
	case S_IFSOCK:
		return socket_kind(file, receive);
	case S_IFIFO:
		return receive ? IO_PIPE_READ : IO_PIPE_WRITE;
	case S_IFREG:
	case S_IFBLK:
		if (call == DO_SYNC)
			return IO_FSYNC;
		if (BPF_CORE_READ(file, f_flags) & O_DIRECT)
			return receive ? IO_DIRECT_READ : IO_DIRECT_WRITE;
		return receive ? IO_FILE_READ : IO_FILE_WRITE;
	default:
		return call == DO_SYNC ? IO_FSYNC : IO_NONE; /* of a folder */
	}
}

static __always_inline bool kind_wanted(u32 kind)
{
	if (!kind)
		return false;
	return cfg_io_parts & (kind <= IO_LAST_FILE ? IO_PART_FILE : IO_PART_NET);
}

/* The file behind a descriptor of the calling task. NULL: it was closed meanwhile. Plain reads as far as
 * types go: a tenth of the helper's cost. */
static __always_inline struct file *descriptor_file(struct task_struct *task, u32 fd)
{
	struct fdtable *table = task->files->fdt;
	struct file *file = NULL;

	if (!table || fd >= table->max_fds)
		return NULL;
	if (bpf_probe_read_kernel(&file, sizeof(file), table->fd + fd))
		return NULL;
	return file;
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

	if (!ts || ts->flags & TASK_FLUSHED || (ts->tgid == cfg_command && !ts->image))
		return NULL;
	*now = bpf_ktime_get_ns();
	return in_window(*now) ? ts : NULL;
}

static __always_inline bool is_compat(const struct task_struct *task)
{
	return bpf_core_field_exists(task->thread_info.status) &&
	       task->thread_info.status & TS_COMPAT;
}

/* --- as system calls --- */

/* ctx: registers, number. */
SEC("tp_btf/sys_enter")
int handle_io_enter(u64 *ctx)
{
	struct task_struct *task;
	struct task_state *ts;
	u64 now;

	if (!syscall_call(ctx[1]))
		return 0;
	task = bpf_get_current_task_btf();
	ts = caller(task, &now);
	if (ts && !is_compat(task))
		call_begin(ts, BY_SYSCALL, now);
	return 0;
}

/* ctx: registers, result. The registers still hold the arguments; the number is in orig_ax. */
SEC("tp_btf/sys_exit")
int handle_io_exit(u64 *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)ctx[0];
	struct task_struct *task;
	struct task_state *ts;
	struct file *file;
	long result = ctx[1];
	u64 now, end = 0, bytes = 0;
	u32 call = syscall_call(regs->orig_ax), kind;

	if (!call)
		return 0;
	task = bpf_get_current_task_btf();
	ts = caller(task, &now);
	if (!ts || !ts->io.start_ns || ts->io.by != BY_SYSCALL)
		return 0;
	ts->busy++;
	if (result <= -ERESTART_FIRST && result >= -ERESTART_LAST)
		goto out;
	file = descriptor_file(task, regs->di);
	kind = file ? file_kind(file, call) : IO_NONE;
	if (!kind_wanted(kind))
		goto out;
	if (result > 0 && call != DO_SYNC && call != DO_RECEIVE_MANY && call != DO_SEND_MANY)
		bytes = result;
	if (kind == IO_FILE_READ && bytes)
		end = call == DO_READ_AT ? regs->r10 + bytes : BPF_CORE_READ(file, f_pos);
	call_end(ts, kind, file, result, bytes, end, now);
out:
	ts->io.start_ns = 0;
	ts->busy--;
	return 0;
}

/* --- as kernel functions --- */

static __always_inline void function_begin(u32 by, u32 kind, struct file *file, const s64 *pos)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs;
	struct task_state *ts;
	s64 at = 0;
	u64 now;

	if (!kind_wanted(kind))
		return;
	ts = caller(task, &now);
	if (!ts)
		return;
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	/* Inside a call that is accounted already (tcp_recvmsg() in vfs_read()). A call whose return was
	 * not seen, as happens when too many threads are in one, was another one: the same function,
	 * or another system call. */
	if (ts->io.start_ns && ts->io.by != by && ts->io.syscall == (s16)regs->orig_ax)
		return;
	call_begin(ts, by, now);
	ts->io.syscall = regs->orig_ax;
	ts->io.kind = kind;
	ts->io.file = (u64)file;
	if (pos)
		bpf_probe_read_kernel(&at, sizeof(at), pos);
	ts->io.pos = at;
}

static __always_inline void function_end(u32 by, long result)
{
	struct task_state *ts;
	u64 now, bytes = result > 0 && by != BY_FSYNC ? result : 0;

	ts = caller(bpf_get_current_task_btf(), &now);
	if (!ts || !ts->io.start_ns || ts->io.by != by)
		return;
	ts->busy++;
	call_end(ts, ts->io.kind, (struct file *)ts->io.file, result, bytes,
		 bytes ? ts->io.pos + bytes : 0, now);
	ts->io.start_ns = 0;
	ts->busy--;
}

/* vfs_read(), vfs_write(): file, buffer, count, position. */
static __always_inline int read_begin(struct file *file, const s64 *pos)
{
	function_begin(BY_VFS_READ, file_kind(file, DO_READ), file, pos);
	return 0;
}

static __always_inline int write_begin(struct file *file)
{
	function_begin(BY_VFS_WRITE, file_kind(file, DO_WRITE), file, NULL);
	return 0;
}

static __always_inline int sync_begin(struct file *file)
{
	function_begin(BY_FSYNC, IO_FSYNC, file, NULL);
	return 0;
}

static __always_inline int tcp_begin(u32 by)
{
	function_begin(by, by == BY_TCP_SEND ? IO_TCP_SEND : IO_TCP_RECEIVE, NULL, NULL);
	return 0;
}

static __always_inline int any_end(u32 by, long result)
{
	function_end(by, result);
	return 0;
}

SEC("fentry/vfs_read")
int handle_read_fentry(u64 *ctx)
{
	return read_begin((struct file *)ctx[0], (const s64 *)ctx[3]);
}

SEC("fexit/vfs_read")
int handle_read_fexit(u64 *ctx)
{
	return any_end(BY_VFS_READ, ctx[4]);
}

SEC("fentry/vfs_write")
int handle_write_fentry(u64 *ctx)
{
	return write_begin((struct file *)ctx[0]);
}

SEC("fexit/vfs_write")
int handle_write_fexit(u64 *ctx)
{
	return any_end(BY_VFS_WRITE, ctx[4]);
}

/* vfs_fsync_range(): file, start, end, datasync. */
SEC("fentry/vfs_fsync_range")
int handle_sync_fentry(u64 *ctx)
{
	return sync_begin((struct file *)ctx[0]);
}

SEC("fexit/vfs_fsync_range")
int handle_sync_fexit(u64 *ctx)
{
	return any_end(BY_FSYNC, (int)ctx[4]);
}

/* tcp_sendmsg(): socket, message, size. */
SEC("fentry/tcp_sendmsg")
int handle_send_fentry(u64 *ctx)
{
	return tcp_begin(BY_TCP_SEND);
}

SEC("fexit/tcp_sendmsg")
int handle_send_fexit(u64 *ctx)
{
	return any_end(BY_TCP_SEND, (int)ctx[3]);
}

SEC("fentry/tcp_recvmsg")
int handle_receive_fentry(u64 *ctx)
{
	return tcp_begin(BY_TCP_RECEIVE);
}

/* The result stands behind the arguments, of which there are ever fewer: 6 in 5.15, 4 in 6.18. */
SEC("fexit/tcp_recvmsg")
int handle_receive_fexit(u64 *ctx)
{
	u64 result = 0;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_func_ret)) /* 5.17 */
		bpf_get_func_ret(ctx, &result);
	else
		result = ctx[6];
	return any_end(BY_TCP_RECEIVE, (int)result);
}

SEC("kprobe")
int handle_read_kprobe(struct pt_regs *ctx)
{
	return read_begin((struct file *)PT_REGS_PARM1(ctx), (const s64 *)PT_REGS_PARM4(ctx));
}

SEC("kretprobe")
int handle_read_kretprobe(struct pt_regs *ctx)
{
	return any_end(BY_VFS_READ, PT_REGS_RC(ctx));
}

SEC("kprobe")
int handle_write_kprobe(struct pt_regs *ctx)
{
	return write_begin((struct file *)PT_REGS_PARM1(ctx));
}

SEC("kretprobe")
int handle_write_kretprobe(struct pt_regs *ctx)
{
	return any_end(BY_VFS_WRITE, PT_REGS_RC(ctx));
}

SEC("kprobe")
int handle_sync_kprobe(struct pt_regs *ctx)
{
	return sync_begin((struct file *)PT_REGS_PARM1(ctx));
}

SEC("kretprobe")
int handle_sync_kretprobe(struct pt_regs *ctx)
{
	return any_end(BY_FSYNC, (int)PT_REGS_RC(ctx));
}

SEC("kprobe")
int handle_send_kprobe(struct pt_regs *ctx)
{
	return tcp_begin(BY_TCP_SEND);
}

SEC("kretprobe")
int handle_send_kretprobe(struct pt_regs *ctx)
{
	return any_end(BY_TCP_SEND, (int)PT_REGS_RC(ctx));
}

SEC("kprobe")
int handle_receive_kprobe(struct pt_regs *ctx)
{
	return tcp_begin(BY_TCP_RECEIVE);
}

SEC("kretprobe")
int handle_receive_kretprobe(struct pt_regs *ctx)
{
	return any_end(BY_TCP_RECEIVE, (int)PT_REGS_RC(ctx));
}

/* --- the page cache --- */

/* A page comes into the page cache in a call on a file: the first of each file counts. The file system's
 * own blocks are pages of the block device and pass. Up to 5.15 ctx holds a page, since then a
 * folio. */
SEC("tp_btf/mm_filemap_add_to_page_cache")
int handle_page_added(u64 *ctx)
{
	struct task_state *ts;
	u64 mapping, index;

	ts = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), NULL, 0);
	if (!ts || !ts->io.start_ns)
		return 0;
	if (bpf_core_type_exists(struct folio)) {
		mapping = (u64)BPF_CORE_READ((struct folio *)ctx[0], mapping);
		index = BPF_CORE_READ((struct folio *)ctx[0], index);
	} else {
		mapping = (u64)BPF_CORE_READ((struct page *)ctx[0], mapping);
		index = BPF_CORE_READ((struct page *)ctx[0], index);
	}
	if (mapping == ts->io.mapping) {
		if (index < ts->io.first_page)
			ts->io.first_page = index;
		return 0;
	}
	if (ts->io.mapping &&
	    (BPF_CORE_READ((struct address_space *)mapping, host, i_mode) & S_IFMT) != S_IFREG)
		return 0;
	ts->io.mapping = mapping;
	ts->io.first_page = index;
	return 0;
}
