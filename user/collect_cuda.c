// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What CUDA calls were about: streams, launches, copies, memory, errors. From the kernel side's maps,
 * read once after the window has closed, and from records as they come. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <bpf/bpf.h>
#include "collect_private.h"
#include "cuda.h"

/* --- errors --- */

static int on_error(struct collect *c, void *k, void *v)
{
	const struct error_key *key = k;
	struct profile_error e = { .pid = key->tgid,
				   .call = cuda_call_name(key->call),
				   .inside = cuda_call_name(key->inside),
				   .code = key->code,
				   .calls = *(const __u64 *)v };

	if (!e.call)
		return 0;
	e.name = cuda_error_name(cuda_calls[key->call - 1].api, (int)key->code);
	return profile_add_error(c->profile, &e);
}

int collect_errors(struct collect *c, int map_fd)
{
	struct error_key key;
	__u64 value;

	return collect_each(c, map_fd, -1, &key, &value, on_error);
}

/* --- copies --- */

static int on_copies(struct collect *c, void *k, void *v)
{
	const struct copy_key *key = k;
	const struct copy_rec *r = v;
	const char *kind = cuda_copy_kind(key->kind);
	/* What is known of a copy of unknown kind comes from memory_report(). */
	const struct memory_copies *known =
		kind && !strcmp(kind, "default") ? memory_resolved(c->memory, key->tgid, key->image)
						 : NULL;
	struct profile_copy copy = {
		.pid = key->tgid,
		.kind = kind,
		.calls = r->calls,
		.bytes = r->bytes,
		.wall_ns = r->wall_ns,
	};

	memcpy(copy.sizes, r->sizes, sizeof(copy.sizes));
	if (known) {
		copy.calls -= known->calls;
		copy.bytes -= known->bytes;
		copy.wall_ns -= known->wall_ns;
		for (size_t i = 0; i < COPY_SIZES; i++)
			copy.sizes[i] -= known->sizes[i];
	}
	if (c->options.entries_only)
		copy.wall_ns = PROFILE_UNKNOWN;
	return kind && copy.calls ? profile_add_copy(c->profile, &copy) : 0;
}

int collect_copies(struct collect *c, int map_fd)
{
	struct copy_key key;
	struct copy_rec value;

	return collect_each(c, map_fd, -1, &key, &value, on_copies);
}

/* --- streams --- */

static int add_stream(struct collect *c, uint32_t pid, const struct stream_slot *s)
{
	const bool timed = !c->options.entries_only;
	char handle[32];
	struct profile_stream row = {
		.pid = pid,
		.name = handle,
		.calls = s->calls,
		.launches = s->launches,
		.copies = s->copies,
		.bytes = s->bytes,
		.wall_ns = timed ? s->wall_ns : PROFILE_UNKNOWN,
		.syncs = s->syncs,
		.sync_ns = timed ? s->sync_ns : PROFILE_UNKNOWN,
	};

	snprintf(handle, sizeof(handle), "0x%" PRIx64, (uint64_t)s->stream);
	if (s->stream == STREAM_LEGACY)
		row.name = "default";
	else if (s->stream == STREAM_PER_THREAD)
		row.name = "per-thread";
	return profile_add_stream(c->profile, &row);
}

int collect_streams(struct collect *c, const struct rec_thread *r)
{
	int err = 0;

	for (int i = 0; i < STREAM_SLOTS && !err; i++)
		if (r->streams[i].calls)
			err = add_stream(c, r->tgid, &r->streams[i]);
	return err;
}

static int on_stream(struct collect *c, void *k, void *v)
{
	struct stream_slot *s = v;

	s->stream = ((const struct stream_key *)k)->stream;
	return s->calls ? add_stream(c, ((const struct stream_key *)k)->tgid, s) : 0;
}

int collect_stream_map(struct collect *c, int map_fd)
{
	struct stream_slot value;
	struct stream_key key;

	return collect_each(c, map_fd, -1, &key, &value, on_stream);
}

/* --- launches --- */

static int on_launch(struct collect *c, void *k, void *v)
{
	const struct launch_key *key = k;
	const struct launch_rec *r = v;
	const bool timed = !c->options.entries_only;
	struct kernels_label label;
	struct profile_launch row;
	int err = kernels_describe(c->kernels, key, &label);

	if (err)
		return err;
	row = (struct profile_launch){
		.pid = key->tgid,
		.kernel = label.kernel,
		.site = label.site,
		.graph = label.graph,
		.calls = r->calls,
		.errors = timed ? r->errors : PROFILE_UNKNOWN,
		.wall_ns = timed ? r->wall_ns : PROFILE_UNKNOWN,
		.gaps = timed ? r->gaps : PROFILE_UNKNOWN,
		.gap_ns = timed ? r->gap_ns : PROFILE_UNKNOWN,
	};
	return profile_add_launch(c->profile, &row);
}

int collect_launches(struct collect *c, int map_fd, int recs_fd)
{
	struct launch_key key;
	struct launch_rec value;

	return collect_each(c, map_fd, recs_fd, &key, &value, on_launch);
}

static int add_launcher(struct collect *c, const struct launcher_rec *r)
{
	const bool timed = !c->options.entries_only;
	struct profile_launcher row = {
		.serial = r->serial,
		.launches = r->launches,
		.wall_ns = timed ? r->wall_ns : PROFILE_UNKNOWN,
		.gaps = timed ? r->gaps : PROFILE_UNKNOWN,
		.gap_ns = timed ? r->gap_ns : PROFILE_UNKNOWN,
		.gap_max_ns = r->gaps ? r->gap_max_ns : PROFILE_UNKNOWN,
		.gap_p50_ns = hist_quantile(r->hist, 0.50, r->gap_max_ns),
		.gap_p95_ns = hist_quantile(r->hist, 0.95, r->gap_max_ns),
		.gap_p99_ns = hist_quantile(r->hist, 0.99, r->gap_max_ns),
	};

	return profile_add_launcher(c->profile, &row);
}

int collect_launchers(struct collect *c, int map_fd)
{
	struct launcher_rec value;
	int err = 0;

	/* (A thread may have taken a place and not come to write into it.) */
	for (__u32 i = 0; i < LAUNCHER_RECS && !err; i++)
		if (!bpf_map_lookup_elem(map_fd, &i, &value) && value.serial)
			err = add_launcher(c, &value);
	return err;
}

/* --- memory --- */

int collect_allocation(struct collect *c, const struct rec_sample *s,
		       const struct collect_stack *user)
{
	struct stack_key key = { .user_n = user->n, .frames_n = user->n };
	const struct stack_entry *e = stacks_get(&c->allocation_stacks, &key, user->locations);

	if (!e) {
		c->lost++;
		return 0;
	}
	return memory_stack(c->memory, s->seq, e);
}

static const char *process_of(void *arg, uint32_t pid)
{
	return collect_process_name(arg, pid);
}

static size_t frames_of(void *arg, const struct stack_entry *e, const char **frames, size_t max)
{
	if (!e) {
		frames[0] = PROFILE_NOT_SAMPLED;
		return 1;
	}
	return collect_name_frames(arg, e->locations, e->key.frames_n, frames, max);
}

int collect_memory(struct collect *c)
{
	const struct memory_names names = { .arg = c, .process = process_of, .frames = frames_of };

	return c->options.entries_only ? 0 : memory_report(c->memory, c->profile, &names);
}
