/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of the hooks share: hooks_table.c (the rows), hooks_kernel.c (what this kernel
 * offers), hooks_decide.c (which rung), hooks.c (programs and links). */
#ifndef HOOKS_PRIVATE_H
#define HOOKS_PRIVATE_H

#include <stdint.h>
#include "hooks.h"
#include "infbpf.skel.h"

#define HOOK_RUNGS 5
#define RUNG_SITES 14
#define HOOK_WHY   200

struct btf;

struct rung_site {
	const char *program; /* NULL: no program of its own */
	/* Tracepoint ("category/name" for RUNG_TRACEPOINT) or kernel function; "a|b|c": the first
	 * that this kernel has. A tracepoint "a#3": if it has three arguments. */
	const char *where;
	bool is_return; /* RUNG_FENTRY: the program is fexit; RUNG_KPROBE: kretprobe */
};

struct rung {
	enum rung_kind kind;
	struct rung_site sites[RUNG_SITES]; /* all of them, or the rung is not to be had */
	const char *lost;		    /* against the best rung, NULL: nothing */
	uint32_t learned;		    /* what the hook's constant becomes on this rung */
	const char *wants; /* a kernel function that the program calls; NULL: none */
};

struct hook {
	const char *name;
	enum hook_part part;
	/* What the trace cannot tell without this hook. NULL: there is no trace without it. */
	const char *without;
	/* LEARNS(constant): the BPF constant (a u32) that tells programs the rung; 0: none. It is 0
	 * where the hook cannot be had. */
	size_t learns;
	struct rung rungs[HOOK_RUNGS]; /* best first */
};

#define LEARNS(constant) (offsetof(struct infbpf_bpf__rodata, constant) + 1)

extern const struct hook hooks_table[];
extern const size_t hooks_table_n;

/* What a kernel offers. Refusals: 0, or the errno; negative: not asked yet. */
struct hooks_kernel {
	const struct btf *btf;
	struct symbols *symbols;
	const char *events; /* tracefs's folder events; NULL: not mounted */
	int kprobe_refused; /* ENOENT: built without */
	int fentry_refused;
};

struct rung_way {
	const char *name;
	enum hooks_mode mode; /* of --hooks that forces it; HOOKS_AUTO: none does */
	/* Why nothing at all can be attached this way. false: it can. NULL: always can. */
	bool (*refused)(struct hooks_kernel *k, char *why, size_t len);
	/* Whether there is such a place; what it is called goes to found. NULL: always is. */
	bool (*find)(const struct hooks_kernel *k, const char *name, char *found, size_t len);
	const char *missing; /* said of a place that is not there */
};
extern const struct rung_way rung_ways[RUNG_KINDS];

/* hooks_kernel.c */
void hooks_kernel_init(struct hooks_kernel *k, const struct btf *btf, struct symbols *symbols);
/* 0, or the errno of the refusal: an empty program at a function's entry, a probe on one. */
int hooks_fentry_refused(const struct btf *btf);
int hooks_kprobe_refused(void);
/* True when the kernel's BTF knows the tracepoint; its argument count (without the leading void *)
 * goes to args. */
bool hooks_has_tracepoint(const struct btf *btf, const char *name, int *args);

/* hooks_decide.c. Which rung: its index, -1: none. Fills the state; where[i] gets the name of site i.
 * forced: the kernel does not do at all what --hooks asks for. */
int hook_decide(const struct hook *hook, struct hooks_kernel *k, enum hooks_mode mode,
		struct hook_state *s, char where[RUNG_SITES][HOOK_WHERE], bool *forced);

#endif /* HOOKS_PRIVATE_H */
