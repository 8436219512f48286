/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What infbpf doctor says of the kernel: a line for what it offers at all, and the table of hooks. */
#ifndef DOCTOR_HOOKS_H
#define DOCTOR_HOOKS_H

#include <stdio.h>
#include "fault.h"
#include "hooks.h"

/* label: width of the first column. */
void doctor_kernel(FILE *out, int label);
/* Chooses the rungs of all hooks and loads their programs, as a trace would. */
int doctor_hooks(FILE *out, int label, enum hooks_mode mode, struct fault *f);

#endif /* DOCTOR_HOOKS_H */
