/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command line: one row an option. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "model.h"
#include "options.h"

enum option_type {
	TYPE_REAL,
	TYPE_COUNT,
	TYPE_UINT,
	TYPE_CHOICE,
	TYPE_BOOL,
	TYPE_TEXT,
	TYPE_SCENARIO
};

struct option_row {
	const char *name;
	enum option_type type;
	size_t at; /* in struct options */
	double min, max;
	const char *const *choices; /* NULL-ended; for TYPE_BOOL: false, true */
	const char *value, *help;
};

static const char *const device_choices[] = { "auto", "gpu", "emu", NULL };
static const char *const off_on[] = { "off", "on", NULL };
static const char *const block_spin[] = { "block", "spin", NULL };

#define AT(field) offsetof(struct options, field)
static const struct option_row rows[] = {
	{ "device", TYPE_CHOICE, AT(device), 0, 0, device_choices, "auto|gpu|emu",
	  "where kernels run (auto: a GPU if there is one)" },
	{ "duration", TYPE_REAL, AT(duration_s), 0, 1e9, NULL, "SEC",
	  "stop after SEC seconds (0: when told to)" },
	{ "requests", TYPE_COUNT, AT(requests), 0, 1e12, NULL, "N",
	  "stop when N requests are answered (0: no limit)" },
	{ "rate", TYPE_REAL, AT(rate), 1e-3, 1e6, NULL, "R",
	  "requests a second, arriving at random (default 20)" },
	{ "seed", TYPE_COUNT, AT(seed), 0, 9007199254740992.0, NULL, "N",
	  "of weights, prompts and arrivals (default 1)" },
	{ "model", TYPE_CHOICE, AT(model), 0, 0, model_names, "tiny|small|medium",
	  "size of the transformer (default tiny)" },
	{ "batch-window-ms", TYPE_REAL, AT(batch_window_ms), 0, 1e4, NULL, "MS",
	  "how long the batcher waits for more requests (default 2)" },
	{ "max-batch", TYPE_UINT, AT(max_batch), 1, MODEL_MAX_BATCH, NULL, "N",
	  "requests decoded side by side (default 8)" },
	{ "new-tokens", TYPE_UINT, AT(new_tokens), 1, MODEL_MAX_NEW, NULL, "N",
	  "tokens generated for a request, at most (default 16)" },
	{ "tokenizers", TYPE_UINT, AT(tokenizers), 1, 64, NULL, "N",
	  "tokenizer threads (default 2)" },
	{ "pinned", TYPE_BOOL, AT(pinned), 0, 0, off_on, "on|off",
	  "host side of copies in page-locked memory (default on)" },
	{ "sync", TYPE_BOOL, AT(spin), 0, 0, block_spin, "spin|block",
	  "how to wait for the device (default block)" },
	{ "graphs", TYPE_BOOL, AT(graphs), 0, 0, off_on, "on|off",
	  "decode by CUDA graphs, captured once a batch size (default off)" },
	{ "stats", TYPE_TEXT, AT(stats), 0, 0, NULL, "FILE",
	  "write what the server counted, as JSON (-: stdout)" },
	{ "weights", TYPE_TEXT, AT(weights), 0, 0, NULL, "FILE",
	  "read the weights from FILE; made from the seed if it does not exist" },
	{ "scenario", TYPE_SCENARIO, 0, 0, 0, NULL, "NAME[:MAGNITUDE]",
	  "plant a bottleneck: see below" },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void usage(FILE *to)
{
	fprintf(to, "Usage: infer-serve [OPTION]...\n"
		    "A small inference server with its own load generator.\n\n");
	for (size_t i = 0; i < ROWS; i++)
		fprintf(to, "  --%s %-*s %s\n", rows[i].name, (int)(31 - strlen(rows[i].name)),
			rows[i].value, rows[i].help);
	fprintf(to, "  --help, --version\n\n");
	scenario_help(to);
	fprintf(to,
		"MAGNITUDE is a number, middle (the default) or high; options of the command line\n"
		"stand before a scenario's. --scenario list prints them for programs.\n\n"
		"--stats has, among others, each CUDA call by name (cuda_calls: calls, errors),\n"
		"copies by kind, launches by kernel, streams, memory, errors and graphs: what a\n"
		"tracer is held against. gpu/serve/README.md says what each counts.\n\n"
		"SIGTERM and SIGINT end it cleanly, SIGUSR1 starts a new window of counts.\n"
		"Exit status: 0 done, 1 failed, 2 usage.\n");
}

static bool choice_find(const char *const *choices, const char *text, int *found)
{
	for (int i = 0; choices[i]; i++) {
		if (!strcmp(choices[i], text)) {
			*found = i;
			return true;
		}
	}
	return false;
}

static bool number_parse(const struct option_row *row, const char *text, double *v)
{
	char *rest;

	errno = 0;
	*v = strtod(text, &rest);
	if (rest == text || *rest || errno || !(*v >= row->min) || !(*v <= row->max))
		return false;
	return row->type == TYPE_REAL || *v == floor(*v);
}

static int option_set(struct options *o, const struct option_row *row, const char *text)
{
	void *at = (char *)o + row->at;
	double v = 0;
	int choice = 0;

	switch (row->type) {
	case TYPE_SCENARIO:
		return scenario_parse(o, text);
	case TYPE_TEXT:
		if (*text) {
			*(const char **)at = text;
			return 0;
		}
		break;
	case TYPE_CHOICE:
	case TYPE_BOOL:
		if (choice_find(row->choices, text, &choice)) {
			if (row->type == TYPE_BOOL)
				*(bool *)at = choice;
			else
				*(int *)at = choice;
			return 0;
		}
		break;
	case TYPE_REAL:
	case TYPE_COUNT:
	case TYPE_UINT:
		if (number_parse(row, text, &v)) {
			if (row->type == TYPE_REAL)
				*(double *)at = v;
			else if (row->type == TYPE_COUNT)
				*(uint64_t *)at = (uint64_t)v;
			else
				*(unsigned int *)at = (unsigned int)v;
			return 0;
		}
		fprintf(stderr, "infer-serve: --%s: '%s' is not a%s number from %g to %g\n",
			row->name, text, row->type == TYPE_REAL ? "" : " whole", row->min,
			row->max);
		return -1;
	}
	fprintf(stderr, "infer-serve: --%s: '%s' is not %s\n", row->name, text, row->value);
	return -1;
}

int options_default(struct options *o, const char *name, const char *text)
{
	for (size_t i = 0; i < ROWS; i++)
		if (!strcmp(rows[i].name, name) && !(o->given & 1ULL << i))
			return option_set(o, &rows[i], text);
	return 0;
}

int options_parse(struct options *o, int argc, char **argv)
{
	struct option longs[ROWS + 3] = { 0 };
	int c, row, err;

	*o = (struct options){ .rate = 20,
			       .seed = 1,
			       .batch_window_ms = 2,
			       .max_batch = 8,
			       .tokenizers = 2,
			       .new_tokens = 16,
			       .pinned = true,
			       .scenario = "baseline" };
	opterr = 0;
	for (size_t i = 0; i < ROWS; i++)
		longs[i] = (struct option){ rows[i].name, required_argument, NULL, 0 };
	longs[ROWS] = (struct option){ "help", no_argument, NULL, 'h' };
	longs[ROWS + 1] = (struct option){ "version", no_argument, NULL, 'V' };
	while ((c = getopt_long(argc, argv, ":h", longs, &row)) != -1) {
		switch (c) {
		case 0:
			err = option_set(o, &rows[row], optarg);
			if (err)
				return err;
			o->given |= 1ULL << row;
			break;
		case 'h':
			usage(stdout);
			return 1;
		case 'V':
			printf("infer-serve %s\n", INFBPF_VERSION);
			return 1;
		default:
			fprintf(stderr, "infer-serve: '%s' %s. Try --help\n", argv[optind - 1],
				c == ':' ? "needs a value" : "is not an option");
			return -1;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "infer-serve: '%s' is not an option. Try --help\n", argv[optind]);
		return -1;
	}
	if (scenario_apply(o))
		return -1;
	if (o->graphs && !o->pinned) {
		fprintf(stderr, "infer-serve: --graphs on needs --pinned on\n");
		return -1;
	}
	if (o->graphs && o->plant.sync_percent) {
		fprintf(stderr, "infer-serve: --scenario sync-each-op needs --graphs off\n");
		return -1;
	}
	return 0;
}
