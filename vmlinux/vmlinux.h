/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel types that bpf/ reads, and of those only the fields it reads. CO-RE relocates every
 * access against the running kernel's BTF, so the layout here means nothing; the field names do.
 *
 * Versions: task_struct.__state was .state before 5.14, older than any kernel supported here.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#include <linux/bpf.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
#ifndef bool
#define bool _Bool
#define true 1
#define false 0
#endif
typedef int pid_t;
typedef unsigned long size_t;

/* The saved user registers. Part of the kernel's ABI (ptrace, perf): used without relocation as the
 * context of user probes, with BTF behind bpf_task_pt_regs(). */
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax, ip, cs, flags, sp, ss;
};

typedef struct pt_regs bpf_user_pt_regs_t;

/* Context of a perf event program (uapi/linux/bpf_perf_event.h). */
struct bpf_perf_event_data {
	bpf_user_pt_regs_t regs;
	__u64 sample_period;
	__u64 addr;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* A return probe in flight: what the user stack held before the probe's trampoline. */
struct return_instance {
	unsigned long stack; /* the stack pointer at the function's entry */
	unsigned long orig_ret_vaddr;
	struct return_instance *next; /* the caller's, outward */
};

struct uprobe_task {
	struct return_instance *return_instances;
};

/* The page of a process in which probed instructions run out of line; a return probe's trampoline is at
 * its start. */
struct xol_area {
	unsigned long vaddr;
};

struct uprobes_state {
	struct xol_area *xol_area;
};

struct mm_struct {
	struct uprobes_state uprobes_state; /* with CONFIG_UPROBES */
};

struct task_group {
	struct cfs_rq **cfs_rq; /* by CPU */
};

struct rq {
	u64 clock;
	u64 clock_pelt;
	u64 clock_task;
};

/* A group's run queue on a CPU. With CONFIG_CFS_BANDWIDTH; see bpf/throttle.bpf.h for the versions. */
struct cfs_rq {
	struct rq *rq;
	struct task_group *tg;
	int throttle_count;
	u64 throttled_clock_self;
	u64 throttled_clock_self_time;
	u64 throttled_clock_pelt;
	u64 throttled_clock_pelt_time;
	u64 throttled_clock_task;
	u64 throttled_clock_task_time;
};

struct sched_entity {
	struct cfs_rq *cfs_rq; /* with CONFIG_FAIR_GROUP_SCHED */
};

struct list_head {
	struct list_head *next;
};

/* The way from a descriptor's number to what it is. */
struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
};

struct path {
	struct dentry *dentry;
};

struct inode {
	unsigned short i_mode;
	unsigned int i_flags;
	u32 i_rdev;
};

struct address_space {
	struct inode *host;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
	struct address_space *f_mapping;
	unsigned int f_flags;
	s64 f_pos;
	void *private_data; /* of a socket: struct socket */
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct sock_common {
	unsigned short skc_family;
};

struct sock {
	struct sock_common __sk_common;
	u16 sk_protocol;
};

struct socket {
	struct sock *sk;
};

/* --- I/O --- */
struct thread_info {
	u32 status; /* x86 */
};

struct gendisk {
	int major;
	int first_minor;
};

struct request_queue {
	struct gendisk *disk;
};

struct request {
	struct request_queue *q;
	unsigned int cmd_flags;
	unsigned int __data_len;
	struct bio *bio;
	u64 start_time_ns;
};

/* What came before it, up to 5.15, is named page. */
struct folio {
	struct address_space *mapping;
	unsigned long index;
};

struct page {
	struct address_space *mapping;
	unsigned long index;
};

struct io_kiocb {
	u8 opcode;
};

struct io_uring_cqe {
	s32 res;
	u32 flags;
};

struct task_struct {
	struct thread_info thread_info; /* with CONFIG_THREAD_INFO_IN_TASK */
	unsigned int __state;
	void *stack;
	unsigned int flags;
	int on_cpu;
	int on_rq;
	int exit_state;
	pid_t pid;
	pid_t tgid;
	unsigned int in_iowait : 1;
	unsigned long nvcsw;
	unsigned long nivcsw;
	unsigned long maj_flt;
	struct files_struct *files;
	struct task_struct *group_leader;
	unsigned long sas_ss_sp; /* the alternate signal stack */
	size_t sas_ss_size;
	char comm[16];
	struct mm_struct *mm;
	struct sched_entity se;
	bool throttled;		   /* 6.18, with CONFIG_CFS_BANDWIDTH */
	struct uprobe_task *utask; /* with CONFIG_UPROBES */
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

#endif /* __VMLINUX_H__ */
