// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Locations and their names. */
#define _GNU_SOURCE
#include "private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

/* Descriptors kept open, at most; and at most half of what this process may have. */
#define OPEN_FILES_MAX 512
/* Symbol tables kept, in bytes; a single larger one stays until another is wanted. */
#define TABLES_MAX (32u * 1024 * 1024)
/* Bytes that .gnu_debugdata may unpack to, in all files together. */
#define UNPACK_MAX (512u * 1024 * 1024)
/* Of symbol tables and perf maps, in all: some ten seconds' work. */
#define LOAD_MAX (2048ull * 1024 * 1024)
#define MAPS_MAX (1024ull * 1024 * 1024)
/* For source lines, in all. */
#define LINES_NS_MAX 30000000000ull
/* Of a symbol's name, what is looked at. */
#define SYMBOL_MAX 8192

const char *symbols_intern(struct symbols *s, const char *text)
{
	size_t n = strlen(text);
	struct sym_string *str;

	HASH_FIND(hh, s->strings, text, n, str);
	if (str)
		return str->text;
	str = malloc(sizeof(*str) + n + 1);
	if (!str)
		return NULL;
	memset(str, 0, sizeof(*str));
	memcpy(str->text, text, n + 1);
	HASH_ADD_KEYPTR(hh, s->strings, str->text, n, str);
	if (!str->hh.tbl) {
		free(str);
		return NULL;
	}
	return str->text;
}

/* A program must not be able to pass its functions off as infbpf's own frames, or as the kernel's. */
void symbols_disarm_name(char *name)
{
	size_t n;

	symbols_clean_name(name);
	n = strlen(name);
	if (name[0] == '[')
		name[0] = '(';
	if (n >= 4 && (!strcmp(name + n - 4, "_[k]") || !strcmp(name + n - 4, "_[i]"))) {
		name[n - 3] = '(';
		name[n - 1] = ')';
	}
}

/* nvcc's launch stub of a kernel has the kernel's mangled name inside its own: "__device_stub__Z5saxpyPf".
 * Replaces that by the plain name, "__device_stub__saxpy". */
static char *demangle_stub(char *name)
{
	static const char stub[] = "__device_stub_";
	char *inner = NULL, *whole = NULL;

	if (!name || strncmp(name, stub, sizeof(stub) - 1))
		return name;
	inner = symbols_demangle(name + sizeof(stub) - 1);
	if (!inner || asprintf(&whole, "%s_%s", stub, inner) < 0) {
		free(inner);
		return name;
	}
	free(inner);
	free(name);
	return whole;
}

const char *symbols_function_name(struct symbols *s, const char *symbol, const char *suffix)
{
	size_t n = strnlen(symbol, SYMBOL_MAX);
	char *raw, *plain, *text = NULL;
	const char *name = NULL;

	raw = strndup(symbol, n);
	if (!raw)
		return NULL;
	/* "name@@VERSION" */
	for (char *at = strchr(raw + !!raw[0], '@'); at; at = NULL)
		*at = '\0';
	plain = demangle_stub(symbols_demangle(raw));
	if (!plain)
		raw[symbols_base_length(raw)] = '\0';
	symbols_disarm_name(plain ? plain : raw);
	if (plain ? plain[0] : raw[0])
		if (asprintf(&text, "%s%s", plain ? plain : raw, suffix) >= 0)
			name = symbols_intern(s, text);
	free(text);
	free(plain);
	free(raw);
	return name;
}

int symbols_open(struct symbols **out, const struct symbols_options *o)
{
	struct rlimit limit;
	struct symbols *s;

	*out = NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->options = *o;
	s->open_files_max = OPEN_FILES_MAX;
	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur / 2 < s->open_files_max)
		s->open_files_max = limit.rlim_cur / 2;
	s->table_bytes_max = TABLES_MAX;
	s->unpack_budget = UNPACK_MAX;
	s->load_budget = LOAD_MAX;
	s->map_budget = MAPS_MAX;
	s->lines_left_ns = LINES_NS_MAX;
	s->locations_room = 1024;
	s->locations_n = 1;
	s->by_id = calloc(s->locations_room, sizeof(*s->by_id));
	s->unknown = symbols_intern(s, "[unknown]");
	s->kernel_unknown = symbols_intern(s, "[kernel]_[k]");
	if (!s->by_id || !s->unknown || !s->kernel_unknown ||
	    getrandom(&s->table_key, sizeof(s->table_key), 0) != sizeof(s->table_key)) {
		symbols_close(s);
		return -ENOMEM;
	}
	s->table_key >>= 3; /* of 61 bits */
	if (!o->local)
		s->debuginfod = debuginfod_open();
	*out = s;
	return 0;
}

void symbols_close(struct symbols *s)
{
	struct sym_location *location, *next_location;
	struct sym_string *string, *next_string;
	struct sym_image *image, *next_image;
	struct sym_file *file, *next_file;

	if (!s)
		return;
	HASH_ITER(hh, s->by_key, location, next_location) {
		HASH_DEL(s->by_key, location);
		free(location->frames);
		free(location);
	}
	HASH_ITER(hh, s->images, image, next_image) {
		HASH_DEL(s->images, image);
		sym_image_free(image);
	}
	debuginfod_close(s->debuginfod);
	sym_tables_free(s);
	HASH_ITER(hh, s->files, file, next_file) {
		HASH_DEL(s->files, file);
		sym_file_free(file);
	}
	HASH_ITER(hh, s->strings, string, next_string) {
		HASH_DEL(s->strings, string);
		free(string);
	}
	sym_file_free(s->vdso);
	kernel_free(&s->kernel);
	free(s->by_id);
	free(s);
}

static struct sym_location *get_location(struct symbols *s, const void *owner, uint64_t offset,
					 bool *made)
{
	struct sym_location *l, look = { .key = { owner, offset } };

	*made = false;
	HASH_FIND(hh, s->by_key, &look.key, sizeof(look.key), l);
	if (l)
		return l;
	if (s->locations_n == s->locations_room) {
		size_t more = (size_t)s->locations_room * 2;
		struct sym_location **grown;

		grown = more > UINT32_MAX ? NULL : reallocarray(s->by_id, more, sizeof(*grown));
		if (!grown)
			return NULL;
		s->by_id = grown;
		s->locations_room = more;
	}
	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->key = look.key;
	HASH_ADD(hh, s->by_key, key, sizeof(l->key), l);
	if (!l->hh.tbl) {
		free(l);
		return NULL;
	}
	l->id = s->locations_n;
	s->by_id[s->locations_n++] = l;
	*made = true;
	return l;
}

uint32_t symbols_file_location(struct symbols *s, struct sym_file *f, uint64_t offset)
{
	bool made;
	struct sym_location *l = get_location(s, f, offset, &made);

	if (!l)
		return 0;
	if (made) {
		l->file = f;
		l->next = f->locations;
		f->locations = l;
	}
	return l->id;
}

uint32_t symbols_image_location(struct symbols *s, struct sym_image *im, uint64_t address,
				const char *otherwise)
{
	bool made;
	struct sym_location *l = get_location(s, im, address, &made);

	if (!l)
		return 0;
	if (made) {
		l->image = im;
		l->otherwise = otherwise;
		l->next = im->locations;
		im->locations = l;
	}
	return l->id;
}

uint32_t symbols_fixed_location(struct symbols *s, const char *name)
{
	bool made;
	struct sym_location *l = get_location(s, name, 0, &made);

	if (!l)
		return 0;
	l->name = name;
	return l->id;
}

uint32_t symbols_marker_location(struct symbols *s, const char *name)
{
	const char *kept = symbols_intern(s, name);

	return kept ? symbols_fixed_location(s, kept) : 0;
}

uint32_t symbols_kernel_location(struct symbols *s, uint64_t ip)
{
	bool made;
	struct sym_location *l = ip ? get_location(s, &s->kernel, ip, &made) : NULL;

	return l ? l->id : 0;
}

static void load_kernel(struct symbols *s)
{
	if (!s->kernel.loaded)
		kernel_load(&s->kernel, "/proc/kallsyms");
}

static const char *kernel_name(struct symbols *s, uint64_t ip)
{
	const char *symbol, *name = NULL;

	load_kernel(s);
	symbol = kernel_find(&s->kernel, ip);
	if (symbol)
		name = symbols_function_name(s, symbol, "_[k]");
	return name ? name : s->kernel_unknown;
}

const char *symbols_name(struct symbols *s, uint32_t location)
{
	struct sym_location *l = location < s->locations_n ? s->by_id[location] : NULL;

	if (!l)
		return s->unknown;
	if (!l->name && l->file)
		sym_file_name_locations(s, l->file);
	else if (!l->name && l->image)
		sym_jit_name_locations(s, l->image);
	else if (!l->name)
		l->name = kernel_name(s, l->key.offset);
	return l->name;
}

size_t symbols_frames(struct symbols *s, uint32_t location, const char **names, size_t max)
{
	struct sym_location *l = location < s->locations_n ? s->by_id[location] : NULL;
	size_t n;

	if (!max)
		return 0;
	names[0] = symbols_name(s, location);
	if (!s->options.lines || !l || !l->file)
		return 1;
	if (!l->lined && !l->file->lines_given_up)
		sym_lines_resolve(s, l->file);
	if (!l->frames_n)
		return 1;
	/* Short of room, the innermost go. */
	n = l->frames_n < max ? l->frames_n : max;
	memcpy(names, l->frames, n * sizeof(*names));
	return n;
}

bool symbols_kernel_hidden(struct symbols *s)
{
	load_kernel(s);
	return s->kernel.hidden;
}

uint64_t symbols_kernel_address(struct symbols *s, const char *name, char *found, size_t found_len)
{
	load_kernel(s);
	return kernel_address(&s->kernel, name, found, found_len);
}
