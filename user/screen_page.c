// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rows and lines as parts of an HTML page. Names come from outside: all text is escaped, and what could
 * change its direction or hide in it is not shown. */
#include <ctype.h>
#include <string.h>
#include "flame/flame.h"
#include "flame/name.h"
#include "screen.h"

#define NO_BREAK "\xc2\xa0"
#define PART	 FLAME_PART
#define NOTE_MAX 512

void page_text(struct screen *s, const char *text)
{
	if (s->f)
		flame_name_write(text, SIZE_MAX, s->f);
}

static void put(struct screen *s, const char *html)
{
	if (s->f)
		fputs(html, s->f);
}

static void put_in(struct screen *s, const char *begin, const char *text, const char *end)
{
	put(s, begin);
	page_text(s, text);
	put(s, end);
}

/* A table wider than the page is moved within its own box. */
void page_table(struct screen *s, const char *title, const struct screen_column *c, size_t n,
		const char *notes)
{
	put_in(s, "<div class=\"t\" tabindex=\"0\" role=\"region\" aria-label=\"", title, "\">");
	put_in(s, "<table><caption>", title, "</caption><thead><tr>");
	for (size_t i = 0; i < n; i++)
		if (c[i].wide && *c[i].title)
			put_in(s, "<th scope=\"col\">", c[i].title, "</th>");
		else if (c[i].wide)
			put(s, i ? "<td></td>" : "<th scope=\"col\">name</th>");
	if (notes)
		put_in(s, "<th scope=\"col\" class=\"n\">", notes, "</th>");
	else
		put(s, "<td></td>");
	put(s, "</tr></thead><tbody>\n");
	s->in_table = true;
}

void page_row(struct screen *s, const struct screen_column *c, size_t n, char cells[][CELL_SIZE],
	      const char *note, bool warning)
{
	if (!s->in_table)
		page_table(s, "", c, n, NULL);
	put(s, "<tr>");
	for (size_t i = 0; i < n; i++) {
		if (!c[i].wide)
			continue;
		/* An indented name is part of the one above. */
		put_in(s,
		       !i ? cells[0][0] == ' ' ? "<th scope=\"row\" class=\"i\">"
					       : "<th scope=\"row\">"
			  : "<td>",
		       cells[i] + strspn(cells[i], " "), i ? "</td>" : "</th>");
	}
	if (note)
		put_in(s, warning ? "<td class=\"n w\">" : "<td class=\"n\">", note,
		       "</td></tr>\n");
	else
		put(s, "<td></td></tr>\n");
}

void page_table_end(struct screen *s)
{
	if (s->in_table)
		put(s, "</tbody></table></div>\n");
	s->in_table = false;
}

/* What a screen sets apart by spaces is set apart by a dot; a figure stays with its unit. */
static void put_line(struct screen *s, const char *text)
{
	char part[NOTE_MAX];
	size_t n = 0;

	for (const char *c = text; *c; c++) {
		const bool figure = *c == ' ' && c > text && isdigit((unsigned char)c[-1]);
		const char *as = *c != ' ' ? NULL : c[1] == ' ' ? PART : figure ? NO_BREAK : NULL;

		if (n + sizeof(PART) + 1 > sizeof(part)) {
			part[n] = '\0';
			page_text(s, part);
			n = 0;
		}
		if (as)
			n += (size_t)snprintf(part + n, sizeof(part) - n, "%s", as);
		else
			part[n++] = *c;
		while (as && c[1] == ' ')
			c++;
	}
	part[n] = '\0';
	page_text(s, part);
}

void page_paragraph(struct screen *s, const char *text)
{
	text += strspn(text, " ");
	s->lines++;
	if (!*text)
		return;
	put(s, "<p>");
	put_line(s, text);
	put(s, "</p>\n");
}

void page_section(struct screen *s, const char *title, const char *id)
{
	if (s->in_section)
		put(s, "</section>\n");
	s->in_section = title != NULL;
	if (!title)
		return;
	put_in(s, "<section id=\"", id, "\">");
	put_in(s, "<h2>", title, "</h2>\n");
}
