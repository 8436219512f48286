/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What tracing costs: BPF run time + probe hits x the trap's cost + infbpf's own CPU time.
 *
 * BPF run time: the kernel's statistics are two clock readings a run, so they are on for a tenth of
 * the time only; each program's mean is scaled by the runs that it counted itself.
 * The trap's cost is measured on this machine at the start, on a function of infbpf's own.
 */
#ifndef OVERHEAD_H
#define OVERHEAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include "infbpf.h"
#include "profile.h"
#include "uprobe.h"

struct infbpf_bpf;

struct overhead {
	uint64_t entry_ns, pair_ns; /* a trap: entry probe only, entry and return */
	int calibrate_fds[2];
	int stats_fd;	   /* -1: statistics off */
	int stats_refused; /* errno: they cannot be had */
	uint64_t next_ns;  /* when to switch them next */
	struct rusage start;
	uint64_t start_cpu_ns;
};

/* Measures the trap. kind may be lowered to UPROBE_PERF when this kernel's pid filter for
 * uprobe_multi lets only one thread through (6.6 to 6.10). Returns 0 or a negative errno; without
 * uprobes the costs are 0. */
int overhead_calibrate(struct overhead *o, struct infbpf_bpf *skel, enum uprobe_kind *kind);
/* The window opens: what was used until now was the start. */
void overhead_begin(struct overhead *o);
/* To be called every 100 ms or so while tracing. */
void overhead_tick(struct overhead *o, uint64_t now_ns);
/* Closes the slice in progress. */
void overhead_stop(struct overhead *o);
/* Fills p->overhead and lost.missed_runs. counts: the programs' own. */
void overhead_report(const struct overhead *o, struct infbpf_bpf *skel,
		     const struct cpu_counts *counts, struct profile *p);
void overhead_close(struct overhead *o);

#endif /* OVERHEAD_H */
