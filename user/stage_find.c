// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "stage_find.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "array.h"
#include "stage_match.h"

/* Decoded in one file: some seconds. Files are other people's. */
#define MAX_INSTRUCTIONS (4u << 20)

/* A symbol that an option means. */
struct hit {
	uint32_t option;
	uint32_t function; /* index in the file's */
	uint8_t match;	   /* enum stage_match */
};

struct find {
	struct elf_file *elf;
	const struct elf_function *functions;
	size_t functions_n;
	const struct stage_options *options;
	struct stage_finding *findings;
	struct hit *hits;
	size_t hits_n, hits_room;
	struct stage_functions *out;
	uint64_t instructions;
};

/* --- which functions --- */

static int add_hit(struct find *f, uint32_t option, size_t function, enum stage_match match)
{
	if (array_grow(&f->hits, &f->hits_room, f->hits_n + 1, sizeof(*f->hits)))
		return -ENOMEM;
	f->hits[f->hits_n++] = (struct hit){ option, (uint32_t)function, (uint8_t)match };
	return 0;
}

/* An option's hits, from `from` on: a symbol of that very name is better than what it may stand for, and of
 * several names of one function the first is the one to show. */
static void choose_hits(struct find *f, size_t from, bool exact_first)
{
	uint8_t least = STAGE_MATCH_PLAIN;
	size_t kept = from;

	for (size_t i = from; i < f->hits_n && exact_first; i++)
		if (f->hits[i].match == STAGE_MATCH_EXACT)
			least = STAGE_MATCH_EXACT;
	for (size_t i = from; i < f->hits_n; i++) {
		const struct hit *h = &f->hits[i];

		if (h->match < least ||
		    (kept > from && f->functions[f->hits[kept - 1].function].vaddr ==
					    f->functions[h->function].vaddr))
			continue;
		f->hits[kept++] = *h;
	}
	f->hits_n = kept;
}

static int find_hits(struct find *f, uint32_t option, size_t limit)
{
	const struct stage_option *o = &f->options->options[option];
	struct stage_finding *finding = &f->findings[option];
	const size_t from = f->hits_n;
	struct stage_pattern pattern;
	enum stage_match match;
	int err = 0;

	stage_pattern_make(&pattern, o);
	for (size_t i = 0; i < f->functions_n && !err; i++) {
		match = stage_pattern_match(&pattern, f->functions[i].name);
		if (match != STAGE_NO_MATCH)
			err = add_hit(f, option, i, match);
	}
	choose_hits(f, from, !o->function_glob);
	if (f->hits_n - from > limit) {
		finding->too_many = f->hits_n - from;
		f->hits_n = from;
	}
	return err;
}

/* --- where they are probed --- */

static void refuse(struct find *f, const struct hit *h, const char *why)
{
	struct stage_finding *finding = &f->findings[h->option];

	if (!finding->refused++)
		snprintf(finding->why, sizeof(finding->why), "%.60s: %.90s",
			 f->functions[h->function].name, why);
}

static int add_sites(struct find *f, const struct hit *h, const struct stage_code *code)
{
	struct stage_functions *out = f->out;
	struct stage_function fn = { .option = h->option,
				     .vaddr = f->functions[h->function].vaddr,
				     .site = out->sites_n };
	int err = stage_match_name(&f->options->options[h->option], f->functions[h->function].name,
				   fn.name);

	if (!err)
		err = array_grow(&out->sites, &out->sites_room, out->sites_n + code->n,
				 sizeof(*out->sites));
	if (!err)
		err = array_grow(&out->functions, &out->room, out->n + 1, sizeof(*out->functions));
	if (err)
		return err;
	for (size_t i = 0; i < code->n; i++) {
		struct stage_function_site *site = &out->sites[out->sites_n + i];

		site->code = code->sites[i];
		/* The kernel takes a wrong offset without complaint: it has to lie in code. */
		if (!elf_file_is_code(f->elf, site->code.vaddr) ||
		    elf_file_vaddr_to_offset(f->elf, site->code.vaddr, &site->offset)) {
			refuse(f, h, "its code is not in the file");
			return 0;
		}
	}
	fn.sites_n = code->n;
	out->sites_n += code->n;
	out->functions[out->n++] = fn;
	f->findings[h->option].found++;
	return 0;
}

/* Two stages of one call cannot be told apart by the stack pointer: a function is the first option's. True:
 * it is one already. */
static bool is_taken(struct find *f, const struct hit *h)
{
	const uint64_t vaddr = f->functions[h->function].vaddr;

	for (size_t i = 0; i < f->out->n; i++) {
		const struct stage_function *fn = &f->out->functions[i];

		if (fn->vaddr != vaddr || fn->option == h->option)
			continue;
		if (strcmp(f->options->options[fn->option].name,
			   f->options->options[h->option].name) != 0)
			refuse(f, h, "is a stage by another option already");
		else
			f->findings[h->option].found++;
		return true;
	}
	return false;
}

static int make_function(struct find *f, const struct hit *h)
{
	struct stage_code code;
	int err;

	if (is_taken(f, h))
		return 0;
	if (f->instructions > MAX_INSTRUCTIONS) {
		refuse(f, h, "more code in one file than is decoded");
		return 0;
	}
	err = stage_code_find(f->elf, f->functions, f->functions_n, &f->functions[h->function],
			      &code);
	f->instructions += code.instructions;
	if (!err)
		err = add_sites(f, h, &code);
	else if (err != -ENOMEM)
		refuse(f, h, code.why);
	stage_code_free(&code);
	return err == -ENOMEM ? err : 0;
}

/* May a function that the option means be in the file? Symbol tables are not read for nothing. */
static bool may_have(const struct elf_file *elf, const struct stage_option *o)
{
	struct stage_pattern p;
	int longest = 0;

	stage_pattern_make(&p, o);
	for (int i = 1; i < p.words_n; i++)
		if (p.words[i].n > p.words[longest].n)
			longest = i;
	return !p.words_n || elf_file_mentions(elf, p.words[longest].at, p.words[longest].n) != 0;
}

int stage_find(int fd, const struct stage_options *o, const uint8_t *wanted, size_t limit,
	       struct stage_functions *out, struct stage_finding *findings)
{
	struct find f = { .options = o, .findings = findings, .out = out };
	int err = elf_file_open_fd(&f.elf, fd);

	if (err)
		return err;
	for (uint32_t i = 0; i < o->n && !err; i++) {
		if (!wanted[i])
			continue;
		findings[i].files++;
		if (!may_have(f.elf, &o->options[i]))
			continue;
		/* Once for all. */
		err = elf_file_functions(f.elf, &f.functions, &f.functions_n);
		if (!err)
			err = find_hits(&f, i, limit);
	}
	for (size_t i = 0; i < f.hits_n && !err; i++)
		err = make_function(&f, &f.hits[i]);
	free(f.hits);
	elf_file_close(f.elf);
	return err;
}

void stage_functions_free(struct stage_functions *s)
{
	free(s->functions);
	free(s->sites);
	memset(s, 0, sizeof(*s));
}
