/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls the subjects so many times and tells, of each: calls, how many were left without a return, and
 * the time inside by their own clock. It lives through all of it, or says
 * nothing.
 */
#include <pthread.h>
#include <stdexcept>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include "subjects.h"

extern "C" {
#include "../truth.h"
}

#define STACK_BYTES 65536

static long rounds;
static volatile long sum;

static void tell(const char *what, const char *name, uint64_t value)
{
	char text[96];

	snprintf(text, sizeof(text), "%s:%s", what, name);
	truth_number(text, value);
}

/* Calls f so many times; told is what only the caller can know. */
template <class F> static void repeat(F f, const char *told = NULL)
{
	for (long i = 0; i < rounds; i++)
		sum += f((int)i);
	if (told)
		tell("calls", told, (uint64_t)rounds);
}

static void tell_left(const char *name, uint64_t calls, uint64_t left)
{
	tell("calls", name, calls);
	tell("left", name, left);
}

static void exceptions(void)
{
	uint64_t left = 0;

	for (long i = 0; i < rounds; i++) {
		try {
			sum += stage_throws((int)i);
		} catch (const std::runtime_error &) {
			left++;
		}
	}
	tell_left("stage_throws", (uint64_t)rounds, left);
}

static void jumps(void)
{
	static volatile uint64_t left;
	static volatile long i;
	static jmp_buf here;

	for (i = 0; i < rounds; i++) {
		if (setjmp(here))
			left++;
		else
			sum += stage_longjmps(i % 2 ? &here : NULL);
	}
	tell_left("stage_longjmps", (uint64_t)rounds, left);
}

static void *wait_in_stage(void *arg)
{
	sum += stage_waits_for_cancel();
	return arg;
}

static void cancellation(void)
{
	pthread_t thread;

	for (long i = 0; i < 3; i++) {
		if (pthread_create(&thread, NULL, wait_in_stage, NULL))
			truth_die("pthread_create");
		truth_sleep(20000000);
		pthread_cancel(thread);
		pthread_join(thread, NULL);
	}
	tell_left("stage_waits_for_cancel", 3, 3);
}

/* --- stacks that are switched inside of a stage --- */

static ucontext_t outer_context, inner_context;
static char stacks[2][STACK_BYTES] __attribute__((aligned(64)));
static volatile bool run_inner;

static void yield(void)
{
	if (run_inner)
		swapcontext(&inner_context, &outer_context);
	else
		swapcontext(&outer_context, &inner_context);
}

static void inner(void)
{
	for (;;) {
		run_inner = true;
		sum += stage_yields(yield);
		run_inner = false;
		swapcontext(&inner_context, &outer_context);
	}
}

static ucontext_t back;

static void outer(void)
{
	for (long i = 0; i < rounds; i++) {
		run_inner = false;
		sum += stage_yields(yield);
		/* The other one is in its own call still. */
		swapcontext(&outer_context, &inner_context);
	}
}

static void make_context(ucontext_t *c, int stack, void (*f)(void), ucontext_t *link)
{
	getcontext(c);
	c->uc_stack.ss_sp = stacks[stack];
	c->uc_stack.ss_size = STACK_BYTES;
	c->uc_link = link;
	makecontext(c, f, 0);
}

static void switches(void)
{
	/* Either of them above the other. */
	for (int upper = 0; upper < 2; upper++) {
		make_context(&inner_context, !upper, inner, NULL);
		make_context(&outer_context, upper, outer, &back);
		swapcontext(&back, &outer_context);
	}
}

static int first_part(int)
{
	return stage_loops("no end in sight; or is there");
}

int main(int argc, char **argv)
{
	truth_init("functions", argc, argv);
	rounds = truth_arg("rounds", 40);
	truth_ready();
	truth_attached();
	repeat(stage_plain);
	repeat(stage_sleeps);
	repeat([](int i) { return stage_rets(i % 3); });
	repeat([](int) { return stage_recurses(3); });
	repeat(stage_tail);
	repeat(stage_tail_if);
	repeat([](int i) { return stage_tail_pointer(stage_tail_to, i); });
	repeat([](int i) { return stage_tail_table(0, i); }, "stage_tail_table");
	repeat([](int i) { return stage_switch((unsigned int)i % 9); }, "stage_switch");
	repeat(stage_protected);
	repeat(stage_cold);
	repeat(first_part, "stage_loops");
	repeat(ops::add::call);
	repeat(ops::mul::call);
	repeat([](int i) { return ops::cast<float>::call((float)i); });
	exceptions();
	jumps();
	cancellation();
	switches();
	for (unsigned long i = 0; i < notes_n; i++) {
		tell("calls", notes[i].name, notes[i].calls);
		tell("inside", notes[i].name, notes[i].ns);
	}
	truth_thread();
	truth_print();
	return 0;
}
