/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The summary's CUDA calls: how long the calls took. Never how long the GPU did. */
#include <inttypes.h>
#include <string.h>
#include "format.h"
#include "summary_part.h"
#include "text.h"

enum call_cell {
	C_NAME,
	C_PID,
	C_CALLS,
	C_ERRORS,
	C_P50,
	C_P95,
	C_P99,
	C_WALL,
	C_CPU,
	C_BLOCKED,
	C_CELLS
};

/* A narrow screen has no room for the errors (they become a note), and with several processes none
 * for p95. */
static const struct screen_column one_process[C_CELLS] = {
	[C_NAME] = { "", 21, 24 },	[C_PID] = { "pid", 0, 0 },
	[C_CALLS] = { "calls", 9, 12 }, [C_ERRORS] = { "errors", 0, 9 },
	[C_P50] = { "p50", 8, 10 },	[C_P95] = { "p95", 8, 10 },
	[C_P99] = { "p99", 8, 10 },	[C_WALL] = { "wall", 8, 10 },
	[C_CPU] = { "CPU", 8, 10 },	[C_BLOCKED] = { "blocked", 8, 10 },
};
static const struct screen_column processes[C_CELLS] = {
	[C_NAME] = { "", 21, 24 },	[C_PID] = { "pid", 8, 9 },
	[C_CALLS] = { "calls", 9, 12 }, [C_ERRORS] = { "errors", 0, 9 },
	[C_P50] = { "p50", 8, 10 },	[C_P95] = { "p95", 0, 10 },
	[C_P99] = { "p99", 8, 10 },	[C_WALL] = { "wall", 8, 10 },
	[C_CPU] = { "CPU", 8, 10 },	[C_BLOCKED] = { "blocked", 8, 10 },
};

static const struct screen_column *columns_for(const struct profile *p)
{
	for (size_t i = 1; i < p->calls_n; i++)
		if (p->calls[i].pid != p->calls[0].pid)
			return processes;
	return one_process;
}

/* --- notes: what the figures suggest. A question mark where they only suggest it. --- */

/* A call as short as this neither spins nor blocks to any purpose. */
#define LONG_CALL_NS 20000

static bool is_long(const struct profile_call *c)
{
	return c->calls && c->wall_ns / c->calls >= LONG_CALL_NS;
}

static bool note_spinning(const struct profile_call *c, char *buf)
{
	char share[FORMAT_SIZE];

	if (!strstr(c->name, "Synchronize") || !is_long(c) ||
	    c->on_cpu_ns <= c->wall_ns - c->wall_ns / 10)
		return false;
	snprintf(buf, CELL_SIZE, "spinning: %s of its wait is CPU time",
		 format_percent(share, c->on_cpu_ns, c->wall_ns));
	return true;
}

static bool note_pageable(const struct profile_call *c, char *buf)
{
	if (!strstr(c->name, "Memcpy") || !strstr(c->name, "Async") || !is_long(c) ||
	    c->blocked_ns <= c->wall_ns / 2)
		return false;
	snprintf(buf, CELL_SIZE, "blocks: pageable memory?");
	return true;
}

struct odd_count {
	uint64_t n;
	const char *what;
};

/* Joins all that is to be said about a call. False: nothing. */
static bool put_note(const struct screen *s, const struct profile_call *c, struct screen_line *note)
{
	static bool (*const notes[])(const struct profile_call *, char *) = { note_spinning,
									      note_pageable };
	const struct odd_count counts[] = {
		{ screen_is_wide(s) ? 0 : c->errors, "errors" },
		{ c->abandoned, "abandoned" },
		/* A busy server always has a few at either edge: not worth a line of a small screen. */
		{ screen_is_wide(s) ? c->open_at_start : 0, "open at the start" },
		{ screen_is_wide(s) ? c->open_at_end : 0, "open at the end" },
	};
	char one[CELL_SIZE], n[FORMAT_SIZE];

	note->n = 0;
	for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++)
		if (notes[i](c, one))
			screen_add(note, "%s%s", note->n ? "; " : "", one);
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		if (counts[i].n)
			screen_add(note, "%s%s %s", note->n ? "; " : "",
				   format_count(n, counts[i].n), counts[i].what);
	return note->n > 0;
}

/* --- rows --- */

static size_t call_row(struct screen *s, const struct screen_column *columns,
		       const struct profile_call *c)
{
	char cells[C_CELLS][CELL_SIZE];
	struct screen_line note;
	const bool noted = put_note(s, c, &note);

	text_name(c->name, cells[C_NAME], CELL_SIZE);
	snprintf(cells[C_PID], CELL_SIZE, "%" PRIu32, c->pid);
	format_count_short(cells[C_CALLS], c->calls);
	format_count_short(cells[C_ERRORS], c->errors);
	format_duration(cells[C_P50], c->p50_ns);
	format_duration(cells[C_P95], c->p95_ns);
	format_duration(cells[C_P99], c->p99_ns);
	format_duration(cells[C_WALL], c->wall_ns);
	format_duration(cells[C_CPU], c->on_cpu_ns);
	format_duration(cells[C_BLOCKED], c->blocked_ns);
	return screen_row(s, columns, C_CELLS, cells, noted ? note.text : NULL, false);
}

size_t summary_calls_lines(const struct screen *s, const struct profile *p)
{
	struct screen_line note;
	size_t n = 0;

	/* A note may fit behind its row; then there is a line to spare. */
	for (size_t i = 0; i < p->calls_n; i++)
		n += 1 + put_note(s, &p->calls[i], &note);
	return n;
}

void summary_calls(struct screen *s, const struct profile *p, size_t lines)
{
	const struct screen_column *columns = columns_for(p);
	const bool emulated = p->runtime && !strcmp(p->runtime, "emu");
	char a[FORMAT_SIZE], b[FORMAT_SIZE];
	struct screen_line line = { .n = 0 };
	struct screen_line note;
	uint64_t rest_ns = 0;
	size_t i, used = 0;

	if (!p->calls_n) {
		screen_text(s,
			    p->runtime && !strcmp(p->runtime, "none")
				    ? " GPU CALLS   none: no CUDA library in what was traced"
				    : " GPU CALLS   none",
			    4);
		return;
	}
	screen_title(s, emulated ? "GPU CALLS (emulated)" : "GPU CALLS", columns, C_CELLS, NULL);
	for (i = 0; i < p->calls_n; i++) {
		if (used + 1 + put_note(s, &p->calls[i], &note) > lines)
			break;
		used += call_row(s, columns, &p->calls[i]);
	}
	if (i == p->calls_n)
		return;
	for (size_t k = i; k < p->calls_n; k++)
		rest_ns += p->calls[k].wall_ns;
	screen_add(&line, "  + %s more, %s together", format_count(a, p->calls_n - i),
		   format_duration(b, rest_ns));
	screen_text(s, line.text, 4);
}

void summary_copies(struct screen *s, const struct profile *p)
{
	struct profile_copy kinds[8];
	char a[FORMAT_SIZE], b[FORMAT_SIZE];
	struct screen_line line = { .n = 0 };
	size_t n = 0;

	for (size_t i = 0; i < p->copies_n; i++) {
		size_t k = 0;

		while (k < n && strcmp(kinds[k].kind, p->copies[i].kind))
			k++;
		if (k == sizeof(kinds) / sizeof(*kinds))
			continue;
		if (k == n)
			kinds[n++] = (struct profile_copy){ .kind = p->copies[i].kind };
		kinds[k].calls += p->copies[i].calls;
		kinds[k].bytes += p->copies[i].bytes;
		kinds[k].wall_ns += p->copies[i].wall_ns;
	}
	if (!n)
		return;
	screen_add(&line, "  copies: ");
	for (size_t k = 0; k < n; k++)
		screen_add(&line, "%s%s %s at %s in call", k ? ", " : "", kinds[k].kind,
			   format_bytes(a, kinds[k].bytes),
			   format_rate(b, kinds[k].bytes, kinds[k].wall_ns));
	screen_text(s, line.text, 10);
}
