// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is left to a process that reads a stranger's file with somebody else's library. */
#define _GNU_SOURCE
#include "confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <signal.h>

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#else
#error "which audit architecture is this?"
#endif

/* Reading what is open, and memory. With the sanitizers' needs: they ask who they are. */
static const unsigned int allowed[] = {
	SYS_read,	 SYS_pread64,	  SYS_lseek,	 SYS_fstat,	    SYS_newfstatat,
	SYS_mmap,	 SYS_munmap,	  SYS_mremap,	 SYS_brk,	    SYS_madvise,
	SYS_futex,	 SYS_getpid,	  SYS_gettid,	 SYS_tgkill,	    SYS_rt_sigprocmask,
	SYS_exit_group,	 SYS_exit,	  SYS_getrandom, SYS_clock_gettime, SYS_rt_sigreturn,
	SYS_sigaltstack, SYS_sched_yield,
};
#define ALLOWED_N (sizeof(allowed) / sizeof(allowed[0]))

static int filter_calls(int out)
{
	const uint32_t number = offsetof(struct seccomp_data, nr);
	const uint32_t first = offsetof(struct seccomp_data, args);
	struct sock_filter code[ALLOWED_N * 2 + 16];
	struct sock_fprog program = { .filter = code };
	size_t n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, arch));
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 1, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number);
	for (size_t i = 0; i < ALLOWED_N; i++) {
		code[n++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	/* Writing: its answers only. The low half of the descriptor comes first on these machines. */
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 3);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, first);
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)out, 0, 1);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	program.len = (unsigned short)n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return -errno;
	return 0;
}

int confine(int out, uint64_t data_bytes, uint64_t cpu_ns)
{
	const uint64_t seconds = cpu_ns / 1000000000 + 1;
	const struct {
		int what;
		uint64_t most;
	} limits[] = {
		/* No file is opened any more, even without the filter: a debug file names others,
		 * and opening a device has side effects. */
		{ RLIMIT_NOFILE, 0 },
		{ RLIMIT_DATA, data_bytes },
		{ RLIMIT_CPU, seconds },
		{ RLIMIT_CORE, 0 },
	};
	struct rlimit limit;
	int err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (getrlimit(limits[i].what, &limit))
			return -errno;
		if (limit.rlim_max > limits[i].most)
			limit.rlim_max = limits[i].most;
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(limits[i].what, &limit))
			return -errno;
	}
	err = filter_calls(out);
	/* A kernel without seccomp: the limits hold. */
	return err == -EINVAL || err == -ENOSYS ? 0 : err;
}
