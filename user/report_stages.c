// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What makes requests slow, in a few rows. */
#include <stdlib.h>
#include <string.h>
#include "format.h"
#include "report_part.h"
#include "text.h"

#define SHOWN 5

/* --- parts of requests, by their share of the slow ones --- */

enum part_cell { P_NAME, P_SHARE50, P_SHARE95, P_SHARE99, P_50, P_95, P_99, P_CELLS };

static const struct screen_column part_columns[P_CELLS] = {
	[P_NAME] = { "", 25, 40 },	   [P_SHARE50] = { "of p50", 8, 10 },
	[P_SHARE95] = { "of p95", 8, 10 }, [P_SHARE99] = { "of p99", 8, 10 },
	[P_50] = { "p50", 9, 10 },	   [P_95] = { "p95", 9, 10 },
	[P_99] = { "p99", 9, 10 },
};

static int by_share(const void *a, const void *b)
{
	const struct profile_part *x = *(const struct profile_part *const *)a;
	const struct profile_part *y = *(const struct profile_part *const *)b;

	if (x->share_p95 != y->share_p95)
		return x->share_p95 < y->share_p95 ? 1 : -1;
	return x < y ? -1 : x > y;
}

static const char *share(char *buf, double part)
{
	return format_percent(buf, part < 0 ? PROFILE_UNKNOWN : (uint64_t)(part * 1e9 + .5),
			      1000000000);
}

static void part_row(struct screen *s, const struct profile_part *part)
{
	char cells[P_CELLS][CELL_SIZE] = { "" };

	text_shown(part->name, cells[P_NAME], CELL_SIZE);
	share(cells[P_SHARE50], part->share_p50);
	share(cells[P_SHARE95], part->share_p95);
	share(cells[P_SHARE99], part->share_p99);
	format_duration(cells[P_50], part->times.p50_ns);
	format_duration(cells[P_95], part->times.p95_ns);
	format_duration(cells[P_99], part->times.p99_ns);
	screen_row(s, part_columns, P_CELLS, cells, NULL, NOTE_BEHIND);
}

static void put_latency(struct screen *s, const struct profile_requests *r)
{
	char cells[P_CELLS][CELL_SIZE] = { "latency" };

	for (int c = P_SHARE50; c <= P_SHARE99; c++)
		format_percent(cells[c], 1, 1);
	format_duration(cells[P_50], r->latency.p50_ns);
	format_duration(cells[P_95], r->latency.p95_ns);
	format_duration(cells[P_99], r->latency.p99_ns);
	screen_row(s, part_columns, P_CELLS, cells, NULL, NOTE_BEHIND);
}

static bool put_parts(struct screen *s, const struct profile_requests *r)
{
	const struct profile_part **order = calloc(r->parts_n + 1, sizeof(*order));
	struct screen_line title = { .n = 0 };
	char n[FORMAT_SIZE];

	if (!order)
		return false;
	for (size_t i = 0; i < r->parts_n; i++)
		order[i] = &r->parts[i];
	qsort(order, r->parts_n, sizeof(*order), by_share);
	screen_add(&title, "%s REQUESTS", format_count(n, r->count));
	screen_title(s, title.text, part_columns, P_CELLS, NULL);
	put_latency(s, r);
	for (size_t i = 0; i < r->parts_n && i < SHOWN; i++)
		if (order[i]->share_p95 > 0)
			part_row(s, order[i]);
	free(order);
	return true;
}

/* --- stages, where no requests are known --- */

enum stage_cell { S_NAME, S_COUNT, S_50, S_95, S_99, S_WALL, S_CELLS };

static const struct screen_column stage_columns[S_CELLS] = {
	[S_NAME] = { "", 32, 46 }, [S_COUNT] = { "count", 9, 12 }, [S_50] = { "p50", 9, 10 },
	[S_95] = { "p95", 9, 10 }, [S_99] = { "p99", 9, 10 },	   [S_WALL] = { "wall", 9, 10 },
};

static uint64_t p95_of(const struct profile_stage *s)
{
	return s->times.p95_ns == PROFILE_UNKNOWN ? 0 : s->times.p95_ns;
}

static int by_p95(const void *a, const void *b)
{
	const struct profile_stage *x = *(const struct profile_stage *const *)a;
	const struct profile_stage *y = *(const struct profile_stage *const *)b;

	if (p95_of(x) != p95_of(y))
		return p95_of(x) < p95_of(y) ? 1 : -1;
	return x < y ? -1 : x > y;
}

static void stage_row(struct screen *s, const struct profile_stage *stage)
{
	char cells[S_CELLS][CELL_SIZE] = { "" };

	text_shown(stage->name, cells[S_NAME], CELL_SIZE);
	format_count_short(cells[S_COUNT], stage->count);
	format_duration(cells[S_50], stage->times.p50_ns);
	format_duration(cells[S_95], stage->times.p95_ns);
	format_duration(cells[S_99], stage->times.p99_ns);
	format_duration(cells[S_WALL], stage->split.wall_ns);
	screen_row(s, stage_columns, S_CELLS, cells, NULL, NOTE_BEHIND);
}

static void put_stages(struct screen *s, const struct profile *p)
{
	const struct profile_stage **order = calloc(p->stages_n + 1, sizeof(*order));

	if (!order)
		return;
	for (size_t i = 0; i < p->stages_n; i++)
		order[i] = &p->stages[i];
	qsort(order, p->stages_n, sizeof(*order), by_p95);
	screen_title(s, "STAGES", stage_columns, S_CELLS, NULL);
	for (size_t i = 0; i < p->stages_n && i < SHOWN; i++)
		stage_row(s, order[i]);
	free(order);
}

void report_top_stages(struct screen *s, const struct profile *p)
{
	if (p->requests_n && p->requests[0].count && put_parts(s, p->requests))
		return;
	if (p->stages_n)
		put_stages(s, p);
	else
		screen_text(s,
			    p->stages_known ? " STAGES   none: no mark was met"
					    : " STAGES   not measured: no marks, no --stage",
			    4);
}
