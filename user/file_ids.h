/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A set of files, by what tells them apart. */
#ifndef FILE_IDS_H
#define FILE_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "array.h"

struct file_id {
	uint64_t dev, inode, mtime_ns, size;
};

struct file_ids {
	struct file_id *ids;
	size_t n, room;
	struct hash_index index;
};

struct stat;
struct file_id file_id_of(const struct stat *st);
bool file_ids_have(const struct file_ids *s, const struct file_id *id);
/* Also one that it has. */
int file_ids_add(struct file_ids *s, const struct file_id *id);
void file_ids_free(struct file_ids *s);

#endif /* FILE_IDS_H */
