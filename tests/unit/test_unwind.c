// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* This process unwinds itself; libgcc's unwinder has to agree. */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>
#include "unwind_self.h"

static struct self self;
static volatile int checks; /* raise() is declared as not calling back */

/* The stack of this very place, by both. Frames above this function's caller have to be equal. */
static __attribute__((noinline)) void check(void)
{
	struct self_stack ours, theirs;
	struct user_regs regs;

	SELF_REGS(&regs);
	self_walk(&self, &regs, &ours);
	self_libgcc(&theirs);
	assert_int_equal(ours.end, UNWIND_START);
	assert_int_equal(ours.n, theirs.n);
	for (size_t i = 1; i < ours.n; i++)
		assert_int_equal(ours.ip[i], theirs.ip[i]);
	checks++;
}

static void simple(void **state)
{
	(void)state;
	check();
}

static __attribute__((noinline)) int recurse(int n)
{
	volatile char fill[16];

	fill[0] = (char)n;
	if (n)
		return recurse(n - 1) + fill[0];
	check();
	return 0;
}

static void recursion(void **state)
{
	(void)state;
	recurse(100);
}

static __attribute__((noinline)) void with_alloca(size_t n)
{
	volatile char *p = __builtin_alloca(n);

	p[n - 1] = 1;
	check();
	p[0] = 1;
}

static void alloca_frame(void **state)
{
	(void)state;
	with_alloca(4001);
}

static __attribute__((noinline)) void aligned(void)
{
	volatile char big[64] __attribute__((aligned(64)));

	big[0] = 1;
	check();
	assert_int_equal(big[0], 1);
}

static void aligned_stack(void **state)
{
	(void)state;
	aligned();
}

static int compare(const void *a, const void *b)
{
	check();
	return *(const int *)a - *(const int *)b;
}

static void callbacks(void **state)
{
	int v[] = { 3, 1, 2, 5, 4 }, key = 4;

	(void)state;
	qsort(v, 5, sizeof(v[0]), compare);
	assert_non_null(bsearch(&key, v, 5, sizeof(v[0]), compare));
}

static void on_signal(int sig)
{
	(void)sig;
	check();
}

static void handler(bool alternate)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = alternate ? SA_ONSTACK : 0 };
	int before = checks;

	sigaction(SIGUSR1, &act, NULL);
	raise(SIGUSR1);
	assert_int_equal(checks, before + 1);
}

static void signal_frame(void **state)
{
	(void)state;
	handler(false);
}

static void alternate_stack(void **state)
{
	const size_t n = 256 * 1024;
	stack_t st = { .ss_sp = malloc(n), .ss_size = n }, old;

	(void)state;
	sigaltstack(&st, &old);
	handler(true);
	sigaltstack(&old, NULL);
	free(st.ss_sp);
}

static void *in_thread(void *arg)
{
	check();
	return arg;
}

static void thread(void **state)
{
	pthread_t t;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, in_thread, NULL), 0);
	pthread_join(t, NULL);
}

static jmp_buf back;

static __attribute__((noreturn, noinline)) void never_returns(void)
{
	check();
	longjmp(back, 1);
}

/* Its call of never_returns is its last instruction: the return address is the next function's. */
static __attribute__((noinline)) void calls_noreturn(void)
{
	never_returns();
}

static void noreturn_call(void **state)
{
	(void)state;
	if (!setjmp(back))
		calls_noreturn();
}

/* Copies of this stack that end sooner and sooner: fewer of the same frames, and CUT. */
static __attribute__((noinline)) int cut_here(int n)
{
	static uint8_t copy[256 * 1024];
	struct self_stack whole, part;
	struct user_regs regs;
	size_t last = 0;

	if (n)
		return cut_here(n - 1) + 1;
	SELF_REGS(&regs);
	self_walk(&self, &regs, &whole);
	assert_int_equal(whole.end, UNWIND_START);
	/* As much as there is. */
	for (size_t bytes = 0; bytes <= sizeof(copy) && last < whole.n; bytes += 40) {
		if (self_peek(regs.sp, copy, bytes ? bytes : 8))
			break;
		self.copied_from = regs.sp;
		self.copy = copy;
		self.copy_n = bytes;
		self_walk(&self, &regs, &part);
		assert_int_equal(part.end, part.n == whole.n ? UNWIND_START : UNWIND_CUT);
		assert_true(part.n >= last && part.n >= 1);
		assert_memory_equal(part.ip, whole.ip, part.n * sizeof(part.ip[0]));
		last = part.n;
	}
	self.copied_from = 0;
	self.copy = NULL;
	assert_int_equal(last, whole.n);
	return 0;
}

static void cut_copies(void **state)
{
	(void)state;
	assert_int_equal(cut_here(5), 5);
}

static int setup(void **state)
{
	(void)state;
	self_open(&self, NULL);
	return 0;
}

static int teardown(void **state)
{
	struct unwind_stats st;

	(void)state;
	unwind_stats(self.u, &st);
	print_message("%d stacks compared; %lu rows, %lu expressions, %lu by frame pointer\n",
		      checks, (unsigned long)st.rows, (unsigned long)st.expressions,
		      (unsigned long)st.by_frame_pointer);
	self_close(&self);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(simple),	   cmocka_unit_test(recursion),
		cmocka_unit_test(alloca_frame),	   cmocka_unit_test(aligned_stack),
		cmocka_unit_test(callbacks),	   cmocka_unit_test(signal_frame),
		cmocka_unit_test(alternate_stack), cmocka_unit_test(thread),
		cmocka_unit_test(noreturn_call),   cmocka_unit_test(cut_copies),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
