// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Functions as stages: the options, what they mean, what they are called, where they are probed. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "stage_depth.h"
#include "stage_find.h"
#include "stage_match.h"

#define STANDINS "build/tests/unit/libstandins.so"

/* --- options --- */

static void test_options(void **state)
{
	static const struct {
		const char *text, *name, *path, *function;
	} good[] = {
		{ "decode=libllama.so:llama_decode", "decode", "libllama.so", "llama_decode" },
		{ "=/opt/a b/x:ns::f", "", "/opt/a b/x", "ns::f" },
		{ "op %s=*torch*:at::_ops::*::call", "op %s", "*torch*", "at::_ops::*::call" },
		{ "x=y:a::operator==", "x", "y", "a::operator==" },
		{ "a name of thirty-one bytes, all=p:f", "a name of thirty-one bytes, all", "p",
		  "f" },
	};
	static const char *const bad[] = { "",
					   "x",
					   "x=y",
					   "x=:f",
					   "x=y:",
					   "=",
					   "x:y=",
					   "x=./y:f",
					   "x=a/y:f",
					   "50%=y:f",
					   "%s%s=y:f",
					   "%d=y:f",
					   "a name of thirty-two bytes, alles=p:f" };
	struct stage_options o = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct fault f = { 0 };

		assert_int_equal(stage_options_add(&o, good[i].text, &f), 0);
		assert_int_equal(o.n, i + 1);
		assert_string_equal(o.options[i].name, good[i].name);
		assert_string_equal(o.options[i].path, good[i].path);
		assert_string_equal(o.options[i].function, good[i].function);
		assert_null(o.options[i].preset);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fault f = { 0 };

		assert_int_equal(stage_options_add(&o, bad[i], &f), -EINVAL);
		assert_int_equal(f.code, EXIT_USAGE);
		assert_non_null(strstr(f.text, "--stage: "));
		assert_null(strchr(f.text, '\n'));
	}
	assert_int_equal(o.n, sizeof(good) / sizeof(good[0]));
	stage_options_free(&o);
}

static void read_preset(struct stage_options *o, const char *text, int want)
{
	struct fault f = { 0 };

	assert_int_equal(stage_options_read(o, "mine", "mine", text, strlen(text), &f), want);
	assert_int_equal(f.code, want ? EXIT_USAGE : EXIT_DONE);
	if (want)
		assert_non_null(strstr(f.text, "mine:2: "));
}

static void test_preset_text(void **state)
{
	struct stage_options o = { 0 };

	(void)state;
	read_preset(&o, "# a comment\n\n \t a stage =  lib.so:f(x) \r\n= y:g\n%s=z:h", 0);
	assert_int_equal(o.n, 3);
	assert_string_equal(o.options[0].name, "a stage");
	assert_string_equal(o.options[0].path, "lib.so");
	assert_string_equal(o.options[0].function, "f(x)");
	assert_string_equal(o.options[0].preset, "mine");
	assert_string_equal(o.options[1].name, "");
	assert_string_equal(o.options[2].function, "h");
	read_preset(&o, "a=b:c\nno stage", -EINVAL);
	stage_options_free(&o);
}

static void test_presets_bad(void **state)
{
	static const char *const bad[] = { "",
					   "nosuch",
					   "triton,",
					   "triton,,libtorch",
					   "/nosuch/file",
					   "/dev/null",
					   "/bin/sh",
					   "/proc/self/mem",
					   "/" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct stage_options o = { 0 };
		struct fault f = { 0 };

		assert_int_equal(stage_options_preset(&o, bad[i], &f), -EINVAL);
		assert_int_equal(f.code, EXIT_USAGE);
		assert_null(strchr(f.text, '\n'));
		stage_options_free(&o);
	}
}

/* --- what they mean --- */

static void test_paths(void **state)
{
	static const struct {
		const char *path, *mapped;
		bool meant;
	} rows[] = {
		{ "libllama.so", "/opt/lib/libllama.so", true },
		{ "libllama.so", "/opt/lib/libllama.so.0.0.4411", true },
		{ "libllama.so", "/opt/lib/libllama.so-old", false },
		{ "libllama.so", "/opt/libllama.so/other", false },
		{ "libllama.so", "/opt/lib/xlibllama.so", false },
		{ "server", "/usr/bin/server", true },
		{ "server", "/usr/bin/server.1", false },
		{ "/usr/bin/server", "/usr/bin/server", true },
		{ "/usr/bin/server", "/opt/usr/bin/server", false },
		{ "/opt/*/libx.so", "/opt/a/b/libx.so", true },
		{ "/opt/*/libx.so", "/usr/opt/a/libx.so", false },
		{ "*llama*", "/srv/llama/server", false },
		{ "*llama*", "/srv/x/llama-server", true },
		{ "*", "/srv/x/y", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stage_option o = { .path = (char *)rows[i].path,
					  .path_glob = strpbrk(rows[i].path, "*?[") != NULL };

		assert_int_equal(stage_match_path(&o, rows[i].mapped), rows[i].meant);
	}
}

static enum stage_match match(const char *function, const char *symbol)
{
	struct stage_options o = { 0 };
	struct stage_pattern p;
	enum stage_match m;
	struct fault f = { 0 };
	char text[300];

	snprintf(text, sizeof(text), "=x:%s", function);
	assert_int_equal(stage_options_add(&o, text, &f), 0);
	stage_pattern_make(&p, &o.options[0]);
	m = stage_pattern_match(&p, symbol);
	stage_options_free(&o);
	return m;
}

#define ADD_CALL "_ZN2at4_ops10add_Tensor4callERKNS_6TensorES4_RKN3c106ScalarE"

static void test_functions(void **state)
{
	static const struct {
		const char *function, *symbol;
		enum stage_match want;
	} rows[] = {
		{ "f", "f", STAGE_MATCH_EXACT },
		{ "f", "ff", STAGE_NO_MATCH },
		{ "f", "f.isra.0", STAGE_MATCH_PLAIN },
		{ "f", "f.constprop.0.isra.0", STAGE_MATCH_PLAIN },
		{ "f", "f.part.0", STAGE_NO_MATCH },
		{ "f", "f.cold", STAGE_NO_MATCH },
		{ "f.part.0", "f.part.0", STAGE_MATCH_EXACT },
		{ "f*", "f.cold", STAGE_NO_MATCH },
		{ "f*", "ff", STAGE_MATCH_EXACT },
		{ "decode", "_Z6decodei", STAGE_MATCH_PLAIN },
		{ "decode", "_ZN2ns6decodeEi", STAGE_NO_MATCH },
		{ "ns::decode", "_ZN2ns6decodeEi", STAGE_MATCH_PLAIN },
		{ ADD_CALL, ADD_CALL, STAGE_MATCH_EXACT },
		{ "at::_ops::add_Tensor::call", ADD_CALL, STAGE_MATCH_PLAIN },
		{ "at::_ops::*::call", ADD_CALL, STAGE_MATCH_PLAIN },
		{ "at::_ops::*::cal", ADD_CALL, STAGE_NO_MATCH },
		{ "*add_Ten*", ADD_CALL, STAGE_MATCH_EXACT },
		{ "at::_ops::*::redispatch", ADD_CALL, STAGE_NO_MATCH },
		{ "_ZN2at4_ops*4call*", ADD_CALL, STAGE_MATCH_EXACT },
		/* What mangling writes in another way. */
		{ "std::vector<int, std::allocator<int> >::push_back",
		  "_ZNSt6vectorIiSaIiEE9push_backEOi", STAGE_MATCH_PLAIN },
		{ "std::vector<*>::push_back", "_ZNSt6vectorIiSaIiEE9push_backEOi",
		  STAGE_MATCH_PLAIN },
		{ "a::operator==", "_ZN1aeqERKS_", STAGE_MATCH_PLAIN },
		{ "a::operator*", "_ZN1amlERKS_", STAGE_MATCH_PLAIN },
		{ "a::operator*", "_ZN1aeqERKS_", STAGE_NO_MATCH },
		{ "a::*::operator[]", "_ZN1a1bixEi", STAGE_MATCH_PLAIN },
		{ "(anonymous namespace)::run", "_ZN12_GLOBAL__N_13runEv", STAGE_MATCH_PLAIN },
		{ "Foo::Foo", "_ZN3FooC2Ev", STAGE_MATCH_PLAIN },
		{ "*oper*", "_ZN1aeqERKS_", STAGE_MATCH_PLAIN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (match(rows[i].function, rows[i].symbol) != rows[i].want)
			fail_msg("%s, %s: not %d", rows[i].function, rows[i].symbol, rows[i].want);
}

static void test_names(void **state)
{
	static const struct {
		const char *name, *symbol, *want;
	} rows[] = {
		{ "decode", ADD_CALL, "decode" },
		{ "", ADD_CALL, "at::_ops::add_Tensor::call" },
		{ "op %s!", ADD_CALL, "op at::_ops::add_Tensor::call!" },
		{ "operators %s", ADD_CALL, "operators add_Tensor::call" },
		{ "", "f.isra.0", "f" },
		{ "", "a_function_with_a_name_of_more_than_31_bytes",
		  "a_function_with_a_name_of_more_" },
		{ "", "_ZN2at4_ops33_a_name_that_is_longer_than_bytes4callEv",
		  "_a_name_that_is_longer_than_byt" },
		{ "", "_ZN1aIiE1fEv", "a<int>::f" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct stage_option o = { .name = (char *)rows[i].name };
		char name[STAGE_NAME_BYTES + 1];

		assert_int_equal(stage_match_name(&o, rows[i].symbol, name), 0);
		assert_string_equal(name, rows[i].want);
	}
}

/* --- in a file --- */

static void find(const struct stage_options *o, size_t limit, struct stage_functions *found,
		 struct stage_finding *findings)
{
	uint8_t *wanted = malloc(o->n);

	memset(wanted, 1, o->n);
	assert_int_equal(stage_find(open(STANDINS, O_RDONLY), o, wanted, limit, found, findings),
			 0);
	free(wanted);
}

/* Each line of each preset means something in files with the projects' functions. */
static void test_presets(void **state)
{
	static const char *const files[][3] = {
		{ "llama.cpp", "/usr/lib/libllama.so.0", "/opt/llama-server" },
		{ "triton", "/opt/tritonserver/lib/libtritonserver.so",
		  "/opt/tritonserver/backends/onnxruntime/libtriton_onnxruntime.so" },
		{ "tensorrt", "/usr/lib/libtensorrt_llm.so", "/x/libtorchtrt.so" },
		{ "libtorch", "/x/torch/lib/libtorch_cpu.so", "/x/libtorch_cpu.so.1.13.0" },
	};
	char names[200];

	(void)state;
	stage_preset_names(names, sizeof(names));
	assert_string_equal(names, "llama.cpp, triton, tensorrt, libtorch");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct stage_options o = { 0 };
		struct stage_functions found = { 0 };
		struct stage_finding *findings;
		struct fault f = { 0 };

		assert_int_equal(stage_options_preset(&o, files[i][0], &f), 0);
		findings = calloc(o.n, sizeof(*findings));
		find(&o, 100, &found, findings);
		for (size_t k = 0; k < o.n; k++) {
			if (!findings[k].found || findings[k].refused)
				fail_msg("%s: '%s': %s", files[i][0], o.options[k].text,
					 findings[k].why);
			if (!stage_match_path(&o.options[k], files[i][1]) &&
			    !stage_match_path(&o.options[k], files[i][2]) &&
			    strcmp(o.options[k].path, "*ggml*") != 0)
				fail_msg("%s: '%s' is in no file", files[i][0], o.options[k].text);
		}
		free(findings);
		stage_functions_free(&found);
		stage_options_free(&o);
	}
}

/* Every function of the file, and of libc: an entry each, exits within it, no place twice. */
static void check_sites(const char *path)
{
	const struct elf_function *functions;
	struct elf_file *elf;
	size_t n, good = 0;

	assert_int_equal(elf_file_open(&elf, path), 0);
	assert_int_equal(elf_file_functions(elf, &functions, &n), 0);
	for (size_t i = 0; i < n; i++) {
		struct stage_code c;

		if (stage_code_find(elf, functions, n, &functions[i], &c)) {
			assert_true(c.why[0]);
			assert_int_equal(c.n, 0);
			stage_code_free(&c);
			continue;
		}
		good++;
		assert_true(c.sites[0].kind <= SITE_ENTRY_LOOP);
		assert_true(c.sites[0].vaddr - functions[i].vaddr < functions[i].size);
		for (size_t k = 0; k < c.n; k++) {
			assert_true(elf_file_is_code(elf, c.sites[k].vaddr));
			assert_true(!k || c.sites[k].kind > SITE_ENTRY_LOOP);
			for (size_t j = 0; j < k; j++)
				assert_true(c.sites[j].vaddr != c.sites[k].vaddr);
		}
		stage_code_free(&c);
	}
	assert_true(good > n * 9 / 10);
	elf_file_close(elf);
}

static void test_sites(void **state)
{
	(void)state;
	check_sites(STANDINS);
	check_sites("/proc/self/exe");
}

static void test_limit(void **state)
{
	struct stage_options o = { 0 };
	struct stage_functions found = { 0 };
	struct stage_finding findings[2] = { 0 };
	struct fault f = { 0 };

	(void)state;
	assert_int_equal(stage_options_add(&o, "=x:llama_*", &f), 0);
	assert_int_equal(stage_options_add(&o, "=x:no::such*", &f), 0);
	find(&o, 5, &found, findings);
	assert_int_equal(findings[0].too_many, 6);
	assert_int_equal(findings[0].found, 0);
	assert_int_equal(findings[1].files, 1);
	assert_int_equal(findings[1].found, 0);
	assert_int_equal(found.n, 0);
	stage_functions_free(&found);
	stage_options_free(&o);
}

/* A function is the first option's that means it. */
static void test_taken(void **state)
{
	struct stage_options o = { 0 };
	struct stage_functions found = { 0 };
	struct stage_finding findings[3] = { 0 };
	struct fault f = { 0 };

	(void)state;
	assert_int_equal(stage_options_add(&o, "a=x:llama_decode", &f), 0);
	assert_int_equal(stage_options_add(&o, "b=x:llama_*code", &f), 0);
	assert_int_equal(stage_options_add(&o, "a=x:llama_deco*", &f), 0);
	find(&o, 5, &found, findings);
	assert_int_equal(findings[0].found, 1);
	assert_int_equal(findings[1].found, 1);
	assert_int_equal(findings[1].refused, 1);
	assert_non_null(strstr(findings[1].why, "another option"));
	assert_int_equal(findings[2].found, 1);
	assert_int_equal(findings[2].refused, 0);
	assert_int_equal(found.n, 2);
	stage_functions_free(&found);
	stage_options_free(&o);
}

/* --- depth --- */

#define STEP(c, t, f)                                      \
	(struct stage_step)                                \
	{                                                  \
		.change = (c), .target = (t), .falls = (f) \
	}
#define NONE STAGE_NO_TARGET

static void test_depths(void **state)
{
	/* push; jcc to the end; sub; loop to the sub's next; add; pop; ret */
	struct stage_step s[] = { STEP(-8, NONE, true), STEP(0, 5, true),     STEP(-16, NONE, true),
				  STEP(0, 3, true),	STEP(16, NONE, true), STEP(8, NONE, true),
				  STEP(0, NONE, false) };
	static const int32_t want[] = { 0, -8, -8, -24, -24, -8, 0 };
	/* Two ways that do not agree, and what follows. */
	struct stage_step t[] = { STEP(0, 2, true), STEP(-8, NONE, true), STEP(0, NONE, true),
				  STEP(0, NONE, false) };
	/* A switch's case, which nothing else leads to. */
	struct stage_step u[] = { STEP(-8, NONE, true), STEP(0, NONE, false), STEP(8, NONE, true),
				  STEP(0, NONE, false) };

	(void)state;
	assert_int_equal(stage_depths(s, 7), 0);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(s[i].depth, want[i]);
	assert_int_equal(stage_depths(t, 4), 0);
	assert_int_equal(t[2].depth, STAGE_DEPTH_OPEN);
	assert_int_equal(t[3].depth, STAGE_DEPTH_OPEN);
	assert_int_equal(stage_depths(u, 4), 0);
	assert_false(u[2].reached);
	u[1].indirect = true;
	assert_int_equal(stage_depths(u, 4), 0);
	assert_true(u[2].reached);
	assert_int_equal(u[2].depth, -8);
	assert_int_equal(u[3].depth, 0);
	assert_int_equal(stage_depths(NULL, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),	    cmocka_unit_test(test_preset_text),
		cmocka_unit_test(test_presets_bad), cmocka_unit_test(test_paths),
		cmocka_unit_test(test_functions),   cmocka_unit_test(test_names),
		cmocka_unit_test(test_presets),	    cmocka_unit_test(test_sites),
		cmocka_unit_test(test_limit),	    cmocka_unit_test(test_taken),
		cmocka_unit_test(test_depths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
