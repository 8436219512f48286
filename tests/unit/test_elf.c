// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "symbols/elf.h"

static char dir[] = "/tmp/infbpf-elf-XXXXXX";

/* A small program: sized functions, one without a size, an alias, a label inside. */
static const char program[] =
	"int first(int x) { return x + 1; }\n"
	"int __alias_of_first(int) __attribute__((alias(\"first\")));\n"
	"__asm__(\".text\\n.globl no_size\\n.type no_size,@function\\nno_size: nop\\nnop\\nret\\n\"\n"
	"        \".globl after\\n.type after,@function\\nafter: nop\\nret\\n.size after,.-after\\n\"\n"
	"        \".fill 64,1,0x90\\n\");\n"
	"int data = 7;\n"
	"int main(void) { return first(data) - 8; }\n";

static bool build(const char *flags, const char *name, char *path, size_t len)
{
	char cmd[1024];
	FILE *f;

	snprintf(path, len, "%s/%s", dir, name);
	snprintf(cmd, sizeof(cmd), "gcc -x c -O1 %s -o '%s' - 2>%s/errors", flags, path, dir);
	f = popen(cmd, "we");
	if (!f)
		return false;
	fputs(program, f);
	return pclose(f) == 0;
}

static uint64_t vaddr_of(struct elf_file *f, const char *name, uint64_t *size)
{
	const struct elf_function *fn;
	size_t n;

	assert_int_equal(elf_file_functions(f, &fn, &n), 0);
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(fn[i].name, name)) {
			*size = fn[i].size;
			return fn[i].vaddr;
		}
	}
	fail_msg("no symbol %s", name);
	return 0;
}

static void check_program(const char *flags, uint16_t type)
{
	uint64_t first, first_size, no_size, size, after, offset, vaddr;
	const struct elf_function *fn, *hit;
	uint8_t code[64], same[64];
	struct elf_file *f;
	char path[256];
	Elf64_Ehdr eh;
	size_t n;
	int fd;

	if (!build(flags, "program", path, sizeof(path))) {
		print_message("skipped: gcc does not build with %s here\n", flags);
		skip();
	}
	assert_int_equal(elf_file_open(&f, path), 0);
	fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, &eh, sizeof(eh)), sizeof(eh));
	assert_int_equal(eh.e_type, type);

	first = vaddr_of(f, "first", &first_size);
	assert_true(first_size > 0 && first_size < 64);
	assert_int_equal(vaddr_of(f, "__alias_of_first", &size), first);
	no_size = vaddr_of(f, "no_size", &size);
	after = vaddr_of(f, "after", &size);
	assert_int_equal(size, 2);
	assert_int_equal(after, no_size + 3);
	assert_int_equal(vaddr_of(f, "no_size", &size), no_size);
	assert_int_equal(size, 3);

	assert_int_equal(elf_file_functions(f, &fn, &n), 0);
	for (size_t i = 1; i < n; i++)
		assert_true(fn[i - 1].vaddr <= fn[i].vaddr);
	hit = elf_function_find(fn, n, first + first_size - 1);
	assert_non_null(hit);
	assert_string_equal(hit->name, "first");
	assert_string_equal(elf_function_find(fn, n, no_size + 2)->name, "no_size");
	assert_string_equal(elf_function_find(fn, n, after + 1)->name, "after");
	/* Past the end of a sized symbol is nobody's code. */
	assert_null(elf_function_find(fn, n, after + 2));
	assert_null(elf_function_find(fn, n, 0));
	assert_null(elf_function_find(fn, n, UINT64_MAX));

	assert_int_equal(elf_file_vaddr_to_offset(f, first, &offset), 0);
	assert_int_equal(elf_file_offset_to_vaddr(f, offset, &vaddr), 0);
	assert_int_equal(vaddr, first);
	assert_true(elf_file_is_code(f, first));
	assert_int_equal(elf_file_read(f, first, code, first_size), first_size);
	assert_int_equal(pread(fd, same, first_size, offset), first_size);
	assert_memory_equal(code, same, first_size);
	assert_int_equal(elf_file_vaddr_to_offset(f, UINT64_MAX, &offset), -ENOENT);
	assert_int_equal(elf_file_offset_to_vaddr(f, UINT64_MAX, &vaddr), -ENOENT);
	assert_int_equal(elf_file_read(f, UINT64_MAX, code, 1), -ENOENT);

	assert_true(elf_file_table_bytes(f) > 0);
	elf_file_drop_tables(f);
	assert_int_equal(elf_file_table_bytes(f), 0);
	assert_int_equal(vaddr_of(f, "after", &size), after);
	close(fd);
	elf_file_close(f);
}

static void pie(void **state)
{
	(void)state;
	check_program("-fPIE -pie", ET_DYN);
}

static void not_pie(void **state)
{
	(void)state;
	check_program("-fno-pie -no-pie", ET_EXEC);
}

static void stripped_has_no_functions(void **state)
{
	const struct elf_function *fn;
	struct elf_file *f;
	char path[256];
	size_t n;

	(void)state;
	if (!build("-s", "stripped", path, sizeof(path))) {
		print_message("skipped: no gcc here\n");
		skip();
	}
	assert_int_equal(elf_file_open(&f, path), 0);
	assert_int_equal(elf_file_functions(f, &fn, &n), 0);
	for (size_t i = 0; i < n; i++)
		assert_string_not_equal(fn[i].name, "first");
	elf_file_close(f);
}

static void shared_library(void **state)
{
	char path[256], id[64], soname[64], tiny[4];
	const struct elf_function *syms;
	struct elf_file *f;
	uint64_t vaddr, size;
	size_t n;

	(void)state;
	if (!build("-fPIC -shared -s -Wl,-soname,libodd.so.3 -Wl,--build-id=0x0123456789abcdef",
		   "libodd.so.3", path, sizeof(path))) {
		print_message("skipped: no gcc here\n");
		skip();
	}
	assert_int_equal(elf_file_open(&f, path), 0);
	assert_int_equal(elf_file_dynsym(f, "first", &vaddr), 0);
	assert_int_equal(vaddr_of(f, "first", &size), vaddr);
	assert_int_equal(elf_file_dynsym(f, "data", &vaddr), 0);
	assert_false(elf_file_is_code(f, vaddr));
	assert_int_equal(elf_file_dynsym(f, "nothing", &vaddr), -ENOENT);
	assert_int_equal(elf_file_dynsyms(f, &syms, &n), 0);
	assert_true(n >= 5);
	assert_int_equal(elf_file_soname(f, soname, sizeof(soname)), 0);
	assert_string_equal(soname, "libodd.so.3");
	assert_int_equal(elf_file_soname(f, tiny, sizeof(tiny)), -ENAMETOOLONG);
	assert_int_equal(elf_file_build_id(f, id, sizeof(id)), 0);
	assert_string_equal(id, "0123456789abcdef");
	assert_int_equal(elf_file_build_id(f, tiny, sizeof(tiny)), -ENAMETOOLONG);
	elf_file_close(f);
}

static void no_soname_no_build_id(void **state)
{
	char path[256], buf[64];
	struct elf_file *f;

	(void)state;
	if (!build("-Wl,--build-id=none", "plain", path, sizeof(path))) {
		print_message("skipped: no gcc here\n");
		skip();
	}
	assert_int_equal(elf_file_open(&f, path), 0);
	assert_int_equal(elf_file_soname(f, buf, sizeof(buf)), -ENOENT);
	assert_int_equal(elf_file_build_id(f, buf, sizeof(buf)), -ENOENT);
	elf_file_close(f);
}

static void not_elf(void **state)
{
	struct elf_file *f = (void *)1;
	char path[256];

	(void)state;
	assert_int_equal(elf_file_open(&f, "/nonexistent"), -ENOENT);
	assert_null(f);
	assert_int_equal(elf_file_open(&f, "/etc/passwd"), -ENOEXEC);
	assert_int_equal(elf_file_open(&f, "/dev/null"), -ENOEXEC);
	assert_int_equal(elf_file_open(&f, "/tmp"), -ENOEXEC);
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(elf_file_open(&f, path), -ENOEXEC);
	assert_null(f);
}

static void other_machines_are_refused(void **state)
{
	/* What has to agree, and where it is. */
	static const struct {
		size_t at;
		uint8_t value;
	} odd[] = {
		{ EI_CLASS, ELFCLASS32 },
		{ EI_DATA, ELFDATA2MSB },
		{ offsetof(Elf64_Ehdr, e_machine), EM_SPARC },
	};
	uint8_t whole[65536];
	ssize_t n;
	int fd;

	(void)state;
	fd = open("/bin/true", O_RDONLY);
	n = read(fd, whole, sizeof(whole));
	assert_true(n > 4096);
	close(fd);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		uint8_t was = whole[odd[i].at];
		struct elf_file *f;

		fd = memfd_create("odd", MFD_CLOEXEC);
		whole[odd[i].at] = odd[i].value;
		assert_int_equal(write(fd, whole, n), n);
		whole[odd[i].at] = was;
		assert_int_equal(elf_file_open_fd(&f, fd), -ENOEXEC);
	}
}

/* Everything the interface offers, on a file that may be broken. Any answer will do. */
static void ask_everything(int fd)
{
	const struct elf_function *fn;
	struct elf_file *f;
	uint64_t vaddr = 0, offset = 0;
	uint8_t code[16];
	char buf[128];
	size_t n;

	if (elf_file_open_fd(&f, fd))
		return;
	if (!elf_file_functions(f, &fn, &n)) {
		for (size_t i = 0; i < n; i++) {
			assert_true(strnlen(fn[i].name, 1 << 20) > 0);
			assert_true(!i || fn[i - 1].vaddr <= fn[i].vaddr);
			elf_file_vaddr_to_offset(f, fn[i].vaddr, &offset);
			elf_file_offset_to_vaddr(f, offset, &vaddr);
			elf_function_find(fn, n, fn[i].vaddr + 1);
			elf_file_read(f, fn[i].vaddr, code, sizeof(code));
			elf_file_is_code(f, fn[i].vaddr);
		}
	}
	elf_file_dynsym(f, "first", &vaddr);
	elf_file_soname(f, buf, sizeof(buf));
	elf_file_build_id(f, buf, sizeof(buf));
	elf_file_close(f);
}

/* xorshift: the same damage in every run. */
static uint32_t next_random(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

static void broken_files_neither_crash_nor_hang(void **state)
{
	struct timespec t0, t1;
	uint32_t seed = 0x1badb002;
	size_t size, rounds = 0;
	uint8_t *good, *bad;
	struct stat st;
	char path[256];
	int fd;

	(void)state;
	if (!build("-fPIC -shared -Wl,-soname,libodd.so.3", "libodd.so", path, sizeof(path))) {
		print_message("skipped: no gcc here\n");
		skip();
	}
	fd = open(path, O_RDONLY);
	assert_int_equal(fstat(fd, &st), 0);
	size = st.st_size;
	good = malloc(size);
	bad = malloc(size);
	assert_true(good && bad);
	assert_int_equal(read(fd, good, size), size);
	close(fd);

	clock_gettime(CLOCK_MONOTONIC, &t0);
	for (size_t cut = 0; cut < size; cut += cut < 4096 ? 13 : 97, rounds++) {
		fd = memfd_create("cut", MFD_CLOEXEC);
		assert_int_equal(write(fd, good, cut), cut);
		ask_everything(fd);
	}
	for (int i = 0; i < 3000; i++, rounds++) {
		/* Where headers and tables are: the first kilobyte and the section headers. */
		size_t area = i % 3 == 0 ? 1024 : size;
		size_t from = i % 3 == 1 ? size - 2048 : 0;

		memcpy(bad, good, size);
		for (unsigned int k = 0; k < 1 + next_random(&seed) % 8; k++) {
			size_t at = from + next_random(&seed) % (area - from);

			bad[at] = i % 2 ? 0xff : bad[at] ^ (1u << next_random(&seed) % 8);
		}
		fd = memfd_create("flipped", MFD_CLOEXEC);
		assert_int_equal(write(fd, bad, size), size);
		ask_everything(fd);
	}
	clock_gettime(CLOCK_MONOTONIC, &t1);
	print_message("%zu broken files in %.2f s\n", rounds,
		      t1.tv_sec - t0.tv_sec + (t1.tv_nsec - t0.tv_nsec) / 1e9);
	assert_true(t1.tv_sec - t0.tv_sec < 120);
	free(good);
	free(bad);
}

/* Sizes that promise far more than the file has must not be believed. */
static void huge_tables_are_not_allocated(void **state)
{
	const struct elf_function *fn;
	struct elf_file *f;
	struct stat st;
	Elf64_Ehdr *eh;
	uint8_t *whole;
	char path[256];
	size_t n;
	int fd;

	(void)state;
	if (!build("", "huge", path, sizeof(path))) {
		print_message("skipped: no gcc here\n");
		skip();
	}
	fd = open(path, O_RDWR);
	assert_int_equal(fstat(fd, &st), 0);
	whole = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(whole, MAP_FAILED);
	eh = (Elf64_Ehdr *)whole;
	for (int i = 0; i < eh->e_shnum; i++) {
		Elf64_Shdr *sh = (Elf64_Shdr *)(whole + eh->e_shoff) + i;

		if (sh->sh_type == SHT_SYMTAB || sh->sh_type == SHT_DYNSYM)
			sh->sh_size = 0x7ffffffffff0 / 24 * 24;
	}
	munmap(whole, st.st_size);
	assert_int_equal(elf_file_open_fd(&f, fd), 0);
	assert_int_equal(elf_file_functions(f, &fn, &n), -ENOEXEC);
	assert_int_equal(n, 0);
	elf_file_close(f);
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
		cmocka_unit_test(pie),
		cmocka_unit_test(not_pie),
		cmocka_unit_test(stripped_has_no_functions),
		cmocka_unit_test(shared_library),
		cmocka_unit_test(no_soname_no_build_id),
		cmocka_unit_test(not_elf),
		cmocka_unit_test(other_machines_are_refused),
		cmocka_unit_test(broken_files_neither_crash_nor_hang),
		cmocka_unit_test(huge_tables_are_not_allocated),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
