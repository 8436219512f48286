// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What became of --stage and --preset. */
#include "stage_function.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "profile.h"

/* The options of one preset, or one --stage: what is told together. */
struct group {
	size_t from, to;
	struct stage_finding sum;
};

static void group_next(const struct function_attach *a, size_t from, struct group *g)
{
	const struct stage_option *o = a->options->options;

	*g = (struct group){ .from = from, .to = from };
	do {
		const struct stage_finding *f = &a->findings[g->to];

		g->sum.files += f->files;
		g->sum.found += f->found;
		g->sum.refused += f->refused;
		if (f->too_many > g->sum.too_many)
			g->sum.too_many = f->too_many;
		if (!g->sum.why[0])
			memcpy(g->sum.why, f->why, sizeof(g->sum.why));
		g->to++;
	} while (o[from].preset && g->to < a->options->n && o[g->to].preset &&
		 !strcmp(o[g->to].preset, o[from].preset));
}

static void group_name(const struct function_attach *a, const struct group *g, char *buf,
		       size_t len)
{
	const struct stage_option *o = &a->options->options[g->from];

	if (o->preset)
		snprintf(buf, len, "--preset %.80s", o->preset);
	else
		snprintf(buf, len, "--stage %.150s", o->text);
}

/* Why there is nothing of it. */
static void group_missing(const struct function_attach *a, const struct group *g, char *buf,
			  size_t len)
{
	const struct stage_option *o = &a->options->options[g->from];

	if (g->sum.refused)
		snprintf(buf, len, "%s", g->sum.why);
	else if (g->sum.files && o->preset)
		snprintf(buf, len, "none of its functions is in the files that it names");
	else if (g->sum.files)
		snprintf(buf, len, "no function of that name in %zu file%s", g->sum.files,
			 g->sum.files == 1 ? "" : "s");
	else if (o->preset)
		snprintf(buf, len, "no process maps a file that it names");
	else
		snprintf(buf, len, "no process maps such a file");
}

int function_attach_check(const struct function_attach *a, struct fault *f)
{
	char name[200], why[200];
	struct group g;

	for (size_t i = 0; i < a->options->n; i = g.to) {
		group_next(a, i, &g);
		group_name(a, &g, name, sizeof(name));
		if (g.sum.too_many)
			return fault_set(f, EXIT_USAGE, EINVAL,
					 "%s: means %zu functions of one file, at most %zu are "
					 "probed: narrow it",
					 name, g.sum.too_many, function_attach_limit(a->kind));
		if (g.sum.found)
			continue;
		group_missing(a, &g, why, sizeof(why));
		message_print("%s: %s", name, why);
	}
	return 0;
}

int function_attach_report(const struct function_attach *a, struct profile *p)
{
	char name[200], why[260];
	struct group g;
	int err = 0;

	for (size_t i = 0; i < a->options->n && !err; i = g.to) {
		group_next(a, i, &g);
		group_name(a, &g, name, sizeof(name));
		if (g.sum.too_many)
			snprintf(why, sizeof(why), "means %zu functions of one file, at most %zu",
				 g.sum.too_many, function_attach_limit(a->kind));
		else if (!g.sum.found)
			group_missing(a, &g, why, sizeof(why));
		else if (g.sum.refused)
			snprintf(why, sizeof(why), "not %zu of its functions: %s", g.sum.refused,
				 g.sum.why);
		else
			continue;
		err = profile_add_not_measured(p, name, why);
	}
	if (!err && a->failed[0])
		err = profile_add_not_measured(p, "some functions of --stage", a->failed);
	return err;
}
