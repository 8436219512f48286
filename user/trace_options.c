// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One row an option. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "cost.h"
#include "cuda.h"
#include "infbpf.h"
#include "options.h"
#include "timeline.h"
#include "trace_options.h"

#define DEFAULT_PERIOD_NS   (10 * NS_PER_MS)
#define DEFAULT_FREQ_HZ	    99
#define DEFAULT_MAX_STACKS  10000
#define DEFAULT_MAX_THREADS 4096

#define IO_HOOKS ((unsigned int)(HOOK_BLOCK | HOOK_FILE | HOOK_NET | HOOK_URING))

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

static int set_count(void *out, const char *arg, struct fault *f)
{
	static const struct option_choice choices[] = { { "time", COUNT_TIME },
							{ "switches", COUNT_SWITCHES },
							{ NULL, 0 } };
	int value, err = options_choice("--count", arg, choices, &value, f);

	if (!err)
		((struct trace_options *)out)->fold.count = value;
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
	return hooks_parse_mode(arg, &((struct trace_options *)out)->session.hooks, f);
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

/* Groups and libraries: cuda_select() knows them. The names are told with the bad one. */
static int check_gpu_calls(const char *list, bool *chosen, struct fault *f)
{
	char names[256] = "default, all, none, runtime, driver";
	size_t bad_n, n = strlen(names);
	const char *bad;
	int err = cuda_select(list, chosen, &bad, &bad_n);

	if (!err)
		return 0;
	for (int g = 0; g < CUDA_GROUPS && n < sizeof(names); g++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, ", %s", cuda_group_name(g));
	return fault_set(f, EXIT_USAGE, EINVAL, "--gpu-calls: '%.*s' is none of %s", (int)bad_n,
			 bad, names);
}

static int set_gpu_calls(void *out, const char *arg, struct fault *f)
{
	bool *chosen = calloc(cuda_calls_n, sizeof(*chosen));
	int err;

	if (!chosen)
		return fault_set(f, EXIT_FAILED, ENOMEM, "out of memory");
	err = check_gpu_calls(arg, chosen, f);
	free(chosen);
	((struct trace_options *)out)->session.gpu_calls = arg;
	return err;
}

static int set_driver(void *out, const char *arg, struct fault *f)
{
	(void)f, (void)arg;
	((struct trace_options *)out)->session.driver = true;
	return 0;
}

static int set_returns(void *out, const char *arg, struct fault *f)
{
	static const struct option_choice choices[] = { { "auto", false },
							{ "none", true },
							{ NULL, 0 } };
	int value, err = options_choice("--returns", arg, choices, &value, f);

	if (!err)
		((struct trace_options *)out)->session.entries_only = value;
	return err;
}

static int set_io(void *out, const char *arg, struct fault *f)
{
	static const struct option_choice choices[] = {
		{ "block", HOOK_BLOCK },
		{ "file", HOOK_FILE },
		{ "net", HOOK_NET },
		{ "uring", HOOK_URING },
		{ "all", IO_HOOKS },
		{ "none", 0 },
		{ NULL, 0 },
	};
	struct session_options *o = &((struct trace_options *)out)->session;
	const char *p = arg, *end;
	char word[32];
	int value, err;

	o->parts &= ~IO_HOOKS;
	for (;; p = end + 1) {
		end = p + strcspn(p, ",");
		snprintf(word, sizeof(word), "%.*s", (int)(end - p), p);
		err = options_choice("--io", word, choices, &value, f);
		if (err)
			return err;
		o->parts |= (unsigned int)value;
		if (!*end)
			return 0;
	}
}

static int set_stage(void *out, const char *arg, struct fault *f)
{
	return stage_options_add(&((struct trace_options *)out)->session.functions, arg, f);
}

static int set_preset(void *out, const char *arg, struct fault *f)
{
	return stage_options_preset(&((struct trace_options *)out)->session.functions, arg, f);
}

static int set_marks(void *out, const char *arg, struct fault *f)
{
	static const struct option_choice choices[] = { { "on", true },
							{ "off", false },
							{ NULL, 0 } };
	int value, err = options_choice("--marks", arg, choices, &value, f);

	if (!err)
		((struct trace_options *)out)->session.marks = value;
	return err;
}

static int set_leaks(void *out, const char *arg, struct fault *f)
{
	(void)f;
	((struct trace_options *)out)->leaks = arg;
	return 0;
}

static int set_report(void *out, const char *arg, struct fault *f)
{
	(void)f;
	((struct trace_options *)out)->report = arg;
	return 0;
}

static int set_timeline(void *out, const char *arg, struct fault *f)
{
	struct session_options *o = &((struct trace_options *)out)->session;
	int err = arg ? options_duration("--timeline", arg, &o->slice_ns, f) : 0;

	o->timeline = true;
	if (!err && arg && o->slice_ns < TIMELINE_MIN_NS)
		return fault_set(f, EXIT_USAGE, EINVAL, "--timeline: '%s' is less than 1ms", arg);
	return err;
}

static int set_wakers(void *out, const char *arg, struct fault *f)
{
	(void)f, (void)arg;
	((struct trace_options *)out)->session.wakers = true;
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

static int set_cost_per_hour(void *out, const char *arg, struct fault *f)
{
	return cost_parse(arg, &((struct trace_options *)out)->cost_per_hour, f);
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
	{ "report", 0, "FILE", "write a report: FILE.html is a page, any other is text",
	  set_report },
	{ "leaks", 0, "FILE", "GPU memory still allocated at the end: folded stacks in bytes",
	  set_leaks },
	{ "state", 0, "STATE", "all, on-cpu, off-cpu, run-queue, blocked or gpu", set_state },
	{ "count", 0, "WHAT", "in the stacks and the picture: time (default) or switches",
	  set_count },
	{ "unit", 0, "UNIT", "of folded times: us (default), ns or ms", set_unit },
	{ "period", 0, "TIME", "wall time a stack of a wait or call stands for (10ms)",
	  set_period },
	{ "freq", 0, "HZ", "of the on-CPU samples (99)", set_freq },
	{ "max-stacks", 0, "N", "stacks a second; beyond, --period is raised (10000)",
	  set_max_stacks },
	{ "gpu-calls", 0, "LIST",
	  "CUDA calls by group: launch,copy,sync,..., or default, all, none", set_gpu_calls },
	{ "driver", 0, NULL, "driver calls that runtime calls make, too", set_driver },
	{ "returns", 0, "KIND", "auto; none: CUDA calls' entries only (fibers, pthread_cancel)",
	  set_returns },
	{ "io", 0, "LIST", "block (default), file, net, uring; all or none", set_io },
	{ "stage", 0, "NAME=PATH:FUNCTION", "a function, entry to return, is a stage; repeatable",
	  set_stage },
	{ "preset", 0, "LIST", "stages of llama.cpp,triton,tensorrt,libtorch; or a file of --stage",
	  set_preset },
	{ "marks", 0, "on|off", "stages and requests that programs mark (USDT): on (default)",
	  set_marks },
	{ "max-threads", 0, "N", "ended threads with a row of their own (4096)", set_max_threads },
	{ "unwind", 0, "KIND", "of user stacks: auto, dwarf or fp (frame pointers)", set_unwind },
	{ "stack-bytes", 0, "N", "of the user stack, copied with each sample (24576)",
	  set_stack_bytes },
	{ "unwind-cache", 0, "DIR", "keep unwinding tables here for the next run",
	  set_unwind_cache },
	{ "timeline", 0, "[=SLICE]", "the threads' states by slices of the window, in the JSON",
	  set_timeline },
	{ "wakers", 0, NULL, "stacks of those who end waits, in the JSON", set_wakers },
	{ "lines", 0, NULL, "source lines and inlined functions in the frames", set_lines },
	{ "hooks", 0, "KIND", "auto, btf, fentry, kprobe or tracepoint: where the kernel has it",
	  set_hooks },
	{ "cost-per-hour", 0, "X",
	  "of the machine, in any currency: what 1,000 requests cost, by part", set_cost_per_hour },
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

/* Does the list leave any call of the group? */
static int check_group(const char *list, enum cuda_group group, bool *any, struct fault *f)
{
	bool *chosen = calloc(cuda_calls_n, sizeof(*chosen));
	int err;

	if (!chosen)
		return fault_set(f, EXIT_FAILED, ENOMEM, "out of memory");
	err = check_gpu_calls(list, chosen, f);
	*any = false;
	for (size_t i = 0; !err && i < cuda_calls_n; i++)
		*any |= chosen[i] && cuda_calls[i].group == group;
	free(chosen);
	return err;
}

/* An empty file would say that nothing leaks. */
static int check_leaks(const struct session_options *s, struct fault *f)
{
	bool any = true;
	int err = s->gpu_calls ? check_group(s->gpu_calls, CUDA_ALLOC, &any, f) : 0;

	if (s->entries_only)
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "--leaks wants what allocations return: not with --returns none");
	if (!err && !any)
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "--leaks wants the allocations: --gpu-calls %s,alloc",
				 s->gpu_calls);
	return err;
}

/* Options that contradict each other. */
static int check(const struct trace_options *o, struct fault *f)
{
	const struct session_options *s = &o->session;

	if (!s->pids.n && !s->cgroup && !s->all && !s->command)
		return fault_set(f, EXIT_USAGE, EINVAL,
				 "trace what? -p PID, -c CGROUP, -a or -- COMMAND (try --help)");
	if (s->all && (s->pids.n || s->cgroup))
		return fault_set(f, EXIT_USAGE, EINVAL, "--all goes without --pid and --cgroup");
	if (s->entries_only && s->driver)
		return fault_set(
			f, EXIT_USAGE, EINVAL,
			"--driver wants to know when calls return: not with --returns none");
	return o->leaks ? check_leaks(s, f) : 0;
}

int trace_options_parse(int argc, char **argv, struct trace_options *o, struct fault *f)
{
	int next;

	*o = (struct trace_options){
		.session = { .period_ns = DEFAULT_PERIOD_NS,
			     .freq_hz = DEFAULT_FREQ_HZ,
			     .max_stacks = DEFAULT_MAX_STACKS,
			     .max_threads = DEFAULT_MAX_THREADS,
			     .stack_bytes = SAMPLE_STACK_BYTES,
			     .marks = true,
			     .parts = HOOK_BLOCK },
	};
	next = options_parse(rows, argc, argv, o, usage, f);
	if (next < 0)
		return next;
	if (next < argc) {
		if (strcmp(argv[next - 1], "--"))
			return fault_set(f, EXIT_USAGE, EINVAL,
					 "'%s': a command to run goes after -- (try --help)",
					 argv[next]);
		o->session.command = argv + next;
	}
	return check(o, f);
}
