/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Largest remainder. */
#include <errno.h>
#include <stdlib.h>
#include "apportion.h"

struct remainder {
	uint64_t left;
	size_t share;
};

static int by_remainder(const void *a, const void *b)
{
	const struct remainder *x = a, *y = b;

	if (x->left != y->left)
		return x->left < y->left ? 1 : -1;
	return x->share < y->share ? -1 : x->share > y->share;
}

int apportion(uint64_t total, const uint64_t *weights, size_t n, uint64_t *shares)
{
	uint64_t sum = 0, given = 0;
	struct remainder *rest;

	if (n == 1)
		shares[0] = total;
	if (n <= 1)
		return 0;
	for (size_t i = 0; i < n; i++)
		sum += weights[i];
	rest = malloc(n * sizeof(*rest));
	if (!rest)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const uint64_t weight = sum ? weights[i] : 1, whole = sum ? sum : n;
		const unsigned __int128 due = (unsigned __int128)total * weight;

		shares[i] = (uint64_t)(due / whole);
		given += shares[i];
		rest[i] = (struct remainder){ .left = (uint64_t)(due % whole), .share = i };
	}
	/* Fewer units are left than there are shares: each lost less than one. */
	if (given < total)
		qsort(rest, n, sizeof(*rest), by_remainder);
	for (size_t i = 0; given < total; i++, given++)
		shares[rest[i].share]++;
	free(rest);
	return 0;
}
