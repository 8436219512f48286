/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What elf.c, elf_section.c and elf_symbols.c share. */
#ifndef SYMBOLS_ELF_PRIVATE_H
#define SYMBOLS_ELF_PRIVATE_H

#include <elf.h>
#include "elf.h"

/* A PT_LOAD segment. vaddr + memsz and offset + filesz do not overflow, filesz <= memsz. */
struct elf_segment {
	uint64_t vaddr, offset, filesz, memsz;
	bool exec;
};

/* A symbol table: functions[] by address, their names in strings[]. */
struct elf_table {
	bool loaded;
	struct elf_function *functions;
	size_t n, room;
	char *strings[2]; /* of .symtab and of .dynsym */
	size_t bytes;	  /* memory held */
};

struct elf_file {
	int fd;
	uint64_t size;	   /* of the file, when it was opened */
	Elf64_Ehdr header; /* as it was then */
	struct elf_segment *segments;
	size_t segments_n;
	struct elf_table functions, dynamic;
};

/* The section headers, as they are now; none is no error. */
struct elf_sections {
	Elf64_Shdr *headers;
	size_t n;
	char *names;
	size_t names_n;
};
int elf_sections_read(const struct elf_file *f, struct elf_sections *s);
void elf_sections_free(struct elf_sections *s);
const struct elf_segment *elf_file_segment(const struct elf_file *f, uint64_t vaddr);
void elf_table_free(struct elf_table *t);

#endif /* SYMBOLS_ELF_PRIVATE_H */
