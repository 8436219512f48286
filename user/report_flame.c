// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The flame graph within a page: the picture that "infbpf flamegraph" draws, in a frame of its own, so
 * that its script and style and the page's do not meet. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "flame/flame.h"
#include "folded_read.h"
#include "format.h"
#include "report_part.h"

/* A narrower window breaks the picture's head into more lines. */
#define HEIGHT_SLACK 60

static void put_base64(const char *data, size_t n, FILE *f)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		uint32_t bits = 0;

		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (i + k < n ? (unsigned char)data[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			putc(i + k > n ? '=' : digits[bits >> (18 - 6 * k) & 0x3f], f);
	}
}

static unsigned int height_of(const char *svg)
{
	const char *at = strstr(svg, " height=\"");
	const unsigned long height = at ? strtoul(at + strlen(" height=\""), NULL, 10) : 0;

	return (height && height < 100000 ? (unsigned int)height : 600) + HEIGHT_SLACK;
}

static int draw_folded(const char *path, FILE *out, struct fault *fault)
{
	struct flame_tree *t = flame_tree_new(false);
	const struct flame_options o = { .title = "Where the time went",
					 .subtitle = "",
					 .unit = "us",
					 .min_share = FLAME_MIN_SHARE };
	/* In microseconds, as trace writes them. */
	int err = t ? folded_read_file(path, 1000, t, fault) : -ENOMEM;

	if (!err)
		err = flamegraph_draw(t, &o, out);
	flame_tree_free(t);
	return err;
}

int report_flame(struct screen *s, const struct profile *p, const char *folded, struct fault *fault)
{
	const struct flame_options o = { .min_share = FLAME_MIN_SHARE };
	char *svg = NULL;
	size_t n = 0;
	FILE *out;
	int err;

	screen_section(s, "Flame graph", "flame");
	if (!folded && !p->lines_n) {
		screen_text(s,
			    "Not drawn: the JSON has no stacks. infbpf report --folded FILE takes "
			    "them from what trace -o wrote.",
			    0);
		return 0;
	}
	out = open_memstream(&svg, &n);
	if (!out)
		return -ENOMEM;
	err = folded ? draw_folded(folded, out, fault) : flamegraph_write(p, &o, out);
	if (fclose(out) && !err)
		err = -ENOMEM;
	if (!err) {
		fprintf(s->f,
			"<iframe title=\"Flame graph: stacks by the wall time they took\" height=\"%u\" "
			"src=\"data:image/svg+xml;base64,",
			height_of(svg));
		put_base64(svg, n, s->f);
		fputs("\"></iframe>\n", s->f);
	}
	free(svg);
	return err;
}
