/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The emulated runtime looks like NVIDIA's to a program and to a tracer. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "gpu_abi_values.h"

#define EMU BUILD "/emu/libcudart.so.13"

/* Every constant and offset of our header against the toolkit's. */
static void test_header(void **state)
{
	size_t n = 0;

	(void)state;
	for (; abi_values_ours[n].name; n++) {
		const struct abi_value *a = &abi_values_ours[n], *b = &abi_values_toolkit[n];

		assert_string_equal(a->name, b->name);
		if (a->value != b->value)
			fail_msg("%s: %lu, the toolkit has %lu", a->name, a->value, b->value);
	}
	assert_null(abi_values_toolkit[n].name);
	assert_true(n > 95);
}

/* Every name the emulated library exports is one of NVIDIA's; but for the mark of ours. */
static void test_names(void **state)
{
	char line[512], name[256];
	void *real = dlopen(TOOLKIT_LIB, RTLD_LAZY | RTLD_LOCAL);
	FILE *f;
	int n = 0;

	(void)state;
	assert_non_null(real);
	f = popen("nm -D --defined-only " EMU, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*x %*c %255[^@\n]", name) != 1 || !strncmp(name, "libcudart", 9))
			continue;
		n++;
		if (strcmp(name, "infbpf_emu_runtime") && !dlsym(real, name))
			fail_msg("%s: NVIDIA's library has no such name", name);
	}
	assert_int_equal(pclose(f), 0);
	assert_true(n > 85);
	dlclose(real);
}

static void *emu_open(void)
{
	void *emu = dlopen(EMU, RTLD_NOW | RTLD_LOCAL);

	if (!emu)
		fail_msg("%s", dlerror());
	return emu;
}

static void test_version_and_mark(void **state)
{
	void *emu = emu_open();
	const char *mark = dlsym(emu, "infbpf_emu_runtime");

	(void)state;
	assert_non_null(dlvsym(emu, "cudaMalloc", "libcudart.so.13"));
	assert_non_null(dlvsym(emu, "__cudaRegisterFunction", "libcudart.so.13"));
	assert_null(dlsym(emu, "emu_enter")); /* nothing of the inside shows */
	assert_non_null(mark);
	assert_memory_equal(mark, "infbpf emu ", 11);
}

/* push %rbp first, as in NVIDIA's: the kernel emulates that under a probe instead of stepping. */
static void test_entry_points(void **state)
{
	static const char *const names[] = {
		"cudaMalloc",
		"cudaFree",
		"cudaMemcpy",
		"cudaMemcpyAsync",
		"cudaMemset",
		"cudaMemsetAsync",
		"cudaLaunchKernel",
		"__cudaLaunchKernel",
		"cudaStreamSynchronize",
		"cudaStreamQuery",
		"cudaDeviceSynchronize",
		"cudaEventRecord",
		"cudaEventQuery",
		"cudaEventSynchronize",
		"cudaStreamWaitEvent",
		"cudaHostAlloc",
		"cudaFreeHost",
		"cudaEventElapsedTime",
		"cudaStreamBeginCapture",
		"cudaStreamEndCapture",
		"cudaGraphInstantiate",
		"cudaGraphLaunch",
		"cudaGraphLaunch_ptsz",
	};
	void *emu = emu_open();

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const unsigned char *code = dlsym(emu, names[i]);

		assert_non_null(code);
		if (code[0] != 0x55)
			fail_msg("%s begins with byte %#x", names[i], code[0]);
	}
}

/* cmocka's own skip() gives no reason, and "not ok". */
static void skipped(const char *name, const char *why)
{
	printf("ok - %s # SKIP %s\n", name, why);
	fflush(stdout);
}

int main(void)
{
	const struct CMUnitTest always[] = {
		cmocka_unit_test(test_version_and_mark),
	};
	const struct CMUnitTest toolkit[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_names),
	};
	const struct CMUnitTest x86[] = {
		cmocka_unit_test(test_entry_points),
	};
	bool is_x86 = false;
	int failed = cmocka_run_group_tests(always, NULL, NULL);

#if defined(__x86_64__)
	is_x86 = true;
#endif
	if (is_x86)
		failed += cmocka_run_group_tests(x86, NULL, NULL);
	else
		skipped("test_entry_points", "not x86-64");
	if (abi_values_toolkit) {
		failed += cmocka_run_group_tests(toolkit, NULL, NULL);
	} else {
		skipped("test_header", "no CUDA 13 toolkit to compare the header with");
		skipped("test_names", "no CUDA 13 toolkit to compare the names with");
	}
	return failed;
}
