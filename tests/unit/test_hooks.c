// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of hooks against the programs that there are; which rung is taken on made-up kernels. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include "hooks_private.h"
#include "symbols/symbols.h"

static struct infbpf_bpf *skel;
static struct symbols *symbols;
static struct btf *btf;

/* A tracepoint as BTF knows it: the type of its probe. */
static void add_tracepoint(const char *name, int args)
{
	int proto, i32 = btf__find_by_name(btf, "int");
	char type[64];

	proto = btf__add_func_proto(btf, 0);
	for (int i = 0; i <= args; i++)
		assert_int_equal(btf__add_func_param(btf, i ? "arg" : "data", i32), 0);
	snprintf(type, sizeof(type), "btf_trace_%s", name);
	assert_true(btf__add_typedef(btf, type, btf__add_ptr(btf, proto)) > 0);
}

static int setup(void **state)
{
	(void)state;
	skel = infbpf_bpf__open();
	btf = btf__new_empty();
	if (!skel || !btf || symbols_open(&symbols, &(struct symbols_options){ .local = true }))
		return -1;
	btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	add_tracepoint("old_name", 2);
	add_tracepoint("other", 3);
	btf__add_func(btf, "wanted_function", BTF_FUNC_STATIC, btf__add_func_proto(btf, 0));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	infbpf_bpf__destroy(skel);
	symbols_close(symbols);
	btf__free(btf);
	return 0;
}

/* --- the table --- */

static const char *const sections[RUNG_KINDS][2] = {
	[RUNG_TP_BTF] = { "tp_btf/", "tp_btf/" },  [RUNG_FENTRY] = { "fentry", "fexit" },
	[RUNG_KPROBE] = { "kprobe", "kretprobe" }, [RUNG_TRACEPOINT] = { "tp", "tp" },
	[RUNG_RAW_TP] = { "raw_tp", "raw_tp" },	   [RUNG_PERF] = { "perf_event", "perf_event" },
};

static bool section_is(const char *have, const char *want)
{
	size_t n = strlen(want);

	return !strncmp(have, want, n) && (want[n - 1] == '/' || !have[n] || have[n] == '/');
}

static bool optional_section(const char *have, enum rung_kind kind)
{
	return kind == RUNG_TRACEPOINT && section_is(have, "tracepoint");
}

static void check_site(const struct hook *hook, const struct rung *r, const struct rung_site *site)
{
	const char *section, *at;
	struct bpf_program *p;
	size_t n;

	if (!site->program) {
		assert_int_equal(r->kind, RUNG_SWITCH_OUT);
		return;
	}
	p = bpf_object__find_program_by_name(skel->obj, site->program);
	if (!p)
		fail_msg("hook '%s': no program %s", hook->name, site->program);
	section = bpf_program__section_name(p);
	if (!section_is(section, sections[r->kind][site->is_return]) &&
	    !optional_section(section, r->kind))
		fail_msg("hook '%s': %s is in section %s, on a rung of %s", hook->name,
			 site->program, section, rung_ways[r->kind].name);
	/* Such a program has one target. */
	for (const struct rung_site *other = r->sites; other < site; other++)
		if (r->kind == RUNG_TP_BTF || r->kind == RUNG_FENTRY)
			assert_string_not_equal(other->program, site->program);
	/* Every name, also an alternative's, must fit where it is kept. */
	for (at = site->where;; at += n + 1) {
		n = strcspn(at, "|");
		assert_in_range(n, 1, HOOK_WHERE - 1);
		if (!at[n])
			break;
	}
}

static void test_rows(void **state)
{
	const struct hook *hook;

	(void)state;
	for (size_t i = 0; i < hooks_table_n; i++) {
		hook = &hooks_table[i];
		assert_true(hook->name && *hook->name);
		assert_in_range(strlen(hook->name), 1, 14); /* doctor's column */
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(hook->name, hooks_table[j].name);
		assert_true(hook->part && !(hook->part & ~HOOK_ALL));
		/* What every trace has is no part that can be left out. */
		assert_true(!(hook->part & HOOK_ALWAYS) || hook->part == HOOK_ALWAYS);
		if (hook->part != HOOK_ALWAYS && !hook->without)
			fail_msg("hook '%s': says not what is lost without it", hook->name);
		assert_int_not_equal(hook->rungs[0].kind, RUNG_NONE);
		if (hook->rungs[0].lost)
			fail_msg("hook '%s': its best rung loses something", hook->name);
	}
}

static void test_rungs(void **state)
{
	(void)state;
	for (size_t i = 0; i < hooks_table_n; i++) {
		const struct hook *hook = &hooks_table[i];
		const struct rung *r = hook->rungs;
		bool lossy = false;

		for (; r < hook->rungs + HOOK_RUNGS && r->kind; r++) {
			assert_in_range(r->kind, RUNG_NONE + 1, RUNG_KINDS - 1);
			assert_non_null(r->sites[0].where);
			/* What loses nothing stands before what does. */
			if (lossy && !r->lost)
				fail_msg("hook '%s': rung %s is better than the one before it",
					 hook->name, rung_ways[r->kind].name);
			lossy |= r->lost != NULL;
			for (int s = 0; s < RUNG_SITES && r->sites[s].where; s++)
				check_site(hook, r, &r->sites[s]);
		}
		for (; r < hook->rungs + HOOK_RUNGS; r++)
			assert_int_equal(r->kind, RUNG_NONE);
	}
}

static bool in_table(const char *program)
{
	for (size_t i = 0; i < hooks_table_n; i++)
		for (int r = 0; r < HOOK_RUNGS; r++)
			for (int s = 0; s < RUNG_SITES; s++) {
				const struct rung_site *site = &hooks_table[i].rungs[r].sites[s];

				if (site->program && !strcmp(site->program, program))
					return true;
			}
	return false;
}

/* What no row names would be loaded always and attached never. */
static void test_no_program_left(void **state)
{
	static const char *const others[] = { "uprobe", "uretprobe", "iter/" };
	struct bpf_program *p;

	(void)state;
	bpf_object__for_each_program(p, skel->obj) {
		const char *section = bpf_program__section_name(p), *name = bpf_program__name(p);
		bool known = in_table(name) || !strcmp(name, "handle_calibrate_hook");

		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			known |= section_is(section, others[i]);
		if (!known)
			fail_msg("program %s (%s) is in no row of hooks_table", name, section);
	}
}

/* --- which rung --- */

static const struct hook sample = {
	.name = "sample",
	.part = HOOK_FILE,
	.without = "everything",
	.rungs = {
		{ .kind = RUNG_TP_BTF, .sites = { { "a", "new_name|newer_name", false } } },
		{ .kind = RUNG_KPROBE, .sites = { { "b", "no_such_function", false } }, .lost = "b" },
		{ .kind = RUNG_RAW_TP,
		  .sites = { { "c", "new_name|old_name", false }, { "d", "other", false } },
		  .lost = "c" },
	},
};

static int decide(const struct hook *hook, enum hooks_mode mode, int kprobe, struct hook_state *s,
		  char where[RUNG_SITES][HOOK_WHERE], bool *forced)
{
	struct hooks_kernel k;

	hooks_kernel_init(&k, btf, symbols);
	k.kprobe_refused = kprobe;
	k.fentry_refused = EPERM;
	return hook_decide(hook, &k, mode, s, where, forced);
}

static void test_first_that_is_there(void **state)
{
	char where[RUNG_SITES][HOOK_WHERE];
	struct hook_state s;
	bool forced;

	(void)state;
	assert_int_equal(decide(&sample, HOOKS_AUTO, ENOENT, &s, where, &forced), 2);
	assert_false(forced);
	assert_string_equal(s.name, "sample");
	assert_string_equal(s.kind, "raw_tp");
	assert_string_equal(s.lost, "c");
	assert_string_equal(where[0], "old_name");
	assert_string_equal(where[1], "other");
	assert_string_equal(s.where, "old_name, other");
	assert_string_equal(s.refused,
			    "tp_btf new_name|newer_name: not in this kernel; kprobe: this kernel "
			    "has none (CONFIG_KPROBES is not set)");
}

static void test_refusals(void **state)
{
	char where[RUNG_SITES][HOOK_WHERE];
	struct hook hook = sample;
	struct hook_state s;
	bool forced;

	(void)state;
	assert_int_equal(decide(&sample, HOOKS_AUTO, EPERM, &s, where, &forced), 2);
	assert_non_null(strstr(s.refused, "; kprobe: refused: Operation not permitted"));
	assert_int_equal(decide(&sample, HOOKS_AUTO, 0, &s, where, &forced), 2);
	assert_non_null(strstr(s.refused, "; kprobe no_such_function: not in kallsyms"));
	hook.rungs[1].kind = RUNG_FENTRY;
	assert_int_equal(decide(&hook, HOOKS_AUTO, 0, &s, where, &forced), 2);
	assert_non_null(strstr(s.refused, "; fentry: refused: Operation not permitted"));
}

/* A program may want more than its place. */
static void test_wants(void **state)
{
	char where[RUNG_SITES][HOOK_WHERE];
	struct hook hook = sample;
	struct hook_state s;
	bool forced;

	(void)state;
	hook.rungs[2].wants = "no_such_function";
	assert_true(decide(&hook, HOOKS_AUTO, ENOENT, &s, where, &forced) != 2);
	assert_non_null(strstr(s.refused, "raw_tp: no no_such_function in this kernel"));
	hook.rungs[2].wants = "wanted_function";
	assert_int_equal(decide(&hook, HOOKS_AUTO, ENOENT, &s, where, &forced), 2);
}

static void test_none(void **state)
{
	char where[RUNG_SITES][HOOK_WHERE];
	struct hook hook = sample;
	struct hook_state s;
	bool forced;

	(void)state;
	hook.rungs[2].kind = RUNG_NONE;
	assert_int_equal(decide(&hook, HOOKS_AUTO, ENOENT, &s, where, &forced), -1);
	assert_false(forced);
	assert_string_equal(s.kind, "none");
	assert_string_equal(s.where, "");
	assert_string_equal(s.lost, "everything");
	assert_non_null(strstr(s.refused, "tp_btf new_name"));
	assert_non_null(strstr(s.refused, "; kprobe: this kernel has none"));
}

static void test_forced(void **state)
{
	char where[RUNG_SITES][HOOK_WHERE];
	struct hook hook = sample;
	struct hook_state s;
	bool forced;

	(void)state;
	hook.rungs[0].sites[0].where = "old_name";
	assert_int_equal(decide(&hook, HOOKS_AUTO, 0, &s, where, &forced), 0);
	assert_string_equal(s.refused, "");
	/* The kind is asked for, and there: raw_tp is tracepoint's. */
	assert_int_equal(decide(&hook, HOOKS_TRACEPOINT, 0, &s, where, &forced), 2);
	assert_string_equal(s.refused, "tp_btf: --hooks tracepoint; kprobe: --hooks tracepoint");
	/* This kernel has kprobes, but not here: as without --hooks, and why. */
	assert_int_equal(decide(&hook, HOOKS_KPROBE, 0, &s, where, &forced), 0);
	assert_false(forced);
	assert_non_null(strstr(s.refused, "kprobe no_such_function: not in kallsyms"));
	/* It has none at all. */
	assert_int_equal(decide(&hook, HOOKS_KPROBE, ENOENT, &s, where, &forced), -1);
	assert_true(forced);
	/* The hook has no such rung. */
	assert_int_equal(decide(&hook, HOOKS_FENTRY, 0, &s, where, &forced), 0);
	assert_false(forced);
}

static void test_kernel_function(void **state)
{
	char where[RUNG_SITES][HOOK_WHERE];
	struct hook hook = sample;
	struct hook_state s;
	bool forced;

	(void)state;
	if (symbols_kernel_hidden(symbols)) {
		print_message("skipped: kallsyms is hidden\n");
		skip();
	}
	hook.rungs[1].sites[0].where = "no_such_function|vfs_read";
	hook.rungs[1].sites[1] = (struct rung_site){ "e", "vfs_read", true };
	assert_int_equal(decide(&hook, HOOKS_AUTO, 0, &s, where, &forced), 1);
	assert_string_equal(where[0], "vfs_read");
	assert_string_equal(s.where, "vfs_read");
}

static void test_arguments(void **state)
{
	int args = 0;

	(void)state;
	assert_true(hooks_has_tracepoint(btf, "other", &args));
	assert_int_equal(args, 3);
	assert_false(hooks_has_tracepoint(btf, "another", NULL));
}

static void test_cpus_online(void **state)
{
	static const struct {
		const char *list, *want; /* a digit a CPU */
	} rows[] = {
		{ "0-3\n", "11110000" },
		{ "0\n", "10000000" },
		{ "1,3-4,7\n", "01011001" },
		{ "6-9\n", "00000011" },
		{ "8,9-4294967295\n", "00000000" },
		{ "", "00000000" },
		{ "2-", "00000000" },
		{ "x", "00000000" },
	};
	bool online[8];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		hook_clock_online(rows[i].list, online, 8);
		for (int cpu = 0; cpu < 8; cpu++)
			assert_int_equal(online[cpu], rows[i].want[cpu] == '1');
	}
}

/* For tests/kernels: a line "HOOK\tNECESSARY\tRUNG\tKIND\tWANTS\tPROGRAM\tWHERE" a site. */
static void print_table(void)
{
	for (size_t i = 0; i < hooks_table_n; i++) {
		const struct hook *hook = &hooks_table[i];

		for (int r = 0; r < HOOK_RUNGS && hook->rungs[r].kind; r++) {
			const struct rung *rung = &hook->rungs[r];

			for (int s = 0; s < RUNG_SITES && rung->sites[s].where; s++)
				printf("%s\t%s\t%d\t%s\t%s\t%s\t%s\n", hook->name,
				       hook->without ? "no" : "yes", r, rung_ways[rung->kind].name,
				       rung->wants ? rung->wants : "-",
				       rung->sites[s].program ? rung->sites[s].program : "-",
				       rung->sites[s].where);
		}
	}
}

int main(int argc, char **argv)
{
	(void)argv;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rungs),
		cmocka_unit_test(test_no_program_left),
		cmocka_unit_test(test_first_that_is_there),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_wants),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_forced),
		cmocka_unit_test(test_kernel_function),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_cpus_online),
	};

	if (argc > 1) {
		print_table();
		return 0;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
