/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The frames that a folded line has besides the stack's: folded stacks and flame graphs show the
 * same ones. */
#ifndef FOLD_LABEL_H
#define FOLD_LABEL_H

#include <stdbool.h>
#include "infbpf.h"
#include "profile.h"
#include "text.h"

/* The first two frames. */
struct fold_label {
	/* Each a name, grown by cleaning, a number and the words around it. */
	char process[TEXT_UTF8_SIZE(INFBPF_COMM) + 64];
	char thread[TEXT_UTF8_SIZE(INFBPF_COMM) + 64];
};
void fold_label(const struct profile *p, const struct profile_thread *t, struct fold_label *label);

/* Waiting for a CPU: woken and preempted print the same. */
bool fold_is_run_queue(const struct profile_line *l);

#define FOLD_RUN_QUEUE_FRAME "[run queue]"
#define FOLD_BLOCKED_FRAME   "[blocked: " /* and the cause and "]" */
#define FOLD_STATE_SIZE	     32
/* The last frame but one, "[TCP receive]"; NULL: there is none. */
const char *fold_kind(const struct profile_line *l);
/* The last frame, NULL: there is none, the thread was on a CPU. Returns buf. */
const char *fold_state(const struct profile_line *l, char buf[FOLD_STATE_SIZE]);

#endif /* FOLD_LABEL_H */
