/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The cache on disk: disk.c knows the folder, image.c what is in a file. */
#ifndef UNWIND_DISK_H
#define UNWIND_DISK_H

#include "private.h"

#define IMAGE_MAGIC   0x77756270666e6931ULL
#define IMAGE_VERSION 1

/* Then functions, rows, words of the pool, the entries of each index. */
struct image_head {
	uint64_t magic;
	uint32_t version, fdes_n, rows_n, words_n;
	uint64_t index_n[SOURCES], index_base[SOURCES], section_bytes[SOURCES];
	char key[KEY_LEN];
	uint64_t checksum; /* image_checksum */
};
/* Of n bytes that begin with a head, as if its checksum were 0. */
uint64_t image_checksum(const uint8_t *image, size_t n);

/* What is kept of a file, as bytes; malloc'ed. */
int image_make(const struct unwind_file *f, uint8_t **image, size_t *n);
/* Takes it over into a file without functions yet. -ENOEXEC: not such bytes, or broken; the file is
 * as before. */
int image_load(struct unwind_file *f, const uint8_t *image, size_t n);

#endif /* UNWIND_DISK_H */
