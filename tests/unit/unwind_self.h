/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A process that unwinds itself: where its code is, a copy of its stack, and what libgcc's unwinder
 * says of the same stack.
 */
#ifndef UNWIND_SELF_H
#define UNWIND_SELF_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>
#include "unwind/unwind.h"

#define SELF_FRAMES   256
#define SELF_MAPPINGS 512

struct self_mapping {
	uint64_t start, end, offset;
	struct unwind_file *file;
};

struct self {
	struct unwind *u;
	struct self_mapping map[SELF_MAPPINGS];
	size_t n;
	uint64_t copied_from; /* the stack copy; 0: read the memory itself */
	uint8_t *copy;
	size_t copy_n;
	uint64_t hidden, shown; /* mend: hidden stands for shown */
};

static inline bool self_code(void *arg, uint64_t ip, struct unwind_code *out)
{
	const struct self *s = arg;
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->map[mid].end <= ip)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == s->n || ip < s->map[low].start)
		return false;
	*out = (struct unwind_code){ s->map[low].file,
				     ip - s->map[low].start + s->map[low].offset };
	return true;
}

/* By the kernel: no fault, and no sanitizer that minds. */
static inline int self_peek(uint64_t address, void *buf, size_t n)
{
	struct iovec to = { buf, n }, from = { (void *)(uintptr_t)address, n };

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)n ? 0 : -EFAULT;
}

static inline int self_read(void *arg, uint64_t address, void *buf, size_t n)
{
	const struct self *s = arg;

	if (!s->copied_from)
		return self_peek(address, buf, n);
	if (address < s->copied_from)
		return -EFAULT;
	if (address - s->copied_from > s->copy_n || n > s->copy_n - (address - s->copied_from))
		return -ENODATA;
	memcpy(buf, s->copy + (address - s->copied_from), n);
	return 0;
}

static inline int self_read_code(void *arg, uint64_t ip, void *buf, size_t n)
{
	(void)arg;
	for (; n; n /= 2)
		if (!self_peek(ip, buf, n))
			return (int)n;
	return -EFAULT;
}

static inline uint64_t self_mend(void *arg, uint64_t ra)
{
	const struct self *s = arg;

	return s->hidden && ra == s->hidden ? s->shown : ra;
}

/* The vdso is in no file: copied into one. */
static inline int self_memory_fd(uint64_t start, uint64_t end)
{
	int fd = memfd_create("vdso", MFD_CLOEXEC);
	char buf[4096];

	for (; start < end; start += sizeof(buf))
		if (self_peek(start, buf, sizeof(buf)) ||
		    write(fd, buf, sizeof(buf)) != sizeof(buf))
			abort();
	return fd;
}

static inline void self_maps(struct self *s)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[4352], path[4096], prot[8];

	s->n = 0;
	while (f && fgets(line, sizeof(line), f)) {
		unsigned long start, end, offset;
		struct self_mapping *m = &s->map[s->n];
		int fd = -1;

		path[0] = '\0';
		if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %4095s", &start, &end, prot, &offset,
			   path) < 4 ||
		    prot[2] != 'x' || s->n == SELF_MAPPINGS)
			continue;
		*m = (struct self_mapping){ start, end, offset, NULL };
		if (path[0] == '/')
			fd = open(path, O_RDONLY | O_CLOEXEC);
		else if (!strcmp(path, "[vdso]"))
			fd = self_memory_fd(start, end);
		if (fd >= 0) {
			m->file = unwind_file_get(s->u, fd);
			close(fd);
		}
		s->n++;
	}
	if (f)
		fclose(f);
}

static inline struct unwind_space self_space(struct self *s)
{
	return (struct unwind_space){ s, self_code, self_read, self_read_code, self_mend };
}

static inline void self_open(struct self *s, const char *cache_dir)
{
	struct unwind_options o = { .cache_dir = cache_dir };

	memset(s, 0, sizeof(*s));
	if (unwind_open(&s->u, &o))
		abort();
	self_maps(s);
}

static inline void self_close(struct self *s)
{
	unwind_close(s->u);
	free(s->copy);
	memset(s, 0, sizeof(*s));
}

/* The registers here. A macro: they are those of the function that uses it. */
#define SELF_REGS(regs)                                                \
	__asm__ volatile("lea 0(%%rip), %%rax\n\tmov %%rax, 0(%0)\n\t" \
			 "mov %%rsp, 8(%0)\n\tmov %%rbp, 16(%0)\n\t"   \
			 "mov %%rbx, 24(%0)\n\tmov %%r12, 32(%0)\n\t"  \
			 "mov %%r13, 40(%0)\n\tmov %%r14, 48(%0)\n\t"  \
			 "mov %%r15, 56(%0)"                           \
			 :                                             \
			 : "d"(regs)                                   \
			 : "rax", "memory")

static inline struct user_regs self_context_regs(const ucontext_t *uc)
{
	const greg_t *g = uc->uc_mcontext.gregs;

	return (struct user_regs){
		.ip = (uint64_t)g[REG_RIP],
		.sp = (uint64_t)g[REG_RSP],
		.bp = (uint64_t)g[REG_RBP],
		.bx = (uint64_t)g[REG_RBX],
		.r12 = (uint64_t)g[REG_R12],
		.r13 = (uint64_t)g[REG_R13],
		.r14 = (uint64_t)g[REG_R14],
		.r15 = (uint64_t)g[REG_R15],
	};
}

struct self_stack {
	uint64_t ip[SELF_FRAMES];
	size_t n;
	enum unwind_end end;
};

static inline _Unwind_Reason_Code self_add(struct _Unwind_Context *c, void *arg)
{
	struct self_stack *st = arg;

	if (st->n < SELF_FRAMES && _Unwind_GetIP(c))
		st->ip[st->n++] = _Unwind_GetIP(c);
	return _URC_NO_REASON;
}

/* As libgcc sees the caller's stack: its own frame first. */
static inline void self_libgcc(struct self_stack *st)
{
	st->n = 0;
	_Unwind_Backtrace(self_add, st);
}

/* Waits for indexes. */
static inline void self_walk(struct self *s, const struct user_regs *regs, struct self_stack *st)
{
	struct unwind_space space = self_space(s);
	struct unwind_frame frames[SELF_FRAMES];

	for (int tries = 0; tries < 2000; tries++) {
		st->n = unwind_walk(s->u, &space, regs, frames, SELF_FRAMES, &st->end);
		if (st->end != UNWIND_PENDING)
			break;
		usleep(1000);
	}
	for (size_t i = 0; i < st->n; i++)
		st->ip[i] = frames[i].ip;
}

#endif /* UNWIND_SELF_H */
