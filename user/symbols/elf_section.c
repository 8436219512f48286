// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Where sections and program headers lie in the file. Read by hand: libelf reads whole tables of
 * strings, however large a broken file says they are.
 */
#define _GNU_SOURCE
#include "elf_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Linked files have some forty sections; object files may have many, but nobody maps those. */
#define MAX_SECTIONS	 65536u
#define MAX_NAMES	 (4u * 1024 * 1024)
#define COMPRESSED_RATIO 1032 /* deflate does not do better: a larger size is a lie */

void elf_sections_free(struct elf_sections *s)
{
	free(s->headers);
	free(s->names);
	memset(s, 0, sizeof(*s));
}

/* The names' table, with one NUL more than it has. Without names there is nothing to look for by
 * name, which is no error. */
static int read_names(const struct elf_file *f, struct elf_sections *s, size_t index)
{
	const Elf64_Shdr *sh = index < s->n ? &s->headers[index] : NULL;
	int err;

	if (!sh || sh->sh_type == SHT_NOBITS || sh->sh_size > MAX_NAMES || sh->sh_size > f->size)
		return 0;
	s->names = malloc(sh->sh_size + 1);
	if (!s->names)
		return -ENOMEM;
	err = elf_file_pread(f, s->names, sh->sh_size, sh->sh_offset);
	s->names[err ? 0 : sh->sh_size] = '\0';
	s->names_n = err ? 0 : sh->sh_size;
	return 0;
}

int elf_sections_read(const struct elf_file *f, struct elf_sections *s)
{
	const Elf64_Ehdr *eh = &f->header;
	size_t n = eh->e_shnum, names = eh->e_shstrndx;
	Elf64_Shdr first;
	int err;

	memset(s, 0, sizeof(*s));
	if (!eh->e_shoff)
		return 0;
	if (eh->e_shentsize != sizeof(Elf64_Shdr))
		return -ENOEXEC;
	/* Numbers too large for the header's fields stand in the first section's. */
	err = elf_file_pread(f, &first, sizeof(first), eh->e_shoff);
	if (err)
		return err;
	if (!n && first.sh_size <= MAX_SECTIONS)
		n = first.sh_size;
	if (names == SHN_XINDEX)
		names = first.sh_link;
	if (!n || n > MAX_SECTIONS || n * sizeof(Elf64_Shdr) > f->size)
		return -ENOEXEC;
	s->headers = calloc(n, sizeof(*s->headers));
	if (!s->headers)
		return -ENOMEM;
	err = elf_file_pread(f, s->headers, n * sizeof(*s->headers), eh->e_shoff);
	s->n = err ? 0 : n;
	if (!err)
		err = read_names(f, s, names);
	if (err)
		elf_sections_free(s);
	return err;
}

static const char *name_of(const struct elf_sections *s, size_t i)
{
	return s->names && s->headers[i].sh_name < s->names_n ? s->names + s->headers[i].sh_name
							      : "";
}

static bool in_file(const struct elf_file *f, const Elf64_Shdr *sh)
{
	return sh->sh_type != SHT_NOBITS && sh->sh_offset <= f->size &&
	       sh->sh_size <= f->size - sh->sh_offset;
}

int elf_file_section(const struct elf_file *f, const char *name, struct elf_extent *out)
{
	struct elf_sections s;
	int err = -ENOENT;

	if (elf_sections_read(f, &s))
		return -ENOENT;
	for (size_t i = 1; i < s.n && err == -ENOENT; i++) {
		const Elf64_Shdr *sh = &s.headers[i];

		if (sh->sh_type == SHT_NOBITS || strcmp(name_of(&s, i), name) != 0)
			continue;
		err = in_file(f, sh) ? 0 : -ENOEXEC;
		*out = (struct elf_extent){
			.vaddr = sh->sh_addr,
			.offset = sh->sh_offset,
			.size = sh->sh_size,
			.compressed = sh->sh_flags & SHF_COMPRESSED,
		};
	}
	elf_sections_free(&s);
	return err;
}

bool elf_file_has_section(const struct elf_file *f, uint32_t type)
{
	struct elf_sections s;
	bool found = false;

	if (elf_sections_read(f, &s))
		return false;
	for (size_t i = 1; i < s.n && !found; i++)
		found = s.headers[i].sh_type == type && in_file(f, &s.headers[i]);
	elf_sections_free(&s);
	return found;
}

int elf_file_extent_read(const struct elf_file *f, const struct elf_extent *e, size_t max,
			 void **out)
{
	char *data;
	int err;

	*out = NULL;
	if (e->size > max || e->size > f->size)
		return -EFBIG;
	data = malloc(e->size + 1);
	if (!data)
		return -ENOMEM;
	err = elf_file_pread(f, data, e->size, e->offset);
	if (err) {
		free(data);
		return err;
	}
	data[e->size] = '\0';
	*out = data;
	return 0;
}

/* What a section says to be when unpacked. 0: nothing to believe. */
static uint64_t unpacked_size(const struct elf_file *f, const Elf64_Shdr *sh, const char *name)
{
	Elf64_Chdr ch;
	uint8_t old[12]; /* "ZLIB" and the size, most significant byte first */
	uint64_t size = 0;

	if (sh->sh_flags & SHF_COMPRESSED) {
		if (sh->sh_size < sizeof(ch) || elf_file_pread(f, &ch, sizeof(ch), sh->sh_offset))
			return 0;
		size = ch.ch_size;
	} else if (!strncmp(name, ".zdebug_", 8)) {
		if (sh->sh_size < sizeof(old) ||
		    elf_file_pread(f, old, sizeof(old), sh->sh_offset) || memcmp(old, "ZLIB", 4))
			return 0;
		for (int i = 4; i < 12; i++)
			size = size << 8 | old[i];
	} else {
		return sh->sh_size;
	}
	return size / COMPRESSED_RATIO > sh->sh_size ? 0 : size;
}

int elf_file_debug_bytes(const struct elf_file *f, uint64_t *info, uint64_t *all)
{
	struct elf_sections s;
	int err = elf_sections_read(f, &s);

	*info = *all = 0;
	if (err)
		return err;
	for (size_t i = 1; i < s.n && !err; i++) {
		const char *name = name_of(&s, i);
		const Elf64_Shdr *sh = &s.headers[i];
		uint64_t size;

		if (sh->sh_type == SHT_NOBITS || !sh->sh_size ||
		    (strncmp(name, ".debug_", 7) != 0 && strncmp(name, ".zdebug_", 8) != 0))
			continue;
		size = unpacked_size(f, sh, name);
		if (!size || !in_file(f, sh) || __builtin_add_overflow(*all, size, all))
			err = -ENOEXEC;
		else if (!strcmp(name + (name[1] == 'z'),
				 name[1] == 'z' ? "zdebug_info" : ".debug_info"))
			*info += size;
	}
	elf_sections_free(&s);
	return err ? err : *info ? 0 : -ENOENT;
}

int elf_file_program_header(const struct elf_file *f, uint32_t type, struct elf_extent *out)
{
	Elf64_Phdr ph;

	/* Their number, size and place were checked when the file was opened. */
	for (uint32_t i = 0; i < f->header.e_phnum; i++) {
		if (elf_file_pread(f, &ph, sizeof(ph), f->header.e_phoff + i * sizeof(ph)))
			return -ENOENT;
		if (ph.p_type != type)
			continue;
		if (ph.p_offset > f->size || ph.p_filesz > f->size - ph.p_offset)
			return -ENOEXEC;
		*out = (struct elf_extent){ ph.p_vaddr, ph.p_offset, ph.p_filesz, false };
		return 0;
	}
	return -ENOENT;
}

int elf_file_rest_of_segment(const struct elf_file *f, uint64_t vaddr, struct elf_extent *out)
{
	const struct elf_segment *s = elf_file_segment(f, vaddr);
	uint64_t at;

	if (!s || vaddr - s->vaddr >= s->filesz)
		return -ENOENT;
	at = vaddr - s->vaddr;
	if (s->offset + at >= f->size)
		return -ENOEXEC;
	*out = (struct elf_extent){ vaddr, s->offset + at, s->filesz - at, false };
	if (out->size > f->size - out->offset)
		out->size = f->size - out->offset;
	return 0;
}
