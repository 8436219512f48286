/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From JSON: I/O. */
#include <errno.h>
#include <string.h>
#include "profile_read_part.h"

int read_io_parts(struct reader *r, const json_t *root)
{
	const char *const *names;
	uint16_t n;
	int err = read_strings(r, root, "io_parts", &names, &n, NULL);

	for (uint16_t k = 0; !err && k < n; k++)
		for (unsigned int i = 0; profile_io_part_name(i); i++)
			if (!strcmp(names[k], profile_io_part_name(i)))
				r->p->io_parts |= 1u << i;
	return err;
}

#define TIMES(member, wall, prefix)                                                 \
	READ_FIELD(READ_KNOWN, profile_io, member.wall_ns, wall),                   \
		READ_FIELD(READ_KNOWN, profile_io, member.p50_ns, prefix "p50_ns"), \
		READ_FIELD(READ_KNOWN, profile_io, member.p95_ns, prefix "p95_ns"), \
		READ_FIELD(READ_KNOWN, profile_io, member.p99_ns, prefix "p99_ns"), \
		READ_FIELD(READ_KNOWN, profile_io, member.max_ns, prefix "max_ns")

static const struct read_field io_fields[] = {
	READ_FIELD(READ_MAY_ID, profile_io, pid, "pid"),
	READ_FIELD(READ_TEXT, profile_io, process, "process"),
	READ_FIELD(READ_NAME, profile_io, kind, "kind"),
	READ_FIELD(READ_TEXT, profile_io, device, "device"),
	READ_FIELD(READ_COUNT, profile_io, calls, "calls"),
	READ_FIELD(READ_COUNT, profile_io, errors, "errors"),
	READ_FIELD(READ_COUNT, profile_io, bytes, "bytes"),
	TIMES(whole, "wall_ns", ""),
	TIMES(queue, "queue_ns", "queue_"),
	TIMES(on_device, "device_ns", "device_"),
	READ_FIELD(READ_KNOWN, profile_io, hits, "hits"),
	READ_FIELD(READ_KNOWN, profile_io, misses, "misses"),
};
const struct read_part read_io = {
	"io",
	sizeof(struct profile_io),
	offsetof(struct profile, io),
	offsetof(struct profile, io_n),
	READ_FIELDS(io_fields),
	NULL,
};

static const struct read_field io_thread_fields[] = {
	READ_FIELD(READ_NAME, profile_io_thread, kind, "kind"),
	READ_FIELD(READ_TEXT, profile_io_thread, device, "device"),
	READ_FIELD(READ_COUNT, profile_io_thread, calls, "calls"),
	READ_FIELD(READ_COUNT, profile_io_thread, bytes, "bytes"),
	READ_FIELD(READ_COUNT, profile_io_thread, wall_ns, "wall_ns"),
};

static int io_thread_row(struct reader *r, const json_t *o, size_t i, void *row)
{
	struct profile_io_thread *t = row;

	(void)i;
	if (!json_is_null(json_object_get(o, "pid")))
		return read_thread(r, o, &t->thread, &t->serial);
	/* Of the threads that had no row of their own. */
	t->thread = PROFILE_NO_THREAD;
	return 0;
}

const struct read_part read_io_threads = {
	"io_threads",
	sizeof(struct profile_io_thread),
	offsetof(struct profile, io_threads),
	offsetof(struct profile, io_threads_n),
	READ_FIELDS(io_thread_fields),
	io_thread_row,
};
