// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Writes machine code, says in a perf map what it is, and runs it. Says "ready" first.
 *
 * jit [-m] [-f] [-n] [-p] [-t MILLISECONDS] [-o FILE]
 *     -m  into a memfd, not anonymous memory
 *     -f  a forked child runs it, which has no map of its own
 *     -n  no map
 *     -p  as CPython 3.12 and later with -X perf: a trampoline without a frame pointer, which calls
 *         the evaluator, which uses rbp for something else
 *     -t  ends after that long
 *     -o  the map, else /tmp/perf-PID.map
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALLER_AT 0
#define LEAF_AT	  256
#define PYTHON_AT 512

/* push %rbp; mov %rsp,%rbp; movabs $LEAF,%rax; call *%rax; pop %rbp; ret */
static const uint8_t caller[] = { 0x55, 0x48, 0x89, 0xe5, 0x48, 0xb8, 0,    0,	  0,
				  0,	0,    0,    0,	  0,	0xff, 0xd0, 0x5d, 0xc3 };
/* push %rbp; mov %rsp,%rbp; mov $20000000,%ecx; 1: dec %ecx; jnz 1b; pop %rbp; ret */
static const uint8_t leaf[] = { 0x55, 0x48, 0x89, 0xe5, 0xb9, 0x00, 0x2d, 0x31,
				0x01, 0xff, 0xc9, 0x75, 0xfc, 0x5d, 0xc3 };

/* endbr64; sub $8,%rsp; call *%rcx; add $8,%rsp; ret */
static const uint8_t python[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x83, 0xec, 0x08,
				  0xff, 0xd1, 0x48, 0x83, 0xc4, 0x08, 0xc3 };

static __attribute__((noinline)) void evaluate(void)
{
	asm volatile("mov $20000000, %%ebp\n1: dec %%ebp\njnz 1b\nmov $0x1234, %%ebp" ::: "rbp");
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void write_map(const char *path, const uint8_t *code)
{
	FILE *f = fopen(path, "w");

	if (!f) {
		perror(path);
		exit(1);
	}
	/* What lay there before; the last one counts. */
	fprintf(f, "%lx %x outdated\n", (unsigned long)code, 4096);
	fprintf(f, "%lx %zx jit_caller\n", (unsigned long)(code + CALLER_AT), sizeof(caller));
	fprintf(f, "0x%lx 0x%zx py::jit;leaf:/x/\033[31mfile.py 12\n",
		(unsigned long)(code + LEAF_AT), sizeof(leaf));
	fprintf(f, "%lx %zx py::outer:/app/serve.py\n", (unsigned long)(code + PYTHON_AT),
		sizeof(python));
	fclose(f);
}

int main(int argc, char **argv)
{
	int memory = 0, forked = 0, evaluator = 0, map = 1, fd = -1, c;
	long end = -1;
	char path[256];
	uint8_t *code, *writable;
	uint64_t at;
	pid_t pid = 0;

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	while ((c = getopt(argc, argv, "mfnpt:o:")) != -1) {
		memory |= c == 'm';
		forked |= c == 'f';
		evaluator |= c == 'p';
		map &= c != 'n';
		if (c == 't')
			end = now_ms() + atol(optarg);
		if (c == 'o')
			snprintf(path, sizeof(path), "%s", optarg);
	}
	if (memory) {
		fd = memfd_create("jit", 0);
		if (fd < 0 || ftruncate(fd, 4096))
			return 1;
	}
	writable = mmap(NULL, 4096, PROT_READ | PROT_WRITE | (memory ? 0 : PROT_EXEC),
			memory ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd, 0);
	code = memory ? mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0) : writable;
	if (writable == MAP_FAILED || code == MAP_FAILED)
		return 1;
	memcpy(writable + CALLER_AT, caller, sizeof(caller));
	memcpy(writable + LEAF_AT, leaf, sizeof(leaf));
	memcpy(writable + PYTHON_AT, python, sizeof(python));
	at = (uintptr_t)(code + LEAF_AT);
	memcpy(writable + CALLER_AT + 6, &at, sizeof(at));
	if (map)
		write_map(path, code);
	puts("ready");
	fflush(stdout);
	if (forked)
		sleep(1); /* the trace begins */
	pid = forked ? fork() : 0;
	while (!pid && (end < 0 || now_ms() < end)) {
		if (evaluator)
			((void (*)(int, int, int, void (*)(void)))(code + PYTHON_AT))(0, 0, 0,
										      evaluate);
		else
			((void (*)(void))(code + CALLER_AT))();
	}
	if (pid)
		waitpid(pid, NULL, 0);
	return 0;
}
