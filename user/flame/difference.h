/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A tree of two sets of stacks (flame_tree_compare), drawn: widths are the second's, colours and labels
 * say how a frame's share of the whole has changed. Shares, since no two traces are equally long.
 */
#ifndef FLAME_DIFFERENCE_H
#define FLAME_DIFFERENCE_H

#include <stdio.h>
#include "flame/layout.h"

/* How it changed; takes the place of the class of time. */
enum flame_change {
	CHANGE_LESS_THAN_HALF,
	CHANGE_LESS,
	CHANGE_SOMEWHAT_LESS,
	CHANGE_NONE,
	CHANGE_SOMEWHAT_MORE,
	CHANGE_MORE,
	CHANGE_MORE_THAN_TWICE,
	CHANGE_NEW,
	CHANGES,
};

/* In words, for the legend. */
const char *flame_change_name(enum flame_change change);
void flame_changes_css(FILE *f);

/* Gives the frames, laid out, their change as class; split[0] then says how much of the whole ends in
 * frames of each. */
void flame_layout_changes(const struct flame_tree *t, struct flame_layout *l);

/* "+12 %", "-30 %", "new"; "" where it is next to nothing. Returns buf. */
#define FLAME_CHANGE_SIZE 24
const char *flame_change_text(const struct flame_tree *t, uint32_t node,
			      char buf[FLAME_CHANGE_SIZE]);

/* Stacks that only the first has, which no width shows: how many, and their value. */
void flame_gone(const struct flame_tree *t, uint64_t *stacks, uint64_t *value);

#endif /* FLAME_DIFFERENCE_H */
