/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Loading the weights onto the device. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "model.h"

const struct model_size model_sizes[] = {
	/* dim, layers, heads, hidden, vocab, max_seq */
	{ 64, 2, 4, 192, 512, 128 },
	{ 128, 4, 4, 384, 512, 256 },
	{ 256, 8, 8, 768, 1024, 512 },
};
const char *const model_names[] = { "tiny", "small", "medium", NULL };

#define CHUNK_BYTES (256 << 10)
#define CHUNKS	    2

/* Host memory that is filled while the one before it is copied. */
struct chunk {
	void *data;
	cudaEvent_t copied;
};

static int host_alloc(struct cuda_counts *counts, bool pinned, size_t bytes, void **out)
{
	if (pinned)
		return cuda_host_alloc(counts, out, bytes);
	*out = malloc(bytes);
	return *out ? 0 : -ENOMEM;
}

static void host_free(struct cuda_counts *counts, bool pinned, void *ptr)
{
	if (ptr && pinned)
		cuda_host_free(counts, ptr);
	else
		free(ptr);
}

static int read_all(int fd, void *data, size_t n)
{
	char *p = data;

	while (n) {
		ssize_t done = read(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? -errno : -EINVAL;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

static int weights_copy(struct model *m, struct cuda_counts *counts, int fd, bool pinned,
			cudaStream_t stream)
{
	struct chunk chunks[CHUNKS] = { 0 };
	size_t total = m->map.total * sizeof(float);
	int err = 0;

	for (int i = 0; i < CHUNKS && !err; i++) {
		err = host_alloc(counts, pinned, CHUNK_BYTES, &chunks[i].data);
		if (!err)
			err = CUDA(counts, cudaEventCreateWithFlags, &chunks[i].copied,
				   cudaEventDisableTiming | cudaEventBlockingSync);
	}
	for (size_t at = 0, turn = 0; at < total && !err; at += CHUNK_BYTES, turn++) {
		struct chunk *c = &chunks[turn % CHUNKS];
		size_t n = total - at < CHUNK_BYTES ? total - at : CHUNK_BYTES;

		if (turn >= CHUNKS)
			err = CUDA(counts, cudaEventSynchronize, c->copied);
		if (!err)
			err = read_all(fd, c->data, n);
		if (!err)
			err = cuda_copy(counts, (char *)m->weights + at, c->data, n,
					cudaMemcpyHostToDevice, stream);
		if (!err)
			err = CUDA(counts, cudaEventRecord, c->copied, stream);
	}
	if (!err)
		err = cuda_sync(counts, stream);
	for (int i = 0; i < CHUNKS; i++) {
		if (chunks[i].copied)
			CUDA(counts, cudaEventDestroy, chunks[i].copied);
		host_free(counts, pinned, chunks[i].data);
	}
	return err;
}

/* Rotary angles: position * 10000^(-2i / head_dim). */
static int cos_sin_copy(struct model *m, struct cuda_counts *counts, cudaStream_t stream)
{
	int head_dim = m->size.dim / m->size.heads;
	size_t bytes = (size_t)m->size.max_seq * head_dim * sizeof(float);
	float *table = malloc(bytes);
	int err;

	if (!table)
		return -ENOMEM;
	for (int t = 0; t < m->size.max_seq; t++) {
		for (int i = 0; i < head_dim; i += 2) {
			double angle = t * pow(10000.0, -(double)i / head_dim);

			table[t * head_dim + i] = (float)cos(angle);
			table[t * head_dim + i + 1] = (float)sin(angle);
		}
	}
	err = cuda_malloc(counts, (void **)&m->cos_sin, bytes);
	if (!err)
		err = cuda_copy(counts, m->cos_sin, table, bytes, cudaMemcpyHostToDevice, stream);
	if (!err)
		err = cuda_sync(counts, stream);
	free(table);
	return err;
}

int model_load(struct model *m, struct cuda_counts *counts, int weights_fd, bool pinned)
{
	cudaStream_t stream = NULL;
	int err;

	weights_map_make(&m->map, &m->size);
	err = CUDA(counts, cudaStreamCreateWithPriority, &stream, cudaStreamNonBlocking, 0);
	if (err)
		return err;
	err = cuda_malloc(counts, (void **)&m->weights, m->map.total * sizeof(float));
	if (!err)
		err = weights_copy(m, counts, weights_fd, pinned, stream);
	if (!err)
		err = cos_sin_copy(m, counts, stream);
	CUDA(counts, cudaStreamDestroy, stream);
	/* CUDA errors have been said. */
	if (err && err != -EIO)
		fprintf(stderr, "infer-serve: cannot load the weights: %s\n", strerror(-err));
	return err;
}

void model_free(struct model *m, struct cuda_counts *counts)
{
	if (m->weights)
		cuda_free(counts, m->weights);
	if (m->cos_sin)
		cuda_free(counts, m->cos_sin);
	m->weights = m->cos_sin = NULL;
}
