/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Knows its own stacks: main() gives each phase the same CPU time, round after round, until it is
 * killed; a phase is a function NAME_phase with a chain of its own below. Two more threads: one
 * works and sleeps, one is in a library's constructor for good (not if linked statically).
 *
 * Built in many ways: see stacks.mk. The chains are in chains.py.
 */
#define _GNU_SOURCE
#include <alloca.h>
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>
#include "known.h"
#include "known_lib.h"

/* --- a plain chain --- */
static FRAME void chain_c(void)
{
	spin();
	BACK();
}

static FRAME void chain_b(void)
{
	chain_c();
	BACK();
}

static FRAME void chain_a(void)
{
	chain_b();
	BACK();
}

static FRAME void chain_phase(void)
{
	while (slice_left())
		chain_a();
}

/* --- short functions: prologues and epilogues --- */
static FRAME void recursion_phase(void)
{
	while (slice_left())
		ping(9);
}

/* --- a hundred frames --- */
static FRAME void deep(int depth)
{
	if (depth == 0)
		spin();
	else
		deep(depth - 1);
	BACK();
}

static FRAME void deep_phase(void)
{
	while (slice_left())
		deep(90);
}

/* --- through pointers --- */
static FRAME void pointer_even(void)
{
	spin();
	BACK();
}

static FRAME void pointer_odd(void)
{
	spin();
	BACK();
}

static void (*volatile const pointers[2])(void) = { pointer_even, pointer_odd };

static FRAME void pointer_a(unsigned int which)
{
	pointers[which & 1]();
	BACK();
}

static FRAME void pointer_phase(void)
{
	for (unsigned int n = 0; slice_left(); n++)
		pointer_a(n);
}

/* --- through the C library and back --- */
static FRAME int compare(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	for (volatile int n = 0; n < 50; n++)
		;
	return (x > y) - (x < y);
}

static FRAME void qsort_phase(void)
{
	int numbers[64];
	unsigned int seed = 1;

	while (slice_left()) {
		for (int i = 0; i < 64; i++) {
			seed = seed * 1103515245 + 12345;
			numbers[i] = (int)(seed >> 16);
		}
		qsort(numbers, 64, sizeof(numbers[0]), compare);
		BACK();
	}
}

/* --- signals: the handler interrupts whatever instruction it hits --- */
static FRAME void handler_b(void)
{
	for (int i = 0; i < 15; i++)
		spin();
	BACK();
}

static FRAME void handler_a(void)
{
	handler_b();
	BACK();
}

static FRAME void on_signal(int sig)
{
	(void)sig;
	handler_a();
	BACK();
}

static FRAME void on_alt_signal(int sig)
{
	(void)sig;
	handler_a();
	BACK();
}

static void alarm_in_us(long us)
{
	struct itimerval t = { .it_value = { .tv_usec = us } };

	setitimer(ITIMER_REAL, &t, NULL);
}

static void handle(void (*handler)(int), int flags)
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_RESTART | flags };

	sigaction(SIGALRM, &sa, NULL);
}

static FRAME void signal_b(void)
{
	alarm_in_us(50);
	for (int i = 0; i < 40; i++)
		ping(9);
	BACK();
}

static FRAME void signal_a(void)
{
	signal_b();
	BACK();
}

static FRAME void signal_phase(void)
{
	handle(on_signal, 0);
	while (slice_left())
		signal_a();
	alarm_in_us(0);
	BACK();
}

static FRAME void alt_b(void)
{
	alarm_in_us(50);
	for (int i = 0; i < 40; i++)
		ping(9);
	BACK();
}

static FRAME void alt_a(void)
{
	alt_b();
	BACK();
}

static FRAME void alt_phase(void)
{
	static char stack[65536];
	const stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };

	sigaltstack(&alt, NULL);
	handle(on_alt_signal, SA_ONSTACK);
	while (slice_left())
		alt_a();
	alarm_in_us(0);
	BACK();
}

/* A signal that the thread sends itself, so from inside the C library. */
static FRAME void raise_phase(void)
{
	handle(on_signal, 0);
	while (slice_left())
		raise(SIGALRM);
	BACK();
}

/* --- frames of unusual sizes --- */
static FRAME void touch(volatile char *p, size_t n)
{
	for (size_t i = 0; i < n; i += 64)
		p[i] = 1;
	spin();
	BACK();
}

static FRAME void vla_b(int n)
{
	char room[n];

	touch(room, (size_t)n);
	BACK();
}

static FRAME void vla_a(int n)
{
	/* cppcheck-suppress allocaCalled */
	char *room = alloca((size_t)n);

	room[0] = 0;
	vla_b(n / 2);
	BACK();
	room[n - 1] = 0;
	BACK();
}

static FRAME void vla_phase(void)
{
	for (int n = 0; slice_left(); n++)
		vla_a(100 + n % 700);
}

static FRAME void large_c(void)
{
	char room[1024];

	touch(room, sizeof(room));
	BACK();
}

static FRAME void large_b(void)
{
	char room[1024];

	memset(room, 1, sizeof(room));
	BACK();
	large_c();
	BACK();
}

static FRAME void large_a(void)
{
	char room[1024];

	memset(room, 1, sizeof(room));
	BACK();
	large_b();
	BACK();
}

static FRAME void large_phase(void)
{
	while (slice_left())
		large_a();
}

/* Aligned frames: the stack pointer cannot be told from the frame's size. */
static FRAME void aligned_a(void)
{
	char room[128] __attribute__((aligned(128)));

	touch(room, sizeof(room));
	BACK();
}

static FRAME void aligned_phase(void)
{
	while (slice_left())
		aligned_a();
}

/* --- all registers saved: long prologues and epilogues --- */
static FRAME unsigned long saver(unsigned long a, unsigned long b, unsigned long c, unsigned long d,
				 unsigned long e, unsigned long f)
{
	__asm__ volatile(""
			 : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f)
			 :
			 :
#ifndef __OPTIMIZE__
			 "rbx", "r12", "r13"
#else
			 "rbx", "r12", "r13", "r14", "r15"
#endif
	);
	return a + b + c + d + e + f;
}

static FRAME void saver_phase(void)
{
	unsigned long sum = 0;

	while (slice_left())
		for (int i = 0; i < 1000; i++)
			sum += saver(sum, 1, 2, 3, 4, 5);
	BACK();
}

/* --- a gap of breakpoints before a function, as lld leaves; it is nearly always met at its first byte --- */
void padded(long a, long b, long c, long n);
__asm__(".text\n"
	".fill 16, 1, 0xcc\n"
	".type padded, @function\n"
	"padded:\n"
	".cfi_startproc\n"
	"loop padded\n" /* counts rcx down, the fourth argument */
	"ret\n"
	".cfi_endproc\n"
	".size padded, . - padded\n");

static FRAME void padded_phase(void)
{
	while (slice_left())
		padded(0, 0, 0, 5000);
	BACK();
}

/* --- a call out of the cold part of a function --- */
static FRAME __attribute__((cold)) void cold_c(void)
{
	spin();
	BACK();
}

static volatile int always = 1;

static FRAME void cold_b(void)
{
	if (__builtin_expect(always, 0)) {
		cold_c();
		BACK();
	}
	BACK();
}

static FRAME void cold_phase(void)
{
	while (slice_left())
		cold_b();
}

/* --- longjmp --- */
static jmp_buf jump_out;

static FRAME void jump_b(void)
{
	ping(3);
	longjmp(jump_out, 1);
}

static FRAME void jump_a(void)
{
	jump_b();
	BACK();
}

static FRAME void jump_phase(void)
{
	while (slice_left())
		if (setjmp(jump_out) == 0)
			jump_a();
	BACK();
}

/* --- a stack of its own --- */
static ucontext_t co_caller, co_self;

static FRAME void co_a(void)
{
	spin();
	BACK();
}

static FRAME void co_entry(void)
{
	for (;;) {
		for (int i = 0; i < 20; i++)
			co_a();
		swapcontext(&co_self, &co_caller);
	}
}

static FRAME void co_phase(void)
{
	static char stack[32768];

	if (!co_self.uc_stack.ss_sp) {
		getcontext(&co_self);
		co_self.uc_stack.ss_sp = stack;
		co_self.uc_stack.ss_size = sizeof(stack);
		makecontext(&co_self, co_entry, 0);
	}
	while (slice_left())
		swapcontext(&co_caller, &co_self);
	BACK();
}

/* --- the linker's and the kernel's code --- */
static FRAME void plt_phase(void)
{
	while (slice_left())
		for (int i = 0; i < 1000; i++)
			lib_tiny();
	BACK();
}

static FRAME void vdso_phase(void)
{
	struct timespec t;

	while (slice_left())
		for (int i = 0; i < 1000; i++)
			clock_gettime(CLOCK_MONOTONIC, &t);
	BACK();
}

/* --- blocked --- */
static FRAME void sleep_b(void)
{
	sleep_ns(10000000);
	BACK();
}

static FRAME void sleep_a(void)
{
	sleep_b();
	BACK();
}

static FRAME void sleep_phase(void)
{
	sleep_a();
	BACK();
}

/* --- threads --- */
static FRAME void worker_b(void)
{
	while (slice_left())
		spin();
	sleep_ns(40000000);
	BACK();
}

static FRAME void worker_a(void)
{
	slice_begin(SHORT_NS);
	worker_b();
	BACK();
}

static FRAME void *worker_thread(void *arg)
{
	prctl(PR_SET_NAME, "worker");
	for (;;)
		worker_a();
	return arg;
}

#ifndef KNOWN_STATIC
static FRAME void *plugin_thread(void *path)
{
	prctl(PR_SET_NAME, "plugin");
	dlopen(path, RTLD_NOW); /* never returns */
	fprintf(stderr, "%s: %s\n", (const char *)path, dlerror());
	exit(1);
}
#endif

static void start(void *(*run)(void *), void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, run, arg) != 0)
		known_die("pthread_create");
}

static void (*const phases[])(void) = {
	chain_phase,   recursion_phase, deep_phase,  pointer_phase, qsort_phase,
	signal_phase,  alt_phase,	raise_phase, vla_phase,	    large_phase,
	aligned_phase, saver_phase,	cold_phase,  jump_phase,    co_phase,
	plt_phase,     vdso_phase,	sleep_phase, padded_phase,
};

int main(int argc, char **argv)
{
	sigset_t alarms;

	/* Only the main thread is interrupted. */
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarms, NULL);
	start(worker_thread, NULL);
#ifndef KNOWN_STATIC
	if (argc > 1)
		start(plugin_thread, argv[1]);
#endif
	pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)argc, (void)argv;
	puts("ready");
	fflush(stdout);
	for (;;)
		for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
			slice_begin(SLICE_NS);
			phases[i]();
		}
}
