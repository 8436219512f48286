// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wait_cause.h"

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

struct kind_row {
	const char *name;
	enum wait_cause cause;
	const char *frame; /* NULL: the cause's frame says it all */
};
/* Of one cause at most one has no frame. */
#define PLAIN(name, cause)        \
	{                         \
		name, cause, NULL \
	}
#define FRAMED(name, cause)               \
	{                                 \
		name, cause, "[" name "]" \
	}

static const struct kind_row kinds[KINDS] = {
	[KIND_NONE] = PLAIN("none", CAUSE_NONE),
	[KIND_GPU_CALL] = PLAIN("GPU call", CAUSE_GPU_CALL),
	[KIND_FUTEX] = PLAIN("futex", CAUSE_LOCK),
	[KIND_FILE_LOCK] = FRAMED("file lock", CAUSE_LOCK),
	[KIND_SEMAPHORE] = FRAMED("semaphore", CAUSE_LOCK),
	[KIND_KERNEL_LOCK] = FRAMED("kernel lock", CAUSE_LOCK),
	[KIND_DISK] = PLAIN("disk", CAUSE_DISK),
	[KIND_DISK_READ] = FRAMED("disk read", CAUSE_DISK),
	[KIND_DISK_WRITE] = FRAMED("disk write", CAUSE_DISK),
	[KIND_PAGE_CACHE] = FRAMED("page cache", CAUSE_DISK),
	[KIND_WRITEBACK] = FRAMED("writeback", CAUSE_DISK),
	[KIND_FSYNC] = FRAMED("fsync", CAUSE_DISK),
	[KIND_FILE_SYSTEM] = FRAMED("file system", CAUSE_DISK),
	[KIND_TCP_RECEIVE] = FRAMED("TCP receive", CAUSE_NETWORK),
	[KIND_TCP_SEND] = FRAMED("TCP send", CAUSE_NETWORK),
	[KIND_TCP_CONNECT] = FRAMED("TCP connect", CAUSE_NETWORK),
	[KIND_TCP_ACCEPT] = FRAMED("TCP accept", CAUSE_NETWORK),
	[KIND_UDP] = FRAMED("UDP", CAUSE_NETWORK),
	[KIND_UNIX] = FRAMED("unix socket", CAUSE_NETWORK),
	[KIND_SOCKET] = PLAIN("socket", CAUSE_NETWORK),
	[KIND_NFS] = FRAMED("NFS", CAUSE_NETWORK),
	[KIND_POLL] = PLAIN("poll", CAUSE_POLL),
	[KIND_EPOLL] = FRAMED("epoll", CAUSE_POLL),
	[KIND_SELECT] = FRAMED("select", CAUSE_POLL),
	[KIND_IO_URING] = FRAMED("io_uring", CAUSE_POLL),
	[KIND_INOTIFY] = FRAMED("inotify", CAUSE_POLL),
	[KIND_PIPE] = PLAIN("pipe", CAUSE_PIPE),
	[KIND_EVENTFD] = FRAMED("eventfd", CAUSE_PIPE),
	[KIND_MESSAGE_QUEUE] = FRAMED("message queue", CAUSE_PIPE),
	[KIND_TTY] = FRAMED("tty", CAUSE_PIPE),
	[KIND_NANOSLEEP] = PLAIN("nanosleep", CAUSE_SLEEP),
	[KIND_TIMER] = FRAMED("timer", CAUSE_SLEEP),
	[KIND_SIGNAL] = FRAMED("signal", CAUSE_SLEEP),
	[KIND_PAGE_FAULT] = PLAIN("page fault", CAUSE_PAGE_FAULT),
	[KIND_SWAP] = FRAMED("swap", CAUSE_PAGE_FAULT),
	[KIND_USERFAULTFD] = FRAMED("userfaultfd", CAUSE_PAGE_FAULT),
	[KIND_GPU_DRIVER] = PLAIN("GPU driver", CAUSE_GPU_DRIVER),
	[KIND_CHILD] = PLAIN("child", CAUSE_CHILD),
	[KIND_STOPPED] = PLAIN("stopped", CAUSE_STOPPED),
	[KIND_KERNEL_THREAD] = FRAMED("kernel thread", CAUSE_OTHER),
	[KIND_OTHER] = PLAIN("other", CAUSE_OTHER),
};

static const struct kind_row *row_of(enum wait_kind kind)
{
	return &kinds[(unsigned int)kind < KINDS ? kind : KIND_OTHER];
}

const char *wait_kind_name(enum wait_kind kind)
{
	return row_of(kind)->name;
}

enum wait_cause wait_kind_cause(enum wait_kind kind)
{
	return row_of(kind)->cause;
}

const char *wait_kind_frame(enum wait_kind kind)
{
	return row_of(kind)->frame;
}
