/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The summary's tables of what the CUDA calls did (--wide). */
#include <inttypes.h>
#include <string.h>
#include "format.h"
#include "summary_part.h"
#include "text.h"

#define CELLS_MAX	10
#define ALLOCATIONS_MAX 10
#define SWITCHES_MAX	10

/* One row's cells, in the order of the table's columns; note: behind them. */
struct row {
	char cells[CELLS_MAX][CELL_SIZE];
	char note[CELL_SIZE];
};

struct table {
	const char *title, *notes; /* notes: over the rows' notes */
	const struct screen_column columns[CELLS_MAX];
	size_t (*count)(const struct profile *p);
	/* False: no row for this one. */
	bool (*fill)(const struct profile *p, size_t i, struct row *r);
};

/* The pid is the second column of each table, and only there if there are several. */
#define PID_COLUMN          \
	{                   \
		"pid", 9, 9 \
	}

static void put_pid(struct row *r, uint32_t pid)
{
	snprintf(r->cells[1], CELL_SIZE, "%" PRIu32, pid);
}

/* --- errors --- */

static size_t count_errors(const struct profile *p)
{
	return p->entries_only ? 0 : p->errors_n;
}

static bool fill_error(const struct profile *p, size_t i, struct row *r)
{
	const struct profile_error *e = &p->errors[i];

	text_shown(e->call, r->cells[0], CELL_SIZE);
	put_pid(r, e->pid);
	format_count_short(r->cells[2], e->calls);
	snprintf(r->cells[3], CELL_SIZE, "%" PRIu32, e->code);
	text_shown(e->name ? e->name : "[unknown]", r->note, CELL_SIZE);
	return true;
}

/* --- launches --- */

static size_t count_launches(const struct profile *p)
{
	return p->launches_n;
}

static bool fill_launch(const struct profile *p, size_t i, struct row *r)
{
	const struct profile_launch *l = &p->launches[i];
	const bool ends = !p->entries_only;

	text_shown(l->kernel, r->cells[0], CELL_SIZE);
	put_pid(r, l->pid);
	format_count_short(r->cells[2], l->calls);
	format_per_second(r->cells[3], l->calls, p->duration_ns);
	if (ends && l->calls) {
		format_duration(r->cells[4], l->wall_ns);
		format_duration(r->cells[5], l->wall_ns == PROFILE_UNKNOWN ? PROFILE_UNKNOWN
									   : l->wall_ns / l->calls);
	}
	if (ends && l->gaps)
		format_duration(r->cells[6], l->gap_ns == PROFILE_UNKNOWN ? PROFILE_UNKNOWN
									  : l->gap_ns / l->gaps);
	if (l->site)
		text_shown(l->site, r->note, CELL_SIZE);
	return true;
}

static size_t count_launchers(const struct profile *p)
{
	return p->launchers_n;
}

static bool fill_launcher(const struct profile *p, size_t i, struct row *r)
{
	const struct profile_launcher *l = &p->launchers[i];
	const struct profile_thread *t = &p->threads[l->thread];
	const bool gaps = !p->entries_only && l->gaps;

	text_shown(t->comm, r->cells[0], CELL_SIZE);
	put_pid(r, t->pid);
	if (t->merged > 1)
		snprintf(r->cells[2], CELL_SIZE, "x %" PRIu32, t->merged);
	else
		snprintf(r->cells[2], CELL_SIZE, "%" PRIu32, t->tid);
	format_count_short(r->cells[3], l->launches);
	if (!p->entries_only)
		format_percent(r->cells[4], l->wall_ns, t->wall_ns);
	if (!gaps)
		return true;
	format_duration(r->cells[5], l->gap_p50_ns);
	format_duration(r->cells[6], l->gap_p95_ns);
	format_duration(r->cells[7], l->gap_p99_ns);
	format_duration(r->cells[8], l->gap_max_ns);
	return true;
}

/* --- streams and copies --- */

static size_t count_streams(const struct profile *p)
{
	return p->streams_n;
}

static bool fill_stream(const struct profile *p, size_t i, struct row *r)
{
	const struct profile_stream *s = &p->streams[i];

	text_shown(s->name, r->cells[0], CELL_SIZE);
	put_pid(r, s->pid);
	format_count_short(r->cells[2], s->launches);
	format_count_short(r->cells[3], s->copies);
	format_bytes(r->cells[4], s->bytes);
	format_count_short(r->cells[6], s->syncs);
	if (p->entries_only)
		return true;
	format_duration(r->cells[5], s->wall_ns);
	format_duration(r->cells[7], s->sync_ns);
	return true;
}

static size_t count_copies(const struct profile *p)
{
	return p->copies_n;
}

static bool fill_copy(const struct profile *p, size_t i, struct row *r)
{
	const struct profile_copy *c = &p->copies[i];

	text_shown(c->kind, r->cells[0], CELL_SIZE);
	put_pid(r, c->pid);
	format_count_short(r->cells[2], c->calls);
	format_bytes(r->cells[3], c->bytes);
	if (p->entries_only)
		return true;
	format_duration(r->cells[4], c->wall_ns);
	format_rate(r->cells[5], c->bytes, c->wall_ns);
	return true;
}

static size_t count_sizes(const struct profile *p)
{
	return p->copies_n * PROFILE_SIZES;
}

static bool fill_size(const struct profile *p, size_t i, struct row *r)
{
	const struct profile_copy *c = &p->copies[i / PROFILE_SIZES];
	const unsigned int size = i % PROFILE_SIZES;

	if (!c->sizes[size])
		return false;
	text_shown(c->kind, r->cells[0], CELL_SIZE);
	put_pid(r, c->pid);
	format_memory(r->cells[2], 1ULL << size);
	format_count_short(r->cells[3], c->sizes[size]);
	format_percent(r->cells[4], c->sizes[size], c->calls);
	return true;
}

/* --- memory --- */

static size_t count_memory(const struct profile *p)
{
	return p->entries_only ? 0 : p->memory_n;
}

static bool fill_memory(const struct profile *p, size_t i, struct row *r)
{
	const struct profile_memory *m = &p->memory[i];

	text_shown(m->kind, r->cells[0], CELL_SIZE);
	put_pid(r, m->pid);
	format_count_short(r->cells[2], m->allocations);
	format_memory(r->cells[3], m->bytes);
	format_count_short(r->cells[4], m->frees);
	format_count_short(r->cells[5], m->live);
	format_memory(r->cells[6], m->live_bytes);
	format_memory(r->cells[7], m->peak_bytes);
	format_count_short(r->cells[8], m->unknown_frees);
	return true;
}

static size_t count_allocations(const struct profile *p)
{
	const size_t n = p->allocations_n < ALLOCATIONS_MAX ? p->allocations_n : ALLOCATIONS_MAX;

	return p->entries_only ? 0 : n;
}

/* A stack from the leaf outward: what is cut is what matters less. */
static void put_stack(const char *const *frames, size_t frames_n, struct row *r)
{
	char name[CELL_SIZE];
	size_t n = 0;

	for (size_t k = frames_n; k > 0 && n < CELL_SIZE; k--)
		n += (size_t)snprintf(r->note + n, CELL_SIZE - n, "%s%s", k < frames_n ? " < " : "",
				      summary_name(frames[k - 1], false, name, sizeof(name)));
}

static bool fill_allocation(const struct profile *p, size_t i, struct row *r)
{
	const struct profile_allocation *a = &p->allocations[i];

	text_shown(a->kind, r->cells[0], CELL_SIZE);
	put_pid(r, a->pid);
	format_count_short(r->cells[2], a->allocations);
	format_memory(r->cells[3], a->bytes);
	format_memory(r->cells[4], a->live_bytes);
	put_stack(a->frames, a->frames_n, r);
	return true;
}

/* --- switches --- */

static size_t count_switches(const struct profile *p)
{
	return p->switches_n < SWITCHES_MAX ? p->switches_n : SWITCHES_MAX;
}

static bool fill_switches(const struct profile *p, size_t i, struct row *r)
{
	const struct profile_switches *s = &p->switches[i];
	const struct profile_thread *t = &p->threads[s->thread];

	text_shown(t->comm, r->cells[0], CELL_SIZE);
	put_pid(r, t->pid);
	if (t->merged == 1)
		snprintf(r->cells[2], CELL_SIZE, "%" PRIu32, t->tid);
	format_count_short(r->cells[3], s->voluntary);
	format_count_short(r->cells[4], s->involuntary);
	format_count_short(r->cells[5], s->error);
	format_duration(r->cells[6], s->wait_ns);
	/* How a program's thread got to sleep is the kernel's business. */
	put_stack(s->frames, s->user_n ? s->user_n : s->frames_n, r);
	return true;
}

/* --- all of them --- */

static const struct table tables[] = {
	{ "ERRORS",
	  "error",
	  { { "", 25, 30 }, PID_COLUMN, { "calls", 10, 12 }, { "code", 7, 9 } },
	  count_errors,
	  fill_error },
	{ "KERNELS LAUNCHED",
	  "from",
	  { { "", 22, 44 },
	    PID_COLUMN,
	    { "calls", 9, 12 },
	    { "rate", 9, 11 },
	    { "wall", 8, 10 },
	    { "mean", 8, 10 },
	    { "gap", 8, 10 } },
	  count_launches,
	  fill_launch },
	{ "GAPS, CALLING THREAD",
	  NULL,
	  { { "", 21, 24 },
	    PID_COLUMN,
	    { "tid", 8, 9 },
	    { "launches", 9, 12 },
	    { "share", 8, 10 },
	    { "gap p50", 8, 10 },
	    { "p95", 8, 10 },
	    { "p99", 8, 10 },
	    { "longest", 8, 10 } },
	  count_launchers,
	  fill_launcher },
	{ "STREAMS",
	  NULL,
	  { { "", 20, 24 },
	    PID_COLUMN,
	    { "launches", 10, 12 },
	    { "copies", 9, 12 },
	    { "bytes", 9, 11 },
	    { "wall", 9, 11 },
	    { "syncs", 9, 12 },
	    { "sync wait", 10, 12 } },
	  count_streams,
	  fill_stream },
	{ "COPIES",
	  NULL,
	  { { "", 14, 20 },
	    PID_COLUMN,
	    { "calls", 11, 12 },
	    { "bytes", 11, 12 },
	    { "wall", 11, 12 },
	    { "rate in call", 14, 16 } },
	  count_copies,
	  fill_copy },
	{ "COPIES BY SIZE",
	  NULL,
	  { { "", 14, 20 },
	    PID_COLUMN,
	    { "up to", 11, 12 },
	    { "calls", 11, 12 },
	    { "share", 11, 12 } },
	  count_sizes,
	  fill_size },
	{ "MEMORY",
	  NULL,
	  { { "", 12, 16 },
	    PID_COLUMN,
	    { "calls", 9, 12 },
	    { "bytes", 10, 12 },
	    { "frees", 8, 12 },
	    { "live", 8, 10 },
	    { "live bytes", 11, 13 },
	    { "peak", 10, 12 },
	    { "old frees", 10, 12 } },
	  count_memory,
	  fill_memory },
	{ "ALLOCATIONS",
	  "stack",
	  { { "", 12, 16 },
	    PID_COLUMN,
	    { "calls", 9, 12 },
	    { "bytes", 10, 12 },
	    { "live", 10, 12 } },
	  count_allocations,
	  fill_allocation },
	{ "SWITCHES",
	  "stack",
	  { { "", 13, 18 },
	    PID_COLUMN,
	    { "tid", 8, 9 },
	    { "vol", 9, 12 },
	    { "inv", 9, 12 },
	    { "+-", 7, 10 },
	    { "waited", 9, 10 } },
	  count_switches,
	  fill_switches },
};

static bool several_processes(const struct profile *p)
{
	for (size_t i = 1; i < p->calls_n; i++)
		if (p->calls[i].pid != p->calls[0].pid)
			return true;
	return false;
}

static void put_table(struct screen *s, const struct profile *p, const struct table *t)
{
	struct screen_column columns[CELLS_MAX];
	const size_t rows = t->count(p);
	bool titled = false;

	memcpy(columns, t->columns, sizeof(columns));
	if (!several_processes(p))
		columns[1].narrow = columns[1].wide = 0;
	for (size_t i = 0; i < rows; i++) {
		struct row r = { 0 };

		if (!t->fill(p, i, &r))
			continue;
		if (!titled) {
			screen_blank(s);
			screen_title(s, t->title, columns, CELLS_MAX, t->notes);
		}
		titled = true;
		/* Not measured, or nothing to measure. */
		for (size_t k = 0; k < CELLS_MAX; k++)
			if (!*r.cells[k])
				strcpy(r.cells[k], "-");
		screen_row(s, columns, CELLS_MAX, r.cells, *r.note ? r.note : NULL, NOTE_BEHIND);
	}
}

void summary_tables(struct screen *s, const struct profile *p)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		put_table(s, p, &tables[i]);
}
