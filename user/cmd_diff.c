// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* infbpf diff: what changed between two traces, or two sets of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cmd.h"
#include "diff.h"
#include "diff_folded.h"
#include "diff_stat.h"
#include "options.h"
#include "out_file.h"
#include "profile_read.h"
#include "verdict.h"

struct diff_arguments {
	struct diff_options o;
	struct diff_folded_options folded;
	const char *output, *json, *svg; /* NULL: not wanted */
	bool for_profiles, for_folded;	 /* an option of only one of them was given */
};

static int set_output(void *out, const char *arg, struct fault *f)
{
	(void)f;
	((struct diff_arguments *)out)->output = arg;
	return 0;
}

static int set_json(void *out, const char *arg, struct fault *f)
{
	struct diff_arguments *a = out;

	(void)f;
	a->json = arg;
	a->for_profiles = true;
	return 0;
}

static int set_wide(void *out, const char *arg, struct fault *f)
{
	struct diff_arguments *a = out;

	(void)arg, (void)f;
	a->o.wide = a->for_profiles = true;
	return 0;
}

static int set_per(void *out, const char *arg, struct fault *f)
{
	static const struct option_choice choices[] = { { "second", 0 },
							{ "request", 1 },
							{ NULL, 0 } };
	struct diff_arguments *a = out;
	int value = 0, err = options_choice("--per", arg, choices, &value, f);

	a->o.per_request = value;
	a->for_profiles = true;
	return err;
}

static int set_min_effect(void *out, const char *arg, struct fault *f)
{
	struct diff_arguments *a = out;
	char *end;
	const double value = strtod(arg, &end);

	if (end == arg || (*end && strcmp(end, "%") != 0 && strcmp(end, " %") != 0) ||
	    !(value >= 0.1 && value <= 1000))
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "--min-effect: '%s' is not a percentage from 0.1 to 1000", arg);
	a->o.min_effect = value / 100;
	a->for_profiles = true;
	return 0;
}

static int set_svg(void *out, const char *arg, struct fault *f)
{
	struct diff_arguments *a = out;

	(void)f;
	a->svg = arg;
	a->for_folded = true;
	return 0;
}

static int set_normalise(void *out, const char *arg, struct fault *f)
{
	struct diff_arguments *a = out;

	(void)arg, (void)f;
	a->folded.normalise = a->for_folded = true;
	return 0;
}

static int set_keep_ids(void *out, const char *arg, struct fault *f)
{
	struct diff_arguments *a = out;

	(void)arg, (void)f;
	a->folded.keep_ids = a->for_folded = true;
	return 0;
}

static int set_unit(void *out, const char *arg, struct fault *f)
{
	struct diff_arguments *a = out;

	if (!*arg || strlen(arg) > 32)
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "--unit: '%.40s' is not a word of up to 32 characters", arg);
	a->folded.unit = arg;
	a->for_folded = true;
	return 0;
}

static const struct option_row rows[] = {
	{ "output", 'o', "FILE", "what changed, or the folded lines; without it to stdout",
	  set_output },
	{ "json", 0, "FILE", "profiles: what changed, for programs", set_json },
	{ "per", 0, "second|request", "profiles: sums and rates by (default: second)", set_per },
	{ "min-effect", 0, "PERCENT", "profiles: smaller changes are not told (10; of sets 3)",
	  set_min_effect },
	{ "wide", 0, NULL, "profiles: all that changed", set_wide },
	{ "svg", 0, "FILE", "folded: draw the difference", set_svg },
	{ "normalise", 'n', NULL, "folded: scale the first to the second's total", set_normalise },
	{ "keep-ids", 0, NULL, "folded: keep the numbers of processes and threads", set_keep_ids },
	{ "unit", 0, "UNIT", "folded: of the values: us (default), ns, ms, s, or any word",
	  set_unit },
	{ NULL, 0, NULL, NULL, NULL },
};

static const char usage[] =
	"usage: infbpf diff [OPTIONS] BEFORE.json AFTER.json\n"
	"       infbpf diff [OPTIONS] BEFORE1.json BEFORE2.json ... -- AFTER1.json AFTER2.json ...\n"
	"       infbpf diff [OPTIONS] BEFORE.folded AFTER.folded [--svg FILE]\n\n"
	"What changed between two traces (trace --json), the largest effect first. With several runs of\n"
	"each, from 4 and 4 on, what is told is proven. Of folded stacks: lines 'stack BEFORE AFTER', and a\n"
	"flame graph of the difference. Needs no root.";

/* --- operands --- */

struct operands {
	char *paths[STAT_RUNS_MAX];
	size_t n, first; /* first: how many stand before "--"; n: all of them, and no "--" */
};

static int add_operand(struct operands *p, char *arg, struct fault *f)
{
	if (p->n == STAT_RUNS_MAX)
		return fault_set(f, EXIT_USAGE, EINVAL, "more than %d files", STAT_RUNS_MAX);
	p->paths[p->n++] = arg;
	return 0;
}

/* Options may stand anywhere; "--" behind a file parts the sets. */
static int parse(int argc, char **argv, struct diff_arguments *a, struct operands *p,
		 struct fault *f)
{
	bool parted = false;
	int i = 0, err = 0;

	while (!err && i < argc) {
		const bool option = argv[i][0] == '-' && argv[i][1];

		if (!i || (option && strcmp(argv[i], "--") != 0)) {
			/* It takes argv[0] for the command's name. */
			const int from = i ? i - 1 : 0;
			const int next = options_parse(rows, argc - from, argv + from, a, usage, f);

			if (next < 0)
				return next;
			/* A "--" that it took for the end of the options is ours where files stand before. */
			i = from + next;
			if (p->n && i > from + 1 && !strcmp(argv[i - 1], "--"))
				i--;
		} else if (option) {
			if (parted)
				return fault_set(f, EXIT_USAGE, EINVAL,
						 "'--' parts two sets: there is a second one");
			parted = true;
			p->first = p->n;
			i++;
		} else {
			err = add_operand(p, argv[i++], f);
		}
	}
	if (err)
		return err;
	if (!parted)
		p->first = 1;
	if (!parted && p->n > 2)
		return fault_set(
			f, EXIT_USAGE, EINVAL,
			"%zu files: which are before and which after? Put '--' between them", p->n);
	if (p->n < 2 || !p->first || p->first == p->n)
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "compare what? BEFORE.json AFTER.json (try --help)");
	return 0;
}

/* --- profiles --- */

static unsigned int terminal_columns(FILE *f)
{
	struct winsize w;

	return isatty(fileno(f)) && !ioctl(fileno(f), TIOCGWINSZ, &w) && w.ws_col ? w.ws_col : 0;
}

static bool wants_colour(FILE *f)
{
	const char *no = getenv("NO_COLOR");

	return isatty(fileno(f)) && !(no && *no);
}

static int check_requests(const struct operands *p, struct profile *const *profiles,
			  struct fault *f)
{
	for (size_t i = 0; i < p->n; i++) {
		uint64_t requests = 0;

		for (size_t k = 0; k < profiles[i]->requests_n; k++)
			requests += profiles[i]->requests[k].count;
		if (!requests)
			return fault_set(f, EXIT_FAILED, ENODATA,
					 "%s: --per request: there are no requests in it",
					 p->paths[i]);
	}
	return 0;
}

static int write_results(const struct diff *d, struct out_file *text, struct out_file *json)
{
	int code = EXIT_DONE, one;

	if (out_begin(text)) {
		code = out_end(text, diff_write(d, terminal_columns(text->f), wants_colour(text->f),
						text->f));
	}
	if (out_begin(json)) {
		one = out_end(json, diff_write_json(d, json->f));
		code = code ? code : one;
	}
	return code;
}

static int open_outputs(const struct diff_arguments *a, struct out_file *text,
			struct out_file *json, struct fault *f)
{
	int err = out_open(text, a->output ? a->output : "-", f);

	return !err && a->json ? out_open(json, a->json, f) : err;
}

static int diff_profiles(const struct diff_arguments *a, struct operands *p, struct fault *f)
{
	struct profile *profiles[STAT_RUNS_MAX] = { NULL };
	struct diff d = { .o = a->o };
	struct out_file text = { .f = NULL }, json = { .f = NULL };
	int err = 0, code = EXIT_DONE;

	for (size_t i = 0; !err && i < p->n; i++) {
		profiles[i] = profile_read(p->paths[i], f);
		err = profiles[i] ? verdict_judge(profiles[i]) : -EINVAL;
		if (err && profiles[i])
			fault_set(f, EXIT_FAILED, -err, "%s: %s", p->paths[i], strerror(-err));
	}
	if (!err && a->o.per_request)
		err = check_requests(p, profiles, f);
	if (!err) {
		const struct profile **all = (const struct profile **)profiles;

		d.sets[0] = (struct diff_set){ p->paths, p->first, all, NULL };
		d.sets[1] = (struct diff_set){ p->paths + p->first, p->n - p->first, all + p->first,
					       NULL };
		err = diff_make(&d);
		if (err)
			fault_set(f, EXIT_FAILED, -err, "out of memory");
	}
	if (!err)
		err = open_outputs(a, &text, &json, f);
	if (!err)
		code = write_results(&d, &text, &json);
	else
		out_discard(&text), out_discard(&json);
	diff_free(&d);
	for (size_t i = 0; i < p->n; i++)
		profile_free(profiles[i]);
	return f->code ? (int)f->code : code;
}

/* --- folded stacks --- */

static int diff_folded(const struct diff_arguments *a, struct operands *p, struct fault *f)
{
	struct out_file lines = { .f = NULL }, svg = { .f = NULL };
	struct diff_folded *d = NULL;
	int err, code = EXIT_DONE, one;

	if (p->n != 2)
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "folded stacks: two files, BEFORE.folded AFTER.folded"),
		       f->code;
	d = diff_folded_read(p->paths[0], p->paths[1], &a->folded, f);
	err = d ? 0 : -EINVAL;
	/* With a picture, lines are written where they are asked for. */
	if (!err && (a->output || !a->svg))
		err = out_open(&lines, a->output ? a->output : "-", f);
	if (!err && a->svg)
		err = out_open(&svg, a->svg, f);
	if (err) {
		out_discard(&lines), out_discard(&svg);
	} else {
		if (out_begin(&lines))
			code = out_end(&lines, diff_folded_lines(d, lines.f));
		if (out_begin(&svg)) {
			one = out_end(&svg, diff_folded_draw(d, svg.f));
			code = code ? code : one;
		}
	}
	diff_folded_free(d);
	return f->code ? (int)f->code : code;
}

/* A profile begins with a brace. What cannot be read is told by who reads it in full. */
static bool is_profile(const char *path)
{
	FILE *f = fopen(path, "re");
	int c = f ? fgetc(f) : EOF;

	while (c == ' ' || c == '\n' || c == '\t' || c == '\r')
		c = fgetc(f);
	if (f)
		fclose(f);
	return c == '{' || strstr(path, ".json");
}

static int compare(const struct diff_arguments *a, struct operands *p, struct fault *f)
{
	const bool profiles = is_profile(p->paths[0]);

	for (size_t i = 1; i < p->n; i++)
		if (is_profile(p->paths[i]) != profiles)
			return fault_set(f, EXIT_USAGE, EINVAL,
					 "%s and %s: profiles (JSON) are compared with profiles, "
					 "folded stacks with folded stacks",
					 p->paths[0], p->paths[i]),
			       f->code;
	if (profiles && a->for_folded)
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "--svg, --normalise, --keep-ids and --unit are for folded stacks"),
		       f->code;
	if (!profiles && a->for_profiles)
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "--json, --per, --min-effect and --wide are for profiles"),
		       f->code;
	return profiles ? diff_profiles(a, p, f) : diff_folded(a, p, f);
}

int cmd_diff(int argc, char **argv)
{
	struct diff_arguments a = { .output = NULL };
	struct operands p = { .n = 0 };
	struct fault f = { 0 };
	int err = parse(argc, argv, &a, &p, &f), code = EXIT_DONE;

	if (err == -ECANCELED)
		return EXIT_DONE;
	if (!err)
		code = compare(&a, &p, &f);
	if (f.code)
		fault_print(&f);
	return f.code ? (int)f.code : code;
}
