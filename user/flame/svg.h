/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The picture. One that is right without its script, at the nominal width; the script lays it out for
 * the window's width, by the same rules (flame.js), and makes it answer.
 */
#ifndef FLAME_SVG_H
#define FLAME_SVG_H

#include <stdio.h>
#include "flame/flame.h"
#include "flame/layout.h"

#define SVG_WIDTH	1200 /* nominal */
#define SVG_MARGIN	12
#define SVG_ROW		18 /* of frames, with the gap between rows */
#define SVG_LEGEND_ROW	20
#define SVG_LEGEND_CELL 292
#define SVG_CHAR	7.23 /* a character of 12 px in the usual monospaced fonts */
#define SVG_TEXT_ROW	17

struct flame_picture {
	const struct flame_tree *t;
	const struct flame_layout *l;
	const struct flame_options *o;
	const char *title;
	const char *subtitle; /* parts, with FLAME_PART between */
	const char *unit;     /* NULL: the values are ns; else thousandths of this */
	FILE *f;
};

/* Anybody's words as XML. "<0.1 %" is one of them. */
void flame_text(const struct flame_picture *p, const char *text);

/* What follows the title at y: the legend; returns where it ends. */
unsigned int flame_legend_write(const struct flame_picture *p, unsigned int width, unsigned int y);

/* 0 or the stream's error. */
int flame_svg_write(const struct flame_picture *p);

/* assets.c: flame.js and flame.css. */
extern const char flame_js[], flame_css[];

#endif /* FLAME_SVG_H */
