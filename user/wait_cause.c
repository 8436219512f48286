// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What every wait was for, as far as the facts of its switch-out tell: the system call in progress,
 * the descriptor it was given, whether the kernel calls it a wait for I/O.
 */
#include <sys/syscall.h>
#include "infbpf.h"
#include "wait_cause.h"

/* How a system call uses the descriptor in its first argument. */
enum use {
	USE_NONE,
	USE_RECEIVE = 1 << 0,
	USE_SEND = 1 << 1,
	USE_ACCEPT = 1 << 2,
	USE_CONNECT = 1 << 3,
	USE_CONTROL = 1 << 4,
	USE_ANY = 0x1f,
};

struct syscall_rule {
	unsigned char kind;  /* enum wait_kind; KIND_NONE: not in the table */
	unsigned char trust; /* enum wait_trust */
	unsigned char use;   /* enum use: the descriptor says it better */
};
#define SURE(kind)                         \
	{                                  \
		kind, TRUST_SURE, USE_NONE \
	}
#define MAYBE(kind)                          \
	{                                    \
		kind, TRUST_LIKELY, USE_NONE \
	}
#define GUESS(kind)                         \
	{                                   \
		kind, TRUST_GUESS, USE_NONE \
	}
#define ASK(kind, use)                  \
	{                               \
		kind, TRUST_LIKELY, use \
	}

/* System calls that only some architectures have stand under #ifdef. */
static const struct syscall_rule syscall_rules[] = {
	[SYS_futex] = SURE(KIND_FUTEX),
#ifdef SYS_futex_waitv
	[SYS_futex_waitv] = SURE(KIND_FUTEX),
#endif
	[SYS_flock] = SURE(KIND_FILE_LOCK),
	/* Of all that it can do only F_SETLKW and F_OFD_SETLKW wait. */
	[SYS_fcntl] = SURE(KIND_FILE_LOCK),
	[SYS_semop] = SURE(KIND_SEMAPHORE),
	[SYS_semtimedop] = SURE(KIND_SEMAPHORE),

	[SYS_nanosleep] = SURE(KIND_NANOSLEEP),
	[SYS_clock_nanosleep] = SURE(KIND_NANOSLEEP),
#ifdef SYS_pause
	[SYS_pause] = SURE(KIND_SIGNAL),
#endif
	[SYS_rt_sigsuspend] = SURE(KIND_SIGNAL),
	[SYS_rt_sigtimedwait] = SURE(KIND_SIGNAL),

#ifdef SYS_poll
	[SYS_poll] = SURE(KIND_POLL),
	[SYS_select] = SURE(KIND_SELECT),
	[SYS_epoll_wait] = SURE(KIND_EPOLL),
#endif
	[SYS_ppoll] = SURE(KIND_POLL),
	[SYS_pselect6] = SURE(KIND_SELECT),
	[SYS_epoll_pwait] = SURE(KIND_EPOLL),
#ifdef SYS_epoll_pwait2
	[SYS_epoll_pwait2] = SURE(KIND_EPOLL),
#endif
	/* Completions, or what a request does at once; its workers bear its number too. */
	[SYS_io_uring_enter] = MAYBE(KIND_IO_URING),
	[SYS_io_uring_setup] = MAYBE(KIND_IO_URING),

	[SYS_read] = ASK(KIND_OTHER, USE_RECEIVE),
	[SYS_readv] = ASK(KIND_OTHER, USE_RECEIVE),
	[SYS_pread64] = ASK(KIND_OTHER, USE_RECEIVE),
	[SYS_preadv] = ASK(KIND_OTHER, USE_RECEIVE),
	[SYS_preadv2] = ASK(KIND_OTHER, USE_RECEIVE),
	[SYS_write] = ASK(KIND_OTHER, USE_SEND),
	[SYS_writev] = ASK(KIND_OTHER, USE_SEND),
	[SYS_pwrite64] = ASK(KIND_OTHER, USE_SEND),
	[SYS_pwritev] = ASK(KIND_OTHER, USE_SEND),
	[SYS_pwritev2] = ASK(KIND_OTHER, USE_SEND),
	[SYS_ioctl] = ASK(KIND_OTHER, USE_CONTROL),
	[SYS_connect] = ASK(KIND_SOCKET, USE_CONNECT),
	[SYS_accept] = ASK(KIND_SOCKET, USE_ACCEPT),
	[SYS_accept4] = ASK(KIND_SOCKET, USE_ACCEPT),
	[SYS_recvfrom] = ASK(KIND_SOCKET, USE_RECEIVE),
	[SYS_recvmsg] = ASK(KIND_SOCKET, USE_RECEIVE),
	[SYS_recvmmsg] = ASK(KIND_SOCKET, USE_RECEIVE),
	[SYS_sendto] = ASK(KIND_SOCKET, USE_SEND),
	[SYS_sendmsg] = ASK(KIND_SOCKET, USE_SEND),
	[SYS_sendmmsg] = ASK(KIND_SOCKET, USE_SEND),

	[SYS_msgrcv] = SURE(KIND_MESSAGE_QUEUE),
	[SYS_msgsnd] = SURE(KIND_MESSAGE_QUEUE),
	[SYS_mq_timedreceive] = SURE(KIND_MESSAGE_QUEUE),
	[SYS_mq_timedsend] = SURE(KIND_MESSAGE_QUEUE),

	/* Not all of a sync is iowait: the wait for the journal's commit is not. */
	[SYS_fsync] = SURE(KIND_FSYNC),
	[SYS_fdatasync] = SURE(KIND_FSYNC),
	[SYS_sync] = SURE(KIND_FSYNC),
	[SYS_syncfs] = SURE(KIND_FSYNC),
	[SYS_msync] = SURE(KIND_FSYNC),
	[SYS_sync_file_range] = SURE(KIND_WRITEBACK),
	/* Gives pages up: until they are written, or until every CPU has let go of its own. */
	[SYS_fadvise64] = MAYBE(KIND_PAGE_CACHE),
	/* Asynchronous I/O, of files opened with O_DIRECT as a rule; reads or writes. */
	[SYS_io_getevents] = SURE(KIND_DISK),
#ifdef SYS_io_pgetevents
	[SYS_io_pgetevents] = SURE(KIND_DISK),
#endif

	[SYS_wait4] = SURE(KIND_CHILD),
	[SYS_waitid] = SURE(KIND_CHILD),
#ifdef SYS_vfork
	[SYS_vfork] = SURE(KIND_CHILD), /* until the child calls exec */
#endif

	/* The lock of the process's memory map, as a rule. */
	[SYS_mmap] = GUESS(KIND_KERNEL_LOCK),
	[SYS_munmap] = GUESS(KIND_KERNEL_LOCK),
	[SYS_mprotect] = GUESS(KIND_KERNEL_LOCK),
	[SYS_mremap] = GUESS(KIND_KERNEL_LOCK),
	[SYS_madvise] = GUESS(KIND_KERNEL_LOCK),
	[SYS_brk] = GUESS(KIND_KERNEL_LOCK),

/* Directories and the file system's journal. */
#ifdef SYS_open
	[SYS_open] = GUESS(KIND_FILE_SYSTEM),
	[SYS_creat] = GUESS(KIND_FILE_SYSTEM),
	[SYS_stat] = GUESS(KIND_FILE_SYSTEM),
	[SYS_lstat] = GUESS(KIND_FILE_SYSTEM),
	[SYS_unlink] = GUESS(KIND_FILE_SYSTEM),
	[SYS_rename] = GUESS(KIND_FILE_SYSTEM),
	[SYS_mkdir] = GUESS(KIND_FILE_SYSTEM),
	[SYS_rmdir] = GUESS(KIND_FILE_SYSTEM),
#endif
	[SYS_openat] = GUESS(KIND_FILE_SYSTEM),
	[SYS_newfstatat] = GUESS(KIND_FILE_SYSTEM),
	[SYS_statx] = GUESS(KIND_FILE_SYSTEM),
	[SYS_getdents64] = GUESS(KIND_FILE_SYSTEM),
	[SYS_unlinkat] = GUESS(KIND_FILE_SYSTEM),
	[SYS_renameat2] = GUESS(KIND_FILE_SYSTEM),
	[SYS_mkdirat] = GUESS(KIND_FILE_SYSTEM),
	[SYS_truncate] = GUESS(KIND_FILE_SYSTEM),
	[SYS_ftruncate] = GUESS(KIND_FILE_SYSTEM),
	[SYS_fallocate] = GUESS(KIND_FILE_SYSTEM),
};

static const struct syscall_rule *syscall_rule(int syscall)
{
	const size_t n = sizeof(syscall_rules) / sizeof(*syscall_rules);

	if (syscall < 0 || (size_t)syscall >= n || syscall_rules[syscall].kind == KIND_NONE)
		return NULL;
	return &syscall_rules[syscall];
}

bool wait_call_asks_descriptor(int syscall)
{
	const struct syscall_rule *rule = syscall_rule(syscall);

	return rule && rule->use != USE_NONE;
}

enum iowait { IO_NOT = 1, IO_WAIT = 2, IO_ANY = 3 };

struct descriptor_rule {
	unsigned char fd;     /* enum wait_fd */
	unsigned char use;    /* of enum use */
	unsigned char iowait; /* enum iowait */
	unsigned char kind;   /* enum wait_kind; KIND_NONE: the descriptor says nothing */
	unsigned char trust;  /* enum wait_trust */
};

/* What is not a file never makes a wait for I/O by itself: with iowait it is a page of the buffer. */
static const struct descriptor_rule descriptor_rules[] = {
	{ FD_REGULAR, USE_RECEIVE, IO_WAIT, KIND_PAGE_CACHE, TRUST_SURE },
	/* Throttled, or for a page that is being written, or that has to be read first. */
	{ FD_REGULAR, USE_SEND, IO_WAIT, KIND_WRITEBACK, TRUST_LIKELY },
	{ FD_DIRECT, USE_RECEIVE, IO_WAIT, KIND_DISK_READ, TRUST_SURE },
	/* With O_DSYNC also its flush. */
	{ FD_DIRECT, USE_SEND, IO_WAIT, KIND_DISK_WRITE, TRUST_LIKELY },
	{ FD_REGULAR, USE_CONTROL, IO_WAIT, KIND_DISK, TRUST_LIKELY },
	{ FD_DIRECT, USE_CONTROL, IO_WAIT, KIND_DISK, TRUST_LIKELY },
	/* Journal, locks, what is no disk at all (FUSE, proc). */
	{ FD_REGULAR, USE_ANY, IO_NOT, KIND_FILE_SYSTEM, TRUST_GUESS },
	{ FD_DIRECT, USE_ANY, IO_NOT, KIND_FILE_SYSTEM, TRUST_GUESS },
	{ FD_PIPE, USE_ANY, IO_NOT, KIND_PIPE, TRUST_SURE },
	{ FD_TCP, USE_RECEIVE, IO_NOT, KIND_TCP_RECEIVE, TRUST_SURE },
	{ FD_TCP, USE_SEND, IO_NOT, KIND_TCP_SEND, TRUST_SURE },
	{ FD_TCP, USE_ACCEPT, IO_NOT, KIND_TCP_ACCEPT, TRUST_SURE },
	{ FD_TCP, USE_CONNECT, IO_NOT, KIND_TCP_CONNECT, TRUST_SURE },
	{ FD_TCP, USE_CONTROL, IO_NOT, KIND_SOCKET, TRUST_LIKELY },
	{ FD_UDP, USE_ANY, IO_NOT, KIND_UDP, TRUST_SURE },
	{ FD_UNIX, USE_ANY, IO_NOT, KIND_UNIX, TRUST_SURE },
	{ FD_SOCKET, USE_ANY, IO_NOT, KIND_SOCKET, TRUST_SURE },
	{ FD_EVENTFD, USE_ANY, IO_NOT, KIND_EVENTFD, TRUST_SURE },
	{ FD_TIMERFD, USE_ANY, IO_NOT, KIND_TIMER, TRUST_SURE },
	{ FD_SIGNALFD, USE_ANY, IO_NOT, KIND_SIGNAL, TRUST_SURE },
	{ FD_INOTIFY, USE_ANY, IO_NOT, KIND_INOTIFY, TRUST_SURE },
	{ FD_TTY, USE_ANY, IO_NOT, KIND_TTY, TRUST_SURE },
	{ FD_GPU, USE_ANY, IO_ANY, KIND_GPU_DRIVER, TRUST_SURE },
	{ FD_OTHER, USE_ANY, IO_ANY, KIND_NONE, TRUST_LIKELY },
	{ FD_NONE, USE_ANY, IO_ANY, KIND_NONE, TRUST_LIKELY },
};
#define DESCRIPTOR_RULES (sizeof(descriptor_rules) / sizeof(*descriptor_rules))

/* Of a call that asks its descriptor. NULL: none, which is a fault in the buffer. */
static const struct descriptor_rule *descriptor_rule(unsigned int use, unsigned int flags)
{
	const unsigned int fd = (flags & WAIT_FD_MASK) >> WAIT_FD_SHIFT;
	const unsigned int iowait = flags & WAIT_IOWAIT ? IO_WAIT : IO_NOT;

	for (size_t i = 0; i < DESCRIPTOR_RULES; i++) {
		const struct descriptor_rule *r = &descriptor_rules[i];

		if (r->fd == fd && r->use & use && r->iowait & iowait)
			return r;
	}
	return NULL;
}

/* A thread that is in no system call, or in one that tells nothing. */
static enum wait_kind without_rule(int syscall, unsigned int flags, enum wait_trust *trust)
{
	*trust = flags & WAIT_IOWAIT ? TRUST_LIKELY : TRUST_GUESS;
	/* Of what enters the kernel without a call, hardly anything but a fault can wait. */
	if (syscall < 0)
		return KIND_PAGE_FAULT;
	return flags & WAIT_IOWAIT ? KIND_DISK : KIND_OTHER;
}

static enum wait_kind by_descriptor(int syscall, unsigned int flags,
				    const struct syscall_rule *rule, enum wait_trust *trust)
{
	const struct descriptor_rule *by_fd = descriptor_rule(rule->use, flags);

	if (!by_fd)
		return KIND_PAGE_FAULT;
	*trust = by_fd->trust;
	if (by_fd->kind != KIND_NONE)
		return by_fd->kind;
	return rule->kind == KIND_OTHER ? without_rule(syscall, flags, trust) : rule->kind;
}

enum wait_kind wait_kind_first(int syscall, unsigned int flags, enum wait_trust *trust)
{
	const struct syscall_rule *rule = syscall_rule(syscall);

	*trust = TRUST_LIKELY;
	if (flags & WAIT_UNKNOWN)
		return KIND_OTHER;
	if (flags & WAIT_STOPPED) {
		*trust = TRUST_SURE;
		return KIND_STOPPED;
	}
	/* What stands in for the system call number there is left over from boot. */
	if (flags & WAIT_KTHREAD)
		return flags & WAIT_IOWAIT ? KIND_DISK : KIND_KERNEL_THREAD;
	if (!rule)
		return without_rule(syscall, flags, trust);
	if (rule->use)
		return by_descriptor(syscall, flags, rule, trust);
	/* A page of the arguments or of the result had to come from the disk: what does not do I/O
	 * itself makes no wait for I/O. (io_uring calls any wait with requests under way one.) */
	if (flags & WAIT_IOWAIT && wait_kind_cause(rule->kind) != CAUSE_DISK &&
	    rule->kind != KIND_IO_URING)
		return KIND_PAGE_FAULT;
	if (!(flags & WAIT_IOWAIT) || rule->trust != TRUST_GUESS)
		*trust = rule->trust;
	return rule->kind;
}

enum wait_kind wait_kind_better(enum wait_kind first, enum wait_trust trust, enum wait_kind stack)
{
	if (trust == TRUST_SURE || stack == KIND_NONE)
		return first;
	if (stack == KIND_OTHER)
		return trust == TRUST_GUESS ? KIND_OTHER : first;
	/* The stack says no more than the cause, the facts may. */
	if (!wait_kind_frame(stack) && wait_kind_cause(stack) == wait_kind_cause(first))
		return first;
	return stack;
}
