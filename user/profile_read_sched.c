/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From JSON: threads, what they waited for, and the scheduler's parts. */
#include <errno.h>
#include <string.h>
#include "profile_read_part.h"

/* --- threads --- */

static const struct read_field thread_fields[] = {
	READ_FIELD(READ_ID, profile_thread, pid, "pid"),
	READ_FIELD(READ_MAY_ID, profile_thread, tid, "tid"),
	READ_FIELD(READ_NAME, profile_thread, comm, "comm"),
	READ_FIELD(READ_NAME, profile_thread, process, "process"),
	READ_FIELD(READ_ID, profile_thread, merged, "merged"),
	READ_FIELD(READ_COUNT, profile_thread, start_ns, "start_ns"),
	READ_FIELD(READ_COUNT, profile_thread, wall_ns, "wall_ns"),
	READ_FIELD(READ_COUNT, profile_thread, state_ns[PROFILE_ON_CPU], "on_cpu_ns"),
	READ_FIELD(READ_COUNT, profile_thread, state_ns[PROFILE_BLOCKED], "blocked_ns"),
	READ_FIELD(READ_COUNT, profile_thread, call_ns, "gpu_call_ns"),
	READ_FIELD(READ_COUNT, profile_thread, voluntary, "voluntary_switches"),
	READ_FIELD(READ_COUNT, profile_thread, involuntary, "involuntary_switches"),
	READ_FIELD(READ_COUNT, profile_thread, migrations, "migrations"),
	READ_FIELD(READ_KNOWN, profile_thread, major_faults, "major_faults"),
	READ_FIELD(READ_TEXT, profile_thread, stolen_by, "preempted_most_by"),
	READ_FIELD(READ_KNOWN, profile_thread, stolen_ns, "preempted_most_ns"),
	READ_FIELD(READ_BOOL, profile_thread, kthread, "kthread"),
	READ_FIELD(READ_BOOL, profile_thread, ended, "ended"),
};

static int read_queue(struct reader *r, const json_t *o, struct profile_thread *t)
{
	const json_t *by;
	uint64_t preempted = 0;
	int err = read_object(r, o, "run_queue_by", &by);

	if (!err && !by)
		return read_fault(r, "run_queue_by", "missing");
	if (!err)
		err = read_number(r, by, "woken", READ_COUNT, &t->state_ns[PROFILE_WOKEN]);
	if (!err)
		err = read_number(r, by, "preempted", READ_COUNT, &preempted);
	if (!err)
		err = read_number(r, by, "throttled", READ_COUNT, &t->throttled_ns);
	t->state_ns[PROFILE_PREEMPTED] = preempted + t->throttled_ns;
	return err;
}

/* What else reads profiles relies on these sums. */
static int check_sums(struct reader *r, const struct profile_thread *t)
{
	uint64_t wall = 0, blocked = 0;

	for (int s = 0; s < PROFILE_STATES; s++)
		wall += t->state_ns[s];
	for (int c = 0; c < CAUSES; c++)
		blocked += t->blocked_by_ns[c];
	if (wall != t->wall_ns)
		return read_fault(r, "wall_ns", "not the sum of its states");
	if (blocked != t->state_ns[PROFILE_BLOCKED])
		return read_fault(r, "blocked_ns", "not the sum of its causes");
	return 0;
}

static int thread_row(struct reader *r, const json_t *o, size_t i, void *row)
{
	struct profile_thread *t = row;
	int err = read_queue(r, o, t);

	if (!err)
		err = read_causes(r, o, t->blocked_by_ns);
	if (!err)
		err = check_sums(r, t);
	t->serial = i + 1;
	if (!t->stolen_by || t->stolen_ns == PROFILE_UNKNOWN) {
		t->stolen_by = NULL;
		t->stolen_ns = 0;
	}
	return err;
}

const struct read_part read_threads = {
	"threads",
	sizeof(struct profile_thread),
	offsetof(struct profile, threads),
	offsetof(struct profile, threads_n),
	READ_FIELDS(thread_fields),
	thread_row,
};

/* --- waits --- */

static const struct read_field wait_fields[] = {
	READ_FIELD(READ_ID, profile_wait, pid, "pid"),
	READ_FIELD(READ_NAME, profile_wait, process, "process"),
	READ_FIELD(READ_TEXT, profile_wait, frame, "frame"),
	READ_FIELD(READ_COUNT, profile_wait, blocked_ns, "blocked_ns"),
	READ_FIELD(READ_KNOWN, profile_wait, waits, "waits"),
};

/* A kind that this infbpf does not know is one of its cause that is. */
static enum wait_kind kind_of(const char *kind, const char *cause)
{
	for (unsigned int k = KIND_NONE + 1; k < KINDS; k++)
		if (!strcmp(wait_kind_name(k), kind))
			return k;
	for (unsigned int k = KIND_NONE + 1; cause && k < KINDS; k++)
		if (!strcmp(wait_cause_name(wait_kind_cause(k)), cause))
			return k;
	return KIND_OTHER;
}

static int wait_row(struct reader *r, const json_t *o, size_t i, void *row)
{
	struct profile_wait *w = row;
	const char *kind, *cause = NULL;
	int err = read_text(r, o, "kind", READ_NAME, &kind);

	(void)i;
	if (!err)
		err = read_text(r, o, "cause", READ_TEXT, &cause);
	if (!err)
		w->kind = kind_of(kind, cause);
	return err;
}

const struct read_part read_waits = {
	"waits",
	sizeof(struct profile_wait),
	offsetof(struct profile, waits),
	offsetof(struct profile, waits_n),
	READ_FIELDS(wait_fields),
	wait_row,
};

/* --- who had the CPU --- */

static const struct read_field steal_fields[] = {
	READ_FIELD(READ_MAY_ID, profile_steal, pid, "pid"),
	READ_FIELD(READ_TEXT, profile_steal, process, "process"),
	READ_FIELD(READ_MAY_ID, profile_steal, by_pid, "by_pid"),
	READ_FIELD(READ_TEXT, profile_steal, by_comm, "by_comm"),
	READ_FIELD(READ_BOOL, profile_steal, by_kthread, "by_kthread"),
	READ_FIELD(READ_COUNT, profile_steal, waits, "waits"),
	READ_FIELD(READ_COUNT, profile_steal, wall_ns, "wall_ns"),
};

static int steal_row(struct reader *r, const json_t *o, size_t i, void *row)
{
	struct profile_steal *s = row;
	const char *how;
	int err = read_text(r, o, "how", READ_TEXT, &how);

	(void)i;
	s->behind = !err && how && !strcmp(how, "behind");
	return err;
}

const struct read_part read_steals = {
	"preempted_by",
	sizeof(struct profile_steal),
	offsetof(struct profile, steals),
	offsetof(struct profile, steals_n),
	READ_FIELDS(steal_fields),
	steal_row,
};

/* --- who woke --- */

static const struct read_field waker_fields[] = {
	READ_FIELD(READ_ID, profile_waker, by_pid, "by_pid"),
	READ_FIELD(READ_ID, profile_waker, by_tid, "by_tid"),
	READ_FIELD(READ_NAME, profile_waker, by_comm, "by_comm"),
	READ_FIELD(READ_BOOL, profile_waker, by_kthread, "by_kthread"),
	READ_FIELD(READ_BOOL, profile_waker, by_interrupt, "by_interrupt"),
	READ_FIELD(READ_COUNT, profile_waker, blocked_ns, "blocked_ns"),
};

static int waker_row(struct reader *r, const json_t *o, size_t i, void *row)
{
	struct profile_waker *w = row;
	uint16_t kernel_n;
	int err = read_thread(r, o, &w->thread, &w->serial);

	(void)i;
	w->known = true;
	if (!err)
		err = read_strings(r, o, "frames", &w->frames, &w->frames_n, &kernel_n);
	if (!err)
		w->user_n = w->frames_n - kernel_n;
	return err;
}

const struct read_part read_wakers = {
	"woken_by",
	sizeof(struct profile_waker),
	offsetof(struct profile, wakers),
	offsetof(struct profile, wakers_n),
	READ_FIELDS(waker_fields),
	waker_row,
};
const struct read_part read_waker_stacks = {
	"wakers",
	sizeof(struct profile_waker),
	offsetof(struct profile, waker_stacks),
	offsetof(struct profile, waker_stacks_n),
	READ_FIELDS(waker_fields),
	waker_row,
};

/* --- CPUs --- */

static const struct read_field cpu_fields[] = {
	READ_FIELD(READ_ID, profile_cpu, cpu, "cpu"),
	READ_FIELD(READ_KNOWN, profile_cpu, busy_ns, "busy_ns"),
	READ_FIELD(READ_KNOWN, profile_cpu, target_ns, "target_ns"),
	READ_FIELD(READ_KNOWN, profile_cpu, idle_ns, "idle_ns"),
	READ_FIELD(READ_KNOWN, profile_cpu, steal_ns, "steal_ns"),
};
const struct read_part read_cpus = {
	"cpus",
	sizeof(struct profile_cpu),
	offsetof(struct profile, cpus),
	offsetof(struct profile, cpus_n),
	READ_FIELDS(cpu_fields),
	NULL,
};

/* --- stacks that switch most --- */

static const struct read_field switches_fields[] = {
	READ_FIELD(READ_COUNT, profile_switches, voluntary, "voluntary"),
	READ_FIELD(READ_COUNT, profile_switches, involuntary, "involuntary"),
	READ_FIELD(READ_COUNT, profile_switches, error, "error"),
	READ_FIELD(READ_COUNT, profile_switches, wait_ns, "wall_ns"),
};

static int switches_row(struct reader *r, const json_t *o, size_t i, void *row)
{
	struct profile_switches *s = row;
	uint16_t kernel_n;
	uint64_t serial;
	int err = read_thread(r, o, &s->thread, &serial);

	(void)i;
	if (!err)
		err = read_strings(r, o, "frames", &s->frames, &s->frames_n, &kernel_n);
	if (!err)
		s->user_n = s->frames_n - kernel_n;
	return err;
}

const struct read_part read_switches = {
	"switches",
	sizeof(struct profile_switches),
	offsetof(struct profile, switches),
	offsetof(struct profile, switches_n),
	READ_FIELDS(switches_fields),
	switches_row,
};
