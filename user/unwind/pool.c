// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Rules and expressions, each distinct one kept once: a row of a function is then 8 bytes. Distinct
 * ones are few, some thousand for all libraries of a large program.
 *
 * An entry is a word with its kind and length, then its bytes, filled up with zeros. Its number is
 * the place of its first byte, in words.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "private.h"

struct pool_key {
	uint64_t head;
	const void *data;
	size_t bytes;
};

static uint64_t head_of(enum pool_kind kind, size_t bytes)
{
	return (uint64_t)kind << 32 | bytes;
}

static bool same_content(const void *array, uint32_t position, const void *key)
{
	const uint64_t *words = array;
	const struct pool_key *k = key;

	return words[position - 1] == k->head && !memcmp(&words[position], k->data, k->bytes);
}

static uint32_t pool_add(struct pool *p, enum pool_kind kind, const void *data, size_t bytes)
{
	const struct pool_key key = { head_of(kind, bytes), data, bytes };
	const uint64_t hash = hash_bytes(data, bytes);
	const size_t words = (bytes + 7) / 8;
	uint32_t number;

	number = hash_index_find(&p->by_content, hash, same_content, p->words, &key);
	if (number != HASH_INDEX_NONE)
		return number;
	if (pool_bytes(p) + 2 * words * 8 > p->max_bytes ||
	    array_grow(&p->words, &p->cap, p->n + 1 + words, sizeof(*p->words)))
		return POOL_NONE;
	number = (uint32_t)p->n + 1;
	if (hash_index_add(&p->by_content, hash, number))
		return POOL_NONE;
	p->words[p->n] = key.head;
	p->words[p->n + words] = 0;
	memcpy(&p->words[number], data, bytes);
	p->n += 1 + words;
	return number;
}

uint32_t pool_rules(struct pool *p, const struct rules *r)
{
	return pool_add(p, POOL_RULES, r, sizeof(*r) + r->n * sizeof(r->rule[0]));
}

uint32_t pool_expression(struct pool *p, const uint8_t *op, size_t n)
{
	union {
		struct expression e;
		uint8_t bytes[sizeof(struct expression) + EXPRESSION_MAX];
	} u;

	if (n > EXPRESSION_MAX)
		return POOL_NONE;
	u.e.n = (uint16_t)n;
	memcpy(u.e.op, op, n);
	return pool_add(p, POOL_EXPRESSION, &u, sizeof(u.e) + n);
}

const struct rules *pool_rules_at(const struct pool *p, uint32_t number)
{
	return (const struct rules *)&p->words[number];
}

const struct expression *pool_expression_at(const struct pool *p, uint32_t number)
{
	return (const struct expression *)&p->words[number];
}

size_t pool_bytes(const struct pool *p)
{
	return p->cap * sizeof(*p->words) + p->by_content.cap * sizeof(*p->by_content.entries);
}

void pool_free(struct pool *p)
{
	free(p->words);
	hash_index_free(&p->by_content);
	*p = (struct pool){ .max_bytes = p->max_bytes };
}
