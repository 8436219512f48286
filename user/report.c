// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The report: which section follows which. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "report_part.h"
#include "summary_part.h"

#define COLUMNS	     80
#define WIDE_COLUMNS 132
#define ROWS	     30 /* of a table, unless all are wanted */
#define FIRST_PARTS  5
#define FIRST_CALLS  5 /* lines */

/* The profile's rows in the orders of the screen. */
struct orders {
	const struct report_options *o;
	struct summary_order threads;
	struct summary_calls calls;
	struct summary_facts facts;
};

static int orders_make(const struct profile *p, struct orders *o)
{
	*o = (struct orders){
		.threads = { .rows = calloc(p->threads_n + 1, sizeof(*o->threads.rows)) },
		.calls = { p, true, calloc(p->calls_n + 1, sizeof(*o->calls.rows)) },
		.facts = { p, true },
	};
	if (!o->threads.rows || !o->calls.rows)
		return -ENOMEM;
	summary_order(p, &o->threads);
	summary_calls_order(&o->calls);
	return 0;
}

static void orders_free(struct orders *o)
{
	free(o->threads.rows);
	free(o->calls.rows);
}

/* On a page each has a section of its own. */
static void part(struct screen *s, const char *title, const char *id)
{
	if (s->page)
		screen_section(s, title, id);
	else
		screen_blank(s);
}

int report_first(struct screen *s, const struct profile *p, const struct report_options *o)
{
	struct orders orders;
	int err = orders_make(p, &orders);

	if (err)
		goto out;
	orders.calls.all = false;
	report_verdict(s, p);
	part(s, "Thinking and waiting", "time");
	report_split(s, p, orders.threads.rows, orders.threads.busy_n);
	part(s, "Slowest stages", "slowest");
	if (!summary_has_serving(p))
		screen_text(s,
			    p->stages_known ? " STAGES   none: no mark was met"
					    : " STAGES   not measured: no marks, no --stage",
			    4);
	else if (!summary_serving(s, p, FIRST_PARTS, o->cost_per_hour))
		err = -ENOMEM;
	part(s, "Longest GPU calls", "top-calls");
	summary_calls(s, &orders.calls, FIRST_CALLS);
out:
	orders_free(&orders);
	return err;
}

/* --- details --- */

static int put_serving(struct screen *s, const struct profile *p, struct orders *o)
{
	if (summary_has_serving(p))
		summary_serving_tables(s, p, o->o->cost_per_hour);
	else
		screen_text(s, p->stages_known ? "  none" : "  not measured", 4);
	return 0;
}

static int put_threads(struct screen *s, const struct profile *p, struct orders *o)
{
	summary_threads(s, p, &o->threads, p->threads_n);
	return 0;
}

static int put_waits(struct screen *s, const struct profile *p, struct orders *o)
{
	(void)o;
	summary_waits(s, p, true);
	summary_waits_table(s, p);
	return report_wait_stacks(s, p);
}

static int put_calls(struct screen *s, const struct profile *p, struct orders *o)
{
	(void)p;
	summary_calls(s, &o->calls, SIZE_MAX);
	summary_facts(s, &o->facts, SIZE_MAX, SIZE_MAX);
	return 0;
}

static int put_tables(struct screen *s, const struct profile *p, struct orders *o)
{
	(void)o;
	summary_tables(s, p);
	return 0;
}

static int put_io(struct screen *s, const struct profile *p, struct orders *o)
{
	(void)o;
	if (!p->io_parts)
		screen_text(s, "  not measured: --io none", 4);
	else if (!p->io_n)
		screen_text(s, "  none", 4);
	return summary_io(s, p, true);
}

static int put_sched(struct screen *s, const struct profile *p, struct orders *o)
{
	(void)o;
	summary_queue(s, p, true);
	summary_cpus(s, p, true);
	summary_sched_tables(s, p);
	return 0;
}

/* After those of the one screen. */
static const struct {
	const char *title, *id;
	int (*put)(struct screen *s, const struct profile *p, struct orders *o);
} sections[] = {
	{ "Requests and stages", "stages", put_serving },
	{ "Threads", "threads", put_threads },
	{ "Waits, by cause", "waits", put_waits },
	{ "GPU calls", "calls", put_calls },
	{ "Launches, copies, streams, memory", "tables", put_tables },
	{ "I/O", "io", put_io },
	{ "CPUs, and who had them", "cpus", put_sched },
};

int report_details(struct screen *s, const struct profile *p, const struct report_options *o)
{
	struct orders orders;
	int err = orders_make(p, &orders);

	orders.o = o;
	if (!s->page)
		s->rows_max = o->wide ? 0 : ROWS;
	for (size_t i = 0; !err && i < sizeof(sections) / sizeof(*sections); i++) {
		screen_section(s, sections[i].title, sections[i].id);
		err = sections[i].put(s, p, &orders);
	}
	if (!err) {
		report_verdicts(s, p);
		report_trace(s, p);
	}
	screen_end(s);
	orders_free(&orders);
	return err;
}

int report_write(const struct profile *p, const struct report_options *o, FILE *f)
{
	const unsigned int columns = o->columns ? o->columns : COLUMNS;
	struct screen s = {
		.f = f,
		.columns = o->wide && columns < WIDE_COLUMNS ? WIDE_COLUMNS : columns,
		.colour = o->colour,
	};
	int err;

	errno = 0;
	summary_head(&s, p, true);
	screen_blank(&s);
	err = report_first(&s, p, o);
	if (!err)
		err = report_details(&s, p, o);
	if (!err && (fflush(f) || ferror(f)))
		err = errno ? -errno : -EIO;
	return err;
}
