/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hooks into the kernel. Each is a ladder (hooks_table.c): several ways to attach, best first. The
 * first rung that this kernel accepts is taken; what is lost on it is part of every report.
 */
#ifndef HOOKS_H
#define HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include "fault.h"
#include "hook_clock.h"

struct infbpf_bpf; /* the skeleton */
struct bpf_link;
struct bpf_program;
struct symbols;

enum rung_kind {
	RUNG_NONE,
	RUNG_TP_BTF,
	RUNG_FENTRY, /* and fexit */
	RUNG_KPROBE, /* and kretprobe */
	RUNG_TRACEPOINT,
	RUNG_RAW_TP,
	RUNG_SWITCH_OUT, /* no program of its own: the handler of sched_switch does it */
	RUNG_PERF,
	RUNG_KINDS,
};

/* As --hooks: auto, or the kind to use wherever a hook has it. */
enum hooks_mode { HOOKS_AUTO, HOOKS_BTF, HOOKS_FENTRY, HOOKS_KPROBE, HOOKS_TRACEPOINT };

/* What a trace can be told to do without. */
enum hook_part {
	HOOK_ALWAYS = 1 << 0,
	HOOK_BLOCK = 1 << 1,  /* --io block: block requests */
	HOOK_FILE = 1 << 2,   /* --io file: reads, writes, fsync */
	HOOK_NET = 1 << 3,    /* --io net: sockets */
	HOOK_URING = 1 << 4,  /* --io uring */
	HOOK_WAKERS = 1 << 5, /* --wakers */
	HOOK_ALL = (1 << 6) - 1,
};

struct hook_state {
	const char *name;  /* "after switch" */
	const char *kind;  /* of the rung taken: "tp_btf", ...; "none" */
	char where[160];   /* what it sits on: "sched_exit_tp", "vfs_read, vfs_write" */
	const char *lost;  /* on this rung, or without the hook; NULL: nothing */
	char refused[640]; /* why better rungs were not taken, "; " between; "": there were none */
};

#define HOOK_WHERE 64 /* a name's room */
/* A program and where it is to be attached. */
struct hook_site {
	enum rung_kind kind;
	struct bpf_program *program;
	char where[HOOK_WHERE]; /* as this kernel calls it */
	bool is_return;
};

#define HOOKS_MAX      48
#define HOOK_SITES_MAX (2 * HOOKS_MAX)
struct hooks {
	struct hook_state states[HOOKS_MAX]; /* of the hooks that are wanted */
	const struct hook *rows[HOOKS_MAX];  /* theirs in the table */
	size_t sites_end[HOOKS_MAX];	     /* each's sites end here */
	size_t n;
	struct hook_site sites[HOOK_SITES_MAX];
	size_t sites_n;
	struct bpf_link *links[HOOK_SITES_MAX];
	size_t links_n;
	struct hook_clock clock; /* on-CPU clock */
};

/* --hooks KIND. */
int hooks_parse_mode(const char *arg, enum hooks_mode *mode, struct fault *f);
/* Asks what the kernel offers and sets up the programs, before loading. parts: of enum hook_part. The
 * states are complete even where it fails: when the kernel lacks what every trace needs, or what
 * --hooks asks for. */
int hooks_choose(struct hooks *h, struct infbpf_bpf *skel, struct symbols *symbols,
		 enum hooks_mode mode, unsigned int parts, struct fault *f);
/* After load. A hook that a trace can do without and that is refused now becomes "none". */
int hooks_attach(struct hooks *h, unsigned int freq_hz, struct fault *f);
void hooks_detach(struct hooks *h);

#endif /* HOOKS_H */
