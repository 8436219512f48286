// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Kernel symbols, from /proc/kallsyms: functions of the kernel, of modules and of BPF programs. */
#define _GNU_SOURCE
#include "private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* kallsyms has no sizes. An address farther than this past a symbol is not in it: no function is
 * that long, but the gap between the kernel and its modules is longer. */
#define FUNCTION_MAX (256 * 1024)

/* Endings of clones and parts of functions. whole: the clone stands for the function (its arguments
 * changed), so a probe can go there. */
static const struct {
	const char *mark;
	bool whole;
} endings[] = {
	{ ".isra.", true },	{ ".constprop.", true }, { ".llvm.", true },
	{ ".lto_priv.", true }, { ".part.", false },	 { ".cold", false },
};

size_t symbols_base_length(const char *name)
{
	size_t n = strlen(name);

	for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
		for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]) && dot > name; i++)
			if (!strncmp(dot, endings[i].mark, strlen(endings[i].mark)))
				return dot - name;
	return n;
}

/* Is ending (what follows the base name) that of a whole function? */
static bool is_whole(const char *ending)
{
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (!endings[i].whole && strstr(ending, endings[i].mark))
			return false;
	return true;
}

static int add_name(struct kernel *k, const char *name, uint32_t *at)
{
	size_t n = strlen(name) + 1;

	if (k->names_n + n > k->names_room) {
		size_t more = (k->names_room ? k->names_room * 2 : 1024 * 1024) + n;
		char *grown = more > UINT32_MAX ? NULL : realloc(k->names, more);

		if (!grown)
			return -ENOMEM;
		k->names = grown;
		k->names_room = more;
	}
	*at = k->names_n;
	memcpy(k->names + k->names_n, name, n);
	k->names_n += n;
	return 0;
}

static int add_symbol(struct kernel *k, uint64_t address, const char *name)
{
	if (k->n == k->room) {
		size_t more = k->room ? k->room * 2 : 65536;
		struct kernel_symbol *grown = reallocarray(k->symbols, more, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		k->symbols = grown;
		k->room = more;
	}
	k->symbols[k->n].address = address;
	return add_name(k, name, &k->symbols[k->n++].name);
}

/* One line: "address type name" and for modules a tab and "[module]". 1: a function. */
static int parse_line(char *line, uint64_t *address, const char **name)
{
	char *end;

	*address = strtoull(line, &end, 16);
	if (end == line || end[0] != ' ' || !strchr("tTwW", end[1]) || !end[1] || end[2] != ' ')
		return 0;
	*name = end + 3;
	end[3 + strcspn(end + 3, " \t\n")] = '\0';
	/* Padding before a function: the address of a call that never returns may point there, and
	 * belongs to the function before. */
	return **name && strncmp(*name, "__pfx_", 6) != 0;
}

/* By address; of equal ones the name to show first. Kernel names keep their order of underscores:
 * "__do_sys_x" is what the source says, so only aliases of the same code are ranked. */
static int compare(const void *a, const void *b, void *names)
{
	const struct kernel_symbol *x = a, *y = b;
	const char *p, *q;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	p = (const char *)names + x->name;
	q = (const char *)names + y->name;
	if (strspn(p, "_") != strspn(q, "_"))
		return strspn(p, "_") < strspn(q, "_") ? -1 : 1;
	return strcmp(p, q);
}

int kernel_load(struct kernel *k, const char *path)
{
	bool any_address = false;
	size_t line_room = 0;
	char *line = NULL;
	FILE *f;
	int err = 0;

	k->loaded = true;
	k->hidden = true;
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (!err && getline(&line, &line_room, f) > 0) {
		const char *name;
		uint64_t address;

		if (!parse_line(line, &address, &name) || !address)
			continue;
		any_address = true;
		err = add_symbol(k, address, name);
	}
	if (!err && ferror(f))
		err = -EIO;
	free(line);
	fclose(f);
	if (err || !any_address) {
		kernel_free(k);
		k->loaded = true;
		k->hidden = true;
		return err;
	}
	qsort_r(k->symbols, k->n, sizeof(*k->symbols), compare, k->names);
	k->hidden = false;
	return 0;
}

void kernel_free(struct kernel *k)
{
	free(k->symbols);
	free(k->names);
	memset(k, 0, sizeof(*k));
}

const char *kernel_find(const struct kernel *k, uint64_t address)
{
	size_t lo = 0, hi = k->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (k->symbols[mid].address <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || address - k->symbols[lo - 1].address > FUNCTION_MAX)
		return NULL;
	while (lo > 1 && k->symbols[lo - 2].address == k->symbols[lo - 1].address)
		lo--;
	return k->names + k->symbols[lo - 1].name;
}

uint64_t kernel_address(const struct kernel *k, const char *name, char *found, size_t found_len)
{
	const struct kernel_symbol *best = NULL;
	size_t n = strlen(name);

	for (size_t i = 0; i < k->n; i++) {
		const char *have = k->names + k->symbols[i].name;

		if (strncmp(have, name, n) != 0)
			continue;
		if (!have[n]) {
			best = &k->symbols[i];
			break;
		}
		if (!best && have[n] == '.' && symbols_base_length(have) == n && is_whole(have + n))
			best = &k->symbols[i];
	}
	if (!best)
		return 0;
	if (found && found_len)
		snprintf(found, found_len, "%s", k->names + best->name);
	return best->address;
}
