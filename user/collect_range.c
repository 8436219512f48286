// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * NVTX ranges that are started and ended: on any threads, in any order. No thread's account stands behind
 * one: it has a length, and nothing more is known of it. Each is two records through the ring, so that
 * what is lost there (lost.spans) is missing here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "collect_private.h"
#include "profile.h"

/* As many as the library keeps names of, of one process. One that finds its place taken takes it. */
#define RANGES 4096

struct collect_ranges {
	struct open_range {
		uint32_t tgid;
		uint64_t id; /* 0: free */
		uint64_t begin_ns;
		const char *name;
	} open[RANGES];
	/* Those of a process and name. */
	struct range_row {
		uint32_t tgid;
		const char *name; /* the profile's own: pointers will do */
		uint64_t count, open, wall_ns, max_ns;
		uint32_t hist[HIST_BUCKETS];
	} * rows;
	size_t n, room;
};

static struct range_row *row_get(struct collect_ranges *ranges, const struct open_range *o)
{
	for (size_t i = 0; i < ranges->n; i++)
		if (ranges->rows[i].tgid == o->tgid && ranges->rows[i].name == o->name)
			return &ranges->rows[i];
	if (array_grow(&ranges->rows, &ranges->room, ranges->n + 1, sizeof(*ranges->rows)))
		return NULL;
	ranges->rows[ranges->n] = (struct range_row){ .tgid = o->tgid, .name = o->name };
	return &ranges->rows[ranges->n++];
}

static int add(struct collect_ranges *ranges, const struct open_range *o, uint64_t end_ns)
{
	const uint64_t wall = end_ns > o->begin_ns ? end_ns - o->begin_ns : 0;
	const unsigned int bucket = hist_bucket(wall);
	struct range_row *row = row_get(ranges, o);

	if (!row)
		return -ENOMEM;
	row->count++;
	row->wall_ns += wall;
	if (wall > row->max_ns)
		row->max_ns = wall;
	if (bucket < HIST_BUCKETS)
		row->hist[bucket]++;
	return 0;
}

int collect_range(struct collect *c, const struct rec_mark *r, const char *name)
{
	const uint64_t id = r->request & ~STAGE_RANGE_BIT;
	struct open_range *o;

	if (!c->ranges)
		c->ranges = calloc(1, sizeof(*c->ranges));
	if (!c->ranges)
		return -ENOMEM;
	o = &c->ranges->open[(id ^ (uint64_t)r->tgid * 2654435761u) % RANGES];
	if (r->what == MARK_WAIT_BEGIN) {
		*o = (struct open_range){ r->tgid, id, r->time_ns, name };
		return 0;
	}
	if (o->id != id || o->tgid != r->tgid)
		return 0;
	o->id = 0;
	return add(c->ranges, o, r->time_ns);
}

/* As stages: only now are the processes' names known. */
static int add_stage(struct collect *c, const struct range_row *row)
{
	struct profile_stage s = {
		.pid = row->tgid,
		.process = collect_process_name(c, row->tgid),
		.name = row->name,
		.source = STAGE_NVTX,
		.count = row->count,
		.open_at_end = row->open,
		.times.max_ns = row->max_ns,
	};

	memset(&s.split, 0xff, sizeof(s.split)); /* PROFILE_UNKNOWN */
	s.split.wall_ns = row->wall_ns;
	return profile_add_stage(c->profile, &s, row->hist);
}

int collect_ranges_finish(struct collect *c)
{
	struct collect_ranges *ranges = c->ranges;
	struct range_row *row;
	int err = 0;

	for (size_t i = 0; ranges && i < RANGES; i++) {
		if (!ranges->open[i].id)
			continue;
		row = row_get(ranges, &ranges->open[i]);
		if (!row)
			return -ENOMEM;
		row->open++;
	}
	for (size_t i = 0; ranges && i < ranges->n && !err; i++)
		err = add_stage(c, &ranges->rows[i]);
	return err;
}

void collect_ranges_free(struct collect *c)
{
	if (c->ranges)
		free(c->ranges->rows);
	free(c->ranges);
}
