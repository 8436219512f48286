/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What infbpf reads of ELF files. They belong to other people: every offset and count is checked, a
 * broken file gives an error, never a crash.
 */
#ifndef SYMBOLS_ELF_H
#define SYMBOLS_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_file;

/* Opens for reading; path may be /proc/PID/map_files/... or /proc/PID/root/.... Negative errno;
 * -ENOEXEC: not an ELF file of this machine's class, or broken. */
int elf_file_open(struct elf_file **out, const char *path);
int elf_file_open_fd(struct elf_file **out, int fd); /* takes the descriptor over, also on error */
void elf_file_close(struct elf_file *f);
int elf_file_fd(const struct elf_file *f); /* borrowed */

struct elf_function {
	uint64_t vaddr;
	uint64_t size;
	const char *name; /* lives as long as the file */
};
/* All function symbols (STT_FUNC, STT_GNU_IFUNC) of .symtab, and of .dynsym, that lie in executable
 * segments; sorted by address, of equal addresses the name to show first. A symbol without a size
 * (assembly) reaches to the next one or the end of its section; no size reaches beyond its segment.
 * The array belongs to the file. */
int elf_file_functions(struct elf_file *f, const struct elf_function **out, size_t *n);
/* The function that holds vaddr, NULL: none. */
const struct elf_function *elf_function_find(const struct elf_function *functions, size_t n,
					     uint64_t vaddr);

/* The defined symbols of .dynsym, any type, sorted by address, sizes as in the file. */
int elf_file_dynsyms(struct elf_file *f, const struct elf_function **out, size_t *n);

/* Memory the symbol tables hold, in bytes; drop gives it back (names with it). */
size_t elf_file_table_bytes(const struct elf_file *f);
void elf_file_drop_tables(struct elf_file *f);

/* A dynamic symbol by name (any type). -ENOENT: none. */
int elf_file_dynsym(struct elf_file *f, const char *name, uint64_t *vaddr);

/* What the symbol tables have under a name: code, an import, nothing (0). Cheap where it is nothing:
 * the strings are looked through in pieces, the symbols only if the name is among them. Or a negative
 * errno. read: the bytes that it took are added. */
enum elf_name { ELF_NAME_IMPORTED = 1, ELF_NAME_DEFINED };
int elf_file_name(const struct elf_file *f, const char *name, uint64_t *read);
/* Is this text (n bytes) anywhere among the symbols' names? 1, 0 or a negative errno. */
int elf_file_mentions(const struct elf_file *f, const char *text, size_t n);
/* Calls fn for every symbol of .symtab and .dynsym that is code (an IFUNC is not: that is its
 * resolver); what is in both comes twice. Ends with what fn returns if that is not 0. */
typedef int (*elf_name_fn)(void *arg, const char *name, uint64_t vaddr);
int elf_file_each_function(const struct elf_file *f, elf_name_fn fn, void *arg);

/* Between file offsets and virtual addresses, by PT_LOAD. -ENOENT: in no segment. */
int elf_file_vaddr_to_offset(const struct elf_file *f, uint64_t vaddr, uint64_t *offset);
int elf_file_offset_to_vaddr(const struct elf_file *f, uint64_t offset, uint64_t *vaddr);

/* Up to n bytes of code at vaddr. Returns how many, or a negative errno. */
int elf_file_read(const struct elf_file *f, uint64_t vaddr, void *buf, size_t n);

/* Reads n bytes at a file offset; -ENOEXEC when the file does not have them. */
int elf_file_pread(const struct elf_file *f, void *buf, size_t n, uint64_t offset);

/* A stretch of the file; all of it was there when the file was opened. */
struct elf_extent {
	uint64_t vaddr, offset, size;
	bool compressed; /* begins with an Elf64_Chdr */
};
/* A section by name, the first program header of a type, what a segment holds from vaddr on.
 * -ENOENT: none. */
int elf_file_section(const struct elf_file *f, const char *name, struct elf_extent *out);
int elf_file_program_header(const struct elf_file *f, uint32_t type, struct elf_extent *out);
int elf_file_rest_of_segment(const struct elf_file *f, uint64_t vaddr, struct elf_extent *out);

/* Is there file-backed code at vaddr? What a probe's address has to be. */
bool elf_file_is_code(const struct elf_file *f, uint64_t vaddr);

/* DT_SONAME. -ENOENT: none; -ENAMETOOLONG. */
int elf_file_soname(const struct elf_file *f, char *buf, size_t len);
/* Does a DT_NEEDED begin with this? */
bool elf_file_needs(const struct elf_file *f, const char *prefix);

/* GNU build id as lower-case hex. -ENOENT: none. */
int elf_file_build_id(const struct elf_file *f, char *buf, size_t len);

/* Is there a section of this type in the file? */
bool elf_file_has_section(const struct elf_file *f, uint32_t type);
/* The bytes, malloc'ed, and a NUL behind them. -EFBIG: more than max. */
int elf_file_extent_read(const struct elf_file *f, const struct elf_extent *e, size_t max,
			 void **out);

/* Bytes of .debug_info and of all debug sections, unpacked, as the file says. -ENOENT: no
 * .debug_info; -ENOEXEC: what it says cannot be. */
int elf_file_debug_bytes(const struct elf_file *f, uint64_t *info, uint64_t *all);

/* Do both have their code at the same addresses? A separate debug file has, unless only one of the
 * two was prelinked. */
bool elf_file_same_code(const struct elf_file *a, const struct elf_file *b);

#endif /* SYMBOLS_ELF_H */
