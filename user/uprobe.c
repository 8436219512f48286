// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include "uprobe.h"

/* The part of union bpf_attr that BPF_LINK_CREATE reads for uprobe_multi and its sessions (uapi since
 * 6.6; the headers of older distributions do not have it). */
struct multi_attr {
	__u32 prog_fd;
	__u32 target_fd;
	__u32 attach_type;
	__u32 flags;
	__u64 path;
	__u64 offsets;
	__u64 ref_ctr_offsets;
	__u64 cookies;
	__u32 cnt;
	__u32 multi_flags;
	__u32 pid;
	__u32 pad;
};
/* events/uprobe: "ref_ctr_offset", config:32-63 (4.20). */
#define SEMAPHORE_SHIFT 32
#define MULTI_RETURN	1 /* BPF_F_UPROBE_MULTI_RETURN */

static int sys_bpf(int cmd, void *attr, unsigned int size)
{
	return syscall(SYS_bpf, cmd, attr, size);
}

/* A minimal program that returns 0. */
static int load_trivial(enum bpf_attach_type attach_type)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach_type);

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "infbpf_detect", "GPL", insns,
			     sizeof(insns) / sizeof(insns[0]), &opts);
}

/* A directory is no file to probe: a kernel that knows the attach type answers EBADF. */
static bool has_link(unsigned int attach_type)
{
	struct multi_attr attr = { 0 };
	__u64 offset = 0;
	int prog = load_trivial(attach_type), err;

	if (prog < 0)
		return false;
	attr.prog_fd = prog;
	attr.attach_type = attach_type;
	attr.path = (uintptr_t) "/";
	attr.offsets = (uintptr_t)&offset;
	attr.cnt = 1;
	err = sys_bpf(BPF_LINK_CREATE, &attr, sizeof(attr));
	if (err >= 0)
		close(err);
	err = err < 0 ? errno : 0;
	close(prog);
	return err == EBADF;
}

enum uprobe_kind uprobe_detect(void)
{
	if (access("/sys/bus/event_source/devices/uprobe/type", R_OK))
		return UPROBE_NONE;
	if (!has_link(UPROBE_MULTI_ATTACH_TYPE))
		return UPROBE_PERF;
	return has_link(UPROBE_SESSION_ATTACH_TYPE) ? UPROBE_SESSION : UPROBE_MULTI;
}

const char *uprobe_kind_name(enum uprobe_kind kind)
{
	static const char *const names[] = {
		[UPROBE_NONE] = "none",
		[UPROBE_PERF] = "perf events",
		[UPROBE_MULTI] = "uprobe_multi",
		[UPROBE_SESSION] = "uprobe_session",
	};

	return names[kind];
}

static int attach_multi(enum uprobe_kind kind, int prog_fd, const char *path,
			const struct uprobe_site *sites, size_t n, pid_t pid, bool is_return,
			int *fds)
{
	struct multi_attr attr = { 0 };
	__u64 *offsets, *cookies, *semaphores;
	int fd, err = 0;

	offsets = calloc(n, sizeof(*offsets));
	cookies = calloc(n, sizeof(*cookies));
	semaphores = calloc(n, sizeof(*semaphores));
	if (!offsets || !cookies || !semaphores) {
		err = -ENOMEM;
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		offsets[i] = sites[i].offset;
		cookies[i] = sites[i].cookie;
		semaphores[i] = sites[i].semaphore;
	}
	attr.prog_fd = prog_fd;
	attr.attach_type =
		kind == UPROBE_SESSION ? UPROBE_SESSION_ATTACH_TYPE : UPROBE_MULTI_ATTACH_TYPE;
	attr.path = (uintptr_t)path;
	attr.offsets = (uintptr_t)offsets;
	attr.cookies = (uintptr_t)cookies;
	attr.ref_ctr_offsets = (uintptr_t)semaphores;
	attr.cnt = n;
	attr.multi_flags = is_return && kind == UPROBE_MULTI ? MULTI_RETURN : 0;
	attr.pid = pid;
	fd = sys_bpf(BPF_LINK_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		err = -errno;
	else
		fds[0] = fd;
out:
	free(offsets);
	free(cookies);
	free(semaphores);
	return err ? err : 1;
}

static int read_number(const char *path, const char *format)
{
	FILE *f = fopen(path, "re");
	int n = -ENOENT;

	if (!f)
		return -errno;
	if (fscanf(f, format, &n) != 1)
		n = -EINVAL;
	fclose(f);
	return n;
}

/* One perf event and one BPF link for one site. The link keeps the event. */
static int attach_perf(int prog_fd, const char *path, const struct uprobe_site *site, pid_t pid,
		       int type, int return_bit)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	struct perf_event_attr attr = { 0 };
	int event, link;

	attr.size = sizeof(attr);
	attr.type = type;
	attr.config = return_bit >= 0 ? 1ULL << return_bit : 0;
	attr.config |= site->semaphore << SEMAPHORE_SHIFT;
	attr.config1 = (uintptr_t)path;
	attr.config2 = site->offset;
	/* A pid's event is bound to that task, but the program behind a uprobe runs for every thread
	 * that shares its memory: uprobe_perf_filter() compares the mm. */
	event = syscall(SYS_perf_event_open, &attr, pid ? pid : -1, pid ? -1 : 0, -1,
			PERF_FLAG_FD_CLOEXEC);
	if (event < 0)
		return -errno;
	opts.perf_event.bpf_cookie = site->cookie;
	link = bpf_link_create(prog_fd, event, BPF_PERF_EVENT, &opts);
	if (link < 0) {
		link = -errno;
		close(event);
		return link;
	}
	/* The event counts from its creation (not opened disabled). The link holds the event, so its
	 * descriptor can go; the probe goes with the link. */
	close(event);
	return link;
}

int uprobe_attach(enum uprobe_kind kind, int prog_fd, const char *path,
		  const struct uprobe_site *sites, size_t sites_n, pid_t pid, bool is_return,
		  int *fds)
{
	int type, return_bit = -1, fd;
	size_t i;

	if (!sites_n)
		return 0;
	if (kind == UPROBE_NONE)
		return -EOPNOTSUPP;
	if (kind == UPROBE_MULTI || kind == UPROBE_SESSION)
		return attach_multi(kind, prog_fd, path, sites, sites_n, pid, is_return, fds);
	type = read_number("/sys/bus/event_source/devices/uprobe/type", "%d");
	if (type < 0)
		return type;
	if (is_return) {
		return_bit = read_number("/sys/bus/event_source/devices/uprobe/format/retprobe",
					 "config:%d");
		if (return_bit < 0)
			return return_bit;
	}
	for (i = 0; i < sites_n; i++) {
		fd = attach_perf(prog_fd, path, &sites[i], pid, type, return_bit);
		if (fd < 0)
			goto undo;
		fds[i] = fd;
	}
	return sites_n;
undo:
	while (i--)
		close(fds[i]);
	return fd;
}
