// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Stops code at every instruction and unwinds there. What the stack has to be is known without any
 * call frame information: the calls and returns were all seen.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include "unwind_self.h"

#define DEPTH	    256
#define COPY_BYTES  (256 * 1024)
#define SHOWN	    10
#define EFLAGS_TRAP 0x100

static char dir[] = "/tmp/infbpf-step-XXXXXX";
static struct self self;

/* The calls in progress: where the return address lies, and what it is. */
static struct {
	uint64_t slot[DEPTH], ra[DEPTH];
	size_t n;
	uint64_t ip, sp; /* of the instruction before */
	struct self_stack base;
	size_t steps, checked, wrong, pending;
	size_t every; /* of how many steps one is checked */
} shadow;

static void follow(const struct user_regs *r)
{
	uint64_t top = 0;

	while (shadow.n && shadow.slot[shadow.n - 1] < r->sp)
		shadow.n--;
	/* Was the instruction before a call? */
	if (r->sp == shadow.sp - 8 && !self_peek(r->sp, &top, sizeof(top)) &&
	    top - shadow.ip >= 2 && top - shadow.ip <= 8 && r->ip != top && shadow.n < DEPTH) {
		uint8_t op[3];

		self_peek(shadow.ip, op, sizeof(op));
		if (op[0] == 0xe8 || op[0] == 0xff || op[1] == 0xff || op[1] == 0xe8) {
			shadow.slot[shadow.n] = r->sp;
			shadow.ra[shadow.n++] = top;
		}
	}
	shadow.ip = r->ip;
	shadow.sp = r->sp;
}

static bool as_expected(const struct self_stack *st)
{
	size_t n = 0;

	if (st->n != shadow.n + shadow.base.n || st->end != shadow.base.end)
		return false;
	for (size_t i = shadow.n; i--;)
		if (st->ip[++n] != shadow.ra[i])
			return false;
	for (size_t i = 1; i < shadow.base.n; i++)
		if (st->ip[++n] != shadow.base.ip[i])
			return false;
	return true;
}

static void show(const struct self_stack *st)
{
	print_message("  %zu frames, not %zu, end %d:", st->n, shadow.n + shadow.base.n, st->end);
	for (size_t i = 0; i < st->n && i < 8; i++) {
		Dl_info info = { 0 };

		dladdr((void *)(uintptr_t)st->ip[i], &info);
		print_message(
			" %s+%lx(%s)", info.dli_sname ? info.dli_sname : "?",
			(unsigned long)(st->ip[i] - (uintptr_t)(info.dli_sname ? info.dli_saddr
									       : info.dli_fbase)),
			info.dli_fname ? strrchr(info.dli_fname, '/') : "?");
	}
	print_message("\n");
}

/* All of it at once: a system call a word would take most of the time. */
static void copy_stack(uint64_t sp)
{
	static uint8_t copy[COPY_BYTES];
	const uint64_t end = (uintptr_t)environ;

	self.copied_from = 0;
	if (end - sp > sizeof(copy) || self_peek(sp, copy, end - sp))
		return;
	self.copied_from = sp;
	self.copy = copy;
	self.copy_n = end - sp;
}

static void on_trap(int sig, siginfo_t *si, void *context)
{
	const struct user_regs r = self_context_regs(context);
	struct self_stack st;

	(void)sig;
	(void)si;
	follow(&r);
	if (!shadow.n || shadow.steps++ % shadow.every)
		return;
	copy_stack(r.sp);
	self_walk(&self, &r, &st);
	shadow.checked++;
	if (as_expected(&st))
		return;
	if (shadow.wrong++ < SHOWN)
		show(&st);
}

/* Calls f with the trap flag on. */
static __attribute__((noinline)) int step_through(int (*f)(void))
{
	struct sigaction act = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO }, old;
	struct user_regs regs;
	int result;

	sigaction(SIGTRAP, &act, &old);
	SELF_REGS(&regs);
	self_walk(&self, &regs, &shadow.base);
	/* The nop: the first stop is one instruction after popf, and has to be before the call. */
	__asm__ volatile("pushf\n\torl %0, (%%rsp)\n\tpopf\n\tnop" ::"i"(EFLAGS_TRAP)
			 : "memory", "cc");
	result = f();
	__asm__ volatile("pushf\n\tandl %0, (%%rsp)\n\tpopf" ::"i"(~EFLAGS_TRAP) : "memory", "cc");
	sigaction(SIGTRAP, &old, NULL);
	return result;
}

#define KNOWN_WRONG 21

struct way {
	const char *name, *command;
	enum unwind_source source;
	size_t every;
};

#define C_SOURCE   "tests/unit/unwind_subject.c"
#define ONLY_DEBUG "-fno-asynchronous-unwind-tables -fno-unwind-tables -fno-exceptions -g "
#define NO_HDR	   "-Wl,--no-eh-frame-hdr -O2 "

static const struct way ways[] = {
	{ "gcc -O0", "gcc -O0 " C_SOURCE, UNWIND_EH_HDR, 3 },
	{ "gcc -O1", "gcc -O1 " C_SOURCE, UNWIND_EH_HDR, 1 },
	{ "gcc -O2", "gcc -O2 -Wl,-z,lazy " C_SOURCE, UNWIND_EH_HDR, 1 },
	{ "gcc -O3", "gcc -O3 -march=x86-64-v2 " C_SOURCE, UNWIND_EH_HDR, 1 },
	{ "gcc -Os", "gcc -Os -fcf-protection=full " C_SOURCE, UNWIND_EH_HDR, 1 },
	{ "gcc frame pointers", "gcc -O2 -fno-omit-frame-pointer " C_SOURCE, UNWIND_EH_HDR, 1 },
	{ "gcc no PLT", "gcc -O2 -fno-plt " C_SOURCE, UNWIND_EH_HDR, 3 },
	{ "gcc stack protector", "gcc -O2 -fstack-protector-all " C_SOURCE, UNWIND_EH_HDR, 3 },
	{ "gcc split stack realign", "gcc -O2 -mstackrealign " C_SOURCE, UNWIND_EH_HDR, 1 },
	{ "gcc no eh_frame_hdr", "gcc " NO_HDR C_SOURCE, UNWIND_EH_FRAME, 3 },
	{ "gcc debug_frame", "gcc -O2 " ONLY_DEBUG C_SOURCE, UNWIND_DEBUG_FRAME, 3 },
	{ "gcc compressed debug_frame", "gcc -O2 -gz " ONLY_DEBUG C_SOURCE, UNWIND_DEBUG_FRAME, 3 },
	{ "gcc -gdwarf-3", "gcc -O2 -gdwarf-3 " ONLY_DEBUG C_SOURCE, UNWIND_DEBUG_FRAME, 3 },
	{ "clang -O0", "clang -O0 " C_SOURCE, UNWIND_EH_HDR, 3 },
	{ "clang -O2", "clang -O2 " C_SOURCE, UNWIND_EH_HDR, 1 },
	{ "clang -O3 frame pointers", "clang -O3 -fno-omit-frame-pointer " C_SOURCE, UNWIND_EH_HDR,
	  3 },
};

static void stepped(void **state)
{
	const struct way *way = *state;
	char command[1024], path[256];
	int (*subject)(void);
	enum unwind_source source = UNWIND_NONE;
	void *library;
	int result;

	snprintf(path, sizeof(path), "%s/%td.so", dir, way - ways);
	snprintf(command, sizeof(command), "%s -shared -fPIC -w -o %s 2>%s/errors", way->command,
		 path, dir);
	if (system(command)) {
		print_message("skipped: does not build here: %s\n", way->command);
		skip();
	}
	library = dlopen(path, RTLD_LAZY);
	if (!library)
		fail_msg("%s", dlerror());
	*(void **)&subject = dlsym(library, "subject");
	assert_non_null(subject);
	memset(&shadow, 0, sizeof(shadow));
	shadow.every = way->every;
	self_open(&self, NULL);
	result = step_through(subject);
	self.copied_from = 0;
	self.copy = NULL;
	for (size_t i = 0; i < self.n; i++)
		if ((uintptr_t)subject - self.map[i].start < self.map[i].end - self.map[i].start)
			source = unwind_file_source(self.map[i].file);
	print_message("%s: %zu instructions, %zu unwound, %zu wrong\n", way->name, shadow.steps,
		      shadow.checked, shadow.wrong);
	assert_int_equal(result, subject());
	self_close(&self);
	dlclose(library);
	assert_true(shadow.checked > 1000);
	/* What cannot be told from callee-saved registers: __longjmp, whose CFA is in rdi (9 instructions),
	 * and the prologue and epilogue of a function that aligns its stack, where it is in r10 (12). A
	 * number, not a share: how many instructions libc takes depends on the CPU. */
	assert_true(shadow.wrong <= KNOWN_WRONG);
	assert_int_equal(source, way->source);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(void)
{
	struct CMUnitTest tests[sizeof(ways) / sizeof(ways[0])];

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		tests[i] =
			(struct CMUnitTest){ ways[i].name, stepped, NULL, NULL, (void *)&ways[i] };
	return cmocka_run_group_tests(tests, setup, teardown);
}
