/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two files of folded stacks: as one with two values a line, and as one flame graph. */
#ifndef DIFF_FOLDED_H
#define DIFF_FOLDED_H

#include <stdbool.h>
#include <stdio.h>
#include "fault.h"

struct diff_folded_options {
	const char *unit; /* of the values; NULL: us */
	bool normalise;	  /* the lines: the first scaled to the second's total */
	bool keep_ids;	  /* "serve (4242)" is another process than "serve (4711)" */
};

struct diff_folded;
/* NULL with f set. */
struct diff_folded *diff_folded_read(const char *before, const char *after,
				     const struct diff_folded_options *o, struct fault *f);
void diff_folded_free(struct diff_folded *d);

/* "frame;frame BEFORE AFTER", as difffolded.pl writes it and flamegraph.pl reads it: every stack of
 * either file once, 0 where it is not in the other. 0 or a negative errno. */
int diff_folded_lines(const struct diff_folded *d, FILE *f);
int diff_folded_draw(const struct diff_folded *d, FILE *f);

#endif /* DIFF_FOLDED_H */
