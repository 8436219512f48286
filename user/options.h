/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Command-line options as tables: one row an option, which getopt and --help both read. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdint.h>
#include <stdio.h>
#include "fault.h"

struct option_row {
	const char *name;     /* long name */
	char letter;	      /* 0: none */
	const char *argument; /* as shown in --help, NULL: takes none; "[=X]": need not be there */
	const char *help;
	/* Takes the argument (NULL: there is none); 0, or a negative errno with f set. */
	int (*set)(void *out, const char *argument, struct fault *f);
};

/* Reads argv up to the first operand or "--". Returns the index of what follows, or a negative errno
 * with f set. -ECANCELED: --help was printed. */
int options_parse(const struct option_row *rows, int argc, char **argv, void *out,
		  const char *usage, struct fault *f);

/* "10", "10s", "5ms", "100us", "2m" in ns; without a unit: seconds. option: for the message. */
int options_duration(const char *option, const char *text, uint64_t *ns, struct fault *f);
/* A whole number in [low, high]. */
int options_number(const char *option, const char *text, uint64_t low, uint64_t high, uint64_t *out,
		   struct fault *f);

struct option_choice {
	const char *name;
	int value;
};
/* One of a NULL-ended list of words. */
int options_choice(const char *option, const char *text, const struct option_choice *choices,
		   int *out, struct fault *f);

#endif /* OPTIONS_H */
