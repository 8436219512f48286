// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "cuda.h"
#include "symbols/elf.h"

static char dir[] = "/tmp/infbpf-cuda-XXXXXX";

/* A stand-in for libcudart; its entries start as those of real libraries do. */
static const char runtime[] =
	".macro entry name\n.globl \\name\n.type \\name,@function\n\\name:\n.endm\n"
	".text\n"
	"entry cudaLaunchKernel\nlaunch: push %rbp\n mov %rsp,%rbp\n pop %rbp\n ret\n"
	/* As CUDA 13's: a frame set up, left, and a jump. */
	"entry __cudaLaunchKernel\n push %rbp\n mov %rsp,%rbp\n pop %rbp\n jmp launch\n"
	"entry cudaMalloc\n endbr64\n push %rbx\n pop %rbx\n ret\n"
	"entry cudaFree\n sub $8,%rsp\n add $8,%rsp\n ret\n"
	/* Two names of one address. */
	"entry cudaMemcpyAsync\nentry cudaMemcpyAsync_ptsz\n push %r15\n pop %r15\n ret\n"
	"entry cudaNotInTheTable\n push %rbp\n pop %rbp\n ret\n"
	/* Data of a call's name must not be probed. */
	".data\n.globl cudaStreamSynchronize\ncudaStreamSynchronize: .quad 0\n"
	".section .note.GNU-stack,\"\",@progbits\n";

static void write_file(const char *path, const void *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), n);
	close(fd);
}

/* Builds path from source text; kind is the source's ending. */
static bool build(const char *kind, const char *flags, const char *text, const char *path)
{
	char source[256], cmd[1024];

	snprintf(source, sizeof(source), "%s/source.%s", dir, kind);
	write_file(source, text, strlen(text));
	snprintf(cmd, sizeof(cmd), "gcc %s -o '%s' '%s' 2>%s/errors", flags, path, source, dir);
	return system(cmd) == 0;
}

static bool build_runtime(const char *name, const char *soname, const char *more, char *path,
			  size_t len)
{
	char flags[256], text[4096];

	snprintf(path, len, "%s/%s", dir, name);
	snprintf(flags, sizeof(flags), "-shared -nostdlib -Wl,-soname,%s", soname);
	snprintf(text, sizeof(text), "%s%s", runtime, more);
	return build("s", flags, text, path);
}

static const struct cuda_site *site_of(const struct cuda_lib *lib, const char *name)
{
	const struct cuda_site *found = NULL;

	for (size_t i = 0; i < lib->sites_n; i++) {
		if (strcmp(cuda_calls[lib->sites[i].row].name, name) != 0)
			continue;
		assert_null(found); /* once */
		found = &lib->sites[i];
	}
	return found;
}

/* The byte that a probe would replace. */
static uint8_t byte_at(const char *path, uint64_t offset)
{
	uint8_t byte = 0;
	int fd = open(path, O_RDONLY);

	assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
	close(fd);
	return byte;
}

static void check_runtime(const struct cuda_lib *lib, const char *path)
{
	const struct cuda_site *s;

	assert_string_equal(lib->api, "runtime");
	assert_false(lib->is_static);
	assert_string_equal(lib->why, "");
	assert_int_equal(lib->sites_n, 4);
	/* One, not two: __cudaLaunchKernel only jumps there. */
	s = site_of(lib, "cudaLaunchKernel");
	assert_non_null(s);
	assert_false(s->costly);
	assert_int_equal(byte_at(path, s->offset), 0x55);
	assert_int_equal(s->cookie, cuda_call_cookie(s->row, false));
	s = site_of(lib, "cudaMalloc");
	assert_non_null(s);
	assert_false(s->costly);
	assert_int_equal(byte_at(path, s->offset), 0x53);
	s = site_of(lib, "cudaFree");
	assert_non_null(s);
	assert_true(s->costly);
	assert_int_equal(byte_at(path, s->offset), 0x48);
	assert_non_null(site_of(lib, "cudaMemcpyAsync"));
	assert_null(site_of(lib, "cudaStreamSynchronize"));
}

static void library_by_path(void **state)
{
	struct cuda_libs libs = { 0 };
	char path[256];

	(void)state;
	if (!build_runtime("libcudart.so.12.4.127", "libcudart.so.12", "", path, sizeof(path))) {
		print_message("skipped: no gcc here\n");
		skip();
	}
	assert_int_equal(cuda_find_file(path, &libs), 1);
	assert_int_equal(libs.n, 1);
	check_runtime(&libs.libs[0], path);
	assert_false(libs.libs[0].emu);
	assert_string_equal(libs.libs[0].version, "12.4");
	assert_string_equal(libs.libs[0].path, path);
	assert_int_equal(cuda_find_file(path, &libs), 0); /* known by now */
	assert_int_equal(libs.n, 1);
	cuda_libs_free(&libs);
	assert_int_equal(libs.n, 0);
}

static void emu_and_soname(void **state)
{
	struct cuda_libs libs = { 0 };
	char path[256];

	(void)state;
	if (!build_runtime("libcudart-9335f6a2.so", "libcudart.so.13",
			   ".data\n.globl infbpf_emu_runtime\ninfbpf_emu_runtime: .quad 1\n", path,
			   sizeof(path))) {
		print_message("skipped: no gcc here\n");
		skip();
	}
	assert_int_equal(cuda_find_file(path, &libs), 1);
	check_runtime(&libs.libs[0], path);
	assert_true(libs.libs[0].emu);
	assert_string_equal(libs.libs[0].version, "13");
	cuda_libs_free(&libs);
}

static void other_files_are_none(void **state)
{
	struct cuda_libs libs = { 0 };
	char path[256];

	(void)state;
	assert_int_equal(cuda_find_file("/bin/true", &libs), 0);
	assert_int_equal(cuda_find_file("/bin/true", &libs), 0);
	assert_int_equal(libs.without_n, 1);
	assert_int_equal(cuda_find_file("/etc/passwd", &libs), 0);
	assert_int_equal(cuda_find_file("/dev/null", &libs), 0);
	assert_int_equal(cuda_find_file("/nonexistent", &libs), -ENOENT);
	/* By its name alone it is none. */
	if (build_runtime("libcudartist.so.1", "libcudartist.so.1", "", path, sizeof(path)))
		assert_int_equal(cuda_find_file(path, &libs), 1); /* but holds cudaLaunchKernel */
	for (size_t i = 0; i < libs.n; i++)
		assert_true(libs.libs[i].is_static);
	cuda_libs_free(&libs);
}

static void broken_and_empty_libraries_say_why(void **state)
{
	struct cuda_libs libs = { 0 };
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/libcudart.so.1", dir);
	write_file(path, "\177ELF and then nothing", 21);
	assert_int_equal(cuda_find_file(path, &libs), 1);
	assert_int_equal(libs.libs[0].sites_n, 0);
	assert_string_equal(libs.libs[0].why, "cannot be read as ELF");
	cuda_libs_free(&libs);

	snprintf(path, sizeof(path), "%s/libcuda.so.535.129.03", dir);
	if (!build("s", "-shared -nostdlib", ".text\n.globl cuInit\ncuInit: ret\n", path)) {
		print_message("skipped: no gcc here\n");
		skip();
	}
	assert_int_equal(cuda_find_file(path, &libs), 1);
	assert_string_equal(libs.libs[0].api, "driver");
	assert_int_equal(libs.libs[0].sites_n, 0);
	assert_string_equal(libs.libs[0].why, "driver calls are not traced yet");
	assert_string_equal(libs.libs[0].version, "535.129");
	cuda_libs_free(&libs);
}

static void in_a_process_even_deleted(void **state)
{
	struct cuda_libs libs = { 0 };
	char path[256], copy[256];
	void *handle;

	(void)state;
	if (!build_runtime("libcudart.so.13", "libcudart.so.13", "", path, sizeof(path))) {
		print_message("skipped: no gcc here\n");
		skip();
	}
	assert_int_equal(cuda_find_process(getpid(), &libs), 0);
	handle = dlopen(path, RTLD_NOW);
	assert_non_null(handle);
	snprintf(copy, sizeof(copy), "%s/kept", dir);
	assert_int_equal(link(path, copy), 0);
	assert_int_equal(unlink(path), 0);

	assert_int_equal(cuda_find_process(getpid(), &libs), 1);
	assert_string_equal(libs.libs[0].path, path);
	check_runtime(&libs.libs[0], copy);
	assert_int_equal(access(libs.libs[0].open_path, R_OK), 0);
	assert_int_equal(cuda_find_process(getpid(), &libs), 0);
	/* The same file by another path. */
	assert_int_equal(cuda_find_file(libs.libs[0].open_path, &libs), 0);
	cuda_libs_free(&libs);
	dlclose(handle);
	unlink(copy);
	assert_int_equal(cuda_find_process(0x7ffffff0, &libs), -ESRCH);
}

static pid_t start(const char *path)
{
	char byte;
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(ends[1], 1);
		close(ends[1]);
		execl(path, path, NULL);
		_exit(127);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	return pid;
}

static void static_runtime_in_a_program(void **state)
{
	static const char text[] =
		"#include <unistd.h>\n"
		"static __attribute__((noinline)) int cudaLaunchKernel(int x) { return x + getpid(); }\n"
		"static __attribute__((noinline)) int cudaMalloc(int x) { return x - getpid(); }\n"
		"int main() { if (write(1, \"x\", 1) != 1) return 1;\n"
		" pause(); return cudaLaunchKernel(cudaMalloc(1)); }\n";
	struct cuda_libs libs = { 0 };
	char path[256];
	pid_t pid;

	(void)state;
	snprintf(path, sizeof(path), "%s/program", dir);
	if (!build("c", "-O1 -fno-omit-frame-pointer", text, path)) {
		print_message("skipped: no gcc here\n");
		skip();
	}
	pid = start(path);
	assert_int_equal(cuda_find_process(pid, &libs), 1);
	assert_true(libs.libs[0].is_static);
	assert_string_equal(libs.libs[0].path, path);
	assert_int_equal(libs.libs[0].sites_n, 2);
	assert_int_equal(byte_at(path, site_of(&libs.libs[0], "cudaMalloc")->offset), 0x55);
	assert_int_equal(cuda_find_process(pid, &libs), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	cuda_libs_free(&libs);

	/* Stripped, nothing is left to find. */
	assert_true(build("c", "-O1 -s", text, path));
	pid = start(path);
	assert_int_equal(cuda_find_process(pid, &libs), 0);
	assert_int_equal(libs.n, 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	cuda_libs_free(&libs);
}

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

/* Names that the table has for other versions than CUDA 13. */
static bool is_older(const char *name)
{
	return !strcmp(name, "cudaThreadSynchronize") || strstr(name, "_v2");
}

static void check_name(struct elf_file *f, const struct cuda_lib *lib, size_t row, const char *name,
		       bool all)
{
	uint64_t vaddr, offset;

	if (elf_file_dynsym(f, name, &vaddr)) {
		if (all && !is_older(name))
			fail_msg("%s is in the table but not in the library", name);
		return;
	}
	if (!strncmp(name, "__", 2)) /* forwards */
		return;
	assert_int_equal(elf_file_vaddr_to_offset(f, vaddr, &offset), 0);
	for (size_t i = 0; i < lib->sites_n; i++)
		if (lib->sites[i].row == row && lib->sites[i].offset >= offset &&
		    lib->sites[i].offset < offset + 16)
			return;
	fail_msg("no site for %s", name);
}

static void nvidias_runtime(void **state)
{
	struct cuda_libs libs = { 0 };
	struct elf_file *f;
	glob_t found;
	size_t launches = 0;

	(void)state;
	if (glob("/usr/local/cuda/lib*/libcudart.so.*", 0, NULL, &found) &&
	    glob("/usr/local/cuda*/lib*/libcudart.so.*", 0, NULL, &found)) {
		print_message("skipped: no libcudart.so.* under /usr/local/cuda*\n");
		skip();
	}
	assert_int_equal(cuda_find_file(found.gl_pathv[0], &libs), 1);
	print_message("%s: version %s, %zu probes\n", found.gl_pathv[0], libs.libs[0].version,
		      libs.libs[0].sites_n);
	assert_false(libs.libs[0].emu);
	assert_true(libs.libs[0].version[0] != '\0');
	assert_int_equal(elf_file_open(&f, found.gl_pathv[0]), 0);
	for (size_t row = 0; row < cuda_calls_n; row++) {
		bool all = !strncmp(libs.libs[0].version, "13", 2);

		check_name(f, &libs.libs[0], row, cuda_calls[row].name, all);
		for (const char *const *v = cuda_calls[row].variants; *v; v++)
			check_name(f, &libs.libs[0], row, *v, all);
	}
	for (size_t i = 0; i < libs.libs[0].sites_n; i++) {
		assert_false(libs.libs[0].sites[i].costly);
		launches += libs.libs[0].sites[i].row == 0;
	}
	/* cudaLaunchKernel and its _ptsz; the __ ones jump there. */
	assert_int_equal(launches, 2);
	elf_file_close(f);
	globfree(&found);
	cuda_libs_free(&libs);
}

/* What nvcc makes without options: the runtime inside the program. */
static void nvccs_static_runtime(void **state)
{
	struct cuda_libs libs = { 0 };
	char cmd[512], path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/static.cu", dir);
	write_file(path, "int main() { return cudaDeviceSynchronize(); }\n", 47);
	snprintf(cmd, sizeof(cmd),
		 "PATH=$PATH:/usr/local/cuda/bin; nvcc -o %s/static %s/static.cu >%s/errors 2>&1",
		 dir, dir, dir);
	if (system(cmd)) {
		print_message("skipped: no nvcc here\n");
		skip();
	}
	snprintf(path, sizeof(path), "%s/static", dir);
	assert_int_equal(cuda_find_file(path, &libs), 1);
	assert_true(libs.libs[0].is_static);
	print_message("%zu probes\n", libs.libs[0].sites_n);
	assert_non_null(site_of(&libs.libs[0], "cudaDeviceSynchronize"));
	cuda_libs_free(&libs);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char cmd[64];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(library_by_path),
		cmocka_unit_test(emu_and_soname),
		cmocka_unit_test(other_files_are_none),
		cmocka_unit_test(broken_and_empty_libraries_say_why),
		cmocka_unit_test(in_a_process_even_deleted),
		cmocka_unit_test(static_runtime_in_a_program),
		cmocka_unit_test(where_probes_go),
		cmocka_unit_test(random_code_is_decoded_in_bounds),
		cmocka_unit_test(forwarders),
		cmocka_unit_test(nvidias_runtime),
		cmocka_unit_test(nvccs_static_runtime),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
