/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command line. */
#ifndef SERVE_OPTIONS_H
#define SERVE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include "scenario.h"

enum device_choice { DEVICE_AUTO, DEVICE_GPU, DEVICE_EMU };

struct options {
	int device;	   /* enum device_choice */
	int model;	   /* row of models[] */
	double duration_s; /* 0: no limit */
	uint64_t requests; /* 0: no limit */
	double rate;	   /* requests a second */
	uint64_t seed;
	double batch_window_ms;
	unsigned int max_batch;
	unsigned int tokenizers;
	unsigned int new_tokens; /* at most, a request */
	bool pinned;
	bool spin;
	bool graphs;
	const char *stats;    /* NULL: none */
	const char *weights;  /* NULL: the default place */
	const char *scenario; /* "baseline" when none was asked for */
	const struct scenario_row *scenario_row;
	double magnitude;
	struct plant plant;
	uint64_t given; /* which rows of the table the command line has: bits */
};

/* 0: go on; 1: done (--help, --version); -1: usage error, said on stderr. */
int options_parse(struct options *o, int argc, char **argv);
/* Sets an option that the command line does not have. */
int options_default(struct options *o, const char *name, const char *text);

#endif /* SERVE_OPTIONS_H */
