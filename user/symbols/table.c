// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Function tables, shared by content, given back least recently wanted first. */
#define _GNU_SOURCE
#include "private.h"

#include <stdlib.h>
#include <string.h>

/* A polynomial over the field of 2^61 - 1, at a secret place: whoever makes a file cannot make it
 * collide with another, not even knowing that one. */
#define PRIME ((1ull << 61) - 1)

static uint64_t fold(uint64_t h, uint64_t key, uint64_t word)
{
	unsigned __int128 x = (unsigned __int128)h * key + word;
	uint64_t low = ((uint64_t)x & PRIME) + (uint64_t)(x >> 61);

	return low >= PRIME ? low - PRIME : low;
}

static uint64_t fold_name(uint64_t h, uint64_t key, const char *name)
{
	size_t n = strlen(name);

	h = fold(h, key, n);
	for (size_t at = 0; at < n; at += 7) {
		uint64_t word = 0;

		memcpy(&word, name + at, n - at < 7 ? n - at : 7);
		h = fold(h, key, word);
	}
	return h;
}

static uint64_t hash_functions(uint64_t key, const struct elf_function *functions, size_t n)
{
	uint64_t h = fold(1, key, n);

	for (size_t i = 0; i < n; i++) {
		const struct elf_function *f = &functions[i];

		h = fold(h, key, f->vaddr >> 32);
		h = fold(h, key, f->vaddr & UINT32_MAX);
		h = fold(h, key, f->size >> 32);
		h = fold(h, key, f->size & UINT32_MAX);
		h = fold_name(h, key, f->name);
	}
	return h;
}

static void drop_arrays(struct sym_source *source)
{
	if (source->temporary) {
		elf_file_close(source->elf);
		source->elf = NULL;
	} else {
		elf_file_drop_tables(source->elf);
	}
}

static void drop_table(struct symbols *s, struct sym_table *t)
{
	HASH_DEL(s->tables, t);
	s->table_bytes -= t->bytes;
	drop_arrays(t->source);
	free(t->names);
	free(t);
}

/* Makes room: the tables wanted longest ago go, but not those of this round. */
static void trim(struct symbols *s)
{
	while (s->table_bytes > s->table_bytes_max) {
		struct sym_table *t, *next, *oldest = NULL;

		HASH_ITER(hh, s->tables, t, next)
			if (t->used != s->clock && (!oldest || t->used < oldest->used))
				oldest = t;
		if (!oldest)
			return;
		drop_table(s, oldest);
	}
}

static struct sym_table *find(struct symbols *s, uint64_t hash)
{
	struct sym_table *t;

	HASH_FIND(hh, s->tables, &hash, sizeof(hash), t);
	if (t)
		t->used = s->clock;
	return t;
}

static struct sym_table *add(struct symbols *s, struct sym_source *source,
			     const struct elf_function *functions, size_t n)
{
	struct sym_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->names = calloc(n, sizeof(*t->names));
	if (!t->names) {
		free(t);
		return NULL;
	}
	t->hash = source->hash;
	t->source = source;
	t->functions = functions;
	t->n = n;
	t->bytes = elf_file_table_bytes(source->elf) + n * sizeof(*t->names);
	t->used = s->clock;
	HASH_ADD(hh, s->tables, hash, sizeof(t->hash), t);
	if (!t->hh.tbl) {
		free(t->names);
		free(t);
		return NULL;
	}
	s->table_bytes += t->bytes;
	trim(s);
	return t;
}

struct sym_table *sym_table_get(struct symbols *s, struct sym_source *source)
{
	const struct elf_function *functions;
	struct sym_table *t = source->hashed ? find(s, source->hash) : NULL;
	size_t n, bytes;

	if (t || source->empty || !source->elf || !s->load_budget)
		return t;
	if (elf_file_functions(source->elf, &functions, &n) || !n) {
		source->empty = true;
		return NULL;
	}
	bytes = elf_file_table_bytes(source->elf);
	s->load_budget -= bytes < s->load_budget ? bytes : s->load_budget;
	/* Anew each time it is read: the file may have changed. */
	source->hash = hash_functions(s->table_key, functions, n);
	source->hashed = true;
	t = find(s, source->hash);
	if (!t) {
		t = add(s, source, functions, n);
		if (t)
			return t;
	}
	drop_arrays(source);
	return t;
}

const char *sym_table_name(struct symbols *s, struct sym_table *t, uint64_t vaddr, uint64_t *start)
{
	const struct elf_function *fn = elf_function_find(t->functions, t->n, vaddr);
	size_t i;

	if (!fn)
		return NULL;
	i = fn - t->functions;
	*start = fn->vaddr;
	if (!t->names[i])
		t->names[i] = symbols_function_name(s, fn->name, "");
	return t->names[i];
}

void sym_tables_free(struct symbols *s)
{
	while (s->tables)
		drop_table(s, s->tables);
}
