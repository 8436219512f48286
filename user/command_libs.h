/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The CUDA libraries that a command will load at its start, probed before it runs. */
#ifndef COMMAND_LIBS_H
#define COMMAND_LIBS_H

#include <sys/types.h>
#include "cuda_attach.h"

/* Asks the command's own dynamic loader (ld.so --list: resolves, runs nothing) which libraries it
 * will map. What comes by dlopen, or through a script's interpreter, is found later by its mapping.
 * Only being out of memory is an error. */
int command_libs_attach(struct cuda_attach *a, pid_t pid, const char *command);

#endif /* COMMAND_LIBS_H */
