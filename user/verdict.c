/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The verdict: which rules hold, the heaviest first; then those that could not be judged. */
#include <errno.h>
#include <string.h>
#include "format.h"
#include "verdict_private.h"

#define SUBJECTS_MAX 8 /* processes that are judged: those with the most requests or launches */

struct judge {
	struct profile *p;
	struct verdict_facts facts;
	struct profile_verdict *rows;
	size_t n;
	/* The heaviest of the rules that do not hold. */
	const struct verdict_rule *nearest;
	double nearest_share;
};

/* --- one rule --- */

/* --gpu-calls chooses the groups. what: as in profile.not_measured. */
static const char *left_out(const struct profile *p, unsigned int needs)
{
	static const struct {
		unsigned int need;
		const char *what, *missing;
	} groups[] = {
		{ NEEDS_LAUNCH, "GPU launches", "launches: --gpu-calls leaves them out" },
		{ NEEDS_COPY, "GPU copies", "copies: --gpu-calls leaves them out" },
		{ NEEDS_SYNC, "GPU synchronisation",
		  "synchronising calls: --gpu-calls leaves them out" },
		{ NEEDS_ALLOC, "GPU memory", "allocations: --gpu-calls leaves them out" },
	};

	for (size_t g = 0; g < sizeof(groups) / sizeof(*groups); g++)
		for (size_t i = 0; i < p->not_measured_n; i++)
			if ((needs & groups[g].need) == groups[g].need &&
			    !strcmp(p->not_measured[i].what, groups[g].what))
				return groups[g].missing;
	return NULL;
}

/* What is not there to judge by; NULL: all is. */
static const char *missing(const struct verdict_facts *f, unsigned int needs)
{
	const struct profile *p = f->p;

	if ((needs & NEEDS_REQUESTS) && !f->requests)
		return p->stages_known ? "requests: none was marked in the window"
				       : "requests: no marks of them were probed";
	if ((needs & NEEDS_PASSES) && !f->requests->passes_n)
		return "passes of the model: none was marked";
	if ((needs & NEEDS_CALLS) && p->entries_only)
		return "lengths of CUDA calls: --returns none leaves them out";
	return left_out(p, needs);
}

static int own_evidence(struct judge *j, const struct verdict_ruling *r, struct profile_verdict *v)
{
	const char **own = profile_alloc(j->p, EVIDENCE_MAX * sizeof(*own));

	if (!own)
		return -ENOMEM;
	for (unsigned int i = 0; i < r->evidence_n; i++) {
		own[i] = profile_string(j->p, r->evidence[i]);
		if (!own[i])
			return -ENOMEM;
	}
	v->evidence = own;
	v->evidence_n = r->evidence_n;
	return 0;
}

static int add_row(struct judge *j, const struct verdict_rule *rule, const struct verdict_ruling *r,
		   double share)
{
	struct profile_verdict *v = &j->rows[j->n++];

	*v = (struct profile_verdict){
		.kind = rule->kind,
		.rule = rule->name,
		.pid = j->facts.pid,
		.process = j->facts.process,
		.share = share,
		.share_of = j->facts.share_of,
		.advice = rule->advice,
		.fix_at = rule->fix_at,
		.sure = r->missing ? "unknown"
			: r->sure  ? r->sure
				   : rule->sure,
		.missing = r->missing,
	};
	return own_evidence(j, r, v);
}

/* first: of the first process, for which alone it is told what could not be judged. */
static int judge_rule(struct judge *j, const struct verdict_rule *rule, bool first)
{
	const struct verdict_facts *f = &j->facts;
	struct verdict_ruling r = { 0 };
	double share;

	if ((rule->needs & NEEDS_CALLS) && (!f->p->runtime || !strcmp(f->p->runtime, "none")))
		return 0;
	r.missing = missing(f, rule->needs);
	if (r.missing)
		return first ? add_row(j, rule, &r, -1) : 0;
	if (f->whole <= 0 || ((rule->needs & NEEDS_CALLS) && !f->all_calls.calls))
		return 0;
	rule->judge(f, &r);
	share = r.ns / f->whole;
	share = share < 1 ? share : 1;
	if (share >= rule->from)
		return add_row(j, rule, &r, share);
	if (share > j->nearest_share) {
		j->nearest = rule;
		j->nearest_share = share;
	}
	return 0;
}

/* --- which processes --- */

static int judge_process(struct judge *j, uint32_t pid, const struct profile_requests *requests,
			 bool first)
{
	int err = 0;

	verdict_facts_fill(&j->facts, j->p, pid, requests);
	for (size_t i = 0; i < verdict_rules_n && !err; i++)
		err = judge_rule(j, &verdict_rules[i], first);
	return err;
}

/* Processes that launch, else the one that is busiest. */
static size_t find_processes(const struct profile *p, uint32_t *pids)
{
	uint64_t most = 0, busy = 0;
	size_t n = 0;

	for (size_t i = 0; i < p->launchers_n && n < SUBJECTS_MAX; i++) {
		const uint32_t pid = p->threads[p->launchers[i].thread].pid;
		size_t k = 0;

		while (k < n && pids[k] != pid)
			k++;
		if (k == n)
			pids[n++] = pid;
	}
	if (n)
		return n;
	/* Threads come by process. */
	for (size_t i = 0; i < p->threads_n; i++) {
		if (!i || p->threads[i].pid != p->threads[i - 1].pid)
			busy = 0;
		busy += profile_busy_ns(&p->threads[i]);
		if (busy > most) {
			most = busy;
			pids[0] = p->threads[i].pid;
			n = 1;
		}
	}
	return n;
}

static int judge_processes(struct judge *j)
{
	uint32_t pids[SUBJECTS_MAX];
	size_t n = 0, judged = 0;
	int err = 0;

	for (size_t i = 0; i < j->p->requests_n && judged < SUBJECTS_MAX && !err; i++)
		if (j->p->requests[i].count)
			err = judge_process(j, j->p->requests[i].pid, &j->p->requests[i],
					    !judged++);
	if (err || judged)
		return err;
	n = find_processes(j->p, pids);
	for (size_t i = 0; i < n && !err; i++)
		err = judge_process(j, pids[i], NULL, !i);
	return err;
}

/* --- none --- */

/* Where the time goes, if not to one thing. */
static void say_split(struct verdict_ruling *r, const struct verdict_facts *f)
{
	double blocked = 0;
	char cpu[FORMAT_SIZE], queue[FORMAT_SIZE], calls[FORMAT_SIZE], waits[FORMAT_SIZE],
		behind[FORMAT_SIZE];

	for (int c = 0; c < CAUSES; c++)
		blocked += f->own.blocked_by[c];
	if (f->whole <= 0)
		return;
	verdict_say(r, "%s: %s on a CPU, %s waiting for one, %s blocked; %s of all in CUDA calls",
		    f->share_of, verdict_percent(f, f->own.on_cpu, cpu),
		    verdict_percent(f, f->own.run_queue, queue), verdict_percent(f, blocked, waits),
		    verdict_percent(f, f->own.calls, calls));
	if (f->requests)
		verdict_say(
			r,
			"%s behind other requests, %s in queues that nobody worked on or not marked",
			verdict_percent(f, f->behind.wall, behind),
			verdict_percent(f, f->whole - f->own.wall - f->behind.wall, waits));
}

static int add_none(struct judge *j)
{
	static const struct verdict_rule none = {
		.name = "none",
		.kind = "none",
		.fix_at = "configuration",
		.sure = "measured",
		.advice =
			"no single cause stands out: look at the stages and the graph, or measure "
			"under the load that is too slow",
	};
	struct verdict_ruling r = { 0 };
	char share[FORMAT_SIZE], from[FORMAT_SIZE];

	say_split(&r, &j->facts);
	if (j->nearest)
		verdict_say(&r, "the largest single cause is %s: %s, named from %s on",
			    j->nearest->name,
			    format_percent(share, verdict_whole(j->nearest_share * 1000), 1000),
			    format_percent(from, verdict_whole(j->nearest->from * 1000), 1000));
	return add_row(j, &none, &r, j->nearest_share);
}

/* --- all --- */

/* Equal ones, and those that are not known, stay in the order of the table. There are few. */
static void sort_by_share(struct profile_verdict *rows, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		const struct profile_verdict v = rows[i];
		size_t to = i;

		for (; to && rows[to - 1].share < v.share; to--)
			rows[to] = rows[to - 1];
		rows[to] = v;
	}
}

int verdict_judge(struct profile *p)
{
	struct judge j = { .p = p };
	size_t known = 0;
	int err;

	/* "none" is one more. */
	j.rows = profile_alloc(p, (SUBJECTS_MAX * verdict_rules_n + 1) * sizeof(*j.rows));
	if (!j.rows)
		return -ENOMEM;
	err = judge_processes(&j);
	for (size_t i = 0; i < j.n; i++)
		known += !j.rows[i].missing;
	if (!err && !known)
		err = add_none(&j);
	if (err)
		return err;
	sort_by_share(j.rows, j.n);
	p->verdicts = j.rows;
	p->verdicts_n = j.n;
	return 0;
}
