/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One pass of the transformer over some rows (tokens), on the device. */
#ifndef SERVE_FORWARD_H
#define SERVE_FORWARD_H

#include "model.h"
#include "scenario.h"
#include "spans.h"

#define FORWARD_MAX_ROWS 256 /* tokens of a pass; at least MODEL_MAX_PROMPT and MODEL_MAX_BATCH */

struct forward_options {
	struct spans *spans;
	const struct plant *plant;
	unsigned int slots; /* requests side by side */
	bool pinned, spin;
	bool graphs; /* passes that may be: captured once a number of rows, then replayed. Pinned only */
};

struct forward_graph {
	cudaGraphExec_t exec; /* NULL: not captured yet */
	uint64_t kernels;
};

struct forward {
	const struct model *model;
	struct cuda_counts *counts;
	struct spans *spans;
	const struct plant *plant; /* what a scenario plants */
	bool pinned, graphs;
	unsigned int slots;

	/* Copies in, kernels and copies out each have a stream; events tie them together. */
	cudaStream_t in, compute, out;
	cudaEvent_t in_done, compute_done;
	cudaEvent_t fork, join; /* what a captured pass forks from and joins: NULL without graphs */
	cudaEvent_t begin, end; /* with times: how long the device took */
	struct forward_graph graph[MODEL_MAX_BATCH + 1]; /* by rows */

	/* Device. input: tokens, positions, slots of the rows, then which rows to sample. */
	int32_t *input;
	float *x, *normed, *qkv, *attended, *gate_up, *hidden, *logits;
	float *k_cache, *v_cache; /* [layers][slots][max_seq][dim] */
	int32_t *output;	  /* tokens, then their margins as floats */

	/* Host side of the two copies. */
	int32_t *host_input, *host_output;

	/* What a scenario copies, and how near it is to the next wait (percent). */
	void *plant_device, *plant_host;
	double plant_sync;
};

/* What to compute: rows tokens, of which samples rows get a next token. */
struct forward_pass {
	int32_t token[FORWARD_MAX_ROWS], position[FORWARD_MAX_ROWS], slot[FORWARD_MAX_ROWS];
	int32_t pick[MODEL_MAX_BATCH];
	int32_t rows, samples;
	int32_t tokens;	 /* of the rows; the others pad */
	bool same_shape; /* every row is sampled: the number of rows alone says what to launch */
	/* The answer. */
	int32_t next[MODEL_MAX_BATCH];
	float margin[MODEL_MAX_BATCH];
	/* From the first kernel to the last, by the device's events; of a graph also its copies. */
	uint64_t device_ns;
};

/* All negative errno; CUDA errors have been said on stderr. */
int forward_init(struct forward *f, const struct model *model, struct cuda_counts *counts,
		 const struct forward_options *o);
void forward_free(struct forward *f);
int forward_run(struct forward *f, struct forward_pass *pass);

/* forward_plant.c: scenarios. */
int forward_plant_init(struct forward *f);
void forward_plant_free(struct forward *f);
int forward_plant_copies(struct forward *f);
int forward_plant_allocs(struct forward *f);
void forward_plant_kernel(struct forward *f);
void forward_plant_launched(struct forward *f);
void forward_plant_matmul(struct forward *f, const struct matmul_args *a);

#endif /* SERVE_FORWARD_H */
