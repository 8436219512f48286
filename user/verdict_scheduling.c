/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules: who waits for whom on the CPU side. */
#include <string.h>
#include "format.h"
#include "text.h"
#include "verdict_private.h"

#define NAME_SIZE TEXT_UTF8_SIZE(64)

/* --- queues --- */

/* Rows a pass on average, of the passes that there are most of. */
static void say_batches(struct verdict_ruling *r, const struct verdict_facts *f)
{
	const struct profile_pass *most = NULL;
	char n[FORMAT_SIZE];
	size_t largest = 0;

	for (size_t i = 0; i < f->requests->passes_n; i++)
		if (!most || f->requests->passes[i].count > most->count)
			most = &f->requests->passes[i];
	if (!most || !most->count)
		return;
	for (size_t i = 0; i < PROFILE_BATCHES; i++)
		largest = most->sizes[i] ? i : largest;
	verdict_say(r, "%s: %s passes of %.2f requests on average, %zu at most", most->name,
		    format_count(n, most->count), (double)most->requests / (double)most->count,
		    largest);
}

void rule_queue_before_batch(const struct verdict_facts *f, struct verdict_ruling *r)
{
	char a[FORMAT_SIZE], b[FORMAT_SIZE], name[NAME_SIZE];

	/* Behind others it is the passes that are slow, not the queue. */
	r->ns = f->queue_pass - f->queue_pass_behind - f->queue_pass_woken;
	if (!f->longest_queue_pass)
		return;
	verdict_say_share(r, f, r->ns, "waiting for a batch although it could have begun");
	verdict_say(r, "\"%s\": p50 %s, p95 %s",
		    text_shown(f->longest_queue_pass->name, name, sizeof(name)),
		    format_duration(a, f->longest_queue_pass->times.p50_ns),
		    format_duration(b, f->longest_queue_pass->times.p95_ns));
	verdict_say(r, "%s of the wait is behind passes of others",
		    format_percent(a, verdict_whole(f->queue_pass_behind),
				   verdict_whole(f->queue_pass)));
	say_batches(r, f);
}

/* A stage that takes less of the latency is not slow: where requests queue before it, it has too few
 * threads. */
#define SHORT_STAGE 0.1
static bool is_short(const struct verdict_facts *f, const struct profile_part *stage)
{
	return verdict_ns(stage->slow.wall_ns) < SHORT_STAGE * f->whole;
}

void rule_queue_before_stage(const struct verdict_facts *f, struct verdict_ruling *r)
{
	const struct profile_requests *q = f->requests;
	const struct profile_part *longest = NULL, *stage = NULL, *next;
	char a[FORMAT_SIZE], b[FORMAT_SIZE], name[NAME_SIZE], of[NAME_SIZE];
	double most = 0, all_behind = 0;

	for (size_t i = 0; i < q->parts_n; i++) {
		const double wall = verdict_ns(q->parts[i].slow.wall_ns);
		double behind, ns;

		if (q->parts[i].kind != PART_WAIT)
			continue;
		behind = verdict_behind(f, i, &next);
		if (!next || next->in_pass)
			continue;
		ns = wall - verdict_ns(q->parts[i].woken_slow_ns);
		ns -= is_short(f, next) ? 0 : behind;
		r->ns += ns;
		all_behind += behind;
		if (ns > most) {
			most = ns;
			longest = &q->parts[i];
			stage = next;
		}
	}
	if (!longest)
		return;
	verdict_say_share(r, f, r->ns, "waiting for a thread to take it on");
	verdict_say(r, "\"%s\": p50 %s, p95 %s", text_shown(longest->name, name, sizeof(name)),
		    format_duration(a, longest->times.p50_ns),
		    format_duration(b, longest->times.p95_ns));
	verdict_say(r, "\"%s\", which it waits for: p50 %s, p95 %s",
		    text_shown(stage->name, of, sizeof(of)),
		    format_duration(a, stage->times.p50_ns),
		    format_duration(b, stage->times.p95_ns));
	verdict_say_share(r, f, all_behind, "waiting while all threads of that stage are busy");
}

/* --- CPUs --- */

/* The same thread, or threads of one name of a process. */
static bool same_thief(const struct profile_steal *a, const struct profile_steal *b)
{
	return a->pid == b->pid && a->by_pid == b->by_pid && a->by_comm && b->by_comm &&
	       !strcmp(a->by_comm, b->by_comm);
}

/* Who had the CPU longest: there is a row for each way of getting it. own: threads of the process. */
static void say_thief(struct verdict_ruling *r, const struct verdict_facts *f, bool own)
{
	const struct profile_steal *most = NULL;
	uint64_t most_ns = 0, most_waits = 0;
	char a[FORMAT_SIZE], n[FORMAT_SIZE], name[NAME_SIZE];

	for (size_t i = 0; i < f->p->steals_n; i++) {
		const struct profile_steal *s = &f->p->steals[i];
		uint64_t ns = 0, waits = 0;

		if (s->pid != f->pid || (s->by_pid == f->pid) != own)
			continue;
		for (size_t k = i; k < f->p->steals_n; k++) {
			if (!same_thief(s, &f->p->steals[k]))
				continue;
			ns += f->p->steals[k].wall_ns;
			waits += f->p->steals[k].waits;
		}
		if (ns > most_ns) {
			most = s;
			most_ns = ns;
			most_waits = waits;
		}
	}
	if (most)
		verdict_say(
			r,
			"%s (%u) had the CPU for %s while threads of the process waited, %s times",
			text_shown(most->by_comm, name, sizeof(name)), most->by_pid,
			format_duration(a, most_ns), format_count(n, most_waits));
}

static uint64_t preempted_of(const struct profile_split *s)
{
	return verdict_whole(verdict_ns(s->run_queue_ns) - verdict_ns(s->throttled_ns));
}

void rule_preempted(const struct verdict_facts *f, struct verdict_ruling *r)
{
	const double queued =
		f->own.run_queue + f->behind.run_queue - f->own.throttled - f->behind.throttled;
	/* Its own threads' doing is that of those which spin, if any do; an emulated device's threads
	 * would not be there. */
	const double others = f->stolen_other + (verdict_spins(f) ? 0 : f->stolen_own);
	char a[FORMAT_SIZE];

	r->ns = queued * others;
	verdict_say_share(r, f, r->ns, "waiting for a CPU that others have");
	verdict_say_worst(r, f, preempted_of, "waiting for a CPU");
	say_thief(r, f, false);
	if (f->stolen_own > f->stolen_other)
		say_thief(r, f, true);
	if (f->cpus_busy >= 0)
		verdict_say(r, "the host's CPUs are %s busy",
			    format_percent(a, verdict_whole(f->cpus_busy * 1000), 1000));
}

static uint64_t throttled_of(const struct profile_split *s)
{
	return s->throttled_ns;
}

void rule_throttled(const struct verdict_facts *f, struct verdict_ruling *r)
{
	double all = 0;
	char a[FORMAT_SIZE], b[FORMAT_SIZE];

	r->ns = verdict_throttled(f);
	for (size_t i = 0; i < f->p->threads_n; i++)
		if (f->p->threads[i].pid == f->pid)
			all += verdict_ns(f->p->threads[i].throttled_ns);
	verdict_say_share(r, f, r->ns, "waiting because the cgroup's CPU quota is used up");
	verdict_say_worst(r, f, throttled_of, "throttled");
	verdict_say(r, "its threads were throttled for %s together, in %s",
		    format_duration(a, verdict_whole(all)), format_duration(b, f->p->duration_ns));
}

/* --- locks and stages --- */

static uint64_t lock_of(const struct profile_split *s)
{
	return s->blocked_by_ns[CAUSE_LOCK];
}

void rule_lock(const struct verdict_facts *f, struct verdict_ruling *r)
{
	char a[FORMAT_SIZE], b[FORMAT_SIZE];

	r->ns = verdict_blocked(f, CAUSE_LOCK);
	verdict_say_share(r, f, r->ns, "waiting for a lock within a stage");
	verdict_say_worst(r, f, lock_of, "waiting for a lock");
	if (f->behind.blocked_by[CAUSE_LOCK] > 0)
		verdict_say(
			r, "%s of %s is that in a request's own stages, %s behind others that wait",
			verdict_percent(f, f->own.blocked_by[CAUSE_LOCK], a), f->share_of,
			verdict_percent(f, f->behind.blocked_by[CAUSE_LOCK], b));
}

double verdict_own_cpu(const struct profile_split *s)
{
	const double calls = verdict_ns(s->calls_ns) - verdict_ns(s->blocked_by_ns[CAUSE_GPU_CALL]);
	const double cpu = verdict_ns(s->on_cpu_ns) - (calls > 0 ? calls : 0);

	return cpu > 0 ? cpu : 0;
}

/* Behind others in this stage, as far as they are on a CPU. */
static double behind_cpu(const struct verdict_facts *f, const struct profile_part *stage)
{
	const double wall = verdict_ns(stage->split.wall_ns);
	const struct profile_part *next;
	double behind = 0;

	if (is_short(f, stage))
		return 0;
	for (size_t i = 0; i < f->requests->parts_n; i++) {
		double ns;

		if (f->requests->parts[i].kind != PART_WAIT)
			continue;
		ns = verdict_behind(f, i, &next);
		behind += next == stage && !stage->in_pass ? ns : 0;
	}
	return wall > 0 ? behind * verdict_own_cpu(&stage->split) / wall : 0;
}

void rule_slow_stage(const struct verdict_facts *f, struct verdict_ruling *r)
{
	const struct profile_part *slowest = NULL;
	double own = 0, behind = 0;
	char a[FORMAT_SIZE], b[FORMAT_SIZE], name[NAME_SIZE];

	for (size_t i = 0; i < f->requests->parts_n; i++) {
		const struct profile_part *part = &f->requests->parts[i];
		const double cpu = verdict_own_cpu(&part->slow);

		/* Where the CPU mostly works for calls, what is between them is a matter of launching. */
		if (part->kind != PART_STAGE || cpu < verdict_ns(part->slow.calls_ns) ||
		    cpu + behind_cpu(f, part) <= own + behind)
			continue;
		slowest = part;
		own = cpu;
		behind = behind_cpu(f, part);
	}
	r->ns = own + behind;
	if (!slowest)
		return;
	text_shown(slowest->name, name, sizeof(name));
	verdict_say(r, "\"%s\": %s of %s on a CPU, outside of CUDA calls", name,
		    verdict_percent(f, own, a), f->share_of);
	if (behind > 0)
		verdict_say(r, "%s of %s is waiting while all threads of \"%s\" work on others",
			    verdict_percent(f, behind, a), f->share_of, name);
	verdict_say(r, "\"%s\": p50 %s, p95 %s", name, format_duration(a, slowest->times.p50_ns),
		    format_duration(b, slowest->times.p95_ns));
}

/* --- streams --- */

void rule_unbalanced_streams(const struct verdict_facts *f, struct verdict_ruling *r)
{
	const struct profile_stream *longest = NULL;
	uint64_t n = 0, launches = 0, waits = 0;
	char a[FORMAT_SIZE], b[FORMAT_SIZE];

	for (size_t i = 0; i < f->p->streams_n; i++) {
		const struct profile_stream *s = &f->p->streams[i];

		if (s->pid != f->pid || !s->launches || !s->syncs || s->sync_ns == PROFILE_UNKNOWN)
			continue;
		n++;
		launches += s->launches;
		waits += s->sync_ns;
		longest = !longest || s->sync_ns > longest->sync_ns ? s : longest;
	}
	/* The one with the most work is that which is waited for the longest, and has twice what an
	 * even share would be. */
	if (n < 2 || longest->launches * n < 2 * launches || longest->sync_ns * n < 2 * waits)
		return;
	r->ns = verdict_in_calls(f, GROUP_SYNC, STATE_BUSY) *
		((double)longest->sync_ns - (double)waits / (double)n) / (double)waits;
	verdict_say_share(r, f, r->ns, "waiting for one stream longer than for the others");
	verdict_say(r, "stream %s has %s of the launches of %s streams", longest->name,
		    format_percent(a, longest->launches, launches), format_count(b, n));
	verdict_say(r, "it is waited for %s of %s", format_duration(a, longest->sync_ns),
		    format_duration(b, waits));
}
