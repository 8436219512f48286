/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a descriptor is: tells why read(), write(), ioctl() and their like wait.
 *
 * Context: the task itself on its way off the CPU (interrupts off), or a task that the seed looks at;
 * its table of descriptors may then change under us, and a stale pointer reads as something else or as
 * nothing: a wrong word in one wait's flags, no more. Nothing is locked or kept.
 *
 * Cost, in the calls of cfg_fd_calls only: the way is through a pointer to a pointer, which the
 * verifier does not follow, so each step (three to a pipe, six to a TCP socket) is a helper's call, 30
 * ns. Since 6.2 a pointer can be declared to be of a type (bpf_rdonly_cast): typed, a step is a load.
 * Programs that call it are refused up to 5.15, hence two of each.
 */
#ifndef DESCRIPTOR_BPF_H
#define DESCRIPTOR_BPF_H

#include "infbpf.bpf.h"

/* fcntl.h, stat.h, fs.h, socket.h: user space's numbers, or unchanged since they came. */
#define O_DIRECT_X86	  040000
#define S_IFMT		  0170000
#define S_IFIFO		  0010000
#define S_IFCHR		  0020000
#define S_IFBLK		  0060000
#define S_IFREG		  0100000
#define S_IFSOCK	  0140000
#define S_ANON_INODE	  (1 << 19)
#define DEVICE_MINOR_BITS 20
#define AF_UNIX		  1
#define AF_INET		  2
#define AF_INET6	  10
#define PROTOCOL_TCP	  6
#define PROTOCOL_UDP	  17
#define PROTOCOL_MPTCP	  262

/* The 64 bits of a table that bit number n is among. The verifier gets to see the bound in the index
 * itself: the compiler, which can prove it, would leave it out. */
static __always_inline u64 table_word(const volatile u64 *table, u32 words, u32 n)
{
	u32 at = n >> 6;

	barrier_var(at);
	return table[at & (words - 1)];
}

/* A field of what p points to. */
#define FIELD(p, typed, field) ((typed) ? (p)->field : BPF_CORE_READ(p, field))
/* p, which the verifier takes for a number, as a pointer. */
#define CAST(p, typed, type) \
	((typed) ? (type *)bpf_rdonly_cast(p, bpf_core_type_id_kernel(type)) : (type *)(p))

extern void *bpf_rdonly_cast(void *obj, u32 type) __ksym __weak;

static __always_inline u32 descriptor_socket(const struct file *file, const bool typed)
{
	const struct socket *socket =
		CAST((void *)FIELD(file, typed, private_data), typed, struct socket);
	const struct sock *sk = FIELD(socket, typed, sk);
	u16 family = FIELD(sk, typed, __sk_common.skc_family);

	if (family == AF_UNIX)
		return FD_UNIX;
	if (family != AF_INET && family != AF_INET6)
		return FD_SOCKET;
	switch (FIELD(sk, typed, sk_protocol)) {
	case PROTOCOL_TCP:
	case PROTOCOL_MPTCP:
		return FD_TCP;
	case PROTOCOL_UDP:
		return FD_UDP;
	default:
		return FD_SOCKET;
	}
}

/* Eight characters of a name, as the number that they are in memory. */
#define NAME8(a, b, c, d, e, f, g, h)                                                        \
	((u64)(a) | (u64)(b) << 8 | (u64)(c) << 16 | (u64)(d) << 24 | (u64)(e) << 32 |       \
	 (u64)(f) << 40 | (u64)(g) << 48 | (u64)(h) << 56)

/* Files that are no file: told by the name that /proc/PID/fd shows. */
static __always_inline u32 descriptor_anonymous(const struct file *file, const bool typed)
{
	const struct dentry *dentry = FIELD(file, typed, f_path.dentry);
	const unsigned char *name = FIELD(dentry, typed, d_name.name);
	u64 head = 0;

	bpf_probe_read_kernel(&head, sizeof(head), name);
	switch (head) {
	case NAME8('[', 'e', 'v', 'e', 'n', 't', 'f', 'd'):
		return FD_EVENTFD;
	case NAME8('[', 't', 'i', 'm', 'e', 'r', 'f', 'd'):
		return FD_TIMERFD;
	case NAME8('[', 's', 'i', 'g', 'n', 'a', 'l', 'f'):
		return FD_SIGNALFD;
	case NAME8('i', 'n', 'o', 't', 'i', 'f', 'y', 0):
	case NAME8('[', 'f', 'a', 'n', 'o', 't', 'i', 'f'):
		return FD_INOTIFY;
	default:
		return FD_OTHER;
	}
}

static __always_inline u32 descriptor_device(const struct inode *inode, const bool typed)
{
	u32 major = FIELD(inode, typed, i_rdev) >> DEVICE_MINOR_BITS, bit;

	if (major >= CHAR_MAJORS)
		return FD_OTHER;
	bit = major * 2;
	switch (table_word(cfg_char_majors, CHAR_MAJORS / 32, bit) >> (bit & 63) & 3) {
	case CHAR_TTY:
		return FD_TTY;
	case CHAR_GPU:
		return FD_GPU;
	default:
		return FD_OTHER;
	}
}

static __always_inline u32 descriptor_file(const struct file *file, const bool typed)
{
	const struct inode *inode = FIELD(file, typed, f_inode);

	switch (FIELD(inode, typed, i_mode) & S_IFMT) {
	case S_IFIFO:
		return FD_PIPE;
	case S_IFSOCK:
		return descriptor_socket(file, typed);
	case S_IFREG:
		/* Since 6.16 files that are no file are regular ones with this flag. */
		if (FIELD(inode, typed, i_flags) & S_ANON_INODE)
			return descriptor_anonymous(file, typed);
		/* fallthrough */
	case S_IFBLK:
		return FIELD(file, typed, f_flags) & O_DIRECT_X86 ? FD_DIRECT : FD_REGULAR;
	case S_IFCHR:
		return descriptor_device(inode, typed);
	case 0:
		return descriptor_anonymous(file, typed);
	default:
		return FD_OTHER;
	}
}

/* As bits of wait_flags; 0: not such a call, or not known. */
static __always_inline u16 descriptor_flags(struct task_struct *task, s16 syscall,
					    const struct pt_regs *regs, const bool typed)
{
	u32 call = (u16)syscall, fd;
	struct fdtable *table;
	struct file **place;
	void *file;

	if (call >= FD_CALLS ||
	    !(table_word(cfg_fd_calls, FD_CALLS / 64, call) >> (call & 63) & 1))
		return 0;
	fd = regs->di;
	table = task->files->fdt;
	if (fd >= table->max_fds)
		return 0;
	place = table->fd + fd;
	if (typed)
		/* Any type that begins with a pointer will do. */
		file = CAST((void *)place, true, struct list_head)->next;
	else if (bpf_probe_read_kernel(&file, sizeof(file), place))
		return 0;
	return file ? descriptor_file(CAST(file, typed, struct file), typed) << WAIT_FD_SHIFT : 0;
}

#endif /* DESCRIPTOR_BPF_H */
