/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * More than there is room for: what=
 *   streams   threads=N, each with calls on n=N streams of its own, in turns
 *   kinds     threads=N, each with more kinds of calls in turns than a thread has slots for, n=N times
 *   objects   launches of n=N kernels, twice each
 *   threads   n=N threads one after the other, each launches three times
 *   images    n=N processes one after the other, each makes eight kinds of calls
 *   names     n=N functions are registered, as a framework does at its start
 *   churn     threads=N, each allocates and frees n=N times, and keeps every hundredth
 * It says how many of each call there were, of all threads together.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fake_cudart.h"
#include "../truth.h"

enum call { QUERY, SYNC, LAUNCH, COPY, SET, ALLOC, FREE, CREATE, EVENT, CALLS };
static const char *const names[CALLS] = {
	"cudaStreamQuery", "cudaStreamSynchronize", "cudaLaunchKernel",
	"cudaMemcpyAsync", "cudaMemsetAsync",	    "cudaMalloc",
	"cudaFree",	   "cudaStreamCreate",	    "cudaEventSynchronize",
};

/* Of the children, too. */
static struct {
	atomic_uint_least64_t calls[CALLS];
	atomic_uint_least64_t live, live_bytes;
} * said;
static long n;
static const struct fake_dim3 one = { 1, 1, 1 };

static void made(enum call call, int ret)
{
	if (ret)
		truth_die(names[call]);
	atomic_fetch_add_explicit(&said->calls[call], 1, memory_order_relaxed);
}

/* Something to copy to, or to launch. */
static char *object(long i)
{
	return (char *)(uintptr_t)0x7000000000 + i * 64;
}

static void make(enum call call, long stream)
{
	void *s = stream ? object(stream) : NULL, *made_here;

	switch (call) {
	case QUERY:
		made(call, cudaStreamQuery(s));
		break;
	case SYNC:
		made(call, cudaStreamSynchronize(s));
		break;
	case LAUNCH:
		made(call, cudaLaunchKernel(object(1), one, one, NULL, 0, s));
		break;
	case COPY:
		made(call, cudaMemcpyAsync(object(1), object(2), 100, FAKE_H2D, s));
		break;
	case SET:
		made(call, cudaMemsetAsync(object(1), 0, 100, s));
		break;
	case CREATE:
		made(call, cudaStreamCreate(&made_here));
		break;
	default:
		made(EVENT, cudaEventSynchronize(object(3)));
	}
}

static void *streams(void *arg)
{
	const long mine = n * (long)(intptr_t)arg;

	for (int times = 0; times < 3; times++)
		for (long i = 1; i <= n; i++)
			make(QUERY, mine + i);
	return NULL;
}

/* Ten kinds: of the copies each is one. */
static void *kinds(void *arg)
{
	static const enum call calls[] = { QUERY, SYNC, LAUNCH, SET, CREATE, EVENT };

	for (long i = 0; i < n; i++) {
		for (size_t k = 0; k < sizeof(calls) / sizeof(*calls); k++)
			make(calls[k], 1);
		for (int kind = FAKE_H2H; kind < FAKE_DEFAULT; kind++)
			made(COPY, cudaMemcpyAsync(object(1), object(2), 100, kind, NULL));
	}
	return arg;
}

static void *objects(void *arg)
{
	for (int times = 0; times < 2; times++)
		for (long i = 0; i < n; i++)
			made(LAUNCH, cudaLaunchKernel(object(i), one, one, NULL, 0, NULL));
	return arg;
}

static void *launches(void *arg)
{
	for (int times = 0; times < 3; times++)
		make(LAUNCH, 1);
	return arg;
}

static void *churn(void *arg)
{
	const size_t bytes = 4096 + 256 * (size_t)(intptr_t)arg;
	void *p;

	for (long i = 1; i <= n; i++) {
		made(ALLOC, cudaMalloc(&p, bytes));
		if (i % 100) {
			made(FREE, cudaFree(p));
			continue;
		}
		atomic_fetch_add(&said->live, 1);
		atomic_fetch_add(&said->live_bytes, bytes);
	}
	return NULL;
}

static void run(void *(*function)(void *), long threads)
{
	pthread_t ids[64];

	if (threads > 64)
		truth_die("threads");
	for (long i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, function, (void *)(intptr_t)i))
			truth_die("pthread_create");
	for (long i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
}

static void images(void)
{
	pid_t pid;

	for (long i = 0; i < n; i++) {
		pid = fork();
		if (pid < 0)
			truth_die("fork");
		if (!pid) {
			for (int call = QUERY; call < CALLS; call++)
				make(call, 0);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
}

/* Names as long as templates make them, each on pages that nobody has touched. */
static void names_many(void)
{
	enum { LONGEST = 320 };
	char *text = mmap(NULL, (size_t)n * LONGEST, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (text == MAP_FAILED)
		truth_die("mmap");
	for (long i = 0; i < n; i++) {
		char *name = text + i * LONGEST;
		const int length = snprintf(name, LONGEST, "kernel_%ld_", i);

		memset(name + length, 'x', 200 + i % 100 - length);
	}
	for (long i = 0; i < n; i++)
		__cudaRegisterFunction(NULL, object(i), NULL, text + i * LONGEST, -1, NULL, NULL,
				       NULL, NULL, NULL);
	/* Some are used. */
	for (long i = 0; i < n; i += 1000)
		made(LAUNCH, cudaLaunchKernel(object(i), one, one, NULL, 0, NULL));
}

int main(int argc, char **argv)
{
	const char *what;
	char name[64];
	long threads;

	truth_init("cuda_limits", argc, argv);
	what = truth_arg_text("what", "");
	n = truth_arg("n", 100);
	threads = truth_arg("threads", 1);
	said = mmap(NULL, sizeof(*said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (said == MAP_FAILED)
		truth_die("mmap");
	truth_ready();
	truth_attached();
	if (!strcmp(what, "streams"))
		run(streams, threads);
	else if (!strcmp(what, "kinds"))
		run(kinds, threads);
	else if (!strcmp(what, "objects"))
		run(objects, 1);
	else if (!strcmp(what, "threads"))
		for (long i = 0; i < n; i++)
			run(launches, 1);
	else if (!strcmp(what, "images"))
		images();
	else if (!strcmp(what, "names"))
		names_many();
	else if (!strcmp(what, "churn"))
		run(churn, threads);
	else
		truth_die("what");
	for (int call = 0; call < CALLS; call++) {
		snprintf(name, sizeof(name), "%s.calls", names[call]);
		truth_number(name, said->calls[call]);
	}
	truth_number("n", (uint64_t)n);
	truth_number("live", said->live);
	truth_number("live_bytes", said->live_bytes);
	truth_print();
	return 0;
}
