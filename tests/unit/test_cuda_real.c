// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* NVIDIA's own files, where they are installed. */
#define _GNU_SOURCE
#include <glob.h>
#include "cuda_files.h"
#include "symbols/elf.h"

/* The first file of that name. Without one the test is skipped. */
static void nvidias(const char *name, char *path)
{
	char pattern[256];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "/usr/local/cuda*/lib*/%s", name);
	if (glob(pattern, 0, NULL, &found)) {
		print_message("skipped: no %s\n", pattern);
		skip();
	}
	snprintf(path, 256, "%s", found.gl_pathv[0]);
	globfree(&found);
}

/* Compiles text in the folder with nvcc. Without it the test is skipped. */
static void nvcc(const char *options, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/source.cu", dir);
	write_file(path, text, strlen(text));
	if (!shell("PATH=$PATH:/usr/local/cuda/bin; command -v nvcc >/dev/null")) {
		print_message("skipped: no nvcc here\n");
		skip();
	}
	assert_true(shell("PATH=$PATH:/usr/local/cuda/bin; nvcc %s source.cu", options));
}

/* An exported name has a site, or its function only jumps to another of that call. */
static void check_name(struct elf_file *f, const struct cuda_lib *lib, size_t row, const char *name)
{
	uint64_t vaddr, offset;
	uint8_t code[32];
	int64_t to;
	int n;

	if (elf_file_dynsym(f, name, &vaddr))
		return;
	assert_int_equal(elf_file_vaddr_to_offset(f, vaddr, &offset), 0);
	for (size_t i = 0; i < lib->sites_n; i++)
		if (lib->sites[i].row == row && lib->sites[i].offset >= offset &&
		    lib->sites[i].offset < offset + 16)
			return;
	n = elf_file_read(f, vaddr, code, sizeof(code));
	if (n <= 0 || !cuda_probe_forwards(code, n, &to))
		fail_msg("no site for %s", name);
}

static void runtime_library(void **state)
{
	struct found f = { 0 };
	struct elf_file *elf;
	size_t launches = 0;
	char path[256];

	(void)state;
	nvidias("libcudart.so.*", path);
	assert_int_equal(find_file(&f, path), 1);
	print_message("%s: version %s, %zu probes\n", path, f.lib->version, f.lib->sites_n);
	assert_false(f.lib->emu);
	assert_false(f.lib->is_static);
	assert_true(f.lib->version[0] != '\0');
	assert_int_equal(elf_file_open(&elf, path), 0);
	for (size_t row = 0; row < cuda_calls_n; row++) {
		if (cuda_calls[row].api != API_RUNTIME)
			continue;
		check_name(elf, f.lib, row, cuda_calls[row].name);
		for (const char *const *v = cuda_calls[row].variants; *v; v++)
			check_name(elf, f.lib, row, *v);
	}
	for (size_t i = 0; i < f.lib->sites_n; i++) {
		assert_false(f.lib->sites[i].costly);
		if (strcmp(cuda_calls[f.lib->sites[i].row].name, "cudaLaunchKernel") == 0)
			launches += f.lib->sites[i].cookie & COOKIE_PER_THREAD ? 100 : 1;
	}
	/* cudaLaunchKernel and its _ptsz; the __ ones jump there. */
	assert_int_equal(launches, 101);
	elf_file_close(elf);
	found_free(&f);
}

/* cuBLAS, cuDNN: a runtime inside, its names gone. */
static void libraries_with_stripped_runtimes(void **state)
{
	static const char *const libraries[] = { "libcublas.so.*", "libcublasLt.so.*",
						 "libcudnn_ops.so.*", "libcurand.so.*" };
	struct found f = { 0 };
	char path[256];

	(void)state;
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		nvidias(libraries[i], path);
		assert_int_equal(find_file(&f, path), 1);
		assert_true(f.lib->stripped);
		assert_int_equal(f.lib->sites_n, 0);
	}
	/* Gigabytes of device code, of which nothing is read. */
	assert_true(f.files.read < 16 << 20);
	found_free(&f);
}

static void nccl(void **state)
{
	struct found f = { 0 };
	size_t runtime_n = 0, nccl_n = 0;
	char path[256];

	(void)state;
	nvidias("libnccl.so.*", path);
	assert_int_equal(find_file(&f, path), 1);
	assert_int_equal(f.lib->api, API_NCCL);
	for (size_t i = 0; i < f.lib->sites_n; i++) {
		runtime_n += COOKIE_API(f.lib->sites[i].cookie) == API_RUNTIME;
		nccl_n += COOKIE_API(f.lib->sites[i].cookie) == API_NCCL;
	}
	print_message("%s: %zu of NCCL, %zu of its runtime\n", path, nccl_n, runtime_n);
	assert_non_null(site_of(f.lib, "ncclAllReduce"));
	assert_true(f.lib->stripped ? runtime_n == 0 : runtime_n > 0);
	found_free(&f);
}

static const char kernel[] = "__global__ void k() {}\n"
			     "int main() { k<<<1, 1>>>(); return cudaDeviceSynchronize(); }\n";

/* What nvcc makes without options: the runtime inside the program, or inside a library. */
static void static_runtimes(void **state)
{
	static const struct {
		const char *options, *name;
	} cases[] = {
		{ "-o static", "static" },
		{ "-shared -Xcompiler -fPIC --default-stream per-thread -o static.so",
		  "static.so" },
	};
	struct found f = { 0 };
	char path[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		nvcc(cases[i].options, kernel);
		snprintf(path, sizeof(path), "%s/%s", dir, cases[i].name);
		assert_int_equal(find_file(&f, path), 1);
		assert_true(f.lib->is_static);
		assert_false(f.lib->stripped);
		print_message("%zu probes\n", f.lib->sites_n);
		assert_non_null(site_of(f.lib, "cudaDeviceSynchronize"));
		found_free(&f);
		assert_true(shell("strip %s", cases[i].name));
		assert_int_equal(find_file(&f, path), 1);
		assert_true(f.lib->stripped);
		assert_int_equal(f.lib->sites_n, 0);
		found_free(&f);
	}
	/* Linked with the shared one it holds none, only the helpers that nvcc puts around a launch. */
	nvcc("-cudart shared -o shared", kernel);
	snprintf(path, sizeof(path), "%s/shared", dir);
	assert_int_equal(find_file(&f, path), 0);
	assert_true(shell("strip shared"));
	assert_int_equal(find_file(&f, path), 0);
	found_free(&f);
}

/* No kernel, but calls: the runtime is whole all the same. */
static void static_runtime_without_kernels(void **state)
{
	struct found f = { 0 };
	char path[256];

	(void)state;
	nvcc("-Xlinker --gc-sections -o copies",
	     "int main() { return cudaMemcpy(0, 0, 0, cudaMemcpyDefault); }\n");
	snprintf(path, sizeof(path), "%s/copies", dir);
	assert_int_equal(find_file(&f, path), 1);
	assert_true(f.lib->is_static);
	found_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runtime_library),
		cmocka_unit_test(libraries_with_stripped_runtimes),
		cmocka_unit_test(nccl),
		cmocka_unit_test(static_runtimes),
		cmocka_unit_test(static_runtime_without_kernels),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
