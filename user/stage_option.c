// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include "stage_option.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "array.h"

#define EXAMPLE "(try --stage decode=libllama.so:llama_decode)"

static void option_free(struct stage_option *o)
{
	free(o->text);
	free(o->name);
	free(o->path);
	free(o->function);
	free(o->preset);
}

void stage_options_free(struct stage_options *o)
{
	for (size_t i = 0; i < o->n; i++)
		option_free(&o->options[i]);
	free(o->options);
	*o = (struct stage_options){ 0 };
}

static bool has_glob(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}

/* As C and assembly have it; also with what compilers append (".isra.0"). */
static bool is_identifier(const char *text)
{
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("_.$@", *text))
			return false;
	return true;
}

/* "operator*" is no glob; "operator[]" neither. */
static bool function_has_glob(const char *function)
{
	const char *op = strstr(function, "operator");

	return has_glob(op ? op + strcspn(op, "*[") + strspn(op + strcspn(op, "*["), "*[]=")
			   : function) ||
	       (op && strcspn(function, "*?[") < (size_t)(op - function));
}

/* The stage's name before the '=', the path from there to the first ':', the function behind. what: of the
 * first thing that is wrong, NULL: nothing is. */
static const char *split(const char *text, struct stage_option *o)
{
	const char *equals = strchr(text, '='), *colon = equals ? strchr(equals, ':') : NULL;

	if (!equals || !colon)
		return "is not NAME=PATH:FUNCTION";
	o->name = strndup(text, equals - text);
	o->path = strndup(equals + 1, colon - equals - 1);
	o->function = strdup(colon + 1);
	if (!o->name || !o->path || !o->function)
		return NULL;
	if (!*o->path)
		return "names no file before the ':'";
	if (!*o->function)
		return "names no function behind the ':'";
	if (*o->path != '/' && strchr(o->path, '/') && *o->path != '*')
		return "has a relative path: an absolute one, a glob, or a file's name is wanted";
	if (strstr(o->name, "%s") ? strchr(strstr(o->name, "%s") + 2, '%') != NULL
				  : strchr(o->name, '%') != NULL)
		return "may have one %s in its name, and no other %";
	if (strlen(o->name) > STAGE_NAME_BYTES)
		return "has a name of more than 31 bytes";
	return NULL;
}

static int add(struct stage_options *all, const char *preset, const char *text, const char **wrong)
{
	struct stage_option o = { .text = strdup(text), .preset = preset ? strdup(preset) : NULL };

	*wrong = split(text, &o);
	if (*wrong || !o.text || (preset && !o.preset) || !o.name || !o.path || !o.function ||
	    array_grow(&all->options, &all->room, all->n + 1, sizeof(*all->options))) {
		option_free(&o);
		return *wrong ? -EINVAL : -ENOMEM;
	}
	o.path_glob = has_glob(o.path);
	o.function_glob = function_has_glob(o.function);
	o.demangled = o.function_glob || !is_identifier(o.function);
	all->options[all->n++] = o;
	return 0;
}

int stage_options_add(struct stage_options *o, const char *text, struct fault *f)
{
	const char *wrong;
	int err = add(o, NULL, text, &wrong);

	if (err == -EINVAL)
		return fault_set(f, EXIT_USAGE, EINVAL, "--stage: '%s' %s " EXAMPLE, text, wrong);
	return err ? fault_set(f, EXIT_FAILED, ENOMEM, "out of memory") : 0;
}

/* --- presets --- */

/* A line without what surrounds it, and without the blanks around its first '='. Returns NULL for one that
 * says nothing. */
static char *clean_line(char *line)
{
	char *end, *equals, *value;

	line += strspn(line, " \t");
	end = line + strlen(line);
	while (end > line && isspace((unsigned char)end[-1]))
		*--end = '\0';
	if (!*line || *line == '#')
		return NULL;
	equals = strchr(line, '=');
	if (!equals)
		return line;
	value = equals + 1 + strspn(equals + 1, " \t");
	while (equals > line && (equals[-1] == ' ' || equals[-1] == '\t'))
		equals--;
	*equals = '=';
	memmove(equals + 1, value, strlen(value) + 1);
	return line;
}

int stage_options_read(struct stage_options *o, const char *preset, const char *where,
		       const char *text, size_t n, struct fault *f)
{
	char *copy = strndup(text, n), *rest = copy, *line;
	const char *wrong;
	int err = copy ? 0 : -ENOMEM;

	for (unsigned int number = 1; !err && (line = strsep(&rest, "\n")); number++) {
		line = clean_line(line);
		if (line)
			err = add(o, preset, line, &wrong);
		if (err == -EINVAL)
			fault_set(f, EXIT_USAGE, EINVAL, "--preset: %s:%u: '%s' %s", where, number,
				  line, wrong);
	}
	free(copy);
	return err == -ENOMEM ? fault_set(f, EXIT_FAILED, ENOMEM, "out of memory") : err;
}

#define PRESET_BYTES (64u << 10)

static int read_file(struct stage_options *o, const char *path, struct fault *f)
{
	const char *slash = strrchr(path, '/');
	char *text = malloc(PRESET_BYTES);
	FILE *file = text ? fopen(path, "re") : NULL;
	size_t n = file ? fread(text, 1, PRESET_BYTES, file) : 0;
	int err;

	if (!text)
		err = fault_set(f, EXIT_FAILED, ENOMEM, "out of memory");
	else if (!file || ferror(file))
		err = fault_set(f, EXIT_USAGE, EINVAL, "--preset: cannot read %s: %s", path,
				strerror(errno));
	else if (n == PRESET_BYTES || memchr(text, '\0', n))
		err = fault_set(f, EXIT_USAGE, EINVAL, "--preset: %s is no preset", path);
	else
		err = stage_options_read(o, slash + 1, path, text, n, f);
	if (file)
		fclose(file);
	free(text);
	return err;
}

static int read_one(struct stage_options *o, const char *name, struct fault *f)
{
	const size_t before = o->n;
	char names[200];
	const char *text;
	size_t n;
	int err;

	text = stage_preset_text(name, &n);
	if (strchr(name, '/')) {
		err = read_file(o, name, f);
	} else if (text) {
		err = stage_options_read(o, name, name, text, n, f);
	} else {
		stage_preset_names(names, sizeof(names));
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "--preset: '%s' is none of %s, and no path of a file", name,
				 names);
	}
	if (!err && o->n == before)
		return fault_set(f, EXIT_USAGE, EINVAL, "--preset: %s names no function", name);
	return err;
}

int stage_options_preset(struct stage_options *o, const char *list, struct fault *f)
{
	char *copy = strdup(list), *rest = copy, *name;
	int err = copy ? 0 : fault_set(f, EXIT_FAILED, ENOMEM, "out of memory");

	while (!err && (name = strsep(&rest, ",")))
		err = read_one(o, name, f);
	free(copy);
	return err;
}
