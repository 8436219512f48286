// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include "stage_match.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "symbols/symbols.h"

/* A shorter rest of a name says nothing without what is before it ("call"). */
#define SHORT_REST 8

/* --- files --- */

bool stage_match_path(const struct stage_option *o, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	const char *of = strchr(o->path, '/') ? path : base;
	const size_t n = strlen(o->path);

	if (o->path_glob)
		return !fnmatch(o->path, of, 0);
	if (!strcmp(o->path, of))
		return true;
	/* "libllama.so" is libllama.so.1, too. */
	return of == base && n > 3 && !strcmp(o->path + n - 3, ".so") &&
	       !strncmp(base, o->path, n) && base[n] == '.';
}

/* --- functions --- */

/* What demangled names have and mangled ones may not: mangled they are a letter or two. */
static bool is_in_code(const char *word, int n, bool partial)
{
	static const char *const words[] = {
		"std",		 "operator",	   "anonymous",	  "namespace",
		"basic_string",	 "string",	   "allocator",	  "unsigned",
		"signed",	 "char",	   "short",	  "int",
		"long",		 "float",	   "double",	  "bool",
		"void",		 "const",	   "volatile",	  "true",
		"false",	 "vtable",	   "typeinfo",	  "for",
		"guard",	 "variable",	   "thunk",	  "to",
		"non",		 "virtual",	   "covariant",	  "basic_istream",
		"basic_ostream", "basic_iostream", "char_traits", "lambda",
		"clone",	 "unnamed",	   "type",	  "new",
		"delete",	 "istream",	   "ostream",	  "iostream",
		"wchar_t",	 "char8_t",	   "char16_t",	  "char32_t",
		"__int128",	 "nullptr_t",	   "decltype",	  "auto",
		"sizeof",	 "restrict",	   "noexcept",	  "TLS",
		"init",		 "function",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (partial ? memmem(words[i], strlen(words[i]), word, n) != NULL
			    : (int)strlen(words[i]) == n && !strncmp(words[i], word, n))
			return true;
	return false;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

void stage_pattern_make(struct stage_pattern *p, const struct stage_option *o)
{
	const char *s = o->function, *end;
	bool partial;

	*p = (struct stage_pattern){ .option = o };
	while (*s && p->words_n < STAGE_WORDS) {
		/* Any of these characters. */
		if (*s == '[' && o->function_glob) {
			s += strcspn(s, "]");
			continue;
		}
		for (end = s; is_word(*end);)
			end++;
		/* Numbers are written another way. Next to a '*' it may be a part of one of those words. */
		partial = o->function_glob && ((s > o->function && strchr("*?]", s[-1])) ||
					       (*end && strchr("*?[", *end)));
		if (end > s && !isdigit((unsigned char)*s) && !is_in_code(s, end - s, partial)) {
			p->words[p->words_n].at = s;
			p->words[p->words_n++].n = end - s;
		}
		s = end > s ? end : s + 1;
	}
}

/* Without what compilers append to a whole function; its parts (".cold", ".part.0") are not meant. */
static size_t whole_length(const char *symbol)
{
	static const char *const endings[] = { ".isra.", ".constprop.", ".lto_priv.", ".llvm." };
	const char *dot = strchr(symbol, '.');

	for (size_t i = 0; dot && i < sizeof(endings) / sizeof(endings[0]); i++)
		if (!strncmp(dot, endings[i], strlen(endings[i])) && !strstr(dot, ".cold") &&
		    !strstr(dot, ".part"))
			return dot - symbol;
	return strlen(symbol);
}

static bool is_part(const char *symbol)
{
	return strstr(symbol, ".cold") || strstr(symbol, ".part.");
}

static bool matches(const struct stage_option *o, const char *name)
{
	return o->function_glob ? !fnmatch(o->function, name, 0) : !strcmp(o->function, name);
}

static bool matches_demangled(const struct stage_pattern *p, const char *symbol)
{
	char *plain;
	bool found;

	if (symbol[0] != '_' || (symbol[1] != 'Z' && symbol[1] != 'R'))
		return false;
	for (int i = 0; i < p->words_n; i++)
		if (!memmem(symbol, strlen(symbol), p->words[i].at, p->words[i].n))
			return false;
	plain = symbols_demangle(symbol);
	found = plain && matches(p->option, plain);
	free(plain);
	return found;
}

enum stage_match stage_pattern_match(const struct stage_pattern *p, const char *symbol)
{
	const struct stage_option *o = p->option;
	const size_t n = strlen(o->function);

	if (matches(o, symbol))
		return o->function_glob && is_part(symbol) ? STAGE_NO_MATCH : STAGE_MATCH_EXACT;
	if (is_part(symbol))
		return STAGE_NO_MATCH;
	if (!o->function_glob && !strncmp(symbol, o->function, n) && symbol[n] == '.' &&
	    whole_length(symbol) == n)
		return STAGE_MATCH_PLAIN;
	return matches_demangled(p, symbol) ? STAGE_MATCH_PLAIN : STAGE_NO_MATCH;
}

/* --- names --- */

/* Removes "<...>"; "operator<" and the like stay. */
static void strip_templates(char *name)
{
	char *to = name;
	int depth = 0;

	if (strstr(name, "operator"))
		return;
	for (const char *c = name; *c; c++) {
		depth += *c == '<';
		if (!depth)
			*to++ = *c;
		depth -= *c == '>' && depth;
	}
	*to = '\0';
}

/* Behind the first "::" that is in no "<...>" or "(...)"; NULL: there is none. */
static const char *after_namespace(const char *name)
{
	int depth = 0;

	for (const char *c = name; *c; c++) {
		depth += *c == '<' || *c == '(';
		depth -= (*c == '>' || *c == ')') && depth;
		if (!depth && c[0] == ':' && c[1] == ':')
			return c + 2;
	}
	return NULL;
}

static const char *shorten(char *name, size_t room)
{
	const char *short_name = name, *next;

	if (strlen(name) > room)
		strip_templates(name);
	while (strlen(short_name) > room) {
		next = after_namespace(short_name);
		if (!next || strlen(next) < SHORT_REST)
			break;
		short_name = next;
	}
	return short_name;
}

int stage_match_name(const struct stage_option *o, const char *symbol,
		     char buf[STAGE_NAME_BYTES + 1])
{
	const char *hole = strstr(o->name, "%s");
	int before = hole ? (int)(hole - o->name) : 0, after = hole ? (int)strlen(hole + 2) : 0;
	size_t room = STAGE_NAME_BYTES - before - after;
	char *plain;

	if (*o->name && !hole) {
		snprintf(buf, STAGE_NAME_BYTES + 1, "%s", o->name);
		return 0;
	}
	plain = symbols_demangle(symbol);
	if (!plain)
		plain = strndup(symbol, whole_length(symbol));
	if (!plain)
		return -ENOMEM;
	snprintf(buf, STAGE_NAME_BYTES + 1, "%.*s%.*s%s", before, o->name, (int)room,
		 shorten(plain, room), hole ? hole + 2 : "");
	free(plain);
	return 0;
}
