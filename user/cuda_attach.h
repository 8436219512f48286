/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Probes on the CUDA calls of every traced process, as libraries come and processes fork. */
#ifndef CUDA_ATTACH_H
#define CUDA_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "cuda.h"
#include "marks.h"
#include "stage_function.h"
#include "uprobe.h"

struct cuda_attach_process {
	pid_t pid;
	uint64_t young_until_ns; /* it began or became another program a moment ago */
	uint64_t seen_ns; /* last time its maps were read; a library found later came after it */
	struct cuda_process found;
	struct mark_process marks;
	struct function_process functions;
};

struct cuda_attach {
	enum uprobe_kind kind;
	/* Programs: for entry and return together (UPROBE_SESSION), for one of them (other kinds; with
	 * entries_only the entry's alone), and for CALL_REGISTER. */
	int session_fd, entry_fd, return_fd, register_fd;
	bool all;		/* probe each file once for every process, instead of per process */
	bool entries_only;	/* no return probes */
	const bool *chosen;	/* by row of cuda_calls, which calls to probe; NULL: all */
	uint64_t begin_ns;	/* of the window; ~0 before it is open */
	struct cuda_libs files; /* found in any process */
	struct cuda_attach_process *processes;
	size_t processes_n, processes_room;
	int *fds; /* links */
	size_t fds_n, fds_room;
	size_t probes; /* sites attached, entries only */
	/* The kernel side's probes_ns: ~0 while probes are being attached, then when they were. */
	volatile uint64_t *done_ns;
	uint64_t uncovered_ns;
	struct function_attach *functions; /* likewise for functions that are stages */
	struct stage_attach *stages; /* looks for marks in the same processes; NULL: not wanted */
	char failed[160];	     /* why a library could not be probed; "": none failed */
};

/* The i-th of files.n. */
const struct cuda_lib *cuda_attach_lib(const struct cuda_attach *a, size_t i);

/* Looks for CUDA libraries in a process and probes what is new. since_ns: the library cannot have
 * been there before (0: not known, the last look counts). Returns how many libraries were new to the
 * process, or a negative errno. A process that is gone is no error. */
int cuda_attach_process(struct cuda_attach *a, pid_t pid, uint64_t since_ns);
/* Probes a file before anyone maps it, for one process that will. */
int cuda_attach_file(struct cuda_attach *a, pid_t pid, const char *path);
/* A process was born (parent: its pid) or became another program (parent 0) at time_ns. */
int cuda_attach_life(struct cuda_attach *a, pid_t pid, pid_t parent, uint64_t time_ns);
/* Looks again at the young processes, or at all. Those that are gone are dropped. */
int cuda_attach_tick(struct cuda_attach *a, uint64_t now_ns, bool young_only);
/* Closes every link: slow with perf-event probes (60 to 110 ms each, see docs/architecture.md). */
void cuda_attach_close(struct cuda_attach *a);

#endif /* CUDA_ATTACH_H */
