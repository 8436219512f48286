/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command line of "infbpf trace". */
#ifndef TRACE_OPTIONS_H
#define TRACE_OPTIONS_H

#include "fault.h"
#include "output.h"
#include "session.h"

struct trace_options {
	struct session_options session;
	struct fold_options fold;
	const char *folded; /* -o, NULL: not given */
	const char *svg, *json, *leaks, *report;
	bool quiet;
	bool wide;
	double cost_per_hour; /* 0: not given */
};

/* Fills in o, defaults included; strings are borrowed from argv. 0, or a negative errno with f set.
 * -ECANCELED: --help was printed. target_pids_free() the pids and stage_options_free() the functions in any case. */
int trace_options_parse(int argc, char **argv, struct trace_options *o, struct fault *f);

#endif /* TRACE_OPTIONS_H */
