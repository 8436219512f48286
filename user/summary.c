/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The screen at the end of a trace: figures first, then what was lost, what was not measured and what
 * it cost. One screen of 24 lines unless all was asked for. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "format.h"
#include "losses.h"
#include "output.h"
#include "summary_part.h"
#include "text.h"

#define SCREEN_COLUMNS 80
/* Of 24 lines one is for the names of the files written, one for the shell's next prompt. */
#define SCREEN_LINES 22
#define LEAST_LINES  3 /* of each table, however long the rest */

/* --- head --- */

static void put_head(struct screen *s, const struct profile *p)
{
	const size_t processes = summary_processes(p);
	const char *runtime = p->runtime ? p->runtime : "unknown";
	struct screen_line line = { .n = 0 };
	char buf[128];
	uint64_t n = 0;

	for (size_t i = 0; i < p->threads_n; i++)
		n += p->threads[i].merged;
	screen_add(&line, "%s   ", text_name(p->target, buf, sizeof(buf)));
	screen_add(&line, "%s   ", format_duration(buf, p->duration_ns));
	screen_add(&line, "%s thread%s", format_count(buf, n), n == 1 ? "" : "s");
	if (processes > 1)
		screen_add(&line, " in %s processes", format_count(buf, processes));
	screen_add(&line, "   host %s, ", p->host ? p->host : "unknown");
	screen_add(&line, "Linux %s, runtime %s", p->kernel ? p->kernel : "unknown", runtime);
	if (p->runtime_version)
		screen_add(&line, " %s", p->runtime_version);
	if (!strcmp(runtime, "emu"))
		screen_add(&line, " (the CPU stands in for a GPU)");
	screen_text(s, line.text, 2);
}

/* --- tail --- */

static void put_stacks(struct screen *s, const struct profile *p)
{
	char count[FORMAT_SIZE], share[FORMAT_SIZE];
	struct screen_line line = { .n = 0 };
	const struct profile_reach *r = &p->reach;
	uint64_t all = 0, sampled = 0;

	for (size_t i = 0; i < p->lines_n; i++) {
		all += p->lines[i].value_ns;
		if (p->lines[i].stacks)
			sampled += p->lines[i].value_ns;
	}
	screen_add(&line, " stacks: %s, standing for %s of the threads' time",
		   format_count(count, p->stacks), format_percent(share, sampled, all));
	if (p->unwound && all > r->none_ns)
		screen_add(&line, "; %s of it reaches the thread's start",
			   format_percent(share, r->whole_ns, all - r->none_ns));
	if (p->unwound && r->truncated_ns)
		screen_add(&line, ", %s was cut short (--stack-bytes)",
			   format_percent(share, r->truncated_ns, all - r->none_ns));
	screen_text(s, line.text, 3);
}

/* What was lost and what was not measured. */
static void put_losses(struct screen *s, const struct profile *p)
{
	struct screen_line line = { .n = 0 };
	char losses[LOSSES_SIZE];

	screen_add(&line, " lost: %s.", losses_text(&p->lost, losses, sizeof(losses)));
	for (size_t i = 0; i < p->not_measured_n; i++) {
		screen_add(&line, "%s %s", i ? "," : "   not measured:", p->not_measured[i].what);
		if (p->not_measured[i].why)
			screen_add(&line, " (%s)", p->not_measured[i].why);
	}
	screen_text(s, line.text, 3);
}

static void put_cost(struct screen *s, const struct profile *p)
{
	const struct profile_overhead *c = &p->overhead;
	/* Loading and attaching is paid once, however long the trace: shown apart. */
	uint64_t running_ns = c->user_cpu_ns == PROFILE_UNKNOWN ? PROFILE_UNKNOWN
								: c->user_cpu_ns - c->start_cpu_ns;
	const struct {
		uint64_t ns;
		const char *what;
	} parts[] = {
		{ c->trap_ns, "traps" },
		{ c->bpf_ns, "BPF" },
		{ running_ns, "infbpf" },
	};
	const size_t parts_n = sizeof(parts) / sizeof(*parts);
	struct screen_line line = { .n = 0 };
	char buf[FORMAT_SIZE];
	uint64_t sum = 0;
	size_t known = 0;

	for (size_t i = 0; i < parts_n; i++) {
		if (parts[i].ns == PROFILE_UNKNOWN)
			continue;
		sum += parts[i].ns;
		known++;
	}
	if (known)
		screen_add(&line, " cost: %s%s of one CPU", known < parts_n ? "at least " : "",
			   format_percent(buf, sum, p->duration_ns));
	else
		screen_add(&line, " cost: unknown");
	for (size_t i = 0; i < parts_n; i++)
		screen_add(&line, "%s%s %s", i ? ", " : " (", format_duration(buf, parts[i].ns),
			   parts[i].what);
	screen_add(&line, "), ");
	if (c->rss_bytes == PROFILE_UNKNOWN || c->map_bytes == PROFILE_UNKNOWN)
		screen_add(&line, "memory unknown");
	else
		screen_add(&line, "%s", format_memory(buf, c->rss_bytes + c->map_bytes));
	screen_add(&line, "; to start: %s", format_duration(buf, c->start_cpu_ns));
	screen_text(s, line.text, 3);
}

static void put_tail(struct screen *s, const struct profile *p)
{
	put_stacks(s, p);
	put_losses(s, p);
	put_cost(s, p);
}

/* --- the whole --- */

/* Divides the lines that are left between the tables: each gets half, and what the other does not
 * want. */
static void divide(size_t left, size_t *threads, size_t *calls)
{
	const size_t half = left / 2 > LEAST_LINES ? left / 2 : LEAST_LINES;
	const size_t want_threads = *threads, want_calls = *calls;

	if (want_threads + want_calls <= left)
		return;
	if (want_threads <= half) {
		*calls = left > want_threads + LEAST_LINES ? left - want_threads : LEAST_LINES;
	} else if (want_calls <= half) {
		*threads = left > want_calls + LEAST_LINES ? left - want_calls : LEAST_LINES;
	} else {
		*threads = half;
		*calls = left > half + LEAST_LINES ? left - half : LEAST_LINES;
	}
}

/* How many lines everything but the tables' rows takes. */
static size_t count_fixed(const struct screen *like, const struct profile *p)
{
	struct screen s = { .columns = like->columns };

	put_head(&s, p);
	summary_copies(&s, p);
	put_tail(&s, p);
	/* Two titles, a line each for what has no row, three blank lines. */
	return s.lines + 7;
}

static int put_tables(struct screen *s, const struct profile *p, bool all)
{
	const size_t fixed = count_fixed(s, p);
	struct summary_order order = { .rows = calloc(p->threads_n + 1, sizeof(*order.rows)) };
	size_t calls = summary_calls_lines(s, p), threads;

	if (!order.rows)
		return -ENOMEM;
	summary_order(p, &order);
	/* Where no thread was busy, the least idle ones are shown. */
	threads = order.busy_n ? order.busy_n : LEAST_LINES;
	if (all)
		threads = p->threads_n;
	else
		divide(SCREEN_LINES > fixed ? SCREEN_LINES - fixed : 0, &threads, &calls);
	summary_threads(s, p, &order, threads);
	screen_blank(s);
	summary_calls(s, p, calls);
	free(order.rows);
	return 0;
}

int summary_write(const struct profile *p, const struct summary_options *o, FILE *f)
{
	struct screen s = { .f = f,
			    .columns = o->columns ? o->columns : SCREEN_COLUMNS,
			    .colour = o->colour };
	int err;

	errno = 0;
	put_head(&s, p);
	screen_blank(&s);
	err = put_tables(&s, p, o->wide);
	if (err)
		return err;
	summary_copies(&s, p);
	screen_blank(&s);
	put_tail(&s, p);
	if (fflush(f) || ferror(f))
		return errno ? -errno : -EIO;
	return 0;
}
