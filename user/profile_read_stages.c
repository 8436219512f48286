/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From JSON: stages, requests with their parts and passes, and the timeline. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "profile_build.h"
#include "profile_read_part.h"

#define KNOWN(type, member, name) READ_FIELD(READ_KNOWN, type, member, name)

static const struct read_field split_fields[] = {
	KNOWN(profile_split, wall_ns, "wall_ns"),
	KNOWN(profile_split, on_cpu_ns, "on_cpu_ns"),
	KNOWN(profile_split, run_queue_ns, "run_queue_ns"),
	KNOWN(profile_split, throttled_ns, "throttled_ns"),
	KNOWN(profile_split, blocked_ns, "blocked_ns"),
	KNOWN(profile_split, calls_ns, "gpu_calls_ns"),
};
static const struct read_field quantile_fields[] = {
	KNOWN(profile_quantiles, p50_ns, "p50_ns"),
	KNOWN(profile_quantiles, p95_ns, "p95_ns"),
	KNOWN(profile_quantiles, p99_ns, "p99_ns"),
	KNOWN(profile_quantiles, max_ns, "max_ns"),
};

static int read_split(struct reader *r, const json_t *o, struct profile_split *s)
{
	uint64_t blocked = 0;
	int err = read_fields(r, o, READ_FIELDS(split_fields), s);

	if (!err)
		err = read_causes(r, o, s->blocked_by_ns);
	if (err)
		return err;
	/* No thread's account stands behind it: there is no more than its length. */
	if (s->wall_ns == PROFILE_UNKNOWN || s->on_cpu_ns == PROFILE_UNKNOWN ||
	    s->run_queue_ns == PROFILE_UNKNOWN || s->blocked_ns == PROFILE_UNKNOWN) {
		s->on_cpu_ns = s->run_queue_ns = s->blocked_ns = PROFILE_UNKNOWN;
		s->throttled_ns = s->calls_ns = PROFILE_UNKNOWN;
		memset(s->blocked_by_ns, 0, sizeof(s->blocked_by_ns));
		return 0;
	}
	for (int c = 0; c < CAUSES; c++)
		blocked += s->blocked_by_ns[c];
	/* What else reads profiles relies on these. */
	if (s->on_cpu_ns + s->run_queue_ns + s->blocked_ns != s->wall_ns)
		return read_fault(r, "wall_ns", "not the sum of its states");
	if (blocked != s->blocked_ns)
		return read_fault(r, "blocked_ns", "not the sum of its causes");
	if (s->throttled_ns > s->run_queue_ns && s->throttled_ns != PROFILE_UNKNOWN)
		s->throttled_ns = s->run_queue_ns;
	if (s->calls_ns > s->wall_ns && s->calls_ns != PROFILE_UNKNOWN)
		s->calls_ns = s->wall_ns;
	return 0;
}

static int read_quantiles(struct reader *r, const json_t *o, struct profile_quantiles *q)
{
	return read_fields(r, o, READ_FIELDS(quantile_fields), q);
}

/* The same in an object of their own. */
static int read_inner_split(struct reader *r, const json_t *o, const char *key,
			    struct profile_split *s)
{
	const json_t *inner;
	const int err = read_object(r, o, key, &inner);

	memset(s, 0xff, offsetof(struct profile_split, blocked_by_ns));
	s->calls_ns = PROFILE_UNKNOWN;
	return err || !inner ? err : read_split(r, inner, s);
}

static int read_inner_quantiles(struct reader *r, const json_t *o, const char *key,
				struct profile_quantiles *q)
{
	const json_t *inner;
	const int err = read_object(r, o, key, &inner);

	memset(q, 0xff, sizeof(*q));
	return err || !inner ? err : read_quantiles(r, inner, q);
}

/* --- stages --- */

static const struct read_field stage_fields[] = {
	READ_FIELD(READ_ID, profile_stage, pid, "pid"),
	READ_FIELD(READ_NAME, profile_stage, process, "process"),
	READ_FIELD(READ_NAME, profile_stage, name, "name"),
	READ_FIELD(READ_COUNT, profile_stage, count, "count"),
	READ_FIELD(READ_COUNT, profile_stage, abandoned, "abandoned"),
	READ_FIELD(READ_COUNT, profile_stage, open_at_end, "open_at_end"),
};

static uint8_t source_of(const char *name)
{
	for (unsigned int s = 0; s < STAGE_SOURCES; s++)
		if (!strcmp(profile_stage_source_name(s), name))
			return (uint8_t)s;
	return STAGE_MARK;
}

static int stage_row(struct reader *r, const json_t *o, size_t i, void *row)
{
	struct profile_stage *s = row;
	const char *source;
	int err = read_text(r, o, "source", READ_NAME, &source);

	(void)i;
	if (err)
		return err;
	s->source = source_of(source);
	err = read_split(r, o, &s->split);
	return err ? err : read_quantiles(r, o, &s->times);
}

const struct read_part read_stages = {
	"stages",
	sizeof(struct profile_stage),
	offsetof(struct profile, stages),
	offsetof(struct profile, stages_n),
	READ_FIELDS(stage_fields),
	stage_row,
};

/* --- requests --- */

static const struct read_field part_fields[] = {
	READ_FIELD(READ_NAME, profile_part, name, "name"),
	READ_FIELD(READ_COUNT, profile_part, requests, "requests"),
	READ_FIELD(READ_COUNT, profile_part, spans, "spans"),
	READ_FIELD(READ_BOOL, profile_part, in_pass, "in_pass"),
	KNOWN(profile_part, behind_ns, "behind_ns"),
	KNOWN(profile_part, behind_slow_ns, "behind_slow_ns"),
	KNOWN(profile_part, woken_slow_ns, "woken_slow_ns"),
	KNOWN(profile_part, throttled_slow_ns, "throttled_slow_ns"),
};
static const char *const part_kinds[] = {
	[PART_STAGE] = "stage",
	[PART_WAIT] = "wait",
	[PART_OTHERS] = "others",
	[PART_REST] = "rest",
};

static int read_part_of(struct reader *r, const json_t *o, void *row)
{
	struct profile_part *part = row;
	const char *kind = NULL;
	int err = read_fields(r, o, READ_FIELDS(part_fields), part);

	if (!err)
		err = read_text(r, o, "kind", READ_NAME, &kind);
	for (size_t k = 0; !err && k < sizeof(part_kinds) / sizeof(*part_kinds); k++)
		if (!strcmp(kind, part_kinds[k]))
			part->kind = (uint8_t)k;
	if (!err)
		err = read_split(r, o, &part->split);
	if (!err)
		err = read_inner_split(r, o, "slow", &part->slow);
	if (!err)
		err = read_quantiles(r, o, &part->times);
	if (!err)
		err = read_share(r, o, "share_p50", &part->share_p50);
	if (!err)
		err = read_share(r, o, "share_p95", &part->share_p95);
	return err ? err : read_share(r, o, "share_p99", &part->share_p99);
}

static const struct read_field pass_fields[] = {
	READ_FIELD(READ_NAME, profile_pass, name, "name"),
	READ_FIELD(READ_COUNT, profile_pass, count, "count"),
	READ_FIELD(READ_COUNT, profile_pass, requests, "requests"),
	READ_FIELD(READ_COUNT, profile_pass, tokens, "tokens"),
	READ_FIELD(READ_COUNT, profile_pass, padded, "padded"),
};

/* "sizes": how many passes had so many rows. */
static int read_sizes(struct reader *r, const json_t *o, struct profile_pass *pass)
{
	const json_t *sizes;
	const char *rows;
	json_t *value;
	int err = read_object(r, o, "sizes", &sizes);

	if (err || !sizes)
		return err;
	json_object_foreach((json_t *)sizes, rows, value)
	{
		char *end;
		const unsigned long n = strtoul(rows, &end, 10);

		(void)value;
		if (*rows < '0' || *rows > '9' || *end || n >= PROFILE_BATCHES)
			return read_fault(r, "sizes", "a size that is none");
		err = read_number(r, sizes, rows, READ_COUNT, &pass->sizes[n]);
		if (err)
			return err;
	}
	return 0;
}

static int read_pass(struct reader *r, const json_t *o, void *row)
{
	struct profile_pass *pass = row;
	int err = read_fields(r, o, READ_FIELDS(pass_fields), pass);

	if (!err)
		err = read_sizes(r, o, pass);
	return err ? err : read_quantiles(r, o, &pass->times);
}

/* An array of objects within a row. */
static int read_inner_rows(struct reader *r, const json_t *o, const char *key, size_t size,
			   int (*row)(struct reader *r, const json_t *o, void *row), void *rows,
			   size_t *n)
{
	const size_t before = strlen(r->where);
	const json_t *array;
	char *memory;
	int err = read_array(r, o, key, &array);

	if (err || !json_array_size(array))
		return err;
	memory = read_alloc(r, json_array_size(array), size);
	if (!memory)
		return -ENOMEM;
	memcpy(rows, &memory, sizeof(memory));
	*n = json_array_size(array);
	for (size_t i = 0; !err && i < *n; i++) {
		const json_t *inner = json_array_get(array, i);

		snprintf(r->where + before, sizeof(r->where) - before, ".%s[%zu]", key, i);
		err = json_is_object(inner) ? row(r, inner, memory + i * size)
					    : read_fault(r, NULL, "not an object");
		r->where[before] = '\0';
	}
	return err;
}

static const struct read_field request_fields[] = {
	READ_FIELD(READ_ID, profile_requests, pid, "pid"),
	READ_FIELD(READ_NAME, profile_requests, process, "process"),
	READ_FIELD(READ_COUNT, profile_requests, count, "count"),
	READ_FIELD(READ_COUNT, profile_requests, begun, "begun"),
	READ_FIELD(READ_COUNT, profile_requests, open_at_start, "open_at_start"),
	READ_FIELD(READ_COUNT, profile_requests, open_at_end, "open_at_end"),
	READ_FIELD(READ_COUNT, profile_requests, dropped, "dropped"),
	READ_FIELD(READ_KNOWN, profile_requests, lost, "lost"),
	READ_FIELD(READ_COUNT, profile_requests, tokens_in, "tokens_in"),
	READ_FIELD(READ_COUNT, profile_requests, tokens_out, "tokens_out"),
	READ_FIELD(READ_COUNT, profile_requests, latency_ns, "latency_ns"),
};

static int read_slow(struct reader *r, const json_t *o, struct profile_requests *q)
{
	const json_t *slow = NULL;
	int err = read_inner_split(r, o, "slow", &q->split_slow);

	if (!err)
		err = read_object(r, o, "slow", &slow);
	return err || !slow ? err : read_number(r, slow, "requests", READ_COUNT, &q->slow);
}

static int request_row(struct reader *r, const json_t *o, size_t i, void *row)
{
	struct profile_requests *q = row;
	int err = read_quantiles(r, o, &q->latency);

	(void)i;
	if (!err)
		err = read_inner_quantiles(r, o, "first_token", &q->first_token);
	if (!err)
		err = read_inner_quantiles(r, o, "per_token", &q->per_token);
	if (!err)
		err = read_split(r, o, &q->split);
	if (!err)
		err = read_slow(r, o, q);
	if (!err)
		err = read_inner_rows(r, o, "parts", sizeof(*q->parts), read_part_of, &q->parts,
				      &q->parts_n);
	return err ? err
		   : read_inner_rows(r, o, "passes", sizeof(*q->passes), read_pass, &q->passes,
				     &q->passes_n);
}

const struct read_part read_requests = {
	"requests",
	sizeof(struct profile_requests),
	offsetof(struct profile, requests),
	offsetof(struct profile, requests_n),
	READ_FIELDS(request_fields),
	request_row,
};

/* --- timeline --- */

/* One state of a thread by slices. The run queue's two are one here. */
static int read_slices(struct reader *r, const json_t *o, const char *key, enum profile_state state,
		       struct profile_slices *s)
{
	struct profile *p = r->p;
	const json_t *array;
	int err = read_array(r, o, key, &array);

	if (err)
		return err;
	if (!array || json_array_size(array) != p->slices_n)
		return read_fault(r, key, "not as long as the other threads'");
	for (size_t i = 0; i < p->slices_n; i++) {
		const json_t *n = json_array_get(array, i);

		if (!json_is_integer(n) || json_integer_value(n) < 0 ||
		    (uint64_t)json_integer_value(n) > p->slice_ns * 2)
			return read_fault(r, key, "a time that is longer than a slice, or none");
		s->ns[i][state] = (uint64_t)json_integer_value(n);
	}
	return 0;
}

static int read_strip(struct reader *r, const json_t *o, size_t i)
{
	struct profile_slices *s = &r->p->slices[i];
	int err;

	snprintf(r->where, sizeof(r->where), "timeline.threads[%zu]", i);
	if (!json_is_object(o))
		return read_fault(r, NULL, "not an object");
	err = read_thread(r, o, &s->thread, &s->serial);
	if (err)
		return err;
	s->ns = calloc(r->p->slices_n + 1, sizeof(*s->ns));
	if (!s->ns)
		return read_no_memory(r);
	err = read_slices(r, o, "on_cpu_ns", PROFILE_ON_CPU, s);
	if (!err)
		err = read_slices(r, o, "run_queue_ns", PROFILE_WOKEN, s);
	return err ? err : read_slices(r, o, "blocked_ns", PROFILE_BLOCKED, s);
}

int read_timeline(struct reader *r, const json_t *root)
{
	struct profile *p = r->p;
	const json_t *timeline, *threads;
	int err = read_object(r, root, "timeline", &timeline);

	if (err || !timeline)
		return err;
	snprintf(r->where, sizeof(r->where), "timeline");
	err = read_number(r, timeline, "slice_ns", READ_COUNT, &p->slice_ns);
	if (!err)
		err = read_array(r, timeline, "threads", &threads);
	if (err)
		return err;
	p->timeline_known = true;
	if (json_array_size(threads)) {
		p->slices_n =
			json_array_size(json_object_get(json_array_get(threads, 0), "on_cpu_ns"));
		p->slices = calloc(json_array_size(threads), sizeof(*p->slices));
		if (!p->slices)
			return read_no_memory(r);
		p->slice_threads_n = json_array_size(threads);
	}
	for (size_t i = 0; !err && i < p->slice_threads_n; i++)
		err = read_strip(r, json_array_get(threads, i), i);
	r->where[0] = '\0';
	return err;
}
