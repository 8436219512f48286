/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Text laid out for a terminal of a given width: rows of aligned cells, and lines that wrap. Or the same
 * as parts of a page: tables and paragraphs. */
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
	bool page;	 /* HTML; columns is then SCREEN_PAGE */
	size_t rows_max; /* of a table, 0: all. What is left out is counted below it */
	size_t lines;	 /* written so far */

	/* Private. */
	size_t rows;   /* of the table so far, those left out among them */
	bool in_table; /* page: not closed yet */
	bool in_section;
	bool headed; /* a section's heading was the last line */
};

/* A page has room: nothing is cut to fit. */
#define SCREEN_PAGE 1000

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

/* One row, its cells cut to their width. A note goes behind the last cell, where it is cut, or where it
 * fits whole (a warning), else on a line below. NULL: none. Returns lines written. */
enum screen_note { NOTE_WARNING, NOTE_BEHIND, NOTE_BELOW };
size_t screen_row(struct screen *s, const struct screen_column *c, size_t n,
		  char cells[][CELL_SIZE], const char *note, enum screen_note how);

/* How long a note may be to stand behind such a row, or on the line below. */
size_t screen_note_behind(const struct screen *s, const struct screen_column *c, size_t n);
size_t screen_note_below(const struct screen *s);

/* A line, broken where it is too wide: in a run of spaces or after punctuation, so that a figure
 * stays with its unit. What follows a break is indented. */
void screen_text(struct screen *s, const char *text, unsigned int indent);

void screen_blank(struct screen *s);

/* A heading over what follows, up to the next one. id: a word, to link to. */
void screen_section(struct screen *s, const char *title, const char *id);
/* A line in bold, as a table's title is; on a page a heading as above. */
void screen_heading(struct screen *s, const char *title, const char *id);
/* After the last of it all. */
void screen_end(struct screen *s);

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

/* --- screen_page.c: what the above do where it is a page --- */
void page_text(struct screen *s, const char *text); /* escaped, no more */
void page_table(struct screen *s, const char *title, const struct screen_column *c, size_t n,
		const char *notes);
void page_row(struct screen *s, const struct screen_column *c, size_t n, char cells[][CELL_SIZE],
	      const char *note, bool warning);
void page_table_end(struct screen *s);
void page_paragraph(struct screen *s, const char *text);
void page_section(struct screen *s, const char *title, const char *id);

#endif /* SCREEN_H */
