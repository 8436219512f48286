/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The marks that a process's files have. */
#ifndef DOCTOR_MARKS_H
#define DOCTOR_MARKS_H

#include <stdio.h>
#include <sys/types.h>

/* Prints lines, each indented; none where there are no marks. 0 or a negative errno. */
int doctor_marks(FILE *out, int indent, pid_t pid);

#endif /* DOCTOR_MARKS_H */
