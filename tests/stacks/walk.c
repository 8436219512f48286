/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * infbpf's unwinder on a thread that somebody else has stopped. Reads lines
 *     PID ip sp bp bx r12 r13 r14 r15           (PID decimal, the rest hexadecimal)
 * and answers each with
 *     END BYTES ip ip ...                       (how the walk ended, stack it read, leaf first)
 * Memory is read from the process as it is.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "collect_stack.h"
#include "stack_memory.h"
#include "symbols/symbols.h"
#include "unwind/unwind.h"

#define FRAMES_MAX	512
#define STACK_BYTES_MAX (1 << 20)

struct walk {
	struct symbols *symbols;
	struct unwind *unwind;
	struct sym_image *image;
	struct unwind_file *last;
	struct stack_memory memory;
	pid_t pid;
	uint64_t sp, highest;
};

static bool code_at(void *arg, uint64_t ip, struct unwind_code *out)
{
	struct walk *w = arg;

	if (!collect_stack_code(w->symbols, w->unwind, w->image, ip, out))
		return false;
	if (out->file)
		w->last = out->file;
	return true;
}

static int read_stack(void *arg, uint64_t address, void *buf, size_t n)
{
	struct walk *w = arg;
	/* As in a sample: nothing below the stack pointer. */
	int err = address < w->sp ? -EFAULT : stack_memory_read(&w->memory, address, buf, n);

	/* The stack that a signal came from is another one. */
	if (!err && address - w->sp < STACK_BYTES_MAX && address + n > w->highest)
		w->highest = address + n;
	return err;
}

static int read_code(void *arg, uint64_t ip, void *buf, size_t n)
{
	return stack_memory_read_code(((struct walk *)arg)->pid, ip, buf, n);
}

static const char *end_name(enum unwind_end end)
{
	switch (end) {
	case UNWIND_START:
		return "start";
	case UNWIND_CUT:
		return "cut";
	case UNWIND_LOST:
		return "lost";
	case UNWIND_DEEP:
		return "deep";
	case UNWIND_PENDING:
		return "pending";
	}
	return "?";
}

static void walk_once(struct walk *w, const struct user_regs *regs)
{
	const struct unwind_space space = {
		.arg = w,
		.code = code_at,
		.read = read_stack,
		.read_code = read_code,
	};
	struct unwind_frame frames[FRAMES_MAX];
	enum unwind_end end;
	size_t n;

	w->sp = w->highest = regs->sp;
	do {
		memset(&w->memory, 0, sizeof(w->memory));
		stack_memory_remote(&w->memory, w->pid);
		w->last = NULL;
		n = unwind_walk(w->unwind, &space, regs, frames, FRAMES_MAX, &end);
		if (end == UNWIND_PENDING && w->last)
			unwind_file_source(w->last); /* returns when its index is there */
	} while (end == UNWIND_PENDING && w->last);
	printf("%s %" PRIu64, end_name(end), w->highest - w->sp);
	for (size_t i = 0; i < n; i++)
		printf(" %" PRIx64, frames[i].ip);
	putchar('\n');
	fflush(stdout);
}

int main(void)
{
	const struct symbols_options symbols_options = { 0 };
	const struct unwind_options unwind_options = { 0 };
	struct walk w = { 0 };
	struct user_regs r;
	char line[512];
	int pid, err;

	err = symbols_open(&w.symbols, &symbols_options);
	if (!err)
		err = unwind_open(&w.unwind, &unwind_options);
	if (err) {
		fprintf(stderr, "walk: %s\n", strerror(-err));
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		memset(&r, 0, sizeof(r));
		if (sscanf(line, "%d %llx %llx %llx %llx %llx %llx %llx %llx", &pid, &r.ip, &r.sp,
			   &r.bp, &r.bx, &r.r12, &r.r13, &r.r14, &r.r15) != 9) {
			fprintf(stderr, "walk: not a thread's registers: %s", line);
			break;
		}
		w.pid = pid;
		w.image = symbols_image(w.symbols, (uint32_t)pid, 0, 0, 0);
		if (!w.image)
			break;
		walk_once(&w, &r);
	}
	unwind_close(w.unwind);
	symbols_close(w.symbols);
	return 0;
}
