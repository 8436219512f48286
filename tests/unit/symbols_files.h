/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the tests of names share: a library made in a folder of its own, its debug file, and this
 * process as the one that maps them. */
#ifndef SYMBOLS_FILES_H
#define SYMBOLS_FILES_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "symbols/private.h"

static char dir[] = "/tmp/infbpf-sources-XXXXXX";
static struct symbols *syms;
static struct sym_image *self;

static const char program[] =
	"volatile int sink;\n"						/* 1 */
	"static inline __attribute__((always_inline)) void in(int x)\n" /* 2 */
	"{\n"
	"	sink = x * 7;\n" /* 4 */
	"}\n"
	"static __attribute__((noinline)) void hidden(int x)\n" /* 6 */
	"{\n"
	"	in(x);\n" /* 8 */
	"}\n"
	"int shown(int x);\n"
	"int shown(int x)\n" /* 11 */
	"{\n"
	"	hidden(x + 1);\n"
	"	return sink;\n"
	"}\n";

__attribute__((unused)) static int shell(const char *format, ...)
{
	char text[2048], cmd[2200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(cmd, sizeof(cmd), "cd %s && { %s; } 2>>errors", dir, text);
	return system(cmd);
}

/* A library "NAME.whole"; "NAME.debug" its debug file, "NAME" the rest. */
__attribute__((unused)) static void build(const char *name, const char *flags)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/program.c", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(program, f);
	fclose(f);
	if (shell("gcc -g -O2 -fPIC -shared -Wl,--build-id %s -o %s.whole program.c && "
		  "objcopy --only-keep-debug %s.whole %s.debug && "
		  "objcopy --strip-all %s.whole %s",
		  flags, name, name, name, name, name)) {
		print_message("skipped: no gcc or objcopy here\n");
		skip();
	}
}

__attribute__((unused)) static int open_with(bool lines)
{
	if (symbols_open(&syms, &(struct symbols_options){ .lines = lines }))
		return -1;
	self = symbols_image(syms, getpid(), 1, 0, 0);
	return self ? 0 : -1;
}

__attribute__((unused)) static int open_plain(void **state)
{
	(void)state;
	return open_with(false);
}

__attribute__((unused)) static int open_lines(void **state)
{
	(void)state;
	return open_with(true);
}

__attribute__((unused)) static int close_symbols(void **state)
{
	(void)state;
	symbols_close(syms);
	syms = NULL;
	return 0;
}

struct mapped {
	char path[256];
	uint8_t *base;
	size_t size;
};

__attribute__((unused)) static void map_code(struct mapped *m, const char *name)
{
	struct stat st;
	int fd;

	snprintf(m->path, sizeof(m->path), "%s/%s", dir, name);
	fd = open(m->path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	m->size = st.st_size;
	m->base = mmap(NULL, m->size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(m->base, MAP_FAILED);
	close(fd);
	assert_int_equal(symbols_image_refresh(self, true), 0);
}

__attribute__((unused)) static void unmap(struct mapped *m)
{
	munmap(m->base, m->size);
}

/* Where a function of "NAME.whole" lies in the mapping of the stripped file. */
__attribute__((unused)) static uint64_t address_of(const struct mapped *m, const char *whole,
						   const char *function)
{
	const struct elf_function *functions;
	uint64_t offset = 0;
	struct elf_file *f;
	char path[256];
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, whole);
	assert_int_equal(elf_file_open(&f, path), 0);
	assert_int_equal(elf_file_functions(f, &functions, &n), 0);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(functions[i].name, function))
			assert_int_equal(elf_file_vaddr_to_offset(f, functions[i].vaddr, &offset),
					 0);
	elf_file_close(f);
	assert_true(offset > 0);
	return (uintptr_t)m->base + offset;
}

__attribute__((unused)) static const char *name_at(uint64_t ip)
{
	return symbols_name(syms, symbols_user_location(syms, self, ip, true));
}

__attribute__((unused)) static int open_elf(struct elf_file **f, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return elf_file_open(f, path);
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

#endif /* SYMBOLS_FILES_H */
