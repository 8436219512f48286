// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the disk cache keeps of a file: functions, rows, the pool entries these use (numbered anew),
 * indexes. In this machine's byte order: a cache does not travel.
 *
 * The checksum is against accidents. Whatever passes it is checked like any foreign data: numbers
 * that lead outside an array, orders that searches rely on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "disk.h"

uint64_t image_checksum(const uint8_t *image, size_t n)
{
	struct image_head h;

	memcpy(&h, image, sizeof(h));
	h.checksum = 0;
	return hash_bytes(&h, sizeof(h)) ^ hash_bytes(image + sizeof(h), n - sizeof(h));
}

/* --- making --- */
static uint32_t renumber(const struct pool *from, struct pool *to, uint32_t number)
{
	union {
		struct rules rules;
		uint8_t bytes[sizeof(struct rules) + REGS * sizeof(struct rule)];
	} u;
	const struct rules *r = pool_rules_at(from, number);
	const struct expression *e;

	memcpy(&u, r, sizeof(*r) + r->n * sizeof(r->rule[0]));
	if (r->cfa_kind == RULE_VAL_EXPRESSION) {
		e = pool_expression_at(from, (uint32_t)r->cfa_value);
		u.rules.cfa_value = (int32_t)pool_expression(to, e->op, e->n);
	}
	for (unsigned int i = 0; i < r->n; i++) {
		if (r->rule[i].kind != RULE_EXPRESSION && r->rule[i].kind != RULE_VAL_EXPRESSION)
			continue;
		e = pool_expression_at(from, (uint32_t)r->rule[i].value);
		u.rules.rule[i].value = (int32_t)pool_expression(to, e->op, e->n);
	}
	return pool_rules(to, &u.rules);
}

struct bytes {
	uint8_t *at;
	size_t n, cap;
	bool failed;
};

static void put(struct bytes *b, const void *data, size_t n)
{
	if (b->failed || array_grow(&b->at, &b->cap, b->n + n, 1)) {
		b->failed = true;
		return;
	}
	if (n)
		memcpy(b->at + b->n, data, n);
	b->n += n;
}

static bool keeps_index(const struct source *s)
{
	/* An index over a decompressed section is no use without the section. */
	return s->state == SOURCE_INDEX && !s->data;
}

/* The rows of all functions, functions after them. Rows of functions that were dropped are gone. */
static void put_functions(struct bytes *b, const struct unwind_file *f, struct pool *pool,
			  struct image_head *h)
{
	struct bytes rows = { 0 };

	for (size_t i = 0; i < f->fdes_n; i++) {
		struct fde fde = f->fdes[i];

		/* A gap may be one because a section was not there when it was looked for. */
		if (fde.gap)
			continue;
		for (uint32_t k = 0; k < fde.rows_n; k++) {
			struct row row = f->rows[fde.first_row + k];

			if (row.rules != POOL_NONE) {
				row.rules = renumber(&f->u->pool, pool, row.rules);
				b->failed |= row.rules == POOL_NONE;
			}
			put(&rows, &row, sizeof(row));
		}
		fde.first_row = h->rows_n;
		h->rows_n += fde.rows_n;
		h->fdes_n++;
		put(b, &fde, sizeof(fde));
	}
	put(b, rows.at, rows.n);
	b->failed |= rows.failed;
	free(rows.at);
}

int image_make(const struct unwind_file *f, uint8_t **image, size_t *n)
{
	struct pool pool = { .max_bytes = SIZE_MAX };
	struct image_head h = { .magic = IMAGE_MAGIC, .version = IMAGE_VERSION };
	struct bytes b = { 0 };

	memcpy(h.key, f->key, sizeof(h.key));
	put(&b, &h, sizeof(h));
	put_functions(&b, f, &pool, &h);
	h.words_n = (uint32_t)pool.n;
	put(&b, pool.words, pool.n * sizeof(*pool.words));
	for (int i = 0; i < SOURCES; i++) {
		const struct source *s = &f->source[i];

		h.section_bytes[i] = s->stored_bytes;
		if (!keeps_index(s))
			continue;
		h.index_n[i] = s->index.n;
		h.index_base[i] = s->index.base;
		put(&b, s->index.entry, s->index.n * sizeof(*s->index.entry));
	}
	pool_free(&pool);
	if (b.failed) {
		free(b.at);
		return -ENOMEM;
	}
	memcpy(b.at, &h, sizeof(h));
	h.checksum = image_checksum(b.at, b.n);
	memcpy(b.at, &h, sizeof(h));
	*image = b.at;
	*n = b.n;
	return 0;
}

/* --- loading --- */
/* Numbers of the image to numbers of the pool. */
struct numbers {
	uint32_t *rules, *expressions; /* by the image's number; POOL_NONE: no such entry */
	uint32_t n;
};

static bool take_expression(struct pool *pool, const struct numbers *nr, uint32_t number,
			    const uint8_t *data, size_t bytes)
{
	struct expression e;

	if (bytes < sizeof(e))
		return false;
	memcpy(&e, data, sizeof(e));
	if (bytes != sizeof(e) + e.n)
		return false;
	nr->expressions[number] = pool_expression(pool, data + sizeof(e), e.n);
	return nr->expressions[number] != POOL_NONE;
}

static bool take_number(const struct numbers *nr, int32_t *number)
{
	if ((uint32_t)*number >= nr->n || nr->expressions[*number] == POOL_NONE)
		return false;
	*number = (int32_t)nr->expressions[*number];
	return true;
}

static bool take_rule(const struct numbers *nr, struct rule *rule)
{
	if (rule->reg >= REGS || rule->pad)
		return false;
	switch (rule->kind) {
	case RULE_UNDEFINED:
	case RULE_OFFSET:
	case RULE_VAL_OFFSET:
		return true;
	case RULE_REGISTER:
		return rule->value >= 0 && rule->value < REGS;
	case RULE_EXPRESSION:
	case RULE_VAL_EXPRESSION:
		return take_number(nr, &rule->value);
	}
	return false;
}

static bool take_rules(struct pool *pool, const struct numbers *nr, uint32_t number,
		       const uint8_t *data, size_t bytes)
{
	union {
		struct rules rules;
		uint8_t bytes[sizeof(struct rules) + REGS * sizeof(struct rule)];
	} u;
	struct rules *r = &u.rules;

	if (bytes < sizeof(*r) || bytes > sizeof(u))
		return false;
	memcpy(&u, data, bytes);
	if (bytes != sizeof(*r) + r->n * sizeof(r->rule[0]) || r->flags & ~RULES_SIGNAL)
		return false;
	if (r->cfa_kind == RULE_REGISTER
		    ? r->cfa_reg >= REG_RIP
		    : r->cfa_kind != RULE_VAL_EXPRESSION || !take_number(nr, &r->cfa_value))
		return false;
	for (unsigned int i = 0; i < r->n; i++)
		if (!take_rule(nr, &r->rule[i]) || (i && r->rule[i].reg <= r->rule[i - 1].reg))
			return false;
	nr->rules[number] = pool_rules(pool, r);
	return nr->rules[number] != POOL_NONE;
}

/* Expressions stand before the rules that use them. */
static bool take_pool(struct pool *pool, const struct numbers *nr, const uint8_t *words)
{
	uint32_t at = 0;

	while (at < nr->n) {
		uint64_t head, bytes;
		const uint8_t *data = words + 8 * (size_t)(at + 1);
		bool ok = false;

		memcpy(&head, words + 8 * (size_t)at, sizeof(head));
		bytes = head & UINT32_MAX;
		if (bytes > 8 * (uint64_t)(nr->n - at - 1))
			return false;
		if (head >> 32 == POOL_RULES)
			ok = take_rules(pool, nr, at + 1, data, bytes);
		else if (head >> 32 == POOL_EXPRESSION)
			ok = take_expression(pool, nr, at + 1, data, bytes);
		if (!ok)
			return false;
		at += 1 + (uint32_t)((bytes + 7) / 8);
	}
	return true;
}

static bool take_functions(struct unwind_file *f, const struct image_head *h,
			   const struct numbers *nr, const uint8_t *fdes, const uint8_t *rows)
{
	uint64_t end = 0;

	if (array_grow(&f->fdes, &f->fdes_cap, h->fdes_n, sizeof(*f->fdes)) ||
	    array_grow(&f->rows, &f->rows_cap, h->rows_n, sizeof(*f->rows)))
		return false;
	if (h->fdes_n)
		memcpy(f->fdes, fdes, h->fdes_n * sizeof(*f->fdes));
	if (h->rows_n)
		memcpy(f->rows, rows, h->rows_n * sizeof(*f->rows));
	for (uint32_t i = 0; i < h->fdes_n; i++) {
		const struct fde *fde = &f->fdes[i];

		if (fde->start < end || !fde->length || fde->gap ||
		    __builtin_add_overflow(fde->start, fde->length, &end) ||
		    fde->first_row > h->rows_n || fde->rows_n > h->rows_n - fde->first_row)
			return false;
		for (uint32_t k = 1; k < fde->rows_n; k++)
			if (f->rows[fde->first_row + k].pc < f->rows[fde->first_row + k - 1].pc)
				return false;
	}
	for (uint32_t i = 0; i < h->rows_n; i++) {
		struct row *row = &f->rows[i];

		if (row->rules == POOL_NONE)
			continue;
		if (row->rules >= nr->n || nr->rules[row->rules] == POOL_NONE)
			return false;
		row->rules = nr->rules[row->rules];
	}
	f->fdes_n = h->fdes_n;
	f->rows_n = h->rows_n;
	return true;
}

/* The section is still what it was indexed as? Its entries' places are checked when used. */
static bool take_index(struct source *s, const struct image_head *h, int i, const uint8_t *entries)
{
	struct fde_index *x = &s->index;
	const size_t n = h->index_n[i];

	if (!n || s->state != SOURCE_WANTS || s->compressed ||
	    s->stored_bytes != h->section_bytes[i])
		return true;
	if (array_grow(&x->entry, &x->cap, n, sizeof(*x->entry)))
		return false;
	memcpy(x->entry, entries, n * sizeof(*x->entry));
	x->n = n;
	x->base = h->index_base[i];
	s->state = SOURCE_INDEX;
	for (size_t k = 1; k < n; k++)
		if (x->entry[k].pc < x->entry[k - 1].pc)
			return false;
	return true;
}

/* Are the parts as long as the whole? */
static bool has_size(const struct image_head *h, size_t n)
{
	uint64_t want = sizeof(*h);

	want += (uint64_t)h->fdes_n * sizeof(struct fde) +
		(uint64_t)h->rows_n * sizeof(struct row) + (uint64_t)h->words_n * 8;
	for (int i = 0; i < SOURCES; i++) {
		if (h->index_n[i] > n)
			return false;
		want += h->index_n[i] * sizeof(struct index_entry);
	}
	return want == n;
}

static bool take_all(struct unwind_file *f, const struct image_head *h, const struct numbers *nr,
		     const uint8_t *body)
{
	const uint8_t *rows = body + h->fdes_n * sizeof(struct fde);
	const uint8_t *words = rows + h->rows_n * sizeof(struct row);
	const uint8_t *index = words + 8 * (size_t)h->words_n;

	if (!take_pool(&f->u->pool, nr, words) || !take_functions(f, h, nr, body, rows))
		return false;
	for (int i = 0; i < SOURCES; i++) {
		if (!take_index(&f->source[i], h, i, index))
			return false;
		index += h->index_n[i] * sizeof(struct index_entry);
	}
	return true;
}

int image_load(struct unwind_file *f, const uint8_t *image, size_t n)
{
	const size_t pool_before = pool_bytes(&f->u->pool);
	struct numbers nr = { 0 };
	struct image_head h;
	bool ok;

	if (n < sizeof(h))
		return -ENOEXEC;
	memcpy(&h, image, sizeof(h));
	if (h.magic != IMAGE_MAGIC || h.version != IMAGE_VERSION ||
	    memcmp(h.key, f->key, sizeof(h.key)) || !has_size(&h, n) ||
	    h.checksum != image_checksum(image, n))
		return -ENOEXEC;
	nr.n = h.words_n;
	nr.rules = malloc((nr.n + 1) * sizeof(*nr.rules));
	nr.expressions = malloc((nr.n + 1) * sizeof(*nr.expressions));
	ok = nr.rules && nr.expressions;
	for (uint32_t i = 0; ok && i < nr.n; i++)
		nr.rules[i] = nr.expressions[i] = POOL_NONE;
	ok = ok && take_all(f, &h, &nr, image + sizeof(h));
	f->u->bytes += pool_bytes(&f->u->pool) - pool_before;
	tables_count(f);
	if (!ok)
		tables_drop(f);
	else
		f->u->rows += h.rows_n;
	free(nr.rules);
	free(nr.expressions);
	return ok ? 0 : -ENOEXEC;
}
