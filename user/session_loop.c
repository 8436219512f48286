// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "session_private.h"

#define LOOK_NS	      (500 * NS_PER_MS) /* how often processes are searched for new libraries */
#define LOWER_NS      (2 * NS_PER_S)	/* without a loss, before the period is lowered again */
#define MAX_PERIOD_NS (10 * NS_PER_S)

/* New members of the cgroup, libraries loaded since, CPUs that came. */
static int look(struct session *s, uint64_t now)
{
	size_t known = s->pids.n;
	int err = 0;

	if (s->cgroup[0]) {
		err = target_cgroup_scan(s->cgroup, &s->pids);
		if (err > 0) {
			err = session_scope(s, known);
			if (!err)
				err = session_iterate(s, s->skel->progs.handle_seed);
			for (size_t i = known; i < s->pids.n && err >= 0; i++)
				err = cuda_attach_process(&s->cuda, s->pids.pids[i], now);
		}
	}
	if (err >= 0 && s->uprobes != UPROBE_NONE)
		err = cuda_attach_tick(&s->cuda, now, false);
	hook_clock_refresh(&s->hooks.clock);
	s->next_look_ns = now + LOOK_NS;
	return err < 0 ? err : 0;
}

/* The libraries of processes that have just begun a new image: soon after the exec, then ever less
 * often. */
static int look_young(struct session *s, uint64_t now)
{
	int err = 0;

	if (s->uprobes != UPROBE_NONE)
		err = cuda_attach_tick(&s->cuda, now, true);
	s->look_step_ns *= 2;
	s->next_young_ns = s->look_step_ns < LOOK_NS ? now + s->look_step_ns : ~0ULL;
	return err < 0 ? err : 0;
}

/* Keeps the stacks a second under the limit by raising the period, and the weights with it. A busy
 * host may leave infbpf less of a CPU than the limit takes: records that did not fit the ring raise it
 * too, or most stacks would be lost, and not at random. */
static void adapt(struct session *s, uint64_t now)
{
	uint64_t stacks = collect_stacks(s->collect), rate, period = s->skel->data->period_ns;
	struct cpu_counts c;
	bool lost;
	int err;

	if (now < s->next_adapt_ns)
		return;
	lost = !session_counts(s, &c) && c.lost_ring > s->adapt_lost;
	if (lost) {
		s->adapt_lost = c.lost_ring;
		s->next_lower_ns = now + LOWER_NS;
	}
	rate = (stacks - s->adapt_stacks) * NS_PER_S / (100 * NS_PER_MS + now - s->next_adapt_ns);
	s->adapt_stacks = stacks;
	err = collect_refill(s->collect);
	if (err && !s->drain_error)
		s->drain_error = err;
	s->next_adapt_ns = now + 100 * NS_PER_MS;
	if (lost)
		period *= 2;
	else if (rate > s->options->max_stacks)
		period = period * rate / s->options->max_stacks;
	else if (rate < s->options->max_stacks / 2 && now >= s->next_lower_ns) {
		period = period / 2;
		s->next_lower_ns = now + LOWER_NS / 4;
	}
	if (period < s->options->period_ns)
		period = s->options->period_ns;
	if (period > MAX_PERIOD_NS)
		period = MAX_PERIOD_NS;
	s->skel->data->period_ns = period;
	s->skel->bss->alloc_stacks = ALLOC_STACKS;
	s->skel->bss->stage_records = STAGE_RECORDS;
}

static void report_progress(struct session *s, uint64_t now, session_progress_fn fn, void *arg)
{
	struct session_progress p = { 0 };
	struct profile_overhead *o = &s->profile->overhead;
	struct cpu_counts c;

	if (!fn || now < s->next_progress_ns || session_counts(s, &c))
		return;
	s->next_progress_ns = now + NS_PER_S;
	p.elapsed_ns = now - s->begin_ns;
	p.calls = c.call_hits;
	p.switches = c.switches;
	p.stacks = collect_stacks(s->collect);
	p.lost = c.lost_ring + c.lost_stack + c.lost_map + c.lost_storage + c.lost_thread +
		 c.lost_switch + c.lost_wakeup + collect_lost(s->collect);
	overhead_report(&s->overhead, s->skel, &c, s->profile);
	p.cost = o->bpf_ns == PROFILE_UNKNOWN || !p.elapsed_ns
			 ? -1
			 : (double)(o->bpf_ns + o->trap_ns + o->user_cpu_ns - o->start_cpu_ns) /
				   p.elapsed_ns;
	fn(arg, &p);
}

/* True when the trace is to end. */
static bool on_signal(struct session *s)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info))
		return false;
	/* The terminal sends Ctrl-C to the command too; SIGTERM came to infbpf alone. Either way its
	 * end is worth tracing: the second signal does not wait for it. */
	if (s->command.pid && !s->interrupted) {
		s->interrupted = true;
		if (info.ssi_signo != SIGINT)
			kill(s->command.pid, info.ssi_signo);
		return false;
	}
	return true;
}

/* Waits for something to do, at most DRAIN_MS. True when every watched process has ended. */
static bool wait_event(struct session *s, bool *signalled)
{
	struct pollfd *fds = calloc(s->pidfds_n + 2, sizeof(*fds));
	uint64_t now = clock_now_ns(), next = s->end_ns;
	int timeout = DRAIN_MS;
	size_t ended = 0;

	*signalled = false;
	if (!fds)
		return true;
	if (next > s->next_young_ns)
		next = s->next_young_ns;
	if (s->timeline && next > s->next_slice_ns)
		next = s->next_slice_ns;
	if (now >= next)
		timeout = 0;
	else if (next - now < DRAIN_MS * NS_PER_MS)
		timeout = (next - now) / NS_PER_MS + 1;
	fds[0] = (struct pollfd){ .fd = s->signal_fd, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = ring_buffer__epoll_fd(s->ring), .events = POLLIN };
	for (size_t i = 0; i < s->pidfds_n; i++)
		fds[2 + i] = (struct pollfd){ .fd = s->pidfds[i], .events = POLLIN };
	poll(fds, s->pidfds_n + 2, timeout);
	*signalled = fds[0].revents;
	for (size_t i = 0; i < s->pidfds_n; i++) {
		if (s->pidfds[i] >= 0 && fds[2 + i].revents) {
			close(s->pidfds[i]);
			s->pidfds[i] = -1; /* poll leaves it out */
		}
		ended += s->pidfds[i] < 0;
	}
	free(fds);
	return s->pidfds_n && ended == s->pidfds_n && !s->cgroup[0] && !s->options->all;
}

void session_loop(struct session *s, session_progress_fn progress, void *arg)
{
	bool done = false, signalled;
	uint64_t now;
	int err = 0;

	now = clock_now_ns();
	s->next_look_ns = now + LOOK_NS;
	s->look_step_ns = LOOK_FIRST_NS;
	s->next_adapt_ns = now + 100 * NS_PER_MS;
	s->next_progress_ns = now + NS_PER_S;
	while (!done) {
		done = wait_event(s, &signalled);
		if (signalled && on_signal(s))
			done = true;
		ring_buffer__consume(s->ring);
		now = clock_now_ns();
		if (now >= s->end_ns)
			done = true;
		overhead_tick(&s->overhead, s->skel, now);
		adapt(s, now);
		err = session_timeline_tick(s, now);
		if (!done && !err && now >= s->next_look_ns)
			err = look(s, now);
		if (!done && !err && now >= s->next_young_ns)
			err = look_young(s, now);
		report_progress(s, now, progress, arg);
		if (err || s->drain_error)
			break;
	}
	/* What was measured so far is written all the same. */
	if (err || s->drain_error)
		message_print("tracing stopped early: %s", strerror(-(err ? err : s->drain_error)));
}
