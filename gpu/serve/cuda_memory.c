/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Device and pinned memory: allocated, freed, and how much of it at once. */
#include <pthread.h>
#include "cuda_calls.h"

/* What is allocated. The server has some twenty at once. */
struct block {
	void *ptr;
	size_t bytes;
};
#define BLOCKS 64
static struct block blocks[BLOCKS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void allocated(struct cuda_memory_counts *m, void *ptr, size_t bytes)
{
	pthread_mutex_lock(&lock);
	m->allocations++;
	m->bytes += bytes;
	m->live_bytes += bytes;
	if (m->peak_bytes < m->live_bytes)
		m->peak_bytes = m->live_bytes;
	for (int i = 0; i < BLOCKS; i++) {
		if (blocks[i].ptr)
			continue;
		blocks[i] = (struct block){ ptr, bytes };
		break;
	}
	pthread_mutex_unlock(&lock);
}

static void freed(struct cuda_memory_counts *m, const void *ptr)
{
	pthread_mutex_lock(&lock);
	m->frees++;
	for (int i = 0; i < BLOCKS; i++) {
		if (blocks[i].ptr != ptr)
			continue;
		m->live_bytes -= blocks[i].bytes;
		blocks[i].ptr = NULL;
		break;
	}
	pthread_mutex_unlock(&lock);
}

int cuda_malloc(struct cuda_counts *c, void **ptr, size_t bytes)
{
	int err = CUDA(c, cudaMalloc, ptr, bytes);

	if (!err)
		allocated(&c->memory[CUDA_DEVICE], *ptr, bytes);
	return err;
}

/* Frees that fail free nothing. */
void cuda_free(struct cuda_counts *c, void *ptr)
{
	if (!CUDA(c, cudaFree, ptr))
		freed(&c->memory[CUDA_DEVICE], ptr);
}

int cuda_host_alloc(struct cuda_counts *c, void **ptr, size_t bytes)
{
	int err = CUDA(c, cudaHostAlloc, ptr, bytes, cudaHostAllocDefault);

	if (!err)
		allocated(&c->memory[CUDA_PINNED], *ptr, bytes);
	return err;
}

void cuda_host_free(struct cuda_counts *c, void *ptr)
{
	if (!CUDA(c, cudaFreeHost, ptr))
		freed(&c->memory[CUDA_PINNED], ptr);
}
