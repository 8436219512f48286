/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of ranges: UTF-8, cut to what infbpf keeps of a stage's name. */
#ifndef NVTX_NAMES_H
#define NVTX_NAMES_H

#include "abi.h"

#define NAME_BYTES 32 /* with the NUL; zeroes behind it */

void name_ascii(char name[NAME_BYTES], const char *text);
void name_unicode(char name[NAME_BYTES], const wchar_t *text);
/* An event's message; "" when it has none. */
void name_of(char name[NAME_BYTES], const struct abi_event *e);
/* What stands for a registered string in messages. The same for equal names, and never freed: NVTX knows no
 * way to give a string back. NULL: no memory, or too many. */
const void *name_register(const char name[NAME_BYTES]);

#endif /* NVTX_NAMES_H */
