// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any bytes as a folded file, drawn forwards and from the leaf: the picture is text without control
 * characters, and its frames add up. */
#define _GNU_SOURCE
#include "../../user/flame/flame.h"

#include "../../user/flame/layout.h"
#include "../../user/folded_read.h"
#include "fuzz.h"

static void check_layout(const struct flame_tree *t, double min_share)
{
	struct flame_layout l;

	FUZZ_EXPECT(!flame_layout(t, min_share, &l));
	FUZZ_EXPECT(l.n && l.frames[0].value == t->nodes[0].total);
	for (size_t i = 0; i < l.n; i++) {
		const struct flame_frame *f = &l.frames[i];
		uint64_t sum = 0;

		for (unsigned int c = 0; c < FLAME_CLASSES; c++)
			sum += l.split[i][c];
		FUZZ_EXPECT(sum == f->value);
		if (!i)
			continue;
		FUZZ_EXPECT(f->parent < i && f->value <= l.frames[f->parent].value);
		FUZZ_EXPECT(f->x >= l.frames[f->parent].x &&
			    f->x + f->value <= l.frames[f->parent].x + l.frames[f->parent].value);
	}
	flame_layout_free(&l);
}

static void check_picture(const struct flame_tree *t, const struct flame_options *o)
{
	char *svg = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&svg, &n);

	FUZZ_EXPECT(out && !flamegraph_draw(t, o, out));
	fclose(out);
	for (size_t i = 0; i < n; i++)
		FUZZ_EXPECT((unsigned char)svg[i] >= ' ' || svg[i] == '\n' || svg[i] == '\t');
	free(svg);
}

static void read_and_draw(int fd, bool reverse)
{
	const struct flame_options o = { .title = "fuzz",
					 .subtitle = "",
					 .unit = reverse ? "samples" : "us",
					 .reverse = reverse,
					 .inverted = reverse,
					 .min_share = reverse ? -1 : 0 };
	struct flame_tree *t = flame_tree_new(reverse);
	struct fault fault = { .code = EXIT_DONE };
	struct folded_count count;
	FILE *in = fopen(fuzz_path(fd).text, "re");

	FUZZ_EXPECT(t && in);
	if (!folded_read(in, "fuzz", 1000, t, &count, &fault)) {
		FUZZ_EXPECT(t->stacks + count.skipped == count.lines);
		check_layout(t, reverse ? 0 : 0.01);
		check_picture(t, &o);
	} else {
		FUZZ_EXPECT(fault.code == EXIT_FAILED);
	}
	fclose(in);
	flame_tree_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = fuzz_file(data, size);

	read_and_draw(fd, false);
	read_and_draw(fd, true);
	close(fd);
	return 0;
}
