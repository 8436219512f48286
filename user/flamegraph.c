// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A flame graph of a profile, or of any tree of stacks. */
#include <errno.h>
#include <string.h>
#include "flame/difference.h"
#include "flame/flame.h"
#include "flame/layout.h"
#include "flame/svg.h"
#include "fold_label.h"
#include "format.h"
#include "losses.h"
#include "screen.h"

/* Narrower frames would be seen by nobody: a tenth of a pixel. */
#define LEAST_PIXELS 0.1

uint64_t flame_unit_ns(const char *unit)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = { { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 } };

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (!strcmp(unit, units[i].name))
			return units[i].ns;
	return 0;
}

bool flame_is_memory(const char *unit)
{
	return unit && !strcmp(unit, "bytes");
}

const char *flame_figure(const char *unit, uint64_t value, char buf[FLAME_FIGURE_SIZE])
{
	char n[FORMAT_SIZE];

	if (flame_is_memory(unit))
		format_memory(buf, value / FLAME_THOUSANDTHS);
	else if (unit)
		snprintf(buf, FLAME_FIGURE_SIZE, "%s %s",
			 format_count_short(n, value / FLAME_THOUSANDTHS), unit);
	else
		format_duration(buf, value);
	return buf;
}

int flamegraph_draw(const struct flame_tree *t, const struct flame_options *o, FILE *f)
{
	struct flame_layout l;
	const struct flame_picture picture = {
		.t = t,
		.l = &l,
		.o = o,
		.title = o->title,
		.subtitle = o->subtitle,
		.unit = o->unit && !flame_unit_ns(o->unit) ? o->unit : NULL,
		.f = f,
	};
	const unsigned int width = o->width ? o->width : SVG_WIDTH;
	double share = o->min_share;
	int err;

	if (share == 0)
		share = LEAST_PIXELS / (width - 2 * SVG_MARGIN);
	err = flame_layout(t, share < 0 ? 0 : share > 1 ? 1 : share, &l);
	if (err)
		return err;
	if (t->before)
		flame_layout_changes(t, &l);
	err = flame_svg_write(&picture);
	flame_layout_free(&l);
	return err;
}

static enum flame_class class_of(const struct profile_line *l)
{
	if (l->state == PROFILE_BLOCKED)
		return (enum flame_class)(FLAME_BLOCKED +
					  (l->cause == CAUSE_NONE ? CAUSE_OTHER : l->cause));
	if (fold_is_run_queue(l))
		return l->call ? FLAME_RUN_QUEUE_IN_CALL : FLAME_RUN_QUEUE;
	return l->call ? FLAME_ON_CPU_IN_CALL : FLAME_ON_CPU;
}

static int add_frame(struct flame_tree *t, const char *name)
{
	return flame_tree_frame(t, name, strlen(name));
}

/* The frames that a folded line has. */
static int add_line(struct flame_tree *t, const struct profile_line *l,
		    const struct fold_label *label, uint64_t value)
{
	char state[FOLD_STATE_SIZE];
	int err;

	flame_tree_begin(t);
	err = add_frame(t, label->process);
	if (!err)
		err = add_frame(t, label->thread);
	for (size_t i = 0; !err && i < l->frames_n; i++)
		err = add_frame(t, l->frames[i]);
	if (!err && fold_kind(l))
		err = add_frame(t, fold_kind(l));
	if (!err && fold_state(l, state))
		err = add_frame(t, state);
	return err ? err : flame_tree_end(t, value, class_of(l));
}

static int add_profile(struct flame_tree *t, const struct profile *p, enum fold_count count)
{
	struct fold_label label;
	int err = 0;

	for (size_t i = 0; !err && i < p->lines_n; i++) {
		const struct profile_line *l = &p->lines[i];
		const uint64_t value =
			count == COUNT_SWITCHES ? l->switches * FLAME_THOUSANDTHS : l->value_ns;

		/* Lines are sorted by thread. */
		if (!i || l->thread != p->lines[i - 1].thread)
			fold_label(p, &p->threads[l->thread], &label);
		if (value)
			err = add_line(t, l, &label, value);
	}
	return err;
}

/* What was traced, for how long, where, and what was lost. */
static void describe(const struct profile *p, enum fold_count count, struct screen_line *line)
{
	const char *runtime = p->runtime ? p->runtime : "unknown";
	char figure[FORMAT_SIZE], losses[LOSSES_SIZE];
	uint64_t threads = 0, all = 0, switches = 0;

	for (size_t i = 0; i < p->threads_n; i++) {
		threads += p->threads[i].merged;
		all += p->threads[i].wall_ns;
		switches += p->threads[i].voluntary + p->threads[i].involuntary;
	}
	screen_add(line, "%s of wall time", format_duration(figure, p->duration_ns));
	screen_add(line, FLAME_PART "%s thread%s", format_count(figure, threads),
		   threads == 1 ? "" : "s");
	if (count == COUNT_SWITCHES)
		screen_add(line, ", %s context switches in all", format_count(figure, switches));
	else
		screen_add(line, ", %s in all", format_duration(figure, all));
	screen_add(line, FLAME_PART "host %s" FLAME_PART "Linux %s", p->host ? p->host : "unknown",
		   p->kernel ? p->kernel : "unknown");
	screen_add(line, FLAME_PART "runtime %s", runtime);
	if (p->runtime_version)
		screen_add(line, " %s", p->runtime_version);
	if (!strcmp(runtime, "emu"))
		screen_add(line, " (the CPU stands in for a GPU)");
	if (p->unwound && all)
		screen_add(line, FLAME_PART "whole stacks: %s",
			   format_percent(figure, p->reach.whole_ns, all));
	screen_add(line, FLAME_PART "lost: %s", losses_text(&p->lost, losses, sizeof(losses)));
}

int flamegraph_write(const struct profile *p, const struct flame_options *o, FILE *f)
{
	struct flame_tree *t = flame_tree_new(o->reverse);
	struct flame_options own = *o;
	struct screen_line line = { .n = 0 };
	int err = t ? add_profile(t, p, o->count) : -ENOMEM;

	if (!err) {
		describe(p, o->count, &line);
		own.title = o->title ? o->title : p->target ? p->target : "infbpf";
		own.subtitle = o->subtitle ? o->subtitle : line.text;
		own.unit = o->count == COUNT_SWITCHES ? "switches" : NULL;
		err = flamegraph_draw(t, &own, f);
	}
	flame_tree_free(t);
	return err;
}
