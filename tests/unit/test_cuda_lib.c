// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is found in one file: by name, by what is in it. */
#define _GNU_SOURCE
#include <errno.h>
#include "cuda_files.h"

#define SHARED "-shared -nostdlib "

static void names(void **state)
{
	static const struct {
		const char *path;
		int api;
	} cases[] = {
		{ "/usr/local/cuda/lib64/libcudart.so.13", API_RUNTIME },
		{ "libcudart.so", API_RUNTIME },
		{ "/opt/conda/lib/libcudart.so.12.4.127", API_RUNTIME },
		{ "/w/torch.libs/libcudart-9335f6a2.so.12", API_RUNTIME },
		{ "/usr/lib/libcuda.so.1", API_DRIVER },
		{ "libcuda.so.535.129.03", API_DRIVER },
		{ "libnccl.so.2", API_NCCL },
		{ "libnccl-0123abcd.so.2", API_NCCL },
		{ "libnccl-net.so", -1 },
		{ "libcudart-static.so", -1 },
		{ "libcudartist.so.1", -1 },
		{ "libcudart.sofa", -1 },
		{ "libcuda", -1 },
		{ "libcudadebugger.so.1", -1 },
		{ "/libcudart.so.13/program", -1 },
		{ "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (cuda_lib_api(cases[i].path) != cases[i].api)
			fail_msg("%s: %d", cases[i].path, cuda_lib_api(cases[i].path));
}

static void library_by_path(void **state)
{
	struct found f = { 0 };
	char path[256];

	(void)state;
	build("s", SHARED "-Wl,-soname,libcudart.so.12", runtime, "libcudart.so.12.4.127", path);
	assert_int_equal(find_file(&f, path), 1);
	assert_int_equal(f.files.n, 1);
	check_runtime(f.lib, path);
	assert_false(f.lib->is_static);
	assert_false(f.lib->emu);
	assert_string_equal(f.lib->version, "12.4");
	assert_string_equal(f.lib->path, path);
	assert_int_equal(find_file(&f, path), 0); /* known by now */
	assert_int_equal(f.files.n, 1);
	found_free(&f);
}

static void emu_and_soname(void **state)
{
	struct found f = { 0 };
	char path[256], text[4096];

	(void)state;
	snprintf(text, sizeof(text),
		 "%s.data\n.globl infbpf_emu_runtime\ninfbpf_emu_runtime: .quad 1\n", runtime);
	build("s", SHARED "-Wl,-soname,libcudart.so.13", text, "libcudart-9335f6a2.so", path);
	assert_int_equal(find_file(&f, path), 1);
	check_runtime(f.lib, path);
	assert_true(f.lib->emu);
	assert_string_equal(f.lib->version, "13");
	found_free(&f);
}

static void other_files_are_none(void **state)
{
	struct found f = { 0 };

	(void)state;
	assert_int_equal(find_file(&f, "/bin/true"), 0);
	assert_int_equal(find_file(&f, "/bin/true"), 0);
	assert_int_equal(f.files.without.n, 1);
	assert_int_equal(find_file(&f, "/etc/passwd"), 0);
	assert_int_equal(find_file(&f, "/dev/null"), 0);
	assert_int_equal(cuda_find_file("/nonexistent", &f.files, &f.process), -ENOENT);
	assert_int_equal(f.files.n, 0);
	found_free(&f);
}

/* By its name it is none, but it holds cudaLaunchKernel: exported, local, and neither. */
static void static_runtimes(void **state)
{
	static const char local[] =
		"static __attribute__((noinline)) int cudaLaunchKernel(int x) { return x + 1; }\n"
		"int run(int x); int run(int x) { return cudaLaunchKernel(x) * 2; }\n";
	struct found f = { 0 };
	char path[256];

	(void)state;
	build("s", SHARED, runtime, "libcudartist.so.1", path);
	assert_int_equal(find_file(&f, path), 1);
	check_runtime(f.lib, path);
	assert_true(f.lib->is_static);
	assert_true(shell("strip libcudartist.so.1 && touch -d tomorrow libcudartist.so.1"));
	found_free(&f);
	assert_int_equal(find_file(&f, path), 1);
	check_runtime(f.lib, path);
	found_free(&f);

	build("c", "-shared -fPIC -O1", local, "extension.so", path);
	assert_int_equal(find_file(&f, path), 1);
	assert_true(f.lib->is_static);
	assert_int_equal(f.lib->sites_n, 1);
	found_free(&f);
	assert_true(shell("strip extension.so"));
	assert_int_equal(find_file(&f, path), 0);
	found_free(&f);
}

/* The name is in both symbol tables of each, but the code is elsewhere. */
static void importers_are_none(void **state)
{
	static const char caller[] =
		"int cudaLaunchKernel(int); int (*volatile f)(int) = cudaLaunchKernel;\n"
		"int main() { return f(1); }\n";
	static const char resolver[] =
		"static int real(void) { return 1; }\n"
		"static void *choose(void) { return real; }\n"
		"int cudaLaunchKernel() __attribute__((ifunc(\"choose\")));\n";
	struct found f = { 0 };
	char path[256];

	(void)state;
	build("s", SHARED, runtime, "libcudart.so", path);
	/* Its address is that of a PLT entry, which the symbol has although it is undefined. */
	build("c", "-fno-pie -no-pie -L. -lcudart -fcf-protection=full", caller, "caller", path);
	assert_int_equal(find_file(&f, path), 0);
	build("c", "-fPIC -shared -L. -lcudart", caller, "caller.so", path);
	assert_int_equal(find_file(&f, path), 0);
	/* What chooses the function at load time is not the function. */
	build("c", "-fPIC -shared", resolver, "resolver.so", path);
	assert_int_equal(find_file(&f, path), 0);
	assert_int_equal(f.files.without.n, 3);
	found_free(&f);
}

static void broken_and_empty_libraries_say_why(void **state)
{
	struct found f = { 0 };
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/libcudart.so.1", dir);
	write_file(path, "\177ELF and then nothing", 21);
	assert_int_equal(find_file(&f, path), 1);
	assert_int_equal(f.lib->sites_n, 0);
	assert_string_equal(f.lib->why, "cannot be read as ELF");
	found_free(&f);

	build("s", SHARED, ".text\n.globl cuNothing\ncuNothing: ret\n" NO_STACK,
	      "libcuda.so.535.129.03", path);
	assert_int_equal(find_file(&f, path), 1);
	assert_int_equal(f.lib->api, API_DRIVER);
	assert_int_equal(f.lib->sites_n, 0);
	assert_string_equal(f.lib->why, "exports none of the calls infbpf knows");
	assert_string_equal(f.lib->version, "535.129");
	found_free(&f);
}

static void driver_and_nccl(void **state)
{
	static const char driver[] =
		ENTRY "entry cuLaunchKernel\n push %rbp\n pop %rbp\n ret\n"
		      "entry cuLaunchKernel_ptsz\n push %r15\n pop %r15\n ret\n"
		      "entry cudaLaunchKernel\n push %rbp\n pop %rbp\n ret\n" NO_STACK;
	static const char nccl[] = ENTRY "entry ncclAllReduce\n push %rbp\n pop %rbp\n ret\n"
					 "cudaLaunchKernel: push %rbp\n pop %rbp\n ret\n" NO_STACK;
	const struct cuda_site *s;
	struct found f = { 0 };
	size_t per_thread = 0;
	char path[256];

	(void)state;
	build("s", SHARED, driver, "libcuda.so.1", path);
	assert_int_equal(find_file(&f, path), 1);
	assert_false(f.lib->is_static);
	assert_string_equal(f.lib->version, "1");
	assert_int_equal(f.lib->sites_n, 2);
	for (size_t i = 0; i < 2; i++) {
		s = &f.lib->sites[i];
		assert_string_equal(cuda_calls[s->row].name, "cuLaunchKernel");
		assert_int_equal(COOKIE_API(s->cookie), API_DRIVER);
		per_thread += !!(s->cookie & COOKIE_PER_THREAD);
		assert_int_equal(byte_at(path, s->offset),
				 s->cookie & COOKIE_PER_THREAD ? 0x41 : 0x55);
	}
	assert_int_equal(per_thread, 1);
	found_free(&f);

	/* NVIDIA's has a runtime in it. */
	build("s", SHARED, nccl, "libnccl.so.2", path);
	assert_int_equal(find_file(&f, path), 1);
	assert_int_equal(f.lib->api, API_NCCL);
	assert_true(f.lib->is_static);
	assert_non_null(site_of(f.lib, "ncclAllReduce"));
	assert_non_null(site_of(f.lib, "cudaLaunchKernel"));
	found_free(&f);
}

/* Device code in a file, as nvcc puts it there. */
#define FATBIN ".section .nvFatBinSegment,\"aw\"\n.quad 0\n" NO_STACK

static void stripped_static_runtimes(void **state)
{
	static const char hidden[] = ENTRY "entry run\n push %rbp\n pop %rbp\n ret\n" FATBIN;
	static const char imports[] =
		ENTRY "entry run\n call __cudaRegisterFatBinary@plt\n ret\n" FATBIN;
	struct found f = { 0 };
	char path[256];

	(void)state;
	build("s", SHARED "-s", hidden, "libcublas.so.13", path);
	assert_int_equal(find_file(&f, path), 1);
	assert_true(f.lib->stripped);
	assert_true(f.lib->is_static);
	assert_int_equal(f.lib->sites_n, 0);
	assert_string_equal(f.lib->why, "a stripped static runtime");
	found_free(&f);

	/* Its runtime is another file's: it says so, or only uses it. */
	build("s", SHARED "-Wl,-soname,libcudart.so.13", runtime, "libcudart.so", path);
	build("s", SHARED "-s -Wl,--no-as-needed -L. -lcudart", hidden, "libneeds.so", path);
	assert_int_equal(find_file(&f, path), 0);
	build("s", SHARED "-s", imports, "libimports.so", path);
	assert_int_equal(find_file(&f, path), 0);
	/* A driver with device code of its own has no runtime. */
	build("s", SHARED, hidden, "libcuda.so.1", path);
	assert_int_equal(find_file(&f, path), 1);
	assert_false(f.lib->stripped);
	found_free(&f);
}

/* Control-flow enforcement puts endbr64 first, which the kernel would single-step. */
static void cet_builds(void **state)
{
	static const char text[] =
		"int cudaLaunchKernel(int x) { return x; }\nint cudaMalloc(int x) { return x; }\n";
	struct found f = { 0 };
	char path[256];

	(void)state;
	build("c", "-shared -fPIC -O0 -fcf-protection=full", text, "libcudart.so.13", path);
	assert_int_equal(find_file(&f, path), 1);
	assert_int_equal(f.lib->sites_n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_false(f.lib->sites[i].costly);
		assert_int_equal(byte_at(path, f.lib->sites[i].offset), 0x55);
		assert_int_equal(byte_at(path, f.lib->sites[i].offset - 4), 0xf3);
	}
	found_free(&f);
}

/* One function under the names of two calls, and one that jumps to another call's. */
static void names_of_two_calls(void **state)
{
	static const char text[] =
		ENTRY "entry cudaMalloc\nentry cudaMallocManaged\n push %rbp\n pop %rbp\n ret\n"
		      "entry cudaStreamSynchronize\nsync: push %rbp\n pop %rbp\n ret\n"
		      "entry cudaDeviceSynchronize\n jmp sync\n" NO_STACK;
	const struct cuda_site *a, *b;
	struct found f = { 0 };
	char path[256];

	(void)state;
	build("s", SHARED, text, "libcudart.so.13", path);
	assert_int_equal(find_file(&f, path), 1);
	assert_int_equal(f.lib->sites_n, 4);
	a = site_of(f.lib, "cudaMalloc");
	b = site_of(f.lib, "cudaMallocManaged");
	assert_int_equal(a->offset, b->offset);
	a = site_of(f.lib, "cudaStreamSynchronize");
	b = site_of(f.lib, "cudaDeviceSynchronize");
	assert_int_equal(a->leads, 0);
	assert_int_equal(b->leads, a->row + 1);
	found_free(&f);
}

/* Code that is no code: beyond the file, in another segment's address, in a section of data within an
 * executable segment. */
static void symbols_outside_code(void **state)
{
	static const char text[] = ENTRY
		"entry cudaLaunchKernel\n push %rbp\n pop %rbp\n ret\n"
		".globl cudaMalloc\n.type cudaMalloc,@function\n.set cudaMalloc,0x77777000\n"
		".section .rodata\nentry cudaFree\n .quad 0\n"
		".bss\n.globl cudaMemset\n.type cudaMemset,@function\ncudaMemset: .skip 64\n" NO_STACK;
	struct found f = { 0 };
	char path[256];

	(void)state;
	/* One segment for code and constants. */
	build("s", SHARED "-Wl,-z,noseparate-code", text, "libcudart.so.13", path);
	assert_int_equal(find_file(&f, path), 1);
	assert_int_equal(f.lib->sites_n, 1);
	assert_non_null(site_of(f.lib, "cudaLaunchKernel"));
	found_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(library_by_path),
		cmocka_unit_test(emu_and_soname),
		cmocka_unit_test(other_files_are_none),
		cmocka_unit_test(static_runtimes),
		cmocka_unit_test(importers_are_none),
		cmocka_unit_test(broken_and_empty_libraries_say_why),
		cmocka_unit_test(driver_and_nccl),
		cmocka_unit_test(stripped_static_runtimes),
		cmocka_unit_test(cet_builds),
		cmocka_unit_test(names_of_two_calls),
		cmocka_unit_test(symbols_outside_code),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
