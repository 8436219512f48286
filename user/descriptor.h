/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel side has to know to tell what a descriptor is. */
#ifndef DESCRIPTOR_H
#define DESCRIPTOR_H

#include <stdio.h>
#include "infbpf.h"

/* A bit each system call that waits for what its descriptor is. */
void descriptor_calls(__u64 bits[FD_CALLS / 64]);
/* Two bits (enum char_kind) each major number of a character device; from /proc/devices. */
void descriptor_majors(__u64 bits[CHAR_MAJORS / 32], FILE *devices);

#endif /* DESCRIPTOR_H */
