/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls inside of calls, and calls that do not come back. Each step is followed by plain calls, which
 * count whatever happened before.
 *
 * driver=1: the runtime calls the driver, as NVIDIA's does, and the program calls both.
 * rounds=N: each step N times. deeper=1: the call after one that was left is from further down the
 * stack, so that its stack pointer does not tell that the other one is over.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "book.h"
#include "fake_cuda.h"
#include "fake_cudart.h"
#include "../truth.h"

#define US 1000ull

static const struct fake_dim3 one = { 1, 1, 1 };
static long driver;
/* Launches, and copies, that the runtime had the driver do. */
static uint64_t inside;

/* The runtime's calls, each with the driver's in it. */
static void plain(int n)
{
	static char memory[16];

	for (int i = 0; i < n; i++) {
		BOOK(cudaLaunchKernel, memory, one, one, NULL, 0, NULL);
		fake_plan.spin_ns = 100 * US;
		BOOK(cudaStreamSynchronize, NULL);
		fake_plan.spin_ns = 0;
		BOOK_COPY(11, FAKE_H2D, cudaMemcpy, memory, NULL, 11, FAKE_H2D);
	}
	inside += driver ? (uint64_t)n : 0;
}

static void plan_hook(void (*hook)(void))
{
	fake_plan = (struct fake_plan){ .hook = hook };
}

/* The driver's own, as cuBLAS makes them. */
static void direct(int n)
{
	static char memory[16];
	uint64_t to = (uint64_t)(uintptr_t)memory;

	for (int i = 0; i < n; i++) {
		*fake_driver_plan() = (struct fake_plan){ .spin_ns = 30 * US };
		BOOK(cuLaunchKernel, memory, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL);
		*fake_driver_plan() = (struct fake_plan){ 0 };
		BOOK(cuStreamSynchronize, NULL);
		BOOK(cuCtxSynchronize);
		BOOK_COPY(100, FAKE_H2D, cuMemcpyHtoDAsync_v2, to, NULL, 100, NULL);
		BOOK_COPY(200, FAKE_D2H, cuMemcpyDtoH_v2, memory, to, 200);
		/* Of another name, for which stream 0 is another. */
		book_copy("cuMemcpyHtoDAsync_v2", cuMemcpyHtoDAsync_v2_ptsz(to, NULL, 300, NULL),
			  300, FAKE_H2D);
		book("cuLaunchKernel",
		     cuLaunchKernel_ptsz(memory, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL), 0);
	}
}

/* --- the runtime inside the driver: a host function on a stream --- */
static void host_function(void *data)
{
	(void)data;
	cudaLaunchKernel("", one, one, NULL, 0, NULL);
	cudaStreamSynchronize(NULL);
}

static void runtime_in_driver(void)
{
	fake_plan = (struct fake_plan){ 0 };
	BOOK(cuLaunchHostFunc, NULL, host_function, NULL);
}

static void runtime_in_runtime(void)
{
	BOOK(cudaLaunchHostFunc, NULL, host_function, NULL);
}

/* --- deeper than the kernel keeps returns (64) --- */
static int depth;

static void recurse(void)
{
	if (--depth > 0)
		cudaStreamSynchronize(NULL);
}

static void recursion(int deep)
{
	depth = deep;
	plan_hook(recurse);
	BOOK(cudaStreamSynchronize, NULL);
	plan_hook(NULL);
}

/* --- left by longjmp --- */
static jmp_buf back, middle;

static void jump(void *data)
{
	(void)data;
	longjmp(back, 1);
}

static void jump_from_inner(void)
{
	plan_hook(NULL);
	cudaLaunchHostFunc(NULL, jump, NULL);
}

/* Out of a host function inside a call. */
static void leave_one(void)
{
	if (setjmp(back) == 0)
		cudaLaunchHostFunc(NULL, jump, NULL);
}

/* Out of a call inside of a call, both at once. */
static void leave_two(void)
{
	plan_hook(jump_from_inner);
	if (setjmp(back) == 0)
		cudaDeviceSynchronize();
	plan_hook(NULL);
}

static void jump_to_middle(void)
{
	longjmp(middle, 1);
}

static void inner_left(void)
{
	plan_hook(jump_to_middle);
	if (setjmp(middle) == 0)
		cudaStreamSynchronize(NULL);
	plan_hook(NULL);
}

/* Out of the inner call into the outer one, which then comes back. */
static void leave_inner(void)
{
	plan_hook(inner_left);
	BOOK(cudaDeviceSynchronize);
	plan_hook(NULL);
}

/* --- a thread that ends inside a call, without leaving it --- */
static void end_thread(void)
{
	syscall(SYS_exit, 0);
}

static void *ends_inside(void *arg)
{
	(void)arg;
	truth_name_thread("ends");
	plan_hook(end_thread);
	cudaEventSynchronize(NULL);
	return NULL;
}

static void thread_ends(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, ends_inside, NULL) != 0)
		truth_die("pthread_create");
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	long rounds, deeper;

	truth_init("cuda_nest", argc, argv);
	rounds = truth_arg("rounds", 20);
	deeper = truth_arg("deeper", 0);
	driver = truth_arg("driver", 0);
	book_open();
	if (driver && fake_use_driver() != 0)
		truth_die("libcuda.so.1");
	truth_ready();
	truth_attached();
	for (long r = 0; r < rounds; r++) {
		plain(3);
		direct(2);
		runtime_in_driver();
		runtime_in_runtime();
		plain(1);
		recursion(100);
		plain(1);
		/* A call from further up the stack shows that those are over: main's own. */
		leave_one();
		if (!deeper)
			BOOK(cudaStreamSynchronize, NULL);
		plain(1);
		leave_two();
		if (!deeper)
			BOOK(cudaStreamSynchronize, NULL);
		plain(1);
		leave_inner();
		plain(1);
		thread_ends();
		plain(1);
	}
	truth_number("abandoned.cudaLaunchHostFunc", (uint64_t)rounds);
	truth_number("abandoned.cudaDeviceSynchronize", (uint64_t)rounds);
	truth_number("abandoned.cudaEventSynchronize", (uint64_t)rounds);
	truth_number("inside.cudaLaunchKernel.cuLaunchKernel", inside);
	truth_number("inside.cudaMemcpy.cuMemcpyHtoD", inside);
	book_tell();
	truth_print();
	return 0;
}
