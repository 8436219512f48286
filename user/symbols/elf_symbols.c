// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ELF symbol tables, made into sorted arrays.
 *
 * The tables are read piece by piece and only what is asked for is kept: whole sections would be
 * several times the memory for a library of PyTorch's size.
 */
#define _GNU_SOURCE
#include "elf_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What is larger is not believed: memory and time for a broken or hostile file stay bounded. */
#define MAX_SYMBOLS	  (4u * 1024 * 1024)
#define MAX_STRINGS	  (256u * 1024 * 1024)
#define MAX_CODE_SECTIONS 128
#define SYMBOLS_AT_ONCE	  2048

struct range {
	uint64_t start, end;
};

/* What is gathered from a file: which symbols, and where code sections end. */
struct gather {
	const struct elf_file *f;
	struct elf_table *table;
	bool functions_only;
	struct range *code; /* executable sections */
	size_t code_n;
};

void elf_table_free(struct elf_table *t)
{
	free(t->functions);
	free(t->strings[0]);
	free(t->strings[1]);
	memset(t, 0, sizeof(*t));
}

static bool is_function(const struct gather *g, const Elf64_Sym *sym)
{
	unsigned int type = ELF64_ST_TYPE(sym->st_info);
	const struct elf_segment *s;

	if (type != STT_FUNC && type != STT_GNU_IFUNC)
		return false;
	s = elf_file_segment(g->f, sym->st_value);
	return s && s->exec;
}

static bool is_dynamic(const Elf64_Sym *sym)
{
	unsigned int type = ELF64_ST_TYPE(sym->st_info);

	return type != STT_SECTION && type != STT_FILE && type != STT_TLS;
}

static int add_symbol(struct gather *g, const Elf64_Sym *sym, const char *strings, size_t strings_n)
{
	struct elf_table *t = g->table;
	const char *name;

	if (sym->st_shndx == SHN_UNDEF || !sym->st_value || sym->st_name >= strings_n ||
	    !(g->functions_only ? is_function(g, sym) : is_dynamic(sym)))
		return 0;
	name = strings + sym->st_name;
	if (!*name)
		return 0;
	if (t->n == t->room) {
		size_t more = t->room ? t->room * 2 : 256;
		struct elf_function *grown = reallocarray(t->functions, more, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		t->functions = grown;
		t->room = more;
	}
	t->functions[t->n++] = (struct elf_function){ sym->st_value, sym->st_size, name };
	return 0;
}

/* Reads a string table whole; one NUL more than it has, so that every string in it ends. */
static int read_strings(const struct elf_file *f, const Elf64_Shdr *sh, char **out)
{
	char *strings;
	int err;

	if (sh->sh_type != SHT_STRTAB || sh->sh_size > MAX_STRINGS || sh->sh_size > f->size)
		return -ENOEXEC;
	strings = malloc(sh->sh_size + 1);
	if (!strings)
		return -ENOMEM;
	err = elf_file_pread(f, strings, sh->sh_size, sh->sh_offset);
	if (err) {
		free(strings);
		return err;
	}
	strings[sh->sh_size] = '\0';
	*out = strings;
	return 0;
}

/* Reads the symbols of one section. slot: which of the table's strings. */
static int read_symbols(struct gather *g, const struct elf_sections *sections, const Elf64_Shdr *sh,
			int slot)
{
	Elf64_Sym syms[SYMBOLS_AT_ONCE];
	uint64_t left = sh->sh_size / sizeof(*syms), offset = sh->sh_offset;
	const Elf64_Shdr *strings;
	int err;

	if (sh->sh_entsize != sizeof(*syms) || left > MAX_SYMBOLS || sh->sh_link >= sections->n)
		return -ENOEXEC;
	strings = &sections->headers[sh->sh_link];
	err = read_strings(g->f, strings, &g->table->strings[slot]);
	if (err)
		return err;
	g->table->bytes += strings->sh_size + 1;

	while (left) {
		size_t n = left < SYMBOLS_AT_ONCE ? left : SYMBOLS_AT_ONCE;

		err = elf_file_pread(g->f, syms, n * sizeof(*syms), offset);
		for (size_t i = 0; i < n && !err; i++)
			err = add_symbol(g, &syms[i], g->table->strings[slot], strings->sh_size);
		if (err)
			return err;
		left -= n;
		offset += n * sizeof(*syms);
	}
	return 0;
}

static int add_code_section(struct gather *g, const Elf64_Shdr *sh)
{
	struct range *grown;
	uint64_t end;

	if (g->code_n == MAX_CODE_SECTIONS || !(sh->sh_flags & SHF_EXECINSTR) ||
	    !(sh->sh_flags & SHF_ALLOC) || __builtin_add_overflow(sh->sh_addr, sh->sh_size, &end))
		return 0;
	grown = reallocarray(g->code, g->code_n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	g->code = grown;
	g->code[g->code_n++] = (struct range){ sh->sh_addr, end };
	return 0;
}

/* Walks the sections. A broken .symtab does not cost the .dynsym. */
static int gather_symbols(struct gather *g, const struct elf_sections *sections)
{
	bool seen[2] = { !g->functions_only, false }; /* .symtab, .dynsym */
	int err = 0;

	for (size_t i = 1; i < sections->n; i++) {
		const Elf64_Shdr *sh = &sections->headers[i];
		int slot, ret = add_code_section(g, sh);

		if (ret)
			return ret;
		if (sh->sh_type != SHT_SYMTAB && sh->sh_type != SHT_DYNSYM)
			continue;
		slot = sh->sh_type == SHT_DYNSYM;
		if (seen[slot])
			continue;
		seen[slot] = true;
		ret = read_symbols(g, sections, sh, slot);
		if (ret == -ENOMEM)
			return ret;
		if (ret)
			err = ret;
	}
	return g->table->n ? 0 : err;
}

/* Compares at most this much of names: a broken string table may hold one of 256 MiB. */
#define NAME_COMPARED 256

static unsigned int underscores(const char *name)
{
	unsigned int n = 0;

	while (n < 4 && name[n] == '_')
		n++;
	return n;
}

/* By address; of equal ones the name to show comes first: the larger before a label inside it,
 * public spelling before internal ("malloc" before "__libc_malloc"). */
static int by_address(const void *a, const void *b)
{
	const struct elf_function *x = a, *y = b;

	if (x->vaddr != y->vaddr)
		return x->vaddr < y->vaddr ? -1 : 1;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	if (underscores(x->name) != underscores(y->name))
		return underscores(x->name) < underscores(y->name) ? -1 : 1;
	return strncmp(x->name, y->name, NAME_COMPARED);
}

/* .dynsym repeats what .symtab has. */
static void drop_repeats(struct elf_table *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (kept && t->functions[kept - 1].vaddr == t->functions[i].vaddr &&
		    t->functions[kept - 1].size == t->functions[i].size &&
		    !strncmp(t->functions[kept - 1].name, t->functions[i].name, NAME_COMPARED))
			continue;
		t->functions[kept++] = t->functions[i];
	}
	t->n = kept;
}

/* Where the code that vaddr lies in ends: its section, or without sections its segment. */
static uint64_t code_end(const struct gather *g, uint64_t vaddr)
{
	const struct elf_segment *s = elf_file_segment(g->f, vaddr);
	uint64_t end = s->vaddr + s->memsz;

	for (size_t i = 0; i < g->code_n; i++)
		if (vaddr >= g->code[i].start && vaddr < g->code[i].end && g->code[i].end < end)
			return g->code[i].end;
	return end;
}

static void settle_sizes(const struct gather *g)
{
	struct elf_function *fn = g->table->functions;
	uint64_t next = UINT64_MAX, above = UINT64_MAX;

	for (size_t i = g->table->n; i-- > 0;) {
		uint64_t end = code_end(g, fn[i].vaddr);

		/* next: the nearest start above this address, across symbols that share it. */
		if (above != fn[i].vaddr) {
			next = above;
			above = fn[i].vaddr;
		}
		if (!fn[i].size)
			fn[i].size = (next < end ? next : end) - fn[i].vaddr;
		else if (fn[i].size > end - fn[i].vaddr)
			fn[i].size = end - fn[i].vaddr;
	}
}

static int load(struct elf_file *f, struct elf_table *t, bool functions_only)
{
	struct gather g = { .f = f, .table = t, .functions_only = functions_only };
	struct elf_sections sections;
	int err;

	if (t->loaded)
		return 0;
	err = elf_sections_read(f, &sections);
	if (err)
		return err;
	err = gather_symbols(&g, &sections);
	elf_sections_free(&sections);
	if (err) {
		elf_table_free(t);
		goto out;
	}
	if (t->n) {
		struct elf_function *fit;

		qsort(t->functions, t->n, sizeof(*t->functions), by_address);
		drop_repeats(t);
		if (functions_only)
			settle_sizes(&g);
		fit = reallocarray(t->functions, t->n, sizeof(*fit));
		if (fit) {
			t->functions = fit;
			t->room = t->n;
		}
	}
	t->bytes += t->room * sizeof(*t->functions);
	t->loaded = true;
out:
	free(g.code);
	return err;
}

int elf_file_functions(struct elf_file *f, const struct elf_function **out, size_t *n)
{
	int err = load(f, &f->functions, true);

	*out = f->functions.functions;
	*n = f->functions.n;
	return err;
}

int elf_file_dynsyms(struct elf_file *f, const struct elf_function **out, size_t *n)
{
	int err = load(f, &f->dynamic, false);

	*out = f->dynamic.functions;
	*n = f->dynamic.n;
	return err;
}

int elf_file_dynsym(struct elf_file *f, const char *name, uint64_t *vaddr)
{
	const struct elf_function *syms;
	size_t n;
	int err = elf_file_dynsyms(f, &syms, &n);

	for (size_t i = 0; i < n; i++) {
		if (!strcmp(syms[i].name, name)) {
			*vaddr = syms[i].vaddr;
			return 0;
		}
	}
	return err ? err : -ENOENT;
}

size_t elf_file_table_bytes(const struct elf_file *f)
{
	return f->functions.bytes + f->dynamic.bytes;
}

void elf_file_drop_tables(struct elf_file *f)
{
	elf_table_free(&f->functions);
	elf_table_free(&f->dynamic);
}

/* The first of the entries with this address or a higher one. */
static size_t lower_bound(const struct elf_function *functions, size_t n, uint64_t vaddr)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (functions[mid].vaddr < vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct elf_function *elf_function_find(const struct elf_function *functions, size_t n,
					     uint64_t vaddr)
{
	size_t at = vaddr == UINT64_MAX ? n : lower_bound(functions, n, vaddr + 1);

	/* The nearest start below need not be it: a function may hold shorter symbols. But no real
	 * one holds many. */
	for (int tries = 0; tries < 16 && at > 0; tries++) {
		at = lower_bound(functions, at, functions[at - 1].vaddr);
		if (vaddr - functions[at].vaddr < functions[at].size)
			return &functions[at];
	}
	return NULL;
}
