// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The legend: where the time went. Its first entries add up to the whole; those below count some of
 * the same time once more, across the states. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "flame/classes.h"
#include "flame/difference.h"
#include "flame/svg.h"
#include "format.h"

/* Within a cell: the name's left edge, the figures' right edges. */
#define NAME_X	18
#define TIME_X	212
#define SHARE_X 272

struct grid {
	const struct flame_picture *p;
	unsigned int columns, x, y; /* x: in cells */
};

static void put_figure(const struct flame_picture *p, int x, const char *figure)
{
	fprintf(p->f, "<text class=\"n\" x=\"%d\" y=\"14\">", x);
	flame_text(p, figure);
	fputs("</text>", p->f);
}

/* fill: the swatch's class in the style sheet. what: which frames it stands for, as attributes. */
static void put_entry(struct grid *g, const char *fill, const char *what, const char *name,
		      uint64_t value)
{
	const uint64_t whole = g->p->t->nodes[0].total;
	char figure[FLAME_FIGURE_SIZE], share[FORMAT_SIZE];
	FILE *f = g->p->f;

	if (g->x == g->columns) {
		g->x = 0;
		g->y += SVG_LEGEND_ROW;
	}
	flame_figure(g->p->unit, value, figure);
	format_percent(share, value, whole);
	fprintf(f, "<g class=\"e\" %s data-v=\"%" PRIu64 "\" transform=\"translate(%u %u)\">", what,
		value, SVG_MARGIN + g->x * SVG_LEGEND_CELL, g->y);
	fprintf(f, "<title>%s: ", name);
	flame_text(g->p, figure);
	fputs(", ", f);
	flame_text(g->p, share);
	fputs(" of the whole</title>", f);
	fprintf(f, "<rect class=\"b\" x=\"-5\" y=\"0\" width=\"%d\" height=\"%d\" rx=\"4\"/>",
		SHARE_X + 10, SVG_LEGEND_ROW - 1);
	fprintf(f,
		"<g class=\"%s\"><rect x=\"0\" y=\"4\" width=\"12\" height=\"12\" rx=\"2\"/></g>",
		fill);
	fprintf(f, "<text x=\"%d\" y=\"14\">%s</text>", NAME_X, name);
	/* There is no room for a word: that is in the title, and at the picture's foot. */
	put_figure(g->p, TIME_X,
		   g->p->unit ? format_count_short(figure, value / FLAME_THOUSANDTHS) : figure);
	put_figure(g->p, SHARE_X, share);
	fputs("</g>\n", f);
	g->x++;
}

/* The states, then the states inside GPU calls: one family, the wait with the rest. */
static const uint8_t in_call[] = { FLAME_BLOCKED_IN_CALL, FLAME_ON_CPU_IN_CALL,
				   FLAME_RUN_QUEUE_IN_CALL };
#define IN_CALL (sizeof(in_call) / sizeof(*in_call))

static void put_class(struct grid *g, unsigned int class)
{
	const uint64_t value = g->p->l->split[0][class];
	char name[FLAME_CLASS_NAME_SIZE], fill[16], what[32];

	snprintf(fill, sizeof(fill), "c%u", class);
	snprintf(what, sizeof(what), "data-c=\"%u\"", class);
	if (value)
		put_entry(g, fill, what, flame_class_name(class, name), value);
}

static void put_classes(struct grid *g)
{
	for (unsigned int c = 0; c < FLAME_CLASSES; c++)
		if (!memchr(in_call, (int)c, IN_CALL))
			put_class(g, c);
	for (size_t i = 0; i < IN_CALL; i++)
		put_class(g, in_call[i]);
}

static uint64_t marked(const struct flame_tree *t, unsigned int mark)
{
	uint64_t sum = 0;

	for (unsigned int m = 0; m < sizeof(t->marked) / sizeof(*t->marked); m++)
		sum += m & mark ? t->marked[m] : 0;
	return sum;
}

/* How much ends in frames that changed so and so. */
static unsigned int put_changes(const struct flame_picture *p, struct grid *g)
{
	fputs("<g id=\"legend\">\n", p->f);
	for (int i = CHANGES; i--;) {
		char fill[16], what[32];

		snprintf(fill, sizeof(fill), "c%d", i);
		snprintf(what, sizeof(what), "data-c=\"%d\"", i);
		if (p->l->split[0][i])
			put_entry(g, fill, what, flame_change_name((enum flame_change)i),
				  p->l->split[0][i]);
	}
	fputs("</g>\n<g id=\"across\"></g>\n", p->f);
	return g->y + SVG_LEGEND_ROW;
}

unsigned int flame_legend_write(const struct flame_picture *p, unsigned int width, unsigned int y)
{
	const uint64_t *split = p->l->split[0];
	struct grid g = { .p = p, .columns = (width - 2 * SVG_MARGIN) / SVG_LEGEND_CELL, .y = y };
	char calls[32], fill[16];
	const uint64_t call = split[in_call[0]] + split[in_call[1]] + split[in_call[2]];
	const struct {
		const char *fill, *what, *name;
		uint64_t value;
	} across[] = {
		{ fill, calls, "GPU calls in all", call },
		{ "k", "data-m=\"k\"", "with kernel frames", marked(p->t, FLAME_KERNEL) },
		{ "u", "data-m=\"u\"", "stack not known", marked(p->t, FLAME_NO_STACK) },
	};

	if (flame_is_memory(p->unit) && !p->t->before) {
		fputs("<g id=\"legend\"></g>\n<g id=\"across\"></g>\n", p->f);
		return y;
	}
	g.columns = g.columns ? g.columns : 1;
	if (p->t->before)
		return put_changes(p, &g);
	snprintf(fill, sizeof(fill), "c%d", FLAME_BLOCKED_IN_CALL);
	snprintf(calls, sizeof(calls), "data-c=\"%d,%d,%d\"", in_call[0], in_call[1], in_call[2]);
	fputs("<g id=\"legend\">\n", p->f);
	put_classes(&g);
	fputs("</g>\n<g id=\"across\">\n", p->f);
	g.x = 0;
	g.y += SVG_LEGEND_ROW + 4;
	y = g.y;
	for (size_t i = 0; i < sizeof(across) / sizeof(*across); i++)
		if (across[i].value)
			put_entry(&g, across[i].fill, across[i].what, across[i].name,
				  across[i].value);
	fputs("</g>\n", p->f);
	return g.x ? g.y + SVG_LEGEND_ROW : y - 4;
}
