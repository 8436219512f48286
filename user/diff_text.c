// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What changed, on a screen. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include "diff.h"
#include "format.h"
#include "losses.h"
#include "screen.h"
#include "text.h"

#define ROWS	16  /* of a table, but with --wide */
#define WIDE	136 /* --wide, where it is no terminal: intervals have room */
#define CROWDED 0.2 /* is said from here on */

static const struct screen_column columns[] = {
	{ "", 30, 60 },
	{ "before", 11, 14 },
	{ "after", 11, 14 },
	{ "change", 9, 28 },
};
#define COLUMNS_N (sizeof(columns) / sizeof(*columns))

/* --- words --- */

/* The process is said where several have figures. */
static bool has_processes(const struct diff *d)
{
	const char *first = NULL;

	for (size_t i = 0; i < d->changes_n; i++) {
		const char *process = d->changes[i].object->process;

		if (process && first && strcmp(process, first) != 0)
			return true;
		first = process ? process : first;
	}
	return false;
}

const char *diff_name(const struct diff *d, const struct diff_change *c, char buf[DIFF_NAME_SIZE])
{
	const struct metric_object *o = c->object;
	char name[METRIC_NAME_SIZE], process[64] = "";

	metric_name(o->section, o->name, &o->section->measures[c->measure], name);
	if (o->process && has_processes(d))
		text_shown(o->process, process, sizeof(process));
	snprintf(buf, DIFF_NAME_SIZE, "%s%s%s", process, *process ? " " : "", name);
	return buf;
}

static void percent(double ratio, char *buf, size_t size)
{
	char count[FORMAT_SIZE];

	if (ratio >= 999)
		snprintf(buf, size, "x %s",
			 format_count_short(count, (uint64_t)fmin(ratio + 1.5, 1e18)));
	else if (ratio > 9)
		snprintf(buf, size, "x %.3g", ratio + 1);
	else
		snprintf(buf, size, "%+.*f %%", fabs(ratio) < 0.0995 ? 1 : 0, ratio * 100);
}

static void change_text(const struct diff_change *c, bool wide, char *buf, size_t size)
{
	char low[24], high[24];
	const double ratio = c->after / c->before - 1;

	if (c->before <= 0)
		snprintf(buf, size, "new");
	else if (c->after <= 0)
		snprintf(buf, size, "gone");
	else
		percent(ratio, buf, size);
	if (!wide || isnan(c->low) || c->before <= 0 || c->after <= 0)
		return;
	percent(c->low, low, sizeof(low));
	percent(c->high, high, sizeof(high));
	snprintf(buf + strlen(buf), size - strlen(buf), " (%s to %s)", low, high);
}

static const char *direction(const struct diff_change *c)
{
	const int better = c->object->section->measures[c->measure].better;

	if (better == METRIC_EITHER)
		return "";
	return (c->effect > 0) == (better == METRIC_HIGHER) ? "better" : "worse";
}

/* --- parts --- */

static void put_head(struct screen *s, const struct diff *d)
{
	struct screen_line l = { .n = 0 };
	const size_t n[2] = { d->sets[0].n, d->sets[1].n };

	if (d->one_each)
		screen_add(&l,
			   "One run each: not proven. How much runs of the same differ is not "
			   "known; what is shown is more than they usually do (and at least "
			   "%.3g %%). Several runs of each tell: a1 a2 a3 a4 -- b1 b2 b3 b4.",
			   d->o.min_effect * 100);
	else if (d->least_p > DIFF_LEVEL)
		screen_add(
			&l,
			"%zu and %zu runs: too few to prove a difference (the surest is 1 in "
			"%.0f by chance; 4 and 4 runs are enough). Likely is what is one if runs "
			"scatter normally; at least %.3g %%.",
			n[0], n[1], 1 / d->least_p, d->o.min_effect * 100);
	else
		screen_add(
			&l,
			"%zu and %zu runs. Proven: in runs of the same, 1 time in 20 at most would "
			"any figure differ so clearly; at least %.3g %%.",
			n[0], n[1], d->o.min_effect * 100);
	screen_text(s, l.text, 1);
	if (d->one_each && d->crowding > CROWDED) {
		l.n = 0;
		screen_add(
			&l,
			"The machine was crowded: threads waited for a CPU %.0f %% and %.0f %% of the "
			"time that they could run. Only large differences are shown for that.",
			diff_crowding(d->sets[0].profiles[0]) * 100,
			diff_crowding(d->sets[1].profiles[0]) * 100);
		screen_text(s, l.text, 1);
	}
	l.n = 0;
	screen_add(&l, "Sums and rates are by %s.",
		   d->o.per_request ? "request" : "second of the window");
	screen_text(s, l.text, 1);
	screen_blank(s);
}

static void put_config(struct screen *s, const struct diff *d)
{
	struct screen_line l;

	if (!d->config_n)
		return;
	screen_title(s, "CONFIGURATION", NULL, 0, NULL);
	for (size_t i = 0; i < d->config_n; i++) {
		l.n = 0;
		screen_add(&l, "  %s: %s -> %s", d->config[i].what, d->config[i].values[0],
			   d->config[i].values[1]);
		for (char *c = l.text; *c; c++)
			if ((unsigned char)*c < ' ' || *c == 0x7f)
				*c = '?';
		screen_text(s, l.text, 4);
	}
	screen_blank(s);
}

/* "scheduling, queue-before-batch, 62 % of p95 request latency (3 of 4 runs)". */
static void add_verdict(struct screen_line *l, const struct diff_set *s)
{
	size_t best = 0, runs = 0;
	const struct profile_verdict *v;

	for (size_t i = 0; i < s->n; i++) {
		size_t same = 0;

		if (!(v = diff_verdict(s, i)))
			continue;
		for (size_t k = 0; k < s->n; k++) {
			const struct profile_verdict *w = diff_verdict(s, k);

			same += w && !strcmp(w->kind, v->kind) && !text_compare(w->rule, v->rule);
		}
		if (same > runs) {
			runs = same;
			best = i;
		}
	}
	v = runs ? diff_verdict(s, best) : NULL;
	if (!v) {
		screen_add(l, "no verdict");
		return;
	}
	screen_add(l, "%s", v->kind);
	if (v->rule && strcmp(v->rule, v->kind) != 0)
		screen_add(l, ", %s", v->rule);
	if (v->share > 0 && strcmp(v->kind, "none") != 0)
		screen_add(l, ", %.0f %% of %s", v->share * 100,
			   v->share_of ? v->share_of : "the time");
	if (s->n > 1)
		screen_add(l, " (%zu of %zu runs)", runs, s->n);
}

static void put_verdict(struct screen *s, const struct diff *d)
{
	struct screen_line l = { .n = 0 };

	if (!diff_verdict(&d->sets[0], 0) && !diff_verdict(&d->sets[1], 0))
		return;
	screen_add(&l, " VERDICT before: ");
	add_verdict(&l, &d->sets[0]);
	screen_text(s, l.text, 4);
	l.n = 0;
	screen_add(&l, "         after:  ");
	add_verdict(&l, &d->sets[1]);
	screen_text(s, l.text, 4);
	screen_blank(s);
}

static void put_change(struct screen *s, const struct diff *d, const struct diff_change *c)
{
	const struct metric_measure *m = &c->object->section->measures[c->measure];
	char cells[COLUMNS_N][CELL_SIZE], text[METRIC_TEXT_SIZE], name[DIFF_NAME_SIZE], note[48];

	/* The measure stands at a name's end: a name that is too long is cut before it. */
	diff_name(d, c, name);
	text_cut(name, screen_is_wide(s) ? columns[0].wide : 200);
	if (text_width(name) > columns[0].narrow && !screen_is_wide(s)) {
		const char *measure = strrchr(name, '.');
		const size_t tail = measure ? strlen(measure) : 0;
		const size_t room = columns[0].narrow - 2;

		if (measure && tail < room) {
			char end[METRIC_NAME_SIZE];

			snprintf(end, sizeof(end), "%s", measure);
			text_cut(name, room - tail);
			snprintf(name + strlen(name), sizeof(name) - strlen(name), "%s", end);
		}
	}
	snprintf(cells[0], CELL_SIZE, "%.*s", CELL_SIZE - 1, name);
	snprintf(cells[1], CELL_SIZE, "%s",
		 metric_text(m->unit, d->o.per_request, c->before, text));
	snprintf(cells[2], CELL_SIZE, "%s", metric_text(m->unit, d->o.per_request, c->after, text));
	change_text(c, screen_is_wide(s), cells[3], CELL_SIZE);
	snprintf(note, sizeof(note), "%-6s", direction(c));
	if (!d->one_each)
		snprintf(note + strlen(note), sizeof(note) - strlen(note), " %s",
			 diff_sure_name(c->sure));
	screen_row(s, columns, COLUMNS_N, cells, note, true);
}

static bool is_outcome(const struct diff_change *c)
{
	const char *name = c->object->section->name;

	return !strcmp(name, "requests") || !strcmp(name, "request");
}

/* The first of an object's changes has the row, the others a line below it. */
static bool is_first(const struct diff *d, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(d->changes[k].object->key, d->changes[i].object->key))
			return false;
	return true;
}

static void put_others(struct screen *s, const struct diff *d, size_t i)
{
	struct screen_line l = { .n = 0 };
	const size_t room = s->columns > 8 ? s->columns - 2 : 8;
	size_t more = 0;

	for (size_t k = i + 1; k < d->changes_n; k++) {
		const struct diff_change *c = &d->changes[k];
		char text[64];

		if (strcmp(c->object->key, d->changes[i].object->key) != 0)
			continue;
		change_text(c, false, text, sizeof(text));
		if (more || !screen_add_within(&l, room, "%s%s %s", l.n ? ", " : "     also ",
					       c->object->section->measures[c->measure].name, text))
			more++;
	}
	if (l.n)
		screen_text(s, l.text, 6);
}

/* A table of those that are the outcome, or of those that are not. */
static void put_changes(struct screen *s, const struct diff *d, bool outcome, const char *title)
{
	char count[FORMAT_SIZE];
	size_t shown = 0, left = 0;

	for (size_t i = 0; i < d->changes_n; i++) {
		const bool first = d->o.wide || is_first(d, i);

		if (is_outcome(&d->changes[i]) != outcome || (!first && !outcome))
			continue;
		if (!d->o.wide && shown >= ROWS) {
			left++;
			continue;
		}
		if (!shown++)
			screen_title(s, title, columns, COLUMNS_N, NULL);
		put_change(s, d, &d->changes[i]);
		if (!d->o.wide && !outcome)
			put_others(s, d, i);
	}
	if (left) {
		struct screen_line l = { .n = 0 };

		screen_add(&l, "  + %s more (--wide)", format_count(count, left));
		screen_text(s, l.text, 4);
	}
	if (shown)
		screen_blank(s);
}

static void put_lacks(struct screen *s, const struct diff *d)
{
	static const char *const when[] = { "before", "after" };

	for (int k = 0; k < 2; k++) {
		struct screen_line l = { .n = 0 };
		const char *last = NULL;

		for (size_t i = 0; i < metric_sections_n; i++) {
			const char *what = metric_sections[i].what;

			if (!(d->lacks[k] >> i & 1) || (last && !strcmp(last, what)))
				continue;
			screen_add(&l, "%s%s", l.n ? ", " : "", what);
			last = what;
		}
		if (l.n) {
			struct screen_line whole = { .n = 0 };

			screen_add(&whole, " not measured %s: %s; nothing is said of these",
				   when[k], l.text);
			screen_text(s, whole.text, 2);
		}
	}
}

/* Runs that lost much are no good witnesses. All runs of a set together. */
static void put_losses(struct screen *s, const struct diff *d)
{
	static const char *const when[] = { "before", "after" };

	for (int k = 0; k < 2; k++) {
		struct profile_lost sum = { 0 };
		struct screen_line l = { .n = 0 };
		char text[LOSSES_SIZE];

		for (size_t i = 0; i < d->sets[k].n; i++) {
			const uint64_t *from = (const uint64_t *)&d->sets[k].profiles[i]->lost;

			for (size_t c = 0; c < sizeof(sum) / sizeof(uint64_t); c++)
				((uint64_t *)&sum)[c] += from[c] == PROFILE_UNKNOWN ? 0 : from[c];
		}
		losses_text(&sum, text, sizeof(text));
		if (!strcmp(text, "nothing"))
			continue;
		screen_add(&l, " lost %s: %s", when[k], text);
		screen_text(s, l.text, 2);
	}
}

int diff_write(const struct diff *d, unsigned int width, bool colour, FILE *f)
{
	const unsigned int columns_n = width ? width : d->o.wide ? WIDE : 80;
	struct screen s = { .f = f, .columns = columns_n, .colour = colour };
	struct screen_line l = { .n = 0 };
	char count[FORMAT_SIZE];

	put_head(&s, d);
	put_config(&s, d);
	put_verdict(&s, d);
	put_changes(&s, d, true, "REQUESTS");
	put_changes(&s, d, false, "WHAT ELSE CHANGED");
	if (!d->changes_n) {
		screen_add(
			&l,
			" No difference: of %s figures that both have, none differs by more than "
			"runs of the same may.",
			format_count(count, d->compared));
	} else {
		char changed[FORMAT_SIZE];

		screen_add(&l, " %s of %s figures differ.", format_count(changed, d->changes_n),
			   format_count(count, d->compared));
	}
	screen_text(&s, l.text, 2);
	put_lacks(&s, d);
	put_losses(&s, d);
	return ferror(f) ? -EIO : 0;
}
