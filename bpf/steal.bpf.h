/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who had the CPU while a thread waited for it: after a preemption, who ran next, or last, if a kernel
 * thread came first; after a wake-up, who ran before it, unless the CPU was idle.
 *
 * Context: sched_switch. Cost: of a preemption, a name copied; of a wait of 20 us and more, a slot in
 * the thread's storage, and an update of a map where a slot is taken over.
 */
#ifndef STEAL_BPF_H
#define STEAL_BPF_H

#include "infbpf.bpf.h"

static __always_inline u32 steal_kthread(const struct task_struct *task)
{
	return task->flags & PF_KTHREAD ? STEAL_KTHREAD : 0;
}

static __always_inline bool comm_equal(const char *a, const char *b)
{
	const u64 *x = (const u64 *)a, *y = (const u64 *)b;

	return x[0] == y[0] && x[1] == y[1];
}

/* A slot's time into the map. Threads of a process share entries. */
static __noinline int steal_flush(u32 tgid, const struct steal_slot *slot)
{
	struct steal_key key = {};
	struct steal_rec *r, rec = {};
	struct cpu_counts *c;

	if (!slot)
		return 0;
	key.tgid = tgid;
	key.by_tgid = slot->by_tgid;
	key.how = slot->how;
	__builtin_memcpy(key.by_comm, slot->by_comm, sizeof(key.by_comm));
	r = bpf_map_lookup_elem(&steals, &key);
	if (!r) {
		bpf_map_update_elem(&steals, &key, &rec, BPF_NOEXIST);
		r = bpf_map_lookup_elem(&steals, &key);
	}
	if (!r) {
		/* Full: the sum is kept. User space puts an entry for this in for every process. */
		key = (struct steal_key){};
		r = bpf_map_lookup_elem(&steals, &key);
	}
	if (r) {
		__sync_fetch_and_add(&r->ns, slot->ns);
		__sync_fetch_and_add(&r->waits, slot->waits);
		return 0;
	}
	c = cpu_counts();
	if (c)
		c->lost_map++;
	return 0;
}

static __always_inline void steal_add(struct task_state *ts, u32 by_tgid, u32 how, const char *comm,
				      u64 ns)
{
	struct steal_slot *s = NULL, *a = &ts->steals[0], *b = &ts->steals[1];

	if (a->how == how && a->by_tgid == by_tgid && comm_equal(a->by_comm, comm)) {
		a->ns += ns;
		a->waits++;
		return;
	}
	if (b->how == how && b->by_tgid == by_tgid && comm_equal(b->by_comm, comm)) {
		b->ns += ns;
		b->waits++;
		return;
	}
	/* The one who took more stays: the summary tells the thread's worst neighbour by it. */
	s = a->ns <= b->ns ? a : b;
	if (s->ns)
		steal_flush(ts->tgid, s);
	s->by_tgid = by_tgid;
	s->how = how;
	__builtin_memcpy(s->by_comm, comm, sizeof(s->by_comm));
	s->ns = ns;
	s->waits = 1;
}

/* Switched out while runnable: who takes over. next is idle where the thread was throttled. */
static __always_inline void steal_begin(struct task_state *ts, const struct task_struct *next)
{
	ts->next_tgid = next->tgid;
	ts->next_how = STEAL_PREEMPTED | steal_kthread(next);
	__builtin_memcpy(ts->next_comm, next->comm, sizeof(ts->next_comm));
}

/* A wait for a CPU has ended, of so much that was not throttled. prev: who ran until now. */
static __always_inline void steal_end(struct task_state *ts, bool preempted,
				      const struct task_struct *prev, u64 ns)
{
	char comm[INFBPF_COMM];

	if (ns < STEAL_MIN_NS)
		return;
	if (before_command(ts))
		return;
	/* A kernel thread that takes over runs for microseconds, as a rule: where somebody else ran last,
	 * the wait was for that one. */
	if (preempted && ts->next_tgid && !(ts->next_how & STEAL_KTHREAD && prev->pid)) {
		steal_add(ts, ts->next_tgid, ts->next_how, ts->next_comm, ns);
	} else if (prev->pid && (!preempted || ts->next_tgid)) {
		__builtin_memcpy(comm, prev->comm, sizeof(comm));
		steal_add(ts, prev->tgid,
			  (preempted ? STEAL_PREEMPTED : STEAL_BEHIND) | steal_kthread(prev), comm,
			  ns);
	}
}

#endif /* STEAL_BPF_H */
