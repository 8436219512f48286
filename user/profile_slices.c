// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The threads' states by slices of the window. What they are made of: timeline.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "profile_build.h"

int profile_add_slices(struct profile *p, uint64_t serial, const uint64_t (*ns)[4])
{
	struct profile_slices row = { .serial = serial };
	int err;

	if (!p->build)
		return -EINVAL;
	err = array_grow(&p->slices, &p->build->slices_cap, p->slice_threads_n + 1, sizeof(row));
	if (err)
		return err;
	row.ns = calloc(p->slices_n + 1, sizeof(*row.ns));
	if (!row.ns)
		return -ENOMEM;
	memcpy(row.ns, ns, p->slices_n * sizeof(*row.ns));
	p->slices[p->slice_threads_n++] = row;
	return 0;
}

static int by_thread(const void *a, const void *b)
{
	const struct profile_slices *x = a, *y = b;

	return x->thread < y->thread ? -1 : x->thread > y->thread;
}

int profile_slices_finish(struct profile *p, const uint32_t *rank)
{
	uint32_t *position = build_places(p, rank);
	size_t n = 0;

	if (!position)
		return -ENOMEM;
	for (size_t i = 0; i < p->slice_threads_n; i++) {
		struct profile_slices *s = &p->slices[i];
		const int64_t at = build_find_serial(p->build, s->serial);
		const uint32_t row = at < 0 ? NO_ROW : p->build->serials[at].row;

		/* A row of several has more time than there is. */
		if (row == NO_ROW || p->threads[row].merged > 1) {
			free(s->ns);
			continue;
		}
		s->thread = position[row];
		p->slices[n++] = *s;
	}
	p->slice_threads_n = n;
	if (n)
		qsort(p->slices, n, sizeof(*p->slices), by_thread);
	free(position);
	return 0;
}

void profile_slices_free(struct profile *p)
{
	for (size_t i = 0; i < p->slice_threads_n; i++)
		free(p->slices[i].ns);
	free(p->slices);
}
