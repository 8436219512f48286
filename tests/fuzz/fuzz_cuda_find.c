// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A file that may hold CUDA entry points: by its name a runtime, a driver, NCCL, or anything that may
 * have a static runtime in it. What it says is bounded, whatever the file claims. And the decoder of function starts, on the bytes themselves.
 */
#define _GNU_SOURCE
#include "../../user/cuda.h"
#include "../../user/symbols/elf.h"

#include <limits.h>

#include "fuzz.h"

/* No file has as many names of calls. */
#define SITES_MAX 4096

static const char *const names[] = { "libcudart.so.13", "libcuda.so.1", "libnccl.so.2", "program" };
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

		FUZZ_EXPECT(cuda_api_name(lib->api) && lib->path);
		/* Something to probe, or the reason why not. */
		FUZZ_EXPECT(lib->sites_n || lib->why[0]);
		FUZZ_EXPECT(!lib->stripped || lib->is_static);
		FUZZ_EXPECT(lib->sites_n <= SITES_MAX);
		FUZZ_EXPECT(memchr(lib->why, '\0', sizeof(lib->why)));
		FUZZ_EXPECT(memchr(lib->version, '\0', sizeof(lib->version)));
		for (size_t j = 0; j < lib->sites_n; j++) {
			/* The kernel takes a wrong offset without complaint. */
			FUZZ_EXPECT(lib->sites[j].offset < size);
			FUZZ_EXPECT(lib->sites[j].row < cuda_calls_n);
			FUZZ_EXPECT(lib->sites[j].leads <= cuda_calls_n);
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

static int count(void *arg, const char *name, uint64_t vaddr)
{
	(void)vaddr;
	/* It ends somewhere. */
	*(size_t *)arg += strlen(name) + 1;
	return 0;
}

/* The tables' own questions: reading stays within a few times the file. */
static void scan(int fd, size_t size)
{
	static const char *const wanted[] = { "cudaLaunchKernel", "main", "a" };
	struct elf_file *f;
	uint64_t read;
	size_t sum = 0;
	int ret;

	if (elf_file_open(&f, fuzz_path(fd).text))
		return;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		read = 0;
		ret = elf_file_name(f, wanted[i], &read);
		FUZZ_EXPECT(ret <= ELF_NAME_DEFINED);
		FUZZ_EXPECT(read <= 4 * size + 4096);
	}
	elf_file_each_function(f, count, &sum);
	elf_file_needs(f, "lib");
	elf_file_close(f);
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
		struct cuda_process process = { 0 };
		int found;

		path_of(path, sizeof(path), names[i]);
		found = cuda_find_file(path, &libs, &process);
		FUZZ_EXPECT(found == 0 || found == 1);
		FUZZ_EXPECT((size_t)found == libs.n && (size_t)found == process.n);
		check(&libs, size);
		/* Known by now. */
		FUZZ_EXPECT(!cuda_find_file(path, &libs, &process));
		cuda_process_free(&process);
		cuda_libs_free(&libs);
	}
	scan(linked, size);
	close(linked);
	decode(data, size);
	return 0;
}
