/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Attaching user probes: one uprobe_multi link where the kernel has it (6.6+), else one perf event a
 * probe. libbpf 1.1 knows only the latter. */
#ifndef UPROBE_H
#define UPROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum uprobe_kind { UPROBE_NONE, UPROBE_PERF, UPROBE_MULTI, UPROBE_SESSION };

/* BPF_TRACE_UPROBE_MULTI: what a program's expected_attach_type must be for UPROBE_MULTI. */
#define UPROBE_MULTI_ATTACH_TYPE 48
#define UPROBE_SESSION_ATTACH_TYPE 57

/* What this kernel has. */
enum uprobe_kind uprobe_detect(void);

struct uprobe_site {
	uint64_t offset;
	uint64_t cookie;
};

/* Attaches prog_fd to the sites of a file; pid 0: every process. Appends link descriptors to fds
 * (room for sites_n). Returns how many descriptors, or a negative errno with none left open. */
int uprobe_attach(enum uprobe_kind kind, int prog_fd, const char *path,
		  const struct uprobe_site *sites, size_t sites_n, pid_t pid, bool is_return,
		  int *fds);

#endif /* UPROBE_H */
