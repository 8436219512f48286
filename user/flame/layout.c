// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE /* qsort_r */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "flame/layout.h"

static size_t count_drawn(const struct flame_tree *t, uint64_t least)
{
	size_t n = 0;

	for (size_t i = 0; i < t->nodes_n; i++)
		n += t->nodes[i].total >= least;
	return n;
}

static uint64_t choose_least(const struct flame_tree *t, double min_share, size_t *n)
{
	const double wanted = (double)t->nodes[0].total * min_share;
	/* What has no time has no width. */
	uint64_t least = wanted > 1 ? (uint64_t)wanted : 1;

	while (*n = count_drawn(t, least), *n > FLAME_FRAMES_MAX)
		least *= 2;
	/* The root is always drawn. */
	*n += t->nodes[0].total < least;
	return least;
}

/* Siblings side by side, by name: the same order in every picture. */
static int by_parent_and_name(const void *a, const void *b, void *arg)
{
	const struct flame_tree *t = arg;
	const struct flame_node *x = &t->nodes[*(const uint32_t *)a];
	const struct flame_node *y = &t->nodes[*(const uint32_t *)b];

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return strcmp(t->names[x->name].text, t->names[y->name].text);
}

struct work {
	const struct flame_tree *t;
	struct flame_layout *l;
	uint32_t *order;    /* the nodes drawn but the root, children of one node together */
	uint32_t *children; /* by node: where its children begin in order; FLAME_NONE: none drawn */
	uint32_t *frame_of; /* by node: its frame, or that of the nearest drawn node above */
	size_t order_n;
};

static int find_drawn(struct work *w, size_t n)
{
	const struct flame_tree *t = w->t;

	w->order = malloc(n * sizeof(*w->order));
	w->children = malloc(t->nodes_n * sizeof(*w->children));
	w->frame_of = malloc(t->nodes_n * sizeof(*w->frame_of));
	w->l->frames = malloc(n * sizeof(*w->l->frames));
	w->l->split = calloc(n, sizeof(*w->l->split));
	if (!w->order || !w->children || !w->frame_of || !w->l->frames || !w->l->split)
		return -ENOMEM;
	memset(w->children, 0xff, t->nodes_n * sizeof(*w->children));
	for (size_t i = 1; i < t->nodes_n; i++) {
		if (t->nodes[i].total >= w->l->least)
			w->order[w->order_n++] = (uint32_t)i;
		else
			w->l->left_out += t->nodes[i].total > 0;
	}
	qsort_r(w->order, w->order_n, sizeof(*w->order), by_parent_and_name, (void *)t);
	for (size_t i = w->order_n; i--;)
		w->children[t->nodes[w->order[i]].parent] = (uint32_t)i;
	return 0;
}

/* Parents before children, a child's own children before its next sibling. The frames not yet placed
 * wait on a stack as long as the tree is deep. */
static void place(struct work *w)
{
	struct level {
		uint32_t next; /* in order */
		uint32_t frame;
		uint64_t x;
	} stack[FLAME_DEPTH_MAX + 1];
	const struct flame_tree *t = w->t;
	struct flame_layout *l = w->l;
	uint32_t depth = 0;

	l->frames[0] = (struct flame_frame){ .value = t->nodes[0].total, .parent = FLAME_NONE };
	l->n = 1;
	w->frame_of[0] = 0;
	stack[0] = (struct level){ .next = w->children[0] };
	for (;;) {
		struct level *s = &stack[depth];
		const uint32_t parent = l->frames[s->frame].node;
		const uint32_t node = s->next < w->order_n ? w->order[s->next] : 0;

		if (!node || t->nodes[node].parent != parent) {
			if (!depth--)
				return;
			continue;
		}
		l->frames[l->n] = (struct flame_frame){ .x = s->x,
							.value = t->nodes[node].total,
							.node = node,
							.parent = s->frame,
							.depth = depth + 1 };
		w->frame_of[node] = (uint32_t)l->n;
		s->x += t->nodes[node].total;
		s->next++;
		depth++;
		l->depth = depth > l->depth ? depth : l->depth;
		stack[depth] = (struct level){ .next = w->children[node],
					       .frame = (uint32_t)l->n,
					       .x = l->frames[l->n].x };
		l->n++;
	}
}

static void sum_classes(struct work *w)
{
	const struct flame_tree *t = w->t;
	struct flame_layout *l = w->l;

	for (size_t i = 0; i < t->nodes_n; i++) {
		/* Nodes follow their parents. */
		if (i && t->nodes[i].total < l->least) {
			w->frame_of[i] = w->frame_of[t->nodes[i].parent];
			if (t->nodes[t->nodes[i].parent].total >= l->least)
				l->left_out_value += t->nodes[i].total;
		}
		for (uint32_t s = t->nodes[i].self; s != FLAME_NONE; s = t->selves[s].next)
			l->split[w->frame_of[i]][t->selves[s].class] += t->selves[s].value;
	}
	for (size_t i = l->n; i--;) {
		struct flame_frame *f = &l->frames[i];

		for (uint8_t c = 0; c < FLAME_CLASSES; c++) {
			const uint64_t value = l->split[i][c];

			f->classes_n += value > 0;
			if (value > l->split[i][f->class])
				f->class = c;
			if (f->parent != FLAME_NONE)
				l->split[f->parent][c] += value;
		}
	}
}

int flame_layout(const struct flame_tree *t, double min_share, struct flame_layout *l)
{
	struct work w = { .t = t, .l = l };
	size_t n;
	int err;

	*l = (struct flame_layout){ 0 };
	l->least = choose_least(t, min_share, &n);
	err = find_drawn(&w, n);
	if (!err) {
		place(&w);
		sum_classes(&w);
	}
	free(w.order);
	free(w.children);
	free(w.frame_of);
	if (err)
		flame_layout_free(l);
	return err;
}

void flame_layout_free(struct flame_layout *l)
{
	free(l->frames);
	free(l->split);
	*l = (struct flame_layout){ 0 };
}
