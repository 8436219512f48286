/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef SYMBOLS_CONFINE_H
#define SYMBOLS_CONFINE_H

#include <stdint.h>

/* From here on this process can read what is open, use memory (data_bytes as RLIMIT_DATA counts) and
 * CPU time, write to out, and end; nothing else. Negative errno: it could do more. */
int confine(int out, uint64_t data_bytes, uint64_t cpu_ns);

#endif /* SYMBOLS_CONFINE_H */
