// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "clock.h"
#include "cmd.h"
#include "format.h"
#include "out_file.h"
#include "report.h"
#include "trace_options.h"
#include "verdict.h"

/* --- outputs --- */

/* Where the folded stacks go when no -o says so. */
static void folded_default(const struct trace_options *o, char *path, size_t len)
{
	const struct session_options *s = &o->session;

	if (!s->command && !isatty(STDOUT_FILENO))
		snprintf(path, len, "-");
	else if (s->pids.n)
		snprintf(path, len, "infbpf-%d.folded", s->pids.pids[0]);
	else
		snprintf(path, len, "infbpf-%s.folded",
			 s->command ? "command"
			 : s->all   ? "host"
				    : "cgroup");
}

/* --- the run --- */

struct progress {
	bool shown;
	struct session_progress last;
};

static void show_progress(void *arg, const struct session_progress *p)
{
	struct progress *state = arg;
	double s = (p->elapsed_ns - state->last.elapsed_ns) / 1e9;
	char cost[32] = "";

	if (p->cost >= 0)
		snprintf(cost, sizeof(cost), "   cost %.1f %%", p->cost * 100);
	fprintf(stderr,
		"\r\033[K  %.1f s   %.0f calls/s   %.0f switches/s   %.0f stacks/s   lost %llu%s",
		p->elapsed_ns / 1e9, (p->calls - state->last.calls) / s,
		(p->switches - state->last.switches) / s, (p->stacks - state->last.stacks) / s,
		(unsigned long long)p->lost, cost);
	fflush(stderr);
	state->last = *p;
	state->shown = true;
}

/* Stays 0 where it is none. */
static struct winsize terminal_size(void)
{
	struct winsize w = { 0 };

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w))
		memset(&w, 0, sizeof(w));
	return w;
}

enum { OUT_FOLDED, OUT_SVG, OUT_JSON, OUT_REPORT, OUT_LEAKS, OUTS };

/* n: what the note in "written:" counts. */
static int write_folded(const struct trace_options *o, const struct profile *p, FILE *f, size_t *n)
{
	return fold_write(p, &o->fold, f, n);
}

static int write_svg(const struct trace_options *o, const struct profile *p, FILE *f, size_t *n)
{
	const struct flame_options flame = { .min_share = FLAME_MIN_SHARE, .count = o->fold.count };

	(void)n;
	return flamegraph_write(p, &flame, f);
}

static int write_json(const struct trace_options *o, const struct profile *p, FILE *f, size_t *n)
{
	(void)o, (void)n;
	return json_write(p, f);
}

static bool is_page(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && (!strcmp(dot, ".html") || !strcmp(dot, ".htm"));
}

static int write_report(const struct trace_options *o, const struct profile *p, FILE *f, size_t *n)
{
	const struct report_options report = { .wide = o->wide, .cost_per_hour = o->cost_per_hour };
	struct fault unused = { 0 }; /* of files of stacks: here are none */

	(void)n;
	return is_page(o->report) ? report_page_write(p, &report, f, &unused)
				  : report_write(p, &report, f);
}

static int write_leaks(const struct trace_options *o, const struct profile *p, FILE *f, size_t *n)
{
	(void)o;
	return leaks_write(p, f, n);
}

static int (*const writers[OUTS])(const struct trace_options *o, const struct profile *p, FILE *f,
				  size_t *n) = {
	[OUT_FOLDED] = write_folded, [OUT_SVG] = write_svg,	[OUT_JSON] = write_json,
	[OUT_REPORT] = write_report, [OUT_LEAKS] = write_leaks,
};

static int write_results(const struct trace_options *o, struct session *s, const struct profile *p,
			 struct out_file *outs)
{
	const struct winsize terminal = terminal_size();
	const struct summary_options summary = {
		.colour = isatty(STDERR_FILENO) && !getenv("NO_COLOR"),
		.wide = o->wide,
		.columns = terminal.ws_col,
		.lines = terminal.ws_row,
		.leaks = o->leaks != NULL,
		.cost_per_hour = o->cost_per_hour,
	};
	bool written[OUTS] = { false };
	int code = EXIT_DONE, one;
	const char *comma = "";
	size_t lines[OUTS] = { 0 };

	for (int i = 0; i < OUTS; i++) {
		if (!out_begin(&outs[i]))
			continue;
		one = out_end(&outs[i], writers[i](o, p, outs[i].f, &lines[i]));
		written[i] = one == EXIT_DONE;
		code = code ? code : one;
		session_count_cpu(s);
	}
	if (o->quiet)
		return code;
	summary_write(p, &summary, stderr);
	for (int i = 0; i < OUTS; i++) {
		if (!written[i])
			continue;
		fprintf(stderr, "%s %s", *comma ? comma : " written:", outs[i].path);
		if (i == OUT_FOLDED || i == OUT_LEAKS)
			fprintf(stderr, " (%zu stacks)", lines[i]);
		comma = ",";
	}
	if (*comma)
		fprintf(stderr, "\n");
	return code;
}

static int trace(const struct trace_options *o, struct out_file *outs, struct fault *f)
{
	bool terminal = isatty(STDERR_FILENO) && !o->quiet;
	struct progress progress = { 0 };
	uint64_t t = clock_now_ns();
	struct session *s = session_open(&o->session, f);
	struct profile *p = NULL;
	int code = EXIT_FAILED, status;
	char text[400];

	if (!s)
		return f->code;
	session_describe(s, text, sizeof(text));
	if (!o->quiet)
		message_print("attached to %s   [%.1f s]", text, (clock_now_ns() - t) / 1e9);
	if (session_run(s, terminal ? show_progress : NULL, &progress, f))
		goto out;
	if (progress.shown)
		fprintf(stderr, "\r\033[K");
	if (session_finish(s, &p, f))
		goto out;
	if (verdict_judge(p)) {
		fault_set(f, EXIT_FAILED, ENOMEM, "out of memory");
		goto out;
	}
	code = write_results(o, s, p, outs);
	if (o->session.command) {
		status = session_wait_command(s);
		code = status ? status : code;
	}
out:
	session_close(s);
	return f->code ? (int)f->code : code;
}

int cmd_trace(int argc, char **argv)
{
	struct trace_options o;
	struct out_file outs[OUTS] = { 0 };
	char folded[sizeof(outs[0].path)];
	struct fault f = { 0 };
	int code, err = trace_options_parse(argc, argv, &o, &f);
	const char *paths[OUTS] = {
		[OUT_FOLDED] = o.folded, [OUT_SVG] = o.svg,	[OUT_JSON] = o.json,
		[OUT_REPORT] = o.report, [OUT_LEAKS] = o.leaks,
	};

	if (err == -ECANCELED)
		return EXIT_DONE;
	if (!err && !o.folded) {
		folded_default(&o, folded, sizeof(folded));
		paths[OUT_FOLDED] = folded;
	}
	for (int i = 0; i < OUTS && !err; i++)
		if (paths[i])
			err = out_open(&outs[i], paths[i], &f);
	code = err ? (int)f.code : trace(&o, outs, &f);
	if (f.code)
		fault_print(&f);
	for (int i = 0; i < OUTS; i++)
		out_discard(&outs[i]);
	target_pids_free(&o.session.pids);
	stage_options_free(&o.session.functions);
	return code;
}
