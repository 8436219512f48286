/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of scenarios: what each plants, how much of it, and which options go with it. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "model.h"
#include "options.h"

struct scenario_row {
	const char *name;
	size_t at; /* in struct plant */
	double middle, high, min, max;
	const char *unit, *help;
	/* An option that goes with it, where the command line has no other. value NULL: the magnitude. */
	const char *option, *value;
};

#define AT(field) offsetof(struct plant, field)
static const struct scenario_row rows[] = {
	{ "baseline", 0, 0, 0, 0, 0, "", "nothing is planted", NULL, NULL },
	{ "batch-wait", AT(window_ms), 30, 100, 1, 1e4, "ms",
	  "how long the batcher waits for more requests", "batch-window-ms", NULL },
	{ "cpu-steal", AT(competitors), 2, 4, 1, 32, "processes",
	  "that compute on the CPU where the executor is", NULL, NULL },
	{ "cgroup-throttle", AT(quota_percent), 17, 15, 1, 100, "% of a CPU",
	  "that the server's cgroup may use; tokenising takes 5 ms of it", NULL, NULL },
	{ "lock", AT(lock_ms), 25, 50, 1, 1000, "ms",
	  "that housekeeping holds the prompt cache's lock at a time", NULL, NULL },
	{ "slow-disk", AT(adapter_mib), 6, 16, 1, 64, "MiB",
	  "of an adapter read for each request, uncached", "tokenizers", "8" },
	{ "slow-net", AT(net_ms), 30, 100, 1, 1e4, "ms",
	  "that a remote tokeniser on loopback takes to answer", "tokenizers", "8" },
	{ "small-copies", AT(copies), 150, 400, 1, 1e5, "copies",
	  "to the device a pass, of 256 bytes", NULL, NULL },
	{ "pageable-copies", AT(pageable_mib), 4, 16, 0.125, 256, "MiB",
	  "copied to the device a pass, from pageable memory", NULL, NULL },
	{ "tiny-kernels", AT(pieces), 5, 10, 1, 64, "launches",
	  "for a row of a matrix product, in place of one for all", NULL, NULL },
	{ "sync-each-op", AT(sync_percent), 50, 100, 1, 100, "% of launches",
	  "that the executor waits for one by one", NULL, NULL },
	{ "spin-sync", AT(spin_ms), 1, 3, 0.001, 1000, "ms",
	  "more of device work a pass, waited for by spinning on the server's one CPU", "sync",
	  "spin" },
	{ "alloc-churn", AT(allocs), 24, 64, 1, 4096, "allocations",
	  "made, cleared and freed a pass", NULL, NULL },
	{ "gpu-bound", AT(kernel_ms), 2, 6, 0.001, 1000, "ms", "more of device work a pass", NULL,
	  NULL },
	{ "padding", AT(pad_tokens), 64, 128, 1, MODEL_MAX_PADDED, "tokens",
	  "that each prompt is padded to; a batch to a quarter as many rows", NULL, NULL },
	{ "slow-tokenise", AT(tokenise_ms), 15, 25, 1, 1e4, "ms",
	  "of CPU time more to tokenise a request", NULL, NULL },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* What the emulated device has to be like for a scenario to be what it is on a GPU, where a call costs
 * microseconds of the caller's CPU and a tiny kernel less than its launch. The environment's own
 * values stand. */
static const struct {
	const char *scenario, *variable, *value;
} emulated[] = {
	{ "small-copies", "INFBPF_EMU_CALL_US", "4" },
	{ "tiny-kernels", "INFBPF_EMU_CALL_US", "4" },
	{ "tiny-kernels", "INFBPF_EMU_KERNEL_US", "2" },
};

static void scenario_list(FILE *to)
{
	for (size_t i = 0; i < ROWS; i++)
		fprintf(to, "%s\t%g\t%g\t%s\t%s\n", rows[i].name, rows[i].middle, rows[i].high,
			rows[i].unit, rows[i].help);
}

void scenario_help(FILE *to)
{
	fprintf(to, "Scenarios (name, magnitudes middle and high, what they mean):\n");
	for (size_t i = 0; i < ROWS; i++) {
		if (!rows[i].unit[0])
			fprintf(to, "  %-16s%12s %s\n", rows[i].name, "", rows[i].help);
		else
			fprintf(to, "  %-16s%5g %6g %s %s\n", rows[i].name, rows[i].middle,
				rows[i].high, rows[i].unit, rows[i].help);
	}
}

/* The magnitude after the colon: a number, or the name of one. */
static int magnitude_parse(const struct scenario_row *row, const char *text, double *m)
{
	char *rest;

	if (!strcmp(text, "middle") || !strcmp(text, "high")) {
		*m = *text == 'm' ? row->middle : row->high;
		return 0;
	}
	errno = 0;
	*m = strtod(text, &rest);
	if (rest != text && !*rest && !errno && *m >= row->min && *m <= row->max)
		return 0;
	if (!row->unit[0])
		fprintf(stderr, "infer-serve: --scenario: %s has no magnitude\n", row->name);
	else
		fprintf(stderr,
			"infer-serve: --scenario: %s:%s: no number from %g to %g (%s), nor middle "
			"or high\n",
			row->name, text, row->min, row->max, row->unit);
	return -1;
}

int scenario_parse(struct options *o, const char *text)
{
	size_t len = strcspn(text, ":");
	const struct scenario_row *row = NULL;

	if (!strcmp(text, "list")) {
		scenario_list(stdout);
		return 1;
	}
	for (size_t i = 0; i < ROWS; i++)
		if (strlen(rows[i].name) == len && !memcmp(rows[i].name, text, len))
			row = &rows[i];
	if (!row) {
		fprintf(stderr,
			"infer-serve: --scenario: there is no '%.*s' (see --scenario list)\n",
			(int)len, text);
		return -1;
	}
	o->scenario = row->name;
	o->scenario_row = row;
	o->magnitude = row->middle;
	if (text[len] == ':' && magnitude_parse(row, text + len + 1, &o->magnitude))
		return -1;
	return 0;
}

int scenario_apply(struct options *o)
{
	const struct scenario_row *row = o->scenario_row;
	char magnitude[32];
	void *at;

	if (!row)
		return 0;
	at = (char *)&o->plant + row->at;
	if (row->unit[0])
		*(double *)at = o->magnitude;
	for (size_t i = 0; i < sizeof(emulated) / sizeof(emulated[0]); i++)
		if (!strcmp(emulated[i].scenario, row->name) &&
		    setenv(emulated[i].variable, emulated[i].value, 0))
			return -1;
	snprintf(magnitude, sizeof(magnitude), "%g", o->magnitude);
	return row->option ? options_default(o, row->option, row->value ? row->value : magnitude)
			   : 0;
}
