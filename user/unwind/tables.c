// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Compiled functions of a file: made when a sample first hits them, kept until memory runs short.
 * Then the file that was used longest ago gives up its own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "private.h"

#define FDE_BYTES_MAX (64 * 1024)

void tables_count(struct unwind_file *f)
{
	size_t bytes = f->fdes_cap * sizeof(*f->fdes) + f->rows_cap * sizeof(*f->rows);

	for (int i = 0; i < SOURCES; i++)
		bytes += source_bytes(&f->source[i]);
	f->u->bytes += bytes - f->bytes;
	f->bytes = bytes;
}

static void drop_rows(struct unwind_file *f)
{
	free(f->fdes);
	free(f->rows);
	f->fdes = NULL;
	f->rows = NULL;
	f->fdes_n = f->fdes_cap = f->rows_n = f->rows_cap = 0;
	tables_count(f);
	unwind_forget_hits(f->u);
}

void tables_drop(struct unwind_file *f)
{
	for (int i = 0; i < SOURCES; i++)
		source_drop(&f->source[i]);
	drop_rows(f);
}

/* The pool has run full: it begins anew, and all that refers to it with it. */
static void drop_generation(struct unwind *u)
{
	for (size_t i = 0; i < u->files_n; i++) {
		struct unwind_file *f = u->files[i];

		for (int k = 0; k < SOURCES; k++)
			f->source[k].has_cie = false;
		drop_rows(f);
	}
	u->bytes -= pool_bytes(&u->pool);
	pool_free(&u->pool);
}

static struct unwind_file *used_longest_ago(const struct unwind *u)
{
	struct unwind_file *oldest = NULL;

	for (size_t i = 0; i < u->files_n; i++) {
		struct unwind_file *f = u->files[i];

		if (f->bytes && f->used < u->clock && (!oldest || f->used < oldest->used))
			oldest = f;
	}
	return oldest;
}

/* Makes room for more bytes, but not at the cost of files that the walk in progress passes: what it
 * needs would be dropped and built in turns. */
static bool make_room(struct unwind *u, size_t more)
{
	while (u->bytes + more > u->max_bytes) {
		struct unwind_file *oldest = used_longest_ago(u);

		if (!oldest)
			return false;
		tables_drop(oldest);
	}
	return true;
}

/* What adding a function may take: arrays double. */
static size_t growth(const struct unwind_file *f)
{
	size_t bytes = CFI_ROWS_MAX * sizeof(*f->rows);

	if (f->fdes_n == f->fdes_cap)
		bytes += f->fdes_cap * sizeof(*f->fdes);
	if (f->rows_cap > bytes / sizeof(*f->rows))
		bytes = f->rows_cap * sizeof(*f->rows);
	return bytes;
}

/* --- functions --- */
/* The first one that begins after pc. */
static size_t fde_after(const struct unwind_file *f, uint64_t pc)
{
	size_t low = 0, high = f->fdes_n;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (f->fdes[mid].start <= pc)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static const struct fde *fde_find(const struct unwind_file *f, uint64_t pc)
{
	const size_t i = fde_after(f, pc);

	return i && pc - f->fdes[i - 1].start < f->fdes[i - 1].length ? &f->fdes[i - 1] : NULL;
}

static uint32_t fde_rules(const struct unwind_file *f, const struct fde *fde, uint64_t pc)
{
	const struct row *row = fde->rows_n ? &f->rows[fde->first_row] : NULL;
	size_t low = 0, high = fde->rows_n;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (row[mid].pc <= pc - fde->start)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? row[low - 1].rules : POOL_NONE;
}

/* Keeps the part of [start, end) around pc that no other function has: broken files have functions
 * that overlap. */
static void clip(const struct unwind_file *f, size_t i, uint64_t pc, uint64_t *start, uint64_t *end)
{
	if (i && f->fdes[i - 1].start + f->fdes[i - 1].length > *start)
		*start = f->fdes[i - 1].start + f->fdes[i - 1].length;
	if (i < f->fdes_n && f->fdes[i].start < *end)
		*end = f->fdes[i].start;
	if (*end - *start > UINT32_MAX) {
		if (pc - *start > UINT32_MAX / 2)
			*start = pc - UINT32_MAX / 2;
		if (*end - *start > UINT32_MAX)
			*end = *start + UINT32_MAX;
	}
}

/* Adds a function, or a gap if rows is NULL. pc is in it, and in no other. */
static int add(struct unwind_file *f, uint64_t pc, uint64_t start, uint64_t end,
	       const struct cfi_rows *rows)
{
	const size_t i = fde_after(f, pc), n = rows ? rows->n : 0;
	const uint64_t from = start;
	struct fde *fde;

	clip(f, i, pc, &start, &end);
	if (f->rows_n + n > UINT32_MAX ||
	    array_grow(&f->fdes, &f->fdes_cap, f->fdes_n + 1, sizeof(*f->fdes)) ||
	    array_grow(&f->rows, &f->rows_cap, f->rows_n + n, sizeof(*f->rows)))
		return -ENOMEM;
	fde = &f->fdes[i];
	memmove(fde + 1, fde, (f->fdes_n - i) * sizeof(*fde));
	f->fdes_n++;
	*fde = (struct fde){
		.start = start,
		.length = (uint32_t)(end - start),
		.first_row = (uint32_t)f->rows_n,
		.rows_n = (uint32_t)n,
		.gap = !rows,
	};
	for (size_t k = 0; k < n; k++) {
		struct row row = rows->row[k];

		row.pc = row.pc > start - from ? row.pc - (uint32_t)(start - from) : 0;
		f->rows[f->rows_n++] = row;
	}
	f->u->rows += n;
	f->dirty |= n;
	tables_count(f);
	return 0;
}

/* --- compiling --- */
static int get_cie(struct unwind *u, struct source *s, uint64_t at)
{
	int err;

	if (s->has_cie && s->cie_at == at)
		return 0;
	s->has_cie = false;
	err = cfi_cie(&s->section, &u->window, at, &s->cie);
	if (!err)
		err = cfi_initial(&u->pool, &s->cie, &s->initial);
	if (err)
		return err;
	s->cie_at = at;
	s->has_cie = true;
	return 0;
}

struct compiled {
	uint64_t start, end;
	bool has_rows;
};

/* Reads the FDE at an offset, and compiles it if pc is in it. Negative errno: broken. */
static int compile(struct unwind_file *f, struct source *s, uint64_t at, uint64_t pc,
		   struct compiled *out)
{
	struct unwind *u = f->u;
	struct cfi_entry e;
	uint64_t length;
	int err;

	/* A window is one section's. */
	u->window.n = 0;
	err = cfi_entry(&s->section, &u->window, at, 0, &e);
	if (!err && (!e.next || e.is_cie))
		err = -ENOEXEC;
	if (!err)
		err = get_cie(u, s, e.cie);
	if (!err)
		err = cfi_entry(&s->section, &u->window, at, FDE_BYTES_MAX, &e);
	if (!err)
		err = cfi_fde_range(&s->cie, &e.body, &out->start, &length);
	if (err)
		return err;
	out->end = out->start + length;
	out->has_rows = false;
	if (pc < out->start || pc >= out->end)
		return 0;
	if (length > UINT32_MAX)
		return -E2BIG;
	out->has_rows = !cfi_compile(&u->pool, &s->cie, &s->initial, e.body, out->start,
				     (uint32_t)length, &u->scratch);
	/* A program that cannot be run: the function is known, and nothing about it. */
	if (!out->has_rows)
		u->scratch.n = 0;
	return 0;
}

/* An index is wanted: is it there? */
static bool have_index(struct unwind_file *f, struct source *s)
{
	struct unwind *u = f->u;
	size_t before = f->bytes;

	if (s->state == SOURCE_WANTS && worker_ask(u->worker, s, u->max_bytes / 4)) {
		s->state = SOURCE_NONE;
		return true;
	}
	if (s->state != SOURCE_BUILDS)
		return true;
	if (!worker_collect(u->worker, s, false))
		return false;
	tables_count(f);
	f->dirty |= f->bytes > before && !s->compressed;
	if (!make_room(u, 0)) {
		/* Others of this walk hold all there is. */
		source_drop(s);
		s->state = SOURCE_NONE;
		tables_count(f);
	}
	return true;
}

/* Looks in one source. 0: the function is added; -ENOENT: none, gap narrowed; -EAGAIN. */
static int look_in(struct unwind_file *f, struct source *s, uint64_t pc, struct gap *gap)
{
	struct compiled c;
	struct gap here;
	uint64_t at;
	int err;

	if (!have_index(f, s))
		return -EAGAIN;
	err = source_fde(s, f->elf, pc, &at, &here);
	if (!err) {
		err = compile(f, s, at, pc, &c);
		/* A table that is not what it says it is: all FDEs have to be read. */
		if (s->state == SOURCE_TABLE && (err || c.start != here.low)) {
			s->state = SOURCE_WANTS;
			return -EAGAIN;
		}
		if (!err && pc >= c.start && pc < c.end)
			return add(f, pc, c.start, c.end, &f->u->scratch);
		here.low = err || c.end > pc ? pc : c.end;
		if (err)
			here.high = pc + 1;
	} else if (err != -ENOENT) {
		here = (struct gap){ pc, pc + 1 };
	}
	if (here.low > gap->low && here.low <= pc)
		gap->low = here.low;
	if (here.high < gap->high && here.high > pc)
		gap->high = here.high;
	return -ENOENT;
}

uint32_t tables_rules(struct unwind_file *f, uint64_t vaddr)
{
	const struct fde *fde = fde_find(f, vaddr);
	struct gap gap = { 0, UINT64_MAX };
	struct unwind *u = f->u;
	size_t pool_before;
	int err = -ENOENT;

	if (fde)
		return fde_rules(f, fde, vaddr);
	if (pool_bytes(&u->pool) > u->pool.max_bytes / 4 * 3)
		drop_generation(u);
	if (!make_room(u, growth(f)))
		drop_rows(f);
	pool_before = pool_bytes(&u->pool);
	for (int i = 0; i < SOURCES && err == -ENOENT; i++)
		err = look_in(f, &f->source[i], vaddr, &gap);
	u->bytes += pool_bytes(&u->pool) - pool_before;
	if (err == -EAGAIN)
		return POOL_PENDING;
	if (err == -ENOENT)
		err = add(f, vaddr, gap.low, gap.high, NULL);
	fde = err ? NULL : fde_find(f, vaddr);
	return fde ? fde_rules(f, fde, vaddr) : POOL_NONE;
}
