/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The summary's lines and tables about the scheduler: what was waited for a CPU and why, who had it, who
 * woke whom, what the CPUs did. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "format.h"
#include "summary_part.h"
#include "text.h"

#define TOP	 10
#define LINE_TOP 3
/* Less waiting than this part of all wall time is not worth a line. */
#define QUEUE_PART 100

/* --- who had the CPU, whoever waited --- */

struct neighbour {
	uint32_t pid;
	const char *comm; /* NULL: those that there was no room for */
	bool kthread;
	uint64_t waits, preempted_ns, behind_ns;
};

static uint64_t neighbour_ns(const struct neighbour *n)
{
	return n->preempted_ns + n->behind_ns;
}

static int by_who(const void *a, const void *b)
{
	const struct neighbour *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return text_compare(x->comm, y->comm);
}

static int by_taken(const void *a, const void *b)
{
	const struct neighbour *x = a, *y = b;
	const uint64_t nx = neighbour_ns(x), ny = neighbour_ns(y);

	return nx != ny ? (nx < ny ? 1 : -1) : by_who(a, b);
}

/* Those who took most first. The caller frees it. NULL: nobody did, or no memory. */
static struct neighbour *neighbours(const struct profile *p, size_t *n)
{
	struct neighbour *v = calloc(p->steals_n + 1, sizeof(*v));

	*n = 0;
	for (size_t i = 0; v && i < p->steals_n; i++) {
		const struct profile_steal *s = &p->steals[i];

		v[i] = (struct neighbour){
			.pid = s->by_comm ? s->by_pid : 0,
			.comm = s->by_comm,
			.kthread = s->by_kthread,
			.waits = s->waits,
			.preempted_ns = s->behind ? 0 : s->wall_ns,
			.behind_ns = s->behind ? s->wall_ns : 0,
		};
	}
	if (!v || !p->steals_n)
		return v;
	qsort(v, p->steals_n, sizeof(*v), by_who);
	for (size_t i = 0; i < p->steals_n; i++) {
		if (*n && !by_who(&v[*n - 1], &v[i])) {
			v[*n - 1].waits += v[i].waits;
			v[*n - 1].preempted_ns += v[i].preempted_ns;
			v[*n - 1].behind_ns += v[i].behind_ns;
		} else {
			v[(*n)++] = v[i];
		}
	}
	qsort(v, *n, sizeof(*v), by_taken);
	return v;
}

/* --- a line each --- */

void summary_queue(struct screen *s, const struct profile *p, bool all)
{
	const size_t max = all ? SIZE_MAX : s->columns;
	uint64_t wall = 0, woken = 0, preempted = 0, throttled = 0, queue;
	char a[FORMAT_SIZE], b[FORMAT_SIZE], name[TEXT_UTF8_SIZE(64)];
	struct screen_line line = { .n = 0 };
	struct neighbour *v;
	size_t n;

	for (size_t i = 0; i < p->threads_n; i++) {
		const struct profile_thread *t = &p->threads[i];

		wall += t->wall_ns;
		woken += t->state_ns[PROFILE_WOKEN];
		preempted += t->state_ns[PROFILE_PREEMPTED] - t->throttled_ns;
		throttled += t->throttled_ns;
	}
	queue = woken + preempted + throttled;
	/* Of the whole host's threads most do nothing: there, what one CPU could have done. */
	if (wall > p->duration_ns)
		wall = p->duration_ns;
	if (!queue || queue < wall / QUEUE_PART)
		return;
	screen_add(&line, "  waited for a CPU: %s", format_duration(a, queue));
	if (throttled)
		screen_add_within(&line, max, ", %s throttled by a quota",
				  format_percent(a, throttled, queue));
	screen_add_within(&line, max, ", %s preempted", format_percent(a, preempted, queue));
	v = neighbours(p, &n);
	for (size_t i = 0; v && i < n && i < LINE_TOP; i++) {
		if (!v[i].comm)
			continue;
		if (!screen_add_within(&line, max, "%s%s %s", i ? ", " : "; CPU went to ",
				       text_shown(v[i].comm, name, sizeof(name)),
				       format_percent(b, neighbour_ns(&v[i]), queue)))
			break;
	}
	free(v);
	screen_text(s, line.text, 4);
}

void summary_cpus(struct screen *s, const struct profile *p, bool all)
{
	const size_t max = all ? SIZE_MAX : s->columns;
	const struct profile_cpu *most = NULL;
	uint64_t busy = 0, target = 0, steal = 0, time = 0, n = 0;
	struct screen_line line = { .n = 0 };
	char a[FORMAT_SIZE], b[FORMAT_SIZE];

	for (size_t i = 0; i < p->cpus_n; i++) {
		const struct profile_cpu *c = &p->cpus[i];

		if (c->busy_ns == PROFILE_UNKNOWN)
			continue;
		n++;
		time += c->busy_ns + c->idle_ns;
		busy += c->busy_ns;
		target += c->target_ns;
		steal += c->steal_ns == PROFILE_UNKNOWN ? 0 : c->steal_ns;
		if (!most || c->busy_ns > most->busy_ns)
			most = c;
	}
	if (!n)
		return;
	screen_add(&line, "  %s CPU%s: %s busy", format_count(a, n), n == 1 ? "" : "s",
		   format_percent(b, busy, time));
	if (target != busy)
		screen_add_within(&line, max, ", %s with what was traced",
				  format_percent(a, target, time));
	if (steal)
		screen_add_within(&line, max, ", %s stolen by the hypervisor",
				  format_percent(a, steal, time));
	if (n > 1)
		screen_add_within(&line, max, "; busiest: CPU %" PRIu32 ", %s", most->cpu,
				  format_percent(a, most->busy_ns, most->busy_ns + most->idle_ns));
	screen_text(s, line.text, 4);
}

/* --- tables (--wide) --- */

static void put_row(struct screen *s, const struct screen_column *c, size_t n,
		    char cells[][CELL_SIZE], const char *note)
{
	for (size_t i = 0; i < n; i++)
		if (!*cells[i])
			strcpy(cells[i], "-");
	screen_row(s, c, n, cells, note, NOTE_BEHIND);
}

static void table_neighbours(struct screen *s, const struct profile *p)
{
	static const struct screen_column columns[] = { { "", 20, 24 },
							{ "pid", 9, 10 },
							{ "waits", 11, 13 },
							{ "preempted", 11, 13 },
							{ "was first", 11, 13 } };
	const size_t columns_n = sizeof(columns) / sizeof(*columns);
	size_t n;
	struct neighbour *v = neighbours(p, &n);

	if (n) {
		screen_blank(s);
		screen_title(s, "WHO HAD THE CPU", columns, columns_n, NULL);
	}
	for (size_t i = 0; v && i < n && i < TOP; i++) {
		char cells[5][CELL_SIZE] = { "" };

		if (v[i].comm) {
			text_shown(v[i].comm, cells[0], CELL_SIZE);
			snprintf(cells[1], CELL_SIZE, "%" PRIu32, v[i].pid);
		} else {
			snprintf(cells[0], CELL_SIZE, "others");
		}
		format_count_short(cells[2], v[i].waits);
		format_duration(cells[3], v[i].preempted_ns);
		format_duration(cells[4], v[i].behind_ns);
		put_row(s, columns, columns_n, cells, v[i].kthread ? "kernel thread" : NULL);
	}
	free(v);
}

static void table_wakers(struct screen *s, const struct profile *p)
{
	static const struct screen_column columns[] = {
		{ "", 20, 24 }, { "tid", 9, 10 }, { "blocked", 10, 12 }, { "by tid", 9, 10 }
	};
	const size_t columns_n = sizeof(columns) / sizeof(*columns);
	size_t shown = 0;

	for (size_t i = 0; i < p->wakers_n && shown < TOP; i++) {
		const struct profile_waker *w = &p->wakers[i];
		const struct profile_thread *t = &p->threads[w->thread];
		char cells[4][CELL_SIZE] = { "" }, name[TEXT_UTF8_SIZE(64)], note[CELL_SIZE];

		if (t->kthread)
			continue;
		if (!shown++) {
			screen_blank(s);
			screen_title(s, "WHO ENDED WAITS", columns, columns_n, "by");
		}
		text_shown(t->comm, cells[0], CELL_SIZE);
		if (t->merged == 1)
			snprintf(cells[1], CELL_SIZE, "%" PRIu32, t->tid);
		format_duration(cells[2], w->blocked_ns);
		if (w->by_interrupt) {
			snprintf(note, sizeof(note), "an interrupt");
		} else {
			snprintf(cells[3], CELL_SIZE, "%" PRIu32, w->by_tid);
			snprintf(note, sizeof(note), "%.64s",
				 text_shown(w->by_comm, name, sizeof(name)));
		}
		put_row(s, columns, columns_n, cells, note);
	}
}

static void table_cpus(struct screen *s, const struct profile *p)
{
	static const struct screen_column columns[] = { { "", 12, 14 },
							{ "busy", 10, 12 },
							{ "traced", 10, 12 },
							{ "idle", 10, 12 },
							{ "stolen", 10, 12 } };
	const size_t columns_n = sizeof(columns) / sizeof(*columns);

	if (p->cpus_n) {
		screen_blank(s);
		screen_title(s, "CPUS", columns, columns_n, NULL);
	}
	for (size_t i = 0; i < p->cpus_n; i++) {
		const struct profile_cpu *c = &p->cpus[i];
		char cells[5][CELL_SIZE] = { "" };

		snprintf(cells[0], CELL_SIZE, "CPU %" PRIu32, c->cpu);
		if (c->busy_ns != PROFILE_UNKNOWN) {
			format_percent(cells[1], c->busy_ns, p->duration_ns);
			format_percent(cells[2], c->target_ns, p->duration_ns);
			format_percent(cells[3], c->idle_ns, p->duration_ns);
		}
		if (c->steal_ns != PROFILE_UNKNOWN)
			format_percent(cells[4], c->steal_ns, p->duration_ns);
		put_row(s, columns, columns_n, cells, NULL);
	}
}

void summary_sched_tables(struct screen *s, const struct profile *p)
{
	table_neighbours(s, p);
	table_wakers(s, p);
	table_cpus(s, p);
}
