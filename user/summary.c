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
#define SCREEN_LINES   24
/* One line is for the names of the files written, one for the shell's next prompt. */
#define OTHER_LINES 2
/* --- head --- */

void summary_head(struct screen *s, const struct profile *p, bool whole)
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
	screen_add(&line, "   ");
	if (whole)
		screen_add(&line, "host %s, Linux %s, ", p->host ? p->host : "unknown",
			   p->kernel ? p->kernel : "unknown");
	screen_add(&line, "runtime %s", runtime);
	if (p->runtime_version)
		screen_add(&line, " %s", p->runtime_version);
	if (!strcmp(runtime, "emu"))
		screen_add(&line, " (the CPU stands in for a GPU)");
	screen_text(s, line.text, 2);
}

/* --- tail --- */

/* A line whose later parts are left out where it would need another. */
static size_t line_width(const struct screen *s, bool all)
{
	return all ? SIZE_MAX : s->columns;
}

void summary_stacks(struct screen *s, const struct profile *p, bool all)
{
	const size_t max = line_width(s, all);
	char count[FORMAT_SIZE], share[FORMAT_SIZE];
	struct screen_line line = { .n = 0 };
	const struct profile_reach *r = &p->reach;
	uint64_t time = 0, sampled = 0;

	for (size_t i = 0; i < p->lines_n; i++) {
		time += p->lines[i].value_ns;
		if (p->lines[i].stacks)
			sampled += p->lines[i].value_ns;
	}
	screen_add(&line, " stacks: %s, standing for %s of the time",
		   format_count(count, p->stacks), format_percent(share, sampled, time));
	if (p->unwound && time > r->none_ns)
		screen_add_within(&line, max, "; %s whole",
				  format_percent(share, r->whole_ns, time - r->none_ns));
	if (p->unwound && r->truncated_ns)
		screen_add_within(&line, max, ", %s cut (--stack-bytes)",
				  format_percent(share, r->truncated_ns, time - r->none_ns));
	screen_text(s, line.text, 3);
}

/* What was lost and what was not measured. */
void summary_losses(struct screen *s, const struct profile *p)
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

void summary_cost(struct screen *s, const struct profile *p, bool all)
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
	screen_add_within(&line, line_width(s, all), "; to start: %s",
			  format_duration(buf, c->start_cpu_ns));
	screen_text(s, line.text, 3);
}

/* --- the whole --- */

static size_t screen_lines(const struct summary_options *o)
{
	return o->lines > SCREEN_LINES ? o->lines : SCREEN_LINES;
}

/* All there is. */
static int put_wide(struct screen *s, const struct summary *v)
{
	const struct profile *p = v->p;

	summary_head(s, p, true);
	screen_blank(s);
	summary_threads(s, p, &v->order, p->threads_n);
	summary_waits(s, p, true);
	summary_queue(s, p, true);
	summary_cpus(s, p, true);
	screen_blank(s);
	summary_calls(s, &v->calls, SIZE_MAX);
	summary_facts(s, &v->facts, SIZE_MAX, SIZE_MAX);
	if (summary_io(s, p, true))
		return -ENOMEM;
	summary_serving_tables(s, p, v->o->cost_per_hour);
	summary_tables(s, p);
	summary_waits_table(s, p);
	summary_sched_tables(s, p);
	summary_verdict(s, p, true);
	screen_blank(s);
	summary_stacks(s, p, true);
	summary_losses(s, p);
	summary_cost(s, p, true);
	return 0;
}

int summary_write(const struct profile *p, const struct summary_options *o, FILE *f)
{
	struct screen s = { .f = f,
			    .columns = o->columns ? o->columns : SCREEN_COLUMNS,
			    .colour = o->colour };
	struct summary v = {
		.p = p,
		.o = o,
		.order = { .rows = calloc(p->threads_n + 1, sizeof(*v.order.rows)),
			   .others = true },
		.calls = { p, o->wide, calloc(p->calls_n + 1, sizeof(*v.calls.rows)) },
		.facts = { p, o->leaks },
	};
	int err = -ENOMEM;

	if (!v.order.rows || !v.calls.rows)
		goto out;
	summary_order(p, &v.order);
	summary_calls_order(&v.calls);
	errno = 0;
	err = o->wide ? put_wide(&s, &v) : summary_planned(&s, &v, screen_lines(o) - OTHER_LINES);
	if (err)
		goto out;
	if (fflush(f) || ferror(f))
		err = errno ? -errno : -EIO;
out:
	free(v.order.rows);
	free(v.calls.rows);
	return err;
}
