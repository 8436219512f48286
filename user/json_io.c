// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The JSON's rows of I/O. */
#include <errno.h>
#include "infbpf.h"
#include "json_part.h"

/* "p50_ns" and the like, with a word before them. */
static int set_times(json_t *o, const char *prefix, const struct profile_times *t)
{
	const struct {
		const char *name;
		uint64_t ns;
	} figures[] = {
		{ "p50_ns", t->p50_ns },
		{ "p95_ns", t->p95_ns },
		{ "p99_ns", t->p99_ns },
		{ "max_ns", t->max_ns },
	};
	char key[32];
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(figures) / sizeof(*figures); i++) {
		snprintf(key, sizeof(key), "%s%s", prefix, figures[i].name);
		err = json_set_number(o, key, figures[i].ns);
	}
	return err;
}

int json_fill_io(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_io *io = &p->io[i];
	int err = json_set_number(o, "pid", io->process ? io->pid : PROFILE_UNKNOWN);

	if (!err)
		err = JSON_SET_TEXTS(o, { "process", io->process }, { "kind", io->kind },
				     { "device", io->device });
	if (!err)
		err = JSON_SET_NUMBERS(o, { "calls", io->calls }, { "errors", io->errors },
				       { "bytes", io->bytes }, { "wall_ns", io->whole.wall_ns });
	if (!err)
		err = set_times(o, "", &io->whole);
	if (!err)
		err = json_set_number(o, "queue_ns", io->queue.wall_ns);
	if (!err)
		err = set_times(o, "queue_", &io->queue);
	if (!err)
		err = json_set_number(o, "device_ns", io->on_device.wall_ns);
	if (!err)
		err = set_times(o, "device_", &io->on_device);
	return err ? err : JSON_SET_NUMBERS(o, { "hits", io->hits }, { "misses", io->misses });
}

int json_fill_io_thread(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_io_thread *io = &p->io_threads[i];
	int err = json_set_thread(o,
				  io->thread == PROFILE_NO_THREAD ? NULL : &p->threads[io->thread]);

	if (!err)
		err = JSON_SET_TEXTS(o, { "kind", io->kind }, { "device", io->device });
	return err ? err
		   : JSON_SET_NUMBERS(o, { "calls", io->calls }, { "bytes", io->bytes },
				      { "wall_ns", io->wall_ns });
}

int json_set_io_parts(const struct profile *p, json_t *o)
{
	const char *names[IO_PARTS];
	size_t n = 0;

	for (unsigned int i = 0; i < IO_PARTS; i++)
		if (p->io_parts & 1u << i)
			names[n++] = profile_io_part_name(i);
	return json_set_strings(o, "io_parts", names, n);
}
