/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Folded stacks, read: "frame;frame;frame VALUE". Ours, or anybody's. */
#ifndef FOLDED_READ_H
#define FOLDED_READ_H

#include <stdio.h>
#include "fault.h"
#include "flame/tree.h"

struct folded_count {
	uint64_t lines, skipped; /* not counting empty ones */
	uint64_t first_skipped;	 /* line number */
	const char *why;	 /* that one */
};

/* Adds all lines of f to the tree. A line that is none is counted and skipped. A read error, or a file
 * without one stack, is a fault that names the file (and the line). A value is kept in units of
 * 1 / scale, so that it may have a fraction. */
int folded_read(FILE *f, const char *name, uint64_t scale, struct flame_tree *t,
		struct folded_count *count, struct fault *fault);

/* The same of a file, "-": stdin. Skipped lines are said on stderr. */
int folded_read_file(const char *path, uint64_t scale, struct flame_tree *t, struct fault *fault);
/* For titles: the file's name without its folder. */
const char *folded_name(const char *path);

#endif /* FOLDED_READ_H */
