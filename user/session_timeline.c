// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* --timeline: at the end of every slice of the window an iterator reads the threads' accounts. It looks
 * at every task of the host, so slices are made longer where that would take more than a fiftieth of a
 * CPU. */
#include <errno.h>
#include "session_private.h"

#define COST_SHARE  50
#define COST_ROUNDS 8

int session_timeline_open(struct session *s)
{
	const struct session_options *o = s->options;

	s->next_slice_ns = ~0ULL;
	s->timeline = timeline_new(timeline_slice(o->slice_ns, o->duration_ns), o->max_threads);
	return s->timeline ? 0 : -ENOMEM;
}

static void set_next(struct session *s, uint64_t now)
{
	const uint64_t slice = timeline_slice_ns(s->timeline);

	s->next_slice_ns = s->begin_ns + ((now - s->begin_ns) / slice + 1) * slice;
}

void session_timeline_begin(struct session *s)
{
	if (!s->timeline)
		return;
	timeline_begin(s->timeline, s->begin_ns);
	set_next(s, s->begin_ns);
}

static uint64_t cpu_ns(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

int session_timeline_tick(struct session *s, uint64_t now)
{
	uint64_t begun, cpu, slice;
	int err;

	if (!s->timeline || now < s->next_slice_ns || now >= s->end_ns)
		return 0;
	if (!s->slice_link)
		s->slice_link = bpf_program__attach_iter(s->skel->progs.handle_slice, NULL);
	if (!s->slice_link)
		return -errno;
	cpu = cpu_ns();
	begun = clock_now_ns();
	s->skel->bss->slice_since = s->slice_round_ns;
	s->slice_round_ns = begun;
	timeline_round(s->timeline, begun);
	err = session_iterate_link(s, s->slice_link);
	slice = timeline_slice_ns(s->timeline);
	s->slice_cpu_ns += cpu_ns() - cpu;
	if (!err && (now - s->begin_ns) / slice >= TIMELINE_SLICES)
		err = timeline_double(s->timeline);
	if (!err && ++s->slice_rounds >= COST_ROUNDS) {
		if (s->slice_cpu_ns > slice * s->slice_rounds / COST_SHARE)
			err = timeline_double(s->timeline);
		s->slice_rounds = 0;
		s->slice_cpu_ns = 0;
	}
	set_next(s, clock_now_ns());
	return err;
}

int session_timeline_finish(struct session *s)
{
	return s->timeline ? timeline_finish(s->timeline, s->profile) : 0;
}

void session_timeline_close(struct session *s)
{
	bpf_link__destroy(s->slice_link);
	timeline_free(s->timeline);
}
