/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Children of a process that makes CUDA calls go on making them. One does so at once, one after a
 * second (a tracer that has to look for new processes has seen it by then), one was made inside of a
 * call, from which it comes back too.
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "book.h"
#include "fake_cudart.h"
#include "../truth.h"

#define MS 1000000ull

static pid_t forked_inside;

static void calls(const char *who, int n)
{
	static const struct fake_dim3 one = { 1, 1, 1 };

	for (int i = 0; i < n; i++) {
		book(who, cudaLaunchKernel((const void *)(uintptr_t)calls, one, one, NULL, 0, NULL),
		     0);
		book(who, cudaStreamSynchronize(NULL), 0);
	}
}

static void do_fork(void)
{
	forked_inside = fork();
}

static void await(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child || status != 0)
		truth_die("a child");
}

int main(int argc, char **argv)
{
	pid_t late, soon;

	truth_init("cuda_fork", argc, argv);
	book_open();
	truth_ready();
	truth_attached();
	calls("parent", 10);
	late = fork();
	if (late == 0) {
		truth_sleep(3000 * MS);
		calls("late", 21);
		_exit(0);
	}
	soon = fork();
	if (soon == 0) {
		calls("soon", 32);
		_exit(0);
	}
	fake_plan.hook = do_fork;
	cudaDeviceSynchronize();
	fake_plan.hook = NULL;
	if (forked_inside == 0) {
		truth_sleep(3000 * MS);
		calls("inside", 43);
		_exit(0);
	}
	calls("parent", 10);
	truth_number("pid.late", (uint64_t)late);
	truth_number("pid.soon", (uint64_t)soon);
	truth_number("pid.inside", (uint64_t)forked_inside);
	await(soon);
	await(late);
	await(forked_inside);
	calls("parent", 10);
	book_tell();
	truth_print();
	return 0;
}
