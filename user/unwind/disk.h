/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The cache on disk: disk.c knows the folder, image.c what is in a file. */
#ifndef UNWIND_DISK_H
#define UNWIND_DISK_H

#include "private.h"

/* What is kept of a file, as bytes; malloc'ed. */
int image_make(const struct unwind_file *f, uint8_t **image, size_t *n);
/* Takes it over into a file without functions yet. -ENOEXEC: not such bytes, or broken; the file is
 * as before. */
int image_load(struct unwind_file *f, const uint8_t *image, size_t n);

#endif /* UNWIND_DISK_H */
