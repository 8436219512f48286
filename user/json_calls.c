/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The JSON's rows of CUDA calls. With --returns none only their beginnings were seen: what needs their
 * ends is null. */
#include <errno.h>
#include "json_part.h"

static uint64_t if_returns(const struct profile *p, uint64_t n)
{
	return p->entries_only ? PROFILE_UNKNOWN : n;
}

int json_fill_call(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_call *c = &p->calls[i];
	int err = json_set_number(o, "pid", c->pid);

	if (!err)
		err = JSON_SET_TEXTS(o, { "process", c->process }, { "name", c->name },
				     { "api", c->api }, { "group", c->group },
				     { "inside", c->inside });
	return err ? err
		   : JSON_SET_NUMBERS(
			     o, { "calls", c->calls }, { "errors", if_returns(p, c->errors) },
			     { "abandoned", if_returns(p, c->abandoned) },
			     { "open_at_start", if_returns(p, c->open_at_start) },
			     { "open_at_end", if_returns(p, c->open_at_end) },
			     { "bytes", c->bytes }, { "wall_ns", if_returns(p, c->wall_ns) },
			     { "on_cpu_ns", if_returns(p, c->on_cpu_ns) },
			     { "run_queue_ns", if_returns(p, c->run_queue_ns) },
			     { "blocked_ns", if_returns(p, c->blocked_ns) },
			     { "voluntary_switches", if_returns(p, c->voluntary) },
			     { "involuntary_switches", if_returns(p, c->involuntary) },
			     { "p50_ns", if_returns(p, c->p50_ns) },
			     { "p95_ns", if_returns(p, c->p95_ns) },
			     { "p99_ns", if_returns(p, c->p99_ns) },
			     { "max_ns", if_returns(p, c->max_ns) },
			     { "waited", if_returns(p, c->waited) },
			     { "blocked_calls", if_returns(p, c->blocked_calls) },
			     { "spun", if_returns(p, c->spun) });
}

int json_fill_error(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_error *e = &p->errors[i];
	int err = json_set_number(o, "pid", e->pid);

	if (!err)
		err = JSON_SET_TEXTS(o, { "call", e->call }, { "inside", e->inside });
	if (!err)
		err = json_set_number(o, "code", e->code);
	if (!err)
		err = json_set_string(o, "error", e->name);
	return err ? err : json_set_number(o, "calls", e->calls);
}

/* The sizes that occurred. */
static int set_sizes(json_t *o, const struct profile_copy *c)
{
	json_t *sizes = json_array();
	int err = sizes ? 0 : -ENOMEM;

	for (unsigned int i = 0; !err && i < PROFILE_SIZES; i++) {
		json_t *size;

		if (!c->sizes[i])
			continue;
		size = json_object();
		err = size ? JSON_SET_NUMBERS(size, { "up_to_bytes", 1ULL << i },
					      { "calls", c->sizes[i] })
			   : -ENOMEM;
		/* Takes it, also where it fails. */
		if (json_array_append_new(sizes, size))
			err = -ENOMEM;
	}
	if (err) {
		json_decref(sizes);
		return err;
	}
	return json_set(o, "sizes", sizes);
}

int json_fill_copy(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_copy *c = &p->copies[i];
	int err = json_set_number(o, "pid", c->pid);

	if (!err)
		err = json_set_string(o, "kind", c->kind);
	if (!err)
		err = JSON_SET_NUMBERS(o, { "calls", c->calls }, { "bytes", c->bytes },
				       { "wall_ns", if_returns(p, c->wall_ns) });
	return err ? err : set_sizes(o, c);
}

int json_fill_stream(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_stream *s = &p->streams[i];
	int err = json_set_number(o, "pid", s->pid);

	if (!err)
		err = json_set_string(o, "stream", s->name);
	return err ? err
		   : JSON_SET_NUMBERS(o, { "calls", s->calls }, { "launches", s->launches },
				      { "copies", s->copies }, { "bytes", s->bytes },
				      { "wall_ns", if_returns(p, s->wall_ns) },
				      { "syncs", s->syncs },
				      { "sync_ns", if_returns(p, s->sync_ns) });
}

int json_fill_launch(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_launch *l = &p->launches[i];
	int err = json_set_number(o, "pid", l->pid);

	if (!err)
		err = JSON_SET_TEXTS(o, { "kernel", l->kernel }, { "site", l->site });
	if (!err)
		err = json_set(o, "graph", json_boolean(l->graph));
	return err ? err
		   : JSON_SET_NUMBERS(o, { "calls", l->calls },
				      { "errors", if_returns(p, l->errors) },
				      { "wall_ns", if_returns(p, l->wall_ns) },
				      { "gaps", if_returns(p, l->gaps) },
				      { "gap_ns", if_returns(p, l->gap_ns) });
}

int json_fill_launcher(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_launcher *l = &p->launchers[i];
	int err = json_set_thread(o, &p->threads[l->thread]);

	return err ? err
		   : JSON_SET_NUMBERS(o, { "launches", l->launches },
				      { "wall_ns", if_returns(p, l->wall_ns) },
				      { "gaps", if_returns(p, l->gaps) },
				      { "gap_ns", if_returns(p, l->gap_ns) },
				      { "gap_p50_ns", if_returns(p, l->gap_p50_ns) },
				      { "gap_p95_ns", if_returns(p, l->gap_p95_ns) },
				      { "gap_p99_ns", if_returns(p, l->gap_p99_ns) },
				      { "gap_max_ns",
					l->gaps ? if_returns(p, l->gap_max_ns) : PROFILE_UNKNOWN });
}

int json_fill_memory(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_memory *m = &p->memory[i];
	int err = json_set_number(o, "pid", m->pid);

	if (!err)
		err = json_set_string(o, "kind", m->kind);
	return err ? err
		   : JSON_SET_NUMBERS(o, { "allocations", m->allocations }, { "frees", m->frees },
				      { "bytes", m->bytes }, { "live", m->live },
				      { "live_bytes", m->live_bytes },
				      { "peak_bytes", m->peak_bytes },
				      { "unknown_frees", m->unknown_frees });
}

int json_fill_allocation(const struct profile *p, size_t i, json_t *o)
{
	const struct profile_allocation *a = &p->allocations[i];
	int err = json_set_number(o, "pid", a->pid);

	if (!err)
		err = JSON_SET_TEXTS(o, { "kind", a->kind }, { "call", a->call });
	if (!err)
		err = JSON_SET_NUMBERS(o, { "allocations", a->allocations }, { "bytes", a->bytes },
				       { "live", a->live }, { "live_bytes", a->live_bytes });
	return err ? err : json_set_strings(o, "frames", a->frames, a->frames_n);
}
