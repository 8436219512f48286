/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which of the user probes' programs are loaded, and for what. */
#ifndef CALL_PROGRAMS_H
#define CALL_PROGRAMS_H

#include <stdbool.h>
#include "uprobe.h"

struct infbpf_bpf; /* the skeleton */

enum call_programs {
	CALL_PROGRAMS_PAIRS,  /* entries and returns */
	CALL_PROGRAMS_COUNTS, /* --returns none */
	CALL_PROGRAMS_ALL,    /* both, to see that the verifier accepts them */
};

/* Before load. kind: the best that this kernel has. */
void call_programs_choose(struct infbpf_bpf *skel, enum uprobe_kind kind, enum call_programs which);
/* The same of marks. */
void mark_programs_choose(struct infbpf_bpf *skel, enum uprobe_kind kind, bool wanted);
/* The same for --stage. */
void function_programs_choose(struct infbpf_bpf *skel, enum uprobe_kind kind, bool wanted);

#endif /* CALL_PROGRAMS_H */
