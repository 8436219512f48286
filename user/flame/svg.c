// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "flame/classes.h"
#include "flame/difference.h"
#include "flame/name.h"
#include "flame/svg.h"
#include "format.h"

#define TITLE_Y	   30
#define TEXT_CHAR  6.6 /* of the header's font, on average */
#define HEIGHT_MIN 120
#define FOOT	   44
#define SPLIT_MAX  6 /* classes told in a tooltip */

#define UNIT_MAX 64 /* of a unit's name, cleaned */
static const char foot_states[] =
	" A frame has the colour of the state that holds most of it, pale where that is "
	"less than nine tenths; point at it for the split.";

static const char foot_changes[] =
	" Colour and label say how a frame's share of the whole has changed with all that is above "
	"it: red grew, blue shrank.";

static unsigned int width_of(const struct flame_picture *p)
{
	return p->o->width ? p->o->width : SVG_WIDTH;
}

void flame_text(const struct flame_picture *p, const char *text)
{
	flame_name_write(text, SIZE_MAX, p->f);
}

/* --- the head --- */

/* A text of several parts, broken between them. Returns where the next line goes. */
static unsigned int put_paragraph(const struct flame_picture *p, const char *id, const char *text,
				  unsigned int y)
{
	const size_t columns = (size_t)((width_of(p) - 2 * SVG_MARGIN) / TEXT_CHAR);
	const size_t dot = sizeof(FLAME_PART) - 1;
	size_t used = 0;

	if (!*text)
		return y;
	fprintf(p->f, "<text class=\"p\" id=\"%s\" data-text=\"", id);
	flame_text(p, text);
	fprintf(p->f, "\"><tspan x=\"%d\" y=\"%u\">", SVG_MARGIN, y);
	while (*text) {
		const char *end = strstr(text, FLAME_PART);
		const size_t n = end ? (size_t)(end - text) : strlen(text);
		char part[FLAME_NAME_SIZE];

		snprintf(part, sizeof(part), "%.*s", (int)n, text);
		if (used && used + flame_name_columns(part) > columns) {
			y += SVG_TEXT_ROW;
			fprintf(p->f, "</tspan><tspan x=\"%d\" y=\"%u\">", SVG_MARGIN, y);
			used = 0;
		}
		used += flame_name_columns(part) + 3;
		flame_text(p, part);
		fputs(end ? FLAME_PART : "", p->f);
		text += n + (end ? dot : 0);
	}
	fputs("</tspan></text>\n", p->f);
	return y + SVG_TEXT_ROW;
}

/* What was before and is no more has no width. */
static size_t describe_gone(const struct flame_picture *p, size_t before, char *buf, size_t size)
{
	char count[FORMAT_SIZE], share[FORMAT_SIZE];
	uint64_t stacks, value;

	flame_gone(p->t, &stacks, &value);
	if (!stacks)
		return 0;
	return (size_t)snprintf(
		buf, size,
		"%sgone: %s stack%s with %s of what was before (the files the other "
		"way round show them)",
		before ? FLAME_PART : "", format_count(count, stacks), stacks == 1 ? "" : "s",
		format_percent(share, value, p->t->before[0].total));
}

/* What the picture does not show. */
static void describe_left_out(const struct flame_picture *p, char *buf, size_t size)
{
	const struct flame_layout *l = p->l;
	const uint64_t whole = p->t->nodes[0].total;
	char count[FORMAT_SIZE], share[FORMAT_SIZE], figure[FLAME_FIGURE_SIZE];
	size_t n = 0;

	*buf = '\0';
	if (l->left_out)
		n += (size_t)snprintf(
			buf, size,
			"left out: %s frame%s narrower than %.2g %% of the whole; stacks "
			"with %s of it end early for that",
			format_count(count, l->left_out), l->left_out == 1 ? "" : "s",
			100.0 * (double)l->least / (double)whole,
			format_percent(share, l->left_out_value, whole));
	if (p->t->before)
		n += describe_gone(p, n, buf + n, size - n);
	if (p->t->cut && n < size)
		snprintf(buf + n, size - n,
			 "%scut short: %s stacks (%s), too deep or too many to keep",
			 n ? FLAME_PART : "", format_count(count, p->t->cut),
			 flame_figure(p->unit, p->t->cut_value, figure));
}

static unsigned int put_head(const struct flame_picture *p)
{
	char notes[512];
	unsigned int y = TITLE_Y;

	fprintf(p->f, "<text id=\"title\" x=\"%d\" y=\"%u\">", SVG_MARGIN, y);
	flame_name_write(p->title, (size_t)((width_of(p) - 2 * SVG_MARGIN) / 10), p->f);
	fputs("</text>\n", p->f);
	describe_left_out(p, notes, sizeof(notes));
	y = put_paragraph(p, "subtitle", p->subtitle, y + 22);
	y = put_paragraph(p, "notes", notes, y);
	return flame_legend_write(p, width_of(p), y - 4);
}

/* --- frames --- */

static unsigned int shade_of(const char *name)
{
	return (unsigned int)(hash_bytes(name, strlen(name)) >> 40) % FLAME_SHADES;
}

/* Nearly every frame of a busy thread holds a trace of some other state: not worth telling. */
static bool is_mixed(const struct flame_picture *p, const struct flame_frame *fr)
{
	const uint64_t most = p->l->split[fr - p->l->frames][fr->class];

	return most < fr->value - fr->value / 10;
}

static void put_class(const struct flame_picture *p, const struct flame_frame *fr)
{
	static const char *const shades[FLAME_SHADES] = { "", " a", " b" };
	const struct flame_name *name = &p->t->names[p->t->nodes[fr->node].name];

	if (p->t->before)
		fprintf(p->f, "<g class=\"f c%u\"", fr->class);
	else if (name->marks & FLAME_NO_STACK)
		fprintf(p->f, "<g class=\"f u c%u\"", fr->class);
	else
		fprintf(p->f, "<g class=\"f c%u%s%s\"", fr->class,
			name->marks & FLAME_KERNEL ? " k" : "",
			is_mixed(p, fr)		     ? " m"
			: name->marks & FLAME_KERNEL ? ""
						     : shades[shade_of(name->text)]);
}

/* Its classes, the largest first: "on-CPU 61.2 %, ...". */
static void put_split(const struct flame_picture *p, size_t i)
{
	const uint64_t *split = p->l->split[i];
	char name[FLAME_CLASS_NAME_SIZE], share[FORMAT_SIZE];
	uint32_t done = 0;

	for (int n = 0; n < SPLIT_MAX; n++) {
		unsigned int best = FLAME_CLASSES;

		for (unsigned int c = 0; c < FLAME_CLASSES; c++)
			if (split[c] && !(done & 1u << c) &&
			    (best == FLAME_CLASSES || split[c] > split[best]))
				best = c;
		if (best == FLAME_CLASSES)
			return;
		done |= 1u << best;
		fprintf(p->f, "%s%s ", n ? ", " : "", flame_class_name(best, name));
		flame_text(p, format_percent(share, split[best], p->l->frames[i].value));
	}
	fputs(", ...", p->f);
}

/* "was 1.20 s, 3.1 % of all: now +12 % of that share". */
static void put_before(const struct flame_picture *p, const struct flame_frame *fr)
{
	const struct flame_before *b = &p->t->before[fr->node];
	char figure[FLAME_FIGURE_SIZE], share[FORMAT_SIZE], change[FLAME_CHANGE_SIZE];

	if (!b->total) {
		fputs("before: nothing", p->f);
		return;
	}
	flame_change_text(p->t, fr->node, change);
	fputs("before: ", p->f);
	flame_text(p, flame_figure(p->unit, b->total, figure));
	fputs(", ", p->f);
	flame_text(p, format_percent(share, b->total, p->t->before[0].total));
	fprintf(p->f, " of all\nits share: %s", *change ? change : "as before");
}

/* What the tooltip says, with the script and without. */
static void put_title(const struct flame_picture *p, size_t i, const char *name)
{
	const struct flame_frame *fr = &p->l->frames[i];
	const uint64_t whole = p->l->frames[0].value;
	char figure[FLAME_FIGURE_SIZE], share[FORMAT_SIZE], class[FLAME_CLASS_NAME_SIZE];

	fputs("<title>", p->f);
	flame_text(p, name);
	putc('\n', p->f);
	flame_text(p, flame_figure(p->unit, fr->value, figure));
	fputs(", ", p->f);
	flame_text(p, format_percent(share, fr->value, whole));
	fputs(" of all", p->f);
	if (fr->parent != FLAME_NONE && fr->parent) {
		fputs(", ", p->f);
		flame_text(p, format_percent(share, fr->value, p->l->frames[fr->parent].value));
		fputs(" of its parent", p->f);
	}
	putc('\n', p->f);
	if (p->t->before)
		put_before(p, fr);
	else if (flame_is_memory(p->unit))
		; /* has no states */
	else if (fr->classes_n > 1)
		put_split(p, i);
	else
		fputs(flame_class_name(fr->class, class), p->f);
	fputs("</title>", p->f);
}

/* As flame.js does. Half a figure would be a wrong one: its sign alone where there is no room for more. */
static void put_label(const struct flame_picture *p, const char *change, const char *name,
		      size_t columns)
{
	const size_t n = strlen(change);
	char label[FLAME_NAME_SIZE + FLAME_CHANGE_SIZE];

	if (n && columns < n)
		snprintf(label, sizeof(label), "%c", *change == '-' ? '-' : '+');
	else if (n && columns < n + 4)
		snprintf(label, sizeof(label), "%s", change);
	else
		snprintf(label, sizeof(label), "%s%s%s", change, n ? " " : "", name);
	flame_name_write(label, columns, p->f);
}

static void put_frame(const struct flame_picture *p, size_t i)
{
	const struct flame_frame *fr = &p->l->frames[i];
	const char *name = p->t->names[p->t->nodes[fr->node].name].text;
	const double scale = (width_of(p) - 2 * SVG_MARGIN) / (double)p->l->frames[0].value;
	const double x = (double)fr->x * scale, width = (double)fr->value * scale;
	const unsigned int row = p->o->inverted ? fr->depth : p->l->depth - fr->depth;
	const int columns = (int)((width - 7) / SVG_CHAR);
	char sep = '"', change[FLAME_CHANGE_SIZE] = "";

	if (p->t->before)
		flame_change_text(p->t, fr->node, change);
	put_class(p, fr);
	fprintf(p->f, " data-x=\"%" PRIu64 "\" data-v=\"%" PRIu64 "\" data-d=\"%u\"", fr->x,
		fr->value, fr->depth);
	if (*change)
		fprintf(p->f, " data-p=\"%s\"", change);
	if (fr->classes_n > 1) {
		fputs(" data-s=", p->f);
		for (unsigned int c = 0; c < FLAME_CLASSES; c++) {
			if (!p->l->split[i][c])
				continue;
			fprintf(p->f, "%c%u:%" PRIu64, sep, c, p->l->split[i][c]);
			sep = ' ';
		}
		putc('"', p->f);
	}
	putc('>', p->f);
	put_title(p, i, name);
	fprintf(p->f, "<rect x=\"%.2f\" y=\"%u\" width=\"%.2f\" height=\"%d\"/>", x, row * SVG_ROW,
		width > 2 ? width - 0.7 : width, SVG_ROW - 1);
	if (columns >= 3) {
		fprintf(p->f, "<text x=\"%.2f\" y=\"%u\">", x + 3, row * SVG_ROW + 13);
		put_label(p, change, name, (size_t)columns);
		fputs("</text>", p->f);
	}
	fputs("</g>\n", p->f);
}

/* --- the whole --- */

static void put_root(const struct flame_picture *p, unsigned int height)
{
	fprintf(p->f,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<!-- A flame graph by infbpf %s. The script and the style are "
		"GPL-2.0-only OR BSD-2-Clause. -->\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
		"viewBox=\"0 0 %u %u\" data-margin=\"%d\" data-row=\"%d\" data-cell=\"%d\" "
		"data-cell-row=\"%d\" data-text-row=\"%d\" data-foot=\"%d\" data-depth=\"%u\" "
		"data-left-out=\"%zu\"",
		INFBPF_VERSION, width_of(p), height, width_of(p), height, SVG_MARGIN, SVG_ROW,
		SVG_LEGEND_CELL, SVG_LEGEND_ROW, SVG_TEXT_ROW, FOOT, p->l->depth, p->l->left_out);
	if (p->o->width)
		fprintf(p->f, " data-width=\"%u\"", p->o->width);
	if (p->o->inverted)
		fputs(" data-inverted=\"1\"", p->f);
	if (p->unit) {
		fputs(" data-unit=\"", p->f);
		flame_text(p, p->unit);
		putc('"', p->f);
	}
	fputs(">\n<title>", p->f);
	flame_text(p, p->title);
	fputs("</title>\n", p->f);
}

/* What the picture's width is, and what its colours. */
static void put_foot(const struct flame_picture *p, unsigned int y)
{
	const bool memory = flame_is_memory(p->unit);
	char text[UNIT_MAX + sizeof(foot_states) + 48];

	snprintf(text, sizeof(text), "Width is %.*s%s.%s", UNIT_MAX,
		 memory	   ? "memory"
		 : p->unit ? p->unit
			   : "time",
		 p->t->before ? " after" : "",
		 p->t->before ? foot_changes
		 : memory     ? ""
			      : foot_states);
	fputs("<text class=\"p\" id=\"foot\" data-text=\"", p->f);
	flame_text(p, text);
	fprintf(p->f, "\"><tspan x=\"%d\" y=\"%u\">", SVG_MARGIN, y);
	flame_text(p, text);
	fputs("</tspan></text>\n", p->f);
}

/* The head is as high as its text is long: written to nowhere once, to know the picture's height. */
static unsigned int head_height(const struct flame_picture *p)
{
	struct flame_picture q = *p;
	unsigned int height;

	q.f = fopen("/dev/null", "w");
	if (!q.f)
		return 200;
	height = put_head(&q);
	fclose(q.f);
	return height;
}

int flame_svg_write(const struct flame_picture *p)
{
	const unsigned int top = head_height(p) + 10;
	const unsigned int bottom = top + (p->l->depth + 1) * SVG_ROW;

	errno = 0;
	put_root(p, bottom + FOOT);
	fputs("<style><![CDATA[\n", p->f);
	fputs(flame_css, p->f);
	if (p->t->before)
		flame_changes_css(p->f);
	else
		flame_classes_css(p->f);
	fputs("]]></style>\n<rect id=\"page\" width=\"100%\" height=\"100%\"/>\n", p->f);
	put_head(p);
	fprintf(p->f, "<g id=\"graph\" transform=\"translate(%d %u)\">\n", SVG_MARGIN, top);
	for (size_t i = 0; i < p->l->n && !ferror(p->f); i++)
		put_frame(p, i);
	fputs("</g>\n", p->f);
	put_foot(p, bottom + 22);
	fputs("<script><![CDATA[\n", p->f);
	fputs(flame_js, p->f);
	fputs("]]></script>\n</svg>\n", p->f);
	if (fflush(p->f) || ferror(p->f))
		return errno ? -errno : -EIO;
	return 0;
}
