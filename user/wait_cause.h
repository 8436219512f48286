/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Why a thread was blocked: a cause, and within it a kind. */
#ifndef WAIT_CAUSE_H
#define WAIT_CAUSE_H

#include <stdbool.h>
#include <stddef.h>

/* What a wait's frame in the graph says; each has a colour. */
enum wait_cause {
	CAUSE_NONE, /* not blocked */
	CAUSE_GPU_CALL,
	CAUSE_LOCK,
	CAUSE_DISK,
	CAUSE_NETWORK,
	CAUSE_POLL,
	CAUSE_PIPE,
	CAUSE_SLEEP,
	CAUSE_PAGE_FAULT,
	CAUSE_GPU_DRIVER,
	CAUSE_CHILD,
	CAUSE_STOPPED,
	CAUSE_OTHER,
	CAUSES,
};

/* What exactly was waited for. Every kind is of one cause. */
enum wait_kind {
	KIND_NONE, /* not blocked */
	KIND_GPU_CALL,
	KIND_FUTEX,
	KIND_FILE_LOCK,
	KIND_SEMAPHORE,
	KIND_KERNEL_LOCK,
	KIND_DISK, /* it is known to be a disk, and no more */
	KIND_DISK_READ,
	KIND_DISK_WRITE,
	KIND_PAGE_CACHE,
	KIND_WRITEBACK,
	KIND_FSYNC,
	KIND_FILE_SYSTEM,
	KIND_TCP_RECEIVE,
	KIND_TCP_SEND,
	KIND_TCP_CONNECT,
	KIND_TCP_ACCEPT,
	KIND_UDP,
	KIND_UNIX,
	KIND_SOCKET, /* another one, or it is not known which */
	KIND_NFS,
	KIND_POLL,
	KIND_EPOLL,
	KIND_SELECT,
	KIND_IO_URING,
	KIND_INOTIFY,
	KIND_PIPE,
	KIND_EVENTFD,
	KIND_MESSAGE_QUEUE,
	KIND_TTY,
	KIND_NANOSLEEP,
	KIND_TIMER,
	KIND_SIGNAL,
	KIND_PAGE_FAULT,
	KIND_SWAP,
	KIND_USERFAULTFD,
	KIND_GPU_DRIVER,
	KIND_CHILD,
	KIND_STOPPED,
	KIND_KERNEL_THREAD,
	KIND_OTHER,
	KINDS,
};

/* --- wait_kind.c: names --- */
const char *wait_cause_name(enum wait_cause cause); /* "lock", "GPU call": also the JSON key */
const char *wait_kind_name(enum wait_kind kind);
enum wait_cause wait_kind_cause(enum wait_kind kind);
/* The frame that stands above the cause's, "[TCP receive]"; NULL where the kind says no more. */
const char *wait_kind_frame(enum wait_kind kind);

/* --- wait_cause.c: the facts recorded at every switch-out --- */
/* How much they are worth. */
enum wait_trust {
	TRUST_GUESS, /* the most frequent reason: a stack that shows none that is known is another */
	TRUST_LIKELY, /* unless the stack shows another */
	TRUST_SURE,   /* whatever the stack shows */
};
/* The kind that they tell. flags: enum wait_flags. */
enum wait_kind wait_kind_first(int syscall, unsigned int flags, enum wait_trust *trust);
/* The better of what they and the stack tell. */
enum wait_kind wait_kind_better(enum wait_kind first, enum wait_trust trust, enum wait_kind stack);
/* Does this system call wait for what the descriptor in its first argument is? */
bool wait_call_asks_descriptor(int syscall);

/* --- wait_frames.c: the stack of a sampled wait --- */
/* The kind that its kernel frames (names, any order) tell; KIND_OTHER: none that is known, KIND_NONE:
 * there are no frames. */
enum wait_kind wait_kind_refine(const char *const *kernel_frames, size_t n);
/* The kernel function that waits: outermost first, the last that is not a general way of waiting, as
 * "symbol_[k]". NULL: there is none. */
const char *wait_frame(const char *const *kernel_frames, size_t n);

#endif /* WAIT_CAUSE_H */
