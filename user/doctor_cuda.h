/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where a process's CUDA calls can be probed, and where not and why. */
#ifndef DOCTOR_CUDA_H
#define DOCTOR_CUDA_H

#include <stdio.h>
#include <sys/types.h>
#include "cuda.h"

/* Prints lines, each indented. files: what was looked into so far, of all processes. 0 or a negative
 * errno. */
int doctor_cuda(FILE *out, int indent, pid_t pid, struct cuda_libs *files);

#endif /* DOCTOR_CUDA_H */
