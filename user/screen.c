/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows and wrapped lines. */
#include <stdarg.h>
#include <string.h>
#include "screen.h"
#include "text.h"

#define BOLD  "\033[1m"
#define WARN  "\033[33m"
#define PLAIN "\033[0m"

#define MARGIN	    2 /* before a row */
#define NOTE_MARGIN 6 /* before a note on a line of its own */
#define NOTE_SPACE  2 /* before a note behind a row */
#define NOTE_SIZE   512

static unsigned int column_width(const struct screen *s, const struct screen_column *c)
{
	return screen_is_wide(s) ? c->wide : c->narrow;
}

static void put(struct screen *s, const char *text, size_t n)
{
	if (s->f)
		fwrite(text, 1, n, s->f);
}

static void put_text(struct screen *s, const char *text)
{
	put(s, text, strlen(text));
}

static void spaces(struct screen *s, size_t n)
{
	while (n--)
		put(s, " ", 1);
}

static void end_line(struct screen *s)
{
	put(s, "\n", 1);
	s->lines++;
	s->headed = false;
}

static void coloured(struct screen *s, const char *colour, const char *text)
{
	if (s->colour && *colour)
		put_text(s, colour);
	put_text(s, text);
	if (s->colour && *colour)
		put_text(s, PLAIN);
}

/* What a table left out is said below it. */
static void end_table(struct screen *s)
{
	const size_t more = s->rows_max && s->rows > s->rows_max ? s->rows - s->rows_max : 0;
	char text[64];

	s->rows = 0;
	if (s->page)
		page_table_end(s);
	if (!more)
		return;
	snprintf(text, sizeof(text), "  + %zu more (--wide)", more);
	screen_text(s, text, 4);
}

void screen_title(struct screen *s, const char *title, const struct screen_column *c, size_t n,
		  const char *notes)
{
	size_t at = 1 + text_width(title), end = MARGIN;

	end_table(s);
	if (s->page) {
		page_table(s, title, c, n, notes);
		return;
	}
	spaces(s, 1);
	coloured(s, BOLD, title);
	for (size_t i = 0; i < n; i++) {
		const size_t width = column_width(s, &c[i]);
		const size_t name = width ? strlen(c[i].title) : 0;

		end += width;
		if (!width || !name || end <= at + name)
			continue;
		spaces(s, end - at - name);
		put_text(s, c[i].title);
		at = end;
	}
	if (notes && end >= at) {
		spaces(s, end - at + NOTE_SPACE);
		put_text(s, notes);
	}
	end_line(s);
}

size_t screen_note_behind(const struct screen *s, const struct screen_column *c, size_t n)
{
	size_t at = MARGIN + NOTE_SPACE;

	for (size_t i = 0; i < n; i++)
		at += column_width(s, &c[i]);
	return s->columns > at ? s->columns - at : 0;
}

size_t screen_note_below(const struct screen *s)
{
	return s->columns > NOTE_MARGIN ? s->columns - NOTE_MARGIN : 0;
}

size_t screen_row(struct screen *s, const struct screen_column *c, size_t n,
		  char cells[][CELL_SIZE], const char *note, enum screen_note how)
{
	const size_t before = s->lines;
	char cut[NOTE_SIZE];
	size_t at = MARGIN;

	if (s->rows_max && s->rows++ >= s->rows_max)
		return 0;
	if (s->page) {
		page_row(s, c, n, cells, note, how == NOTE_WARNING);
		return ++s->lines - before;
	}
	spaces(s, MARGIN);
	for (size_t i = 0; i < n; i++) {
		const size_t width = column_width(s, &c[i]);

		if (!width)
			continue;
		/* A cell to the right keeps one space of its width free. */
		text_cut(cells[i], i ? width - 1 : width);
		if (i)
			spaces(s, width - text_width(cells[i]));
		put_text(s, cells[i]);
		if (!i)
			spaces(s, width - text_width(cells[i]));
		at += width;
	}
	if (note && (how == NOTE_BEHIND ||
		     (how == NOTE_WARNING && at + NOTE_SPACE + text_width(note) <= s->columns))) {
		snprintf(cut, sizeof(cut), "%s", note);
		text_cut(cut, s->columns > at + NOTE_SPACE ? s->columns - at - NOTE_SPACE : 0);
		if (*cut) {
			spaces(s, NOTE_SPACE);
			coloured(s, how == NOTE_WARNING ? WARN : "", cut);
		}
		note = NULL;
	}
	end_line(s);
	if (note) {
		snprintf(cut, sizeof(cut), "%s", note);
		text_cut(cut, screen_note_below(s));
		spaces(s, NOTE_MARGIN);
		coloured(s, how == NOTE_WARNING ? WARN : "", cut);
		end_line(s);
	}
	return s->lines - before;
}

/* How many bytes of text go on a line of this width. Best broken in a run of spaces (unless that
 * leaves most of the line empty), else after punctuation, else at any space. */
static size_t line_bytes(const char *text, size_t width)
{
	size_t at_run = 0, at_mark = 0, at_any = 0, seen = 0, i;
	bool begun = false;

	for (i = 0; text[i]; i++) {
		if (((unsigned char)text[i] & 0xc0) == 0x80)
			continue;
		if (text[i] != ' ') {
			begun = true;
		} else if (begun) {
			at_any = i;
			if (strchr(",;.", text[i - 1]))
				at_mark = i;
			if (text[i + 1] == ' ' && seen > width / 3)
				at_run = i;
		}
		if (seen++ == width)
			return at_run ? at_run : at_mark ? at_mark : at_any ? at_any : i;
	}
	return i;
}

void screen_text(struct screen *s, const char *text, unsigned int indent)
{
	size_t width = s->columns;

	end_table(s);
	if (s->page) {
		page_paragraph(s, text);
		return;
	}
	while (*text) {
		size_t n = line_bytes(text, width), shown = n;

		/* At least one character, however narrow the screen. */
		if (!n)
			n = shown = 1;
		while (shown && text[shown - 1] == ' ')
			shown--;
		put(s, text, shown);
		end_line(s);
		text += n;
		text += strspn(text, " ");
		if (*text)
			spaces(s, indent);
		width = s->columns > indent ? s->columns - indent : 1;
	}
}

void screen_blank(struct screen *s)
{
	end_table(s);
	/* Nothing is between a heading and what it is over. */
	if (!s->page && !s->headed)
		end_line(s);
}

void screen_section(struct screen *s, const char *title, const char *id)
{
	end_table(s);
	if (s->page) {
		page_section(s, title, id);
		return;
	}
	end_line(s);
	coloured(s, BOLD, title);
	end_line(s);
	for (size_t i = text_width(title); i; i--)
		put(s, "=", 1);
	end_line(s);
	s->headed = true;
}

void screen_heading(struct screen *s, const char *title, const char *id)
{
	end_table(s);
	if (s->page) {
		page_section(s, title, id);
		return;
	}
	spaces(s, 1);
	coloured(s, BOLD, title);
	end_line(s);
}

void screen_end(struct screen *s)
{
	end_table(s);
	if (s->page)
		page_section(s, NULL, NULL);
}

void screen_add(struct screen_line *l, const char *format, ...)
{
	const size_t room = sizeof(l->text) - l->n;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(l->text + l->n, room, format, args);
	va_end(args);
	if (n > 0)
		l->n += (size_t)n < room ? (size_t)n : room - 1;
}

bool screen_add_within(struct screen_line *l, size_t max, const char *format, ...)
{
	const size_t before = l->n;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(l->text + before, sizeof(l->text) - before, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(l->text) - before || text_width(l->text) > max) {
		l->text[before] = '\0';
		return false;
	}
	l->n += (size_t)n;
	return true;
}
