/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Arrays that grow, memory that is freed at once, and an index from a hash to a position in an
 * array: what the profile is built of. uthash would do, but its handle costs 56 bytes an entry, and
 * a thread storm makes a million small entries; an index costs 8 to 16.
 */
#ifndef ARRAY_H
#define ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Makes room for need elements of size bytes in *array, which holds *cap. -ENOMEM: unchanged. */
int array_grow(void *array, size_t *cap, size_t need, size_t size);

struct arena_chunk;
struct arena {
	struct arena_chunk *chunks;
};
/* Zeroed, aligned for any pointer or integer. NULL: no memory. */
void *arena_alloc(struct arena *a, size_t bytes);
void arena_free(struct arena *a);

/* The first of n rising values that is not less than value; n: all are. */
size_t array_lower_bound(const uint64_t *values, size_t n, uint64_t value);

#define HASH_INDEX_NONE UINT32_MAX

struct hash_entry {
	uint32_t hash;
	uint32_t position; /* plus 1; 0: free */
};
struct hash_index {
	struct hash_entry *entries;
	size_t cap, n;
};
/* Is the element at this position the one that key describes? */
typedef bool (*hash_equal)(const void *array, uint32_t position, const void *key);

uint64_t hash_bytes(const void *data, size_t n);
/* HASH_INDEX_NONE: not there. */
uint32_t hash_index_find(const struct hash_index *h, uint64_t hash, hash_equal equal,
			 const void *array, const void *key);
/* The caller has looked: it is not there. -ENOMEM: unchanged. */
int hash_index_add(struct hash_index *h, uint64_t hash, uint32_t position);
void hash_index_free(struct hash_index *h);

#endif /* ARRAY_H */
