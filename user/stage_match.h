/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which files and which functions an option of --stage means, and what a function's stage is called. */
#ifndef STAGE_MATCH_H
#define STAGE_MATCH_H

#include <stdbool.h>
#include "stage_option.h"

/* Is this the path of a mapping that is meant? (A link to it is not resolved here.) */
bool stage_match_path(const struct stage_option *o, const char *path);

/* A pattern for functions, made ready for many symbols: demangling each would take seconds. */
#define STAGE_WORDS 8
struct stage_pattern {
	const struct stage_option *option;
	/* Stand in every mangled name whose demangled form matches. */
	struct {
		const char *at;
		int n;
	} words[STAGE_WORDS];
	int words_n;
};
void stage_pattern_make(struct stage_pattern *p, const struct stage_option *o);

enum stage_match {
	STAGE_NO_MATCH,
	STAGE_MATCH_PLAIN, /* the name without C++'s parameters, or what a compiler appended */
	STAGE_MATCH_EXACT, /* the symbol itself */
};
enum stage_match stage_pattern_match(const struct stage_pattern *p, const char *symbol);

/* The name of the stage that a function is, at most STAGE_NAME_BYTES: the option's, or where that has a %s
 * or is empty the function's own, without parameters, and without as much of its namespaces as needed.
 * -ENOMEM. */
int stage_match_name(const struct stage_option *o, const char *symbol,
		     char buf[STAGE_NAME_BYTES + 1]);

#endif /* STAGE_MATCH_H */
