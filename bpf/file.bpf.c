/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls on files and sockets, seen as system calls; and what comes into the page cache in them.
 *
 * Context: as file.bpf.h says. Preemption off.
 * Cost: every system call of every process of the host pays for the tracepoints (about 0.2 us a call).
 */
#include "file.bpf.h"

#include <asm/unistd.h>

#define TS_COMPAT 0x0002 /* a 32-bit system call, whose number means another one (x86) */
/* The kernel's own results: the call is to be taken up again (ERESTARTSYS to ERESTART_RESTARTBLOCK). */
#define ERESTART_FIRST 512
#define ERESTART_LAST  516

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

static __always_inline bool is_compat(const struct task_struct *task)
{
	return bpf_core_field_exists(task->thread_info.status) &&
	       task->thread_info.status & TS_COMPAT;
}

/* The file behind a descriptor of the calling task; NULL: it was closed meanwhile. */
static __always_inline struct file *file_get(struct task_struct *task, u32 fd)
{
	struct fdtable *table = task->files->fdt;
	struct file *file = NULL;

	if (fd >= table->max_fds || bpf_probe_read_kernel(&file, sizeof(file), table->fd + fd))
		return NULL;
	return file;
}

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
	file = file_get(task, regs->di);
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
