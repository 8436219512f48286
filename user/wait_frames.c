// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the kernel stack of a sampled wait tells.
 *
 * Names are those of 5.15 to 6.18. Which of them are on a stack differs by version and by what the
 * compiler put into its caller: so a kind has several, from the wait's own function outward.
 */
#include "frames.h"
#include "wait_cause.h"

struct frame_rule {
	struct frame_pattern at;
	enum wait_kind kind;
};
#define AT(symbol, kind)               \
	{                              \
		FRAME_AT(symbol), kind \
	}
#define FROM(symbol, kind)               \
	{                                \
		FRAME_FROM(symbol), kind \
	}

/*
 * Most telling first: one stack may hold several. A fault on a mapped file passes filemap_fault and,
 * below it, what a cold read passes; and it may happen within any system call, while that copies its
 * arguments. A sync waits for pages too. A lock says least: nearly anything may be done under one.
 */
static const struct frame_rule frame_rules[] = {
	AT("do_signal_stop", KIND_STOPPED),
	AT("ptrace_stop", KIND_STOPPED),
	AT("do_freezer_trap", KIND_STOPPED),

	AT("ext4_sync_file", KIND_FSYNC),
	AT("xfs_file_fsync", KIND_FSYNC),
	AT("btrfs_sync_file", KIND_FSYNC),
	AT("f2fs_sync_file", KIND_FSYNC),
	AT("blkdev_fsync", KIND_FSYNC),
	AT("vfs_fsync_range", KIND_FSYNC), /* also O_DSYNC's */

	AT("handle_userfault", KIND_USERFAULTFD),
	AT("do_swap_page", KIND_SWAP),
	AT("filemap_fault", KIND_PAGE_FAULT),
	AT("handle_mm_fault", KIND_PAGE_FAULT),
	AT("asm_exc_page_fault", KIND_PAGE_FAULT),

	FROM("nvidia_", KIND_GPU_DRIVER),
	FROM("nv_", KIND_GPU_DRIVER),
	FROM("_nv", KIND_GPU_DRIVER),	      /* _nv012345rm: the closed part */
	FROM("os_acquire_", KIND_GPU_DRIVER), /* the driver's own name for its locks */
	FROM("uvm_", KIND_GPU_DRIVER),
	FROM("nvkms_", KIND_GPU_DRIVER),
	FROM("amdgpu_", KIND_GPU_DRIVER),
	FROM("kfd_", KIND_GPU_DRIVER),

	AT("do_futex", KIND_FUTEX),
	AT("futex_wait", KIND_FUTEX),
	AT("futex_wait_restart", KIND_FUTEX),
	AT("pipe_read", KIND_PIPE),
	AT("anon_pipe_read", KIND_PIPE), /* 6.14 */
	AT("pipe_write", KIND_PIPE),
	AT("anon_pipe_write", KIND_PIPE),
	AT("fifo_pipe_read", KIND_PIPE),
	AT("fifo_pipe_write", KIND_PIPE),
	AT("fifo_open", KIND_PIPE),
	AT("splice_from_pipe_next", KIND_PIPE),
	AT("wait_for_space", KIND_PIPE), /* splice's */
	AT("eventfd_read", KIND_EVENTFD),
	AT("eventfd_write", KIND_EVENTFD),
	AT("do_mq_timedreceive", KIND_MESSAGE_QUEUE),
	AT("do_mq_timedsend", KIND_MESSAGE_QUEUE),
	AT("do_msgrcv", KIND_MESSAGE_QUEUE),
	AT("do_msgsnd", KIND_MESSAGE_QUEUE),
	AT("n_tty_read", KIND_TTY),
	AT("n_tty_write", KIND_TTY),
	AT("tty_wait_until_sent", KIND_TTY),
	AT("hrtimer_nanosleep", KIND_NANOSLEEP),
	AT("hrtimer_nanosleep_restart", KIND_NANOSLEEP),
	AT("timerfd_read", KIND_TIMER),
	AT("timerfd_read_iter", KIND_TIMER), /* 6.10 */
	AT("do_sigtimedwait", KIND_SIGNAL),
	AT("sigsuspend", KIND_SIGNAL),
	AT("signalfd_dequeue", KIND_SIGNAL),
	AT("signalfd_read", KIND_SIGNAL),
	AT("signalfd_read_iter", KIND_SIGNAL), /* 6.10 */
	AT("do_epoll_wait", KIND_EPOLL),
	AT("ep_poll", KIND_EPOLL),
	AT("do_sys_poll", KIND_POLL),
	AT("do_restart_poll", KIND_POLL),
	AT("userfaultfd_read", KIND_POLL), /* whoever serves the faults */
	AT("userfaultfd_read_iter", KIND_POLL),
	AT("fuse_dev_do_read", KIND_POLL), /* who serves a file system */
	AT("do_select", KIND_SELECT),
	AT("inotify_read", KIND_INOTIFY),
	AT("fanotify_read", KIND_INOTIFY),

	AT("tcp_recvmsg", KIND_TCP_RECEIVE),
	AT("tcp_splice_read", KIND_TCP_RECEIVE),
	AT("tls_sw_recvmsg", KIND_TCP_RECEIVE),
	AT("tcp_sendmsg", KIND_TCP_SEND),
	AT("tls_sw_sendmsg", KIND_TCP_SEND),
	AT("inet_csk_accept", KIND_TCP_ACCEPT),
	AT("inet_stream_connect", KIND_TCP_CONNECT),
	AT("sk_stream_wait_connect", KIND_TCP_CONNECT),
	AT("udp_recvmsg", KIND_UDP),
	AT("udpv6_recvmsg", KIND_UDP),
	AT("udp_sendmsg", KIND_UDP),
	AT("udpv6_sendmsg", KIND_UDP),
	AT("unix_stream_read_generic", KIND_UNIX),
	AT("unix_stream_sendmsg", KIND_UNIX),
	AT("unix_stream_connect", KIND_UNIX),
	AT("__unix_dgram_recvmsg", KIND_UNIX),
	AT("unix_dgram_recvmsg", KIND_UNIX),
	AT("unix_dgram_sendmsg", KIND_UNIX),
	AT("unix_wait_for_peer", KIND_UNIX),
	AT("unix_accept", KIND_UNIX),
	AT("sk_wait_data", KIND_TCP_RECEIVE),
	AT("sk_stream_wait_memory", KIND_TCP_SEND),
	AT("sock_alloc_send_pskb", KIND_SOCKET),
	AT("__skb_wait_for_more_packets", KIND_SOCKET),
	AT("rpc_wait_bit_killable", KIND_NFS),

	AT("balance_dirty_pages", KIND_WRITEBACK),
	AT("balance_dirty_pages_ratelimited", KIND_WRITEBACK),
	AT("balance_dirty_pages_ratelimited_flags", KIND_WRITEBACK),
	AT("folio_wait_writeback", KIND_WRITEBACK),
	AT("folio_wait_stable", KIND_WRITEBACK),
	AT("wait_on_page_writeback", KIND_WRITEBACK), /* before 5.18 */
	AT("__filemap_fdatawait_range", KIND_WRITEBACK),
	/* A request for the disk that is no page's: a block of the file system's own. */
	AT("ext4_read_bh", KIND_FILE_SYSTEM),
	AT("__wait_on_buffer", KIND_FILE_SYSTEM),
	AT("jbd2_log_wait_commit", KIND_FILE_SYSTEM),
	AT("wait_transaction_locked", KIND_FILE_SYSTEM),
	AT("start_this_handle", KIND_FILE_SYSTEM),
	AT("xfs_buf_iowait", KIND_FILE_SYSTEM),
	AT("xlog_wait", KIND_FILE_SYSTEM),
	AT("xfs_log_force", KIND_FILE_SYSTEM),
	AT("request_wait_answer", KIND_FILE_SYSTEM), /* FUSE */
	AT("filemap_get_pages", KIND_PAGE_CACHE),
	AT("filemap_read", KIND_PAGE_CACHE),
	AT("filemap_update_page", KIND_PAGE_CACHE),
	AT("read_cache_folio", KIND_PAGE_CACHE),
	AT("do_read_cache_folio", KIND_PAGE_CACHE),
	AT("ext4_block_write_begin", KIND_PAGE_CACHE), /* a page half overwritten is read first */
	AT("generic_fadvise", KIND_PAGE_CACHE),
	AT("__iomap_dio_rw", KIND_DISK),
	AT("blkdev_direct_IO", KIND_DISK),
	AT("blkdev_issue_flush", KIND_FSYNC),
	AT("submit_bio_wait", KIND_DISK),
	AT("rq_qos_wait", KIND_DISK),
	AT("blk_mq_get_tag", KIND_DISK),
	AT("read_events", KIND_DISK), /* io_getevents */

	AT("io_cqring_wait", KIND_IO_URING),
	AT("io_wq_worker", KIND_IO_URING),
	AT("io_sq_thread", KIND_IO_URING),

	AT("do_wait", KIND_CHILD),
	AT("kernel_wait4", KIND_CHILD),
	AT("wait_for_vfork_done", KIND_CHILD),

	AT("fcntl_setlk", KIND_FILE_LOCK),
	AT("locks_lock_inode_wait", KIND_FILE_LOCK),
	AT("rwsem_down_read_slowpath", KIND_KERNEL_LOCK),
	AT("rwsem_down_write_slowpath", KIND_KERNEL_LOCK),
	AT("percpu_rwsem_wait", KIND_KERNEL_LOCK),
	AT("__mutex_lock", KIND_KERNEL_LOCK),
	AT("__mutex_lock_slowpath", KIND_KERNEL_LOCK),
	AT("__mutex_lock_killable_slowpath", KIND_KERNEL_LOCK),
	AT("__mutex_lock_interruptible_slowpath", KIND_KERNEL_LOCK),
	AT("rt_mutex_slowlock", KIND_KERNEL_LOCK),
	AT("__rt_mutex_slowlock", KIND_KERNEL_LOCK),
	AT("__down_common", KIND_KERNEL_LOCK),
	AT("__lock_sock", KIND_SOCKET),
};
#define FRAME_RULES (sizeof(frame_rules) / sizeof(*frame_rules))

enum wait_kind wait_kind_refine(const char *const *kernel_frames, size_t n)
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
	if (best < FRAME_RULES)
		return frame_rules[best].kind;
	return n ? KIND_OTHER : KIND_NONE;
}

/* Ways of waiting that say nothing of what for. (The scheduler's own frames were trimmed before.) */
static const struct frame_pattern general_frames[] = {
	FRAME_FROM("wait_for_completion"),
	FRAME_AT("__wait_for_common"),
	FRAME_AT("wait_for_common"),
	FRAME_AT("do_wait_for_common"),
	FRAME_FROM("__wait_on_bit"),
	FRAME_FROM("out_of_line_wait_on_"),
	FRAME_FROM("bit_wait"),
	FRAME_FROM("wait_on_bit"),
	FRAME_AT("wait_woken"),
	FRAME_AT("folio_wait_bit"),
	FRAME_AT("folio_wait_bit_common"),
	FRAME_AT("usleep_range_state"),
	FRAME_AT("msleep"),
	FRAME_AT("msleep_interruptible"),
};

static bool is_general(const char *name)
{
	const size_t len = frame_symbol(name);

	for (size_t i = 0; i < sizeof(general_frames) / sizeof(*general_frames); i++)
		if (frame_matches(&general_frames[i], name, len))
			return true;
	return false;
}

const char *wait_frame(const char *const *kernel_frames, size_t n)
{
	size_t at = n;

	while (at && is_general(kernel_frames[at - 1]))
		at--;
	/* Nothing but general ones: still better than nothing. */
	return at ? kernel_frames[at - 1] : n ? kernel_frames[n - 1] : NULL;
}
