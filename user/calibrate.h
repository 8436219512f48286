/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel takes to reach a BPF program, measured on this machine: its own statistics hold
 * the programs' run time only, and that with the cost of reading two clocks in it.
 */
#ifndef CALIBRATE_H
#define CALIBRATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "uprobe.h"

struct infbpf_bpf;

struct calibration {
	uint64_t entry_ns;  /* an entry probe's trap */
	uint64_t return_ns; /* what a return probe on the same function adds */
	uint64_t
		costly_ns; /* an entry probe on an instruction that is single-stepped; 0: not measured */
	uint64_t hook_ns;  /* a tracepoint's way to a program that does nothing, and back */
	uint64_t empty_ns; /* what the kernel's statistics say of such a program */
	int fds[2];	   /* probes to be removed */
	pthread_t remover;
	bool removing;
};

/* Takes about 35 ms. kind may be lowered to UPROBE_PERF when this kernel's pid filter for
 * uprobe_multi lets only one thread through (6.6 to 6.10). Returns 0 or a negative errno; without
 * uprobes their costs are 0. The probes are removed in the background: that takes long. */
int calibrate(struct calibration *c, struct infbpf_bpf *skel, enum uprobe_kind *kind);
/* Measures costly_ns, once. */
void calibrate_costly(struct calibration *c, struct infbpf_bpf *skel, enum uprobe_kind kind);
/* Waits until the probes are removed. */
void calibrate_close(struct calibration *c);

#endif /* CALIBRATE_H */
