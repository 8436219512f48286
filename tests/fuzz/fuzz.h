/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the fuzz targets share.
 *
 * A target is a file tests/fuzz/fuzz_NAME.c with LLVMFuzzerTestOneInput(); nothing else has to be told
 * of it. Beside it, where they help: text seeds in tests/fuzz/seeds/NAME/ (or one a line in
 * tests/fuzz/seeds/NAME.lines), a dictionary in tests/fuzz/NAME.dict, seeds that are no text from
 * tests/fuzz/make_seeds.py, and the inputs of past crashes in tests/fuzz/regressions/NAME/, as they are
 * or, named *.hex, in hex with # comments.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold of a result. Not assert(): NDEBUG would leave it out. */
#define FUZZ_EXPECT(condition)                                                                  \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                \
		}                                                                               \
	} while (0)

/* A file in memory with these bytes. Its position is 0. */
static inline int fuzz_file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	FUZZ_EXPECT(fd >= 0);
	/* One write, at most 2 GiB: all or nothing of a memory file. */
	FUZZ_EXPECT(pwrite(fd, data, size, 0) == (ssize_t)size);
	return fd;
}

/* Where to open that file by name. */
struct fuzz_path {
	char text[32];
};
static inline struct fuzz_path fuzz_path(int fd)
{
	struct fuzz_path path;

	snprintf(path.text, sizeof(path.text), "/proc/self/fd/%d", fd);
	return path;
}

/* A copy of exactly that many bytes, so that reading past them is found. */
static inline void *fuzz_copy(const void *data, size_t size)
{
	void *copy = malloc(size ? size : 1);

	FUZZ_EXPECT(copy);
	memcpy(copy, data, size);
	return copy;
}

/* The bytes as a string: a copy of exactly their size, so that reading past it is found. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	FUZZ_EXPECT(text);
	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

#endif /* FUZZ_H */
