/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How deep a function's stack is at each of its instructions, as far as the code tells. */
#ifndef STAGE_DEPTH_H
#define STAGE_DEPTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STAGE_NO_TARGET	 UINT32_MAX
#define STAGE_DEPTH_OPEN INT32_MIN /* not known, or it depends on the way that was taken */

struct stage_step {
	int32_t change;	 /* of the stack pointer; STAGE_DEPTH_OPEN: not known */
	uint32_t target; /* the step that it may jump to */
	bool falls;	 /* the next step may follow it */
	bool indirect;	 /* it may jump to other steps, nobody knows to which */
	bool reached;
	int32_t depth; /* below the entry's, as a negative number */
};

/* Follows the steps from the first one. -ENOMEM. */
int stage_depths(struct stage_step *steps, size_t n);

#endif /* STAGE_DEPTH_H */
