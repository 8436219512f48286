/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Launches of five kernels, the ways nvcc's code makes them: from launch stubs that say which kernel,
 * from host functions that the stub was inlined into, and from code that does not say it. The names
 * are registered before main(). Then graphs. A thread of its own launches with known gaps.
 *
 * rounds=N: each kernel N times its own number. gaps=N, gap_us=N: the paced thread's.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "book.h"
#include "fake_cudart.h"
#include "../truth.h"

#define US	     1000ull
#define GAPS_MAX     1024
#define BAD_FUNCTION 98 /* cudaErrorInvalidDeviceFunction */

static const struct fake_dim3 one = { 1, 1, 1 };

enum { SAXPY, SCALE, RMSNORM, GEMM, SOFTMAX, KERNELS };

/* name: as nvcc's symbols have it, without the parameters. */
static struct kernel {
	const char *name, *mangled;
	void (*host)(void); /* what is registered, and what launches name */
	void *handle;	    /* since CUDA 13 they name this instead */
	uint64_t calls, errors;
} kernels[KERNELS];

static void came_back(struct kernel *k, const char *call, int ret)
{
	book(call, ret, 0);
	k->calls++;
	k->errors += ret != 0;
}

__attribute__((noinline, noclone)) static void write_over(void)
{
	__asm__ volatile("" ::: "memory");
}

static void *handle_of(struct kernel *k)
{
	if (k->handle)
		return k->handle;
	if (__cudaGetKernel(&k->handle, (const void *)(uintptr_t)k->host))
		truth_die("__cudaGetKernel");
	/* With entry probes alone, a return address that is still where it was tells that a call is
	 * open. */
	write_over();
	return k->handle;
}

#define SYMBOL(name) __asm__(name) __attribute__((noinline, noclone))
/* Stubs: of one that has external linkage, of an instance of a template. */
static void stub_saxpy(void) SYMBOL("_Z27__device_stub__Z5saxpyPfS_fPfS_f");
static void stub_scale(void) SYMBOL("_ZL31__device_stub__Z5scaleILi4EEvPfPf");
static void saxpy(void) SYMBOL("_Z5saxpyPfS_f");
static void scale(void) SYMBOL("_Z5scaleILi4EEvPf");
static void rmsnorm(void) SYMBOL("_ZN5layer7rmsnormEPfPKfi");
static void gemm(void) SYMBOL("_Z4gemmPfS_S_i");
static void softmax(void) SYMBOL("_Z7softmaxPKfPfi");

static void stub_saxpy(void)
{
	struct kernel *k = &kernels[SAXPY];

	came_back(k, "cudaLaunchKernel",
		  cudaLaunchKernel((const void *)(uintptr_t)saxpy, one, one, NULL, 0, NULL));
}

static void stub_scale(void)
{
	struct kernel *k = &kernels[SCALE];

	came_back(k, "cudaLaunchKernel", __cudaLaunchKernel(handle_of(k), one, one, NULL, 0, NULL));
}

static void saxpy(void)
{
	stub_saxpy();
}

static void scale(void)
{
	stub_scale();
}

static void rmsnorm(void)
{
	struct kernel *k = &kernels[RMSNORM];

	came_back(k, "cudaLaunchKernel", __cudaLaunchKernel(handle_of(k), one, one, NULL, 0, NULL));
}

/* Somewhere else: see launches_any(). What they do keeps them apart. */
static void gemm(void)
{
	kernels[GEMM].calls += 0x1000000;
}

static void softmax(void)
{
	kernels[SOFTMAX].calls += 0x2000000;
}

__attribute__((noinline, noclone)) static void launches_any(struct kernel *k, const void *what)
{
	struct fake_launch_config config = { .grid = one, .block = one };

	if (k == &kernels[SOFTMAX])
		came_back(k, "cudaLaunchKernelExC", cudaLaunchKernelExC(&config, what, NULL));
	else
		came_back(k, "cudaLaunchCooperativeKernel",
			  cudaLaunchCooperativeKernel(what, one, one, NULL, 0, NULL));
}

__attribute__((constructor)) static void register_kernels(void)
{
	static const struct kernel known[KERNELS] = {
		[SAXPY] = { .name = "saxpy", .mangled = "_Z5saxpyPfS_f", .host = saxpy },
		[SCALE] = { .name = "scale<4>", .mangled = "_Z5scaleILi4EEvPf", .host = scale },
		[RMSNORM] = { .name = "layer::rmsnorm",
			      .mangled = "_ZN5layer7rmsnormEPfPKfi",
			      .host = rmsnorm },
		[GEMM] = { .name = "gemm", .mangled = "_Z4gemmPfS_S_i", .host = gemm },
		[SOFTMAX] = { .name = "softmax", .mangled = "_Z7softmaxPKfPfi", .host = softmax },
	};
	static void *module[2];

	for (int k = 0; k < KERNELS; k++) {
		kernels[k] = known[k];
		__cudaRegisterFunction(module, (const char *)(uintptr_t)known[k].host,
				       (char *)(uintptr_t)known[k].mangled, known[k].mangled, -1,
				       NULL, NULL, NULL, NULL, NULL);
	}
}

static void launch(int k)
{
	switch (k) {
	case GEMM:
		launches_any(&kernels[k], (const void *)(uintptr_t)gemm);
		break;
	case SOFTMAX:
		launches_any(&kernels[k], handle_of(&kernels[k]));
		break;
	default:
		kernels[k].host();
	}
}

static void launch_kernels(long rounds)
{
	static const int times[KERNELS] = { 3, 5, 7, 11, 13 };

	for (long r = 0; r < rounds; r++)
		for (int k = 0; k < KERNELS; k++)
			for (int i = 0; i < times[k]; i++)
				launch(k);
	/* One of each is refused. */
	fake_plan.result = BAD_FUNCTION;
	for (int k = 0; k < KERNELS; k++)
		launch(k);
	fake_plan.result = 0;
}

static void launch_graphs(void)
{
	static const int times[2] = { 4, 6 };
	void *exec;

	for (int g = 0; g < 2; g++) {
		BOOK(cudaGraphInstantiate, &exec, NULL, 0);
		for (int i = 0; i < times[g]; i++)
			BOOK(cudaGraphLaunch, exec, NULL);
	}
	truth_number("graph.0.calls", 4);
	truth_number("graph.1.calls", 6);
}

static long gaps, gap_us;

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void *pace(void *arg)
{
	static uint64_t lengths[GAPS_MAX];
	uint64_t back = 0, sum = 0;
	(void)arg;

	truth_name_thread("paced");
	for (long i = 0; i <= gaps; i++) {
		if (i) {
			truth_sleep((uint64_t)gap_us * US);
			lengths[i - 1] = truth_now_ns() - back;
			sum += lengths[i - 1];
		}
		kernels[SAXPY].host();
		back = truth_now_ns();
	}
	qsort(lengths, (size_t)gaps, sizeof(lengths[0]), compare);
	truth_number("paced.launches", (uint64_t)gaps + 1);
	truth_number("paced.gaps", (uint64_t)gaps);
	truth_number("paced.gap_ns", sum);
	truth_number("paced.gap_p50_ns", lengths[(gaps + 1) / 2 - 1]);
	truth_number("paced.gap_max_ns", lengths[gaps - 1]);
	return NULL;
}

int main(int argc, char **argv)
{
	char name[64];
	pthread_t paced;
	long rounds;

	truth_init("cuda_launch", argc, argv);
	rounds = truth_arg("rounds", 10);
	gaps = truth_arg("gaps", 40);
	gap_us = truth_arg("gap_us", 3000);
	if (gaps < 1 || gaps > GAPS_MAX)
		truth_die("gaps");
	book_open();
	truth_ready();
	truth_attached();
	launch_kernels(rounds);
	launch_graphs();
	if (pthread_create(&paced, NULL, pace, NULL) != 0)
		truth_die("pthread_create");
	pthread_join(paced, NULL);
	for (int k = 0; k < KERNELS; k++) {
		snprintf(name, sizeof(name), "launch.%s.calls", kernels[k].name);
		truth_number(name, kernels[k].calls);
		snprintf(name, sizeof(name), "launch.%s.errors", kernels[k].name);
		truth_number(name, kernels[k].errors);
	}
	book_tell();
	truth_print();
	return 0;
}
