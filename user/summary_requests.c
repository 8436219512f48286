/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The summary's block about requests: how long they took, and where the slow ones spent it. Stages where
 * there are no requests. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "cost.h"
#include "format.h"
#include "summary_part.h"
#include "text.h"

enum request_cell { R_NAME, R_P50, R_P95, R_P99, R_MAX, R_OF_P50, R_OF_P95, R_OF_P99, R_CELLS };

static const struct screen_column columns[R_CELLS] = {
	[R_NAME] = { "", 18, 24 },	 [R_P50] = { "p50", 9, 10 },
	[R_P95] = { "p95", 9, 10 },	 [R_P99] = { "p99", 0, 10 },
	[R_MAX] = { "max", 0, 10 },	 [R_OF_P50] = { "of p50", 8, 9 },
	[R_OF_P95] = { "of p95", 8, 9 }, [R_OF_P99] = { "of p99", 8, 9 },
};

/* A share that is not known is no figure. */
static void put_share(char *cell, double share)
{
	char buf[FORMAT_SIZE];

	if (share < 0)
		snprintf(cell, CELL_SIZE, "-");
	else
		/* In millionths: format_percent() takes integers. */
		snprintf(cell, CELL_SIZE, "%s",
			 format_percent(buf, (uint64_t)(share * 1e6 + 0.5), 1000000));
}

/* What most of it went to, and how long that was. NULL: not known. */
static const char *mostly(const struct profile_split *s, uint64_t *ns)
{
	const char *name = "on-CPU";
	uint64_t queue = s->run_queue_ns;

	*ns = s->on_cpu_ns;
	if (*ns == PROFILE_UNKNOWN || queue == PROFILE_UNKNOWN || !s->wall_ns)
		return NULL;
	if (s->throttled_ns != PROFILE_UNKNOWN && s->throttled_ns <= queue) {
		queue -= s->throttled_ns;
		if (s->throttled_ns > *ns) {
			*ns = s->throttled_ns;
			name = "throttled";
		}
	}
	if (queue > *ns) {
		*ns = queue;
		name = "run queue";
	}
	for (unsigned int c = CAUSE_NONE + 1; c < CAUSES; c++)
		if (s->blocked_by_ns[c] != PROFILE_UNKNOWN && s->blocked_by_ns[c] > *ns) {
			*ns = s->blocked_by_ns[c];
			name = wait_cause_name(c);
		}
	return name;
}

const char *summary_mostly(const struct profile_split *s)
{
	uint64_t ns;

	return mostly(s, &ns);
}

static void put_mostly(const struct profile_split *s, char *note)
{
	char share[FORMAT_SIZE];
	uint64_t ns;
	const char *name = mostly(s, &ns);

	note[0] = '\0';
	if (name)
		snprintf(note, CELL_SIZE, "%s %s", name, format_percent(share, ns, s->wall_ns));
}

/* --- parts --- */

static int by_share(const void *a, const void *b)
{
	const struct profile_part *x = *(const struct profile_part *const *)a;
	const struct profile_part *y = *(const struct profile_part *const *)b;

	if (x->share_p95 != y->share_p95)
		return x->share_p95 < y->share_p95 ? 1 : -1;
	if (x->split.wall_ns != y->split.wall_ns)
		return x->split.wall_ns < y->split.wall_ns ? 1 : -1;
	return x < y ? -1 : x > y;
}

const struct profile_part **summary_parts(const struct profile_requests *r)
{
	const struct profile_part **order = calloc(r->parts_n + 1, sizeof(*order));

	for (size_t i = 0; order && i < r->parts_n; i++)
		order[i] = &r->parts[i];
	if (order)
		qsort(order, r->parts_n, sizeof(*order), by_share);
	return order;
}

static void put_times(char cells[][CELL_SIZE], const struct profile_quantiles *q)
{
	format_duration(cells[R_P50], q->p50_ns);
	format_duration(cells[R_P95], q->p95_ns);
	format_duration(cells[R_P99], q->p99_ns);
	format_duration(cells[R_MAX], q->max_ns);
}

static void put_part(struct screen *s, const struct profile_part *part)
{
	char cells[R_CELLS][CELL_SIZE] = { "" }, note[CELL_SIZE];

	text_shown(part->name, cells[R_NAME], CELL_SIZE);
	put_times(cells, &part->times);
	put_share(cells[R_OF_P50], part->share_p50);
	put_share(cells[R_OF_P95], part->share_p95);
	put_share(cells[R_OF_P99], part->share_p99);
	if (part->kind == PART_WAIT)
		snprintf(note, sizeof(note), "waiting");
	else if (part->kind == PART_REST)
		note[0] = '\0';
	else
		put_mostly(&part->slow, note);
	screen_row(s, columns, R_CELLS, cells, note, NOTE_BEHIND);
}

/* --- the lines around them --- */

/* A row of times. behind: where a narrow screen has the shares in other rows, a wide one a note. */
static void put_row(struct screen *s, const char *name, const struct profile_quantiles *q,
		    const char *behind)
{
	char cells[R_CELLS][CELL_SIZE] = { "" };
	struct screen_line line = { .n = 0 };

	snprintf(cells[R_NAME], CELL_SIZE, "%s", name);
	put_times(cells, q);
	if (screen_is_wide(s)) {
		screen_row(s, columns, R_CELLS, cells, *behind ? behind : NULL, NOTE_BEHIND);
		return;
	}
	screen_add(&line, "  %-18s%9s%9s", cells[R_NAME], cells[R_P50], cells[R_P95]);
	screen_add_within(&line, s->columns, "  %s", behind);
	screen_text(s, line.text, 4);
}

static void put_latency(struct screen *s, const struct profile *p, const struct profile_requests *r)
{
	const size_t room = s->columns > 40 ? s->columns - 40 : 0;
	struct screen_line line = { .n = 0 };
	char a[FORMAT_SIZE], b[FORMAT_SIZE];

	if (!screen_is_wide(s))
		screen_add(&line, "p99 %s, max %s; ", format_duration(a, r->latency.p99_ns),
			   format_duration(b, r->latency.max_ns));
	format_per_second(a, r->tokens_out, p->duration_ns);
	a[strcspn(a, "/")] = '\0';
	if (!r->tokens_out || !screen_add_within(&line, room, "%s tokens/s", a))
		/* Without the semicolon. */
		line.text[line.n > 2 ? line.n - 2 : 0] = '\0';
	put_row(s, "latency", &r->latency, line.text);
}

static void put_tokens(struct screen *s, const struct profile_requests *r)
{
	struct screen_line line = { .n = 0 };
	char a[FORMAT_SIZE], b[FORMAT_SIZE];
	const bool more = r->per_token.p50_ns != PROFILE_UNKNOWN;

	if (more && !screen_is_wide(s))
		screen_add(&line, "per token %s, p95 %s", format_duration(a, r->per_token.p50_ns),
			   format_duration(b, r->per_token.p95_ns));
	if (r->first_token.p50_ns != PROFILE_UNKNOWN)
		put_row(s, "first token", &r->first_token, line.text);
	if (more && screen_is_wide(s))
		put_row(s, "per token", &r->per_token, "");
}

/* "decode 1.19 a pass": how well the device is filled. */
static bool add_pass(struct screen_line *line, size_t max, const char *before,
		     const struct profile_pass *pass)
{
	char name[CELL_SIZE], wasted[FORMAT_SIZE];

	if (!pass->count)
		return false;
	text_shown(pass->name, name, sizeof(name));
	text_cut(name, 16);
	if (!screen_add_within(line, max, "%s%s %.3g", before, name,
			       (double)pass->requests / (double)pass->count))
		return false;
	if (pass->padded > pass->tokens)
		screen_add_within(
			line, max, " (%s padding)",
			format_percent(wasted, pass->padded - pass->tokens, pass->padded));
	return true;
}

/* What there is besides: the other parts, and the batches. */
static void put_more(struct screen *s, const struct profile_requests *r,
		     const struct profile_part *const *order, size_t shown)
{
	struct screen_line line = { .n = 0 };
	const char *before;
	char share[CELL_SIZE];
	double rest = 0;

	for (size_t i = shown; i < r->parts_n; i++)
		rest += order[i]->share_p95 > 0 ? order[i]->share_p95 : 0;
	if (shown < r->parts_n) {
		put_share(share, rest);
		screen_add(&line, "  + %zu more, %s of p95", r->parts_n - shown, share);
	}
	before = line.n ? "; requests a pass: " : "  requests a pass: ";
	for (size_t i = 0; i < r->passes_n; i++)
		if (add_pass(&line, s->columns, before, &r->passes[i]))
			before = ", ";
	screen_text(s, line.text, 4);
}

static void put_cost(struct screen *s, const struct profile *p, const struct profile_requests *r,
		     const struct profile_part *const *order, double per_hour)
{
	const double all = cost_per_thousand(p, per_hour);
	struct screen_line line = { .n = 0 };
	char a[FORMAT_SIZE], name[CELL_SIZE];

	if (per_hour <= 0 || all < 0)
		return;
	screen_add(&line,
		   "  cost of 1,000 requests: %s; by share of wall time: ", format_cost(a, all));
	for (size_t i = 0; i < r->parts_n; i++) {
		text_shown(order[i]->name, name, sizeof(name));
		if (!screen_add_within(&line, s->columns, "%s%s %s", i ? ", " : "", name,
				       format_cost(a, cost_of_part(all, order[i]->split.wall_ns,
								   r->latency_ns))))
			break;
	}
	screen_text(s, line.text, 4);
}

static void put_title(struct screen *s, const struct profile *p, const struct profile_requests *r)
{
	char title[CELL_SIZE], n[FORMAT_SIZE], rate[FORMAT_SIZE];

	snprintf(title, sizeof(title), "REQUESTS %s, %s", format_count_short(n, r->count),
		 format_per_second(rate, r->count, p->duration_ns));
	screen_title(s, title, columns, R_CELLS, "mostly");
}

/* A busy server always has a few open at either edge. Where they are more, the window leaves out the slow
 * ones. */
#define EDGE_SHARE 10

static void put_left_out(struct screen *s, const struct profile *p,
			 const struct profile_requests *r)
{
	const bool edges = (r->open_at_start + r->open_at_end) * EDGE_SHARE > r->count;
	const struct {
		uint64_t n;
		const char *what;
	} counts[] = {
		{ r->dropped, "dropped" },
		{ r->lost, "lost" },
		{ edges ? r->open_at_start : 0, "open at the window's start" },
		{ edges ? r->open_at_end : 0, "open at its end" },
	};
	struct screen_line line = { .n = 0 };
	char n[FORMAT_SIZE];

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		if (counts[i].n)
			screen_add(&line, "%s%s %s",
				   line.n ? ", " : "  not counted: ", format_count(n, counts[i].n),
				   counts[i].what);
	if (p->requests_n > 1)
		screen_add(&line, "%s%s more process%s with requests (--wide)",
			   line.n ? "; " : "  + ", format_count(n, p->requests_n - 1),
			   p->requests_n > 2 ? "es" : "");
	screen_text(s, line.text, 4);
}

static bool put_requests(struct screen *s, const struct profile *p, size_t rows, double per_hour)
{
	const struct profile_requests *r = &p->requests[0];
	const struct profile_part **order = summary_parts(r);

	if (!order)
		return false;
	if (rows > r->parts_n)
		rows = r->parts_n;
	put_title(s, p, r);
	if (r->count) {
		put_latency(s, p, r);
		put_tokens(s, r);
	}
	for (size_t i = 0; i < rows; i++)
		put_part(s, order[i]);
	put_more(s, r, order, rows);
	put_cost(s, p, r, order, per_hour);
	put_left_out(s, p, r);
	free(order);
	return true;
}

/* --- stages --- */

enum stage_cell { S_NAME, S_PID, S_COUNT, S_P50, S_P95, S_P99, S_MAX, S_WALL, S_CELLS };

static void put_stage(struct screen *s, const struct screen_column *c,
		      const struct profile_stage *stage)
{
	char cells[S_CELLS][CELL_SIZE] = { "" }, note[CELL_SIZE];

	text_shown(stage->name, cells[S_NAME], CELL_SIZE);
	snprintf(cells[S_PID], CELL_SIZE, "%" PRIu32, stage->pid);
	format_count_short(cells[S_COUNT], stage->count);
	format_duration(cells[S_P50], stage->times.p50_ns);
	format_duration(cells[S_P95], stage->times.p95_ns);
	format_duration(cells[S_P99], stage->times.p99_ns);
	format_duration(cells[S_MAX], stage->times.max_ns);
	format_duration(cells[S_WALL], stage->split.wall_ns);
	put_mostly(&stage->split, note);
	screen_row(s, c, S_CELLS, cells, note, NOTE_BEHIND);
}

void summary_stages(struct screen *s, const struct profile *p, size_t rows)
{
	struct screen_column c[S_CELLS] = {
		[S_NAME] = { "", 21, 28 },	[S_PID] = { "pid", 8, 9 },
		[S_COUNT] = { "spans", 9, 12 }, [S_P50] = { "p50", 8, 10 },
		[S_P95] = { "p95", 8, 10 },	[S_P99] = { "p99", 0, 10 },
		[S_MAX] = { "max", 0, 10 },	[S_WALL] = { "wall", 8, 10 },
	};
	struct screen_line line = { .n = 0 };
	bool several = false;

	for (size_t i = 1; i < p->stages_n; i++)
		several = several || p->stages[i].pid != p->stages[0].pid;
	if (!several)
		c[S_PID].narrow = c[S_PID].wide = 0;
	screen_title(s, "STAGES", c, S_CELLS, "mostly");
	for (size_t i = 0; i < rows && i < p->stages_n; i++)
		put_stage(s, c, &p->stages[i]);
	if (rows < p->stages_n)
		screen_add(&line, "  + %zu more (--wide)", p->stages_n - rows);
	screen_text(s, line.text, 4);
}

/* --- both --- */

bool summary_has_serving(const struct profile *p)
{
	return p->requests_n || p->stages_n;
}

size_t summary_serving_rows(const struct profile *p)
{
	return p->requests_n ? p->requests[0].parts_n : p->stages_n;
}

bool summary_serving(struct screen *s, const struct profile *p, size_t rows, double per_hour)
{
	if (p->requests_n)
		return put_requests(s, p, rows, per_hour);
	summary_stages(s, p, rows);
	return true;
}
