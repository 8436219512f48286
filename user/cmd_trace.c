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
#include "options.h"
#include "out_file.h"
#include "output.h"
#include "infbpf.h"
#include "session.h"

#define DEFAULT_PERIOD_NS   (10 * NS_PER_MS)
#define DEFAULT_FREQ_HZ	    99
#define DEFAULT_MAX_STACKS  10000
#define DEFAULT_MAX_THREADS 4096

struct trace_options {
	struct session_options session;
	struct fold_options fold;
	const char *folded; /* -o, NULL: see folded_default() */
	const char *svg, *json;
	bool quiet;
	bool wide;
};

/* --- one function and one row an option --- */

static int set_pid(void *out, const char *arg, struct fault *f)
{
	return target_parse_pids(arg, &((struct trace_options *)out)->session.pids, f);
}

static int set_cgroup(void *out, const char *arg, struct fault *f)
{
	(void)f;
	((struct trace_options *)out)->session.cgroup = arg;
	return 0;
}

static int set_all(void *out, const char *arg, struct fault *f)
{
	(void)f, (void)arg;
	((struct trace_options *)out)->session.all = true;
	return 0;
}

static int set_duration(void *out, const char *arg, struct fault *f)
{
	return options_duration("--duration", arg,
				&((struct trace_options *)out)->session.duration_ns, f);
}

static int set_output(void *out, const char *arg, struct fault *f)
{
	(void)f;
	((struct trace_options *)out)->folded = arg;
	return 0;
}

static int set_json(void *out, const char *arg, struct fault *f)
{
	(void)f;
	((struct trace_options *)out)->json = arg;
	return 0;
}

static int set_svg(void *out, const char *arg, struct fault *f)
{
	(void)f;
	((struct trace_options *)out)->svg = arg;
	return 0;
}

static int set_state(void *out, const char *arg, struct fault *f)
{
	static const struct option_choice choices[] = {
		{ "all", FOLD_ALL },
		{ "on-cpu", FOLD_ON_CPU },
		{ "off-cpu", FOLD_OFF_CPU },
		{ "run-queue", FOLD_RUN_QUEUE },
		{ "blocked", FOLD_BLOCKED },
		{ "gpu", FOLD_GPU },
		{ NULL, 0 },
	};
	int value, err = options_choice("--state", arg, choices, &value, f);

	if (!err)
		((struct trace_options *)out)->fold.filter = value;
	return err;
}

static int set_unit(void *out, const char *arg, struct fault *f)
{
	static const struct option_choice choices[] = {
		{ "us", UNIT_US }, { "ns", UNIT_NS }, { "ms", UNIT_MS }, { NULL, 0 }
	};
	int value, err = options_choice("--unit", arg, choices, &value, f);

	if (!err)
		((struct trace_options *)out)->fold.unit = value;
	return err;
}

static int set_period(void *out, const char *arg, struct fault *f)
{
	struct trace_options *o = out;
	int err = options_duration("--period", arg, &o->session.period_ns, f);

	if (!err && (o->session.period_ns < 1000 || o->session.period_ns > 10 * NS_PER_S))
		return fault_set(f, EXIT_USAGE, EINVAL, "--period: '%s' is not from 1us to 10s",
				 arg);
	return err;
}

static int set_freq(void *out, const char *arg, struct fault *f)
{
	uint64_t value;
	int err = options_number("--freq", arg, 1, 10000, &value, f);

	if (!err)
		((struct trace_options *)out)->session.freq_hz = value;
	return err;
}

static int set_max_stacks(void *out, const char *arg, struct fault *f)
{
	uint64_t value;
	int err = options_number("--max-stacks", arg, 10, 1000000, &value, f);

	if (!err)
		((struct trace_options *)out)->session.max_stacks = value;
	return err;
}

static int set_max_threads(void *out, const char *arg, struct fault *f)
{
	uint64_t value;
	int err = options_number("--max-threads", arg, 0, 10000000, &value, f);

	if (!err)
		((struct trace_options *)out)->session.max_threads = value;
	return err;
}

static int set_hooks(void *out, const char *arg, struct fault *f)
{
	static const struct option_choice choices[] = { { "auto", HOOKS_AUTO },
							{ "btf", HOOKS_BTF },
							{ "kprobe", HOOKS_KPROBE },
							{ "tracepoint", HOOKS_TRACEPOINT },
							{ NULL, 0 } };
	int value, err = options_choice("--hooks", arg, choices, &value, f);

	if (!err)
		((struct trace_options *)out)->session.hooks = value;
	return err;
}

static int set_unwind(void *out, const char *arg, struct fault *f)
{
	static const struct option_choice choices[] = { { "auto", SESSION_UNWIND_AUTO },
							{ "dwarf", SESSION_UNWIND_DWARF },
							{ "fp", SESSION_UNWIND_FP },
							{ NULL, 0 } };
	int value, err = options_choice("--unwind", arg, choices, &value, f);

	if (!err)
		((struct trace_options *)out)->session.unwind = value;
	return err;
}

static int set_stack_bytes(void *out, const char *arg, struct fault *f)
{
	uint64_t value;
	int err = options_number("--stack-bytes", arg, 512, SAMPLE_STACK_MAX, &value, f);

	/* Whole words. */
	if (!err)
		((struct trace_options *)out)->session.stack_bytes = value & ~(uint64_t)15;
	return err;
}

static int set_unwind_cache(void *out, const char *arg, struct fault *f)
{
	(void)f;
	((struct trace_options *)out)->session.unwind_cache = arg;
	return 0;
}

static int set_lines(void *out, const char *arg, struct fault *f)
{
	(void)f, (void)arg;
	((struct trace_options *)out)->session.lines = true;
	return 0;
}

static int set_wide(void *out, const char *arg, struct fault *f)
{
	(void)f, (void)arg;
	((struct trace_options *)out)->wide = true;
	return 0;
}

static int set_quiet(void *out, const char *arg, struct fault *f)
{
	(void)f, (void)arg;
	((struct trace_options *)out)->quiet = true;
	return 0;
}

static int set_verbose(void *out, const char *arg, struct fault *f)
{
	(void)f, (void)arg;
	((struct trace_options *)out)->session.verbose = true;
	return 0;
}

static const struct option_row rows[] = {
	{ "pid", 'p', "PID[,PID]", "trace these processes, their threads and children", set_pid },
	{ "cgroup", 'c', "CGROUP", "trace the processes of a cgroup (v1 or v2)", set_cgroup },
	{ "all", 'a', NULL, "trace the whole host", set_all },
	{ "duration", 'd', "TIME", "end after TIME: 10, 500ms, 2m", set_duration },
	{ "output", 'o', "FILE", "folded stacks go here ('-': stdout)", set_output },
	{ "svg", 0, "FILE", "draw the flame graph", set_svg },
	{ "json", 0, "FILE", "write the figures as JSON", set_json },
	{ "state", 0, "STATE", "all, on-cpu, off-cpu, run-queue, blocked or gpu", set_state },
	{ "unit", 0, "UNIT", "of the folded values: us (default), ns or ms", set_unit },
	{ "period", 0, "TIME", "wall time a stack of a wait or call stands for (10ms)",
	  set_period },
	{ "freq", 0, "HZ", "of the on-CPU samples (99)", set_freq },
	{ "max-stacks", 0, "N", "stacks a second; beyond, --period is raised (10000)",
	  set_max_stacks },
	{ "max-threads", 0, "N", "ended threads with a row of their own (4096)", set_max_threads },
	{ "unwind", 0, "KIND", "of user stacks: auto, dwarf or fp (frame pointers)", set_unwind },
	{ "stack-bytes", 0, "N", "of the user stack, copied with each sample (24576)",
	  set_stack_bytes },
	{ "unwind-cache", 0, "DIR", "keep unwinding tables here for the next run",
	  set_unwind_cache },
	{ "lines", 0, NULL, "source lines and inlined functions in the frames", set_lines },
	{ "hooks", 0, "KIND", "auto, btf, kprobe or tracepoint, where a hook has it", set_hooks },
	{ "wide", 'w', NULL, "summary of all threads and calls, not one screen", set_wide },
	{ "quiet", 'q', NULL, "no summary, no progress", set_quiet },
	{ "verbose", 'v', NULL, "libbpf's and the kernel's messages", set_verbose },
	{ NULL, 0, NULL, NULL, NULL },
};

static const char usage[] =
	"usage: infbpf trace [-p PID[,PID]] [-c CGROUP] [-a] [-d TIME] [-o FILE] [OPTIONS]\n"
	"       infbpf trace [OPTIONS] -- COMMAND ARGS\n\n"
	"Accounts for every nanosecond of every thread until TIME, Ctrl-C, SIGTERM or the target's\n"
	"end. Folded stacks go to stdout unless that is a terminal, then to infbpf-PID.folded; with\n"
	"COMMAND, whose stdout is its own, always to a file.";

static int parse(int argc, char **argv, struct trace_options *o, struct fault *f)
{
	const struct session_options *s = &o->session;
	int next = options_parse(rows, argc, argv, o, usage, f);

	if (next < 0)
		return next;
	if (next < argc) {
		if (strcmp(argv[next - 1], "--"))
			return fault_set(f, EXIT_USAGE, EINVAL,
					 "'%s': a command to run goes after -- (try --help)",
					 argv[next]);
		o->session.command = argv + next;
	}
	if (!s->pids.n && !s->cgroup && !s->all && !s->command)
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "trace what? -p PID, -c CGROUP, -a or -- COMMAND (try --help)");
	if (s->all && (s->pids.n || s->cgroup))
		return fault_set(f, EXIT_USAGE, EINVAL, "--all goes without --pid and --cgroup");
	return 0;
}

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

static unsigned int terminal_columns(void)
{
	struct winsize w;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) || !w.ws_col ? 80 : w.ws_col;
}

enum { OUT_FOLDED, OUT_SVG, OUT_JSON, OUTS };

/* lines_n: what the note in "written:" counts. */
static int write_folded(const struct trace_options *o, const struct profile *p, FILE *f, size_t *n)
{
	return fold_write(p, &o->fold, f, n);
}

static int write_svg(const struct trace_options *o, const struct profile *p, FILE *f, size_t *n)
{
	const struct flame_options flame = { .min_share = FLAME_MIN_SHARE };

	(void)o, (void)n;
	return flamegraph_write(p, &flame, f);
}

static int write_json(const struct trace_options *o, const struct profile *p, FILE *f, size_t *n)
{
	(void)o, (void)n;
	return json_write(p, f);
}

static int (*const writers[OUTS])(const struct trace_options *o, const struct profile *p, FILE *f,
				  size_t *n) = {
	[OUT_FOLDED] = write_folded,
	[OUT_SVG] = write_svg,
	[OUT_JSON] = write_json,
};

static int write_results(const struct trace_options *o, struct session *s, const struct profile *p,
			 struct out_file *outs)
{
	struct summary_options summary = {
		.colour = isatty(STDERR_FILENO) && !getenv("NO_COLOR"),
		.wide = o->wide,
		.columns = terminal_columns(),
	};
	bool written[OUTS] = { false };
	int code = EXIT_DONE, one;
	const char *comma = "";
	size_t lines = 0;

	for (int i = 0; i < OUTS; i++) {
		if (!out_begin(&outs[i]))
			continue;
		one = out_end(&outs[i], writers[i](o, p, outs[i].f, &lines));
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
		if (i == OUT_FOLDED)
			fprintf(stderr, " (%zu stacks)", lines);
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
	struct trace_options o = {
		.session = { .period_ns = DEFAULT_PERIOD_NS,
			     .freq_hz = DEFAULT_FREQ_HZ,
			     .max_stacks = DEFAULT_MAX_STACKS,
			     .max_threads = DEFAULT_MAX_THREADS,
			     .stack_bytes = SAMPLE_STACK_BYTES },
	};
	struct out_file outs[OUTS] = { 0 };
	char folded[sizeof(outs[0].path)];
	struct fault f = { 0 };
	int code, err = parse(argc, argv, &o, &f);
	const char *paths[OUTS] = {
		[OUT_FOLDED] = o.folded, [OUT_SVG] = o.svg, [OUT_JSON] = o.json
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
	return code;
}
