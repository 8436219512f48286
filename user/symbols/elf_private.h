/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What elf.c and elf_symbols.c share. */
#ifndef SYMBOLS_ELF_PRIVATE_H
#define SYMBOLS_ELF_PRIVATE_H

#include <libelf.h>
#include <link.h>
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
	uint64_t size; /* of the file, when it was opened */
	struct elf_segment *segments;
	size_t segments_n;
	struct elf_table functions, dynamic;
};

/* libelf's handle on the file, for the time of one question. NULL: broken. */
Elf *elf_file_begin(const struct elf_file *f);
const struct elf_segment *elf_file_segment(const struct elf_file *f, uint64_t vaddr);
void elf_table_free(struct elf_table *t);

#endif /* SYMBOLS_ELF_PRIVATE_H */
