/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Growing arrays, arenas and hash indexes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "array.h"

#define CHUNK_BYTES (64 * 1024)

int array_grow(void *array, size_t *cap, size_t need, size_t size)
{
	size_t want = *cap ? *cap : 16;
	void *old, *grown;

	if (need <= *cap)
		return 0;
	while (want < need) {
		if (want > SIZE_MAX / 2 / size)
			return -ENOMEM;
		want *= 2;
	}
	memcpy(&old, array, sizeof(old));
	grown = reallocarray(old, want, size);
	if (!grown)
		return -ENOMEM;
	memcpy(array, &grown, sizeof(grown));
	*cap = want;
	return 0;
}

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	_Alignas(uint64_t) unsigned char bytes[];
};

void *arena_alloc(struct arena *a, size_t bytes)
{
	const size_t align = _Alignof(uint64_t);
	struct arena_chunk *c = a->chunks;
	void *p;

	if (bytes > SIZE_MAX / 2)
		return NULL;
	bytes = (bytes + align - 1) / align * align;
	if (!c || c->size - c->used < bytes) {
		size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;

		c = calloc(1, sizeof(*c) + size);
		if (!c)
			return NULL;
		c->size = size;
		c->next = a->chunks;
		a->chunks = c;
	}
	p = c->bytes + c->used;
	c->used += bytes;
	return p;
}

void arena_free(struct arena *a)
{
	while (a->chunks) {
		struct arena_chunk *next = a->chunks->next;

		free(a->chunks);
		a->chunks = next;
	}
}

static uint64_t mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15ULL; /* 2^64 / golden ratio, odd */
	return h ^ (h >> 29);
}

uint64_t hash_bytes(const void *data, size_t n)
{
	const unsigned char *p = data;
	uint64_t h = mix(0, n), word;

	for (; n >= sizeof(word); n -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = mix(h, word);
	}
	word = 0;
	memcpy(&word, p, n);
	return mix(mix(h, word), 0);
}

/* What an entry keeps of its hash: enough to place it again in a larger table, and to skip most
 * comparisons. */
static uint32_t hash_tag(uint64_t hash)
{
	return (uint32_t)(hash >> 32) ^ (uint32_t)hash;
}

uint32_t hash_index_find(const struct hash_index *h, uint64_t hash, hash_equal equal,
			 const void *array, const void *key)
{
	const uint32_t tag = hash_tag(hash);

	if (!h->cap)
		return HASH_INDEX_NONE;
	for (size_t i = tag & (h->cap - 1);; i = (i + 1) & (h->cap - 1)) {
		const struct hash_entry *e = &h->entries[i];

		if (!e->position)
			return HASH_INDEX_NONE;
		if (e->hash == tag && equal(array, e->position - 1, key))
			return e->position - 1;
	}
}

static void put(struct hash_entry *entries, size_t cap, struct hash_entry e)
{
	size_t i = e.hash & (cap - 1);

	while (entries[i].position)
		i = (i + 1) & (cap - 1);
	entries[i] = e;
}

/* At most half full: probes stay short, and a search always meets a free entry. */
static int hash_index_grow(struct hash_index *h)
{
	size_t cap = h->cap ? h->cap * 2 : 64;
	struct hash_entry *entries = calloc(cap, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < h->cap; i++)
		if (h->entries[i].position)
			put(entries, cap, h->entries[i]);
	free(h->entries);
	h->entries = entries;
	h->cap = cap;
	return 0;
}

int hash_index_add(struct hash_index *h, uint64_t hash, uint32_t position)
{
	if (position >= HASH_INDEX_NONE - 1)
		return -EOVERFLOW;
	if (h->n * 2 >= h->cap) {
		int err = hash_index_grow(h);

		if (err)
			return err;
	}
	put(h->entries, h->cap, (struct hash_entry){ hash_tag(hash), position + 1 });
	h->n++;
	return 0;
}

void hash_index_free(struct hash_index *h)
{
	free(h->entries);
	*h = (struct hash_index){ 0 };
}

size_t array_lower_bound(const uint64_t *values, size_t n, uint64_t value)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (values[mid] < value)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}
