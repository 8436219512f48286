// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include "stacks.h"

static uint64_t mix(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t word;

	/* FNV-1a over 32-bit words: every key and location list is a multiple of 4 bytes. */
	for (; len >= 4; len -= 4, p += 4) {
		memcpy(&word, p, 4);
		h = (h ^ word) * 0x100000001b3ULL;
		h ^= h >> 29;
	}
	return h;
}

static int grow(struct stacks *s)
{
	size_t n = s->slots_n ? s->slots_n * 2 : 1024, at;
	struct stack_entry **slots = calloc(n, sizeof(*slots));

	if (!slots)
		return -1;
	for (size_t i = 0; i < s->slots_n; i++) {
		if (!s->slots[i])
			continue;
		for (at = s->slots[i]->hash & (n - 1); slots[at]; at = (at + 1) & (n - 1))
			;
		slots[at] = s->slots[i];
	}
	free(s->slots);
	s->slots = slots;
	s->slots_n = n;
	return 0;
}

struct stack_entry *stacks_get(struct stacks *s, const struct stack_key *key,
			       const uint32_t *locations)
{
	size_t len = key->frames_n * sizeof(*locations), at;
	uint64_t hash = mix(0xcbf29ce484222325ULL, key, sizeof(*key));
	struct stack_entry *e;

	hash = mix(hash, locations, len);
	if (s->n * 2 >= s->slots_n && grow(s))
		return NULL;
	for (at = hash & (s->slots_n - 1); (e = s->slots[at]); at = (at + 1) & (s->slots_n - 1))
		if (e->hash == hash && !memcmp(&e->key, key, sizeof(*key)) &&
		    !memcmp(e->locations, locations, len))
			return e;
	if (s->bytes + sizeof(*e) + len > s->max_bytes)
		return NULL;
	e = calloc(1, sizeof(*e) + len);
	if (!e)
		return NULL;
	e->key = *key;
	e->hash = hash;
	memcpy(e->locations, locations, len);
	s->slots[at] = e;
	s->n++;
	s->bytes += sizeof(*e) + len;
	return e;
}

void stacks_free(struct stacks *s)
{
	for (size_t i = 0; i < s->slots_n; i++)
		free(s->slots[i]);
	free(s->slots);
	*s = (struct stacks){ 0 };
}
