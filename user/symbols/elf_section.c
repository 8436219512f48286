// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Where sections and program headers lie in the file. Read by hand: libelf reads whole tables of
 * strings, however large a broken file says they are.
 */
#include "elf_private.h"

#include <errno.h>
#include <string.h>

/* Of a broken file, do not look at more. Real ones have 40 sections and 13 program headers. */
#define MAX_SECTIONS 4096
#define MAX_HEADERS  128
#define NAME_MAX_LEN 32

static int section_header(const struct elf_file *f, const Elf64_Ehdr *eh, uint32_t i,
			  Elf64_Shdr *out)
{
	uint64_t at;

	if (__builtin_add_overflow(eh->e_shoff, (uint64_t)i * sizeof(*out), &at))
		return -ENOEXEC;
	return elf_file_pread(f, out, sizeof(*out), at);
}

/* The name at an offset in the table of section names: is it this one? */
static bool has_name(const struct elf_file *f, const Elf64_Shdr *names, const Elf64_Shdr *s,
		     const char *name)
{
	size_t n = strlen(name) + 1;
	char buf[NAME_MAX_LEN];
	uint64_t at;

	return n <= sizeof(buf) && s->sh_name < names->sh_size &&
	       !__builtin_add_overflow(names->sh_offset, s->sh_name, &at) &&
	       !elf_file_pread(f, buf, n, at) && !memcmp(buf, name, n);
}

int elf_file_section(const struct elf_file *f, const char *name, struct elf_extent *out)
{
	Elf64_Shdr first, names, s;
	uint64_t count, strings;
	Elf64_Ehdr eh;

	if (elf_file_pread(f, &eh, sizeof(eh), 0) || !eh.e_shoff || eh.e_shentsize != sizeof(s) ||
	    section_header(f, &eh, 0, &first))
		return -ENOENT;
	/* What does not fit the file's header is in the first section's. */
	count = eh.e_shnum ? eh.e_shnum : first.sh_size;
	strings = eh.e_shstrndx == SHN_XINDEX ? first.sh_link : eh.e_shstrndx;
	if (count > MAX_SECTIONS || strings >= count || section_header(f, &eh, strings, &names))
		return -ENOENT;
	for (uint32_t i = 1; i < count; i++) {
		if (section_header(f, &eh, i, &s))
			return -ENOENT;
		if (s.sh_type == SHT_NOBITS || !has_name(f, &names, &s, name))
			continue;
		if (s.sh_offset > f->size || s.sh_size > f->size - s.sh_offset)
			return -ENOEXEC;
		*out = (struct elf_extent){
			.vaddr = s.sh_addr,
			.offset = s.sh_offset,
			.size = s.sh_size,
			.compressed = s.sh_flags & SHF_COMPRESSED,
		};
		return 0;
	}
	return -ENOENT;
}

int elf_file_program_header(const struct elf_file *f, uint32_t type, struct elf_extent *out)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (elf_file_pread(f, &eh, sizeof(eh), 0) || eh.e_phentsize != sizeof(ph))
		return -ENOENT;
	for (uint32_t i = 0; i < eh.e_phnum && i < MAX_HEADERS; i++) {
		uint64_t at;

		if (__builtin_add_overflow(eh.e_phoff, (uint64_t)i * sizeof(ph), &at) ||
		    elf_file_pread(f, &ph, sizeof(ph), at))
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
