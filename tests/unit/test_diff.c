// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Runs whose difference is known, and runs of the same. */
#include "diff.h"
#include "served_run.h"

#define RUNS_MAX 6

struct pair {
	struct diff d;
	struct served_run *runs[2 * RUNS_MAX];
	const struct profile *profiles[2 * RUNS_MAX];
	char *paths[2 * RUNS_MAX];
};

static void make(struct pair *p, size_t n, const struct served_options *before,
		 const struct served_options *after)
{
	*p = (struct pair){ .d = { .o = { .wide = false } } };
	for (size_t i = 0; i < 2 * n; i++) {
		struct served_options o = i < n ? *before : *after;

		o.seed = o.seed * 1000 + i;
		p->runs[i] = served_run(&o);
		p->profiles[i] = &p->runs[i]->p;
		p->paths[i] = (char *)"x";
	}
	p->d.sets[0] = (struct diff_set){ p->paths, n, p->profiles, NULL };
	p->d.sets[1] = (struct diff_set){ p->paths + n, n, p->profiles + n, NULL };
}

static void release(struct pair *p)
{
	diff_free(&p->d);
	for (size_t i = 0; i < 2 * RUNS_MAX; i++)
		free(p->runs[i]);
}

static const struct served_options base = {
	.seconds = 10, .rate = 60, .queue = 3e6, .decode = 9e6, .luck = 0.04, .seed = 1
};

/* How often runs of the same have anything told of them. */
static double claims(size_t n, double luck, int pairs)
{
	int claimed = 0;

	for (int i = 0; i < pairs; i++) {
		struct served_options o = base;
		struct pair p;

		o.luck = luck;
		o.seed = 100 + (uint64_t)i;
		make(&p, n, &o, &o);
		assert_int_equal(diff_make(&p.d), 0);
		assert_true(p.d.compared > 60);
		claimed += p.d.changes_n > 0;
		release(&p);
	}
	return (double)claimed / pairs;
}

static void the_same_claims_nothing(void **unused)
{
	const double one = claims(1, 0.04, 200), two = claims(2, 0.04, 100);
	const double three = claims(3, 0.04, 100), four = claims(4, 0.1, 150);

	(void)unused;
	print_message("# of pairs of the same, claimed: one each %.3f, 2 and 2 %.3f, 3 and 3 %.3f, "
		      "4 and 4 %.3f\n",
		      one, two, three, four);
	/* 1 in 20, and three standard errors of so many pairs. */
	assert_true(one <= 0.05 + 0.046);
	assert_true(two <= 0.05 + 0.065 && three <= 0.05 + 0.065);
	assert_true(four <= 0.05 + 0.053);
}

static const struct diff_change *change_of(const struct diff *d, const char *name)
{
	char text[DIFF_NAME_SIZE];

	for (size_t i = 0; i < d->changes_n; i++)
		if (!strcmp(diff_name(d, &d->changes[i], text), name))
			return &d->changes[i];
	return NULL;
}

static void a_longer_queue(size_t n, enum diff_sure sure)
{
	struct served_options after = base;
	const struct diff_change *c;
	struct pair p;

	after.queue *= 3;
	after.seed = 2;
	make(&p, n, &base, &after);
	assert_int_equal(diff_make(&p.d), 0);
	c = change_of(&p.d, "part:queue.p50");
	assert_non_null(c);
	assert_int_equal(c->sure, sure);
	assert_true(c->after > 2.5 * c->before && c->after < 3.5 * c->before);
	if (n > 1)
		assert_true(c->low > 1.3 && c->low < 2.1 && c->high > 1.9 && c->high < 2.7);
	/* Where runs are enough to prove it, nothing less is told. */
	for (size_t i = 0; i < p.d.changes_n; i++)
		assert_int_equal(p.d.changes[i].sure, sure);
	/* It is first, and so its other figures. */
	assert_string_equal(p.d.changes[0].object->name, "queue");
	/* Half as much again, and its scatter: four runs of each tell. */
	if (n >= 4)
		assert_non_null(change_of(&p.d, "request.p50"));
	/* And what did not change is not told. */
	assert_null(change_of(&p.d, "part:decode.p50"));
	assert_null(change_of(&p.d, "requests.rate"));
	assert_null(change_of(&p.d, "call:cudaLaunchKernel.p50"));
	release(&p);
}

static void the_planted_change_is_first(void **unused)
{
	(void)unused;
	a_longer_queue(1, DIFF_UNPROVEN);
	a_longer_queue(3, DIFF_LIKELY);
	a_longer_queue(4, DIFF_PROVEN);
	a_longer_queue(5, DIFF_PROVEN);
}

/* Twice the window is no change: what is summed is by second. */
static void windows_of_two_lengths(void **unused)
{
	struct served_options after = base;
	struct pair p;

	(void)unused;
	after.seconds *= 3;
	after.seed = 7;
	make(&p, 4, &base, &after);
	assert_int_equal(diff_make(&p.d), 0);
	assert_int_equal(p.d.changes_n, 0);
	assert_int_equal(p.d.config_n, 1);
	assert_string_equal(p.d.config[0].what, "window");
	assert_string_equal(p.d.config[0].values[0], "10.0 s");
	assert_string_equal(p.d.config[0].values[1], "30.0 s");
	release(&p);
}

/* Three times the load is three times of all by second, and nothing by request. */
static void by_request(void **unused)
{
	struct served_options after = base;
	struct pair p;

	(void)unused;
	after.rate *= 3;
	after.seed = 8;
	make(&p, 4, &base, &after);
	assert_int_equal(diff_make(&p.d), 0);
	assert_non_null(change_of(&p.d, "requests.rate"));
	assert_non_null(change_of(&p.d, "calls.rate"));
	release(&p);
	make(&p, 4, &base, &after);
	p.d.o.per_request = true;
	assert_int_equal(diff_make(&p.d), 0);
	assert_null(change_of(&p.d, "calls.rate"));
	assert_null(change_of(&p.d, "call:cudaLaunchKernel.wall"));
	release(&p);
}

static void one_lacks_stages(int which)
{
	struct pair p;

	make(&p, 1, &base, &base);
	p.runs[which]->p.stages_known = false;
	p.runs[which]->p.stages_n = p.runs[which]->p.requests_n = 0;
	p.runs[0]->p.host = "a";
	assert_int_equal(diff_make(&p.d), 0);
	for (size_t i = 0; i < metric_sections_n; i++) {
		const char *name = metric_sections[i].name;
		const bool lacks = !strcmp(name, "stage") || !strcmp(name, "request") ||
				   !strcmp(name, "requests") || !strcmp(name, "part") ||
				   !strcmp(name, "pass");

		assert_int_equal(p.d.lacks[which] >> i & 1, lacks);
		assert_int_equal(p.d.lacks[!which] >> i & 1, 0);
	}
	/* Neither gone nor new. */
	for (size_t i = 0; i < p.d.changes_n; i++)
		assert_string_not_equal(p.d.changes[i].object->section->name, "stage");
	assert_string_equal(p.d.config[0].what, "host");
	release(&p);
}

static void what_was_not_measured_is_said(void **unused)
{
	(void)unused;
	one_lacks_stages(0);
	one_lacks_stages(1);
}

/* A call that comes into being: its rate was 0, its percentiles were not. */
static void a_new_call(void **unused)
{
	const struct diff_change *c;
	struct pair p;

	(void)unused;
	make(&p, 4, &base, &base);
	for (size_t i = 0; i < 4; i++)
		p.runs[i]->p.calls_n = 1;
	assert_int_equal(diff_make(&p.d), 0);
	c = change_of(&p.d, "call:cudaStreamSynchronize.rate");
	assert_non_null(c);
	assert_true(c->before == 0 && c->after > 100);
	assert_null(change_of(&p.d, "call:cudaStreamSynchronize.p95"));
	release(&p);
}

static char *text_of(const struct diff *d, bool json)
{
	char *s = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&s, &n);

	assert_non_null(f);
	assert_int_equal(json ? diff_write_json(d, f) : diff_write(d, 80, false, f), 0);
	fclose(f);
	return s;
}

static void texts(void **unused)
{
	struct served_options after = base;
	struct pair p;
	char *s;

	(void)unused;
	after.queue *= 3;
	make(&p, 4, &base, &after);
	for (size_t i = 0; i < 4; i++)
		p.runs[i]->parts[0].name = p.runs[4 + i]->parts[0].name = "\x1b[31m queue; 1";
	assert_int_equal(diff_make(&p.d), 0);
	s = text_of(&p.d, false);
	assert_null(strchr(s, '\x1b'));
	assert_non_null(strstr(s, "proven"));
	assert_non_null(strstr(s, "worse"));
	for (const char *line = s; *line; line = strchr(line, '\n') + 1)
		assert_true(strchr(line, '\n') - line <= 80);
	free(s);
	s = text_of(&p.d, true);
	assert_non_null(strstr(s, "\"sure\": \"proven\""));
	free(s);
	release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_planted_change_is_first),
		cmocka_unit_test(windows_of_two_lengths),
		cmocka_unit_test(by_request),
		cmocka_unit_test(what_was_not_measured_is_said),
		cmocka_unit_test(a_new_call),
		cmocka_unit_test(texts),
		cmocka_unit_test(the_same_claims_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
