// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Debug information, by libdw. Runs in a process of its own: the file is a stranger's, and libdw is
 * not made for such: it follows the file's paths to other files, believes its sizes, and recurses.
 *
 * All addresses go through a unit in one pass, down its tree of scopes; asking libdw for the scopes
 * of each address would walk the unit as often as it has addresses.
 */
#define _GNU_SOURCE
#include "lines.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../array.h"

#define DEPTH_MAX 64 /* of scopes; real ones have some ten */

/* The functions around an address: outermost first, the first is not inlined. */
struct chain {
	Dwarf_Off scopes[SYMBOLS_INLINED_MAX]; /* of DIEs */
	uint8_t n;
	uint8_t too_deep; /* inner ones left out */
};

struct reader {
	Dwarf *dwarf;
	const uint64_t *addresses;
	size_t n;
	struct chain *chains; /* of each address, in the unit at hand */
	bool *done;
	int out;
	char buf[65536];
	size_t used;
};

static void flush(struct reader *r)
{
	size_t at = 0;

	while (at < r->used) {
		ssize_t n = write(r->out, r->buf + at, r->used - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(1); /* nobody listens */
		at += n;
	}
	r->used = 0;
}

static void send(struct reader *r, const void *data, size_t n)
{
	if (n > sizeof(r->buf) - r->used)
		flush(r);
	memcpy(r->buf + r->used, data, n);
	r->used += n;
}

static void send_frame(struct reader *r, const char *function, const char *file, int line)
{
	struct lines_frame f = {
		.line = line > 0 ? (uint32_t)line : 0,
		.function = (uint16_t)(function ? strnlen(function, LINES_TEXT_MAX) : 0),
		.file = (uint16_t)(file ? strnlen(file, LINES_TEXT_MAX) : 0),
	};

	send(r, &f, sizeof(f));
	send(r, function ? function : "", f.function);
	send(r, file ? file : "", f.file);
}

static void add_scope(struct chain *c, Dwarf_Die *die, bool inlined)
{
	/* A function inside a function (nested, or garbage) begins anew. */
	if (!inlined)
		*c = (struct chain){ 0 };
	if (c->n == SYMBOLS_INLINED_MAX) {
		c->too_deep = 1;
		return;
	}
	c->scopes[c->n++] = dwarf_dieoffset(die);
}

/* Notes the scope at each address that it covers; false: it covers none. */
static bool note_scope(struct reader *r, Dwarf_Die *die, int tag)
{
	bool function = tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine, any = false;
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(die, at, &base, &start, &end)) > 0) {
		for (size_t i = array_lower_bound(r->addresses, r->n, start);
		     i < r->n && r->addresses[i] < end; i++) {
			if (function)
				add_scope(&r->chains[i], die, tag == DW_TAG_inlined_subroutine);
			any = true;
		}
	}
	return any;
}

static void walk_scopes(struct reader *r, Dwarf_Die *parent, int depth)
{
	Dwarf_Die die;

	if (depth == DEPTH_MAX || dwarf_child(parent, &die))
		return;
	do {
		int tag = dwarf_tag(&die);

		switch (tag) {
		case DW_TAG_subprogram:
		case DW_TAG_inlined_subroutine:
		case DW_TAG_lexical_block:
		case DW_TAG_try_block:
		case DW_TAG_catch_block:
			if (note_scope(r, &die, tag))
				walk_scopes(r, &die, depth + 1);
			break;
		case DW_TAG_namespace:
		case DW_TAG_module:
		case DW_TAG_structure_type:
		case DW_TAG_class_type:
		case DW_TAG_union_type:
			/* clang and rustc put functions inside. */
			walk_scopes(r, &die, depth + 1);
			break;
		}
	} while (!dwarf_siblingof(&die, &die));
}

/* libdw says "???" where the file's table has no name. */
static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return !path || !strcmp(path, "???") ? NULL : slash ? slash + 1 : path;
}

static const char *function_name(Dwarf_Die *die)
{
	static const unsigned int names[] = { DW_AT_linkage_name, DW_AT_MIPS_linkage_name,
					      DW_AT_name };
	Dwarf_Attribute attr;
	const char *name = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !name; i++)
		if (dwarf_attr_integrate(die, names[i], &attr))
			name = dwarf_formstring(&attr);
	return name;
}

/* Where a function was inlined. */
static const char *call_file(Dwarf_Die *inlined, Dwarf_Files *files)
{
	Dwarf_Attribute attr;
	Dwarf_Word number;

	/* Number 0 is a file in DWARF 5, and none before. */
	if (!files || !dwarf_attr(inlined, DW_AT_call_file, &attr) ||
	    dwarf_formudata(&attr, &number))
		return NULL;
	return base_name(dwarf_filesrc(files, number, NULL, NULL));
}

static int call_line(Dwarf_Die *inlined)
{
	Dwarf_Attribute attr;
	Dwarf_Word line;

	if (!dwarf_attr(inlined, DW_AT_call_line, &attr) || dwarf_formudata(&attr, &line))
		return 0;
	return line <= INT32_MAX ? (int)line : 0;
}

/* Frame i's line is where frame i + 1 was inlined; the innermost's is the address's own. */
static void send_chain(struct reader *r, size_t address, Dwarf_Die *unit, void *files)
{
	struct chain *c = &r->chains[address];
	struct lines_record record = { (uint32_t)address, c->n ? c->n : 1 };
	Dwarf_Line *row = c->too_deep ? NULL : dwarf_getsrc_die(unit, r->addresses[address]);
	const char *row_file = row ? base_name(dwarf_linesrc(row, NULL, NULL)) : NULL;
	int row_line = 0;
	Dwarf_Die die, inner;

	if (row && dwarf_lineno(row, &row_line))
		row_line = 0;
	if (!c->n && !row_file)
		return;
	r->done[address] = true;
	send(r, &record, sizeof(record));
	if (!c->n)
		send_frame(r, NULL, row_file, row_line);
	for (size_t i = 0; i < c->n; i++) {
		const char *name =
			dwarf_offdie(r->dwarf, c->scopes[i], &die) ? function_name(&die) : NULL;

		if (i + 1 == c->n)
			send_frame(r, name, row_file, row_line);
		else if (dwarf_offdie(r->dwarf, c->scopes[i + 1], &inner))
			send_frame(r, name, call_file(&inner, files), call_line(&inner));
		else
			send_frame(r, name, NULL, 0);
	}
}

/* Calls fn for each address in the unit's ranges that no unit before it had. */
static void each_address(struct reader *r, Dwarf_Die *unit,
			 void (*fn)(struct reader *r, size_t i, Dwarf_Die *unit, void *arg),
			 void *arg)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(unit, at, &base, &start, &end)) > 0)
		for (size_t i = array_lower_bound(r->addresses, r->n, start);
		     i < r->n && r->addresses[i] < end; i++)
			if (!r->done[i])
				fn(r, i, unit, arg);
}

static void clear_chain(struct reader *r, size_t i, Dwarf_Die *unit, void *any)
{
	(void)unit;
	r->chains[i] = (struct chain){ 0 };
	*(bool *)any = true;
}

static void read_unit(struct reader *r, Dwarf_Die *unit)
{
	Dwarf_Files *files = NULL;
	bool any = false;
	size_t files_n;

	each_address(r, unit, clear_chain, &any);
	if (!any)
		return;
	walk_scopes(r, unit, 0);
	if (dwarf_getsrcfiles(unit, &files, &files_n))
		files = NULL;
	each_address(r, unit, send_chain, files);
}

/* Is alt the file that the link in dwarf means? */
static bool is_alt(Dwarf *dwarf, Elf *alt)
{
	const char *name;
	const void *want, *have;
	ssize_t want_n = dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &want);
	ssize_t have_n = alt ? dwelf_elf_gnu_build_id(alt, &have) : -1;

	return want_n > 0 && want_n == have_n && !memcmp(want, have, want_n);
}

void lines_read_dwarf(int fd, int alt, const uint64_t *addresses, size_t n, int out)
{
	struct reader *r = calloc(1, sizeof(*r));
	struct chain *chains = calloc(n + 1, sizeof(*chains));
	bool *done = calloc(n + 1, sizeof(*done));
	Elf *elf, *alt_elf = NULL;
	Dwarf *alt_dwarf = NULL;
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit;

	elf_version(EV_CURRENT);
	/* Mapped: what is not looked at need not be read. A file that is cut short meanwhile costs this
	 * process its life, and nothing else. */
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!r || !chains || !done || !elf)
		goto out;
	r->dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	if (!r->dwarf)
		goto out;
	if (alt >= 0)
		alt_elf = elf_begin(alt, ELF_C_READ_MMAP, NULL);
	if (is_alt(r->dwarf, alt_elf))
		alt_dwarf = dwarf_begin_elf(alt_elf, DWARF_C_READ, NULL);
	if (alt_dwarf)
		dwarf_setalt(r->dwarf, alt_dwarf);
	r->addresses = addresses;
	r->n = n;
	r->chains = chains;
	r->done = done;
	r->out = out;
	while (!dwarf_get_units(r->dwarf, cu, &cu, NULL, NULL, &unit, NULL))
		read_unit(r, &unit);
	flush(r);
out:
	if (r && r->dwarf)
		dwarf_end(r->dwarf);
	if (alt_dwarf)
		dwarf_end(alt_dwarf);
	elf_end(alt_elf);
	elf_end(elf);
	free(chains);
	free(done);
	free(r);
}
