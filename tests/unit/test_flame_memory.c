/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A flame graph of memory has no states: figures in bytes, no legend, no word of time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "flame/flame.h"
#include "flame/tree.h"
#include "output.h"

static void add(struct flame_tree *t, const char *const *frames, uint64_t bytes)
{
	flame_tree_begin(t);
	for (; *frames; frames++)
		assert_int_equal(flame_tree_frame(t, *frames, strlen(*frames)), 0);
	assert_int_equal(flame_tree_end(t, bytes * FLAME_THOUSANDTHS, FLAME_ON_CPU), 0);
}

static char *draw(const char *unit)
{
	static const char *const weights[] = { "server (1)", "device", "main", "cudaMalloc", NULL };
	static const char *const staging[] = { "server (1)", "pinned", "main", "load", NULL };
	const struct flame_options o = { .title = "leaks", .subtitle = "", .unit = unit };
	struct flame_tree *t = flame_tree_new(false);
	char *svg = NULL;
	size_t n;
	FILE *f = open_memstream(&svg, &n);

	assert_non_null(t);
	assert_non_null(f);
	add(t, weights, 3 << 20);
	add(t, staging, 1000);
	assert_int_equal(flamegraph_draw(t, &o, f), 0);
	fclose(f);
	flame_tree_free(t);
	return svg;
}

static void bytes(void **unused)
{
	char *svg = draw("bytes");

	(void)unused;
	assert_non_null(strstr(svg, "cudaMalloc\n3.00 MiB, "));
	assert_non_null(strstr(svg, "load\n0.98 KiB, "));
	assert_non_null(strstr(svg, "Width is memory."));
	assert_null(strstr(svg, "Width is time."));
	assert_null(strstr(svg, "on-CPU</text>"));
	free(svg);
}

static void anything_else(void **unused)
{
	char *svg = draw("samples");

	(void)unused;
	assert_non_null(strstr(svg, "Width is samples. A frame"));
	assert_non_null(strstr(svg, "load\n1,000 samples, "));
	assert_non_null(strstr(svg, "on-CPU</text>"));
	free(svg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes),
		cmocka_unit_test(anything_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
