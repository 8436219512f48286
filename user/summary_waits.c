/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What was waited for: a line of the summary, and all of it as a table (--wide). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "format.h"
#include "summary_part.h"
#include "text.h"

/* Less than this part of all waiting is not named. */
#define WORTH 1000

struct kind_sum {
	enum wait_kind kind;
	uint64_t ns;
	const char *frame; /* of the largest part, where it has one */
	uint64_t frame_ns;
};

static int by_time(const void *a, const void *b)
{
	const struct kind_sum *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns < y->ns ? 1 : -1;
	return (int)x->kind - (int)y->kind;
}

/* All processes together, the longest first; without the kernel's own threads, which wait for work.
 * Returns the sum. */
static uint64_t sum_kinds(const struct profile *p, struct kind_sum kinds[KINDS])
{
	uint64_t sum = 0;

	for (unsigned int k = 0; k < KINDS; k++)
		kinds[k] = (struct kind_sum){ .kind = (enum wait_kind)k };
	for (size_t i = 0; i < p->waits_n; i++) {
		const struct profile_wait *w = &p->waits[i];
		struct kind_sum *k = &kinds[w->kind];

		if (w->kind == KIND_KERNEL_THREAD)
			continue;
		sum += w->blocked_ns;
		k->ns += w->blocked_ns;
		if (w->frame && w->blocked_ns > k->frame_ns) {
			k->frame = w->frame;
			k->frame_ns = w->blocked_ns;
		}
	}
	qsort(kinds, KINDS, sizeof(*kinds), by_time);
	return sum;
}

void summary_waits(struct screen *s, const struct profile *p, bool all)
{
	const size_t max = all ? SIZE_MAX : s->columns;
	struct screen_line line = { .n = 0 };
	struct kind_sum kinds[KINDS];
	const uint64_t sum = sum_kinds(p, kinds);
	char a[FORMAT_SIZE], frame[CELL_SIZE];

	/* One kind that is its cause: the threads' table has said so. */
	if (!wait_kind_frame(kinds[0].kind) && !kinds[0].frame && kinds[1].ns < sum / WORTH)
		return;
	for (size_t i = 0; sum && i < KINDS && kinds[i].ns >= sum / WORTH && kinds[i].ns; i++) {
		const struct kind_sum *k = &kinds[i];
		bool named;

		if (!screen_add_within(&line, max, "%s%s %s", i ? ", " : "  waited for: ",
				       wait_kind_name(k->kind), format_duration(a, k->ns)))
			break;
		named = k->frame && text_shown(k->frame, frame, sizeof(frame));
		if (named)
			screen_add_within(&line, max, " (in %s)", frame);
	}
	if (line.n)
		screen_text(s, line.text, 4);
}

enum wait_cell { W_KIND, W_CAUSE, W_PID, W_WAITS, W_TIME, W_MEAN, W_CELLS };

void summary_waits_table(struct screen *s, const struct profile *p)
{
	static const struct screen_column columns[W_CELLS] = {
		[W_KIND] = { "", 16, 18 },    [W_CAUSE] = { "cause", 12, 14 },
		[W_PID] = { "pid", 9, 10 },   [W_WAITS] = { "waits", 9, 12 },
		[W_TIME] = { "time", 9, 10 }, [W_MEAN] = { "mean", 9, 10 },
	};

	if (!p->waits_n)
		return;
	screen_blank(s);
	screen_title(s, "WAITS", columns, W_CELLS, "in");
	for (size_t i = 0; i < p->waits_n; i++) {
		const struct profile_wait *w = &p->waits[i];
		char cells[W_CELLS][CELL_SIZE] = { "" }, frame[CELL_SIZE];

		snprintf(cells[W_KIND], CELL_SIZE, "%s", wait_kind_name(w->kind));
		snprintf(cells[W_CAUSE], CELL_SIZE, "%s",
			 wait_cause_name(wait_kind_cause(w->kind)));
		snprintf(cells[W_PID], CELL_SIZE, "%" PRIu32, w->pid);
		format_duration(cells[W_TIME], w->blocked_ns);
		if (w->waits != PROFILE_UNKNOWN && w->waits) {
			format_count_short(cells[W_WAITS], w->waits);
			format_duration(cells[W_MEAN], w->blocked_ns / w->waits);
		}
		screen_row(s, columns, W_CELLS, cells,
			   w->frame ? text_shown(w->frame, frame, sizeof(frame)) : NULL,
			   NOTE_BEHIND);
	}
}
