/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* UTF-8 checked, names cleaned. A thread may call itself anything: prctl(PR_SET_NAME) takes any
 * bytes, and the kernel cuts at 15 of them, also within a character. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "symbols/symbols.h"
#include "text.h"

size_t text_char(const char *text, size_t n, uint32_t *code)
{
	static const struct {
		unsigned char first, last, low, high; /* first byte's range, second byte's range */
		unsigned char length;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	const unsigned char *s = (const unsigned char *)text;

	*code = n ? s[0] : 0;
	if (!n || s[0] < 0x80)
		return n ? 1 : 0;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		if (s[0] < forms[i].first || s[0] > forms[i].last)
			continue;
		if (n < forms[i].length || s[1] < forms[i].low || s[1] > forms[i].high)
			return 0;
		*code = s[0] & (0x7f >> forms[i].length);
		for (size_t k = 1; k < forms[i].length; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
			*code = *code << 6 | (s[k] & 0x3f);
		}
		return forms[i].length;
	}
	return 0;
}

size_t text_utf8(const char *s, char *buf, size_t size)
{
	size_t used = 0;

	if (!size)
		return 0;
	while (*s) {
		uint32_t code;
		const size_t valid = text_char(s, strnlen(s, 4), &code);
		const char *from = valid ? s : "\xef\xbf\xbd";
		const size_t n = valid ? valid : 3;

		if (used + n >= size)
			break;
		memcpy(buf + used, from, n);
		used += n;
		s += valid ? valid : 1;
	}
	buf[used] = '\0';
	return used;
}

const char *text_name(const char *s, char *buf, size_t size)
{
	text_utf8(s && *s ? s : "[unnamed]", buf, size);
	symbols_clean_name(buf);
	return buf;
}

const char *text_shown(const char *s, char *buf, size_t size)
{
	size_t used = 0;

	while (*s && used + 1 < size) {
		uint32_t code;
		const size_t n = text_char(s, strnlen(s, 4), &code);

		if (!n || symbols_unsafe_char(code)) {
			buf[used++] = '_';
			s += n ? n : 1;
			continue;
		}
		if (used + n >= size)
			break;
		memcpy(buf + used, s, n);
		used += n;
		s += n;
	}
	if (size)
		buf[used] = '\0';
	return buf;
}

static bool continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

size_t text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += !continues(*s);
	return n;
}

void text_cut(char *s, size_t width)
{
	const size_t mark = width < 2 ? width : 2;
	size_t n = 0;

	if (text_width(s) <= width)
		return;
	for (; n < width - mark; n++)
		for (s++; continues(*s); s++)
			;
	/* What is cut is longer than the mark, so the mark fits. */
	memcpy(s, "..", mark);
	s[mark] = '\0';
}

int text_compare(const char *a, const char *b)
{
	if (a == b)
		return 0;
	return !a ? -1 : !b ? 1 : strcmp(a, b);
}
