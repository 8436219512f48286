// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel side's records of I/O, read once after the window has closed. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include "collect_private.h"

static const char *const part_names[IO_PARTS] = { "block", "file", "net", "uring" };

static const char *const kind_names[IO_KINDS] = {
	[IO_BLOCK_READ] = "block read",		[IO_BLOCK_WRITE] = "block write",
	[IO_BLOCK_FLUSH] = "block flush",	[IO_BLOCK_DISCARD] = "block discard",
	[IO_BLOCK_OTHER] = "block other",	[IO_FILE_READ] = "file read",
	[IO_FILE_WRITE] = "file write",		[IO_DIRECT_READ] = "direct read",
	[IO_DIRECT_WRITE] = "direct write",	[IO_FSYNC] = "fsync",
	[IO_PIPE_READ] = "pipe read",		[IO_PIPE_WRITE] = "pipe write",
	[IO_TCP_RECEIVE] = "TCP receive",	[IO_TCP_SEND] = "TCP send",
	[IO_UDP_RECEIVE] = "UDP receive",	[IO_UDP_SEND] = "UDP send",
	[IO_UNIX_RECEIVE] = "unix receive",	[IO_UNIX_SEND] = "unix send",
	[IO_SOCKET_RECEIVE] = "socket receive", [IO_SOCKET_SEND] = "socket send",
	[IO_URING_READ] = "io_uring read",	[IO_URING_WRITE] = "io_uring write",
	[IO_URING_FSYNC] = "io_uring fsync",	[IO_URING_RECEIVE] = "io_uring receive",
	[IO_URING_SEND] = "io_uring send",	[IO_URING_OTHER] = "io_uring other",
};

const char *profile_io_part_name(unsigned int i)
{
	return i < IO_PARTS ? part_names[i] : NULL;
}

/* "vda", by its numbers; those where sysfs does not know it. NULL: none. */
static const char *device_name(uint32_t dev, char *buf, size_t size)
{
	char path[64], target[PATH_MAX];
	const char *slash;
	ssize_t n;

	if (!dev)
		return NULL;
	snprintf(buf, size, "%u:%u", IO_MAJOR(dev), IO_MINOR(dev));
	snprintf(path, sizeof(path), "/sys/dev/block/%s", buf);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return buf;
	target[n] = '\0';
	slash = strrchr(target, '/');
	snprintf(buf, size, "%.63s", slash ? slash + 1 : target);
	return buf;
}

static struct profile_times times_of(const struct io_rec *r)
{
	return (struct profile_times){
		.wall_ns = r->wall_ns,
		.max_ns = r->calls ? r->max_ns : PROFILE_UNKNOWN,
		.p50_ns = hist_quantile(r->hist, 0.50, r->max_ns),
		.p95_ns = hist_quantile(r->hist, 0.95, r->max_ns),
		.p99_ns = hist_quantile(r->hist, 0.99, r->max_ns),
	};
}

/* A span's record counts no calls of its own. */
static int read_span(int recs_fd, __u32 place, uint64_t calls, struct profile_times *times)
{
	struct io_rec r;

	if (bpf_map_lookup_elem(recs_fd, &place, &r))
		return -errno;
	r.calls = calls;
	*times = times_of(&r);
	return 0;
}

static const struct profile_times no_times = { PROFILE_UNKNOWN, PROFILE_UNKNOWN, PROFILE_UNKNOWN,
					       PROFILE_UNKNOWN, PROFILE_UNKNOWN };

/* process NULL: of the processes without a row of their own. */
static int add_io(struct collect *c, const struct io_key *key, int recs_fd, __u32 place,
		  const char *process)
{
	struct profile_io io = { .pid = key->tgid, .process = process };
	struct io_rec r;
	char device[64];
	int err = 0;

	if (!key->kind || key->kind >= IO_KINDS)
		return 0;
	if (bpf_map_lookup_elem(recs_fd, &place, &r))
		return -errno;
	if (!r.calls)
		return 0;
	io.kind = kind_names[key->kind];
	io.device = device_name(key->dev, device, sizeof(device));
	io.calls = r.calls;
	io.errors = r.errors;
	io.bytes = r.bytes;
	io.whole = times_of(&r);
	io.queue = io.on_device = no_times;
	io.hits = io.misses = PROFILE_UNKNOWN;
	if (key->kind == IO_FILE_READ) {
		io.misses = r.misses;
		io.hits = r.calls - r.errors > r.misses ? r.calls - r.errors - r.misses : 0;
	}
	if (key->kind <= IO_LAST_BLOCK) {
		err = read_span(recs_fd, place + IO_SPAN_QUEUE, r.calls, &io.queue);
		if (!err)
			err = read_span(recs_fd, place + IO_SPAN_DEVICE, r.calls, &io.on_device);
	}
	return err ? err : profile_add_io(c->profile, &io);
}

/* Which records are whose; then those that are nobody's in particular. */
int collect_io(struct collect *c, unsigned int parts, int keys_fd, int recs_fd)
{
	struct io_key key, *previous = NULL, last;
	__u32 place;
	int err = 0;

	c->profile->io_parts = parts;
	while (parts && !err && !bpf_map_get_next_key(keys_fd, previous, &key)) {
		last = key;
		previous = &last;
		if (!bpf_map_lookup_elem(keys_fd, &key, &place))
			err = add_io(c, &key, recs_fd, place, collect_process_name(c, key.tgid));
	}
	place = 0;
	for (__u16 kind = 1; parts && kind < IO_KINDS && !err; kind++) {
		key = (struct io_key){ .kind = kind };
		err = add_io(c, &key, recs_fd, place, NULL);
		place += kind <= IO_LAST_BLOCK ? IO_SPANS : 1;
	}
	return err;
}

static int add_io_thread(struct collect *c, uint64_t serial, uint32_t dev, uint16_t kind,
			 const struct io_thread_rec *r)
{
	struct profile_io_thread t = { .serial = serial };
	char device[64];

	if (!kind || kind >= IO_KINDS || !r->calls)
		return 0;
	t.kind = kind_names[kind];
	t.device = device_name(dev, device, sizeof(device));
	t.calls = r->calls;
	t.bytes = r->bytes;
	t.wall_ns = r->wall_ns;
	return profile_add_io_thread(c->profile, &t);
}

static int on_io_thread(struct collect *c, void *k, void *v)
{
	const struct io_thread_key *key = k;

	return add_io_thread(c, key->serial, key->dev, key->kind, v);
}

int collect_io_threads(struct collect *c, int threads_fd, int rest_fd)
{
	struct io_thread_key key;
	struct io_thread_rec rec;
	int err = collect_each(c, threads_fd, -1, &key, &rec, on_io_thread);

	for (__u32 kind = 1; kind < IO_KINDS && !err; kind++)
		if (!bpf_map_lookup_elem(rest_fd, &kind, &rec))
			err = add_io_thread(c, 0, 0, kind, &rec);
	return err;
}
