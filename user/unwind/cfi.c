// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Entries of .eh_frame (LSB, "Exception Frames") and .debug_frame (DWARF 5, 6.4.1): CIEs, that hold
 * what functions share, and FDEs, one a function.
 */
#include <errno.h>
#include <string.h>
#include "private.h"

#define CIE_BYTES_MAX 4096

int cfi_entry(const struct section *s, struct window *w, uint64_t at, size_t body_max,
	      struct cfi_entry *out)
{
	size_t head = 4, id_bytes = 4;
	uint64_t length, id, body;
	struct cursor c = { 0 };

	*out = (struct cfi_entry){ 0 };
	if (at > s->size)
		return -ENOEXEC;
	if (at == s->size)
		return 0;
	c.at = section_bytes(s, w, at, 4);
	if (!c.at)
		return -ENOEXEC;
	c.end = c.at + 4;
	length = cursor_unsigned(&c, 4);
	if (length == 0xffffffff) {
		head = 12;
		/* .eh_frame's ids keep their 4 bytes even then. */
		id_bytes = s->eh ? 4 : 8;
		c.at = section_bytes(s, w, at, head);
		if (!c.at)
			return -ENOEXEC;
		c.end = c.at + head;
		cursor_skip(&c, 4);
		length = cursor_unsigned(&c, 8);
	}
	if (!length && s->eh)
		return 0; /* the terminator */
	if (length > s->size - at - head || length < id_bytes)
		return -ENOEXEC;
	out->next = at + head + length;
	body = length - id_bytes < body_max ? length - id_bytes : body_max;
	c.at = section_bytes(s, w, at + head, id_bytes + body);
	if (!c.at)
		return -ENOEXEC;
	c.end = c.at + id_bytes + body;
	c.vaddr = s->vaddr + at + head;
	id = cursor_unsigned(&c, id_bytes);
	out->body = c;
	if (s->eh) {
		out->is_cie = !id;
		out->cie = at + head - id; /* wraps for what is no offset: refused by its reader */
	} else {
		out->is_cie = id == (id_bytes == 8 ? UINT64_MAX : UINT32_MAX);
		out->cie = id;
	}
	return 0;
}

/* The letters of an augmentation that begins with z, and their data. */
static bool augmentation(struct cursor *c, const char *letters, struct cfi_cie *out)
{
	const uint64_t n = cursor_uleb(c);
	struct cursor data = *c;
	const uint8_t *start = cursor_skip(c, n);

	if (!start)
		return false;
	data.end = start + n;
	out->sized = true;
	for (; *letters; letters++) {
		switch (*letters) {
		case 'R':
			out->fde_encoding = (uint8_t)cursor_unsigned(&data, 1);
			break;
		case 'S':
			out->signal = true;
			break;
		case 'L':
			cursor_skip(&data, 1);
			break;
		case 'P': {
			uint8_t encoding = (uint8_t)cursor_unsigned(&data, 1);

			/* Its size is all that matters; indirect or not is the same. */
			cursor_pointer(&data, encoding & 0x0f, 0);
			break;
		}
		case 'B': /* AArch64's pointer signing; no data */
			break;
		default:
			/* What follows cannot be told apart, but all of it can be left out. */
			return !data.bad;
		}
	}
	return !data.bad;
}

int cfi_cie(const struct section *s, struct window *w, uint64_t at, struct cfi_cie *out)
{
	struct cfi_entry e;
	const char *letters;
	struct cursor *c;
	uint8_t version;
	uint64_t ra;
	int err;

	err = cfi_entry(s, w, at, CIE_BYTES_MAX, &e);
	if (err)
		return err;
	if (!e.next || !e.is_cie)
		return -ENOEXEC;
	c = &e.body;
	*out = (struct cfi_cie){ 0 };
	version = (uint8_t)cursor_unsigned(c, 1);
	letters = (const char *)c->at;
	if (version != 1 && version != 3 && version != 4)
		return -ENOEXEC;
	while (cursor_unsigned(c, 1))
		;
	if (c->bad)
		return -ENOEXEC;
	/* Sizes of an address and of a segment selector. */
	if (version == 4 && (cursor_unsigned(c, 1) != 8 || cursor_unsigned(c, 1)))
		return -ENOEXEC;
	out->code_align = cursor_uleb(c);
	out->data_align = cursor_sleb(c);
	ra = version == 1 ? cursor_unsigned(c, 1) : cursor_uleb(c);
	if (ra >= REGS || (*letters && *letters != 'z') ||
	    (*letters && !augmentation(c, letters + 1, out)) || c->bad)
		return -ENOEXEC;
	out->ra = (uint8_t)ra;
	out->program = *c;
	return 0;
}

int cfi_fde_range(const struct cfi_cie *cie, struct cursor *body, uint64_t *start, uint64_t *length)
{
	uint64_t end;

	*start = cursor_pointer(body, cie->fde_encoding, 0);
	*length = cursor_pointer(body, cie->fde_encoding & 0x0f, 0);
	if (cie->sized)
		cursor_skip(body, cursor_uleb(body));
	if (body->bad || __builtin_add_overflow(*start, *length, &end))
		return -ENOEXEC;
	return 0;
}
