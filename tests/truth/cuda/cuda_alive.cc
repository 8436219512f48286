/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A program that throws exceptions, cancels threads and switches stacks, and says that it lived.
 *
 * inside=0: around its CUDA calls, as any program may.
 * inside=1: through them, out of callbacks. Return probes do not survive that: --returns none.
 * rounds=N: each N times.
 */
#include <cstdlib>
#include <pthread.h>
#include <stdexcept>
#include <ucontext.h>
#include "book.h"
#include "fake_cudart.h"
extern "C" {
#include "../truth.h"
}

static long inside;

static void calls(int n)
{
	static char memory[16];
	const fake_dim3 one = { 1, 1, 1 };

	for (int i = 0; i < n; i++) {
		BOOK(cudaLaunchKernel, memory, one, one, nullptr, 0, nullptr);
		BOOK_COPY(9, FAKE_H2D, cudaMemcpyAsync, memory, nullptr, 9, FAKE_H2D, nullptr);
		BOOK(cudaStreamSynchronize, nullptr);
	}
}

/* A call that another thing than its return may end: booked at its entry. */
static void enter(void (*hook)())
{
	fake_plan.hook = hook;
	book("cudaDeviceSynchronize", 0, 0);
	cudaDeviceSynchronize();
	fake_plan.hook = nullptr;
}

/* --- exceptions --- */
struct calls_when_destroyed {
	~calls_when_destroyed()
	{
		fake_plan.hook = nullptr;
		calls(1);
	}
};

static void throws()
{
	throw std::runtime_error("out of here");
}

__attribute__((noinline)) static void deep(int n)
{
	calls_when_destroyed last;

	if (n)
		deep(n - 1);
	else if (inside)
		enter(throws);
	else
		throws();
}

static void exceptions()
{
	int caught = 0;

	try {
		calls(1);
		deep(3);
	} catch (const std::runtime_error &) {
		calls(1);
		caught = 1;
	}
	if (!caught)
		truth_die("an exception that nobody caught");
}

/* --- cancellation --- */
static void sleeps()
{
	for (;;)
		truth_sleep(1000000000);
}

static pthread_barrier_t asleep;

static void arrives_and_sleeps()
{
	pthread_barrier_wait(&asleep);
	sleeps();
}

static void cleans_up(void *)
{
	fake_plan.hook = nullptr;
	calls(1);
}

static void *is_cancelled(void *)
{
	truth_name_thread("cancelled");
	pthread_cleanup_push(cleans_up, nullptr);
	calls(1);
	if (inside)
		enter(arrives_and_sleeps);
	else
		arrives_and_sleeps();
	pthread_cleanup_pop(0);
	return nullptr;
}

static void cancels()
{
	pthread_t thread;
	void *how;

	pthread_barrier_init(&asleep, nullptr, 2);
	if (pthread_create(&thread, nullptr, is_cancelled, nullptr) != 0)
		truth_die("pthread_create");
	pthread_barrier_wait(&asleep);
	pthread_cancel(thread);
	pthread_join(thread, &how);
	if (how != PTHREAD_CANCELED)
		truth_die("a thread that was not cancelled");
	pthread_barrier_destroy(&asleep);
}

/* --- stacks: two fibers that take turns; the first to enter a call is the first to leave it --- */
static ucontext_t outside, fibers[2];
static int at, left;

static void turn()
{
	const int from = at;

	fake_plan.hook = nullptr;
	at = !at;
	swapcontext(&fibers[from], &fibers[at]);
}

static void fiber()
{
	for (int i = 0; i < 3; i++) {
		calls(1);
		if (inside)
			enter(turn);
		else
			turn();
	}
	fake_plan.hook = nullptr;
	/* The first that is done lets the other one finish. */
	if (++left == 1)
		turn();
	setcontext(&outside);
}

static void switches()
{
	static char stacks[2][256 * 1024];
	volatile int back = 0;

	at = left = 0;
	for (int i = 0; i < 2; i++) {
		getcontext(&fibers[i]);
		fibers[i].uc_stack.ss_sp = stacks[i];
		fibers[i].uc_stack.ss_size = sizeof(stacks[i]);
		fibers[i].uc_link = nullptr;
		makecontext(&fibers[i], fiber, 0);
	}
	getcontext(&outside);
	if (!back++)
		setcontext(&fibers[0]);
	if (left != 2)
		truth_die("a fiber that did not end");
}

int main(int argc, char **argv)
{
	long rounds;

	truth_init("cuda_alive", argc, argv);
	rounds = truth_arg("rounds", 20);
	inside = truth_arg("inside", 0);
	book_open();
	truth_ready();
	truth_attached();
	for (long r = 0; r < rounds; r++) {
		exceptions();
		cancels();
		switches();
		calls(2);
	}
	truth_number("alive", 1);
	book_tell();
	truth_print();
	return 0;
}
