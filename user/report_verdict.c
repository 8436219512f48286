// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the rules say of a profile. */
#include <inttypes.h>
#include <string.h>
#include "format.h"
#include "report_part.h"
#include "summary_part.h"
#include "text.h"

#define SHOWN_EVIDENCE 3 /* of the first verdict on the one screen; the others are below */

/* A share of 1 to the tenth of a percent. */
static const char *share_text(double share, char *buf)
{
	return format_percent(buf, share < 0 ? PROFILE_UNKNOWN : (uint64_t)(share * 1e9 + .5),
			      1000000000);
}

/* Nothing was found to be in the way. */
static bool is_none(const struct profile_verdict *v)
{
	return !strcmp(v->kind, "none");
}

/* It could not be judged: something was not measured. */
static bool is_unjudged(const struct profile_verdict *v)
{
	return v->missing != NULL;
}

/* Where all are about one process the first line of the report has its name. */
static bool are_of_several(const struct profile *p)
{
	for (size_t i = 1; i < p->verdicts_n; i++)
		if (p->verdicts[i].pid != p->verdicts[0].pid)
			return true;
	return summary_processes(p) > 1;
}

static void put_head(struct screen *s, const struct profile *p, const struct profile_verdict *v)
{
	struct screen_line line = { .n = 0 };
	char share[FORMAT_SIZE], process[CELL_SIZE];

	screen_add(&line, "  ");
	if (is_none(v)) {
		screen_add(&line, "none: no single bottleneck");
	} else {
		screen_add(&line, "%s: %s", v->kind, v->rule);
		if (v->share >= 0)
			screen_add(&line, ", %s of %s", share_text(v->share, share), v->share_of);
	}
	if (v->process && are_of_several(p))
		screen_add(&line, "   %s (%" PRIu32 ")",
			   text_shown(v->process, process, sizeof(process)), v->pid);
	screen_text(s, line.text, 4);
}

static void put_labelled(struct screen *s, const char *label, const char *text)
{
	struct screen_line line = { .n = 0 };

	screen_add(&line, "    %s%s", label, text);
	screen_text(s, line.text, 6);
}

static void put_evidence(struct screen *s, const struct profile_verdict *v, size_t from, size_t to)
{
	for (size_t i = from; i < to && i < v->evidence_n; i++)
		put_labelled(s, "- ", v->evidence[i]);
}

static void put_advice(struct screen *s, const struct profile_verdict *v)
{
	struct screen_line line = { .n = 0 };

	if (v->advice)
		put_labelled(s, "next: ", v->advice);
	screen_add(&line, "sure: %s", v->sure ? v->sure : "unknown");
	if (v->fix_at && !is_none(v))
		screen_add(&line, "   fix at: %s", v->fix_at);
	put_labelled(s, "", line.text);
	if (v->missing)
		put_labelled(s, "not measured: ", v->missing);
}

void report_verdict(struct screen *s, const struct profile *p)
{
	screen_heading(s, s->page ? "Verdict" : "VERDICT", "verdict");
	if (!p->verdicts_n) {
		screen_text(s, "  not judged", 4);
		return;
	}
	put_head(s, p, p->verdicts);
	put_evidence(s, p->verdicts, 0, SHOWN_EVIDENCE);
	put_advice(s, p->verdicts);
}

void report_verdicts(struct screen *s, const struct profile *p)
{
	bool any = false;

	screen_section(s, "Verdicts that did not come first", "verdicts");
	if (p->verdicts_n && p->verdicts->evidence_n > SHOWN_EVIDENCE) {
		screen_text(s, "  More about the first:", 4);
		put_evidence(s, p->verdicts, SHOWN_EVIDENCE, p->verdicts->evidence_n);
	}
	for (size_t i = 1; i < p->verdicts_n; i++) {
		const struct profile_verdict *v = &p->verdicts[i];

		if (is_unjudged(v))
			continue;
		any = true;
		put_head(s, p, v);
		put_evidence(s, v, 0, v->evidence_n);
		put_advice(s, v);
	}
	if (!any)
		screen_text(s, "  No other rule holds.", 4);
	any = false;
	for (size_t i = 1; i < p->verdicts_n; i++) {
		const struct profile_verdict *v = &p->verdicts[i];
		struct screen_line line = { .n = 0 };

		if (!is_unjudged(v))
			continue;
		if (!any)
			screen_text(s, "  Rules that could not be judged:", 4);
		any = true;
		screen_add(&line, "    - %s (%s): %s", v->rule, v->kind, v->missing);
		screen_text(s, line.text, 6);
	}
}
