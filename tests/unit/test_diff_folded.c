// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Two files of folded stacks: lines with both values, and the picture's changes. */
#include <unistd.h>
#include "diff_folded.h"
#include "flame/difference.h"
#include "random_profile.h"

struct file {
	char path[40];
};

static struct file file_of(const char *text)
{
	struct file f = { "/tmp/test_diff_folded.XXXXXX" };
	const int fd = mkstemp(f.path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return f;
}

static char *write_diff(const char *before, const char *after, struct diff_folded_options o,
			bool picture, struct fault *fault)
{
	struct file one = file_of(before), other = file_of(after);
	struct diff_folded *d = diff_folded_read(one.path, other.path, &o, fault);
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	if (d)
		assert_int_equal(picture ? diff_folded_draw(d, f) : diff_folded_lines(d, f), 0);
	fclose(f);
	diff_folded_free(d);
	unlink(one.path);
	unlink(other.path);
	return text;
}

static void expect_lines(const char *before, const char *after, struct diff_folded_options o,
			 const char *lines)
{
	struct fault fault = { .code = EXIT_DONE };
	char *text = write_diff(before, after, o, false, &fault);

	assert_int_equal(fault.code, EXIT_DONE);
	assert_string_equal(text, lines);
	free(text);
}

static void lines(void **unused)
{
	const struct diff_folded_options plain = { .keep_ids = true },
					 normal = { .normalise = true },
					 samples = { .unit = "samples" };

	(void)unused;
	expect_lines("a;b 31\n", "a;b 33\n", plain, "a;b 31 33\n");
	/* Of either file, also a stack that ends where another goes on; equal lines add up. */
	expect_lines("a;b 1\na;b 2\na 5\n", "a;c 4\na;b;d 6\n", plain,
		     "a 5 0\na;b 3 0\na;c 0 4\na;b;d 0 6\n");
	/* Twice the total: int(3 * 20 / 10), int(7 * 20 / 10). */
	expect_lines("a 3\nb 7\n", "a 9\nc 11\n", normal, "a 6 9\nb 14 0\nc 0 11\n");
	expect_lines("a 1\nb 2\n", "a 1\nb 1\n", normal, "a 0 1\nb 1 1\n");
	expect_lines("a 1.5\n", "a 2\n", samples, "a 1.500 2\n");
	/* A process and a thread by name, and no other frame. */
	expect_lines("s (1);w (2);f (3) 1\ns (1);w (4);f (3) 1\n", "s (9);w (8);f (3) 5\n",
		     (struct diff_folded_options){ .unit = "ns" }, "s;w;f (3) 2 5\n");
	expect_lines("s (1);w (2) 1\n", "s (9);w (2) 5\n", plain,
		     "s (1);w (2) 1 0\ns (9);w (2) 0 5\n");
	expect_lines("s (1);w (x 3 ended) 1\n", "s (2);w (7) 5\n",
		     (struct diff_folded_options){ .unit = "us" }, "s;w 1 5\n");
}

static void bad_files(void **unused)
{
	static const struct {
		const char *before, *after, *word;
	} rows[] = { { "", "a 1\n", "empty" },
		     { "a 1\n", "", "empty" },
		     { "a 0\n", "a 1\n", "all values are 0" },
		     { "a 1\n", "a 0\n", "all values are 0" },
		     { "{}\n", "a 1\n", "no folded stacks" } };

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct fault fault = { .code = EXIT_DONE };

		free(write_diff(rows[i].before, rows[i].after, (struct diff_folded_options){ 0 },
				false, &fault));
		assert_int_equal(fault.code, EXIT_FAILED);
		assert_non_null(strstr(fault.text, rows[i].word));
	}
}

/* Twice as long a trace of the same is no change; shares are compared. */
static void the_same_at_another_length(void **unused)
{
	struct fault fault = { .code = EXIT_DONE };
	char *svg = write_diff("a;b 10\na;c 30\n", "a;b 20\na;c 60\n",
			       (struct diff_folded_options){ 0 }, true, &fault);

	(void)unused;
	assert_int_equal(fault.code, EXIT_DONE);
	assert_null(strstr(svg, "data-p="));
	assert_non_null(strstr(svg, "its share: as before"));
	free(svg);
}

static void labels(void **unused)
{
	struct fault fault = { .code = EXIT_DONE };
	char *svg = write_diff("a;b 40\na;c 40\na;d 10\na;gone 10\n",
			       "a;b 20\na;c 60\na;d 10\na;e 10\n",
			       (struct diff_folded_options){ 0 }, true, &fault);

	(void)unused;
	assert_int_equal(fault.code, EXIT_DONE);
	assert_non_null(strstr(svg, ">-50 % b</text>"));
	assert_non_null(strstr(svg, ">+50 % c</text>"));
	assert_non_null(strstr(svg, ">d</text>"));
	assert_non_null(strstr(svg, ">new e</text>"));
	assert_non_null(strstr(svg, "gone: 1 stack with 10.0 % of what was before"));
	assert_non_null(strstr(svg, "before: 40.0 us, 40.0 % of all"));
	free(svg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(bad_files),
		cmocka_unit_test(the_same_at_another_length),
		cmocka_unit_test(labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
