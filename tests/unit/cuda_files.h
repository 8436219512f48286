/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the tests of finding CUDA calls share: files made in a folder of their own, and what is found. */
#ifndef CUDA_FILES_H
#define CUDA_FILES_H

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "cuda.h"

static char dir[] = "/tmp/infbpf-cuda-XXXXXX";

#include "temp_dir.h"

/* A stand-in for libcudart; its entries start as those of real libraries do. */
#define ENTRY	 ".macro entry name\n.globl \\name\n.type \\name,@function\n\\name:\n.endm\n.text\n"
#define NO_STACK ".section .note.GNU-stack,\"\",@progbits\n"
static const char runtime[] __attribute__((unused)) =
	ENTRY "entry cudaLaunchKernel\nlaunch: push %rbp\n mov %rsp,%rbp\n pop %rbp\n ret\n"
	      /* As CUDA 13's: a frame set up, left, and a jump. */
	      "entry __cudaLaunchKernel\n push %rbp\n mov %rsp,%rbp\n pop %rbp\n jmp launch\n"
	      "entry cudaMalloc\n endbr64\n push %rbx\n pop %rbx\n ret\n"
	      "entry cudaFree\n sub $8,%rsp\n add $8,%rsp\n ret\n"
	      /* Two names of one address. */
	      "entry cudaMemcpyAsync_ptsz\nentry cudaMemcpyAsync\n push %r15\n pop %r15\n ret\n"
	      "entry cudaNotInTheTable\n push %rbp\n pop %rbp\n ret\n"
	      /* Data of a call's name must not be probed. */
	      ".data\n.globl cudaStreamSynchronize\ncudaStreamSynchronize: .quad 0\n" NO_STACK;

__attribute__((unused)) static void write_file(const char *path, const void *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), n);
	close(fd);
}

__attribute__((unused)) static bool shell(const char *format, ...)
{
	char text[2048], cmd[2200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(cmd, sizeof(cmd), "cd %s && { %s; } 2>>errors", dir, text);
	return system(cmd) == 0;
}

/* Builds dir/name from source text; kind is the source's ending. Writes its path to path (256 bytes).
 * Without a compiler the test is skipped. */
__attribute__((unused)) static void build(const char *kind, const char *flags, const char *text,
					  const char *name, char *path)
{
	char source[256];

	snprintf(path, 256, "%s/%s", dir, name);
	snprintf(source, sizeof(source), "%s/source.%s", dir, kind);
	write_file(source, text, strlen(text));
	if (!shell("gcc --version >/dev/null")) {
		print_message("skipped: no gcc here\n");
		skip();
	}
	assert_true(shell("gcc -o '%s' source.%s %s", name, kind, flags));
}

/* A file found, in a process that has only it. */
struct found {
	struct cuda_libs files;
	struct cuda_process process;
	const struct cuda_lib *lib; /* the last one found */
	const char *open_path;
};

__attribute__((unused)) static void found_update(struct found *f, int added)
{
	assert_true(added >= 0);
	if (!added)
		return;
	f->lib = &f->files.libs[f->process.uses[f->process.n - 1].lib];
	f->open_path = f->process.uses[f->process.n - 1].open_path;
}

__attribute__((unused)) static int find_file(struct found *f, const char *path)
{
	int added = cuda_find_file(path, &f->files, &f->process);

	found_update(f, added);
	return added;
}

__attribute__((unused)) static int find_process(struct found *f, pid_t pid)
{
	int added = cuda_find_process(pid, &f->files, &f->process);

	found_update(f, added);
	return added;
}

__attribute__((unused)) static void found_free(struct found *f)
{
	cuda_process_free(&f->process);
	cuda_libs_free(&f->files);
	assert_int_equal(f->files.n, 0);
	assert_int_equal(f->process.n, 0);
	f->lib = NULL;
}

/* The one site of a call. */
__attribute__((unused)) static const struct cuda_site *site_of(const struct cuda_lib *lib,
							       const char *name)
{
	const struct cuda_site *found = NULL;

	for (size_t i = 0; i < lib->sites_n; i++) {
		if (strcmp(cuda_calls[lib->sites[i].row].name, name) != 0)
			continue;
		assert_null(found);
		found = &lib->sites[i];
	}
	return found;
}

/* The byte that a probe would replace. */
__attribute__((unused)) static uint8_t byte_at(const char *path, uint64_t offset)
{
	uint8_t byte = 0;
	int fd = open(path, O_RDONLY);

	assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
	close(fd);
	return byte;
}

__attribute__((unused)) static void check_runtime(const struct cuda_lib *lib, const char *path)
{
	const struct cuda_site *s;

	assert_int_equal(lib->api, API_RUNTIME);
	assert_false(lib->stripped);
	assert_string_equal(lib->why, "");
	assert_int_equal(lib->sites_n, 4);
	/* One, not two: __cudaLaunchKernel only jumps there. */
	s = site_of(lib, "cudaLaunchKernel");
	assert_non_null(s);
	assert_false(s->costly);
	assert_int_equal(s->leads, 0);
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
	/* Nobody can tell by which name it was called: stream 0 is not said to be the thread's. */
	s = site_of(lib, "cudaMemcpyAsync");
	assert_non_null(s);
	assert_int_equal(s->cookie & COOKIE_PER_THREAD, 0);
	assert_null(site_of(lib, "cudaStreamSynchronize"));
}

__attribute__((unused)) static pid_t start(const char *path)
{
	char byte;
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		/* A test that fails does not stop it. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
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

__attribute__((unused)) static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

#endif /* CUDA_FILES_H */
