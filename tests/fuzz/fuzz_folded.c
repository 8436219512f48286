// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* libFuzzer's entry: any bytes as a folded file, drawn forwards and from the leaf. */
#include <stdint.h>
#include <stdio.h>
#include "flame/flame.h"
#include "folded_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void draw(const uint8_t *data, size_t size, bool reverse)
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
	/* fmemopen refuses a size of 0, and adds a NUL that would not be in a file. */
	FILE *in = size ? fmemopen((void *)data, size, "rb") : fopen("/dev/null", "rb");
	FILE *out = fopen("/dev/null", "wb");

	if (t && in && out && !folded_read(in, "fuzz", 1000, t, &count, &fault))
		flamegraph_draw(t, &o, out);
	if (in)
		fclose(in);
	if (out)
		fclose(out);
	flame_tree_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	draw(data, size, false);
	draw(data, size, true);
	return 0;
}
