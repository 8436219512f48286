// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Questions to symbol tables that keep nothing: does the file define this name, which functions are
 * there. For files that nobody will ask a second time, such as all that a process maps.
 */
#define _GNU_SOURCE
#include "elf_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What is larger is not believed, as in elf_symbols.c. */
#define MAX_SYMBOLS	(4u * 1024 * 1024)
#define MAX_STRINGS	(256u * 1024 * 1024)
#define STRINGS_AT_ONCE (256u * 1024)
#define SYMBOLS_AT_ONCE 2048
/* A string stands in a table once or twice, for longer ones may end in it. */
#define MAX_PLACES 64
#define MAX_NAME   256

/* A symbol table and its strings, both within the file. */
struct table {
	const struct elf_file *f;
	const struct elf_sections *sections;
	uint64_t offset, symbols_n;
	uint64_t strings, strings_n;
};

static bool in_file(const struct elf_file *f, const Elf64_Shdr *sh)
{
	return sh->sh_offset <= f->size && sh->sh_size <= f->size - sh->sh_offset;
}

static int table_open(struct table *t, const struct elf_file *f,
		      const struct elf_sections *sections, const Elf64_Shdr *sh)
{
	const Elf64_Shdr *strings;

	if (sh->sh_entsize != sizeof(Elf64_Sym) || sh->sh_link >= sections->n || !in_file(f, sh) ||
	    sh->sh_size / sizeof(Elf64_Sym) > MAX_SYMBOLS)
		return -ENOEXEC;
	strings = &sections->headers[sh->sh_link];
	if (strings->sh_type != SHT_STRTAB || !in_file(f, strings) ||
	    strings->sh_size > MAX_STRINGS)
		return -ENOEXEC;
	*t = (struct table){
		.f = f,
		.sections = sections,
		.offset = sh->sh_offset,
		.symbols_n = sh->sh_size / sizeof(Elf64_Sym),
		.strings = strings->sh_offset,
		.strings_n = strings->sh_size,
	};
	return 0;
}

typedef int (*table_fn)(const struct table *t, void *arg);

/* Calls fn for .symtab and for .dynsym until it returns other than 0, which is returned. A broken
 * table does not cost the other: its error is returned when nothing else is to say. */
static int each_table(const struct elf_file *f, table_fn fn, void *arg)
{
	struct elf_sections sections;
	bool seen[2] = { false, false };
	int err = elf_sections_read(f, &sections), broken = 0;

	if (err)
		return err;
	for (size_t i = 1; i < sections.n && !err; i++) {
		const Elf64_Shdr *sh = &sections.headers[i];
		bool dynamic = sh->sh_type == SHT_DYNSYM;
		struct table t;

		if ((sh->sh_type != SHT_SYMTAB && !dynamic) || seen[dynamic])
			continue;
		seen[dynamic] = true;
		err = table_open(&t, f, &sections, sh);
		if (!err)
			err = fn(&t, arg);
		if (err < 0 && err != -ENOMEM) {
			broken = err;
			err = 0;
		}
	}
	elf_sections_free(&sections);
	return err ? err : broken;
}

/* Is it code that somebody can call by this name? A resolver's (IFUNC) is not the function's. */
static bool is_code(const struct table *t, const Elf64_Sym *sym)
{
	unsigned int type = ELF64_ST_TYPE(sym->st_info);
	const Elf64_Shdr *sh;

	/* STT_NOTYPE: assembly that does not say. An import may have a value too, its PLT entry's. */
	if ((type != STT_FUNC && type != STT_NOTYPE) || sym->st_shndx == SHN_UNDEF ||
	    sym->st_shndx >= t->sections->n)
		return false;
	sh = &t->sections->headers[sym->st_shndx];
	return sh->sh_flags & SHF_EXECINSTR && sym->st_value - sh->sh_addr < sh->sh_size &&
	       sym->st_value >= sh->sh_addr && elf_file_is_code(t->f, sym->st_value);
}

typedef int (*symbol_fn)(const struct table *t, const Elf64_Sym *sym, void *arg);

static int each_symbol(const struct table *t, symbol_fn fn, void *arg)
{
	Elf64_Sym syms[SYMBOLS_AT_ONCE];
	int ret = 0;

	for (uint64_t at = 0; at < t->symbols_n && !ret; at += SYMBOLS_AT_ONCE) {
		uint64_t left = t->symbols_n - at,
			 n = left < SYMBOLS_AT_ONCE ? left : SYMBOLS_AT_ONCE;

		ret = elf_file_pread(t->f, syms, n * sizeof(*syms), t->offset + at * sizeof(*syms));
		for (size_t i = 0; i < n && !ret; i++)
			ret = fn(t, &syms[i], arg);
	}
	return ret;
}

/* --- does the file define a name? --- */

struct search {
	const char *name;
	size_t length; /* with the NUL, if it is a whole one */
	bool imported;
	char *buf; /* STRINGS_AT_ONCE */
	uint64_t read;
	uint64_t places[MAX_PLACES]; /* in the strings */
	size_t places_n;
};

/* Where the name stands in the table's strings. */
static int find_places(const struct table *t, struct search *s)
{
	const size_t overlap = s->length - 1;

	s->places_n = 0;
	for (uint64_t at = 0; at < t->strings_n; at += STRINGS_AT_ONCE - overlap) {
		uint64_t left = t->strings_n - at,
			 n = left < STRINGS_AT_ONCE ? left : STRINGS_AT_ONCE;
		const char *from = s->buf, *end = s->buf + n, *hit;
		int err = elf_file_pread(t->f, s->buf, n, t->strings + at);

		if (err)
			return err;
		s->read += n;
		while (s->places_n < MAX_PLACES &&
		       (hit = memmem(from, end - from, s->name, s->length))) {
			s->places[s->places_n++] = at + (hit - s->buf);
			from = hit + s->length;
		}
	}
	return 0;
}

static int is_searched(const struct table *t, const Elf64_Sym *sym, void *arg)
{
	struct search *s = arg;

	for (size_t i = 0; i < s->places_n; i++) {
		if (sym->st_name != s->places[i])
			continue;
		s->imported |= sym->st_shndx == SHN_UNDEF;
		return is_code(t, sym) ? ELF_NAME_DEFINED : 0;
	}
	return 0;
}

static int search_table(const struct table *t, void *arg)
{
	struct search *s = arg;
	int err = find_places(t, s);

	if (err || !s->places_n)
		return err;
	s->read += t->symbols_n * sizeof(Elf64_Sym);
	return each_symbol(t, is_searched, s);
}

int elf_file_name(const struct elf_file *f, const char *name, uint64_t *read)
{
	struct search s = { .name = name, .length = strlen(name) + 1 };
	int ret;

	if (s.length == 1 || s.length > MAX_NAME)
		return -EINVAL;
	s.buf = malloc(STRINGS_AT_ONCE);
	if (!s.buf)
		return -ENOMEM;
	ret = each_table(f, search_table, &s);
	free(s.buf);
	*read += s.read;
	return ret == 0 && s.imported ? ELF_NAME_IMPORTED : ret;
}

static int mention_table(const struct table *t, void *arg)
{
	struct search *s = arg;
	int err = find_places(t, s);

	return err ? err : s->places_n > 0;
}

int elf_file_mentions(const struct elf_file *f, const char *text, size_t n)
{
	struct search s = { .name = text, .length = n };
	int ret;

	if (!n || n > MAX_NAME)
		return -EINVAL;
	s.buf = malloc(STRINGS_AT_ONCE);
	if (!s.buf)
		return -ENOMEM;
	ret = each_table(f, mention_table, &s);
	free(s.buf);
	return ret;
}

/* --- all names --- */

struct names {
	elf_name_fn fn;
	void *arg;
	char *strings;
};

static int tell_name(const struct table *t, const Elf64_Sym *sym, void *arg)
{
	const struct names *n = arg;

	if (sym->st_name >= t->strings_n || !is_code(t, sym))
		return 0;
	return n->fn(n->arg, n->strings + sym->st_name, sym->st_value);
}

static int tell_names(const struct table *t, void *arg)
{
	struct names *n = arg;
	int err;

	/* One NUL more than it has, so that every string in it ends. */
	n->strings = malloc(t->strings_n + 1);
	if (!n->strings)
		return -ENOMEM;
	n->strings[t->strings_n] = '\0';
	err = elf_file_pread(t->f, n->strings, t->strings_n, t->strings);
	if (!err)
		err = each_symbol(t, tell_name, n);
	free(n->strings);
	return err;
}

int elf_file_each_function(const struct elf_file *f, elf_name_fn fn, void *arg)
{
	return each_table(f, tell_names, &(struct names){ .fn = fn, .arg = arg });
}
