// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "stage_causes.h"
#include "wait_cause.h"

_Static_assert(STAGE_CAUSES == CAUSES, "causes of waits");
_Static_assert(STAGE_CAUSE_GPU == CAUSE_GPU_CALL, "causes of waits");
_Static_assert(STAGE_CAUSE_STOPPED == CAUSE_STOPPED, "causes of waits");

#define NO_CALL 511 /* where all that is no system call stands */

void stage_causes(__u8 table[STAGE_CAUSE_TABLE])
{
	enum wait_trust trust;
	unsigned int flags;

	for (int call = 0; call <= NO_CALL; call++) {
		for (unsigned int fd = 0; fd < STAGE_CAUSE_IOWAIT; fd++) {
			for (unsigned int io = 0; io < 2; io++) {
				flags = fd << WAIT_FD_SHIFT | (io ? WAIT_IOWAIT : 0);
				table[STAGE_CAUSE_ROW(call) | fd | (io ? STAGE_CAUSE_IOWAIT : 0)] =
					wait_kind_cause(wait_kind_first(
						call == NO_CALL ? INFBPF_NO_SYSCALL : call, flags,
						&trust));
			}
		}
	}
}
