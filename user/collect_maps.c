// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel side's maps, read once after the window has closed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include "collect_private.h"
#include "cuda.h"

int collect_each(struct collect *c, int map_fd, int recs_fd, void *key, void *value,
		 int (*fn)(struct collect *, void *key, void *value))
{
	void *previous = NULL;
	__u32 place;
	int err;

	while (!bpf_map_get_next_key(map_fd, previous, key)) {
		previous = key;
		if (bpf_map_lookup_elem(map_fd, key, recs_fd < 0 ? value : &place))
			continue;
		if (recs_fd >= 0 && (!place-- || bpf_map_lookup_elem(recs_fd, &place, value)))
			continue;
		err = fn(c, key, value);
		if (err)
			return err;
	}
	return 0;
}

static int on_wait_entry(struct collect *c, void *k, void *v)
{
	const struct wait_key *key = k;
	const struct wait_slot *slot = v;

	return profile_add_wait(c->profile, key->serial, key->syscall, key->flags, slot->ns,
				slot->count);
}

int collect_waits(struct collect *c, int map_fd)
{
	struct wait_slot value;
	struct wait_key key;

	return collect_each(c, map_fd, -1, &key, &value, on_wait_entry);
}

static int on_call_entry(struct collect *c, void *k, void *v)
{
	const struct call_key *key = k;

	return collect_thread_call(c, key->serial, v);
}

int collect_thread_calls(struct collect *c, int map_fd)
{
	struct call_slot value;
	struct call_key key;

	return collect_each(c, map_fd, -1, &key, &value, on_call_entry);
}

/* One (process image, call): kinds of copy merged, histograms added. */
struct api_sum {
	struct api_key key;
	struct api_rec rec;
	struct api_sum *next;
};

static int api_sum_add(struct api_sums *sums, const struct api_key *key, const struct api_rec *r)
{
	struct api_sum *s;

	for (s = sums->first; s; s = s->next)
		if (s->key.tgid == key->tgid && s->key.call == key->call &&
		    s->key.inside == key->inside)
			break;
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return -ENOMEM;
		s->key = *key;
		s->next = sums->first;
		sums->first = s;
	}
	s->rec.calls += r->calls;
	s->rec.errors += r->errors;
	s->rec.bytes += r->bytes;
	s->rec.on_cpu_ns += r->on_cpu_ns;
	s->rec.run_queue_ns += r->run_queue_ns;
	s->rec.blocked_ns += r->blocked_ns;
	s->rec.voluntary += r->voluntary;
	s->rec.involuntary += r->involuntary;
	s->rec.waited += r->waited;
	s->rec.blocked_calls += r->blocked_calls;
	s->rec.spun += r->spun;
	s->rec.abandoned += r->abandoned;
	s->rec.open_at_start += r->open_at_start;
	if (r->max_ns > s->rec.max_ns)
		s->rec.max_ns = r->max_ns;
	for (size_t i = 0; i < HIST_BUCKETS; i++)
		s->rec.hist[i] += r->hist[i];
	return 0;
}

/* Its last name: what it was called before an exec came first. */
const char *collect_process_name(const struct collect *c, uint32_t pid)
{
	for (size_t i = c->profile->threads_n; i-- > 0;)
		if (c->profile->threads[i].pid == pid)
			return c->profile->threads[i].process;
	return "?";
}

static uint64_t api_wall_ns(const struct api_rec *r)
{
	return r->on_cpu_ns + r->run_queue_ns + r->blocked_ns;
}

/* Nobody saw how long a call took, or how it ended. */
static void call_lengths_unknown(struct profile_call *call)
{
	uint64_t *const fields[] = { &call->errors,	   &call->abandoned,  &call->open_at_start,
				     &call->open_at_end,   &call->wall_ns,    &call->on_cpu_ns,
				     &call->run_queue_ns,  &call->blocked_ns, &call->voluntary,
				     &call->involuntary,   &call->max_ns,     &call->p50_ns,
				     &call->p95_ns,	   &call->p99_ns,     &call->waited,
				     &call->blocked_calls, &call->spun };

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		*fields[i] = PROFILE_UNKNOWN;
}

static int add_api(struct collect *c, const struct api_sum *s)
{
	const struct cuda_call *row = &cuda_calls[s->key.call - 1];
	struct profile_call call = { 0 };
	struct api_extra *extra = NULL;

	call.pid = s->key.tgid;
	call.process = collect_process_name(c, s->key.tgid);
	call.name = row->name;
	call.api = cuda_api_name(row->api);
	call.group = cuda_group_name(row->group);
	call.inside = cuda_call_name(s->key.inside);
	call.is_sync = row->what == CALL_SYNC;
	call.is_async_copy = row->what == CALL_ASYNC_COPY;
	call.calls = s->rec.calls;
	call.errors = s->rec.errors;
	call.bytes = s->rec.bytes;
	call.abandoned = s->rec.abandoned;
	call.open_at_start = s->rec.open_at_start;
	if (!s->key.inside) {
		extra = collect_extra(c, s->key.tgid, s->key.call);
		if (!extra)
			return -ENOMEM;
		call.abandoned += extra->abandoned;
		call.open_at_end = extra->open_at_end;
	}
	call.wall_ns = api_wall_ns(&s->rec);
	call.on_cpu_ns = s->rec.on_cpu_ns;
	call.run_queue_ns = s->rec.run_queue_ns;
	call.blocked_ns = s->rec.blocked_ns;
	call.voluntary = s->rec.voluntary;
	call.involuntary = s->rec.involuntary;
	call.waited = s->rec.waited;
	call.blocked_calls = s->rec.blocked_calls;
	call.spun = s->rec.spun;
	call.max_ns = s->rec.calls ? s->rec.max_ns : PROFILE_UNKNOWN;
	call.p50_ns = hist_quantile(s->rec.hist, 0.50, s->rec.max_ns);
	call.p95_ns = hist_quantile(s->rec.hist, 0.95, s->rec.max_ns);
	call.p99_ns = hist_quantile(s->rec.hist, 0.99, s->rec.max_ns);
	if (c->options.entries_only)
		call_lengths_unknown(&call);
	return profile_add_call(c->profile, &call);
}

static int on_api(struct collect *c, void *k, void *v)
{
	const struct api_key *key = k;

	return cuda_call_name(key->call) ? api_sum_add(&c->sums, key, v) : 0;
}

int collect_apis(struct collect *c, int map_fd, int recs_fd)
{
	struct api_sum *s, *next;
	struct api_rec value;
	struct api_key key;
	int err = collect_each(c, map_fd, recs_fd, &key, &value, on_api);

	/* Calls that are only ever open have no record of their own. */
	memset(&value, 0, sizeof(value));
	for (size_t i = 0; i < c->extras_n && !err; i++) {
		key = (struct api_key){ .tgid = c->extras[i].tgid, .call = c->extras[i].call };
		err = api_sum_add(&c->sums, &key, &value);
	}
	for (s = c->sums.first; s; s = next) {
		next = s->next;
		if (!err)
			err = add_api(c, s);
		free(s);
	}
	c->sums.first = NULL;
	return err;
}

static int on_ended_entry(struct collect *c, void *k, void *v)
{
	const struct ended_key *key = k;
	const struct ended_rec *r = v;
	struct profile_thread t = { 0 };
	char comm[INFBPF_COMM + 1] = "";

	memcpy(comm, key->comm, sizeof(key->comm));
	t.serial = PROFILE_NAMELESS | c->threads++; /* its stacks are not kept apart */
	t.pid = key->tgid;
	t.process = collect_process_name(c, key->tgid);
	t.comm = comm;
	t.merged = r->threads;
	t.ended = true;
	t.wall_ns = r->wall_ns;
	t.state_ns[PROFILE_ON_CPU] = r->times.on_cpu_ns;
	t.state_ns[PROFILE_WOKEN] = r->times.woken_ns;
	t.state_ns[PROFILE_PREEMPTED] = r->times.preempted_ns;
	t.state_ns[PROFILE_BLOCKED] = r->times.blocked_ns;
	t.voluntary = r->times.voluntary;
	t.involuntary = r->times.involuntary;
	t.migrations = r->times.migrations;
	t.major_faults = PROFILE_UNKNOWN;
	t.throttled_ns = r->times.throttled_ns;
	return profile_add_thread(c->profile, &t, c->options.max_threads);
}

int collect_ended(struct collect *c, int map_fd)
{
	struct ended_rec value;
	struct ended_key key;

	return collect_each(c, map_fd, -1, &key, &value, on_ended_entry);
}
