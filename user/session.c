// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include "session_private.h"

#define GATE_NS NS_PER_MS /* between setting a clock gate and its time */
#define CLOSE_PASSES \
	50	      /* of the closing iterator, 1 ms apart, for tasks whose handler is at work */
#define SLOW_DETACH 4 /* perf-event probes that are not worth a child process to remove them */

static void on_life(void *arg, const struct rec_life *life)
{
	struct session *s = arg;

	if (s->uprobes == UPROBE_NONE)
		return;
	cuda_attach_life(&s->cuda, life->tgid, life->parent, life->time_ns);
	/* A new image maps its libraries in the next milliseconds. */
	if (life->what == LIFE_EXEC) {
		s->look_step_ns = LOOK_FIRST_NS;
		s->next_young_ns = 0;
	}
}

static int on_ring(void *arg, void *data, size_t len)
{
	struct session *s = arg;
	int err = collect_record(s->collect, data, len);

	if (err && !s->drain_error)
		s->drain_error = err;
	return 0;
}

/* Perf-event probes are a descriptor each; symbol files are kept open. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int block_signals(struct session *s)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &mask, &s->old_mask))
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	raise_file_limit();
	s->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signal_fd < 0 ? -errno : 0;
}

static int prepare(struct session *s, struct fault *f)
{
	const struct symbols_options symbols = { .lines = s->options->lines };
	const struct unwind_options unwind = {
		.cache_dir = s->options->unwind_cache,
		.no_frame_pointers = s->options->unwind == SESSION_UNWIND_DWARF,
	};
	struct unwind_stats stats;
	struct collect_options *c;
	struct utsname uts;
	int err;

	s->profile = profile_new();
	if (!s->profile || symbols_open(&s->symbols, &symbols))
		return fault_set(f, EXIT_FAILED, ENOMEM, "out of memory");
	if (unwind_open(&s->unwind, &unwind))
		return fault_set(f, EXIT_FAILED, ENOMEM, "out of memory");
	unwind_stats(s->unwind, &stats);
	if (stats.cache_error)
		return fault_set(f, EXIT_FAILED, -stats.cache_error,
				 "--unwind-cache: cannot use %s: %s", unwind.cache_dir,
				 strerror(-stats.cache_error));
	s->collect = collect_new(s->profile, s->symbols, s->unwind);
	if (!s->collect)
		return fault_set(f, EXIT_FAILED, ENOMEM, "out of memory");
	c = collect_options(s->collect);
	c->on_cpu_period_ns = NS_PER_S / s->options->freq_hz;
	c->max_threads = s->options->max_threads;
	c->entries_only = s->options->entries_only;
	c->frame_pointers = s->options->unwind == SESSION_UNWIND_FP;
	err = s->options->timeline ? session_timeline_open(s) : 0;
	if (err)
		return fault_set(f, EXIT_FAILED, -err, "out of memory");
	c->timeline = s->timeline;
	c->life = on_life;
	c->life_arg = s;
	if (!uname(&uts)) {
		s->profile->host = profile_string(s->profile, uts.nodename);
		s->profile->kernel = profile_string(s->profile, uts.release);
	}
	err = block_signals(s);
	return err ? fault_set(f, EXIT_FAILED, -err, "signals: %s", strerror(-err)) : 0;
}

static int attach(struct session *s, struct fault *f)
{
	int err = hooks_attach(&s->hooks, s->options->freq_hz, f);

	if (err)
		return err;
	s->ring = ring_buffer__new(bpf_map__fd(s->skel->maps.ring), on_ring, s, NULL);
	if (!s->ring)
		return fault_set(f, EXIT_FAILED, errno, "ring buffer: %s", strerror(errno));
	err = session_attach_cuda(s);
	if (!err)
		err = session_scope(s, 0);
	if (err)
		return fault_set(f, EXIT_FAILED, -err, "cannot attach: %s", strerror(-err));
	err = s->cuda.functions ? function_attach_check(&s->functions, f) : 0;
	if (err)
		return err;
	if (!s->options->all)
		for (size_t i = 0; i < s->pids.n; i++)
			if (!symbols_image(s->symbols, s->pids.pids[i], 0, 0, 0))
				return fault_set(f, EXIT_FAILED, ENOMEM, "out of memory");
	return 0;
}

struct session *session_open(const struct session_options *o, struct fault *f)
{
	struct session *s = calloc(1, sizeof(*s));
	int err;

	if (!s) {
		fault_set(f, EXIT_FAILED, ENOMEM, "out of memory");
		return NULL;
	}
	s->options = o;
	s->signal_fd = -1;
	s->command.go_fd = s->command.failed_fd = -1;
	s->overhead.stats_fd = s->overhead.calibration.fds[0] = s->overhead.calibration.fds[1] = -1;
	err = prepare(s, f);
	if (!err)
		err = session_find_targets(s, f);
	if (!err)
		err = session_load(s, f);
	if (!err)
		err = attach(s, f);
	if (!err && !s->options->all && !s->cgroup[0] && s->skel->data->next_serial == 1)
		err = fault_set(f, EXIT_NO_TARGET, ESRCH, "%s ended before it could be traced",
				s->target);
	if (!err)
		return s;
	fault_set(f, EXIT_FAILED, -err, "cannot start: %s", strerror(-err));
	session_close(s);
	return NULL;
}

/* The libraries' names, as many as fit. */
static void describe_libraries(const struct session *s, char *buf, size_t len)
{
	const char *path, *slash;
	size_t n = 0, more = 0;

	for (size_t i = 0; i < s->cuda.files.n; i++) {
		if (!cuda_attach_lib(&s->cuda, i)->probed)
			continue;
		path = cuda_attach_lib(&s->cuda, i)->path;
		slash = strrchr(path, '/');
		path = slash ? slash + 1 : path;
		if (n + strlen(path) + 16 < len)
			n += snprintf(buf + n, len - n, "%s%s", n ? ", " : "", path);
		else
			more++;
	}
	if (more)
		snprintf(buf + n, len - n, " and %zu more", more);
}

void session_describe(const struct session *s, char *buf, size_t len)
{
	unsigned long long threads = s->skel->data->next_serial - 1;
	char cuda[192], marks[32] = "", libraries[128] = "", functions[64] = "";

	snprintf(cuda, sizeof(cuda), "no CUDA %s", s->cuda.files.n ? "probes" : "library");
	describe_libraries(s, libraries, sizeof(libraries));
	if (libraries[0])
		snprintf(cuda, sizeof(cuda), "%zu CUDA probe%s in %s", s->cuda.probes,
			 s->cuda.probes == 1 ? "" : "s", libraries);
	if (s->stages.probes)
		snprintf(marks, sizeof(marks), ", %zu mark%s", s->stages.probes,
			 s->stages.probes == 1 ? "" : "s");
	if (s->functions.functions)
		snprintf(functions, sizeof(functions), ", %zu function%s as stages",
			 s->functions.functions, s->functions.functions == 1 ? "" : "s");
	snprintf(buf, len, "%s, %llu thread%s, %s%s%s", s->target, threads, threads == 1 ? "" : "s",
		 cuda, marks, functions);
}

/* Opens the window: the gate first, then the seed, so that every thread's first state is told either
 * by the iterator or by an event. */
static int open_window(struct session *s, struct fault *f)
{
	int err, forgot = collect_cpus_forget(bpf_map__fd(s->skel->maps.cpu_states));

	s->begin_ns = clock_now_ns() + GATE_NS;
	s->cuda.begin_ns = s->begin_ns;
	collect_options(s->collect)->t_begin_ns = s->begin_ns;
	/* A duration is a gate set in advance: the window is as long as was asked for, however late
	 * the loop notices. */
	s->end_ns = s->options->duration_ns ? s->begin_ns + s->options->duration_ns : ~0ULL;
	s->skel->data->t_end = s->end_ns;
	s->skel->data->t_begin = s->begin_ns;
	clock_sleep_until_ns(s->begin_ns);
	err = forgot ? forgot : session_counts(s, &s->counts_begin);
	if (!err)
		err = collect_steals_prepare(bpf_map__fd(s->skel->maps.steals));
	if (!err)
		err = collect_cpus_begin(s->collect);
	clock_sleep_until_ns(s->begin_ns + GATE_NS);
	overhead_begin(&s->overhead);
	if (!err)
		err = session_iterate(s, s->skel->progs.handle_seed);
	session_timeline_begin(s);
	if (!err && s->options->command)
		err = target_command_go(&s->command, s->options->command[0], f);
	return err ? fault_set(f, EXIT_FAILED, -err, "cannot read the task list: %s",
			       strerror(-err))
		   : 0;
}

int session_run(struct session *s, session_progress_fn progress, void *arg, struct fault *f)
{
	int err = open_window(s, f);

	if (!err)
		session_loop(s, progress, arg);
	return err;
}

static int close_window(struct session *s)
{
	uint64_t end = clock_now_ns() + GATE_NS;
	int err;

	/* Ended before its time, or without one. */
	if (end < s->end_ns) {
		s->end_ns = end;
		s->skel->data->t_end = end;
	}
	clock_sleep_until_ns(s->end_ns);
	err = session_counts(s, &s->counts_end);
	clock_sleep_until_ns(s->end_ns + GATE_NS);
	for (int pass = 0; pass < CLOSE_PASSES && !err; pass++) {
		s->skel->bss->close_left = 0;
		err = session_iterate(s, s->skel->progs.handle_close);
		if (!s->skel->bss->close_left)
			break;
		clock_sleep_until_ns(clock_now_ns() + GATE_NS);
	}
	ring_buffer__consume(s->ring);
	return err;
}

int session_finish(struct session *s, struct profile **p, struct fault *f)
{
	struct infbpf_bpf *skel = s->skel;
	const struct {
		int (*collect)(struct collect *c, int map_fd);
		struct bpf_map *map;
	} maps[] = {
		{ collect_cpus, skel->maps.cpu_states },
		{ collect_ended, skel->maps.ended },
		{ collect_waits, skel->maps.waits },
		{ collect_steals, skel->maps.steals },
		{ collect_thread_calls, skel->maps.thread_calls },
		{ collect_errors, skel->maps.call_errors },
		{ collect_copies, skel->maps.copies },
		{ collect_stream_map, skel->maps.streams },
		{ collect_launchers, skel->maps.launchers },
	};
	int err = close_window(s);

	overhead_stop(&s->overhead, skel, clock_now_ns());
	collect_options(s->collect)->t_end_ns = s->end_ns;
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]) && !err; i++)
		err = maps[i].collect(s->collect, bpf_map__fd(maps[i].map));
	if (!err)
		err = collect_apis(s->collect, bpf_map__fd(skel->maps.apis),
				   bpf_map__fd(skel->maps.api_recs));
	if (!err)
		err = collect_launches(s->collect, bpf_map__fd(skel->maps.launches),
				       bpf_map__fd(skel->maps.launch_recs));
	if (!err)
		err = collect_stage_map(s->collect, bpf_map__fd(skel->maps.stages),
					bpf_map__fd(skel->maps.stage_recs));
	if (!err)
		err = collect_io(s->collect, session_io_parts(s->options),
				 bpf_map__fd(skel->maps.io_keys), bpf_map__fd(skel->maps.io_recs));
	if (!err)
		err = collect_io_threads(s->collect, bpf_map__fd(skel->maps.io_threads),
					 bpf_map__fd(skel->maps.io_rest));
	if (!err)
		err = collect_finish(s->collect);
	if (!err)
		err = collect_memory(s->collect);
	if (!err)
		err = session_result(s);
	if (err)
		return fault_set(f, EXIT_FAILED, -err, "cannot collect the result: %s",
				 strerror(-err));
	s->profile->duration_ns = s->end_ns - s->begin_ns;
	err = session_timeline_finish(s);
	if (err)
		return fault_set(f, EXIT_FAILED, -err, "cannot build the timeline: %s",
				 strerror(-err));
	s->profile->target = profile_string(s->profile, s->target);
	s->profile->period_ns = skel->data->period_ns;
	s->profile->stacks = collect_stacks(s->collect);
	s->profile->entries_only = s->options->entries_only;
	s->profile->wakers_sampled = s->options->wakers;
	s->profile->unwound = s->options->unwind != SESSION_UNWIND_FP;
	err = profile_finish(s->profile);
	if (err)
		return fault_set(f, EXIT_FAILED, -err, "cannot build the result: %s",
				 strerror(-err));
	*p = s->profile;
	return 0;
}

void session_count_cpu(struct session *s)
{
	overhead_update(&s->overhead, s->profile);
}

int session_wait_command(struct session *s)
{
	int status;

	if (!s->command.pid || s->command_reaped)
		return s->command_status;
	/* All is written: a signal may end infbpf now, even if the command goes on. */
	sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
	while (waitpid(s->command.pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILED;
	s->command_reaped = true;
	s->command_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return s->command_status;
}

/* Perf-event probes go at 60 to 110 ms each: a child keeps the descriptors and dies slowly. */
static void leave_probes_to_child(struct session *s)
{
	pid_t pid;

	if (s->uprobes != UPROBE_PERF ||
	    s->cuda.fds_n + s->stages.fds_n + s->functions.fds_n <= SLOW_DETACH)
		return;
	fflush(NULL);
	pid = fork();
	if (pid)
		return;
	setsid();
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	/* The parent is through with its own copies in a moment; the last close is the slow one. */
	clock_sleep_until_ns(clock_now_ns() + 200 * NS_PER_MS);
	_exit(0);
}

void session_close(struct session *s)
{
	if (!s)
		return;
	leave_probes_to_child(s);
	if (s->command.go_fd >= 0)
		close(s->command.go_fd);
	if (s->command.failed_fd >= 0)
		close(s->command.failed_fd);
	session_timeline_close(s);
	ring_buffer__free(s->ring);
	hooks_detach(&s->hooks);
	cuda_attach_close(&s->cuda);
	stage_attach_close(&s->stages);
	function_attach_close(&s->functions);
	overhead_close(&s->overhead);
	if (s->skel)
		infbpf_bpf__destroy(s->skel);
	collect_free(s->collect);
	unwind_close(s->unwind);
	symbols_close(s->symbols);
	profile_free(s->profile);
	for (size_t i = 0; i < s->pidfds_n; i++)
		if (s->pidfds[i] >= 0)
			close(s->pidfds[i]);
	free(s->pidfds);
	free(s->chosen);
	target_pids_free(&s->pids);
	if (s->signal_fd >= 0) {
		close(s->signal_fd);
		sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
	}
	free(s);
}
