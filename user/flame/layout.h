/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is drawn of a tree, where, and of which class. */
#ifndef FLAME_LAYOUT_H
#define FLAME_LAYOUT_H

#include "flame/tree.h"

struct flame_frame {
	uint64_t x, value; /* x: from the root's left edge */
	uint32_t node;	   /* of the tree */
	uint32_t parent;   /* a frame before it; FLAME_NONE: the root */
	uint32_t depth;
	uint8_t class; /* which holds most of it */
	uint8_t classes_n;
};

struct flame_layout {
	struct flame_frame *frames; /* parents before children, siblings by name: as to be drawn */
	size_t n;
	uint64_t (*split)[FLAME_CLASSES]; /* by frame: sums to its value */
	uint32_t depth;			  /* of the deepest frame */
	uint64_t least;			  /* narrower frames are left out */
	size_t left_out;		  /* so many */
	uint64_t left_out_value;	  /* in stacks that for it end early */
};

/* No picture has more frames: no browser would open it. The narrowest go first. */
#define FLAME_FRAMES_MAX 250000

/* min_share: of the whole, 0 to 1. -ENOMEM. */
int flame_layout(const struct flame_tree *t, double min_share, struct flame_layout *l);
void flame_layout_free(struct flame_layout *l);

#endif /* FLAME_LAYOUT_H */
