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
	C_RATE,
	C_BYTES,
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
	[C_NAME] = { "", 21, 24 },	    [C_CALLS] = { "calls", 9, 12 },
	[C_ERRORS] = { "errors", 0, 9 },    [C_P50] = { "p50", 8, 10 },
	[C_P95] = { "p95", 8, 10 },	    [C_P99] = { "p99", 8, 10 },
	[C_WALL] = { "wall", 8, 10 },	    [C_CPU] = { "CPU", 8, 10 },
	[C_BLOCKED] = { "blocked", 8, 10 },
};
static const struct screen_column processes[C_CELLS] = {
	[C_NAME] = { "", 21, 24 },	[C_PID] = { "pid", 8, 9 },
	[C_CALLS] = { "calls", 9, 12 }, [C_ERRORS] = { "errors", 0, 9 },
	[C_P50] = { "p50", 8, 10 },	[C_P95] = { "p95", 0, 10 },
	[C_P99] = { "p99", 8, 10 },	[C_WALL] = { "wall", 8, 10 },
	[C_CPU] = { "CPU", 8, 10 },	[C_BLOCKED] = { "blocked", 8, 10 },
};
/* --returns none: what there is to say. */
static const struct screen_column entries_one[C_CELLS] = {
	[C_NAME] = { "", 30, 40 },
	[C_CALLS] = { "calls", 12, 14 },
	[C_RATE] = { "per second", 12, 14 },
	[C_BYTES] = { "bytes", 12, 14 },
};
static const struct screen_column entries[C_CELLS] = {
	[C_NAME] = { "", 30, 40 },	 [C_PID] = { "pid", 10, 12 },
	[C_CALLS] = { "calls", 12, 14 }, [C_RATE] = { "per second", 12, 14 },
	[C_BYTES] = { "bytes", 12, 14 },
};

static const struct screen_column *columns_for(const struct profile *p)
{
	for (size_t i = 1; i < p->calls_n; i++)
		if (p->calls[i].pid != p->calls[0].pid)
			return p->entries_only ? entries : processes;
	return p->entries_only ? entries_one : one_process;
}

/* --- notes: what the figures suggest. A question mark where they only suggest it. --- */

/* A call as short as this neither spins nor blocks to any purpose. */
#define LONG_CALL_NS 20000
/* Fewer calls than one in this many waited: chance. */
#define WAITED_SHARE 4

static bool does_wait(const struct profile_call *c)
{
	return c->waited &&
	       (c->waited * WAITED_SHARE >= c->calls || c->wall_ns / c->calls >= LONG_CALL_NS);
}

static const char *separator(const struct screen_line *l)
{
	return l->n ? "; " : "";
}

/* idle: also what is not worth a line of its own. room: characters. */
typedef void (*add_note)(const struct profile *p, const struct profile_call *c, bool idle,
			 size_t room, struct screen_line *l);

/* How a call waits whose business that is: by using up a CPU or by giving it up. */
static void note_wait(const struct profile *p, const struct profile_call *c, bool idle, size_t room,
		      struct screen_line *l)
{
	const bool spins = c->spun * 2 > c->waited, blocks = c->blocked_calls * 2 > c->waited;
	char share[FORMAT_SIZE];

	(void)p;
	if (c->is_async_copy || (!c->is_sync && strcmp(c->group, "copy") != 0) || !does_wait(c))
		return;
	if (blocks && idle)
		screen_add_within(l, room, "%sblocks", separator(l));
	if (!blocks)
		screen_add_within(l, room, "%s%s: %s of its wait is CPU time", separator(l),
				  spins ? "spins" : "spins and blocks",
				  format_percent(share, c->on_cpu_ns, c->wall_ns));
}

static void note_async_copy(const struct profile *p, const struct profile_call *c, bool idle,
			    size_t room, struct screen_line *l)
{
	char share[FORMAT_SIZE];

	(void)p, (void)idle;
	if (!c->is_async_copy || !does_wait(c))
		return;
	screen_add_within(l, room, "%swaits: %s of the copies%s (pageable memory?)", separator(l),
			  format_percent(share, c->waited, c->calls),
			  c->spun * 2 > c->waited	     ? ", spinning"
			  : c->blocked_calls * 2 > c->waited ? ", blocked"
							     : "");
}

/* The most frequent error of a call after the one given; NULL: the first. */
static const struct profile_error *next_error(const struct profile *p, const struct profile_call *c,
					      const struct profile_error *after)
{
	const struct profile_error *best = NULL;

	for (size_t i = 0; i < p->errors_n; i++) {
		const struct profile_error *e = &p->errors[i];

		if (e->pid != c->pid || e->call != c->name || e->inside != c->inside)
			continue;
		if (after && (e->calls > after->calls || (e->calls == after->calls && e <= after)))
			continue;
		if (!best || e->calls > best->calls)
			best = e;
	}
	return best;
}

static void note_errors(const struct profile *p, const struct profile_call *c, bool idle,
			size_t room, struct screen_line *l)
{
	/* A query's error is an answer: not ready yet. */
	const bool answers = !strcmp(c->group, "query");
	const struct profile_error *e = NULL;
	uint64_t rest = c->errors;
	const char *before = separator(l);
	char n[FORMAT_SIZE], name[CELL_SIZE];

	if (!c->errors || (answers && !idle))
		return;
	while ((e = next_error(p, c, e))) {
		if (e->name)
			text_name(e->name, name, sizeof(name));
		else
			snprintf(name, sizeof(name), "error %" PRIu32, e->code);
		/* Room for the others. */
		if (!screen_add_within(l, room - (room > 18 ? 18 : room), "%s%s %s", before,
				       format_count(n, e->calls), name))
			break;
		rest -= e->calls < rest ? e->calls : rest;
		before = ", ";
	}
	if (rest)
		screen_add_within(l, room, "%s%s %s", before, format_count(n, rest),
				  rest == c->errors ? "errors" : "others");
}

static void note_abandoned(const struct profile *p, const struct profile_call *c, bool idle,
			   size_t room, struct screen_line *l)
{
	const struct {
		uint64_t n;
		const char *what;
	} counts[] = {
		{ c->abandoned, "abandoned" },
		/* A busy server always has a few at either edge. */
		{ idle ? c->open_at_start : 0, "open at the start" },
		{ idle ? c->open_at_end : 0, "open at the end" },
	};
	char n[FORMAT_SIZE];

	(void)p;
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		if (counts[i].n)
			screen_add_within(l, room, "%s%s %s", separator(l),
					  format_count(n, counts[i].n), counts[i].what);
}

/* Calls that wake their thread up several times, or lose it the CPU. */
static void note_switches(const struct profile *p, const struct profile_call *c, bool idle,
			  size_t room, struct screen_line *l)
{
	const double n = (double)(c->voluntary + c->involuntary);
	const double a_second = p->duration_ns ? n * 1e9 / (double)p->duration_ns : 0;

	if (n < (double)c->calls * (idle ? 0.5 : 2) || a_second < (idle ? 100 : 1000))
		return;
	screen_add_within(l, room, "%s%.3g switches a call%s", separator(l), n / (double)c->calls,
			  c->involuntary > c->voluntary ? ", most involuntary" : "");
}

static void build_note(const struct profile *p, const struct profile_call *c, bool idle,
		       size_t room, struct screen_line *l)
{
	static const add_note notes[] = { note_wait, note_async_copy, note_errors, note_switches,
					  note_abandoned };

	l->n = 0;
	l->text[0] = '\0';
	for (size_t i = 0; !p->entries_only && i < sizeof(notes) / sizeof(*notes); i++)
		notes[i](p, c, idle, room, l);
}

/* All that is to be said about a call and is worth the room it takes. False: nothing. */
static bool put_note(const struct screen *s, const struct summary_calls *v,
		     const struct profile_call *c, struct screen_line *note)
{
	const size_t below = screen_note_below(s);
	const size_t behind = screen_note_behind(s, columns_for(v->p), C_CELLS);

	build_note(v->p, c, true, below, note);
	if (v->all || text_width(note->text) <= behind)
		return note->n > 0;
	build_note(v->p, c, false, below, note);
	if (note->n)
		build_note(v->p, c, true, below, note);
	return note->n > 0;
}

/* --- rows --- */

static int by_place(const void *a, const void *b)
{
	const struct summary_call *x = a, *y = b;

	if (x->outer != y->outer)
		return x->outer < y->outer ? -1 : 1;
	/* A call's own row is before those of the calls within it. */
	if ((x->row == x->outer) != (y->row == y->outer))
		return x->row == x->outer ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

void summary_calls_order(struct summary_calls *v)
{
	const struct profile *p = v->p;

	for (uint32_t i = 0; i < p->calls_n; i++) {
		const struct profile_call *c = &p->calls[i];
		uint32_t outer = i;

		for (uint32_t k = 0; c->inside && k < p->calls_n; k++)
			if (!p->calls[k].inside && p->calls[k].pid == c->pid &&
			    p->calls[k].name == c->inside)
				outer = k;
		v->rows[i] = (struct summary_call){ outer, i };
	}
	if (p->calls_n)
		qsort(v->rows, p->calls_n, sizeof(*v->rows), by_place);
}

/* A call within another is indented; of another library than the runtime it is marked so where there
 * is room. */
static void put_name(const struct profile_call *c, size_t width, char *cell)
{
	char name[CELL_SIZE / 2];

	text_name(c->name, name, sizeof(name));
	if (c->inside)
		snprintf(cell, CELL_SIZE, "  %s", name);
	else if (strcmp(c->api, "runtime") != 0 && text_width(name) + strlen(c->api) + 3 <= width)
		snprintf(cell, CELL_SIZE, "%s (%.8s)", name, c->api);
	else
		snprintf(cell, CELL_SIZE, "%s", name);
}

static size_t call_row(struct screen *s, const struct summary_calls *v,
		       const struct profile_call *c)
{
	const struct screen_column *columns = columns_for(v->p);
	char cells[C_CELLS][CELL_SIZE] = { { 0 } };
	struct screen_line note;
	const bool noted = put_note(s, v, c, &note);

	put_name(c, screen_is_wide(s) ? columns[C_NAME].wide : columns[C_NAME].narrow,
		 cells[C_NAME]);
	snprintf(cells[C_PID], CELL_SIZE, "%" PRIu32, c->pid);
	format_count_short(cells[C_CALLS], c->calls);
	format_per_second(cells[C_RATE], c->calls, v->p->duration_ns);
	format_bytes(cells[C_BYTES], c->bytes);
	format_count_short(cells[C_ERRORS], c->errors);
	format_duration(cells[C_P50], c->p50_ns);
	format_duration(cells[C_P95], c->p95_ns);
	format_duration(cells[C_P99], c->p99_ns);
	format_duration(cells[C_WALL], c->wall_ns);
	format_duration(cells[C_CPU], c->on_cpu_ns);
	format_duration(cells[C_BLOCKED], c->blocked_ns);
	return screen_row(s, columns, C_CELLS, cells, noted ? note.text : NULL, NOTE_WARNING);
}

size_t summary_calls_lines(const struct screen *s, const struct summary_calls *v)
{
	struct screen_line note;
	size_t n = 0;

	/* A note may fit behind its row; then there is a line to spare. */
	for (size_t i = 0; i < v->p->calls_n; i++)
		n += 1 + put_note(s, v, &v->p->calls[i], &note);
	return n;
}

/* What had no row. The time of a call within another is that one's. */
static void put_rest(struct screen *s, const struct summary_calls *v, size_t from)
{
	const struct profile *p = v->p;
	char a[FORMAT_SIZE], b[FORMAT_SIZE];
	struct screen_line line = { .n = 0 };
	uint64_t ns = 0, calls = 0;

	for (size_t i = from; i < p->calls_n; i++) {
		const struct profile_call *c = &p->calls[v->rows[i].row];

		if (c->inside)
			continue;
		ns += c->wall_ns;
		calls += c->calls;
	}
	screen_add(&line, "  + %s more, ", format_count(a, p->calls_n - from));
	if (p->entries_only)
		screen_add(&line, "%s calls together", format_count(b, calls));
	else
		screen_add(&line, "%s together", format_duration(b, ns));
	screen_text(s, line.text, 4);
}

void summary_calls(struct screen *s, const struct summary_calls *v, size_t lines)
{
	const struct profile *p = v->p;
	const bool emulated = p->runtime && !strcmp(p->runtime, "emu");
	struct screen_line note;
	size_t i, used = 0;

	if (!p->calls_n) {
		screen_text(s,
			    p->runtime && !strcmp(p->runtime, "none")
				    ? " GPU CALLS   none: no CUDA library in what was traced"
				    : " GPU CALLS   none",
			    4);
		return;
	}
	screen_title(s, emulated ? "GPU CALLS (emulated)" : "GPU CALLS", columns_for(p), C_CELLS,
		     NULL);
	for (i = 0; i < p->calls_n; i++) {
		const struct profile_call *c = &p->calls[v->rows[i].row];

		if (used + 1 + put_note(s, v, c, &note) > lines)
			break;
		used += call_row(s, v, c);
	}
	if (i < p->calls_n)
		put_rest(s, v, i);
}
