// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any text as a condition: it is one, or a fault says why not; what holds is said. */
#define _GNU_SOURCE
#include "../../user/gate.h"

#include "fuzz.h"

static struct profile_quantiles times = { 20000000, 40000000, 60000000, 80000000 };

/* A row of most sections, so that a condition has something to look at. */
static void make_profile(struct profile *p)
{
	static struct profile_thread thread = { .pid = 1,
						.process = "serve",
						.comm = "a > b",
						.wall_ns = 10,
						.state_ns = { 5, 0, 0, 5 },
						.blocked_by_ns = { [CAUSE_LOCK] = 5 } };
	static struct profile_stage stage = { .pid = 1, .process = "serve", .name = "decode" };
	static struct profile_requests requests = { .pid = 1, .process = "serve", .count = 3 };
	static struct profile_verdict verdict = { .kind = "none", .rule = "none", .share = -1 };

	stage.times = requests.latency = times;
	*p = (struct profile){ .duration_ns = 1000000000,
			       .threads = &thread,
			       .threads_n = 1,
			       .stages = &stage,
			       .stages_n = 1,
			       .stages_known = true,
			       .requests = &requests,
			       .requests_n = 1,
			       .verdicts = &verdict,
			       .verdicts_n = 1 };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *expr = fuzz_string(data, size);
	struct fault f = { .code = EXIT_DONE };
	char text[200] = "";
	struct profile p;
	int got;

	make_profile(&p);
	got = gate_check(&p, expr, text, sizeof(text), &f);
	if (got < 0)
		FUZZ_EXPECT((f.code == EXIT_USAGE || f.code == EXIT_FAILED) && *f.text);
	else
		FUZZ_EXPECT(got <= 1 && f.code == EXIT_DONE && *text);
	for (const char *c = text; *c; c++)
		FUZZ_EXPECT((unsigned char)*c >= ' ');
	free(expr);
	return 0;
}
