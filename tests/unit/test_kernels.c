/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What was launched, by name: names that the program gave, this program's own symbols, graphs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "cuda.h"
#include "kernels.h"
#include "symbols/symbols.h"

/* As nvcc names the launch stub of saxpy<float>(float *, float). */
void launch_stub(void) __asm__("_ZL38__device_stub__ZN3gpu5saxpyIfEEvPT_S1_RPfRf");
__attribute__((noinline)) void launch_stub(void)
{
	__asm__ volatile("nop\n nop");
}
void plain_stub(void) __asm__("__device_stub__argmax_kernel");
__attribute__((noinline)) void plain_stub(void)
{
	__asm__ volatile("nop\n nop");
}

static unsigned int number_of(const char *call)
{
	for (size_t i = 0; i < cuda_calls_n; i++)
		if (!strcmp(cuda_calls[i].name, call))
			return i + 1;
	fail_msg("no %s", call);
	return 0;
}

struct fixture {
	struct symbols *symbols;
	struct kernels *kernels;
};

static int setup(void **state)
{
	static struct fixture f;
	const struct symbols_options options = { .local = true };

	assert_int_equal(symbols_open(&f.symbols, &options), 0);
	f.kernels = kernels_new(f.symbols);
	assert_non_null(f.kernels);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kernels_free(f->kernels);
	symbols_close(f->symbols);
	return 0;
}

static struct launch_key key_of(const char *call, const void *site, uint64_t object)
{
	return (struct launch_key){ .tgid = (uint32_t)getpid(),
				    .site = (uint64_t)(uintptr_t)site + 1,
				    .object = object,
				    .call = (uint16_t)number_of(call) };
}

static void expect_kernel(struct fixture *f, const struct launch_key *key, const char *kernel)
{
	struct kernels_label label;

	assert_int_equal(kernels_launch(f->kernels, key), 0);
	assert_int_equal(kernels_describe(f->kernels, key, &label), 0);
	assert_string_equal(label.kernel, kernel);
	assert_false(label.graph);
}

static void give_name(struct fixture *f, uint64_t object, uint64_t alias, const char *name)
{
	struct rec_name r = { .tgid = (uint32_t)getpid(), .object = object, .alias = alias };

	snprintf(r.name, sizeof(r.name), "%s", name);
	assert_int_equal(kernels_name(f->kernels, &r), 0);
}

/* CUDA 13: the object is a handle; the launch comes from the stub. */
static void by_site(void **state)
{
	struct launch_key key = key_of("cudaLaunchKernel", launch_stub, 0x1234);

	expect_kernel(*state, &key, "gpu::saxpy<float>");
	key = key_of("cudaLaunchKernel", plain_stub, 0x1234);
	expect_kernel(*state, &key, "argmax_kernel");
}

/* Before: the object is the stub's address, wherever the launch comes from. */
static void by_object(void **state)
{
	struct launch_key key = key_of("cudaLaunchKernel", setup, (uint64_t)(uintptr_t)launch_stub);

	expect_kernel(*state, &key, "gpu::saxpy<float>");
}

static void by_given_name(void **state)
{
	struct launch_key key = key_of("cuLaunchKernel", plain_stub, 0x5000);
	static const char elsewhere[] = "elsewhere";
	struct rec_name address = { .tgid = (uint32_t)getpid(), .object = 0x7000 };
	char cut[REC_NAME_BYTES];

	give_name(*state, 0x5000, 0, "_ZN3gpu4gemmIfEEvPT_");
	expect_kernel(*state, &key, "gpu::gemm<float>");
	/* A handle for another object's function. */
	give_name(*state, 0x6000, 0x5000, "");
	key.object = 0x6000;
	expect_kernel(*state, &key, "gpu::gemm<float>");
	/* Handles are used again. */
	give_name(*state, 0x5000, 0, "other;kernel");
	expect_kernel(*state, &key, "other:kernel");
	/* One that leads to itself, and one that leads nowhere. */
	give_name(*state, 0x7000, 0x7000, "");
	key.object = 0x7000;
	expect_kernel(*state, &key, "argmax_kernel");
	give_name(*state, 0x7000, 0x8888, "");
	expect_kernel(*state, &key, "argmax_kernel");
	/* One that is still to be read from the process. */
	address.address = (uint64_t)(uintptr_t)elsewhere;
	assert_int_equal(kernels_name(((struct fixture *)*state)->kernels, &address), 0);
	expect_kernel(*state, &key, "elsewhere");
	/* A name that did not fit its record could not be demangled. */
	memset(cut, 'x', sizeof(cut));
	cut[sizeof(cut) - 1] = '\0';
	give_name(*state, 0x7000, 0, cut);
	expect_kernel(*state, &key, "argmax_kernel");
}

static void graphs(void **state)
{
	struct fixture *f = *state;
	struct launch_key first = key_of("cudaGraphLaunch", setup, 0x9000);
	struct launch_key second = key_of("cudaGraphLaunch", teardown, 0xa000);
	struct launch_key again = key_of("cudaGraphLaunch", teardown, 0x9000);
	struct kernels_label label;

	assert_int_equal(kernels_launch(f->kernels, &first), 0);
	assert_int_equal(kernels_launch(f->kernels, &second), 0);
	assert_int_equal(kernels_launch(f->kernels, &again), 0);
	assert_int_equal(kernels_describe(f->kernels, &second, &label), 0);
	assert_true(label.graph);
	assert_string_equal(label.kernel, "CUDA graph 2");
	assert_string_equal(label.site, "teardown");
	assert_int_equal(kernels_describe(f->kernels, &again, &label), 0);
	assert_string_equal(label.kernel, "CUDA graph 1");
}

/* Names are bounded; those that do not fit are counted. */
static void too_many(void **state)
{
	struct fixture *f = *state;
	char name[400];

	memset(name, 'y', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	for (uint64_t i = 1; i < 200000 && !kernels_lost(f->kernels); i++)
		give_name(f, i, 0, name);
	assert_int_equal(kernels_lost(f->kernels), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(by_site, setup, teardown),
		cmocka_unit_test_setup_teardown(by_object, setup, teardown),
		cmocka_unit_test_setup_teardown(by_given_name, setup, teardown),
		cmocka_unit_test_setup_teardown(graphs, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
