// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The summary's table of I/O: the longest first, whatever process. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "format.h"
#include "summary_part.h"
#include "text.h"

/* Less than this part of the window is worth no line of the one screen. */
#define WORTH 1000
/* Rows there. */
#define ROWS_SHOWN 3

enum io_cell { C_NAME, C_PID, C_CALLS, C_BYTES, C_P50, C_P95, C_P99, C_MAX, C_WALL, C_CELLS };

static const struct screen_column one_process[C_CELLS] = {
	[C_NAME] = { "", 20, 26 },  [C_CALLS] = { "calls", 9, 12 }, [C_BYTES] = { "bytes", 8, 10 },
	[C_P50] = { "p50", 8, 10 }, [C_P95] = { "p95", 0, 10 },	    [C_P99] = { "p99", 8, 10 },
	[C_MAX] = { "max", 0, 10 }, [C_WALL] = { "wall", 8, 10 },
};
static const struct screen_column processes[C_CELLS] = {
	[C_NAME] = { "", 20, 26 },	[C_PID] = { "pid", 8, 9 },  [C_CALLS] = { "calls", 9, 12 },
	[C_BYTES] = { "bytes", 8, 10 }, [C_P50] = { "p50", 8, 10 }, [C_P95] = { "p95", 0, 10 },
	[C_P99] = { "p99", 8, 10 },	[C_MAX] = { "max", 0, 10 }, [C_WALL] = { "wall", 8, 10 },
};

static int by_wall(const void *a, const void *b)
{
	const struct profile_io *x = *(const struct profile_io *const *)a;
	const struct profile_io *y = *(const struct profile_io *const *)b;

	if (x->whole.wall_ns != y->whole.wall_ns)
		return x->whole.wall_ns < y->whole.wall_ns ? 1 : -1;
	return x < y ? -1 : x > y;
}

static const struct screen_column *columns_for(const struct profile *p)
{
	for (size_t i = 1; i < p->io_n; i++)
		if (p->io[i].pid != p->io[0].pid)
			return processes;
	return one_process;
}

/* What tells why: misses, the queue before the device, errors. */
static void build_note(const struct profile_io *io, size_t room, struct screen_line *note)
{
	char n[FORMAT_SIZE];

	note->n = 0;
	note->text[0] = '\0';
	if (io->misses != PROFILE_UNKNOWN && io->misses)
		screen_add_within(note, room, "%s missed",
				  format_percent(n, io->misses, io->calls));
	if (io->queue.wall_ns != PROFILE_UNKNOWN && io->queue.wall_ns)
		screen_add_within(note, room, "%s queued",
				  format_percent(n, io->queue.wall_ns, io->whole.wall_ns));
	if (io->errors)
		screen_add_within(note, room, "%s%s errors", note->n ? "; " : "",
				  format_count(n, io->errors));
}

static void put_row(struct screen *s, const struct screen_column *columns,
		    const struct profile_io *io)
{
	char cells[C_CELLS][CELL_SIZE];
	struct screen_line note;

	memset(cells, 0, sizeof(cells));
	snprintf(cells[C_NAME], CELL_SIZE, "%s%s%s", io->kind, io->device ? " " : "",
		 io->device ? io->device : "");
	if (io->process)
		snprintf(cells[C_PID], CELL_SIZE, "%" PRIu32, io->pid);
	else
		snprintf(cells[C_PID], CELL_SIZE, "others");
	format_count_short(cells[C_CALLS], io->calls);
	format_bytes(cells[C_BYTES], io->bytes);
	format_duration(cells[C_P50], io->whole.p50_ns);
	format_duration(cells[C_P95], io->whole.p95_ns);
	format_duration(cells[C_P99], io->whole.p99_ns);
	format_duration(cells[C_MAX], io->whole.max_ns);
	format_duration(cells[C_WALL], io->whole.wall_ns);
	build_note(io, screen_note_behind(s, columns, C_CELLS), &note);
	screen_row(s, columns, C_CELLS, cells, note.n ? note.text : NULL, NOTE_BEHIND);
}

int summary_io(struct screen *s, const struct profile *p, bool all)
{
	const struct profile_io **rows = calloc(p->io_n + 1, sizeof(*rows));
	const struct screen_column *columns = columns_for(p);
	size_t n = 0, shown;

	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < p->io_n; i++)
		if (all || p->io[i].whole.wall_ns / (p->duration_ns / WORTH + 1))
			rows[n++] = &p->io[i];
	qsort(rows, n, sizeof(*rows), by_wall);
	shown = all || n <= ROWS_SHOWN + 1 ? n : ROWS_SHOWN;
	if (n) {
		screen_blank(s);
		screen_title(s, "I/O", columns, C_CELLS, NULL);
	}
	for (size_t i = 0; i < shown; i++)
		put_row(s, columns, rows[i]);
	if (shown < n) {
		struct screen_line line = { .n = 0 };

		screen_add(&line, "  + %zu more (--wide)", n - shown);
		screen_text(s, line.text, 4);
	}
	free(rows);
	return 0;
}
