// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Hues by family, as engineers expect them: on-CPU warm, off-CPU cold. Orange (on a CPU), yellow (run
 * queue), blue to purple (blocked), green (inside a GPU call): these four stay apart under all three
 * kinds of colour blindness. Causes within a family differ in lightness too, and the leaf frame says
 * the cause in words. Text on every fill is black at 4.5:1 or more.
 */
#include <stdint.h>
#include "flame/classes.h"

struct fill {
	const char *name; /* NULL: "blocked: " and the cause */
	uint32_t rgb;
};

static const struct fill fills[FLAME_CLASSES + 1] = {
	[FLAME_ON_CPU] = { "on-CPU", 0xf2a55f },
	[FLAME_RUN_QUEUE] = { "run queue", 0xf5da55 },
	[FLAME_BLOCKED + CAUSE_NONE] = { "blocked", 0xb4bfd0 }, /* never used */
	[FLAME_BLOCKED + CAUSE_LOCK] = { NULL, 0x7fb2ea },
	[FLAME_BLOCKED + CAUSE_DISK] = { NULL, 0xb9a3e3 },
	[FLAME_BLOCKED + CAUSE_NETWORK] = { NULL, 0x98a6f3 },
	[FLAME_BLOCKED + CAUSE_POLL] = { NULL, 0xa5cdef },
	[FLAME_BLOCKED + CAUSE_PIPE] = { NULL, 0xd09bdd },
	[FLAME_BLOCKED + CAUSE_SLEEP] = { NULL, 0xc9d6f2 },
	[FLAME_BLOCKED + CAUSE_PAGE_FAULT] = { NULL, 0xee9cba },
	[FLAME_BLOCKED + CAUSE_GPU_DRIVER] = { NULL, 0x86ccd6 },
	[FLAME_BLOCKED + CAUSE_CHILD] = { NULL, 0xdcbfe2 },
	[FLAME_BLOCKED + CAUSE_STOPPED] = { NULL, 0xa9aecd },
	[FLAME_BLOCKED + CAUSE_OTHER] = { NULL, 0xb4bfd0 },
	[FLAME_BLOCKED_IN_CALL] = { "GPU call: blocked", 0x52bda8 },
	[FLAME_ON_CPU_IN_CALL] = { "GPU call: on-CPU", 0x86d694 },
	[FLAME_RUN_QUEUE_IN_CALL] = { "GPU call: run queue", 0xc6e68f },
	[FLAME_UNSTATED] = { "state not given", 0xe6b98a },
	[FLAME_CLASSES] = { "stack not known", 0xc6c4c0 },
};

const char *flame_class_name(enum flame_class class, char buf[FLAME_CLASS_NAME_SIZE])
{
	if (fills[class].name)
		snprintf(buf, FLAME_CLASS_NAME_SIZE, "%s", fills[class].name);
	else
		snprintf(buf, FLAME_CLASS_NAME_SIZE, "blocked: %s",
			 wait_cause_name((enum wait_cause)(class - FLAME_BLOCKED)));
	return buf;
}

uint32_t flame_mix(uint32_t a, uint32_t b, unsigned int percent)
{
	uint32_t rgb = 0;

	for (int shift = 0; shift <= 16; shift += 8)
		rgb |= ((a >> shift & 0xff) * (100 - percent) + (b >> shift & 0xff) * percent) / 100
		       << shift;
	return rgb;
}

static void put_fill(size_t class, const char *more, uint32_t rgb, FILE *f)
{
	if (class == FLAME_CLASSES)
		fprintf(f, ".u%s", more);
	else
		fprintf(f, ".c%zu%s", class, more);
	fprintf(f, ">rect{fill:#%06x}\n", rgb);
}

/* The shades of one colour, towards what the page is: paper or night. */
static void put_fills(uint32_t page, unsigned int page_percent, uint32_t mixed, FILE *f)
{
	for (size_t i = 0; i <= FLAME_CLASSES; i++) {
		const uint32_t base = flame_mix(fills[i].rgb, page, page_percent);

		put_fill(i, "", base, f);
		put_fill(i, ".a", flame_mix(base, 0xffffff, 12), f);
		put_fill(i, ".b", flame_mix(base, 0xffffff, 24), f);
		put_fill(i, ".k", flame_mix(base, 0, 13), f);
		put_fill(i, ".m", flame_mix(base, mixed, 62), f);
		put_fill(i, ".k.m", flame_mix(flame_mix(base, mixed, 62), 0, 10), f);
	}
}

void flame_classes_css(FILE *f)
{
	put_fills(0xffffff, 0, 0xf4f2ee, f);
	fputs("@media (prefers-color-scheme:dark){\n", f);
	put_fills(0, 8, 0x9aa0a8, f);
	fputs("}\n", f);
}
