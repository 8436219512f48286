/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From JSON: CUDA calls and what they did. With --returns none what needs a call's end is null. */
#include <errno.h>
#include <string.h>
#include "cuda.h"
#include "profile_read_part.h"

static const struct read_field call_fields[] = {
	READ_FIELD(READ_ID, profile_call, pid, "pid"),
	READ_FIELD(READ_NAME, profile_call, process, "process"),
	READ_FIELD(READ_NAME, profile_call, name, "name"),
	READ_FIELD(READ_NAME, profile_call, api, "api"),
	READ_FIELD(READ_NAME, profile_call, group, "group"),
	READ_FIELD(READ_TEXT, profile_call, inside, "inside"),
	READ_FIELD(READ_COUNT, profile_call, calls, "calls"),
	READ_FIELD(READ_KNOWN, profile_call, errors, "errors"),
	READ_FIELD(READ_KNOWN, profile_call, abandoned, "abandoned"),
	READ_FIELD(READ_KNOWN, profile_call, open_at_start, "open_at_start"),
	READ_FIELD(READ_KNOWN, profile_call, open_at_end, "open_at_end"),
	READ_FIELD(READ_COUNT, profile_call, bytes, "bytes"),
	READ_FIELD(READ_KNOWN, profile_call, wall_ns, "wall_ns"),
	READ_FIELD(READ_KNOWN, profile_call, on_cpu_ns, "on_cpu_ns"),
	READ_FIELD(READ_KNOWN, profile_call, run_queue_ns, "run_queue_ns"),
	READ_FIELD(READ_KNOWN, profile_call, blocked_ns, "blocked_ns"),
	READ_FIELD(READ_KNOWN, profile_call, voluntary, "voluntary_switches"),
	READ_FIELD(READ_KNOWN, profile_call, involuntary, "involuntary_switches"),
	READ_FIELD(READ_KNOWN, profile_call, p50_ns, "p50_ns"),
	READ_FIELD(READ_KNOWN, profile_call, p95_ns, "p95_ns"),
	READ_FIELD(READ_KNOWN, profile_call, p99_ns, "p99_ns"),
	READ_FIELD(READ_KNOWN, profile_call, max_ns, "max_ns"),
	READ_FIELD(READ_KNOWN, profile_call, waited, "waited"),
	READ_FIELD(READ_KNOWN, profile_call, blocked_calls, "blocked_calls"),
	READ_FIELD(READ_KNOWN, profile_call, spun, "spun"),
};

/* What a call is, its name says. */
static int call_row(struct reader *r, const json_t *o, size_t i, void *row)
{
	struct profile_call *c = row;
	const size_t known = cuda_call_row(c->name, NULL);
	const enum call_what what = known < cuda_calls_n ? cuda_calls[known].what : CALL_PLAIN;

	(void)r, (void)o, (void)i;
	c->is_sync = what == CALL_SYNC;
	c->is_async_copy = what == CALL_ASYNC_COPY;
	return 0;
}

const struct read_part read_calls = {
	"gpu_calls",
	sizeof(struct profile_call),
	offsetof(struct profile, calls),
	offsetof(struct profile, calls_n),
	READ_FIELDS(call_fields),
	call_row,
};

static const struct read_field error_fields[] = {
	READ_FIELD(READ_ID, profile_error, pid, "pid"),
	READ_FIELD(READ_NAME, profile_error, call, "call"),
	READ_FIELD(READ_TEXT, profile_error, inside, "inside"),
	READ_FIELD(READ_ID, profile_error, code, "code"),
	READ_FIELD(READ_TEXT, profile_error, name, "error"),
	READ_FIELD(READ_COUNT, profile_error, calls, "calls"),
};
const struct read_part read_errors = {
	"gpu_errors",
	sizeof(struct profile_error),
	offsetof(struct profile, errors),
	offsetof(struct profile, errors_n),
	READ_FIELDS(error_fields),
	NULL,
};

static const struct read_field copy_fields[] = {
	READ_FIELD(READ_ID, profile_copy, pid, "pid"),
	READ_FIELD(READ_NAME, profile_copy, kind, "kind"),
	READ_FIELD(READ_COUNT, profile_copy, calls, "calls"),
	READ_FIELD(READ_COUNT, profile_copy, bytes, "bytes"),
	READ_FIELD(READ_KNOWN, profile_copy, wall_ns, "wall_ns"),
};

static int read_size(struct reader *r, const json_t *o, struct profile_copy *c)
{
	uint64_t up_to, calls;
	int err;

	if (!json_is_object(o))
		return read_fault(r, "sizes", "not an array of objects");
	err = read_number(r, o, "up_to_bytes", READ_COUNT, &up_to);
	if (!err)
		err = read_number(r, o, "calls", READ_COUNT, &calls);
	if (err)
		return err;
	for (unsigned int i = 0; i < PROFILE_SIZES; i++) {
		if (up_to != 1ULL << i)
			continue;
		c->sizes[i] += calls;
		return 0;
	}
	return read_fault(r, "sizes", "an \"up_to_bytes\" that is no power of two");
}

static int copy_row(struct reader *r, const json_t *o, size_t i, void *row)
{
	const json_t *sizes;
	int err = read_array(r, o, "sizes", &sizes);

	(void)i;
	for (size_t k = 0; !err && k < json_array_size(sizes); k++)
		err = read_size(r, json_array_get(sizes, k), row);
	return err;
}

const struct read_part read_copies = {
	"copies",
	sizeof(struct profile_copy),
	offsetof(struct profile, copies),
	offsetof(struct profile, copies_n),
	READ_FIELDS(copy_fields),
	copy_row,
};

static const struct read_field stream_fields[] = {
	READ_FIELD(READ_ID, profile_stream, pid, "pid"),
	READ_FIELD(READ_NAME, profile_stream, name, "stream"),
	READ_FIELD(READ_COUNT, profile_stream, calls, "calls"),
	READ_FIELD(READ_COUNT, profile_stream, launches, "launches"),
	READ_FIELD(READ_COUNT, profile_stream, copies, "copies"),
	READ_FIELD(READ_COUNT, profile_stream, bytes, "bytes"),
	READ_FIELD(READ_KNOWN, profile_stream, wall_ns, "wall_ns"),
	READ_FIELD(READ_COUNT, profile_stream, syncs, "syncs"),
	READ_FIELD(READ_KNOWN, profile_stream, sync_ns, "sync_ns"),
};
const struct read_part read_streams = {
	"streams",
	sizeof(struct profile_stream),
	offsetof(struct profile, streams),
	offsetof(struct profile, streams_n),
	READ_FIELDS(stream_fields),
	NULL,
};

static const struct read_field launch_fields[] = {
	READ_FIELD(READ_ID, profile_launch, pid, "pid"),
	READ_FIELD(READ_NAME, profile_launch, kernel, "kernel"),
	READ_FIELD(READ_TEXT, profile_launch, site, "site"),
	READ_FIELD(READ_BOOL, profile_launch, graph, "graph"),
	READ_FIELD(READ_COUNT, profile_launch, calls, "calls"),
	READ_FIELD(READ_KNOWN, profile_launch, errors, "errors"),
	READ_FIELD(READ_KNOWN, profile_launch, wall_ns, "wall_ns"),
	READ_FIELD(READ_KNOWN, profile_launch, gaps, "gaps"),
	READ_FIELD(READ_KNOWN, profile_launch, gap_ns, "gap_ns"),
};
const struct read_part read_launches = {
	"launches",
	sizeof(struct profile_launch),
	offsetof(struct profile, launches),
	offsetof(struct profile, launches_n),
	READ_FIELDS(launch_fields),
	NULL,
};

static const struct read_field launcher_fields[] = {
	READ_FIELD(READ_COUNT, profile_launcher, launches, "launches"),
	READ_FIELD(READ_KNOWN, profile_launcher, wall_ns, "wall_ns"),
	READ_FIELD(READ_KNOWN, profile_launcher, gaps, "gaps"),
	READ_FIELD(READ_KNOWN, profile_launcher, gap_ns, "gap_ns"),
	READ_FIELD(READ_KNOWN, profile_launcher, gap_max_ns, "gap_max_ns"),
	READ_FIELD(READ_KNOWN, profile_launcher, gap_p50_ns, "gap_p50_ns"),
	READ_FIELD(READ_KNOWN, profile_launcher, gap_p95_ns, "gap_p95_ns"),
	READ_FIELD(READ_KNOWN, profile_launcher, gap_p99_ns, "gap_p99_ns"),
};

static int launcher_row(struct reader *r, const json_t *o, size_t i, void *row)
{
	struct profile_launcher *l = row;

	(void)i;
	return read_thread(r, o, &l->thread, &l->serial);
}

const struct read_part read_launchers = {
	"launch_threads",
	sizeof(struct profile_launcher),
	offsetof(struct profile, launchers),
	offsetof(struct profile, launchers_n),
	READ_FIELDS(launcher_fields),
	launcher_row,
};

static const struct read_field memory_fields[] = {
	READ_FIELD(READ_ID, profile_memory, pid, "pid"),
	READ_FIELD(READ_NAME, profile_memory, kind, "kind"),
	READ_FIELD(READ_COUNT, profile_memory, allocations, "allocations"),
	READ_FIELD(READ_COUNT, profile_memory, frees, "frees"),
	READ_FIELD(READ_COUNT, profile_memory, bytes, "bytes"),
	READ_FIELD(READ_COUNT, profile_memory, live, "live"),
	READ_FIELD(READ_COUNT, profile_memory, live_bytes, "live_bytes"),
	READ_FIELD(READ_COUNT, profile_memory, peak_bytes, "peak_bytes"),
	READ_FIELD(READ_COUNT, profile_memory, unknown_frees, "unknown_frees"),
};

/* These rows do not say whose they are but by number. */
static const char *process_of(const struct profile *p, uint32_t pid)
{
	for (size_t i = p->threads_n; i-- > 0;)
		if (p->threads[i].pid == pid)
			return p->threads[i].process;
	return "?";
}

static int memory_row(struct reader *r, const json_t *o, size_t i, void *row)
{
	struct profile_memory *m = row;

	(void)o, (void)i;
	m->process = process_of(r->p, m->pid);
	return 0;
}

const struct read_part read_memory = {
	"memory",
	sizeof(struct profile_memory),
	offsetof(struct profile, memory),
	offsetof(struct profile, memory_n),
	READ_FIELDS(memory_fields),
	memory_row,
};

static const struct read_field allocation_fields[] = {
	READ_FIELD(READ_ID, profile_allocation, pid, "pid"),
	READ_FIELD(READ_NAME, profile_allocation, kind, "kind"),
	READ_FIELD(READ_NAME, profile_allocation, call, "call"),
	READ_FIELD(READ_COUNT, profile_allocation, allocations, "allocations"),
	READ_FIELD(READ_COUNT, profile_allocation, bytes, "bytes"),
	READ_FIELD(READ_COUNT, profile_allocation, live, "live"),
	READ_FIELD(READ_COUNT, profile_allocation, live_bytes, "live_bytes"),
};

static int allocation_row(struct reader *r, const json_t *o, size_t i, void *row)
{
	struct profile_allocation *a = row;

	(void)i;
	a->process = process_of(r->p, a->pid);
	return read_strings(r, o, "frames", &a->frames, &a->frames_n, NULL);
}

const struct read_part read_allocations = {
	"allocations",
	sizeof(struct profile_allocation),
	offsetof(struct profile, allocations),
	offsetof(struct profile, allocations_n),
	READ_FIELDS(allocation_fields),
	allocation_row,
};
