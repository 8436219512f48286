/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Memory of every kind, allocated, freed and leaked, with an account of each; copies of kind
 * "default" between addresses that are known, and that are not.
 *
 * before=N: N allocations before the trace, freed during it.
 * scale=N: churns N times.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "book.h"
#include "fake_cudart.h"
#include "../truth.h"

#define MIB ((size_t)1 << 20)

enum kind { DEVICE, POOL, MANAGED, PINNED, REGISTERED, KINDS };

static struct {
	const char *name;
	uint64_t allocations, frees, bytes, live, live_bytes, peak_bytes;
} kinds[KINDS] = { { .name = "device" },
		   { .name = "pool" },
		   { .name = "managed" },
		   { .name = "pinned" },
		   { .name = "registered" } };
static uint64_t unknown_frees;

static void grew(enum kind k, size_t bytes)
{
	kinds[k].allocations++;
	kinds[k].bytes += bytes;
	kinds[k].live++;
	kinds[k].live_bytes += bytes;
	if (kinds[k].live_bytes > kinds[k].peak_bytes)
		kinds[k].peak_bytes = kinds[k].live_bytes;
}

static void shrank(enum kind k, size_t bytes)
{
	kinds[k].frees++;
	kinds[k].live--;
	kinds[k].live_bytes -= bytes;
}

__attribute__((noinline)) static void *take(enum kind k, size_t bytes)
{
	void *p = NULL;
	int ret = 0;

	switch (k) {
	case DEVICE:
		ret = BOOK_BYTES(bytes, cudaMalloc, &p, bytes);
		break;
	case POOL:
		ret = BOOK_BYTES(bytes, cudaMallocAsync, &p, bytes, NULL);
		break;
	case MANAGED:
		ret = BOOK_BYTES(bytes, cudaMallocManaged, &p, bytes, 1);
		break;
	case PINNED:
		ret = BOOK_BYTES(bytes, cudaMallocHost, &p, bytes);
		break;
	default:
		p = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ret = BOOK_BYTES(bytes, cudaHostRegister, p, bytes, 0);
	}
	if (ret)
		truth_die("an allocation");
	grew(k, bytes);
	return p;
}

static void give(enum kind k, void *p, size_t bytes)
{
	int ret;

	switch (k) {
	case POOL:
		ret = BOOK(cudaFreeAsync, p, NULL);
		break;
	case PINNED:
		ret = BOOK(cudaFreeHost, p);
		break;
	case REGISTERED:
		ret = BOOK(cudaHostUnregister, p);
		break;
	default:
		ret = BOOK(cudaFree, p);
	}
	if (ret)
		truth_die("a free");
	shrank(k, bytes);
}

/* Each kind: three blocks, the first and the last freed, one of the size of the first, which has its
 * address again, freed as well. */
static void every_kind(void)
{
	for (int k = 0; k < KINDS; k++) {
		const size_t unit = (size_t)(k + 1) * 1000;
		void *blocks[3];

		for (size_t i = 0; i < 3; i++)
			blocks[i] = take(k, unit * (i + 1));
		give(k, blocks[0], unit);
		give(k, blocks[2], unit * 3);
		give(k, take(k, unit), unit);
	}
}

/* What fails is no allocation, and no free. */
static void fails(void)
{
	void *p = NULL, *kept = take(DEVICE, 77);

	if (BOOK(cudaMalloc, &p, (size_t)2 << 30) != FAKE_NO_MEMORY)
		truth_die("cudaMalloc of 2 GiB");
	fake_plan.result = FAKE_INVALID_VALUE;
	if (BOOK(cudaFree, kept) != FAKE_INVALID_VALUE)
		truth_die("cudaFree that fails");
	fake_plan.result = 0;
	/* As frameworks begin: nothing is freed. */
	BOOK(cudaFree, NULL);
}

__attribute__((noinline)) static void leaks_weights(void)
{
	for (int i = 0; i < 3; i++)
		take(DEVICE, 7 * MIB);
}

__attribute__((noinline)) static void leaks_staging(void)
{
	take(PINNED, 12345);
}

__attribute__((noinline)) static void churns(long times)
{
	for (long i = 0; i < times; i++)
		give(DEVICE, take(DEVICE, 3 * MIB), 3 * MIB);
}

/* As: what it is found to be. */
static void copy(char *dst, const char *src, size_t bytes, int as)
{
	if (BOOK_COPY(bytes, as, cudaMemcpy, dst, src, bytes, FAKE_DEFAULT))
		truth_die("cudaMemcpy");
	if (BOOK_COPY(2 * bytes, as, cudaMemcpyAsync, dst, src, 2 * bytes, FAKE_DEFAULT, NULL))
		truth_die("cudaMemcpyAsync");
}

static void copies(void)
{
	char *device = take(DEVICE, MIB), *other = take(DEVICE, MIB), *pinned = take(PINNED, MIB),
	     *registered = take(REGISTERED, MIB), *pool = take(POOL, MIB);
	static char pageable[64];

	copy(device, pinned, 1000, FAKE_H2D);
	copy(pinned + 4096, device + 4096, 2000, FAKE_D2H);
	copy(device + 17, other + MIB / 2, 3000, FAKE_D2D);
	copy(device, pool, 4000, FAKE_D2D);
	copy(pool, registered + 1, 5000, FAKE_H2D);
	copy(pinned, registered, 6000, FAKE_H2H);
	/* One end that nobody allocated. */
	copy(device, pageable, 16, FAKE_DEFAULT);
	copy(pageable, device, 16, FAKE_DEFAULT);
	/* Not any more. */
	give(DEVICE, other, MIB);
	copy(device, other, 100, FAKE_DEFAULT);
	give(DEVICE, device, MIB);
	give(PINNED, pinned, MIB);
	give(REGISTERED, registered, MIB);
	give(POOL, pool, MIB);
}

static void tell(void)
{
	char name[64];

#define TELL(what)                                                        \
	(snprintf(name, sizeof(name), "memory.%s." #what, kinds[k].name), \
	 truth_number(name, kinds[k].what))
	for (int k = 0; k < KINDS; k++) {
		TELL(allocations);
		TELL(frees);
		TELL(bytes);
		TELL(live);
		TELL(live_bytes);
		TELL(peak_bytes);
	}
#undef TELL
	truth_number("unknown_frees", unknown_frees);
	truth_number("leaks_weights", 3 * 7 * MIB);
	truth_number("leaks_staging", 12345);
	book_tell();
}

int main(int argc, char **argv)
{
	void *early[16];
	long before, scale;

	truth_init("cuda_memory", argc, argv);
	before = truth_arg("before", 0);
	scale = truth_arg("scale", 50);
	if (before > 16)
		truth_die("before");
	book_open();
	for (long i = 0; i < before; i++)
		if (cudaMalloc(&early[i], 500))
			truth_die("cudaMalloc");
	truth_ready();
	truth_attached();
	for (long i = 0; i < before; i++) {
		if (BOOK(cudaFree, early[i]))
			truth_die("cudaFree");
		unknown_frees++;
	}
	every_kind();
	fails();
	leaks_weights();
	leaks_staging();
	churns(scale);
	truth_number("churned", (uint64_t)scale);
	copies();
	tell();
	truth_print();
	return 0;
}
