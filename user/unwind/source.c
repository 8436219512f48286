// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Where the FDE of an address is: by .eh_frame_hdr's table, searched in the file itself, so that a
 * file costs nothing before its first sample; or by an index, built where there is no such table.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "private.h"

#define ENTRY_BYTES 8	/* of .eh_frame_hdr's table */
#define CHUNK	    256 /* entries read at once */
#define HDR_MAX	    64	/* bytes of .eh_frame_hdr before the table */
#define TABLE_DATA_4 \
	0x3b /* DW_EH_PE_datarel | DW_EH_PE_sdata4: the only one that can be searched */

/* .eh_frame by its address: the section if there are section headers, else all to the end of the
 * segment (a terminator ends it before). */
static bool eh_frame_at(struct section *s, const struct elf_file *elf, uint64_t vaddr)
{
	struct elf_extent e;

	if ((elf_file_section(elf, ".eh_frame", &e) || e.vaddr != vaddr || e.compressed) &&
	    elf_file_rest_of_segment(elf, vaddr, &e))
		return false;
	*s = (struct section){ elf, NULL, e.vaddr, e.offset, e.size, true };
	return true;
}

static bool find_table(struct source *s, const struct elf_file *elf)
{
	uint8_t buf[HDR_MAX], eh_encoding, count_encoding, table_encoding;
	struct elf_extent hdr;
	struct cursor c;
	uint64_t vaddr;
	size_t n;

	if (elf_file_program_header(elf, PT_GNU_EH_FRAME, &hdr))
		return false;
	n = hdr.size < sizeof(buf) ? hdr.size : sizeof(buf);
	if (n < 4 || elf_file_pread(elf, buf, n, hdr.offset) || buf[0] != 1)
		return false;
	c = (struct cursor){ buf + 1, buf + n, hdr.vaddr + 1, false };
	eh_encoding = (uint8_t)cursor_unsigned(&c, 1);
	count_encoding = (uint8_t)cursor_unsigned(&c, 1);
	table_encoding = (uint8_t)cursor_unsigned(&c, 1);
	vaddr = cursor_pointer(&c, eh_encoding, hdr.vaddr);
	if (c.bad || !eh_frame_at(&s->section, elf, vaddr))
		return false;
	s->state = SOURCE_WANTS;
	s->table_n = cursor_pointer(&c, count_encoding, hdr.vaddr);
	s->table_offset = hdr.offset + (uint64_t)(c.at - buf);
	s->table_base = hdr.vaddr;
	if (!c.bad && table_encoding == TABLE_DATA_4 && s->table_n &&
	    s->table_n <= (hdr.size - (uint64_t)(c.at - buf)) / ENTRY_BYTES)
		s->state = SOURCE_TABLE;
	return true;
}

void source_find(struct source *s, const struct elf_file *elf)
{
	struct elf_extent e;

	if (!find_table(&s[SOURCE_EH], elf) && !elf_file_section(elf, ".eh_frame", &e) &&
	    !e.compressed && e.size) {
		s[SOURCE_EH].state = SOURCE_WANTS;
		s[SOURCE_EH].section =
			(struct section){ elf, NULL, e.vaddr, e.offset, e.size, true };
	}
	if (!elf_file_section(elf, ".debug_frame", &e) && e.size) {
		s[SOURCE_DEBUG].state = SOURCE_WANTS;
		s[SOURCE_DEBUG].compressed = e.compressed;
		s[SOURCE_DEBUG].section = (struct section){ elf, NULL, 0, e.offset, e.size, false };
	}
	for (int i = 0; i < SOURCES; i++)
		s[i].stored_bytes = s[i].section.size;
}

struct table_entry {
	uint64_t pc, fde;
};

static struct table_entry table_entry(const struct source *s, const uint8_t *bytes)
{
	struct cursor c = { .at = bytes, .end = bytes + ENTRY_BYTES };
	struct table_entry e;

	e.pc = s->table_base + (uint64_t)cursor_signed(&c, 4);
	e.fde = s->table_base + (uint64_t)cursor_signed(&c, 4) - s->section.vaddr;
	return e;
}

static int read_entries(const struct source *s, const struct elf_file *elf, uint64_t first,
			size_t n, uint8_t *buf)
{
	return elf_file_pread(elf, buf, n * ENTRY_BYTES, s->table_offset + first * ENTRY_BYTES);
}

/* The last entry of the table that begins at pc or before. */
static int table_find(const struct source *s, const struct elf_file *elf, uint64_t pc,
		      uint64_t *fde, struct gap *gap)
{
	uint64_t low = 0, high = s->table_n; /* it is in [low, high), or there is none */
	uint8_t buf[CHUNK * ENTRY_BYTES];
	struct table_entry e;
	size_t n, found = 0;
	int err;

	while (high - low > CHUNK - 1) {
		const uint64_t mid = low + (high - low) / 2;

		err = read_entries(s, elf, mid, 1, buf);
		if (err)
			return err;
		if (table_entry(s, buf).pc <= pc)
			low = mid;
		else
			high = mid;
	}
	/* One more tells where the next function begins. */
	n = high - low + (high < s->table_n);
	err = read_entries(s, elf, low, n, buf);
	if (err)
		return err;
	while (found < n && table_entry(s, buf + found * ENTRY_BYTES).pc <= pc)
		found++;
	gap->high = found < n ? table_entry(s, buf + found * ENTRY_BYTES).pc : UINT64_MAX;
	gap->low = 0;
	if (!found)
		return -ENOENT;
	e = table_entry(s, buf + (found - 1) * ENTRY_BYTES);
	*fde = e.fde;
	gap->low = e.pc;
	return 0;
}

static int index_find(const struct fde_index *x, uint64_t pc, uint64_t *fde, struct gap *gap)
{
	size_t low = 0, high = x->n;

	*gap = (struct gap){ 0, UINT64_MAX };
	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (x->base + x->entry[mid].pc <= pc)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < x->n)
		gap->high = x->base + x->entry[low].pc;
	if (!low)
		return -ENOENT;
	gap->low = x->base + x->entry[low - 1].pc;
	*fde = x->entry[low - 1].fde;
	return 0;
}

int source_fde(const struct source *s, const struct elf_file *elf, uint64_t pc, uint64_t *fde,
	       struct gap *gap)
{
	switch (s->state) {
	case SOURCE_NONE:
		*gap = (struct gap){ 0, UINT64_MAX };
		return -ENOENT;
	case SOURCE_TABLE:
		return table_find(s, elf, pc, fde, gap);
	case SOURCE_INDEX:
		return index_find(&s->index, pc, fde, gap);
	default:
		return -EAGAIN;
	}
}

void source_drop(struct source *s)
{
	s->has_cie = false;
	if (s->state != SOURCE_INDEX)
		return;
	free(s->index.entry);
	free(s->data);
	s->index = (struct fde_index){ 0 };
	s->data = NULL;
	s->section.data = NULL;
	s->section.size = s->stored_bytes;
	s->state = SOURCE_WANTS;
}

size_t source_bytes(const struct source *s)
{
	return s->index.cap * sizeof(*s->index.entry) + (s->data ? s->section.size : 0);
}
