/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The transformer: its sizes, its weights, and where they are on the device. */
#ifndef SERVE_MODEL_H
#define SERVE_MODEL_H

#include <stdint.h>
#include "cuda_calls.h"

#define MODEL_MAX_BATCH	 32
#define MODEL_MAX_PROMPT 48
#define MODEL_MAX_NEW	 64
#define MODEL_MAX_LAYERS 8
#define MODEL_MAX_PADDED 128 /* rows that a prompt may be padded to */

struct model_size {
	int32_t dim, layers, heads, hidden, vocab, max_seq;
};
extern const struct model_size model_sizes[];
extern const char *const model_names[]; /* NULL-ended */

/* Offsets into the weights, in floats. */
struct layer_weights {
	size_t norm1, qkv, out, norm2, gate_up, down;
};
struct weights_map {
	size_t embed, norm, head;
	struct layer_weights layer[MODEL_MAX_LAYERS];
	size_t total;
};
void weights_map_make(struct weights_map *map, const struct model_size *size);

struct model {
	struct model_size size;
	struct weights_map map;
	float *weights; /* device */
	float *cos_sin; /* device, [max_seq][head_dim / 2][2] */
};

/* Opens the weights file, makes it from the seed first when it does not exist. path NULL: the
 * default place (see weights.c). Returns a descriptor placed at the first weight, or a negative
 * errno, said on stderr. */
int weights_open(const char *path, const char *name, const struct model_size *size, uint64_t seed);

/* A folder that can be written: beside the program, or of this user's in $TMPDIR or /tmp. */
int weights_folder(char *folder, size_t len);

/* Reads the weights and copies them to the device. Negative errno, said on stderr. */
int model_load(struct model *m, struct cuda_counts *counts, int weights_fd, bool pinned);
void model_free(struct model *m, struct cuda_counts *counts);

/* A small generator with a good spread (splitmix64): the same numbers everywhere. */
static inline uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

#endif /* SERVE_MODEL_H */
