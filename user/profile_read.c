/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A profile from JSON: the file, its head, its parts. What a row holds: profile_read_*.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "profile_build.h"
#include "profile_read_part.h"

#define VERSION_READ 1

/* --- head and single objects --- */

static const struct read_field head_fields[] = {
	READ_FIELD(READ_COUNT, profile, duration_ns, "duration_ns"),
	READ_FIELD(READ_TEXT, profile, host, "host"),
	READ_FIELD(READ_TEXT, profile, kernel, "kernel"),
	READ_FIELD(READ_TEXT, profile, runtime, "runtime"),
	READ_FIELD(READ_TEXT, profile, runtime_version, "runtime_version"),
	READ_FIELD(READ_TEXT, profile, target, "target"),
	READ_FIELD(READ_COUNT, profile, period_ns, "period_ns"),
	READ_FIELD(READ_COUNT, profile, stacks, "stacks"),
};
static const struct read_field reach_fields[] = {
	READ_FIELD(READ_KNOWN, profile, reach.whole_ns, "whole_ns"),
	READ_FIELD(READ_KNOWN, profile, reach.truncated_ns, "truncated_ns"),
	READ_FIELD(READ_KNOWN, profile, reach.incomplete_ns, "incomplete_ns"),
	READ_FIELD(READ_KNOWN, profile, reach.none_ns, "none_ns"),
};
static const struct read_field events_fields[] = {
	READ_FIELD(READ_KNOWN, profile, events.switches, "switches"),
	READ_FIELD(READ_KNOWN, profile, events.booked, "booked"),
	READ_FIELD(READ_KNOWN, profile, events.idle, "idle"),
	READ_FIELD(READ_KNOWN, profile, events.wakeups, "wakeups"),
};
static const struct read_field lost_fields[] = {
	READ_FIELD(READ_KNOWN, profile, lost.events, "events"),
	READ_FIELD(READ_KNOWN, profile, lost.stacks, "stacks"),
	READ_FIELD(READ_KNOWN, profile, lost.ring, "ring"),
	READ_FIELD(READ_KNOWN, profile, lost.map_full, "map_full"),
	READ_FIELD(READ_KNOWN, profile, lost.missed_runs, "missed_runs"),
	READ_FIELD(READ_KNOWN, profile, lost.uncovered_ns, "uncovered_ns"),
	READ_FIELD(READ_KNOWN, profile, lost.threads, "threads"),
	READ_FIELD(READ_KNOWN, profile, lost.returns, "returns"),
	READ_FIELD(READ_KNOWN, profile, lost.spans, "spans"),
	READ_FIELD(READ_KNOWN, profile, lost.memory, "memory"),
};
static const struct read_field overhead_fields[] = {
	READ_FIELD(READ_KNOWN, profile, overhead.bpf_ns, "bpf_ns"),
	READ_FIELD(READ_KNOWN, profile, overhead.bpf_runs, "bpf_runs"),
	READ_FIELD(READ_KNOWN, profile, overhead.trap_ns, "trap_ns"),
	READ_FIELD(READ_KNOWN, profile, overhead.trap_hits, "trap_hits"),
	READ_FIELD(READ_KNOWN, profile, overhead.user_cpu_ns, "user_cpu_ns"),
	READ_FIELD(READ_KNOWN, profile, overhead.start_cpu_ns, "start_cpu_ns"),
	READ_FIELD(READ_KNOWN, profile, overhead.rss_bytes, "rss_bytes"),
	READ_FIELD(READ_KNOWN, profile, overhead.map_bytes, "map_bytes"),
};

static const struct {
	const char *key;
	const struct read_field *fields;
	size_t n;
} objects[] = {
	{ "stacks_reach", READ_FIELDS(reach_fields) },
	{ "events", READ_FIELDS(events_fields) },
	{ "lost", READ_FIELDS(lost_fields) },
	{ "overhead", READ_FIELDS(overhead_fields) },
};

/* A part that is missing has no known figure either. */
static int read_objects(struct reader *r, const json_t *root)
{
	json_t *nothing = json_object();
	int err = nothing ? 0 : read_no_memory(r);

	for (size_t i = 0; !err && i < sizeof(objects) / sizeof(*objects); i++) {
		const json_t *o;

		err = read_object(r, root, objects[i].key, &o);
		snprintf(r->where, sizeof(r->where), "%s", objects[i].key);
		if (!err)
			err = read_fields(r, o ? o : nothing, objects[i].fields, objects[i].n,
					  r->p);
		r->where[0] = '\0';
	}
	json_decref(nothing);
	return err;
}

/* --- arrays --- */

static const struct read_field hook_fields[] = {
	READ_FIELD(READ_NAME, profile_hook, name, "name"),
	READ_FIELD(READ_NAME, profile_hook, kind, "kind"),
	READ_FIELD(READ_TEXT, profile_hook, lost, "lost"),
};
static const struct read_part read_hooks = {
	"hooks",
	sizeof(struct profile_hook),
	offsetof(struct profile, hooks),
	offsetof(struct profile, hooks_n),
	READ_FIELDS(hook_fields),
	NULL,
};
static const struct read_field not_measured_fields[] = {
	READ_FIELD(READ_NAME, profile_not_measured, what, "what"),
	READ_FIELD(READ_TEXT, profile_not_measured, why, "why"),
};
static const struct read_part read_not_measured = {
	"not_measured",
	sizeof(struct profile_not_measured),
	offsetof(struct profile, not_measured),
	offsetof(struct profile, not_measured_n),
	READ_FIELDS(not_measured_fields),
	NULL,
};

static int read_row(struct reader *r, const struct read_part *part, const json_t *o, size_t i,
		    void *row)
{
	int err;

	snprintf(r->where, sizeof(r->where), "%s[%zu]", part->key, i);
	if (!json_is_object(o))
		return read_fault(r, NULL, "not an object");
	err = read_fields(r, o, part->fields, part->fields_n, row);
	if (!err && part->row)
		err = part->row(r, o, i, row);
	r->where[0] = '\0';
	return err;
}

static int read_part(struct reader *r, const json_t *root, const struct read_part *part)
{
	const json_t *array;
	char *rows;
	size_t n;
	int err = read_array(r, root, part->key, &array);

	n = json_array_size(array);
	if (err || !n)
		return err;
	rows = calloc(n, part->size);
	if (!rows)
		return read_no_memory(r);
	/* The profile's from here on, whatever comes: what is not read yet is zero. */
	memcpy((char *)r->p + part->rows, &rows, sizeof(rows));
	memcpy((char *)r->p + part->n, &n, sizeof(n));
	for (size_t i = 0; !err && i < n; i++)
		err = read_row(r, part, json_array_get(array, i), i, rows + i * part->size);
	return err;
}

static const struct read_part *const parts[] = {
	&read_hooks,	&read_waits,	  &read_steals, &read_wakers,	   &read_waker_stacks,
	&read_cpus,	&read_calls,	  &read_errors, &read_copies,	   &read_streams,
	&read_launches, &read_launchers,  &read_memory, &read_allocations, &read_switches,
	&read_io,	&read_io_threads, &read_stages, &read_requests,	   &read_not_measured,
};

static bool is_there(const json_t *root, const char *key)
{
	return json_is_array(json_object_get(root, key));
}

/* What the parts that are null say of the trace. */
static void read_flags(struct profile *p, const json_t *root)
{
	p->wakers_known = is_there(root, "woken_by");
	p->wakers_sampled = is_there(root, "wakers");
	p->stages_known = is_there(root, "stages");
	p->entries_only = json_is_null(json_object_get(root, "gpu_errors"));
	p->unwound = p->reach.whole_ns != PROFILE_UNKNOWN;
}

static int read_version(struct reader *r, const json_t *root)
{
	const json_t *version = json_object_get(root, "version");

	if (!json_is_object(root) || !version || !json_is_integer(version) ||
	    !is_there(root, "threads"))
		return fault_set(r->f, EXIT_FAILED, EINVAL,
				 "%s: no profile: it is not what trace --json writes", r->path);
	if (json_integer_value(version) != VERSION_READ)
		return fault_set(r->f, EXIT_FAILED, EINVAL,
				 "%s: version %lld of the JSON, this infbpf reads version %d",
				 r->path, (long long)json_integer_value(version), VERSION_READ);
	return 0;
}

static int read_all(struct reader *r, const json_t *root)
{
	int err = read_version(r, root);

	if (!err)
		err = read_fields(r, root, READ_FIELDS(head_fields), r->p);
	if (!err)
		err = read_io_parts(r, root);
	if (!err)
		err = read_objects(r, root);
	if (!err)
		err = read_part(r, root, &read_threads);
	if (!err)
		err = read_index_threads(r);
	for (size_t i = 0; !err && i < sizeof(parts) / sizeof(*parts); i++)
		err = read_part(r, root, parts[i]);
	if (!err)
		err = read_timeline(r, root);
	if (!err)
		read_flags(r->p, root);
	return err;
}

/* --- the file --- */

static json_t *load(const char *path, struct fault *f)
{
	FILE *in = strcmp(path, "-") ? fopen(path, "re") : stdin;
	const char *name = in == stdin ? "stdin" : path;
	json_error_t error;
	json_t *root;

	if (!in) {
		fault_set(f, EXIT_FAILED, errno, "%s: %s", path, strerror(errno));
		return NULL;
	}
	errno = 0;
	root = json_loadf(in, JSON_REJECT_DUPLICATES, &error);
	if (!root && ferror(in))
		fault_set(f, EXIT_FAILED, EIO, "%s: %s", name, strerror(errno ? errno : EIO));
	else if (!root)
		fault_set(f, EXIT_FAILED, EINVAL, "%s: no JSON: line %d: %s", name, error.line,
			  error.text);
	if (in != stdin)
		fclose(in);
	return root;
}

struct profile *profile_read(const char *path, struct fault *f)
{
	struct reader r = { .f = f, .path = strcmp(path, "-") ? path : "stdin" };
	json_t *root = load(path, f);
	int err = -EINVAL;

	if (!root)
		return NULL;
	r.p = profile_new();
	err = r.p ? read_all(&r, root) : read_no_memory(&r);
	hash_index_free(&r.threads);
	json_decref(root);
	if (err) {
		profile_free(r.p);
		return NULL;
	}
	/* Finished: nothing can be added. */
	build_free(r.p->build);
	r.p->build = NULL;
	return r.p;
}
