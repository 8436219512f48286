// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "file_ids.h"

struct file_id file_id_of(const struct stat *st)
{
	return (struct file_id){
		.dev = st->st_dev,
		.inode = st->st_ino,
		.mtime_ns = st->st_mtim.tv_sec * 1000000000ULL + st->st_mtim.tv_nsec,
		.size = st->st_size,
	};
}

static bool id_equal(const void *array, uint32_t position, const void *key)
{
	return !memcmp(&((const struct file_id *)array)[position], key, sizeof(struct file_id));
}

bool file_ids_have(const struct file_ids *s, const struct file_id *id)
{
	return hash_index_find(&s->index, hash_bytes(id, sizeof(*id)), id_equal, s->ids, id) !=
	       HASH_INDEX_NONE;
}

int file_ids_add(struct file_ids *s, const struct file_id *id)
{
	int err;

	if (file_ids_have(s, id))
		return 0;
	err = array_grow(&s->ids, &s->room, s->n + 1, sizeof(*s->ids));
	if (!err)
		err = hash_index_add(&s->index, hash_bytes(id, sizeof(*id)), s->n);
	if (!err)
		s->ids[s->n++] = *id;
	return err;
}

void file_ids_free(struct file_ids *s)
{
	free(s->ids);
	hash_index_free(&s->index);
	memset(s, 0, sizeof(*s));
}
