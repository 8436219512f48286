/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef FDS_H
#define FDS_H

#include <stddef.h>

/* Closes descriptors (-1: none) of probes and the like. The kernel waits for a grace period, about
 * 40 ms, at each; so that these overlap, each is closed in a thread of its own. */
void fds_close(const int *fds, size_t n);

#endif /* FDS_H */
