/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef DOCTOR_STACKS_H
#define DOCTOR_STACKS_H

#include <stddef.h>
#include <sys/types.h>

/* How the user stacks of a process can be walked, in a line: which of its executable mappings have
 * call frame information. 0 or a negative errno. */
int doctor_stacks(pid_t pid, char *buf, size_t len);

#endif /* DOCTOR_STACKS_H */
