// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* An index over all FDEs, built by reading a section from end to end. Runs in the worker. */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "private.h"

#define AHEAD	  (64 * 1024)
#define CIES	  64 /* kept at hand; FDEs of one program refer to a few */
#define FDE_BYTES 64 /* of an FDE, enough for its addresses */
#define HALF	  (1ULL << 31)

struct known_cie {
	uint64_t at;
	bool valid, bad;
	struct cfi_cie cie;
};

struct builder {
	const struct section *section;
	struct window window, cie_window;
	struct known_cie cies[CIES];
	struct fde_index *out;
	size_t max_entries;
};

/* NULL: broken. */
static const struct cfi_cie *get_cie(struct builder *b, uint64_t at)
{
	struct known_cie *k = &b->cies[(at >> 2) % CIES];

	if (!k->valid || k->at != at) {
		k->at = at;
		k->valid = true;
		k->bad = cfi_cie(b->section, &b->cie_window, at, &k->cie);
	}
	return k->bad ? NULL : &k->cie;
}

static int add_fde(struct builder *b, uint64_t at, const struct cfi_entry *e)
{
	const struct cfi_cie *cie = get_cie(b, e->cie);
	struct fde_index *x = b->out;
	struct cursor body = e->body;
	uint64_t start, length;

	/* A function that the linker left out keeps its entry, at address 0. */
	if (!cie || cfi_fde_range(cie, &body, &start, &length) || !start || !length)
		return 0;
	if (!x->n)
		x->base = start > HALF ? start - HALF : 0;
	if (start < x->base || start - x->base > UINT32_MAX || at > UINT32_MAX)
		return 0;
	if (x->n >= b->max_entries)
		return -E2BIG;
	if (array_grow(&x->entry, &x->cap, x->n + 1, sizeof(*x->entry)))
		return -ENOMEM;
	x->entry[x->n++] =
		(struct index_entry){ .pc = (uint32_t)(start - x->base), .fde = (uint32_t)at };
	return 0;
}

static int by_pc(const void *a, const void *b)
{
	const struct index_entry *x = a, *y = b;

	if (x->pc != y->pc)
		return x->pc < y->pc ? -1 : 1;
	return x->fde < y->fde ? -1 : x->fde > y->fde;
}

int index_build(struct fde_index *out, const struct section *s, size_t max_bytes, const bool *stop)
{
	struct builder *b = calloc(1, sizeof(*b));
	struct cfi_entry e;
	int err = 0;

	*out = (struct fde_index){ 0 };
	if (!b)
		return -ENOMEM;
	b->section = s;
	b->window.ahead = AHEAD;
	b->cie_window.ahead = 256;
	b->out = out;
	/* array_grow may take twice of what is needed. */
	b->max_entries = max_bytes / sizeof(*out->entry) / 2;
	for (uint64_t at = 0;; at = e.next) {
		if (__atomic_load_n(stop, __ATOMIC_RELAXED)) {
			err = -EINTR;
			break;
		}
		/* What comes before a broken entry is as good as ever. */
		if (cfi_entry(s, &b->window, at, FDE_BYTES, &e) || !e.next)
			break;
		if (e.is_cie)
			continue;
		err = add_fde(b, at, &e);
		if (err)
			break;
	}
	free(b->window.buf);
	free(b->cie_window.buf);
	free(b);
	if (err) {
		free(out->entry);
		*out = (struct fde_index){ 0 };
	} else if (out->n) {
		qsort(out->entry, out->n, sizeof(*out->entry), by_pc);
	}
	return err;
}

static int inflate_all(const struct section *s, z_stream *z, const bool *stop)
{
	uint8_t buf[16 * 1024];
	uint64_t at = sizeof(Elf64_Chdr);
	int err = Z_OK;

	while (err == Z_OK && at < s->size) {
		size_t n = s->size - at < sizeof(buf) ? s->size - at : sizeof(buf);

		if (__atomic_load_n(stop, __ATOMIC_RELAXED))
			return -EINTR;
		if (elf_file_pread(s->elf, buf, n, s->offset + at))
			return -ENOEXEC;
		z->next_in = buf;
		z->avail_in = (uInt)n;
		err = inflate(z, Z_NO_FLUSH);
		at += n;
	}
	return err == Z_STREAM_END && !z->avail_out ? 0 : -ENOEXEC;
}

int index_inflate(const struct section *s, size_t max_bytes, uint8_t **data, size_t *n,
		  const bool *stop)
{
	z_stream z = { 0 };
	Elf64_Chdr h;
	int err;

	*data = NULL;
	if (s->size < sizeof(h) || elf_file_pread(s->elf, &h, sizeof(h), s->offset))
		return -ENOEXEC;
	if (h.ch_type != ELFCOMPRESS_ZLIB)
		return -ENOTSUP;
	if (!h.ch_size || h.ch_size > max_bytes)
		return -E2BIG;
	*data = malloc(h.ch_size);
	if (!*data)
		return -ENOMEM;
	err = inflateInit(&z) == Z_OK ? 0 : -ENOMEM;
	if (!err) {
		z.next_out = *data;
		z.avail_out = (uInt)h.ch_size;
		err = inflate_all(s, &z, stop);
		inflateEnd(&z);
	}
	if (err) {
		free(*data);
		*data = NULL;
	}
	*n = h.ch_size;
	return err;
}
