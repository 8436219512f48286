/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The summary's last word: the heaviest verdict on two lines, or all of them with their evidence. */
#include <string.h>
#include "summary_part.h"
#include "text.h"

/* Lines that the one screen has for it. */
#define LINES 2

/* Up to the next comma or semicolon that is in no parentheses, with it. */
static size_t clause(const char *text)
{
	size_t depth = 0, n = 0;

	for (; text[n]; n++) {
		depth += text[n] == '(';
		depth -= depth && text[n] == ')';
		if (!depth && strchr(",;", text[n]) && text[n + 1] == ' ')
			return n + 1;
	}
	return n;
}

/* As many lines as it takes. */
static size_t count_lines(const struct screen *s, const char *text)
{
	struct screen count = { .columns = s->columns };

	screen_text(&count, text, 4);
	return count.lines;
}

/* As much of the advice, in whole clauses, as there is room for. */
static void add_advice(const struct screen *s, struct screen_line *line, const char *advice)
{
	const struct screen_line before = *line;
	struct screen_line with = *line;
	const char *joint = ". Try: ";
	size_t n;

	for (; *advice; advice += n, joint = "") {
		n = clause(advice);
		*line = with;
		screen_add(&with, "%s%.*s", joint, (int)n, advice);
		if (count_lines(s, with.text) > LINES)
			break;
		*line = with;
	}
	/* Not a comma at the end. */
	while (line->n > before.n && strchr(",; ", line->text[line->n - 1]))
		line->text[--line->n] = '\0';
}

static bool is_none(const struct profile_verdict *v)
{
	return !v->kind || !strcmp(v->kind, "none");
}

static void put_short(struct screen *s, const struct profile_verdict *v)
{
	struct screen_line line = { .n = 0 };

	if (is_none(v)) {
		screen_add(&line, " verdict: no single bottleneck");
		if (v->evidence_n)
			screen_add(&line, ". %s", v->evidence[0]);
	} else {
		screen_add(&line, " verdict: %s%s: ", v->kind,
			   v->sure && !strcmp(v->sure, "likely") ? " (likely)" : "");
		screen_add(&line, "%s", v->evidence_n ? v->evidence[0] : v->rule ? v->rule : "");
	}
	if (v->missing)
		screen_add(&line, " (not measured: %s)", v->missing);
	if (v->advice && !is_none(v))
		add_advice(s, &line, v->advice);
	screen_text(s, line.text, 4);
}

static void put_whole(struct screen *s, const struct profile_verdict *v)
{
	struct screen_line line = { .n = 0 };

	screen_add(&line, "  %s", v->kind ? v->kind : "none");
	if (v->rule && !is_none(v))
		screen_add(&line, ", %s", v->rule);
	if (v->share >= 0 && v->share_of)
		screen_add(&line, ": %.3g %% of %s", v->share * 100, v->share_of);
	if (v->sure)
		screen_add(&line, " (%s)", v->sure);
	screen_text(s, line.text, 4);
	for (size_t i = 0; i < v->evidence_n; i++) {
		line.n = 0;
		screen_add(&line, "      %s", v->evidence[i]);
		screen_text(s, line.text, 8);
	}
	line.n = 0;
	if (v->advice)
		screen_add(&line, "      try: %s%s%s%s", v->advice, v->fix_at ? " [" : "",
			   v->fix_at ? v->fix_at : "", v->fix_at ? "]" : "");
	if (v->missing)
		screen_add(&line, "%snot measured: %s", line.n ? "; " : "      ", v->missing);
	if (line.n)
		screen_text(s, line.text, 8);
}

void summary_verdict(struct screen *s, const struct profile *p, bool all)
{
	if (!p->verdicts_n)
		return;
	if (!all) {
		put_short(s, &p->verdicts[0]);
		return;
	}
	screen_blank(s);
	screen_title(s, "VERDICT", NULL, 0, NULL);
	for (size_t i = 0; i < p->verdicts_n; i++)
		put_whole(s, &p->verdicts[i]);
}
