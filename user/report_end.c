// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How a trace was taken: its stacks, its hooks, what it lost, did not measure, and cost. */
#include <string.h>
#include "format.h"
#include "report_part.h"
#include "summary_part.h"
#include "text.h"

static void put_stacks(struct screen *s, const struct profile *p)
{
	const struct profile_reach *r = &p->reach;
	const uint64_t walked = p->unwound ? r->whole_ns + r->truncated_ns + r->incomplete_ns : 0;
	char n[FORMAT_SIZE], share[FORMAT_SIZE];
	struct screen_line line = { .n = 0 };

	screen_add(&line, " stacks: %s, a period of", format_count(n, p->stacks));
	screen_add(&line, " %s", format_duration(n, p->period_ns));
	if (p->unwound && walked) {
		screen_add(&line, "; of their time %s whole",
			   format_percent(share, r->whole_ns, walked));
		screen_add(&line, ", %s cut (--stack-bytes)",
			   format_percent(share, r->truncated_ns, walked));
		screen_add(&line, ", %s incomplete",
			   format_percent(share, r->incomplete_ns, walked));
	}
	screen_text(s, line.text, 3);
}

static void put_events(struct screen *s, const struct profile *p)
{
	const struct profile_events *e = &p->events;
	char n[FORMAT_SIZE];
	struct screen_line line = { .n = 0 };

	screen_add(&line, " events: %s switches", format_count(n, e->switches));
	screen_add(&line, " (%s of what was traced", format_count(n, e->booked));
	screen_add(&line, ", %s of idle CPUs)", format_count(n, e->idle));
	screen_add(&line, ", %s wake-ups", format_count(n, e->wakeups));
	screen_text(s, line.text, 3);
}

/* Those that do not see everything. */
static void put_hooks(struct screen *s, const struct profile *p)
{
	for (size_t i = 0; i < p->hooks_n; i++) {
		const struct profile_hook *h = &p->hooks[i];
		struct screen_line line = { .n = 0 };

		if (!h->lost)
			continue;
		screen_add(&line, " hook %s by %s: %s", h->name, h->kind, h->lost);
		screen_text(s, line.text, 3);
	}
}

void report_trace(struct screen *s, const struct profile *p)
{
	screen_section(s, "The trace itself: losses, what was not measured, its cost", "trace");
	put_stacks(s, p);
	put_events(s, p);
	put_hooks(s, p);
	summary_losses(s, p);
	summary_cost(s, p, true);
}
