// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Red grew, blue shrank: the usual colours, which stay apart under all kinds of colour blindness; the
 * labels say it in figures. Text on every fill is black at 4.5:1 or more. */
#include <math.h>
#include <string.h>
#include "flame/classes.h"
#include "flame/difference.h"

/* Less of the whole is next to nothing, whatever the ratio: stacks are sampled. */
#define LEAST_SHARE 0.0005

static const struct {
	const char *name;
	double up_to; /* after / before, exclusive */
	uint32_t rgb;
} changes[CHANGES] = {
	[CHANGE_LESS_THAN_HALF] = { "less than half", 0.5, 0x6fa8e8 },
	[CHANGE_LESS] = { "20 to 50 % less", 0.8, 0x9cc4f2 },
	[CHANGE_SOMEWHAT_LESS] = { "5 to 20 % less", 0.95, 0xcbe0f8 },
	[CHANGE_NONE] = { "as before, to 5 %", 1.05, 0xdedbd5 },
	[CHANGE_SOMEWHAT_MORE] = { "5 to 20 % more", 1.2, 0xfbd5c9 },
	[CHANGE_MORE] = { "20 to 100 % more", 2, 0xf5ab97 },
	[CHANGE_MORE_THAN_TWICE] = { "more than twice", INFINITY, 0xea7f68 },
	[CHANGE_NEW] = { "new", INFINITY, 0xe88fc0 },
};

const char *flame_change_name(enum flame_change change)
{
	return changes[change].name;
}

void flame_changes_css(FILE *f)
{
	for (int i = 0; i < CHANGES; i++)
		fprintf(f, ".c%d>rect{fill:#%06x}\n", i, changes[i].rgb);
	fputs("@media (prefers-color-scheme:dark){\n", f);
	for (int i = 0; i < CHANGES; i++)
		fprintf(f, ".c%d>rect{fill:#%06x}\n", i, flame_mix(changes[i].rgb, 0, 8));
	fputs("}\n", f);
}

/* A node's shares of the whole. */
static void shares(const struct flame_tree *t, uint32_t node, double share[2])
{
	share[0] = (double)t->before[node].total / (double)t->before[0].total;
	share[1] = (double)t->nodes[node].total / (double)t->nodes[0].total;
}

static enum flame_change change_of(const struct flame_tree *t, uint32_t node)
{
	double share[2];
	int i = 0;

	shares(t, node, share);
	if (fabs(share[1] - share[0]) < LEAST_SHARE)
		return CHANGE_NONE;
	if (share[0] <= 0)
		return CHANGE_NEW;
	while (i < CHANGE_MORE_THAN_TWICE && share[1] / share[0] >= changes[i].up_to)
		i++;
	return (enum flame_change)i;
}

const char *flame_change_text(const struct flame_tree *t, uint32_t node,
			      char buf[FLAME_CHANGE_SIZE])
{
	const enum flame_change change = change_of(t, node);
	double share[2], ratio;

	shares(t, node, share);
	ratio = share[1] / share[0];
	if (change == CHANGE_NONE)
		*buf = '\0';
	else if (change == CHANGE_NEW)
		strcpy(buf, "new");
	else if (ratio >= 10)
		snprintf(buf, FLAME_CHANGE_SIZE, "x %.3g", ratio);
	else
		snprintf(buf, FLAME_CHANGE_SIZE, "%+.0f %%", (ratio - 1) * 100);
	return buf;
}

void flame_layout_changes(const struct flame_tree *t, struct flame_layout *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct flame_frame *f = &l->frames[i];

		f->class = change_of(t, f->node);
		f->classes_n = 1;
		memset(l->split[i], 0, sizeof(l->split[i]));
	}
	/* What ends in a frame is its value without that of the frames above it. */
	for (size_t i = 0; i < l->n; i++) {
		const struct flame_frame *f = &l->frames[i];

		l->split[0][f->class] += f->value;
		if (f->parent != FLAME_NONE)
			l->split[0][l->frames[f->parent].class] -= f->value;
	}
}

void flame_gone(const struct flame_tree *t, uint64_t *stacks, uint64_t *value)
{
	*stacks = *value = 0;
	for (size_t i = 0; i < t->nodes_n; i++)
		if (!t->nodes[i].total && t->before[i].self) {
			++*stacks;
			*value += t->before[i].self;
		}
}
