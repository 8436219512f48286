/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a scenario plants in the passes of the model. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "forward.h"

#define SMALL_BYTES 256
#define ALLOC_BYTES (256 << 10)

static size_t pageable_bytes(const struct plant *p)
{
	return (size_t)(p->pageable_mib * (1 << 20));
}

/* The copies' ends. */
int forward_plant_init(struct forward *f)
{
	const struct plant *p = f->plant;
	size_t bytes = p->copies ? SMALL_BYTES : pageable_bytes(p);
	int err;

	if (!bytes)
		return 0;
	err = cuda_malloc(f->counts, &f->plant_device, bytes);
	if (!err && p->copies)
		err = cuda_host_alloc(f->counts, &f->plant_host, bytes);
	else if (!err)
		f->plant_host = malloc(bytes);
	if (!err && !f->plant_host)
		err = -ENOMEM;
	if (!err)
		memset(f->plant_host, 1, bytes);
	return err;
}

void forward_plant_free(struct forward *f)
{
	if (f->plant_device)
		cuda_free(f->counts, f->plant_device);
	if (f->plant_host && f->plant->copies)
		cuda_host_free(f->counts, f->plant_host);
	else
		free(f->plant_host);
}

/* small-copies, pageable-copies: in the stage that copies to the device. */
int forward_plant_copies(struct forward *f)
{
	const struct plant *p = f->plant;
	int err = 0;

	for (double i = 0; i < p->copies && !err; i++)
		err = cuda_copy(f->counts, f->plant_device, f->plant_host, SMALL_BYTES,
				cudaMemcpyHostToDevice, f->in);
	if (pageable_bytes(p))
		err = cuda_copy(f->counts, f->plant_device, f->plant_host, pageable_bytes(p),
				cudaMemcpyHostToDevice, f->in);
	return err;
}

/* alloc-churn: scratch memory that a pass makes anew each time. Freeing waits for the device. */
int forward_plant_allocs(struct forward *f)
{
	uint64_t begin;
	int err = 0;

	if (!f->plant->allocs)
		return 0;
	begin = stage_begin(SPAN_ALLOCATE, NULL);
	for (double i = 0; i < f->plant->allocs && !err; i++) {
		void *scratch = NULL;

		err = cuda_malloc(f->counts, &scratch, ALLOC_BYTES);
		if (!err)
			err = CUDA(f->counts, cudaMemsetAsync, scratch, 0, ALLOC_BYTES, f->compute);
		if (scratch)
			cuda_free(f->counts, scratch);
	}
	stage_end(f->spans, SPAN_ALLOCATE, begin);
	return err;
}

/* gpu-bound, spin-sync: work of known length, before the pass's own. */
void forward_plant_kernel(struct forward *f)
{
	double ms = f->plant->kernel_ms + f->plant->spin_ms;

	if (ms)
		CUDA_LAUNCH(f->counts, delay, f->compute, .ns = (uint64_t)(ms * 1e6));
}

/* sync-each-op. An error stays, and is seen by the call that ends the pass. */
void forward_plant_launched(struct forward *f)
{
	f->plant_sync += f->plant->sync_percent;
	if (f->plant_sync < 100)
		return;
	f->plant_sync -= 100;
	cuda_sync(f->counts, f->compute);
}

/* tiny-kernels: each row of a product by itself, in pieces of its outputs. The same sums. */
void forward_plant_matmul(struct forward *f, const struct matmul_args *a)
{
	int32_t piece = (a->out_dim + (int32_t)f->plant->pieces - 1) / (int32_t)f->plant->pieces;

	for (int32_t r = 0; r < a->rows; r++) {
		for (int32_t o = 0; o < a->out_dim; o += piece) {
			struct matmul_args part = *a;

			part.rows = 1;
			part.out += (size_t)r * a->out_dim + o;
			part.weight += (size_t)o * a->in;
			part.out_dim = a->out_dim - o < piece ? a->out_dim - o : piece;
			if (a->pick)
				part.pick += r;
			else
				part.x += (size_t)r * a->in;
			matmul_launch(&part, f->compute);
			cuda_count_launch(f->counts, KERNEL_matmul, f->compute);
		}
	}
}
