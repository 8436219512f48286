/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What tracing costs: BPF programs + probe hits x the trap's cost + infbpf's own CPU time.
 *
 * BPF run time: the kernel's statistics are two clock readings a run, so they are on for a twentieth
 * of the time only; each program's mean is scaled by the runs that it counted itself. What they leave
 * out, the way to a program and the trap of a probe, is measured on this machine (calibrate.c).
 */
#ifndef OVERHEAD_H
#define OVERHEAD_H

#include <stddef.h>
#include <stdint.h>
#include "calibrate.h"
#include "infbpf.h"
#include "profile.h"
#include "uprobe.h"

struct infbpf_bpf;

#define OVERHEAD_PROGRAMS 128
#define OVERHEAD_SLICES	  64 /* the latest are kept: about a minute */

/* A program's runs in one slice of time in which the statistics were on. */
struct overhead_slice {
	uint64_t runs, ns;
};

struct overhead_program {
	uint64_t runs, ns;   /* the kernel's figures when the slice in progress began */
	uint64_t slice_runs; /* of all slices so far */
	size_t slices_n;     /* so far; slices[] holds the latest */
	struct overhead_slice slices[OVERHEAD_SLICES];
};

struct overhead {
	struct calibration calibration;
	enum uprobe_kind kind;
	int stats_fd;	   /* -1: statistics off */
	int stats_refused; /* errno: they cannot be had */
	uint64_t next_ns;  /* when to switch them next */
	uint64_t begin_ns, slice_ns,
		slices_ns; /* of the window, of the slice, of all slices together */
	uint64_t start_cpu_ns;
	struct overhead_program programs[OVERHEAD_PROGRAMS];
};

/* Measures what reaching a program costs. kind: see calibrate(). */
int overhead_open(struct overhead *o, struct infbpf_bpf *skel, enum uprobe_kind *kind);
/* The window opens: what was used until now was the start. */
void overhead_begin(struct overhead *o);
/* To be called every 100 ms or so while tracing. */
void overhead_tick(struct overhead *o, struct infbpf_bpf *skel, uint64_t now_ns);
/* Closes the slice in progress. */
void overhead_stop(struct overhead *o, struct infbpf_bpf *skel, uint64_t now_ns);
/* Fills p->overhead and lost.missed_runs. counts: the programs' own. */
void overhead_report(struct overhead *o, struct infbpf_bpf *skel, const struct cpu_counts *counts,
		     struct profile *p);
/* infbpf's own CPU time until now, again: outputs take some. */
void overhead_update(const struct overhead *o, struct profile *p);
void overhead_close(struct overhead *o);

/* Run time, ns: the mean of the slice in the middle, by runs. (Not the mean of all: the statistics go by
 * the clock, and in some slices the CPU is taken away in the middle of a run, by another thread or the
 * hypervisor, for a thousand times what a run takes.) 0: no runs. */
double overhead_run_ns(const struct overhead_slice *slices, size_t n);

#endif /* OVERHEAD_H */
