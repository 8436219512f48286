/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Opening files inside a process's root directory, wherever its links point. */
#ifndef SYMBOLS_ROOT_PATH_H
#define SYMBOLS_ROOT_PATH_H

#include <sys/stat.h>
#include <sys/types.h>

/* A descriptor of the process's root, pid 0: of infbpf's own. Negative errno. */
int root_path_root(pid_t pid);

#define ROOT_PATH_NO_LINK 1u /* the last part of the path must not be a link */
/* Opens a regular file for reading; anything else is -EINVAL and is not opened. */
int root_path_open(int root, const char *path, unsigned int flags, struct stat *st);

#endif /* SYMBOLS_ROOT_PATH_H */
