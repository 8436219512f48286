/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef FLAME_H
#define FLAME_H

#include "flame/tree.h"
#include "output.h"

/* flamegraph.c: the options' title and subtitle must be given; unit NULL: the tree's values are ns.
 * Any other word but a unit of time: they are thousandths of it. */
int flamegraph_draw(const struct flame_tree *t, const struct flame_options *o, FILE *f);

#endif /* FLAME_H */
