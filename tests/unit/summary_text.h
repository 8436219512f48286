/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The summary as a text, and how large it is. */
#ifndef SUMMARY_TEXT_H
#define SUMMARY_TEXT_H

#include <string.h>
#include "output.h"

static char *summary(const struct profile *p, const struct summary_options *o)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(summary_write(p, o, f), 0);
	fclose(f);
	return text;
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* In characters, without colours. */
static size_t widest_line(const char *text)
{
	size_t most = 0, n = 0;

	for (; *text; text++) {
		if (*text == '\033') {
			text = strchr(text, 'm');
			assert_non_null(text);
		} else if (*text == '\n') {
			most = n > most ? n : most;
			n = 0;
		} else {
			n += ((unsigned char)*text & 0xc0) != 0x80;
		}
	}
	return most;
}

#endif /* SUMMARY_TEXT_H */
