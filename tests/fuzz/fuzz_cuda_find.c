// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A file that may hold CUDA entry points: by its name a runtime, a driver, or a program with a static
 * runtime. And the decoder of function starts, on the bytes themselves.
 */
#define _GNU_SOURCE
#include "../../user/cuda.h"

#include <limits.h>

#include "fuzz.h"

/* A site more than this would have no row of its own to tell. */
#define SITES_MAX 100000

static const char *const names[] = { "libcudart.so.13", "libcuda.so.1", "program" };
static char folder[PATH_MAX];

static void path_of(char *buf, size_t len, const char *name)
{
	FUZZ_EXPECT((size_t)snprintf(buf, len, "%s/%s", folder, name) < len);
}

static void remove_folder(void)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path_of(path, sizeof(path), names[i]);
		unlink(path);
	}
	rmdir(folder);
}

/* What kind of file it is hangs on its name: links of these names to the file in memory. */
static void link_names(const char *target)
{
	const char *tmp = getenv("TMPDIR");
	char path[PATH_MAX];

	if (!folder[0]) {
		snprintf(folder, sizeof(folder), "%s/infbpf-fuzz-XXXXXX", tmp ? tmp : "/tmp");
		FUZZ_EXPECT(mkdtemp(folder));
		atexit(remove_folder);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path_of(path, sizeof(path), names[i]);
		FUZZ_EXPECT(!symlink(target, path));
	}
}

static void check(const struct cuda_libs *libs, size_t size)
{
	for (size_t i = 0; i < libs->n; i++) {
		const struct cuda_lib *lib = &libs->libs[i];

		FUZZ_EXPECT(lib->api && lib->path && lib->open_path);
		FUZZ_EXPECT(lib->sites_n <= SITES_MAX);
		FUZZ_EXPECT(memchr(lib->why, '\0', sizeof(lib->why)));
		FUZZ_EXPECT(memchr(lib->version, '\0', sizeof(lib->version)));
		for (size_t j = 0; j < lib->sites_n; j++) {
			/* The kernel takes a wrong offset without complaint. */
			FUZZ_EXPECT(lib->sites[j].offset < size);
			FUZZ_EXPECT(lib->sites[j].row < cuda_calls_n);
		}
	}
}

static void decode(const uint8_t *data, size_t size)
{
	size_t n = size < 32 ? size : 32;
	uint8_t *code = fuzz_copy(data, n);
	int64_t to;
	bool costly;

	FUZZ_EXPECT(cuda_probe_skip(code, n, &costly) <= n);
	cuda_probe_forwards(code, n, &to);
	free(code);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int linked = -1;
	char path[PATH_MAX];
	int fd = fuzz_file(data, size);

	/* The links name the descriptor: it gets the same number every time. */
	if (linked < 0) {
		linked = fd;
		link_names(fuzz_path(fd).text);
	} else if (fd != linked) {
		FUZZ_EXPECT(dup2(fd, linked) == linked);
		close(fd);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct cuda_libs libs = { 0 };
		int found;

		path_of(path, sizeof(path), names[i]);
		found = cuda_find_file(path, &libs);
		FUZZ_EXPECT(found == 0 || found == 1);
		FUZZ_EXPECT((size_t)found == libs.n);
		check(&libs, size);
		/* Known by now. */
		FUZZ_EXPECT(!cuda_find_file(path, &libs));
		cuda_libs_free(&libs);
	}
	close(linked);
	decode(data, size);
	return 0;
}
