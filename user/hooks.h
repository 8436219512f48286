/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of kernel hooks. Each is a ladder: several ways to attach, best first. The first rung
 * that this kernel accepts is taken; what is lost on it is part of every report.
 */
#ifndef HOOKS_H
#define HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include "fault.h"

struct infbpf_bpf; /* the skeleton */
struct bpf_link;
struct symbols;

enum rung_kind { RUNG_NONE, RUNG_TP_BTF, RUNG_KPROBE, RUNG_SWITCH_OUT, RUNG_PERF, RUNG_UPROBE };

/* As --hooks: auto, or the kind to use wherever a hook has it. */
enum hooks_mode { HOOKS_AUTO, HOOKS_BTF, HOOKS_KPROBE, HOOKS_TRACEPOINT, HOOKS_FENTRY };

struct hook_state {
	const char *name;  /* "after switch" */
	const char *kind;  /* of the rung taken: "tp_btf", ...; "none" */
	char where[64];	   /* what it sits on: "sched_exit_tp" */
	const char *lost;  /* on this rung, NULL: nothing */
	char refused[160]; /* why better rungs were not taken, "" : there were none */
};

#define HOOKS_MAX 16
struct hooks {
	struct hook_state states[HOOKS_MAX];
	size_t n;
	struct bpf_link *links[HOOKS_MAX];
	size_t links_n;
	int *clock_fds; /* on-CPU clock: a perf event and a link a CPU */
	int *clock_links;
	int clocks_n;
	char finish_switch[64]; /* what finish_task_switch is called on this kernel */
};

/* What the kernel offers, asked before loading. f: when it lacks what every trace needs (BTF). */
int hooks_choose(struct hooks *h, struct infbpf_bpf *skel, struct symbols *symbols,
		 enum hooks_mode mode, struct fault *f);
/* After load. */
int hooks_attach(struct hooks *h, struct infbpf_bpf *skel, unsigned int freq_hz, struct fault *f);
void hooks_detach(struct hooks *h);

#endif /* HOOKS_H */
