// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "clock.h"
#include "cmd.h"
#include "format.h"
#include "options.h"
#include "output.h"
#include "session.h"

#define DEFAULT_PERIOD_NS   (10 * NS_PER_MS)
#define DEFAULT_FREQ_HZ	    99
#define DEFAULT_MAX_STACKS  10000
#define DEFAULT_MAX_THREADS 4096

struct trace_options {
	struct session_options session;
	struct fold_options fold;
	const char *folded; /* -o, NULL: see open_folded() */
	const char *json;
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
	{ "json", 0, "FILE", "write the figures as JSON", set_json },
	{ "state", 0, "STATE", "all, on-cpu, off-cpu, run-queue, blocked or gpu", set_state },
	{ "unit", 0, "UNIT", "of the folded values: us (default), ns or ms", set_unit },
	{ "period", 0, "TIME", "wall time a stack of a wait or call stands for (10ms)",
	  set_period },
	{ "freq", 0, "HZ", "of the on-CPU samples (99)", set_freq },
	{ "max-stacks", 0, "N", "stacks a second; beyond, --period is raised (10000)",
	  set_max_stacks },
	{ "max-threads", 0, "N", "ended threads with a row of their own (4096)", set_max_threads },
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

/* --- output files: opened before the trace, so that a bad path costs nothing --- */

struct out_file {
	FILE *f;
	char path[4096]; /* "" : not wanted */
	bool created;	 /* did not exist before */
	bool standard;	 /* stdout */
};

static int out_open(struct out_file *o, struct fault *f)
{
	struct stat st;
	int fd;

	if (!strcmp(o->path, "-")) {
		snprintf(o->path, sizeof(o->path), "stdout");
		o->standard = true;
		o->f = stdout;
		return 0;
	}
	o->created = stat(o->path, &st);
	/* Not truncated until there is something to write. */
	fd = open(o->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	o->f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!o->f)
		return fault_set(f, EXIT_FAILED, errno, "cannot write %s: %s", o->path,
				 strerror(errno));
	return 0;
}

/* Nothing came of it: a file that was not there before is not left behind empty. */
static void out_discard(struct out_file *o)
{
	if (!o->f || o->standard)
		return;
	fclose(o->f);
	o->f = NULL;
	if (o->created)
		unlink(o->path);
}

/* Writes through one of the writers; an error is one line and leaves the other outputs alone. */
static bool out_begin(struct out_file *o)
{
	struct stat st;

	if (!o->f)
		return false;
	if (!o->standard && !fstat(fileno(o->f), &st) && S_ISREG(st.st_mode) &&
	    ftruncate(fileno(o->f), 0))
		message_print("cannot empty %s: %s", o->path, strerror(errno));
	return true;
}

static int out_end(struct out_file *o, int err)
{
	long written = ftell(o->f);
	int flushed;

	if (!err && fflush(o->f))
		err = -errno;
	flushed = o->standard ? 0 : fclose(o->f);
	o->f = NULL;
	if (!err && flushed)
		err = -errno;
	if (!err)
		return EXIT_DONE;
	/* The reader of a pipe has seen enough: no failure of ours. */
	if (err == -EPIPE)
		return EXIT_DONE;
	if (written > 0)
		message_print("%s: %s after %ld bytes; the other outputs are not affected", o->path,
			      strerror(-err), written);
	else
		message_print("%s: %s; the other outputs are not affected", o->path,
			      strerror(-err));
	return EXIT_FAILED;
}

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

static int write_results(const struct trace_options *o, struct session *s, const struct profile *p,
			 struct out_file *folded, struct out_file *json)
{
	struct summary_options summary = {
		.colour = isatty(STDERR_FILENO) && !getenv("NO_COLOR"),
		.wide = o->wide,
		.columns = terminal_columns(),
	};
	int code = EXIT_DONE, one, err;
	bool folded_ok, json_ok = false;
	size_t lines = 0;

	out_begin(folded);
	err = fold_write(p, &o->fold, folded->f, &lines);
	code = out_end(folded, err);
	folded_ok = code == EXIT_DONE;
	session_count_cpu(s);
	if (out_begin(json)) {
		err = json_write(p, json->f);
		one = out_end(json, err);
		json_ok = one == EXIT_DONE;
		code = code ? code : one;
	}
	if (o->quiet)
		return code;
	session_count_cpu(s);
	summary_write(p, &summary, stderr);
	if (folded_ok || json_ok)
		fprintf(stderr, " written:");
	if (folded_ok)
		fprintf(stderr, " %s (%zu stacks)", folded->path, lines);
	if (json_ok)
		fprintf(stderr, "%s %s", folded_ok ? "," : "", json->path);
	if (folded_ok || json_ok)
		fprintf(stderr, "\n");
	return code;
}

static int trace(const struct trace_options *o, struct out_file *folded, struct out_file *json,
		 struct fault *f)
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
	code = write_results(o, s, p, folded, json);
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
			     .max_threads = DEFAULT_MAX_THREADS },
	};
	struct out_file folded = { 0 }, json = { 0 };
	struct fault f = { 0 };
	int code, err = parse(argc, argv, &o, &f);

	if (err == -ECANCELED)
		return EXIT_DONE;
	if (!err) {
		if (o.folded)
			snprintf(folded.path, sizeof(folded.path), "%s", o.folded);
		else
			folded_default(&o, folded.path, sizeof(folded.path));
		err = out_open(&folded, &f);
	}
	if (!err && o.json) {
		snprintf(json.path, sizeof(json.path), "%s", o.json);
		err = out_open(&json, &f);
	}
	code = err ? (int)f.code : trace(&o, &folded, &json, &f);
	if (f.code)
		fault_print(&f);
	out_discard(&folded);
	out_discard(&json);
	target_pids_free(&o.session.pids);
	return code;
}
