// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Stages, spans and marks: from the kernel side's records and maps to the profile. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <bpf/bpf.h>
#include "collect_private.h"
#include "text.h"

#define PAGE	    4096
#define NAME_UNREAD "?"
#define NAME_MORE   "(other names)"

/* --- names --- */

/* As a frame. What ends a line tells how a thread waited: no stage may pass for it. */
static const char *frame_of(struct collect *c, const char *name)
{
	const bool taken = !strncmp(name, "blocked: ", 9) || !strcmp(name, "run queue");
	char frame[TEXT_UTF8_SIZE(STAGE_NAME) + 16];

	snprintf(frame, sizeof(frame), "[%s%s]", taken ? "stage " : "", name);
	return profile_string(c->profile, frame);
}

/* A name that nobody had touched in its process: reading it there faults its page in. "?": the process
 * is gone. */
static void name_read(const struct stage_address *key, char out[STAGE_NAME])
{
	const size_t first = PAGE - key->address % PAGE;
	const size_t n = first < STAGE_NAME ? first : STAGE_NAME;
	const struct iovec local = { out, STAGE_NAME }, remote[2] = {
		{ (void *)(uintptr_t)key->address, n },
		{ (void *)(uintptr_t)(key->address + n), STAGE_NAME - n },
	};

	if (process_vm_readv((pid_t)key->tgid, &local, 1, remote, n < STAGE_NAME ? 2 : 1, 0) <= 0)
		snprintf(out, STAGE_NAME, "%s", NAME_UNREAD);
}

static int name_add(struct collect *c, __u32 number, const char *raw)
{
	struct collect_stage_name *n = &c->stage_names[number];
	char name[TEXT_UTF8_SIZE(STAGE_NAME)];

	text_name(raw, name, sizeof(name));
	n->name = profile_string(c->profile, name);
	n->frame = frame_of(c, name);
	return n->name && n->frame ? 0 : -ENOMEM;
}

/* Reads those that came since. */
static int names_refresh(struct collect *c)
{
	const int fd = c->options.stage_names_fd;
	/* (As a struct stage_address it holds numbers of 8 bytes.) */
	struct stage_name key __attribute__((aligned(8))), *previous = NULL;
	char raw[STAGE_NAME];
	__u32 name;
	int err = 0;

	if (!c->stage_names[STAGE_NAME_UNREAD].name)
		err = name_add(c, STAGE_NAME_UNREAD, NAME_UNREAD);
	if (!err && !c->stage_names[STAGE_NAME_MORE].name)
		err = name_add(c, STAGE_NAME_MORE, NAME_MORE);
	while (!err && fd > 0 && !bpf_map_get_next_key(fd, previous, &key)) {
		previous = &key;
		if (bpf_map_lookup_elem(fd, &key, &name) ||
		    STAGE_NAME_NUMBER(name) >= STAGE_NAMES ||
		    c->stage_names[STAGE_NAME_NUMBER(name)].name)
			continue;
		memcpy(raw, key.name, sizeof(raw));
		if (name & STAGE_NAME_LATER)
			name_read((const struct stage_address *)&key, raw);
		raw[STAGE_NAME - 1] = '\0';
		err = name_add(c, STAGE_NAME_NUMBER(name), raw);
	}
	return err;
}

/* -EINVAL: there is no such number. */
static int name_get(struct collect *c, __u32 of, const struct collect_stage_name **out)
{
	__u32 number = STAGE_NAME_NUMBER(of);
	int err = 0;

	if (number == STAGE_NAME_NONE || number >= STAGE_NAMES)
		return -EINVAL;
	if (!c->stage_names[number].name)
		err = names_refresh(c);
	/* (A thread has taken the number and not come to write it.) */
	if (!err && !c->stage_names[number].name)
		number = STAGE_NAME_UNREAD;
	*out = &c->stage_names[number];
	return err;
}

size_t collect_stage_frames(struct collect *c, const __u16 stages[STAGE_FRAMES],
			    const char *frames[STAGE_FRAMES])
{
	const struct collect_stage_name *name;
	size_t n = 0;

	while (n < STAGE_FRAMES && stages[n] && !name_get(c, stages[n], &name))
		frames[n++] = name->frame;
	return n;
}

/* --- times --- */

static uint64_t at_most(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Blocked time by cause sums to less where the kernel hid a switch from the handlers, and to more where
 * it was told late. */
static void split_causes(struct profile_split *split, const struct stage_times *t)
{
	uint64_t left = split->blocked_ns;

	for (int i = 0; i < STAGE_CAUSES; i++) {
		split->blocked_by_ns[i] = i == CAUSE_NONE ? 0 : at_most(t->by_ns[i], left);
		left -= split->blocked_by_ns[i];
	}
	split->blocked_by_ns[CAUSE_OTHER] += left;
}

static void split_fill(const struct collect *c, struct profile_split *split,
		       const struct stage_times *t)
{
	split->on_cpu_ns = t->on_cpu_ns;
	split->run_queue_ns = t->run_queue_ns;
	split->blocked_ns = t->blocked_ns;
	split->wall_ns = t->on_cpu_ns + t->run_queue_ns + t->blocked_ns;
	split->throttled_ns = at_most(t->throttled_ns, t->run_queue_ns);
	split->calls_ns =
		c->options.entries_only ? PROFILE_UNKNOWN : at_most(t->calls_ns, split->wall_ns);
	split_causes(split, t);
}

/* --- what comes through the ring --- */

/* What happened in infbpf's own name before the command's exec. */
static bool before_command(const struct collect *c, __u32 tgid, __u32 image)
{
	return tgid == c->options.command_tgid && image == 0;
}

int collect_span(struct collect *c, const struct rec_span *r)
{
	const uint64_t t0 = c->options.t_begin_ns;
	const struct collect_stage_name *name;
	struct profile_span s = {
		.pid = r->tgid,
		.tid = r->tid,
		.kind = r->kind == STAGE_IS_PASS ? SPAN_PASS : SPAN_STAGE,
		.depth = (uint8_t)r->depth,
		.id = r->id,
		.parent = r->parent,
		.request = r->request,
		.group = r->group,
		.requests = r->requests,
		.tokens = r->tokens,
		.padded = r->padded,
	};
	int err;

	if (before_command(c, r->tgid, r->image))
		return 0;
	if (r->begin_ns < t0 || r->end_ns < r->begin_ns)
		return -EINVAL;
	err = name_get(c, r->name, &name);
	if (err)
		return err;
	s.name = name->name;
	s.begin_ns = r->begin_ns - t0;
	s.end_ns = r->end_ns - t0;
	split_fill(c, &s.split, &r->times);
	return profile_add_span(c->profile, &s);
}

int collect_mark(struct collect *c, const struct rec_mark *r)
{
	static const uint8_t kinds[MARK_WHATS] = {
		[MARK_REQUEST_BEGIN] = EVENT_REQUEST_BEGIN, [MARK_REQUEST_END] = EVENT_REQUEST_END,
		[MARK_REQUEST_DROP] = EVENT_REQUEST_DROP,   [MARK_WAIT_BEGIN] = EVENT_WAIT_BEGIN,
		[MARK_WAIT_END] = EVENT_WAIT_END,	    [MARK_PASS_MEMBER] = EVENT_PASS_MEMBER,
		[MARK_GROUP_LEAVE] = EVENT_GROUP_LEAVE,
	};
	const int64_t t0 = (int64_t)c->options.t_begin_ns;
	const struct collect_stage_name *name;
	struct profile_event e = {
		.pid = r->tgid,
		.tid = r->tid,
		.request = r->request,
		.group = r->group,
		.pass = r->pass,
		.time_ns = (int64_t)r->time_ns - t0,
		.value = (int64_t)r->value,
		.value2 = (int64_t)r->value2,
	};
	int err = 0;

	if (r->what == MARK_NONE)
		return name_get(c, r->name, &name);
	if (r->what < MARK_REQUEST_BEGIN || r->what >= MARK_WHATS)
		return -EINVAL;
	if (before_command(c, r->tgid, r->image))
		return 0;
	e.kind = kinds[r->what];
	if (r->what == MARK_REQUEST_BEGIN)
		e.value = r->value ? (int64_t)r->value - t0 : e.time_ns;
	if (r->name) {
		err = name_get(c, r->name, &name);
		e.name = err ? NULL : name->name;
	}
	if (!err && e.name && r->request & STAGE_RANGE_BIT)
		return collect_range(c, r, e.name);
	return err ? err : profile_add_event(c->profile, &e);
}

/* --- the map --- */

static int on_stage(struct collect *c, void *k, void *v)
{
	const struct stage_rec_key *key = k;
	const struct collect_stage_name *name;
	const struct stage_rec *r = v;
	struct profile_stage s = {
		.pid = key->tgid,
		.process = collect_process_name(c, key->tgid),
		.source = (uint8_t)key->source,
		.count = r->count,
		.abandoned = r->abandoned,
		.open_at_end = r->open_at_end,
		.times = { .max_ns = r->max_ns },
	};
	int err = name_get(c, key->name, &name);

	if (err)
		return err;
	if (before_command(c, key->tgid, key->image) ||
	    (!r->count && !r->abandoned && !r->open_at_end))
		return 0;
	s.name = name->name;
	split_fill(c, &s.split, &r->sum);
	return profile_add_stage(c->profile, &s, r->hist);
}

int collect_stage_map(struct collect *c, int map_fd, int recs_fd)
{
	struct stage_rec_key key;
	struct stage_rec value;

	return collect_each(c, map_fd, recs_fd, &key, &value, on_stage);
}
