/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The summary's tables of requests, passes and stages (--wide). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "cost.h"
#include "format.h"
#include "summary_part.h"
#include "text.h"

static void put_row(struct screen *s, const struct screen_column *c, size_t n,
		    char cells[][CELL_SIZE], const char *note)
{
	for (size_t i = 0; i < n; i++)
		if (!*cells[i])
			strcpy(cells[i], "-");
	screen_row(s, c, n, cells, note && *note ? note : NULL, NOTE_BEHIND);
}

/* --- a split --- */

enum split_cell { L_NAME, L_SPANS, L_WALL, L_ON_CPU, L_QUEUE, L_BLOCKED, L_CALLS, L_COST, L_CELLS };

static const struct screen_column split_columns[L_CELLS] = {
	[L_NAME] = { "", 18, 24 },	   [L_SPANS] = { "spans", 8, 10 },
	[L_WALL] = { "wall", 8, 10 },	   [L_ON_CPU] = { "on-CPU", 7, 9 },
	[L_QUEUE] = { "queue", 7, 9 },	   [L_BLOCKED] = { "blocked", 8, 10 },
	[L_CALLS] = { "in calls", 9, 11 }, [L_COST] = { "cost", 12, 12 },
};

/* Without what nobody asked for, or knows. */
static void choose_columns(struct screen_column c[L_CELLS], bool spans, bool cost)
{
	memcpy(c, split_columns, sizeof(split_columns));
	if (!spans)
		c[L_SPANS].narrow = c[L_SPANS].wide = 0;
	if (!cost)
		c[L_COST].narrow = c[L_COST].wide = 0;
}

static void put_percent(char *cell, uint64_t part, uint64_t whole)
{
	char buf[FORMAT_SIZE];

	if (part != PROFILE_UNKNOWN && whole != PROFILE_UNKNOWN && whole)
		snprintf(cell, CELL_SIZE, "%s", format_percent(buf, part, whole));
}

/* spans: PROFILE_UNKNOWN, cost: negative: no such column. */
static void put_split(struct screen *s, const char *name, uint64_t spans,
		      const struct profile_split *split, double cost)
{
	char cells[L_CELLS][CELL_SIZE] = { "" };
	struct screen_column c[L_CELLS];

	choose_columns(c, spans != PROFILE_UNKNOWN, cost >= 0);
	text_shown(name, cells[L_NAME], CELL_SIZE);
	format_count_short(cells[L_SPANS], spans);
	format_duration(cells[L_WALL], split->wall_ns);
	put_percent(cells[L_ON_CPU], split->on_cpu_ns, split->wall_ns);
	put_percent(cells[L_QUEUE], split->run_queue_ns, split->wall_ns);
	put_percent(cells[L_BLOCKED], split->blocked_ns, split->wall_ns);
	put_percent(cells[L_CALLS], split->calls_ns, split->wall_ns);
	if (cost >= 0)
		format_cost(cells[L_COST], cost);
	put_row(s, c, L_CELLS, cells, summary_mostly(split));
}

static void split_title(struct screen *s, const char *title, bool spans, bool cost)
{
	struct screen_column c[L_CELLS];

	choose_columns(c, spans, cost);
	screen_blank(s);
	screen_title(s, title, c, L_CELLS, "mostly");
}

/* --- requests --- */

enum part_cell {
	P_NAME,
	P_REQUESTS,
	P_P50,
	P_P95,
	P_P99,
	P_MAX,
	P_OF_P50,
	P_OF_P95,
	P_OF_P99,
	P_CELLS
};

static const struct screen_column part_columns[P_CELLS] = {
	[P_NAME] = { "", 16, 24 },	 [P_REQUESTS] = { "requests", 9, 11 },
	[P_P50] = { "p50", 8, 10 },	 [P_P95] = { "p95", 8, 10 },
	[P_P99] = { "p99", 8, 10 },	 [P_MAX] = { "max", 8, 10 },
	[P_OF_P50] = { "of p50", 7, 9 }, [P_OF_P95] = { "of p95", 7, 9 },
	[P_OF_P99] = { "of p99", 7, 9 },
};

static void put_quantiles(char cells[][CELL_SIZE], const struct profile_quantiles *q)
{
	format_duration(cells[P_P50], q->p50_ns);
	format_duration(cells[P_P95], q->p95_ns);
	format_duration(cells[P_P99], q->p99_ns);
	format_duration(cells[P_MAX], q->max_ns);
}

/* Negative: not known. */
static void put_share(char *cell, double share)
{
	if (share >= 0)
		put_percent(cell, (uint64_t)(share * 1e6 + 0.5), 1000000);
}

static void put_times(struct screen *s, const char *name, uint64_t requests,
		      const struct profile_quantiles *q, const struct profile_part *part)
{
	char cells[P_CELLS][CELL_SIZE] = { "" };

	text_shown(name, cells[P_NAME], CELL_SIZE);
	format_count_short(cells[P_REQUESTS], requests);
	if (q->p50_ns != PROFILE_UNKNOWN)
		put_quantiles(cells, q);
	if (part) {
		put_share(cells[P_OF_P50], part->share_p50);
		put_share(cells[P_OF_P95], part->share_p95);
		put_share(cells[P_OF_P99], part->share_p99);
	}
	put_row(s, part_columns, P_CELLS, cells, NULL);
}

static void put_counts(struct screen *s, const struct profile_requests *r)
{
	const struct {
		uint64_t n;
		const char *what;
	} counts[] = {
		{ r->begun, "begun in the window" },
		{ r->open_at_start, "open at its start" },
		{ r->open_at_end, "open at its end" },
		{ r->dropped, "dropped" },
		{ r->lost, "lost" },
		{ r->tokens_in, "tokens in" },
		{ r->tokens_out, "tokens out" },
	};
	struct screen_line line = { .n = 0 };
	char n[FORMAT_SIZE];

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		screen_add(&line, "%s%s %s", i ? ", " : "  ", format_count(n, counts[i].n),
			   counts[i].what);
	screen_text(s, line.text, 4);
}

static void put_requests(struct screen *s, const struct profile *p,
			 const struct profile_requests *r, double per_hour)
{
	const double all = per_hour > 0 ? cost_per_thousand(p, per_hour) : -1;
	char title[CELL_SIZE + 32], name[CELL_SIZE], n[FORMAT_SIZE];

	screen_blank(s);
	snprintf(title, sizeof(title), "%s (%" PRIu32 "): %s REQUESTS",
		 text_shown(r->process, name, sizeof(name)), r->pid, format_count(n, r->count));
	/* A table of a page is not broken by a line. */
	if (s->page)
		put_counts(s, r);
	screen_title(s, title, part_columns, P_CELLS, NULL);
	if (!s->page)
		put_counts(s, r);
	put_times(s, "latency", r->count, &r->latency, NULL);
	put_times(s, "first token", r->count, &r->first_token, NULL);
	put_times(s, "per token", r->count, &r->per_token, NULL);
	for (size_t i = 0; i < r->parts_n; i++)
		put_times(s, r->parts[i].name, r->parts[i].requests, &r->parts[i].times,
			  &r->parts[i]);
	if (!r->count)
		return;
	split_title(s, "HOW SPENT", true, all >= 0);
	for (size_t i = 0; i < r->parts_n; i++)
		put_split(s, r->parts[i].name, r->parts[i].spans, &r->parts[i].split,
			  cost_of_part(all, r->parts[i].split.wall_ns, r->latency_ns));
	split_title(s, "BY THE SLOW ONES", false, false);
	for (size_t i = 0; i < r->parts_n; i++)
		if (r->parts[i].slow.wall_ns && r->parts[i].slow.wall_ns != PROFILE_UNKNOWN)
			put_split(s, r->parts[i].name, PROFILE_UNKNOWN, &r->parts[i].slow, -1);
	if (all >= 0) {
		struct screen_line line = { .n = 0 };

		screen_add(&line,
			   "  cost of 1,000 requests: %s, divided by the parts' share of wall time",
			   format_cost(n, all));
		screen_text(s, line.text, 4);
	}
}

/* --- passes --- */

enum pass_cell {
	B_NAME,
	B_COUNT,
	B_MEAN,
	B_TOKENS,
	B_PADDING,
	B_P50,
	B_P95,
	B_P99,
	B_MAX,
	B_CELLS
};

static void list_sizes(const struct profile_pass *pass, struct screen_line *line)
{
	char n[FORMAT_SIZE];

	for (size_t i = 0; i < PROFILE_BATCHES; i++)
		if (pass->sizes[i])
			screen_add(line, "%s%zu%s: %s",
				   line->n ? ", " : "      requests: passes: ", i,
				   i == PROFILE_BATCHES - 1 ? " and more" : "",
				   format_count(n, pass->sizes[i]));
}

static void put_passes(struct screen *s, const struct profile_requests *r)
{
	static const struct screen_column c[B_CELLS] = {
		[B_NAME] = { "", 15, 24 },	    [B_COUNT] = { "passes", 8, 10 },
		[B_MEAN] = { "mean", 6, 8 },	    [B_TOKENS] = { "tokens", 9, 11 },
		[B_PADDING] = { "padding", 8, 10 }, [B_P50] = { "p50", 8, 10 },
		[B_P95] = { "p95", 8, 10 },	    [B_P99] = { "p99", 8, 10 },
		[B_MAX] = { "max", 8, 10 },
	};

	if (!r->passes_n)
		return;
	screen_blank(s);
	screen_title(s, "PASSES", c, B_CELLS, NULL);
	for (size_t i = 0; i < r->passes_n; i++) {
		const struct profile_pass *pass = &r->passes[i];
		char cells[B_CELLS][CELL_SIZE] = { "" };
		struct screen_line sizes = { .n = 0 };

		text_shown(pass->name, cells[B_NAME], CELL_SIZE);
		format_count_short(cells[B_COUNT], pass->count);
		if (pass->count)
			snprintf(cells[B_MEAN], CELL_SIZE, "%.3g",
				 (double)pass->requests / (double)pass->count);
		format_count_short(cells[B_TOKENS], pass->tokens);
		if (pass->padded >= pass->tokens)
			put_percent(cells[B_PADDING], pass->padded - pass->tokens, pass->padded);
		format_duration(cells[B_P50], pass->times.p50_ns);
		format_duration(cells[B_P95], pass->times.p95_ns);
		format_duration(cells[B_P99], pass->times.p99_ns);
		format_duration(cells[B_MAX], pass->times.max_ns);
		list_sizes(pass, &sizes);
		/* On a screen they may take several lines. */
		put_row(s, c, B_CELLS, cells, s->page ? sizes.text : NULL);
		if (!s->page)
			screen_text(s, sizes.text, 8);
	}
}

/* --- all of them --- */

void summary_serving_tables(struct screen *s, const struct profile *p, double per_hour)
{
	for (size_t i = 0; i < p->requests_n; i++) {
		put_requests(s, p, &p->requests[i], per_hour);
		put_passes(s, &p->requests[i]);
	}
	if (!p->stages_n)
		return;
	screen_blank(s);
	summary_stages(s, p, p->stages_n);
	split_title(s, "STAGES, HOW SPENT", true, false);
	for (size_t i = 0; i < p->stages_n; i++)
		put_split(s, p->stages[i].name, p->stages[i].count, &p->stages[i].split, -1);
}
