// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* infbpf report: the JSON of a trace as text or as a page. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cmd.h"
#include "cost.h"
#include "gate.h"
#include "options.h"
#include "out_file.h"
#include "profile_read.h"
#include "report.h"
#include "verdict.h"

#define CONDITIONS_MAX 32

struct report_command {
	struct report_options report;
	const char *json, *output, *page; /* output NULL: stdout, if no page is asked for */
	const char *conditions[CONDITIONS_MAX];
	size_t conditions_n;
};

static int set_output(void *out, const char *arg, struct fault *f)
{
	(void)f;
	((struct report_command *)out)->output = arg;
	return 0;
}

static int set_page(void *out, const char *arg, struct fault *f)
{
	(void)f;
	((struct report_command *)out)->page = arg;
	return 0;
}

static int set_folded(void *out, const char *arg, struct fault *f)
{
	(void)f;
	((struct report_command *)out)->report.folded = arg;
	return 0;
}

static int set_condition(void *out, const char *arg, struct fault *f)
{
	struct report_command *c = out;

	if (c->conditions_n == CONDITIONS_MAX)
		return fault_set(f, EXIT_USAGE, EINVAL, "--fail-if: more than %d of them",
				 CONDITIONS_MAX);
	c->conditions[c->conditions_n++] = arg;
	return 0;
}

static int set_cost(void *out, const char *arg, struct fault *f)
{
	return cost_parse(arg, &((struct report_command *)out)->report.cost_per_hour, f);
}

static int set_wide(void *out, const char *arg, struct fault *f)
{
	(void)arg, (void)f;
	((struct report_command *)out)->report.wide = true;
	return 0;
}

static const struct option_row rows[] = {
	{ "output", 'o', "FILE", "the text goes here; without it, and without --html, to stdout",
	  set_output },
	{ "html", 0, "FILE", "one page that needs nothing else, here", set_page },
	{ "folded", 0, "FILE", "stacks for the page's flame graph: what trace -o wrote",
	  set_folded },
	{ "fail-if", 0, "EXPR", "exit with 5 if it holds: 'stage:decode.p99 > 50ms' (repeatable)",
	  set_condition },
	{ "cost-per-hour", 0, "X",
	  "of the machine, in any currency: what 1,000 requests cost, by part", set_cost },
	{ "wide", 0, NULL, "all rows of all tables", set_wide },
	{ NULL, 0, NULL, NULL, NULL },
};

static const char usage[] =
	"usage: infbpf report [OPTIONS] FILE.json\n\n"
	"Tells what a trace found, from what trace --json wrote ('-': stdin): a verdict and where the\n"
	"time went on the first screen, everything else below.";

/* Options may follow the file, too. */
static int parse(int argc, char **argv, struct report_command *c, struct fault *f)
{
	int next = options_parse(rows, argc, argv, c, usage, f);

	if (next < 0)
		return next;
	if (next == argc)
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "report what? FILE.json, or - for stdin (try --help)");
	c->json = argv[next];
	argc -= next;
	argv += next;
	next = options_parse(rows, argc, argv, c, usage, f);
	if (next >= 0 && next < argc)
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "'%s' is not expected: one file a report (try --help)",
				 argv[next]);
	if (next >= 0 && c->report.folded && !c->page)
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "--folded: stacks are for the page (--html FILE)");
	return next < 0 ? next : 0;
}

/* Of a terminal, how wide it is; a file has no width. */
static void look_at_screen(struct report_options *o, const struct out_file *text)
{
	const char *no_colour = getenv("NO_COLOR");
	struct winsize w = { 0 };

	if (!text->standard || !isatty(STDOUT_FILENO))
		return;
	o->colour = !no_colour || !*no_colour;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &w))
		o->columns = w.ws_col;
}

static int write_outputs(struct report_command *c, const struct profile *p, struct out_file *text,
			 struct out_file *page, struct fault *f)
{
	int code = EXIT_DONE, one;

	look_at_screen(&c->report, text);
	if (out_begin(text))
		code = out_end(text, report_write(p, &c->report, text->f));
	if (out_begin(page)) {
		const int err = report_page_write(p, &c->report, page->f, f);

		/* That the folded file is none is said by the fault. */
		if (err && f->code)
			return f->code;
		one = out_end(page, err);
		code = code ? code : one;
	}
	return code;
}

/* EXIT_GATE if any of the conditions holds; each that does is a line on stderr. */
static int check_conditions(const struct report_command *c, const struct profile *p,
			    struct fault *f)
{
	int code = EXIT_DONE;
	char text[400];

	for (size_t i = 0; i < c->conditions_n; i++) {
		const int holds = gate_check(p, c->conditions[i], text, sizeof(text), f);

		if (holds < 0)
			return f->code;
		if (!holds)
			continue;
		message_print("--fail-if: %s", text);
		code = EXIT_GATE;
	}
	return code;
}

/* A condition that is none costs nothing: it is told before anything is read. */
static int parse_conditions(const struct report_command *c, struct fault *f)
{
	struct gate gate;
	int err = 0;

	for (size_t i = 0; !err && i < c->conditions_n; i++)
		err = gate_parse(c->conditions[i], &gate, f);
	return err;
}

static int report(struct report_command *c, struct fault *f)
{
	struct out_file text = { 0 }, page = { 0 };
	struct profile *p = parse_conditions(c, f) ? NULL : profile_read(c->json, f);
	int code = EXIT_FAILED, gate;

	if (!p)
		return f->code;
	/* Judged anew: rules may have changed since the trace. */
	if (verdict_judge(p)) {
		fault_set(f, EXIT_FAILED, ENOMEM, "out of memory");
		goto out;
	}
	if ((c->output || !c->page) && out_open(&text, c->output ? c->output : "-", f))
		goto out;
	if (c->page && out_open(&page, c->page, f))
		goto out;
	code = write_outputs(c, p, &text, &page, f);
	gate = f->code ? EXIT_DONE : check_conditions(c, p, f);
	code = code ? code : gate;
out:
	out_discard(&text);
	out_discard(&page);
	profile_free(p);
	return f->code ? (int)f->code : code;
}

int cmd_report(int argc, char **argv)
{
	struct report_command c = { .json = NULL };
	struct fault f = { 0 };
	int code, err = parse(argc, argv, &c, &f);

	if (err == -ECANCELED)
		return EXIT_DONE;
	code = err ? (int)f.code : report(&c, &f);
	if (f.code)
		fault_print(&f);
	return code;
}
