// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How long it takes to name distinct addresses in a file, from nothing to the last name.
 *
 * names [-l] FILE [ADDRESSES]    -l: with source lines
 * prints: seconds to locate, seconds to name, distinct names, MiB of memory at most
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "symbols/elf.h"
#include "symbols/symbols.h"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int by_pointer(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;

	return x < y ? -1 : x > y;
}

static size_t distinct(const char **names, size_t n)
{
	size_t count = 0;

	qsort(names, n, sizeof(*names), by_pointer);
	for (size_t i = 0; i < n; i++)
		count += !i || names[i] != names[i - 1];
	return count;
}

/* Offsets of the file's code, spread over its functions. */
static size_t code_range(const char *path, uint64_t *start)
{
	const struct elf_function *functions;
	uint64_t end = 0;
	struct elf_file *f;
	size_t n;

	if (elf_file_open(&f, path) || elf_file_functions(f, &functions, &n) || !n ||
	    elf_file_vaddr_to_offset(f, functions[0].vaddr, start) ||
	    elf_file_vaddr_to_offset(f, functions[n - 1].vaddr, &end)) {
		fprintf(stderr, "names: %s: no functions\n", path);
		exit(1);
	}
	elf_file_close(f);
	return end - *start;
}

static const char *name_of(struct symbols *s, uint32_t id)
{
	const char *frames[SYMBOLS_INLINED_MAX];
	size_t n = symbols_frames(s, id, frames, SYMBOLS_INLINED_MAX);

	return frames[n - 1];
}

int main(int argc, char **argv)
{
	struct symbols_options options = { .lines = argc > 1 && !strcmp(argv[1], "-l") };
	const char *path = argc > 1 + options.lines ? argv[1 + options.lines] : "";
	size_t n = argc > 2 + options.lines ? strtoul(argv[2 + options.lines], NULL, 10) : 100000;
	double t0, t1, t2;
	struct sym_image *im;
	struct rusage usage;
	struct symbols *s;
	uint64_t start = 0;
	const char **names;
	struct stat st;
	uint32_t *ids;
	uint8_t *base;
	size_t size;
	int fd;

	size = code_range(path, &start);
	ids = calloc(n, sizeof(*ids));
	names = calloc(n, sizeof(*names));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (!ids || !names || fd < 0 || fstat(fd, &st) || symbols_open(&s, &options))
		exit(1);
	base = mmap(NULL, st.st_size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (base == MAP_FAILED)
		exit(1);
	t0 = now();
	im = symbols_image(s, (uint32_t)getpid(), 0, 0, 0);
	for (size_t i = 0; i < n; i++)
		ids[i] = symbols_user_location(s, im, (uintptr_t)base + start + i * size / n, true);
	t1 = now();
	for (size_t i = 0; i < n; i++)
		names[i] = name_of(s, ids[i]);
	t2 = now();
	getrusage(RUSAGE_SELF, &usage);
	printf("%.3f %.3f %zu %ld\n", t1 - t0, t2 - t1, distinct(names, n), usage.ru_maxrss / 1024);
	symbols_close(s);
	munmap(base, st.st_size);
	close(fd);
	free(ids);
	free(names);
	return 0;
}
