/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Evidence: sentences that several rules say. */
#include <stdarg.h>
#include <stdio.h>
#include "format.h"
#include "text.h"
#include "verdict_private.h"

void verdict_say(struct verdict_ruling *r, const char *format, ...)
{
	va_list args;

	if (r->evidence_n == EVIDENCE_MAX)
		return;
	va_start(args, format);
	vsnprintf(r->evidence[r->evidence_n++], EVIDENCE_SIZE, format, args);
	va_end(args);
}

uint64_t verdict_whole(double ns)
{
	return ns < 1 ? 0 : ns > 1e19 ? (uint64_t)1e19 : (uint64_t)ns;
}

const char *verdict_percent(const struct verdict_facts *f, double ns, char *buf)
{
	return format_percent(buf, verdict_whole(ns), verdict_whole(f->whole));
}

void verdict_say_share(struct verdict_ruling *r, const struct verdict_facts *f, double ns,
		       const char *is)
{
	char share[FORMAT_SIZE], each[FORMAT_SIZE];
	const uint64_t n = f->requests && f->requests->slow ? f->requests->slow : 1;

	verdict_say(r, "%s of %s (%s%s) is %s", verdict_percent(f, ns, share), f->share_of,
		    format_duration(each, verdict_whole(ns / (double)n)),
		    f->requests ? " a request" : "", is);
}

void verdict_say_call(struct verdict_ruling *r, const struct profile_call *c)
{
	char n[FORMAT_SIZE], wall[FORMAT_SIZE], p50[FORMAT_SIZE], p95[FORMAT_SIZE];

	if (!c)
		return;
	verdict_say(r, "%s: %s calls, %s together, p50 %s, p95 %s", c->name,
		    format_count(n, c->calls), format_duration(wall, c->wall_ns),
		    format_duration(p50, c->p50_ns), format_duration(p95, c->p95_ns));
}

void verdict_say_worst(struct verdict_ruling *r, const struct verdict_facts *f,
		       uint64_t (*of)(const struct profile_split *s), const char *what)
{
	const struct profile_part *worst = verdict_worst(f, of);
	char name[TEXT_UTF8_SIZE(64)], share[FORMAT_SIZE];
	uint64_t ns;

	if (!worst)
		return;
	ns = of(&worst->slow);
	verdict_say(r, "most of it in \"%s\": %s of its time is %s",
		    text_shown(worst->name, name, sizeof(name)),
		    format_percent(share, ns, worst->slow.wall_ns), what);
}
