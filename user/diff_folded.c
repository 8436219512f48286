// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "diff_folded.h"
#include "flame/flame.h"
#include "folded_read.h"
#include "screen.h"

struct diff_folded {
	struct flame_tree *t;
	struct diff_folded_options o;
	const char *paths[2];
	uint64_t scale; /* the tree's values are in units of 1 / scale */
	const char *unit;
};

static int read_one(struct diff_folded *d, int which, struct fault *f)
{
	d->t->reading_before = !which;
	return folded_read_file(d->paths[which], d->scale, d->t, f);
}

struct diff_folded *diff_folded_read(const char *before, const char *after,
				     const struct diff_folded_options *o, struct fault *f)
{
	struct diff_folded *d = calloc(1, sizeof(*d));
	uint64_t unit_ns;
	int err = -ENOMEM;

	if (!d)
		goto out;
	d->o = *o;
	d->paths[0] = before;
	d->paths[1] = after;
	d->unit = o->unit ? o->unit : "us";
	unit_ns = flame_unit_ns(d->unit);
	d->scale = unit_ns ? unit_ns : FLAME_THOUSANDTHS;
	d->t = flame_tree_new(false);
	if (!d->t || flame_tree_compare(d->t))
		goto out;
	d->t->without_ids = !o->keep_ids;
	err = read_one(d, 0, f);
	if (!err)
		err = read_one(d, 1, f);
out:
	if (!err)
		return d;
	fault_set(f, EXIT_FAILED, ENOMEM, "out of memory");
	diff_folded_free(d);
	return NULL;
}

void diff_folded_free(struct diff_folded *d)
{
	if (d)
		flame_tree_free(d->t);
	free(d);
}

/* --- lines --- */

static uint64_t self_of(const struct flame_tree *t, size_t node)
{
	uint64_t sum = 0;

	for (uint32_t i = t->nodes[node].self; i != FLAME_NONE; i = t->selves[i].next)
		sum += t->selves[i].value;
	return sum;
}

/* A whole number where it is one; what folded files hold is rarely anything else. */
static void put_value(uint64_t value, uint64_t scale, FILE *f)
{
	const uint64_t part = value % scale * 1000 / scale;

	fprintf(f, " %" PRIu64, value / scale);
	if (part)
		fprintf(f, ".%03" PRIu64, part);
}

static void put_stack(const struct flame_tree *t, uint32_t node, FILE *f)
{
	uint32_t path[FLAME_DEPTH_MAX] = { 0 };
	size_t n = 0;

	for (; node && n < FLAME_DEPTH_MAX; node = t->nodes[node].parent)
		path[n++] = node;
	while (n--) {
		fputs(t->names[t->nodes[path[n]].name].text, f);
		if (n)
			fputc(';', f);
	}
}

int diff_folded_lines(const struct diff_folded *d, FILE *f)
{
	const struct flame_tree *t = d->t;
	const uint64_t totals[2] = { t->before[0].total, t->nodes[0].total };

	errno = 0;
	for (size_t i = 1; i < t->nodes_n && !ferror(f); i++) {
		uint64_t before = t->before[i].self;
		const uint64_t after = self_of(t, i);

		if (!before && !after)
			continue;
		/* Rounded down to whole ones, as difffolded.pl -n does. */
		if (d->o.normalise && totals[0] != totals[1])
			before = (uint64_t)((unsigned __int128)before * totals[1] / totals[0]) /
				 d->scale * d->scale;
		put_stack(t, (uint32_t)i, f);
		put_value(before, d->scale, f);
		put_value(after, d->scale, f);
		fputc('\n', f);
	}
	return fflush(f) || ferror(f) ? -(errno ? errno : EIO) : 0;
}

/* --- the picture --- */

int diff_folded_draw(const struct diff_folded *d, FILE *f)
{
	const char *unit = flame_unit_ns(d->unit) ? NULL : d->unit;
	char title[300], figure[FLAME_FIGURE_SIZE];
	struct screen_line line = { .n = 0 };
	struct flame_options o = { .title = title, .subtitle = line.text, .unit = d->unit };

	snprintf(title, sizeof(title), "%.120s against %.120s", folded_name(d->paths[1]),
		 folded_name(d->paths[0]));
	screen_add(&line, "before: %.200s, %s in all", folded_name(d->paths[0]),
		   flame_figure(unit, d->t->before[0].total, figure));
	screen_add(&line, FLAME_PART "after: %.200s, %s in all", folded_name(d->paths[1]),
		   flame_figure(unit, d->t->nodes[0].total, figure));
	return flamegraph_draw(d->t, &o, f);
}
