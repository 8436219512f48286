// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names made safe for folded stacks and terminals. They come from the traced programs' files. */
#include "symbols.h"

#include <string.h>

struct code_range {
	uint32_t first, last;
};

/* Characters that change how a terminal shows what follows, or end a line. */
static const struct code_range unsafe[] = {
	{ 0x00, 0x1f },	    /* C0: newline, escape */
	{ 0x7f, 0x9f },	    /* DEL and C1: 0x9b is an escape sequence's start */
	{ 0x200e, 0x200f }, /* direction marks */
	{ 0x2028, 0x202e }, /* line and paragraph separators, embeddings and overrides */
	{ 0x2066, 0x2069 }, /* isolates */
	{ 0xfeff, 0xfeff }, /* byte order mark */
	{ 0xfffe, 0xffff }, /* no characters: not allowed in XML */
};

bool symbols_unsafe_char(uint32_t code)
{
	for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++)
		if (code >= unsafe[i].first && code <= unsafe[i].last)
			return true;
	return false;
}

/* Decodes one UTF-8 character. Returns its length, 0: invalid (overlong, surrogate, cut short). */
static size_t decode(const unsigned char *s, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n;

	if (s[0] < 0x80) {
		*code = s[0];
		return 1;
	}
	n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	*code = s[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80) /* stops at the string's end too */
			return 0;
		*code = *code << 6 | (s[i] & 0x3f);
	}
	if (*code < least[n] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return n;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "frame 12" and "frame 1.5" would be read as a frame and its count. Returns the length left. */
static size_t mend_end(char *name, size_t n)
{
	size_t i;

	while (n && name[n - 1] == ' ')
		name[--n] = '\0';
	i = n;
	while (i && (is_digit(name[i - 1]) || name[i - 1] == '.'))
		i--;
	if (i && i < n && name[i - 1] == ' ')
		name[i - 1] = '_';
	return n;
}

void symbols_clean_name(char *name)
{
	static const char dots[] = "...";
	char *in = name, *out = name, *cut = name;
	size_t n;

	while (*in == ' ')
		in++;
	while (*in) {
		uint32_t code;

		n = decode((const unsigned char *)in, &code);
		/* cut: the last place where a character ends and the dots still fit. */
		if ((size_t)(out - name) <= SYMBOLS_NAME_MAX - (sizeof(dots) - 1))
			cut = out;
		if ((size_t)(out - name) + (n ? n : 1) > SYMBOLS_NAME_MAX) {
			memcpy(cut, dots, sizeof(dots));
			out = cut + sizeof(dots) - 1;
			break;
		}
		if (!n || symbols_unsafe_char(code)) {
			*out++ = '?';
			in += n ? n : 1;
		} else if (*in == ';') {
			*out++ = ':';
			in++;
		} else {
			memmove(out, in, n);
			out += n;
			in += n;
		}
	}
	*out = '\0';
	mend_end(name, out - name);
}
