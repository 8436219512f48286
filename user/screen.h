/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Text laid out for a terminal of a given width: rows of aligned cells, and lines that wrap. */
#ifndef SCREEN_H
#define SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* From here on rows have room for everything. */
#define SCREEN_WIDE 110
#define CELL_SIZE   96

struct screen {
	FILE *f; /* NULL: lines are only counted */
	unsigned int columns;
	bool colour;
	size_t lines; /* written so far */
};

static inline bool screen_is_wide(const struct screen *s)
{
	return s->columns >= SCREEN_WIDE;
}

/* A column's width with the space before it; 0: left out on such a screen. The first is aligned to
 * the left, the others to the right. */
struct screen_column {
	const char *title;
	unsigned int narrow, wide;
};

/* A title line: a bold title over the first columns, then the others' titles; "" takes none. notes:
 * over the rows' notes, NULL: nothing. */
void screen_title(struct screen *s, const char *title, const struct screen_column *c, size_t n,
		  const char *notes);

/* One row, its cells cut to their width. A note goes behind the last cell where it fits whole or may
 * be cut, else on a line below. NULL: none. Returns lines written. */
size_t screen_row(struct screen *s, const struct screen_column *c, size_t n,
		  char cells[][CELL_SIZE], const char *note, bool cut_note);

/* How long a note may be to stand behind such a row, or on the line below. */
size_t screen_note_behind(const struct screen *s, const struct screen_column *c, size_t n);
size_t screen_note_below(const struct screen *s);

/* A line, broken where it is too wide: in a run of spaces or after punctuation, so that a figure
 * stays with its unit. What follows a break is indented. */
void screen_text(struct screen *s, const char *text, unsigned int indent);

void screen_blank(struct screen *s);

/* A line in the making. What does not fit is left out. */
struct screen_line {
	char text[2048];
	size_t n;
};
void screen_add(struct screen_line *l, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same, but only if the line is at most max characters wide then. False: it is as it was. */
bool screen_add_within(struct screen_line *l, size_t max, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* SCREEN_H */
