/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef FLAME_H
#define FLAME_H

#include "flame/tree.h"
#include "output.h"

/* Between the parts of a subtitle, where it may be broken: a middle dot. */
#define FLAME_PART " \xc2\xb7 "

/* How many ns a unit of time is, 0: the word is no unit of time. Values of a folded file are kept in
 * ns, or in thousandths of the word. */
uint64_t flame_unit_ns(const char *unit);
#define FLAME_THOUSANDTHS 1000

#define FLAME_FIGURE_SIZE 96
/* Is it memory and no time at all? Then there are no states: no legend. */
bool flame_is_memory(const char *unit);
/* "1.23 s", or "1,234 samples" where unit is not NULL: a word for thousandths. Returns buf. */
const char *flame_figure(const char *unit, uint64_t value, char buf[FLAME_FIGURE_SIZE]);

/* The options' title and subtitle must be given; its unit tells what the tree's values are: NULL, or a
 * unit of time: ns. */
int flamegraph_draw(const struct flame_tree *t, const struct flame_options *o, FILE *f);

#endif /* FLAME_H */
