/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* --leaks: folded stacks in bytes of what is still allocated. */
#define _GNU_SOURCE
#include "cuda_profile.h"
#include "output.h"

static char *leaks(struct profile *p, size_t *lines)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(leaks_write(p, f, lines), 0);
	fclose(f);
	return text;
}

static void only_what_lives(void **unused)
{
	struct profile *p = cuda_profile();
	size_t lines;
	char *text = leaks(p, &lines);

	(void)unused;
	assert_string_equal(text, "serve (4242);device;main;load_model;cudaMalloc 66000000\n"
				  "serve (4242);pinned;main;new_request;cudaMallocHost 20000000\n");
	assert_int_equal(lines, 2);
	free(text);
	profile_free(p);
}

static void nothing_is_an_empty_file(void **unused)
{
	struct profile *p = profile_new();
	size_t lines = 7;
	char *text = leaks(p, &lines);

	(void)unused;
	assert_string_equal(text, "");
	assert_int_equal(lines, 0);
	free(text);
	profile_free(p);
}

/* A name must neither end a line nor make a frame or a value of its own. */
static void names_cannot_forge(void **unused)
{
	static const char *const frames[] = { PROFILE_NOT_SAMPLED };
	const struct profile_allocation a = {
		1, "a;b\n\x1b 12", "device", "cudaMalloc", frames, 1, 1, 7, 1, 7
	};
	struct profile *p = profile_new();
	char *text;

	(void)unused;
	assert_int_equal(profile_add_allocation(p, &a), 0);
	text = leaks(p, NULL);
	assert_non_null(strstr(text, " (1);device;[not sampled] 7\n"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_ptr_equal(strchr(text, ';'), strstr(text, ";device"));
	assert_null(strchr(text, '\x1b'));
	free(text);
	profile_free(p);
}

static void full_disk_is_reported(void **unused)
{
	struct profile *p = cuda_profile();
	FILE *f = fopen("/dev/full", "w");

	(void)unused;
	assert_int_equal(profile_finish(p), 0);
	if (!f) {
		print_message("skipped: no /dev/full here\n");
		profile_free(p);
		skip();
	}
	assert_int_equal(leaks_write(p, f, NULL), -ENOSPC);
	fclose(f);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_lives),
		cmocka_unit_test(nothing_is_an_empty_file),
		cmocka_unit_test(names_cannot_forge),
		cmocka_unit_test(full_disk_is_reported),
	};

	return cmocka_run_group_tests_name("leaks", tests, NULL, NULL);
}
