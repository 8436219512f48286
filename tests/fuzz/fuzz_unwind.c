// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The input is an ELF file. Its code is walked from many places, over a stack of numbers that often
 * lead back into it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "unwind/unwind.h"

#define BASE	   0x100000000ULL /* where the file is mapped */
#define STACK	   0x700000000000ULL
#define STACK_SIZE 0x10000
#define WALKS	   64
#define FRAMES	   64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct target {
	struct unwind_file *file;
	const uint8_t *data;
	size_t n;
	uint64_t seed;
};

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 31)) * 0x9e3779b97f4a7c15ULL;
	return x ^ (x >> 29);
}

static bool code(void *arg, uint64_t ip, struct unwind_code *out)
{
	const struct target *t = arg;

	/* As much again of code that is in no file. */
	if (ip < BASE || ip - BASE >= 2 * t->n)
		return false;
	*out = (struct unwind_code){ ip - BASE < t->n ? t->file : NULL, ip - BASE };
	return true;
}

static uint64_t word(const struct target *t, uint64_t address)
{
	const uint64_t x = mix(address ^ t->seed);

	switch (x % 8) {
	case 0:
	case 1:
	case 2:
	case 3:
		return BASE + x / 8 % (2 * t->n);
	case 4:
	case 5:
		return STACK + x / 8 % STACK_SIZE / 8 * 8;
	case 6:
		return x / 8 % 64;
	}
	return x;
}

static int read_memory(void *arg, uint64_t address, void *buf, size_t n)
{
	uint8_t *to = buf;

	if (address < STACK)
		return -EFAULT;
	if (address - STACK >= STACK_SIZE || n > STACK_SIZE - (address - STACK))
		return -ENODATA;
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)(word(arg, (address + i) / 8 * 8) >> (8 * ((address + i) % 8)));
	return 0;
}

static int read_code(void *arg, uint64_t ip, void *buf, size_t n)
{
	const struct target *t = arg;
	const uint64_t at = (ip - BASE) % t->n;

	if (n > t->n - at)
		n = t->n - at;
	memcpy(buf, t->data + at, n);
	return (int)n;
}

static void walk(struct unwind *u, struct target *t)
{
	const struct unwind_space space = { t, code, read_memory, read_code, NULL };
	struct user_regs regs = { .sp = STACK + t->seed % 256 * 8 };
	struct unwind_frame frames[FRAMES];
	__u64 *r = &regs.bp;
	enum unwind_end end;

	regs.ip = BASE + mix(t->seed) % (2 * t->n);
	for (int i = 0; i < 6; i++)
		r[i] = word(t, (uint64_t)i);
	do {
		if (unwind_walk(u, &space, &regs, frames, FRAMES, &end) > FRAMES)
			__builtin_trap();
		if (end == UNWIND_PENDING)
			unwind_file_source(t->file); /* waits */
	} while (end == UNWIND_PENDING);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct target t = { .data = data, .n = n };
	struct unwind *u;
	int fd;

	if (!n || unwind_open(&u, NULL))
		return 0;
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd >= 0 && write(fd, data, n) == (ssize_t)n)
		t.file = unwind_file_get(u, fd);
	for (t.seed = 0; t.file && t.seed < WALKS; t.seed++)
		walk(u, &t);
	if (fd >= 0)
		close(fd);
	unwind_close(u);
	return 0;
}
