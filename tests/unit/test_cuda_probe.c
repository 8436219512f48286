// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Where in a function a probe goes, by its first bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "cuda.h"

static void where_probes_go(void **state)
{
	static const struct {
		const char *what;
		uint8_t code[16];
		uint8_t n, skip;
		bool costly;
	} cases[] = {
		{ "push %rbp", { 0x55, 0x48, 0x89, 0xe5 }, 4, 0, false },
		{ "push %r15", { 0x41, 0x57 }, 2, 0, false },
		{ "half a push %r15", { 0x41 }, 1, 0, true },
		{ "endbr64, push", { 0xf3, 0x0f, 0x1e, 0xfa, 0x55 }, 5, 4, false },
		{ "endbr64, push %r12", { 0xf3, 0x0f, 0x1e, 0xfa, 0x41, 0x54 }, 6, 4, false },
		{ "endbr64, sub", { 0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x83, 0xec, 8 }, 8, 0, true },
		{ "endbr64, the end", { 0xf3, 0x0f, 0x1e, 0xfa }, 4, 0, true },
		{ "half an endbr64", { 0xf3, 0x0f }, 2, 0, true },
		{ "nop", { 0x90, 0x55 }, 2, 0, false },
		{ "2-byte nop, push", { 0x66, 0x90, 0x55 }, 3, 2, false },
		{ "nopl (%rax), push", { 0x0f, 0x1f, 0x00, 0x55 }, 4, 3, false },
		{ "nopl 0(%rax), push", { 0x0f, 0x1f, 0x40, 0x00, 0x55 }, 5, 4, false },
		{ "nopl 0(%rax,%rax), push", { 0x0f, 0x1f, 0x44, 0, 0, 0x55 }, 6, 5, false },
		{ "nopw 0L(%rax,%rax), push",
		  { 0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, 0x55 },
		  10,
		  9,
		  false },
		{ "nopl 0L(%rax), push", { 0x0f, 0x1f, 0x80, 0, 0, 0, 0, 0x55 }, 8, 7, false },
		{ "cut nop", { 0x0f, 0x1f, 0x80, 0 }, 4, 0, true },
		{ "cut nop with SIB", { 0x0f, 0x1f, 0x44 }, 3, 0, true },
		{ "jmp", { 0xe9, 1, 2, 3, 4 }, 5, 0, false },
		{ "cut jmp", { 0xe9, 1, 2 }, 3, 0, true },
		{ "short jmp", { 0xeb, 0 }, 2, 0, false },
		{ "endbr64, call", { 0xf3, 0x0f, 0x1e, 0xfa, 0xe8, 0, 0, 0, 0 }, 9, 4, false },
		{ "mov %rdi,%rax", { 0x48, 0x89, 0xf8, 0x55 }, 4, 0, true },
		{ "ret", { 0xc3 }, 1, 0, true },
		{ "prefixes only", { 0x66, 0x66, 0x66 }, 3, 0, true },
		{ "nothing", { 0 }, 0, 0, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *code = malloc(cases[i].n + !cases[i].n); /* its end guarded by ASan */
		bool costly = !cases[i].costly;
		unsigned int skip;

		memcpy(code, cases[i].code, cases[i].n);
		skip = cuda_probe_skip(code, cases[i].n, &costly);
		if (skip != cases[i].skip || costly != cases[i].costly)
			fail_msg("%s: skip %u, costly %d", cases[i].what, skip, costly);
		free(code);
	}
}

static void random_code_is_decoded_in_bounds(void **state)
{
	uint32_t x = 0x1badb002;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		static const uint8_t often[] = { 0x66, 0x2e, 0x0f, 0x1f, 0x90, 0xf3, 0x1e, 0xfa,
						 0x41, 0x55, 0xe9, 0xeb, 0x84, 0x44, 0x80, 0x48 };
		size_t n;
		uint8_t *code;
		bool costly;
		int64_t to;

		x = x * 1664525u + 1013904223u;
		n = 1 + (x >> 16) % 20;
		code = malloc(n);
		for (size_t k = 0; k < n; k++) {
			x = x * 1664525u + 1013904223u;
			code[k] = often[(x >> 16) % sizeof(often)];
		}
		assert_true(cuda_probe_skip(code, n, &costly) < n);
		cuda_probe_forwards(code, n, &to);
		free(code);
	}
}

static void forwarders(void **state)
{
	static const uint8_t framed[] = { 0x55, 0x48, 0x89, 0xe5, 0x5d, 0xe9, 0x10, 0, 0, 0 };
	static const uint8_t marked[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0xeb, 0xf0 };
	static const uint8_t plain[] = { 0x55, 0x48, 0x89, 0xe5, 0x53, 0xe9, 0x10, 0, 0, 0 };
	int64_t to;

	(void)state;
	assert_true(cuda_probe_forwards(framed, sizeof(framed), &to));
	assert_int_equal(to, 10 + 0x10);
	assert_true(cuda_probe_forwards(marked, sizeof(marked), &to));
	assert_int_equal(to, 6 - 0x10);
	assert_false(cuda_probe_forwards(plain, sizeof(plain), &to));
	assert_false(cuda_probe_forwards(framed, 8, &to));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_probes_go),
		cmocka_unit_test(random_code_is_decoded_in_bounds),
		cmocka_unit_test(forwarders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
