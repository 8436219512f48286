/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls on files and sockets, seen as the kernel functions behind them. What does not pass through one of
 * these is not seen: readv, writev, sockets but TCP (unless by read and write).
 *
 * Context: as file.bpf.h says. Other processes pay only for calls of these functions.
 */
#include "file.bpf.h"

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
