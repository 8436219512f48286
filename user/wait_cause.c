/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why a thread was blocked. Two tables: the system call says it for every wait, the kernel stack
 * says it better for the waits that have one.
 */
#include <string.h>
#include <sys/syscall.h>
#include "frames.h"
#include "infbpf.h"
#include "profile.h"

static const char *const cause_names[CAUSES] = {
	[CAUSE_NONE] = "none",
	[CAUSE_GPU_CALL] = "GPU call",
	[CAUSE_LOCK] = "lock",
	[CAUSE_DISK] = "disk",
	[CAUSE_NETWORK] = "network",
	[CAUSE_POLL] = "poll",
	[CAUSE_PIPE] = "pipe",
	[CAUSE_SLEEP] = "sleep",
	[CAUSE_PAGE_FAULT] = "page fault",
	[CAUSE_GPU_DRIVER] = "GPU driver",
	[CAUSE_CHILD] = "child",
	[CAUSE_STOPPED] = "stopped",
	[CAUSE_OTHER] = "other",
};

const char *wait_cause_name(enum wait_cause cause)
{
	return (unsigned int)cause < CAUSES ? cause_names[cause] : "other";
}

struct syscall_rule {
	unsigned char cause; /* enum wait_cause; CAUSE_NONE: not in the table */
	bool certain;	     /* whatever the stack holds */
};
#define SURE(cause)         \
	{                   \
		cause, true \
	}
#define MAYBE(cause)         \
	{                    \
		cause, false \
	}

/* Calls that wait for one kind of thing. Those that wait for whatever the descriptor is (read, write,
 * ioctl, fcntl, ...) are not here: they are "other" until a stack tells. System calls that only some
 * architectures have stand under #ifdef. */
static const struct syscall_rule syscall_rules[] = {
	[SYS_futex] = SURE(CAUSE_LOCK),
#ifdef SYS_futex_waitv
	[SYS_futex_waitv] = SURE(CAUSE_LOCK),
#endif
	[SYS_flock] = SURE(CAUSE_LOCK),
	[SYS_semop] = SURE(CAUSE_LOCK),
	[SYS_semtimedop] = SURE(CAUSE_LOCK),

	[SYS_nanosleep] = SURE(CAUSE_SLEEP),
	[SYS_clock_nanosleep] = SURE(CAUSE_SLEEP),
/* Until a signal comes. */
#ifdef SYS_pause
	[SYS_pause] = SURE(CAUSE_SLEEP),
#endif
	[SYS_rt_sigsuspend] = SURE(CAUSE_SLEEP),
	[SYS_rt_sigtimedwait] = SURE(CAUSE_SLEEP),

#ifdef SYS_poll
	[SYS_poll] = SURE(CAUSE_POLL),
	[SYS_select] = SURE(CAUSE_POLL),
	[SYS_epoll_wait] = SURE(CAUSE_POLL),
#endif
	[SYS_ppoll] = SURE(CAUSE_POLL),
	[SYS_pselect6] = SURE(CAUSE_POLL),
	[SYS_epoll_pwait] = SURE(CAUSE_POLL),
#ifdef SYS_epoll_pwait2
	[SYS_epoll_pwait2] = SURE(CAUSE_POLL),
#endif
	/* Completions of anything; with iowait: of a file's blocks. */
	[SYS_io_uring_enter] = MAYBE(CAUSE_POLL),

	[SYS_connect] = SURE(CAUSE_NETWORK),
	[SYS_accept] = SURE(CAUSE_NETWORK),
	[SYS_accept4] = SURE(CAUSE_NETWORK),
	[SYS_recvfrom] = SURE(CAUSE_NETWORK),
	[SYS_recvmsg] = SURE(CAUSE_NETWORK),
	[SYS_recvmmsg] = SURE(CAUSE_NETWORK),
	[SYS_sendto] = SURE(CAUSE_NETWORK),
	[SYS_sendmsg] = SURE(CAUSE_NETWORK),
	[SYS_sendmmsg] = SURE(CAUSE_NETWORK),

	[SYS_msgrcv] = SURE(CAUSE_PIPE),
	[SYS_msgsnd] = SURE(CAUSE_PIPE),
	[SYS_mq_timedreceive] = SURE(CAUSE_PIPE),
	[SYS_mq_timedsend] = SURE(CAUSE_PIPE),

	/* Not all of a sync is iowait: the wait for the journal's commit is not. */
	[SYS_fsync] = SURE(CAUSE_DISK),
	[SYS_fdatasync] = SURE(CAUSE_DISK),
	[SYS_sync_file_range] = SURE(CAUSE_DISK),
	[SYS_sync] = SURE(CAUSE_DISK),
	[SYS_syncfs] = SURE(CAUSE_DISK),
	[SYS_msync] = SURE(CAUSE_DISK),
	[SYS_io_getevents] = SURE(CAUSE_DISK),
#ifdef SYS_io_pgetevents
	[SYS_io_pgetevents] = SURE(CAUSE_DISK),
#endif

	[SYS_wait4] = SURE(CAUSE_CHILD),
	[SYS_waitid] = SURE(CAUSE_CHILD),
#ifdef SYS_vfork
	[SYS_vfork] = SURE(CAUSE_CHILD), /* until the child calls exec */
#endif
};

static const struct syscall_rule *syscall_rule(int syscall)
{
	const size_t n = sizeof(syscall_rules) / sizeof(*syscall_rules);

	if (syscall < 0 || (size_t)syscall >= n || syscall_rules[syscall].cause == CAUSE_NONE)
		return NULL;
	return &syscall_rules[syscall];
}

enum wait_cause wait_cause_first(int syscall, unsigned int flags, bool *certain)
{
	const struct syscall_rule *rule = syscall_rule(syscall);

	*certain = false;
	if (flags & WAIT_UNKNOWN)
		return CAUSE_OTHER;
	if (flags & WAIT_STOPPED) {
		*certain = true;
		return CAUSE_STOPPED;
	}
	if (flags & WAIT_KTHREAD) {
		/* What stands in for the system call number there is left over from boot. */
		*certain = true;
		return flags & WAIT_IOWAIT ? CAUSE_DISK : CAUSE_OTHER;
	}
	if (syscall < 0)
		return flags & WAIT_IOWAIT ? CAUSE_PAGE_FAULT : CAUSE_OTHER;
	/* Any system call may have to fetch a page of its arguments; what waits for a disk then is
	 * not what the call is for. */
	if (flags & WAIT_IOWAIT && !(rule && rule->cause == CAUSE_DISK))
		return CAUSE_DISK;
	if (!rule)
		return CAUSE_OTHER;
	*certain = rule->certain;
	return rule->cause;
}

struct frame_rule {
	struct frame_pattern at;
	enum wait_cause cause;
};
#define AT(symbol, cause)               \
	{                               \
		FRAME_AT(symbol), cause \
	}
#define FROM(symbol, cause)               \
	{                                 \
		FRAME_FROM(symbol), cause \
	}

/*
 * Kernel functions that tell a wait's cause, most telling first: one stack may hold several. A fault
 * on a mapped file passes filemap_fault and, below it, what a cold read passes; and it may happen
 * within any system call, while that copies its arguments. A sync waits for pages too.
 */
static const struct frame_rule frame_rules[] = {
	AT("do_signal_stop", CAUSE_STOPPED),
	AT("ptrace_stop", CAUSE_STOPPED),
	AT("do_freezer_trap", CAUSE_STOPPED),

	AT("ext4_sync_file", CAUSE_DISK),
	AT("xfs_file_fsync", CAUSE_DISK),
	AT("btrfs_sync_file", CAUSE_DISK),
	AT("blkdev_fsync", CAUSE_DISK),
	AT("vfs_fsync_range", CAUSE_DISK),
	AT("jbd2_log_wait_commit", CAUSE_DISK),
	AT("blkdev_issue_flush", CAUSE_DISK),

	AT("filemap_fault", CAUSE_PAGE_FAULT),
	AT("do_swap_page", CAUSE_PAGE_FAULT),
	AT("handle_userfault", CAUSE_PAGE_FAULT),
	AT("handle_mm_fault", CAUSE_PAGE_FAULT),
	AT("asm_exc_page_fault", CAUSE_PAGE_FAULT),

	FROM("nvidia_", CAUSE_GPU_DRIVER),
	FROM("nv_", CAUSE_GPU_DRIVER),
	FROM("_nv", CAUSE_GPU_DRIVER),	       /* _nv012345rm: the closed part */
	FROM("os_acquire_", CAUSE_GPU_DRIVER), /* the driver's own name for its locks */
	FROM("uvm_", CAUSE_GPU_DRIVER),
	FROM("nvkms_", CAUSE_GPU_DRIVER),

	AT("do_futex", CAUSE_LOCK),
	AT("pipe_read", CAUSE_PIPE),
	AT("anon_pipe_read", CAUSE_PIPE),
	AT("pipe_write", CAUSE_PIPE),
	AT("anon_pipe_write", CAUSE_PIPE),
	AT("fifo_pipe_read", CAUSE_PIPE),
	AT("fifo_pipe_write", CAUSE_PIPE),
	AT("fifo_open", CAUSE_PIPE),
	AT("eventfd_read", CAUSE_PIPE),
	AT("eventfd_write", CAUSE_PIPE),
	AT("hrtimer_nanosleep", CAUSE_SLEEP),
	AT("hrtimer_nanosleep_restart", CAUSE_SLEEP),
	AT("timerfd_read", CAUSE_SLEEP),
	AT("timerfd_read_iter", CAUSE_SLEEP),
	AT("do_sigtimedwait", CAUSE_SLEEP),
	AT("sigsuspend", CAUSE_SLEEP),
	AT("signalfd_dequeue", CAUSE_SLEEP),
	AT("do_epoll_wait", CAUSE_POLL),
	AT("do_sys_poll", CAUSE_POLL),
	AT("do_select", CAUSE_POLL),
	AT("inotify_read", CAUSE_POLL),

	AT("sk_wait_data", CAUSE_NETWORK),
	AT("sk_stream_wait_memory", CAUSE_NETWORK),
	AT("sk_stream_wait_connect", CAUSE_NETWORK),
	AT("sock_alloc_send_pskb", CAUSE_NETWORK),
	AT("inet_csk_accept", CAUSE_NETWORK),
	AT("inet_stream_connect", CAUSE_NETWORK),
	AT("unix_stream_read_generic", CAUSE_NETWORK),
	AT("unix_accept", CAUSE_NETWORK),
	AT("__skb_wait_for_more_packets", CAUSE_NETWORK),
	AT("rpc_wait_bit_killable", CAUSE_NETWORK), /* NFS */

	AT("__iomap_dio_rw", CAUSE_DISK),
	AT("blkdev_direct_IO", CAUSE_DISK),
	AT("folio_wait_writeback", CAUSE_DISK),
	AT("filemap_get_pages", CAUSE_DISK),
	AT("balance_dirty_pages", CAUSE_DISK),
	AT("wait_transaction_locked", CAUSE_DISK),
	AT("start_this_handle", CAUSE_DISK),
	AT("submit_bio_wait", CAUSE_DISK),
	AT("rq_qos_wait", CAUSE_DISK),
	AT("__wait_on_buffer", CAUSE_DISK),
	AT("ext4_read_bh", CAUSE_DISK),

	AT("do_wait", CAUSE_CHILD),
	AT("wait_for_vfork_done", CAUSE_CHILD),

	AT("fcntl_setlk", CAUSE_LOCK),
	AT("rwsem_down_read_slowpath", CAUSE_LOCK),
	AT("rwsem_down_write_slowpath", CAUSE_LOCK),
	AT("__mutex_lock", CAUSE_LOCK),
};
#define FRAME_RULES (sizeof(frame_rules) / sizeof(*frame_rules))

enum wait_cause wait_cause_refine(const char *const *kernel_frames, size_t n)
{
	size_t best = FRAME_RULES;

	for (size_t i = 0; i < n; i++) {
		const char *name = kernel_frames[i];
		const size_t len = frame_symbol(name);

		/* Only a rule before the best one so far can still win. */
		for (size_t r = 0; r < best; r++)
			if (frame_matches(&frame_rules[r].at, name, len))
				best = r;
	}
	return best < FRAME_RULES ? frame_rules[best].cause : CAUSE_NONE;
}
