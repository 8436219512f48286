// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rows and lines as parts of an HTML page. Names come from outside: all text is escaped, and what could
 * change its direction or hide in it is not shown. */
#include <string.h>
#include "flame/name.h"
#include "screen.h"

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

void page_paragraph(struct screen *s, const char *text)
{
	text += strspn(text, " ");
	if (*text)
		put_in(s, "<p>", text, "</p>\n");
	s->lines++;
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
