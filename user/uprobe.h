/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Attaching user probes: one uprobe_multi link where the kernel has it (6.6+), for entry and return
 * together where it has sessions (6.13+), else one perf event a probe. libbpf 1.1 knows only the
 * last. */
#ifndef UPROBE_H
#define UPROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A session's kernel has multi links too. */
enum uprobe_kind { UPROBE_NONE, UPROBE_PERF, UPROBE_MULTI, UPROBE_SESSION };

/* BPF_TRACE_UPROBE_MULTI and _SESSION: what a program's expected_attach_type must be. A program has
 * one: that of a session cannot be attached to entries alone. */
#define UPROBE_MULTI_ATTACH_TYPE   48
#define UPROBE_SESSION_ATTACH_TYPE 57

/* The best that this kernel has. */
enum uprobe_kind uprobe_detect(void);
const char *uprobe_kind_name(enum uprobe_kind kind); /* "uprobe_session" */

struct uprobe_site {
	uint64_t offset;
	uint64_t cookie;
	/* Of a 16-bit counter in the file's data that the kernel raises in each process while the site
	 * is probed there; 0: none. */
	uint64_t semaphore;
};

/* Attaches prog_fd to the sites of a file; pid 0: every process. Appends link descriptors to fds
 * (room for sites_n). Returns how many descriptors, or a negative errno with none left open. A session
 * is entry and return: is_return says nothing. */
int uprobe_attach(enum uprobe_kind kind, int prog_fd, const char *path,
		  const struct uprobe_site *sites, size_t sites_n, pid_t pid, bool is_return,
		  int *fds);

#endif /* UPROBE_H */
