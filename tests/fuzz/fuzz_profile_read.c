// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any bytes as the JSON of a trace: a profile that can be judged and told as a report, or one line that
 * says why not. What is written of it is read back the same. */
#define _GNU_SOURCE
#include "../../user/profile_read.h"

#include "../../user/output.h"
#include "../../user/report.h"
#include "../../user/verdict.h"
#include "fuzz.h"

static char *written(const struct profile *p, size_t *n)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, n);

	FUZZ_EXPECT(f && !json_write(p, f));
	fclose(f);
	return text;
}

/* Without verdicts: those are not read. */
static void check_again(const struct profile *p)
{
	struct fault fault = { .code = EXIT_DONE };
	size_t n, again_n;
	char *text = written(p, &n), *again;
	int fd = fuzz_file((const uint8_t *)text, n);
	struct profile *q = profile_read(fuzz_path(fd).text, &fault);

	FUZZ_EXPECT(q);
	again = written(q, &again_n);
	FUZZ_EXPECT(n == again_n && !memcmp(text, again, n));
	profile_free(q);
	free(text);
	free(again);
	close(fd);
}

static void check_report(const struct profile *p)
{
	const struct report_options o = { .wide = true };
	struct fault fault = { .code = EXIT_DONE };
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	FUZZ_EXPECT(f && !report_write(p, &o, f));
	fclose(f);
	for (size_t i = 0; i < n; i++)
		FUZZ_EXPECT((unsigned char)text[i] >= ' ' || text[i] == '\n');
	free(text);
	f = open_memstream(&text, &n);
	FUZZ_EXPECT(f && !report_page_write(p, &o, f, &fault));
	fclose(f);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault fault = { .code = EXIT_DONE };
	int fd = fuzz_file(data, size);
	struct profile *p = profile_read(fuzz_path(fd).text, &fault);

	close(fd);
	FUZZ_EXPECT(!p == (fault.code == EXIT_FAILED));
	FUZZ_EXPECT(!strchr(fault.text, '\n') || !p);
	if (!p)
		return 0;
	check_again(p);
	FUZZ_EXPECT(!verdict_judge(p));
	check_report(p);
	profile_free(p);
	return 0;
}
