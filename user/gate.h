/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Conditions on a profile, for CI: "stage:decode.p99 > 50ms".
 *
 *     CONDITION := METRIC OPERATOR VALUE
 *     METRIC    := SECTION[:NAME].MEASURE | throughput
 *     OPERATOR  := > | >= | < | <= | == | !=
 *     VALUE     := NUMBER UNIT | WORD
 *
 * Sections, their measures and units: metric.h; the man page has the list. NAME is one, or a pattern
 * with * and ?, and may hold any character. With several rows of the name (processes, threads) the
 * condition holds if it does for any.
 */
#ifndef GATE_H
#define GATE_H

#include <stddef.h>
#include "fault.h"
#include "metric.h"

enum gate_operator {
	GATE_MORE,
	GATE_MORE_OR_EQUAL,
	GATE_LESS,
	GATE_LESS_OR_EQUAL,
	GATE_EQUAL,
	GATE_NOT_EQUAL,
	GATE_OPERATORS,
};

struct gate {
	const struct metric_section *section;
	size_t measure;
	char name[METRIC_NAME_SIZE]; /* "": the section's rows have none, or any */
	enum gate_operator op;
	double value;
	char word[64]; /* METRIC_WORD */
};

/* EXIT_USAGE in f: it is no condition. */
int gate_parse(const char *expr, struct gate *g, struct fault *f);

/* 1: the condition holds, and text says where: "stage:decode.p99 of infer-serve (4242) is 61.2 ms: '>
 * 50.0 ms' holds". 0: it does not; text says how near it is. Negative, with f set: EXIT_USAGE as
 * above; EXIT_FAILED: what it asks for was not measured. */
int gate_check(const struct profile *p, const char *expr, char *text, size_t len, struct fault *f);

#endif /* GATE_H */
