/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The summary's threads: where the wall time of the busy ones went. */
#define _GNU_SOURCE /* qsort_r */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "format.h"
#include "summary_part.h"
#include "text.h"

/* A thread that was idle for more than 99 % gets no row. */
#define BUSY_SHARE 100

enum thread_cell { T_NAME, T_TID, T_WALL, T_ON_CPU, T_QUEUE, T_BLOCKED, T_SWITCHES, T_CELLS };

static const struct screen_column columns[T_CELLS] = {
	[T_NAME] = { "", 15, 18 },
	[T_TID] = { "tid", 8, 9 },
	[T_WALL] = { "wall", 8, 10 },
	[T_ON_CPU] = { "on-CPU", 8, 10 },
	[T_QUEUE] = { "run queue", 10, 12 },
	[T_BLOCKED] = { "blocked", 8, 10 },
	[T_SWITCHES] = { "switches vol/inv", 0, 21 },
};

static int by_busy(const void *a, const void *b, void *arg)
{
	const struct profile_thread *threads = arg;
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const uint64_t busy_x = profile_busy_ns(&threads[x]), busy_y = profile_busy_ns(&threads[y]);

	if (busy_x != busy_y)
		return busy_x < busy_y ? 1 : -1;
	return x < y ? -1 : x > y;
}

enum activity { BUSY, IDLE, EMULATED, ACTIVITIES };

static enum activity activity(const struct profile *p, const struct profile_thread *t)
{
	if (profile_is_emulated(p, t))
		return EMULATED;
	return t->wall_ns && profile_busy_ns(t) >= t->wall_ns / BUSY_SHARE ? BUSY : IDLE;
}

void summary_order(const struct profile *p, struct summary_order *o)
{
	size_t n = 0;

	/* One kind after the other: a long-lived idle thread may have run for longer than a
	 * short-lived busy one. */
	for (int kind = BUSY; kind < ACTIVITIES; kind++) {
		const size_t first = n;

		for (uint32_t i = 0; i < p->threads_n; i++)
			if ((int)activity(p, &p->threads[i]) == kind)
				o->rows[n++] = i;
		qsort_r(o->rows + first, n - first, sizeof(*o->rows), by_busy, p->threads);
		if (kind == BUSY)
			o->busy_n = n;
		if (kind == IDLE)
			o->idle_n = n - first;
	}
}

size_t summary_processes(const struct profile *p)
{
	size_t n = 0;

	/* They are sorted by process. */
	for (size_t i = 0; i < p->threads_n; i++)
		n += !i || p->threads[i].pid != p->threads[i - 1].pid;
	return n;
}

/* Who took most of the CPU time that a preempted thread waited for, and how much of that, as far as there
 * is room. False: nobody who is worth a name. */
static bool put_thief(const struct screen *s, const struct profile_thread *t, char *buf)
{
	const uint64_t queue = t->state_ns[PROFILE_WOKEN] + t->state_ns[PROFILE_PREEMPTED];
	const size_t room = screen_note_behind(s, columns, T_CELLS);
	char name[TEXT_UTF8_SIZE(64)], share[FORMAT_SIZE];
	size_t other;

	if (!t->stolen_by || t->stolen_ns < queue / 10)
		return false;
	text_shown(t->stolen_by, name, sizeof(name));
	/* There is little room: no more digits than that. */
	snprintf(share, sizeof(share), "%.0f %%", 100.0 * (double)t->stolen_ns / (double)queue);
	if (!screen_is_wide(s)) {
		other = strlen("preempted ()");
		text_cut(name, room > other ? room - other : 0);
		snprintf(buf, CELL_SIZE, "preempted (%.60s)", name);
		return true;
	}
	other = strlen("run queue (preempted by  )") + strlen(share);
	if (room >= other + text_width(name)) {
		snprintf(buf, CELL_SIZE, "run queue (preempted by %.48s %s)", name, share);
		return true;
	}
	other = strlen("preempted ( )") + strlen(share);
	text_cut(name, room > other ? room - other : 0);
	snprintf(buf, CELL_SIZE, "preempted (%.48s %s)", name, share);
	return true;
}

/* What the thread did most besides running; what it ran for, if nothing. */
static void put_mostly(const struct screen *s, const struct profile_thread *t, char *buf)
{
	const bool wide = screen_is_wide(s);
	const bool roomy =
		screen_note_behind(s, columns, T_CELLS) >= strlen("run queue (preempted) 99.9 %");
	const char *name = roomy ? "run queue (woken)" : "woken", *prefix = "";
	const uint64_t preempted = t->state_ns[PROFILE_PREEMPTED] - t->throttled_ns;
	uint64_t most = t->state_ns[PROFILE_WOKEN];
	char share[FORMAT_SIZE];

	if (preempted > most) {
		most = preempted;
		name = roomy ? "run queue (preempted)" : "preempted";
	}
	if (t->throttled_ns > most) {
		most = t->throttled_ns;
		name = roomy ? "run queue (throttled)" : "throttled";
	}
	for (unsigned int c = CAUSE_NONE + 1; c < CAUSES; c++) {
		if (t->blocked_by_ns[c] <= most)
			continue;
		most = t->blocked_by_ns[c];
		name = wait_cause_name(c);
		prefix = wide ? "blocked: " : "";
	}
	if (t->call_ns > t->wall_ns / 2 && t->state_ns[PROFILE_ON_CPU] > t->wall_ns / 2) {
		most = t->call_ns;
		name = "in GPU calls";
		prefix = "";
	} else if (most < t->wall_ns / 1000) {
		snprintf(buf, CELL_SIZE, "on-CPU");
		return;
	}
	if (most == preempted && put_thief(s, t, buf))
		return;
	snprintf(buf, CELL_SIZE, "%s%s %s", prefix, name, format_percent(share, most, t->wall_ns));
}

/* Where there are several processes, "process/thread" with each cut so that both can be told. */
static void put_name(const struct screen *s, const struct profile_thread *t, bool with_process,
		     char *buf)
{
	const size_t width = screen_is_wide(s) ? columns[T_NAME].wide : columns[T_NAME].narrow;
	char process[CELL_SIZE / 2 - 1], comm[CELL_SIZE / 2 - 1];

	text_name(t->process, process, sizeof(process));
	text_name(t->comm, comm, sizeof(comm));
	if (!with_process || !strcmp(process, comm)) {
		snprintf(buf, CELL_SIZE, "%s", comm);
		return;
	}
	if (text_width(process) + 1 + text_width(comm) > width)
		text_cut(comm, width * 2 / 3);
	text_cut(process, width - 1 - text_width(comm));
	snprintf(buf, CELL_SIZE, "%s/%s", process, comm);
}

static void thread_row(struct screen *s, const struct profile_thread *t, bool with_process)
{
	const uint64_t queue = t->state_ns[PROFILE_WOKEN] + t->state_ns[PROFILE_PREEMPTED];
	char cells[T_CELLS][CELL_SIZE], a[FORMAT_SIZE], b[FORMAT_SIZE], mostly[CELL_SIZE];

	put_name(s, t, with_process, cells[T_NAME]);
	if (t->merged > 1)
		snprintf(cells[T_TID], CELL_SIZE, "x %s", format_count_short(a, t->merged));
	else
		snprintf(cells[T_TID], CELL_SIZE, "%" PRIu32, t->tid);
	format_duration(cells[T_WALL], t->wall_ns);
	format_percent(cells[T_ON_CPU], t->state_ns[PROFILE_ON_CPU], t->wall_ns);
	format_percent(cells[T_QUEUE], queue, t->wall_ns);
	format_percent(cells[T_BLOCKED], t->state_ns[PROFILE_BLOCKED], t->wall_ns);
	snprintf(cells[T_SWITCHES], CELL_SIZE, "%s / %s", format_count_short(a, t->voluntary),
		 format_count_short(b, t->involuntary));
	put_mostly(s, t, mostly);
	screen_row(s, columns, T_CELLS, cells, mostly, NOTE_BEHIND);
}

static uint64_t count_threads(const struct profile *p, const struct summary_order *o, size_t from,
			      size_t to)
{
	uint64_t n = 0;

	for (size_t i = from; i < to; i++)
		n += p->threads[o->rows[i]].merged;
	return n;
}

void summary_threads(struct screen *s, const struct profile *p, const struct summary_order *o,
		     size_t rows)
{
	const bool with_process = summary_processes(p) > 1;
	const size_t idle_end = o->busy_n + o->idle_n;
	const size_t shown = rows < p->threads_n ? rows : p->threads_n;
	const size_t idle_from = shown > o->busy_n ? shown : o->busy_n;
	const size_t emulated_from = shown > idle_end ? shown : idle_end;
	const struct {
		uint64_t n;
		const char *what;
	} more[] = {
		{ count_threads(p, o, shown, o->busy_n), "busy" },
		{ count_threads(p, o, idle_from, idle_end), "idle more than 99 %" },
		{ count_threads(p, o, emulated_from, p->threads_n), "emulating the GPU" },
	};
	struct screen_line line = { .n = 0 };
	char n[FORMAT_SIZE];

	screen_title(s, "WALL TIME OF THE BUSY THREADS", columns, T_CELLS, "mostly");
	for (size_t i = 0; i < shown; i++)
		thread_row(s, &p->threads[o->rows[i]], with_process);
	for (size_t i = 0; o->others && i < sizeof(more) / sizeof(*more); i++) {
		if (!more[i].n)
			continue;
		screen_add(&line, line.n ? ", %s %s" : "  + threads: %s %s",
			   format_count(n, more[i].n), more[i].what);
	}
	if (line.n)
		screen_text(s, line.text, 4);
}
