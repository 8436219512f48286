/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A finished profile as a report: one screen first, then all there is, a section each. As text, or as
 * one self-contained page. The writers are as those of output.h.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdio.h>
#include "fault.h"
#include "profile.h"

struct report_options {
	bool colour;
	bool wide;	      /* all rows of all tables */
	unsigned int columns; /* 0: 80 */
	double cost_per_hour; /* 0: not given */
	/* Of a page: a file of folded stacks to draw; NULL: the profile's lines, where it has any. */
	const char *folded;
};

/* report.c: text. */
int report_write(const struct profile *p, const struct report_options *o, FILE *f);
/* report_page.c. fault: also set where the error is the folded file's. */
int report_page_write(const struct profile *p, const struct report_options *o, FILE *f,
		      struct fault *fault);

#endif /* REPORT_H */
