// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Bytes of sections, and reading numbers from them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "private.h"

/* Of one entry; more than any real one has. */
#define WINDOW_MAX (1024 * 1024)

const uint8_t *section_bytes(const struct section *s, struct window *w, uint64_t at, size_t n)
{
	size_t want = n > w->ahead ? n : w->ahead;

	if (at > s->size || n > s->size - at)
		return NULL;
	if (s->data)
		return s->data + at;
	if (at >= w->start && at - w->start <= w->n && n <= w->n - (at - w->start))
		return w->buf + (at - w->start);
	if (want > s->size - at)
		want = s->size - at;
	if (want > WINDOW_MAX)
		return NULL;
	w->n = 0;
	if (array_grow(&w->buf, &w->cap, want, 1) ||
	    elf_file_pread(s->elf, w->buf, want, s->offset + at))
		return NULL;
	w->start = at;
	w->n = want;
	return w->buf;
}

const uint8_t *cursor_skip(struct cursor *c, uint64_t n)
{
	const uint8_t *at = c->at;

	if (n > (uint64_t)(c->end - c->at)) {
		c->vaddr += c->end - c->at;
		c->at = c->end;
		c->bad = true;
		return NULL;
	}
	c->at += n;
	c->vaddr += n;
	return at;
}

uint64_t cursor_unsigned(struct cursor *c, size_t bytes)
{
	const uint8_t *p = cursor_skip(c, bytes);
	uint64_t v = 0;

	for (size_t i = 0; p && i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

int64_t cursor_signed(struct cursor *c, size_t bytes)
{
	uint64_t v = cursor_unsigned(c, bytes);
	uint64_t sign = 1ULL << (8 * bytes - 1);

	return (int64_t)((v ^ sign) - sign);
}

/* The bits of a LEB128, and how many there were. Those beyond 64 are dropped. */
static uint64_t leb(struct cursor *c, unsigned int *bits, bool *negative)
{
	uint64_t v = 0;
	uint8_t byte;

	*bits = 0;
	do {
		byte = (uint8_t)cursor_unsigned(c, 1);
		if (*bits < 64)
			v |= (uint64_t)(byte & 0x7f) << *bits;
		*bits += 7;
	} while (byte & 0x80 && !c->bad);
	*negative = byte & 0x40;
	return v;
}

uint64_t cursor_uleb(struct cursor *c)
{
	unsigned int bits;
	bool negative;

	return leb(c, &bits, &negative);
}

int64_t cursor_sleb(struct cursor *c)
{
	unsigned int bits;
	bool negative;
	uint64_t v = leb(c, &bits, &negative);

	if (negative && bits < 64)
		v |= ~0ULL << bits;
	return (int64_t)v;
}

/* DW_EH_PE_*: the low half says the form, the high half what it counts from. */
enum {
	PE_OMIT = 0xff,
	PE_FORM = 0x0f,
	PE_BASE = 0x70,
	PE_INDIRECT = 0x80,
	PE_PCREL = 0x10,
	PE_DATAREL = 0x30,
};

static uint64_t pointer_value(struct cursor *c, uint8_t form)
{
	switch (form) {
	case 0x00: /* absptr */
	case 0x04: /* udata8 */
	case 0x0c: /* sdata8 */
		return cursor_unsigned(c, 8);
	case 0x01:
		return cursor_uleb(c);
	case 0x02:
		return cursor_unsigned(c, 2);
	case 0x03:
		return cursor_unsigned(c, 4);
	case 0x09:
		return (uint64_t)cursor_sleb(c);
	case 0x0a:
		return (uint64_t)cursor_signed(c, 2);
	case 0x0b:
		return (uint64_t)cursor_signed(c, 4);
	}
	c->bad = true;
	return 0;
}

uint64_t cursor_pointer(struct cursor *c, uint8_t encoding, uint64_t data)
{
	const uint64_t here = c->vaddr;
	uint64_t v;

	/* An indirect one would have to be read from the process. */
	if (encoding == PE_OMIT || encoding & PE_INDIRECT) {
		c->bad = true;
		return 0;
	}
	v = pointer_value(c, encoding & PE_FORM);
	switch (encoding & PE_BASE) {
	case 0:
		return v;
	case PE_PCREL:
		return v + here;
	case PE_DATAREL:
		return v + data;
	}
	c->bad = true;
	return 0;
}
