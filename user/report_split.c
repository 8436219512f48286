// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Thinking against waiting: the wall time of the busy threads by what it was spent on. */
#include <stdlib.h>
#include <string.h>
#include "format.h"
#include "report_part.h"

enum cell { C_NAME, C_TIME, C_SHARE, C_CELLS };

static const struct screen_column columns[C_CELLS] = {
	[C_NAME] = { "", 31, 40 },
	[C_TIME] = { "time", 9, 12 },
	[C_SHARE] = { "share", 8, 10 },
};

/* What a thread set going itself and cannot go on without: as profile_busy_ns() counts. The rest of
 * what it is blocked by is others' work, or none to do. */
static bool is_own_work(enum wait_cause cause)
{
	return cause == CAUSE_GPU_CALL || cause == CAUSE_GPU_DRIVER || cause == CAUSE_DISK ||
	       cause == CAUSE_PAGE_FAULT;
}

struct sums {
	uint64_t wall, on_cpu, woken, preempted, throttled, blocked;
	uint64_t by[CAUSES];
};

static void add(struct sums *sum, const struct profile_thread *t)
{
	sum->wall += t->wall_ns;
	sum->on_cpu += t->state_ns[PROFILE_ON_CPU];
	sum->woken += t->state_ns[PROFILE_WOKEN];
	sum->preempted += t->state_ns[PROFILE_PREEMPTED] - t->throttled_ns;
	sum->throttled += t->throttled_ns;
	sum->blocked += t->state_ns[PROFILE_BLOCKED];
	for (int c = 0; c < CAUSES; c++)
		sum->by[c] += t->blocked_by_ns[c];
}

static void put_row(struct screen *s, const struct sums *sum, const char *name, uint64_t ns,
		    const char *note)
{
	char cells[C_CELLS][CELL_SIZE] = { "" };

	snprintf(cells[C_NAME], CELL_SIZE, "%s", name);
	format_duration(cells[C_TIME], ns);
	format_percent(cells[C_SHARE], ns, sum->wall);
	screen_row(s, columns, C_CELLS, cells, *note ? note : NULL, NOTE_BEHIND);
}

/* The causes of one sort, the longest first, as many as there is room for. */
static uint64_t name_causes(const struct screen *s, const struct sums *sum, bool own,
			    struct screen_line *line)
{
	const size_t room = screen_note_behind(s, columns, C_CELLS);
	uint64_t all = 0, left[CAUSES];
	char n[FORMAT_SIZE];

	for (unsigned int c = 0; c < CAUSES; c++) {
		left[c] = is_own_work(c) == own ? sum->by[c] : 0;
		all += left[c];
	}
	for (int shown = 0; shown < 4; shown++) {
		unsigned int most = 0;

		for (unsigned int c = 1; c < CAUSES; c++)
			if (left[c] > left[most])
				most = c;
		if (!left[most] || !screen_add_within(line, room, "%s%s %s", shown ? ", " : "",
						      wait_cause_name(most),
						      format_percent(n, left[most], sum->wall)))
			break;
		left[most] = 0;
	}
	return all;
}

static void put_queue(struct screen *s, const struct sums *sum)
{
	const struct {
		const char *name;
		uint64_t ns;
	} parts[] = { { "woken", sum->woken },
		      { "preempted", sum->preempted },
		      { "throttled", sum->throttled } };
	const size_t room = screen_note_behind(s, columns, C_CELLS);
	struct screen_line line = { .n = 0 };
	char n[FORMAT_SIZE];

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (parts[i].ns)
			screen_add_within(&line, room, "%s%s %s", line.n ? ", " : "", parts[i].name,
					  format_percent(n, parts[i].ns, sum->wall));
	put_row(s, sum, "waiting for a CPU", sum->woken + sum->preempted + sum->throttled,
		line.text);
}

void report_split(struct screen *s, const struct profile *p, const uint32_t *rows, size_t busy_n)
{
	struct screen_line title = { .n = 0 }, own = { .n = 0 }, others = { .n = 0 };
	uint64_t n = 0, own_ns, others_ns;
	struct sums sum = { 0 };
	char count[FORMAT_SIZE];

	for (size_t i = 0; i < (busy_n ? busy_n : p->threads_n); i++) {
		const struct profile_thread *t = &p->threads[rows[i]];

		if (profile_is_emulated(p, t))
			continue;
		n += t->merged;
		add(&sum, t);
	}
	own_ns = name_causes(s, &sum, true, &own);
	others_ns = name_causes(s, &sum, false, &others);
	screen_add(&title, "WALL TIME OF %s%s THREAD%s", format_count(count, n),
		   busy_n ? " BUSY" : "", n == 1 ? "" : "S");
	screen_title(s, title.text, columns, C_CELLS, "mostly");
	put_row(s, &sum, "thinking: on a CPU", sum.on_cpu, "");
	put_queue(s, &sum);
	put_row(s, &sum, "waiting for its own work", own_ns, own.text);
	put_row(s, &sum, "waiting for others or for work", others_ns, others.text);
}
