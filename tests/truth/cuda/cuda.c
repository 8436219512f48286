/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * CUDA calls of known number, bytes and length, from several threads. Each thread does rounds
 * rounds of the steps below. Every call's length is taken with the program's own clock around it.
 *
 * jumps=N: after that, the first thread leaves N further calls by longjmp.
 * driver=1: the runtime calls the driver. start_us=N: no calls until then.
 * Then one more thread enters a call, and the process ends while it is inside.
 */
#define _GNU_SOURCE /* RUSAGE_THREAD */
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "fake_cudart.h"
#include "../truth.h"

#define US 1000ull

enum call { MALLOC, FREE, MEMCPY, MEMCPY_ASYNC, LAUNCH, STREAM_SYNC, DEVICE_SYNC, CALLS };

static const char *const names[CALLS] = { "cudaMalloc",		  "cudaFree",
					  "cudaMemcpy",		  "cudaMemcpyAsync",
					  "cudaLaunchKernel",	  "cudaStreamSynchronize",
					  "cudaDeviceSynchronize" };

/* What one step of a round does, and how often. */
struct step {
	enum call call;
	int times;
	uint64_t spin_us, sleep_us;
	size_t bytes;
	int kind;
	int expect;
};

static const struct step steps[] = {
	{ MALLOC, 1, 0, 0, 1000, 0, FAKE_OK },
	{ MALLOC, 1, 5, 0, (size_t)2 << 30, 0, FAKE_NO_MEMORY },
	{ MEMCPY_ASYNC, 3, 80, 0, 4096, FAKE_H2D, FAKE_OK },
	{ MEMCPY_ASYNC, 1, 0, 0, 128, FAKE_D2D, FAKE_OK },
	{ MEMCPY_ASYNC, 1, 0, 0, 77, FAKE_D2D, FAKE_INVALID_VALUE },
	{ LAUNCH, 10, 0, 0, 0, 0, FAKE_OK },
	{ STREAM_SYNC, 2, 300, 0, 0, 0, FAKE_OK },
	{ MEMCPY, 1, 0, 1000, 65536, FAKE_D2H, FAKE_OK },
	{ MEMCPY, 2, 50, 0, 100, FAKE_DEFAULT, FAKE_OK },
	{ DEVICE_SYNC, 1, 100, 2000, 0, 0, FAKE_OK },
	{ FREE, 1, 0, 0, 0, 0, FAKE_OK },
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* Of one call name, all threads together. */
struct account {
	uint64_t calls, errors, bytes, wall_ns, cpu_ns;
	uint64_t voluntary, involuntary; /* switches */
	uint64_t *lengths_ns;
	size_t lengths_room;
};

static struct account accounts[CALLS];
static uint64_t kind_bytes[5], kind_calls[5];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int make_call(const struct step *s, void **memory)
{
	struct fake_dim3 one = { 1, 1, 1 };
	void *other;

	switch (s->call) {
	case MALLOC:
		return cudaMalloc(s->expect == FAKE_OK ? memory : &other, s->bytes);
	case FREE:
		return cudaFree(*memory);
	case MEMCPY:
		return cudaMemcpy(*memory, *memory, s->bytes, s->kind);
	case MEMCPY_ASYNC:
		return cudaMemcpyAsync(s->expect == FAKE_OK ? *memory : NULL, *memory, s->bytes,
				       s->kind, NULL);
	case LAUNCH:
		return cudaLaunchKernel(names, one, one, NULL, 0, NULL);
	case STREAM_SYNC:
		return cudaStreamSynchronize(NULL);
	default:
		return cudaDeviceSynchronize();
	}
}

static void book(const struct step *s, uint64_t wall_ns, uint64_t cpu_ns,
		 const struct rusage *before, const struct rusage *after)
{
	struct account *a = &accounts[s->call];

	pthread_mutex_lock(&lock);
	if (a->calls == a->lengths_room) {
		a->lengths_room = a->lengths_room ? a->lengths_room * 2 : 1024;
		a->lengths_ns = realloc(a->lengths_ns, a->lengths_room * sizeof(uint64_t));
		if (!a->lengths_ns)
			abort();
	}
	a->lengths_ns[a->calls++] = wall_ns;
	a->wall_ns += wall_ns;
	a->cpu_ns += cpu_ns;
	a->voluntary += (uint64_t)(after->ru_nvcsw - before->ru_nvcsw);
	a->involuntary += (uint64_t)(after->ru_nivcsw - before->ru_nivcsw);
	if (s->expect != FAKE_OK) {
		a->errors++;
	} else if (s->call != FREE) {
		a->bytes += s->bytes;
	}
	if (s->call == MEMCPY || s->call == MEMCPY_ASYNC) {
		kind_calls[s->kind]++;
		if (s->expect == FAKE_OK)
			kind_bytes[s->kind] += s->bytes;
	}
	pthread_mutex_unlock(&lock);
}

static void take_step(const struct step *s, void **memory)
{
	struct rusage before, after;
	uint64_t wall, cpu;

	fake_plan.spin_ns = s->spin_us * US;
	fake_plan.sleep_ns = s->sleep_us * US;
	for (int i = 0; i < s->times; i++) {
		getrusage(RUSAGE_THREAD, &before);
		cpu = truth_thread_cpu_ns();
		wall = truth_now_ns();
		if (make_call(s, memory) != s->expect)
			truth_die(names[s->call]);
		wall = truth_now_ns() - wall;
		cpu = truth_thread_cpu_ns() - cpu;
		getrusage(RUSAGE_THREAD, &after);
		book(s, wall, cpu, &before, &after);
	}
}

static void *caller(void *arg)
{
	long rounds = *(const long *)arg;
	void *memory = NULL;

	truth_name_thread("caller");
	for (long r = 0; !truth_stopped() && (!rounds || r < rounds); r++)
		for (size_t i = 0; i < STEPS; i++)
			take_step(&steps[i], &memory);
	truth_thread();
	return NULL;
}

static jmp_buf back;

static void jump(void)
{
	longjmp(back, 1);
}

static void leave_by_longjmp(long n)
{
	for (volatile long i = 0; i < n; i++) {
		fake_plan = (struct fake_plan){ .hook = jump };
		if (setjmp(back) == 0)
			cudaDeviceSynchronize();
	}
	fake_plan = (struct fake_plan){ 0 };
}

static atomic_bool inside;

static void arrived(void)
{
	atomic_store(&inside, true);
}

static void *stay_inside(void *arg)
{
	(void)arg;
	truth_name_thread("stays");
	fake_plan = (struct fake_plan){ .hook = arrived, .sleep_ns = 1000000000ull * 1000 };
	cudaStreamSynchronize(NULL);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The smallest length that at least share percent of the calls do not exceed. */
static uint64_t percentile(const struct account *a, unsigned int share)
{
	size_t rank = (a->calls * share + 99) / 100;

	return a->calls ? a->lengths_ns[rank ? rank - 1 : 0] : 0;
}

static void tell(void)
{
	static const char *const kinds[] = { "H2H", "H2D", "D2H", "D2D", "default" };
	char name[96];

#define TELL(what, value) \
	(snprintf(name, sizeof(name), "%s.%s", of, what), truth_number(name, value))
	for (int c = 0; c < CALLS; c++) {
		struct account *a = &accounts[c];
		const char *of = names[c];

		if (a->calls)
			qsort(a->lengths_ns, a->calls, sizeof(uint64_t), compare);
		TELL("calls", a->calls);
		TELL("errors", a->errors);
		TELL("bytes", a->bytes);
		TELL("wall_ns", a->wall_ns);
		TELL("cpu_ns", a->cpu_ns);
		TELL("voluntary", a->voluntary);
		TELL("involuntary", a->involuntary);
		TELL("p50_ns", percentile(a, 50));
		TELL("p95_ns", percentile(a, 95));
		TELL("max_ns", a->calls ? a->lengths_ns[a->calls - 1] : 0);
	}
	for (int k = 0; k < 5; k++) {
		const char *of = kinds[k];

		TELL("calls", kind_calls[k]);
		TELL("bytes", kind_bytes[k]);
	}
#undef TELL
}

#ifdef IN_LIBRARY
#define main start_main
__attribute__((visibility("default"))) int start_main(int argc, char **argv);
#endif

int main(int argc, char **argv)
{
	pthread_t threads[16], stays;
	long rounds, n, jumps, start_us, waits;

	truth_init("cuda", argc, argv);
	rounds = truth_arg("rounds", 100);
	n = truth_arg("threads", 2);
	jumps = truth_arg("jumps", 0);
	start_us = truth_arg("start_us", 0);
	if (truth_arg("driver", 0) && fake_use_driver() != 0)
		truth_die("libcuda.so.1");
	/* A window inside the life of a program that does not wait for it, or all of its calls. */
	waits = truth_arg("waits", 0);
	truth_ready();
	if (waits)
		truth_attached();
	truth_sleep((uint64_t)start_us * US);
	if (n < 1 || n > 16)
		truth_die("threads");
	for (long i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, caller, &rounds) != 0)
			truth_die("pthread_create");
	for (long i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	leave_by_longjmp(jumps);
	truth_number("jumps", (uint64_t)jumps);
	tell();
	if (pthread_create(&stays, NULL, stay_inside, NULL) != 0)
		truth_die("pthread_create");
	while (!atomic_load(&inside))
		truth_sleep(1000000);
	truth_print();
	return 0;
}
