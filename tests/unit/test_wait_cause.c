/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Why a thread was blocked, and which frames of its stack are the tracer's own. */
#include "descriptor.h"
#include "frames.h"
#include "random_profile.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void every_cause_has_a_name_of_its_own(void **unused)
{
	(void)unused;
	for (unsigned int c = 0; c < CAUSES; c++) {
		assert_non_null(wait_cause_name(c));
		for (unsigned int d = 0; d < c; d++)
			assert_string_not_equal(wait_cause_name(c), wait_cause_name(d));
	}
	assert_string_equal(wait_cause_name(CAUSE_GPU_CALL), "GPU call");
	assert_string_equal(wait_cause_name(CAUSES), "other");
}

/* Lines that print the same are one: so a kind without a frame is its cause's only one. */
static void kinds_can_be_told_apart(void **unused)
{
	unsigned int plain[CAUSES] = { 0 };

	(void)unused;
	for (unsigned int k = 0; k < KINDS; k++) {
		const char *frame = wait_kind_frame(k);
		char want[64];

		assert_non_null(wait_kind_name(k));
		assert_true(wait_kind_cause(k) < CAUSES);
		assert_true((k == KIND_NONE) == (wait_kind_cause(k) == CAUSE_NONE));
		for (unsigned int j = 0; j < k; j++)
			assert_string_not_equal(wait_kind_name(k), wait_kind_name(j));
		plain[wait_kind_cause(k)] += !frame;
		if (!frame)
			continue;
		snprintf(want, sizeof(want), "[%s]", wait_kind_name(k));
		assert_string_equal(frame, want);
	}
	for (unsigned int c = 0; c < CAUSES; c++)
		assert_int_equal(plain[c], 1);
	assert_string_equal(wait_kind_name(KIND_TCP_RECEIVE), "TCP receive");
	assert_string_equal(wait_kind_name(KINDS), "other");
}

struct first_case {
	int syscall;
	unsigned int flags;
	enum wait_kind kind;
	enum wait_trust trust;
};

static void check_first(const struct first_case *cases, size_t n)
{
	enum wait_trust trust;

	for (size_t i = 0; i < n; i++) {
		const enum wait_kind kind =
			wait_kind_first(cases[i].syscall, cases[i].flags, &trust);

		if (kind != cases[i].kind || trust != cases[i].trust)
			fail_msg("system call %d, flags 0x%x: %s, trust %d", cases[i].syscall,
				 cases[i].flags, wait_kind_name(kind), (int)trust);
	}
}

static void system_call_tells_first(void **unused)
{
	static const struct first_case cases[] = {
		{ SYS_futex, 0, KIND_FUTEX, TRUST_SURE },
		{ SYS_flock, 0, KIND_FILE_LOCK, TRUST_SURE },
		{ SYS_fcntl, 0, KIND_FILE_LOCK, TRUST_SURE },
		{ SYS_semop, 0, KIND_SEMAPHORE, TRUST_SURE },
		{ SYS_semtimedop, 0, KIND_SEMAPHORE, TRUST_SURE },
		{ SYS_nanosleep, 0, KIND_NANOSLEEP, TRUST_SURE },
		{ SYS_clock_nanosleep, 0, KIND_NANOSLEEP, TRUST_SURE },
		{ SYS_rt_sigsuspend, 0, KIND_SIGNAL, TRUST_SURE },
		{ SYS_rt_sigtimedwait, 0, KIND_SIGNAL, TRUST_SURE },
		{ SYS_ppoll, 0, KIND_POLL, TRUST_SURE },
		{ SYS_pselect6, 0, KIND_SELECT, TRUST_SURE },
		{ SYS_epoll_pwait, 0, KIND_EPOLL, TRUST_SURE },
		{ SYS_io_uring_enter, 0, KIND_IO_URING, TRUST_LIKELY },
		/* Requests under way, be they for what they may. */
		{ SYS_io_uring_enter, WAIT_IOWAIT, KIND_IO_URING, TRUST_LIKELY },
		{ SYS_io_uring_setup, 0, KIND_IO_URING, TRUST_LIKELY },
		{ SYS_msgrcv, 0, KIND_MESSAGE_QUEUE, TRUST_SURE },
		{ SYS_msgsnd, 0, KIND_MESSAGE_QUEUE, TRUST_SURE },
		{ SYS_mq_timedreceive, 0, KIND_MESSAGE_QUEUE, TRUST_SURE },
		{ SYS_mq_timedsend, 0, KIND_MESSAGE_QUEUE, TRUST_SURE },
		{ SYS_fsync, 0, KIND_FSYNC, TRUST_SURE },
		{ SYS_fsync, WAIT_IOWAIT, KIND_FSYNC, TRUST_SURE },
		{ SYS_fdatasync, 0, KIND_FSYNC, TRUST_SURE },
		{ SYS_sync, 0, KIND_FSYNC, TRUST_SURE },
		{ SYS_syncfs, 0, KIND_FSYNC, TRUST_SURE },
		{ SYS_msync, WAIT_IOWAIT, KIND_FSYNC, TRUST_SURE },
		{ SYS_sync_file_range, WAIT_IOWAIT, KIND_WRITEBACK, TRUST_SURE },
		{ SYS_io_getevents, 0, KIND_DISK, TRUST_SURE },
		{ SYS_wait4, 0, KIND_CHILD, TRUST_SURE },
		{ SYS_waitid, 0, KIND_CHILD, TRUST_SURE },
		{ SYS_mmap, 0, KIND_KERNEL_LOCK, TRUST_GUESS },
		{ SYS_munmap, 0, KIND_KERNEL_LOCK, TRUST_GUESS },
		{ SYS_mprotect, 0, KIND_KERNEL_LOCK, TRUST_GUESS },
		{ SYS_mremap, 0, KIND_KERNEL_LOCK, TRUST_GUESS },
		{ SYS_madvise, 0, KIND_KERNEL_LOCK, TRUST_GUESS },
		{ SYS_brk, 0, KIND_KERNEL_LOCK, TRUST_GUESS },
		{ SYS_openat, 0, KIND_FILE_SYSTEM, TRUST_GUESS },
		{ SYS_openat, WAIT_IOWAIT, KIND_FILE_SYSTEM, TRUST_LIKELY },
		{ SYS_newfstatat, 0, KIND_FILE_SYSTEM, TRUST_GUESS },
		{ SYS_statx, 0, KIND_FILE_SYSTEM, TRUST_GUESS },
		{ SYS_getdents64, 0, KIND_FILE_SYSTEM, TRUST_GUESS },
		{ SYS_unlinkat, 0, KIND_FILE_SYSTEM, TRUST_GUESS },
		{ SYS_renameat2, 0, KIND_FILE_SYSTEM, TRUST_GUESS },
		{ SYS_mkdirat, 0, KIND_FILE_SYSTEM, TRUST_GUESS },
		{ SYS_truncate, 0, KIND_FILE_SYSTEM, TRUST_GUESS },
		{ SYS_ftruncate, 0, KIND_FILE_SYSTEM, TRUST_GUESS },
		{ SYS_fallocate, 0, KIND_FILE_SYSTEM, TRUST_GUESS },
		/* A page of the arguments has to come from the disk. */
		{ SYS_futex, WAIT_IOWAIT, KIND_PAGE_FAULT, TRUST_LIKELY },
		{ SYS_munmap, WAIT_IOWAIT, KIND_PAGE_FAULT, TRUST_LIKELY },
		/* Calls without a rule. */
		{ SYS_exit_group, 0, KIND_OTHER, TRUST_GUESS },
		{ SYS_execve, WAIT_IOWAIT, KIND_DISK, TRUST_LIKELY },
		{ 32767, 0, KIND_OTHER, TRUST_GUESS },
		/* No call. */
		{ -1, 0, KIND_PAGE_FAULT, TRUST_GUESS },
		{ -1, WAIT_IOWAIT, KIND_PAGE_FAULT, TRUST_LIKELY },
		{ SYS_futex, WAIT_STOPPED, KIND_STOPPED, TRUST_SURE },
		{ SYS_futex, WAIT_KTHREAD, KIND_KERNEL_THREAD, TRUST_LIKELY },
		{ SYS_futex, WAIT_KTHREAD | WAIT_IOWAIT, KIND_DISK, TRUST_LIKELY },
		{ SYS_futex, WAIT_UNKNOWN, KIND_OTHER, TRUST_LIKELY },
#ifdef SYS_poll
		{ SYS_pause, 0, KIND_SIGNAL, TRUST_SURE },
		{ SYS_poll, 0, KIND_POLL, TRUST_SURE },
		{ SYS_select, 0, KIND_SELECT, TRUST_SURE },
		{ SYS_epoll_wait, 0, KIND_EPOLL, TRUST_SURE },
		{ SYS_vfork, 0, KIND_CHILD, TRUST_SURE },
		{ SYS_open, 0, KIND_FILE_SYSTEM, TRUST_GUESS },
		{ SYS_creat, 0, KIND_FILE_SYSTEM, TRUST_GUESS },
		{ SYS_stat, 0, KIND_FILE_SYSTEM, TRUST_GUESS },
		{ SYS_lstat, 0, KIND_FILE_SYSTEM, TRUST_GUESS },
		{ SYS_unlink, 0, KIND_FILE_SYSTEM, TRUST_GUESS },
		{ SYS_rename, 0, KIND_FILE_SYSTEM, TRUST_GUESS },
		{ SYS_mkdir, 0, KIND_FILE_SYSTEM, TRUST_GUESS },
		{ SYS_rmdir, 0, KIND_FILE_SYSTEM, TRUST_GUESS },
#endif
#ifdef SYS_futex_waitv
		{ SYS_futex_waitv, 0, KIND_FUTEX, TRUST_SURE },
#endif
#ifdef SYS_epoll_pwait2
		{ SYS_epoll_pwait2, 0, KIND_EPOLL, TRUST_SURE },
#endif
#ifdef SYS_io_pgetevents
		{ SYS_io_pgetevents, 0, KIND_DISK, TRUST_SURE },
#endif
	};

	(void)unused;
	check_first(cases, COUNT(cases));
}

#define FD(fd) ((unsigned int)(fd) << WAIT_FD_SHIFT)

static void descriptor_tells(void **unused)
{
	static const struct first_case cases[] = {
		{ SYS_read, FD(FD_REGULAR) | WAIT_IOWAIT, KIND_PAGE_CACHE, TRUST_SURE },
		{ SYS_write, FD(FD_REGULAR) | WAIT_IOWAIT, KIND_WRITEBACK, TRUST_LIKELY },
		{ SYS_ioctl, FD(FD_REGULAR) | WAIT_IOWAIT, KIND_DISK, TRUST_LIKELY },
		{ SYS_pread64, FD(FD_REGULAR), KIND_FILE_SYSTEM, TRUST_GUESS },
		{ SYS_preadv2, FD(FD_DIRECT) | WAIT_IOWAIT, KIND_DISK_READ, TRUST_SURE },
		{ SYS_pwritev2, FD(FD_DIRECT) | WAIT_IOWAIT, KIND_DISK_WRITE, TRUST_LIKELY },
		{ SYS_ioctl, FD(FD_DIRECT) | WAIT_IOWAIT, KIND_DISK, TRUST_LIKELY },
		{ SYS_pwrite64, FD(FD_DIRECT), KIND_FILE_SYSTEM, TRUST_GUESS },
		{ SYS_read, FD(FD_PIPE), KIND_PIPE, TRUST_SURE },
		{ SYS_writev, FD(FD_PIPE), KIND_PIPE, TRUST_SURE },
		{ SYS_read, FD(FD_TCP), KIND_TCP_RECEIVE, TRUST_SURE },
		{ SYS_readv, FD(FD_TCP), KIND_TCP_RECEIVE, TRUST_SURE },
		{ SYS_recvfrom, FD(FD_TCP), KIND_TCP_RECEIVE, TRUST_SURE },
		{ SYS_recvmsg, FD(FD_TCP), KIND_TCP_RECEIVE, TRUST_SURE },
		{ SYS_recvmmsg, FD(FD_TCP), KIND_TCP_RECEIVE, TRUST_SURE },
		{ SYS_write, FD(FD_TCP), KIND_TCP_SEND, TRUST_SURE },
		{ SYS_sendto, FD(FD_TCP), KIND_TCP_SEND, TRUST_SURE },
		{ SYS_sendmsg, FD(FD_TCP), KIND_TCP_SEND, TRUST_SURE },
		{ SYS_sendmmsg, FD(FD_TCP), KIND_TCP_SEND, TRUST_SURE },
		{ SYS_accept, FD(FD_TCP), KIND_TCP_ACCEPT, TRUST_SURE },
		{ SYS_accept4, FD(FD_TCP), KIND_TCP_ACCEPT, TRUST_SURE },
		{ SYS_connect, FD(FD_TCP), KIND_TCP_CONNECT, TRUST_SURE },
		{ SYS_ioctl, FD(FD_TCP), KIND_SOCKET, TRUST_LIKELY },
		{ SYS_recvmsg, FD(FD_UDP), KIND_UDP, TRUST_SURE },
		{ SYS_accept, FD(FD_UNIX), KIND_UNIX, TRUST_SURE },
		{ SYS_read, FD(FD_UNIX), KIND_UNIX, TRUST_SURE },
		{ SYS_recvmsg, FD(FD_SOCKET), KIND_SOCKET, TRUST_SURE },
		{ SYS_read, FD(FD_EVENTFD), KIND_EVENTFD, TRUST_SURE },
		{ SYS_read, FD(FD_TIMERFD), KIND_TIMER, TRUST_SURE },
		{ SYS_read, FD(FD_SIGNALFD), KIND_SIGNAL, TRUST_SURE },
		{ SYS_read, FD(FD_INOTIFY), KIND_INOTIFY, TRUST_SURE },
		{ SYS_read, FD(FD_TTY), KIND_TTY, TRUST_SURE },
		{ SYS_ioctl, FD(FD_TTY), KIND_TTY, TRUST_SURE },
		{ SYS_ioctl, FD(FD_GPU), KIND_GPU_DRIVER, TRUST_SURE },
		{ SYS_ioctl, FD(FD_GPU) | WAIT_IOWAIT, KIND_GPU_DRIVER, TRUST_SURE },
		/* What is no file does no I/O of that kind: a page of the buffer had to come. */
		{ SYS_read, FD(FD_PIPE) | WAIT_IOWAIT, KIND_PAGE_FAULT, TRUST_LIKELY },
		{ SYS_sendto, FD(FD_TCP) | WAIT_IOWAIT, KIND_PAGE_FAULT, TRUST_LIKELY },
		/* The descriptor says nothing, or is not known. */
		{ SYS_read, FD(FD_OTHER), KIND_OTHER, TRUST_GUESS },
		{ SYS_read, FD(FD_OTHER) | WAIT_IOWAIT, KIND_DISK, TRUST_LIKELY },
		{ SYS_read, 0, KIND_OTHER, TRUST_GUESS },
		{ SYS_read, WAIT_IOWAIT, KIND_DISK, TRUST_LIKELY },
		{ SYS_ioctl, 0, KIND_OTHER, TRUST_GUESS },
		{ SYS_recvfrom, 0, KIND_SOCKET, TRUST_LIKELY },
		/* A call that does not wait for its descriptor has none. */
		{ SYS_futex, FD(FD_PIPE), KIND_FUTEX, TRUST_SURE },
	};

	(void)unused;
	check_first(cases, COUNT(cases));
	assert_true(wait_call_asks_descriptor(SYS_read));
	assert_true(wait_call_asks_descriptor(SYS_preadv));
	assert_true(wait_call_asks_descriptor(SYS_pwritev));
	assert_true(wait_call_asks_descriptor(SYS_ioctl));
	assert_false(wait_call_asks_descriptor(SYS_futex));
	assert_false(wait_call_asks_descriptor(SYS_fsync));
	assert_false(wait_call_asks_descriptor(-1));
	assert_false(wait_call_asks_descriptor(32767));
}

struct stack_case {
	const char *frames[8];
	enum wait_kind kind;
};

static void check_refine(const struct stack_case *cases, size_t cases_n)
{
	for (size_t i = 0; i < cases_n; i++) {
		size_t n = 0;

		while (n < COUNT(cases[i].frames) && cases[i].frames[n])
			n++;
		if (wait_kind_refine(cases[i].frames, n) != cases[i].kind)
			fail_msg("%s...: %s", cases[i].frames[0],
				 wait_kind_name(wait_kind_refine(cases[i].frames, n)));
	}
}

/* Stacks as kernels show them, outermost first. */
static void stack_refines(void **unused)
{
	static const struct stack_case cases[] = {
		{ { "do_syscall_64_[k]", "ksys_read_[k]", "anon_pipe_read_[k]" }, KIND_PIPE },
		{ { "vfs_read_[k]", "pipe_read_[k]" }, KIND_PIPE },
		{ { "sock_read_iter_[k]", "tcp_recvmsg_[k]", "tcp_recvmsg_locked_[k]",
		    "sk_wait_data_[k]" },
		  KIND_TCP_RECEIVE },
		{ { "vfs_read_[k]", "eventfd_read_[k]" }, KIND_EVENTFD },
		{ { "do_sigtimedwait.isra.0_[k]" }, KIND_SIGNAL },
		{ { "filemap_read_[k]", "filemap_get_pages_[k]", "io_schedule_[k]" },
		  KIND_PAGE_CACHE },
		{ { "ext4_file_read_iter_[k]", "iomap_dio_rw_[k]", "__iomap_dio_rw_[k]" },
		  KIND_DISK },
		/* A major fault passes what a cold read passes. */
		{ { "asm_exc_page_fault_[k]", "filemap_fault_[k]", "filemap_get_pages_[k]" },
		  KIND_PAGE_FAULT },
		/* Also inside a system call: the pipe is not what it waited for. */
		{ { "pipe_write_[k]", "filemap_fault_[k]", "folio_wait_bit_common_[k]" },
		  KIND_PAGE_FAULT },
		{ { "asm_exc_page_fault_[k]", "handle_mm_fault_[k]", "do_swap_page_[k]" },
		  KIND_SWAP },
		{ { "asm_exc_page_fault_[k]", "handle_mm_fault_[k]", "handle_userfault_[k]" },
		  KIND_USERFAULTFD },
		/* The lock of the memory map: a fault all the same. */
		{ { "asm_exc_page_fault_[k]", "down_read_killable_[k]",
		    "rwsem_down_read_slowpath_[k]" },
		  KIND_PAGE_FAULT },
		{ { "ext4_sync_file_[k]", "folio_wait_writeback_[k]" }, KIND_FSYNC },
		{ { "do_sync_[k]", "folio_wait_writeback_[k]", "folio_wait_bit_common_[k]" },
		  KIND_WRITEBACK },
		{ { "ext4_buffered_write_iter_[k]", "balance_dirty_pages_ratelimited_flags_[k]",
		    "balance_dirty_pages_[k]" },
		  KIND_WRITEBACK },
		{ { "do_signal_stop_[k]" }, KIND_STOPPED },
		{ { "__x64_sys_ioctl_[k]", "nvidia_unlocked_ioctl_[k]", "_nv042_[k]" },
		  KIND_GPU_DRIVER },
		{ { "__x64_sys_ioctl_[k]", "kvm_vcpu_block_[k]" }, KIND_OTHER },
		/* A name that only begins like a rule's is another function. */
		{ { "do_futex_extra_[k]", "xpipe_read_[k]" }, KIND_OTHER },
		{ { "do_wait.constprop.0_[k]" }, KIND_CHILD },
		/* Two programs may wait for more than one thing in one function. */
		{ { "udp_recvmsg_[k]", "__skb_wait_for_more_packets_[k]" }, KIND_UDP },
		{ { "unix_dgram_recvmsg_[k]", "__skb_wait_for_more_packets_[k]" }, KIND_UNIX },
		{ { "netlink_recvmsg_[k]", "__skb_wait_for_more_packets_[k]" }, KIND_SOCKET },
		{ { "unix_stream_sendmsg_[k]", "sock_alloc_send_pskb_[k]" }, KIND_UNIX },
		{ { "tcp_sendmsg_[k]", "tcp_sendmsg_locked_[k]", "sk_stream_wait_memory_[k]" },
		  KIND_TCP_SEND },
		/* A lock says least. */
		{ { "pipe_write_[k]", "__mutex_lock.constprop.0_[k]" }, KIND_PIPE },
		{ { "do_filp_open_[k]", "path_openat_[k]", "rwsem_down_write_slowpath_[k]" },
		  KIND_KERNEL_LOCK },
		{ { "__x64_sys_io_uring_enter_[k]", "io_cqring_wait_[k]" }, KIND_IO_URING },
		{ { "ret_from_fork_asm_[k]", "io_wq_worker_[k]", "io_read_[k]",
		    "filemap_get_pages_[k]" },
		  KIND_PAGE_CACHE },
	};

	(void)unused;
	check_refine(cases, COUNT(cases));
	assert_int_equal(wait_kind_refine(NULL, 0), KIND_NONE);
}

/* Each function that has a rule, alone. */
static void every_function_tells_its_kind(void **unused)
{
	static const struct stack_case cases[] = {
		{ { "do_signal_stop_[k]" }, KIND_STOPPED },
		{ { "ptrace_stop_[k]" }, KIND_STOPPED },
		{ { "do_freezer_trap_[k]" }, KIND_STOPPED },
		{ { "ext4_sync_file_[k]" }, KIND_FSYNC },
		{ { "xfs_file_fsync_[k]" }, KIND_FSYNC },
		{ { "btrfs_sync_file_[k]" }, KIND_FSYNC },
		{ { "f2fs_sync_file_[k]" }, KIND_FSYNC },
		{ { "blkdev_fsync_[k]" }, KIND_FSYNC },
		{ { "vfs_fsync_range_[k]" }, KIND_FSYNC },
		{ { "handle_userfault_[k]" }, KIND_USERFAULTFD },
		{ { "do_swap_page_[k]" }, KIND_SWAP },
		{ { "filemap_fault_[k]" }, KIND_PAGE_FAULT },
		{ { "handle_mm_fault_[k]" }, KIND_PAGE_FAULT },
		{ { "asm_exc_page_fault_[k]" }, KIND_PAGE_FAULT },
		{ { "nvidia_x_[k]" }, KIND_GPU_DRIVER },
		{ { "nv_x_[k]" }, KIND_GPU_DRIVER },
		{ { "_nvx_[k]" }, KIND_GPU_DRIVER },
		{ { "os_acquire_x_[k]" }, KIND_GPU_DRIVER },
		{ { "uvm_x_[k]" }, KIND_GPU_DRIVER },
		{ { "nvkms_x_[k]" }, KIND_GPU_DRIVER },
		{ { "amdgpu_x_[k]" }, KIND_GPU_DRIVER },
		{ { "kfd_x_[k]" }, KIND_GPU_DRIVER },
		{ { "do_futex_[k]" }, KIND_FUTEX },
		{ { "futex_wait_[k]" }, KIND_FUTEX },
		{ { "futex_wait_restart_[k]" }, KIND_FUTEX },
		{ { "pipe_read_[k]" }, KIND_PIPE },
		{ { "anon_pipe_read_[k]" }, KIND_PIPE },
		{ { "pipe_write_[k]" }, KIND_PIPE },
		{ { "anon_pipe_write_[k]" }, KIND_PIPE },
		{ { "fifo_pipe_read_[k]" }, KIND_PIPE },
		{ { "fifo_pipe_write_[k]" }, KIND_PIPE },
		{ { "fifo_open_[k]" }, KIND_PIPE },
		{ { "splice_from_pipe_next_[k]" }, KIND_PIPE },
		{ { "wait_for_space_[k]" }, KIND_PIPE },
		{ { "eventfd_read_[k]" }, KIND_EVENTFD },
		{ { "eventfd_write_[k]" }, KIND_EVENTFD },
		{ { "do_mq_timedreceive_[k]" }, KIND_MESSAGE_QUEUE },
		{ { "do_mq_timedsend_[k]" }, KIND_MESSAGE_QUEUE },
		{ { "do_msgrcv_[k]" }, KIND_MESSAGE_QUEUE },
		{ { "do_msgsnd_[k]" }, KIND_MESSAGE_QUEUE },
		{ { "n_tty_read_[k]" }, KIND_TTY },
		{ { "n_tty_write_[k]" }, KIND_TTY },
		{ { "tty_wait_until_sent_[k]" }, KIND_TTY },
		{ { "hrtimer_nanosleep_[k]" }, KIND_NANOSLEEP },
		{ { "hrtimer_nanosleep_restart_[k]" }, KIND_NANOSLEEP },
		{ { "timerfd_read_[k]" }, KIND_TIMER },
		{ { "timerfd_read_iter_[k]" }, KIND_TIMER },
		{ { "do_sigtimedwait_[k]" }, KIND_SIGNAL },
		{ { "sigsuspend_[k]" }, KIND_SIGNAL },
		{ { "signalfd_dequeue_[k]" }, KIND_SIGNAL },
		{ { "signalfd_read_[k]" }, KIND_SIGNAL },
		{ { "signalfd_read_iter_[k]" }, KIND_SIGNAL },
		{ { "do_epoll_wait_[k]" }, KIND_EPOLL },
		{ { "ep_poll_[k]" }, KIND_EPOLL },
		{ { "do_sys_poll_[k]" }, KIND_POLL },
		{ { "do_restart_poll_[k]" }, KIND_POLL },
		{ { "userfaultfd_read_[k]" }, KIND_POLL },
		{ { "userfaultfd_read_iter_[k]" }, KIND_POLL },
		{ { "fuse_dev_do_read_[k]" }, KIND_POLL },
		{ { "do_select_[k]" }, KIND_SELECT },
		{ { "inotify_read_[k]" }, KIND_INOTIFY },
		{ { "fanotify_read_[k]" }, KIND_INOTIFY },
		{ { "tcp_recvmsg_[k]" }, KIND_TCP_RECEIVE },
		{ { "tcp_splice_read_[k]" }, KIND_TCP_RECEIVE },
		{ { "tls_sw_recvmsg_[k]" }, KIND_TCP_RECEIVE },
		{ { "tcp_sendmsg_[k]" }, KIND_TCP_SEND },
		{ { "tls_sw_sendmsg_[k]" }, KIND_TCP_SEND },
		{ { "inet_csk_accept_[k]" }, KIND_TCP_ACCEPT },
		{ { "inet_stream_connect_[k]" }, KIND_TCP_CONNECT },
		{ { "sk_stream_wait_connect_[k]" }, KIND_TCP_CONNECT },
		{ { "udp_recvmsg_[k]" }, KIND_UDP },
		{ { "udpv6_recvmsg_[k]" }, KIND_UDP },
		{ { "udp_sendmsg_[k]" }, KIND_UDP },
		{ { "udpv6_sendmsg_[k]" }, KIND_UDP },
		{ { "unix_stream_read_generic_[k]" }, KIND_UNIX },
		{ { "unix_stream_sendmsg_[k]" }, KIND_UNIX },
		{ { "unix_stream_connect_[k]" }, KIND_UNIX },
		{ { "__unix_dgram_recvmsg_[k]" }, KIND_UNIX },
		{ { "unix_dgram_recvmsg_[k]" }, KIND_UNIX },
		{ { "unix_dgram_sendmsg_[k]" }, KIND_UNIX },
		{ { "unix_wait_for_peer_[k]" }, KIND_UNIX },
		{ { "unix_accept_[k]" }, KIND_UNIX },
		{ { "sk_wait_data_[k]" }, KIND_TCP_RECEIVE },
		{ { "sk_stream_wait_memory_[k]" }, KIND_TCP_SEND },
		{ { "sock_alloc_send_pskb_[k]" }, KIND_SOCKET },
		{ { "__skb_wait_for_more_packets_[k]" }, KIND_SOCKET },
		{ { "rpc_wait_bit_killable_[k]" }, KIND_NFS },
		{ { "balance_dirty_pages_[k]" }, KIND_WRITEBACK },
		{ { "balance_dirty_pages_ratelimited_[k]" }, KIND_WRITEBACK },
		{ { "balance_dirty_pages_ratelimited_flags_[k]" }, KIND_WRITEBACK },
		{ { "folio_wait_writeback_[k]" }, KIND_WRITEBACK },
		{ { "folio_wait_stable_[k]" }, KIND_WRITEBACK },
		{ { "wait_on_page_writeback_[k]" }, KIND_WRITEBACK },
		{ { "__filemap_fdatawait_range_[k]" }, KIND_WRITEBACK },
		{ { "ext4_read_bh_[k]" }, KIND_FILE_SYSTEM },
		{ { "__wait_on_buffer_[k]" }, KIND_FILE_SYSTEM },
		{ { "jbd2_log_wait_commit_[k]" }, KIND_FILE_SYSTEM },
		{ { "wait_transaction_locked_[k]" }, KIND_FILE_SYSTEM },
		{ { "start_this_handle_[k]" }, KIND_FILE_SYSTEM },
		{ { "xfs_buf_iowait_[k]" }, KIND_FILE_SYSTEM },
		{ { "xlog_wait_[k]" }, KIND_FILE_SYSTEM },
		{ { "xfs_log_force_[k]" }, KIND_FILE_SYSTEM },
		{ { "request_wait_answer_[k]" }, KIND_FILE_SYSTEM },
		{ { "filemap_get_pages_[k]" }, KIND_PAGE_CACHE },
		{ { "filemap_read_[k]" }, KIND_PAGE_CACHE },
		{ { "filemap_update_page_[k]" }, KIND_PAGE_CACHE },
		{ { "read_cache_folio_[k]" }, KIND_PAGE_CACHE },
		{ { "do_read_cache_folio_[k]" }, KIND_PAGE_CACHE },
		{ { "ext4_block_write_begin_[k]" }, KIND_PAGE_CACHE },
		{ { "__iomap_dio_rw_[k]" }, KIND_DISK },
		{ { "blkdev_direct_IO_[k]" }, KIND_DISK },
		{ { "blkdev_issue_flush_[k]" }, KIND_FSYNC },
		{ { "submit_bio_wait_[k]" }, KIND_DISK },
		{ { "rq_qos_wait_[k]" }, KIND_DISK },
		{ { "blk_mq_get_tag_[k]" }, KIND_DISK },
		{ { "read_events_[k]" }, KIND_DISK },
		{ { "io_cqring_wait_[k]" }, KIND_IO_URING },
		{ { "io_wq_worker_[k]" }, KIND_IO_URING },
		{ { "io_sq_thread_[k]" }, KIND_IO_URING },
		{ { "do_wait_[k]" }, KIND_CHILD },
		{ { "kernel_wait4_[k]" }, KIND_CHILD },
		{ { "wait_for_vfork_done_[k]" }, KIND_CHILD },
		{ { "fcntl_setlk_[k]" }, KIND_FILE_LOCK },
		{ { "locks_lock_inode_wait_[k]" }, KIND_FILE_LOCK },
		{ { "rwsem_down_read_slowpath_[k]" }, KIND_KERNEL_LOCK },
		{ { "rwsem_down_write_slowpath_[k]" }, KIND_KERNEL_LOCK },
		{ { "percpu_rwsem_wait_[k]" }, KIND_KERNEL_LOCK },
		{ { "__mutex_lock_[k]" }, KIND_KERNEL_LOCK },
		{ { "__mutex_lock_slowpath_[k]" }, KIND_KERNEL_LOCK },
		{ { "__mutex_lock_killable_slowpath_[k]" }, KIND_KERNEL_LOCK },
		{ { "__mutex_lock_interruptible_slowpath_[k]" }, KIND_KERNEL_LOCK },
		{ { "rt_mutex_slowlock_[k]" }, KIND_KERNEL_LOCK },
		{ { "__rt_mutex_slowlock_[k]" }, KIND_KERNEL_LOCK },
		{ { "__down_common_[k]" }, KIND_KERNEL_LOCK },
		{ { "__lock_sock_[k]" }, KIND_SOCKET },
	};

	(void)unused;
	check_refine(cases, COUNT(cases));
}

static void the_better_of_two(void **unused)
{
	static const struct {
		enum wait_kind first;
		enum wait_trust trust;
		enum wait_kind stack, better;
	} cases[] = {
		{ KIND_PIPE, TRUST_SURE, KIND_PAGE_FAULT, KIND_PIPE },
		{ KIND_WRITEBACK, TRUST_LIKELY, KIND_PAGE_CACHE, KIND_PAGE_CACHE },
		{ KIND_DISK, TRUST_LIKELY, KIND_FSYNC, KIND_FSYNC },
		/* "Disk" is no news where it is known what for. */
		{ KIND_DISK_WRITE, TRUST_LIKELY, KIND_DISK, KIND_DISK_WRITE },
		{ KIND_OTHER, TRUST_GUESS, KIND_DISK, KIND_DISK },
		/* A stack that nobody knows: not what was only a guess. */
		{ KIND_FILE_SYSTEM, TRUST_GUESS, KIND_OTHER, KIND_OTHER },
		{ KIND_DISK, TRUST_LIKELY, KIND_OTHER, KIND_DISK },
		/* No stack. */
		{ KIND_FILE_SYSTEM, TRUST_GUESS, KIND_NONE, KIND_FILE_SYSTEM },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(wait_kind_better(cases[i].first, cases[i].trust, cases[i].stack),
				 cases[i].better);
}

static void names_the_frame_that_waits(void **unused)
{
	static const char *const flush[] = { "do_exit_[k]", "inotify_release_[k]",
					     "__flush_work.isra.0_[k]", "__wait_for_common_[k]",
					     "wait_for_completion_timeout_[k]" };

	(void)unused;
	assert_string_equal(wait_frame(flush, 5), "__flush_work.isra.0_[k]");
	assert_string_equal(wait_frame(flush, 2), "inotify_release_[k]");
	/* Nothing else is there. */
	assert_string_equal(wait_frame(flush + 3, 2), "wait_for_completion_timeout_[k]");
	assert_null(wait_frame(NULL, 0));
}

static void drivers_by_their_number(void **unused)
{
	static char text[] = "Character devices:\n  1 mem\n  4 /dev/vc/0\n  4 tty\n  5 /dev/ptmx\n"
			     "136 pts\n195 nvidia\n195 nvidiactl\n229 hvc\n226 drm\n"
			     "505 nvidia-uvm\n600 nvidia-far\nnonsense\n"
			     "\nBlock devices:\n  7 tty\n";
	static const struct {
		unsigned int major;
		enum char_kind kind;
	} cases[] = {
		{ 1, CHAR_OTHER }, { 4, CHAR_TTY },   { 5, CHAR_TTY },	   { 7, CHAR_OTHER },
		{ 136, CHAR_TTY }, { 195, CHAR_GPU }, { 226, CHAR_GPU },   { 229, CHAR_TTY },
		{ 505, CHAR_GPU }, { 0, CHAR_OTHER }, { 511, CHAR_OTHER },
	};
	__u64 bits[CHAR_MAJORS / 32] = { 0 };
	FILE *devices = fmemopen(text, sizeof(text) - 1, "r");

	(void)unused;
	assert_non_null(devices);
	descriptor_majors(bits, devices);
	fclose(devices);
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(bits[cases[i].major / 32] >> (cases[i].major % 32 * 2) & 3,
				 cases[i].kind);
}

static void calls_that_ask(void **unused)
{
	__u64 bits[FD_CALLS / 64] = { 0 };

	(void)unused;
	descriptor_calls(bits);
	for (int call = 0; call < FD_CALLS; call++)
		assert_int_equal(bits[call / 64] >> (call % 64) & 1,
				 wait_call_asks_descriptor(call));
}

static void symbol_without_its_suffixes(void **unused)
{
	(void)unused;
	assert_int_equal(frame_symbol("schedule_[k]"), 8);
	assert_int_equal(frame_symbol("finish_task_switch.isra.0_[k]"), 18);
	assert_int_equal(frame_symbol("f.constprop.0.isra.1_[k]"), 1);
	assert_int_equal(frame_symbol("a.b_[k]"), 3);
	assert_int_equal(frame_symbol("hrtimer_interrupt.cold_[k]"), 17);
	assert_int_equal(frame_symbol("_[k]"), 4);
	assert_int_equal(frame_symbol(""), 0);
}

struct trim_case {
	enum frames_origin origin;
	size_t user_n, left;
	const char *frames[10];
};

static void trims_what_the_tracer_left(void **unused)
{
	static const struct trim_case cases[] = {
		/* After the switch, by sched_exit_tp. */
		{ FRAMES_WAIT,
		  1,
		  2,
		  { "main", "do_futex_[k]", "schedule_[k]", "__schedule_[k]", "bpf_trace_run1_[k]",
		    "bpf_prog_77_after_switch_[k]" } },
		/* By the kprobe; the ways to sleep go too. */
		{ FRAMES_WAIT,
		  0,
		  1,
		  { "hrtimer_nanosleep_[k]", "do_nanosleep_[k]", "schedule_[k]",
		    "__schedule.constprop.0_[k]", "finish_task_switch.isra.0_[k]" } },
		/* Still open at the end: the kernel has left them out already. */
		{ FRAMES_WAIT, 0, 1, { "hrtimer_nanosleep_[k]" } },
		/* Preempted: how it came about stays. */
		{ FRAMES_WAIT,
		  0,
		  2,
		  { "irqentry_exit_[k]", "preempt_schedule_irq_[k]", "__schedule_[k]",
		    "__traceiter_sched_switch_[k]" } },
		/* No __schedule: at the system call's exit. */
		{ FRAMES_WAIT,
		  1,
		  2,
		  { "main", "do_syscall_64_[k]", "syscall_exit_work_[k]", "bpf_trace_run2_[k]",
		    "bpf_prog_1_[k]" } },
		/* A user function may be named like a kernel one. */
		{ FRAMES_WAIT, 2, 2, { "main", "__schedule" } },
		/* A sample begins where the interrupt hit: nothing to trim, not even __schedule. */
		{ FRAMES_SAMPLE, 0, 2, { "schedule_[k]", "__schedule_[k]" } },
		{ FRAMES_SAMPLE,
		  0,
		  3,
		  { "asm_sysvec_apic_timer_interrupt_[k]", "handle_softirqs_[k]", "net_rx_[k]" } },
		/* One that begins in the clock itself, which struck in user mode... */
		{ FRAMES_SAMPLE,
		  1,
		  1,
		  { "main", "asm_sysvec_apic_timer_interrupt_[k]", "hrtimer_interrupt_[k]",
		    "perf_swevent_hrtimer_[k]", "__perf_event_overflow_[k]", "bpf_prog_1_[k]" } },
		/* ...and within another interrupt. */
		{ FRAMES_SAMPLE,
		  0,
		  2,
		  { "asm_sysvec_apic_timer_interrupt_[k]", "net_rx_[k]",
		    "asm_sysvec_apic_timer_interrupt_[k]", "hrtimer_interrupt_[k]",
		    "perf_swevent_hrtimer_[k]", "bpf_overflow_handler_[k]", "bpf_prog_1_[k]" } },
		/* At a call's return the kernel is there for the probe only. */
		{ FRAMES_CALL, 1, 1, { "main", "uprobe_notify_resume_[k]", "bpf_prog_1_[k]" } },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t n = 0;

		while (n < COUNT(cases[i].frames) && cases[i].frames[n])
			n++;
		assert_int_equal(frames_trim(cases[i].frames, n, cases[i].user_n, cases[i].origin),
				 cases[i].left);
	}
	assert_int_equal(frames_trim(NULL, 0, 0, FRAMES_WAIT), 0);
}

static void places_the_call(void **unused)
{
	static const char *const frames[] = { "main", "__cudaLaunchKernel", "step", "cudaMalloc" };
	bool found;

	(void)unused;
	assert_int_equal(frames_place_call(frames, 4, 4, "cudaMalloc", &found), 3);
	assert_true(found);
	assert_int_equal(frames_place_call(frames, 4, 4, "cudaLaunchKernel", &found), 1);
	assert_false(found);
	/* cudaMallocHost is not a variant of it. */
	assert_int_equal(frames_place_call(frames, 4, 4, "cudaMall", &found), 4);
	assert_int_equal(frames_place_call(frames, 0, 0, "cudaMalloc", &found), 0);
	/* A walk that broke off inside the call: what it met is below the call. */
	assert_int_equal(frames_place_call(frames, 4, 0, "cudaMall", &found), 0);
	assert_false(found);
	assert_int_equal(frames_place_call(frames, 4, 2, "cudaMall", &found), 2);
	/* What the frames say themselves goes before what the count says. */
	assert_int_equal(frames_place_call(frames, 4, 0, "cudaLaunchKernel", &found), 1);
	assert_false(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cause_has_a_name_of_its_own),
		cmocka_unit_test(kinds_can_be_told_apart),
		cmocka_unit_test(system_call_tells_first),
		cmocka_unit_test(descriptor_tells),
		cmocka_unit_test(stack_refines),
		cmocka_unit_test(every_function_tells_its_kind),
		cmocka_unit_test(the_better_of_two),
		cmocka_unit_test(names_the_frame_that_waits),
		cmocka_unit_test(drivers_by_their_number),
		cmocka_unit_test(calls_that_ask),
		cmocka_unit_test(symbol_without_its_suffixes),
		cmocka_unit_test(trims_what_the_tracer_left),
		cmocka_unit_test(places_the_call),
	};

	return cmocka_run_group_tests_name("wait_cause", tests, NULL, NULL);
}
