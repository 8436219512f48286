/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef DOCTOR_SYMBOLS_H
#define DOCTOR_SYMBOLS_H

#include <stddef.h>
#include <sys/types.h>

/* Where the function names of a process would come from, in a line. 0 or a negative errno. */
int doctor_symbols(pid_t pid, char *buf, size_t len);

#endif /* DOCTOR_SYMBOLS_H */
