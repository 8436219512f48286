/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What was launched, by name.
 *
 * Three ways, best first: the name that the program gave the function (__cudaRegisterFunction,
 * cuModuleGetFunction, ... under trace); the launched function's own symbol (before CUDA 13 that is the
 * launch stub's address); the symbol around the place that it was launched from, which lies in the
 * launch stub or in the function that the stub was inlined into.
 */
#ifndef KERNELS_H
#define KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include "infbpf.h"

struct kernels;
struct symbols;

struct kernels *kernels_new(struct symbols *symbols); /* NULL: no memory */
void kernels_free(struct kernels *k);

/* A name, as the program tells it. Beyond a limit of names they are dropped. Negative errno. */
int kernels_name(struct kernels *k, const struct rec_name *r);
/* A launch's place, to be located while the process lives. Negative errno. */
int kernels_launch(struct kernels *k, const struct launch_key *key);

struct kernels_label {
	const char *kernel; /* never NULL; good until the next call */
	const char *site;   /* good as long as the symbols */
	bool graph;
};
/* -ENOMEM. */
int kernels_describe(struct kernels *k, const struct launch_key *key, struct kernels_label *out);
/* Names that were dropped. */
uint64_t kernels_lost(const struct kernels *k);

#endif /* KERNELS_H */
