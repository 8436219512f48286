/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Makes CUDA calls that do nothing, of the kind and as many as a line on stdin says ("sync 1000"), and
 * prints what they took: "WALL_NS CPU_NS CALLS". One process for all tools that are compared: the same
 * memory, the same addresses, the same probes' place.
 *   sync    cudaStreamSynchronize
 *   launch  cudaLaunchKernel of one kernel
 *   step    what a decoding step of a model is made of: launches of eight kernels from eight places, an
 *           event, a wait for it, two asynchronous copies, a synchronisation
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct dim3 {
	unsigned int x, y, z;
};

/* The real prototypes: arguments are where they are looked for. */
int cudaStreamSynchronize(void *stream);
int cudaLaunchKernel(const void *kernel, struct dim3 grid, struct dim3 block, void **args,
		     size_t shared_bytes, void *stream);
int cudaMemcpyAsync(void *dst, const void *src, size_t bytes, int kind, void *stream);
int cudaEventRecord(void *event, void *stream);
int cudaStreamWaitEvent(void *stream, void *event, unsigned int flags);

/* Handles of streams, as they look: addresses. */
#define COMPUTE ((void *)0x5566778899a0)
#define COPIES	((void *)0x5566778899b0)

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static const char kernels[8];

static __attribute__((noinline)) void launch(const char *kernel)
{
	const struct dim3 one = { 1, 1, 1 };

	cudaLaunchKernel(kernel, one, one, NULL, 0, COMPUTE);
}

static void make_syncs(uint64_t n)
{
	while (n--)
		cudaStreamSynchronize(COMPUTE);
}

static void make_launches(uint64_t n)
{
	while (n--)
		launch(kernels);
}

#define STEP_CALLS 13
static void make_steps(uint64_t n)
{
	for (n = (n + STEP_CALLS - 1) / STEP_CALLS; n; n--) {
		cudaMemcpyAsync(NULL, NULL, 4096, 1, COPIES);
		cudaEventRecord(NULL, COPIES);
		cudaStreamWaitEvent(COMPUTE, NULL, 0);
		for (int i = 0; i < 8; i++)
			launch(&kernels[i]);
		cudaMemcpyAsync(NULL, NULL, 64, 2, COMPUTE);
		cudaStreamSynchronize(COMPUTE);
	}
}

static const struct {
	const char *name;
	void (*make)(uint64_t n);
} kinds[] = { { "sync", make_syncs }, { "launch", make_launches }, { "step", make_steps } };

int main(void)
{
	uint64_t n, wall, cpu;
	char kind[16];
	size_t k;

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (scanf("%15s %" SCNu64, kind, &n) == 2) {
		for (k = 0; k < 2 && strcmp(kinds[k].name, kind); k++)
			;
		wall = clock_ns(CLOCK_MONOTONIC);
		cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		kinds[k].make(n);
		cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
		wall = clock_ns(CLOCK_MONOTONIC) - wall;
		printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", wall, cpu, n);
	}
	return 0;
}
