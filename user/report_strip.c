// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Each thread's states over time, as a strip: how much of every slice it was on a CPU, waiting for one,
 * blocked. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "format.h"
#include "report_part.h"
#include "text.h"

#define STRIPS 200 /* a page with more of them is of no use */
#define HEIGHT 100 /* of a strip, in its own units */

/* The last slice ends with the window. */
static uint64_t length_of(const struct profile *p, size_t slice)
{
	const uint64_t before = p->slice_ns * slice;

	return slice + 1 < p->slices_n || p->duration_ns <= before ? p->slice_ns
								   : p->duration_ns - before;
}

/* In slices. */
static double window_of(const struct profile *p)
{
	return p->slice_ns ? (double)(p->slices_n - 1) +
				     (double)length_of(p, p->slices_n - 1) / (double)p->slice_ns
			   : (double)p->slices_n;
}

/* The area below the sum of the first so many states, as steps. */
static void put_area(struct screen *s, const struct profile *p, const struct profile_slices *strip,
		     const char *class, unsigned int states)
{
	static const enum profile_state order[] = { PROFILE_ON_CPU, PROFILE_WOKEN,
						    PROFILE_PREEMPTED, PROFILE_BLOCKED };
	unsigned int last = HEIGHT + 1;

	fprintf(s->f, "<path class=\"%s\" d=\"M0 %d", class, HEIGHT);
	for (size_t i = 0; i < p->slices_n; i++) {
		const uint64_t length = length_of(p, i);
		uint64_t ns = 0;
		unsigned int y;

		for (unsigned int k = 0; k < states; k++)
			ns += strip->ns[i][order[k]];
		if (ns > length)
			ns = length;
		y = HEIGHT;
		if (length)
			y -= (unsigned int)((double)ns * HEIGHT / (double)length + .5);
		if (y != last)
			fprintf(s->f, "H%zuV%u", i, y);
		last = y;
	}
	fprintf(s->f, "H%.3fV%dZ\"/>", window_of(p), HEIGHT);
}

/* What the picture says, in words. */
static void put_words(struct screen *s, const struct profile_thread *t)
{
	struct screen_line line = { .n = 0 };
	char n[FORMAT_SIZE], name[CELL_SIZE];

	screen_add(&line, "%s: on a CPU", text_shown(t->comm, name, sizeof(name)));
	screen_add(&line, " %s", format_percent(n, t->state_ns[PROFILE_ON_CPU], t->wall_ns));
	screen_add(&line, ", waiting for one %s",
		   format_percent(n, t->state_ns[PROFILE_WOKEN] + t->state_ns[PROFILE_PREEMPTED],
				  t->wall_ns));
	screen_add(&line, ", blocked %s",
		   format_percent(n, t->state_ns[PROFILE_BLOCKED], t->wall_ns));
	page_text(s, line.text);
}

static void put_strip(struct screen *s, const struct profile *p, const struct profile_slices *strip)
{
	const struct profile_thread *t = &p->threads[strip->thread];
	char name[CELL_SIZE];

	fputs("<div class=\"strip\"><span class=\"who\">", s->f);
	page_text(s, text_shown(t->comm, name, sizeof(name)));
	if (t->merged == 1)
		fprintf(s->f, " <i>%" PRIu32 "</i>", t->tid);
	fprintf(s->f,
		"</span><svg viewBox=\"0 0 %.3f %d\" preserveAspectRatio=\"none\" role=\"img\" "
		"aria-label=\"",
		window_of(p), HEIGHT);
	put_words(s, t);
	fputs("\"><title>", s->f);
	put_words(s, t);
	fputs("</title>", s->f);
	put_area(s, p, strip, "blocked", 4);
	put_area(s, p, strip, "queue", 3);
	put_area(s, p, strip, "cpu", 1);
	fputs("</svg></div>\n", s->f);
}

static void put_axis(struct screen *s, const struct profile *p)
{
	char n[FORMAT_SIZE];

	fputs("<div class=\"strip axis\" aria-hidden=\"true\"><span class=\"who\"></span><span>",
	      s->f);
	for (unsigned int i = 0; i <= 4; i++)
		fprintf(s->f, "<b>%s</b>", format_duration(n, p->duration_ns * i / 4));
	fputs("</span></div>\n", s->f);
}

void report_strips(struct screen *s, const struct profile *p)
{
	struct screen_line line = { .n = 0 };
	char n[FORMAT_SIZE];

	screen_section(s, "Threads over time", "timeline");
	if (!p->timeline_known) {
		screen_text(
			s,
			"Not recorded. infbpf trace --timeline records what each thread did when.",
			0);
		return;
	}
	if (!p->slice_threads_n || !p->slices_n) {
		screen_text(s, "No thread ran.", 0);
		return;
	}
	fputs("<p class=\"key\"><i class=\"cpu\"></i>on a CPU <i class=\"queue\"></i>waiting for one "
	      "<i class=\"blocked\"></i>blocked</p>\n",
	      s->f);
	for (size_t i = 0; i < p->slice_threads_n && i < STRIPS; i++)
		put_strip(s, p, &p->slices[i]);
	put_axis(s, p);
	screen_add(&line, "One step is %s.", format_duration(n, p->slice_ns));
	if (p->slice_threads_n > STRIPS)
		screen_add(&line, " %s more threads are in the JSON.",
			   format_count(n, p->slice_threads_n - STRIPS));
	screen_text(s, line.text, 0);
}
