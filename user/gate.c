// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "format.h"
#include "gate.h"
#include "text.h"

#define EXPR_MAX 400

/* --- the grammar --- */

/* The longer ones first. */
static const struct {
	const char *text;
	enum gate_operator op;
} operators[] = {
	{ ">=", GATE_MORE_OR_EQUAL }, { "<=", GATE_LESS_OR_EQUAL }, { "==", GATE_EQUAL },
	{ "!=", GATE_NOT_EQUAL },     { ">", GATE_MORE },	    { "<", GATE_LESS },
};
#define OPERATORS_N (sizeof(operators) / sizeof(*operators))

/* What one is in the measure's own unit; only units that fit are taken. */
static const struct {
	const char *text;
	enum metric_unit unit;
	double size;
} units[] = {
	{ "ns", METRIC_NS, 1 },		  { "us", METRIC_NS, 1e3 },
	{ "ms", METRIC_NS, 1e6 },	  { "s", METRIC_NS, 1e9 },
	{ "%", METRIC_SHARE, 0.01 },	  { "%", METRIC_TIME, 1e7 },
	{ "ns/s", METRIC_TIME, 1 },	  { "us/s", METRIC_TIME, 1e3 },
	{ "ms/s", METRIC_TIME, 1e6 },	  { "s/s", METRIC_TIME, 1e9 },
	{ "", METRIC_RATE, 1 },		  { "/s", METRIC_RATE, 1 },
	{ "", METRIC_COUNT, 1 },	  { "", METRIC_MEAN, 1 },
	{ "bytes", METRIC_BYTES, 1 },	  { "B", METRIC_BYTES, 1 },
	{ "kB", METRIC_BYTES, 1e3 },	  { "MB", METRIC_BYTES, 1e6 },
	{ "GB", METRIC_BYTES, 1e9 },	  { "KiB", METRIC_BYTES, 1024 },
	{ "MiB", METRIC_BYTES, 1048576 }, { "GiB", METRIC_BYTES, 1073741824 },
	{ "bytes/s", METRIC_MOVED, 1 },	  { "B/s", METRIC_MOVED, 1 },
	{ "kB/s", METRIC_MOVED, 1e3 },	  { "MB/s", METRIC_MOVED, 1e6 },
	{ "GB/s", METRIC_MOVED, 1e9 },
};

/* For messages. */
static const char *const wanted[METRIC_UNITS] = {
	[METRIC_NS] = "a time: 50ms",
	[METRIC_RATE] = "a rate: 100, or 100/s",
	[METRIC_TIME] = "time by time: 40%, or 400ms/s",
	[METRIC_MOVED] = "bytes by time: 10MB/s",
	[METRIC_SHARE] = "a share: 40%",
	[METRIC_MEAN] = "a number: 2.5",
	[METRIC_BYTES] = "bytes: 64MiB",
	[METRIC_COUNT] = "a number: 0",
};

static const char *const other_names[][2] = {
	{ "throughput", "requests.rate" },
	{ "tokens", "requests.tokens_out_rate" },
};

static int bad(struct fault *f, const char *expr, const char *why, const char *what)
{
	return fault_set(f, EXIT_USAGE, EINVAL, "'%.120s': %s%.220s", expr, why, what);
}

static char *trim(char *s)
{
	size_t n;

	while (isspace((unsigned char)*s))
		s++;
	for (n = strlen(s); n && isspace((unsigned char)s[n - 1]); n--)
		s[n - 1] = '\0';
	return s;
}

/* The last operator in the text: names may hold the characters, values do not. NULL: there is none. */
static char *find_operator(char *s, size_t *which)
{
	for (char *at = s + strlen(s); at-- > s;)
		for (size_t i = 0; i < OPERATORS_N; i++) {
			char *start = at + 1 - strlen(operators[i].text);

			if (start < s ||
			    strncmp(start, operators[i].text, strlen(operators[i].text)) != 0)
				continue;
			*which = i;
			return start;
		}
	return NULL;
}

static void list_sections(char *buf, size_t size)
{
	size_t n = 0;

	*buf = '\0';
	for (size_t i = 0; i < metric_sections_n && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? " " : "",
				      metric_sections[i].name);
}

/* Those by cause are told as one. */
static void list_measures(const struct metric_section *s, char *buf, size_t size)
{
	static const char blocked[] = "blocked_";
	bool told = false;
	size_t n = 0;

	*buf = '\0';
	for (size_t i = 0; s->measures[i].name && n < size; i++) {
		const bool cause = !strncmp(s->measures[i].name, blocked, sizeof(blocked) - 1);

		if (cause && told)
			continue;
		told |= cause;
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? " " : "",
				      cause ? "blocked_CAUSE" : s->measures[i].name);
	}
}

static const struct metric_section *find_section(const char *name)
{
	for (size_t i = 0; i < metric_sections_n; i++)
		if (!strcmp(metric_sections[i].name, name))
			return &metric_sections[i];
	return NULL;
}

/* Of a section without names, and of request, which is a process's. */
static bool has_names(const struct metric_section *s)
{
	return !(s->flags & METRIC_TOTAL) && strcmp(s->name, "request") != 0;
}

static int parse_metric(const char *expr, char *s, struct gate *g, struct fault *f)
{
	char list[400], *dot, *colon;

	for (size_t i = 0; i < sizeof(other_names) / sizeof(*other_names); i++)
		if (!strcmp(s, other_names[i][0]))
			return parse_metric(expr, strcpy((char[64]){ 0 }, other_names[i][1]), g, f);
	dot = strrchr(s, '.');
	if (!dot)
		return bad(f, expr,
			   "names no figure (wanted: SECTION:NAME.MEASURE, as "
			   "stage:decode.p99)",
			   "");
	*dot = '\0';
	colon = strchr(s, ':');
	if (colon)
		*colon = '\0';
	g->section = find_section(s);
	list_sections(list, sizeof(list));
	if (!g->section)
		return bad(f, expr, "no such section; there are ", list);
	if (colon && !has_names(g->section))
		return bad(f, expr, g->section->name,
			   " has no names: leave out what is behind ':'");
	if (!colon && has_names(g->section))
		return bad(f, expr, g->section->name, " wants a name: SECTION:NAME.MEASURE");
	if (colon && (!colon[1] || strlen(colon + 1) >= sizeof(g->name)))
		return bad(f, expr, "the name is empty or too long", "");
	strcpy(g->name, colon ? colon + 1 : "");
	for (g->measure = 0; g->section->measures[g->measure].name; g->measure++)
		if (!strcmp(g->section->measures[g->measure].name, dot + 1))
			return 0;
	list_measures(g->section, list, sizeof(list));
	return bad(f, expr, "no such measure; there are ", list);
}

static int parse_number(const char *expr, const char *s, struct gate *g, struct fault *f)
{
	const enum metric_unit unit = g->section->measures[g->measure].unit;
	char *end;

	errno = 0;
	g->value = strtod(s, &end);
	/* strtod takes "inf" and "0x10" as well. */
	if (end != s && strspn(s, "0123456789.") &&
	    strspn(s, "0123456789.eE+-") >= (size_t)(end - s) && !errno && isfinite(g->value)) {
		end += strspn(end, " ");
		/* Nothing is nothing in any unit. */
		if (!*end && g->value == 0)
			return 0;
		for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
			if (units[i].unit == unit && !strcmp(units[i].text, end)) {
				g->value *= units[i].size;
				return 0;
			}
	}
	return bad(f, expr, "the value is to be ", wanted[unit]);
}

static int parse_value(const char *expr, const char *s, struct gate *g, struct fault *f)
{
	if (g->section->measures[g->measure].unit != METRIC_WORD)
		return parse_number(expr, s, g, f);
	if (g->op != GATE_EQUAL && g->op != GATE_NOT_EQUAL)
		return bad(f, expr, "a word is compared with == or !=", "");
	if (!*s || strlen(s) >= sizeof(g->word))
		return bad(f, expr, "the value is to be a word", "");
	strcpy(g->word, s);
	return 0;
}

int gate_parse(const char *expr, struct gate *g, struct fault *f)
{
	char buf[EXPR_MAX], *op, *value;
	size_t which = 0;
	int err;

	*g = (struct gate){ .section = NULL };
	if (strlen(expr) >= sizeof(buf))
		return bad(f, expr, "too long", "");
	strcpy(buf, expr);
	op = find_operator(buf, &which);
	if (!op)
		return bad(f, expr,
			   "is no condition (wanted: METRIC > VALUE, as 'stage:decode.p99 "
			   "> 50ms')",
			   "");
	value = trim(op + strlen(operators[which].text));
	*op = '\0';
	g->op = operators[which].op;
	err = parse_metric(expr, trim(buf), g, f);
	return err ? err : parse_value(expr, value, g, f);
}

/* --- the check --- */

static bool compare(enum gate_operator op, double a, double b)
{
	switch (op) {
	case GATE_MORE:
		return a > b;
	case GATE_MORE_OR_EQUAL:
		return a >= b;
	case GATE_LESS:
		return a < b;
	case GATE_LESS_OR_EQUAL:
		return a <= b;
	case GATE_EQUAL:
		return a == b;
	default:
		return a != b;
	}
}

/* Is a nearer to making it hold than b? */
static bool is_nearer(enum gate_operator op, double a, double b)
{
	return op == GATE_LESS || op == GATE_LESS_OR_EQUAL ? a < b : a > b;
}

struct search {
	const struct gate *g;
	const struct metrics *m;
	const struct metric_object *best;
	double value;
	const char *word;
	size_t named, measured;
	bool holds;
};

static bool name_fits(const struct gate *g, const char *name, bool exact)
{
	if (!*g->name)
		return true;
	if (!name)
		return false;
	return exact ? !strcmp(g->name, name) : !fnmatch(g->name, name, 0);
}

static void look_at(struct search *s, const struct metric_object *o)
{
	const struct metric_measure *m = &s->g->section->measures[s->g->measure];
	const double v = metric_value(s->m, o, s->g->measure);
	const char *word = o->values[s->g->measure].word;
	bool holds, better;

	s->named++;
	if (m->unit == METRIC_WORD ? !word : isnan(v))
		return;
	holds = m->unit == METRIC_WORD ? !strcmp(word, s->g->word) == (s->g->op == GATE_EQUAL)
				       : compare(s->g->op, v, s->g->value);
	better = !s->measured++ || holds > s->holds ||
		 (holds == s->holds && is_nearer(s->g->op, v, s->value));
	if (!better)
		return;
	s->best = o;
	s->value = v;
	s->word = word;
	s->holds = holds;
}

/* An exact name is preferred: "[unknown]" is no pattern where there is one. */
static void search(struct search *s)
{
	for (int exact = 1; exact >= 0 && !s->named; exact--)
		for (size_t i = 0; i < s->m->objects_n; i++) {
			const struct metric_object *o = &s->m->objects[i];

			if (o->section == s->g->section && name_fits(s->g, o->name, exact))
				look_at(s, o);
		}
}

/* "there are decode, prefill" */
static void list_names(const struct search *s, char *buf, size_t size)
{
	size_t n = 0, names = 0;

	*buf = '\0';
	for (size_t i = 0; i < s->m->objects_n && n < size; i++) {
		const struct metric_object *o = &s->m->objects[i];
		char shown[48];

		if (o->section != s->g->section || !o->name)
			continue;
		text_shown(o->name, shown, sizeof(shown));
		if (++names > 6) {
			snprintf(buf + n, size - n, ", ...");
			return;
		}
		n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? ", " : "; there are ", shown);
	}
}

static int not_measured(const struct search *s, const char *expr, struct fault *f)
{
	const struct metric_section *section = s->g->section;
	char names[320] = "", shown[METRIC_NAME_SIZE];

	if (s->m->missing >> (section - metric_sections) & 1)
		return fault_set(f, EXIT_FAILED, ENODATA, "'%.120s': not measured: %s", expr,
				 section->what);
	text_shown(s->g->name, shown, sizeof(shown));
	list_names(s, names, sizeof(names));
	if (!s->named && *shown)
		return fault_set(f, EXIT_FAILED, ENODATA,
				 "'%.120s': not measured: nothing named '%.60s' under %s%.160s",
				 expr, shown, section->what, names);
	return fault_set(f, EXIT_FAILED, ENODATA, "'%.120s': not measured: no %s of %s", expr,
			 section->measures[s->g->measure].name, section->what);
}

static void say(const struct search *s, char *text, size_t len)
{
	const struct gate *g = s->g;
	const struct metric_measure *m = &g->section->measures[g->measure];
	const struct metric_object *o = s->best;
	char name[METRIC_NAME_SIZE], is[METRIC_TEXT_SIZE], limit[METRIC_TEXT_SIZE];
	char whose[120] = "", process[64], word[sizeof(g->word)];
	const char *op = "";

	for (size_t i = 0; i < OPERATORS_N; i++)
		op = operators[i].op == g->op ? operators[i].text : op;
	metric_name(g->section, o && o->name ? o->name : *g->name ? g->name : NULL, m, name);
	if (o && o->process && o->pid)
		snprintf(whose, sizeof(whose), " of %s (%u)",
			 text_shown(o->process, process, sizeof(process)), o->pid);
	snprintf(text, len, "%s%s is %s: '%s %s' %s", name, whose,
		 m->unit == METRIC_WORD ? s->word : metric_text(m->unit, false, s->value, is), op,
		 m->unit == METRIC_WORD ? text_shown(g->word, word, sizeof(word))
					: metric_text(m->unit, false, g->value, limit),
		 s->holds ? "holds" : "does not hold");
}

int gate_check(const struct profile *p, const char *expr, char *text, size_t len, struct fault *f)
{
	struct metrics m;
	struct gate g;
	struct search s = { .g = &g, .m = &m };
	int err = gate_parse(expr, &g, f);

	if (err)
		return err;
	err = metrics_build(&m, p, METRIC_BY_PID);
	if (err)
		return fault_set(f, EXIT_FAILED, -err, "out of memory");
	search(&s);
	/* Of a list that is known, what did not occur took no time. */
	if (!s.named && g.section->flags & METRIC_CLOSED && g.section->is_name(g.name) &&
	    !(m.missing >> (g.section - metric_sections) & 1)) {
		s.measured = 1;
		s.value = 0;
		s.holds = compare(g.op, 0, g.value);
	}
	if (s.measured)
		say(&s, text, len);
	else
		err = not_measured(&s, expr, f);
	metrics_free(&m);
	return err ? err : s.holds;
}
