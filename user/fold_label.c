// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <inttypes.h>
#include <stdio.h>
#include "fold_label.h"

/* What emulates a GPU stands under a root of its own. */
void fold_label(const struct profile *p, const struct profile_thread *t, struct fold_label *label)
{
	char process[TEXT_UTF8_SIZE(INFBPF_COMM)], comm[TEXT_UTF8_SIZE(INFBPF_COMM)];

	text_name(t->process, process, sizeof(process));
	text_name(t->comm, comm, sizeof(comm));
	snprintf(label->process, sizeof(label->process), "%s%s (%" PRIu32 ")",
		 profile_is_emulated(p, t) ? "emulated GPU of " : "", process, t->pid);
	if (t->merged > 1)
		snprintf(label->thread, sizeof(label->thread), "%s (x %" PRIu32 " ended)", comm,
			 t->merged);
	else
		snprintf(label->thread, sizeof(label->thread), "%s (%" PRIu32 ")", comm, t->tid);
}

bool fold_is_run_queue(const struct profile_line *l)
{
	return l->state == PROFILE_WOKEN || l->state == PROFILE_PREEMPTED;
}

const char *fold_kind(const struct profile_line *l)
{
	return l->state == PROFILE_BLOCKED ? wait_kind_frame(l->kind) : NULL;
}

const char *fold_state(const struct profile_line *l, char buf[FOLD_STATE_SIZE])
{
	if (fold_is_run_queue(l))
		snprintf(buf, FOLD_STATE_SIZE, "%s", FOLD_RUN_QUEUE_FRAME);
	else if (l->state == PROFILE_BLOCKED)
		snprintf(buf, FOLD_STATE_SIZE, "%s%s]", FOLD_BLOCKED_FRAME,
			 wait_cause_name(l->cause));
	else
		return NULL;
	return buf;
}
