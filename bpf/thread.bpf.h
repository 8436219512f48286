/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A thread's account, handed over: at its death, at exec, at the window's end. */
#ifndef THREAD_BPF_H
#define THREAD_BPF_H

#include "infbpf.bpf.h"
#include "steal.bpf.h"

/* Fills r from a state whose last interval was closed at end_ns. */
static __always_inline void thread_fill(struct rec_thread *r, struct task_state *ts,
					const struct task_struct *task, u64 end_ns)
{
	u64 start = task_start(ts);
	int i;

	io_flush(ts);

	r->hdr.type = REC_THREAD;
	r->hdr.len = sizeof(*r);
	r->serial = ts->serial;
	r->tgid = ts->tgid;
	r->tid = ts->tid;
	r->image = ts->image;
	r->flags = 0;
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		r->flags |= THREAD_KTHREAD;
	if (ts->state == RUN_NONE)
		r->flags |= THREAD_UNSEEDED;
	if (ts->flags & TASK_BORN)
		r->flags |= THREAD_BORN;
	r->start_ns = start;
	r->end_ns = end_ns > start ? end_ns : start;
	r->times = ts->times;
	for (i = 0; i < WAIT_SLOTS; i++)
		r->waits[i] = ts->waits[i];
	for (i = 0; i < CALL_SLOTS; i++)
		r->calls[i] = ts->calls[i];
	for (i = 0; i < STREAM_SLOTS; i++)
		r->streams[i] = ts->streams[i];
	for (i = 0; i < STEAL_SLOTS; i++)
		r->steals[i] = ts->steals[i];
	r->open_call = (struct call_slot){};
	r->open_kind = 0;
	r->open_before = 0;
	r->abandoned = ts->abandoned;
	r->major_faults = BPF_CORE_READ(task, maj_flt) - ts->maj_flt;
	if (ts->depth) {
		r->open_call.call = ts->outer.call;
		r->open_call.on_cpu_ns = ts->times.on_cpu_ns - ts->outer.at.on_cpu_ns;
		r->open_call.woken_ns = ts->times.woken_ns - ts->outer.at.woken_ns;
		r->open_call.preempted_ns = ts->times.preempted_ns - ts->outer.at.preempted_ns;
		r->open_call.blocked_ns = ts->times.blocked_ns - ts->outer.at.blocked_ns;
		queue_mend(&r->open_call.woken_ns, &r->open_call.preempted_ns);
		r->open_kind = ts->outer.kind;
		r->open_before = !!(ts->call_flags & CALL_OPEN_BEFORE);
	}
	BPF_CORE_READ_STR_INTO(&r->comm, task, comm);
	BPF_CORE_READ_STR_INTO(&r->process, task, group_leader, comm);
}

/* No room in the ring: the sums live on in the map "ended", by process and name. */
static __always_inline void thread_merge(const struct rec_thread *r)
{
	struct ended_key key = { .tgid = r->tgid };
	struct ended_rec zero = {}, *e;
	struct cpu_counts *c;
	int i;

	for (i = 0; i < STREAM_SLOTS; i++)
		if (r->streams[i].calls)
			stream_flush(r->tgid, r->image, &r->streams[i]);
	for (i = 0; i < STEAL_SLOTS; i++)
		if (r->steals[i].ns)
			steal_flush(r->tgid, &r->steals[i]);

	__builtin_memcpy(key.comm, r->comm, sizeof(key.comm));
	e = bpf_map_lookup_elem(&ended, &key);
	if (!e) {
		bpf_map_update_elem(&ended, &key, &zero, BPF_NOEXIST);
		e = bpf_map_lookup_elem(&ended, &key);
	}
	if (!e) {
		c = cpu_counts();
		if (c)
			c->lost_thread++;
		return;
	}
	__sync_fetch_and_add(&e->threads, 1);
	__sync_fetch_and_add(&e->wall_ns, r->end_ns - r->start_ns);
	__sync_fetch_and_add(&e->times.on_cpu_ns, r->times.on_cpu_ns);
	__sync_fetch_and_add(&e->times.woken_ns, r->times.woken_ns);
	__sync_fetch_and_add(&e->times.preempted_ns, r->times.preempted_ns);
	__sync_fetch_and_add(&e->times.blocked_ns, r->times.blocked_ns);
	__sync_fetch_and_add(&e->times.throttled_ns, r->times.throttled_ns);
	__sync_fetch_and_add(&e->times.voluntary, r->times.voluntary);
	__sync_fetch_and_add(&e->times.involuntary, r->times.involuntary);
	__sync_fetch_and_add(&e->times.migrations, r->times.migrations);
}

/* Sends the account of an ending thread; name: another name than the task's present one (the image
 * that exec ends), or NULL. Context: run queue lock held or the task itself, no preemption. */
static __always_inline void thread_send(struct task_state *ts, const struct task_struct *task,
					u64 end_ns, const char *name)
{
	struct scratch *sc = scratch_get(SCRATCH_SWITCH);
	struct rec_thread *r;

	if (!sc)
		return;
	r = &sc->thread;
	thread_fill(r, ts, task, end_ns);
	r->flags |= THREAD_ENDED;
	if (name) {
		__builtin_memcpy(r->comm, name, sizeof(r->comm));
		if (r->tid == r->tgid)
			__builtin_memcpy(r->process, name, sizeof(r->process));
	}
	if (bpf_ringbuf_output(&ring, r, sizeof(*r), ring_flags()))
		thread_merge(r);
}

/* Whatever is open has no end any more: the thread dies, becomes another program, or (at_end) the window
 * is over. Cost: about 0.1 us a stage. */
static __noinline int stage_leave_all(struct task_state *ts, struct task_struct *task, u32 at_end)
{
	struct stage_state *st = bpf_task_storage_get(&stage_states, task, NULL, 0);
	struct stage_rec *r;
	u32 i;

	for (i = 0; i < STAGE_DEPTH; i++) {
		if (!st || i >= ts->stages_n)
			break;
		if (!at_end && st->open[i].begin_ns < t_begin)
			continue;
		r = stage_rec_get(ts, st->open[i].name, st->open[i].source);
		if (r)
			__sync_fetch_and_add(at_end ? &r->open_at_end : &r->abandoned, 1);
	}
	ts->stages_n = 0;
	for (i = 0; i < STAGE_FRAMES; i++)
		ts->stages[i] = 0;
	return 0;
}

/* The same of the thread that runs, as it dies or becomes another program. A global function, which the
 * verifier looks at by itself: as a part of the switch's program the loop cost a quarter of a second at
 * every start. */
__weak __noinline int stage_leave_current(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *ts = bpf_task_storage_get(&tasks, task, NULL, 0);

	if (ts)
		stage_leave_all(ts, task, false);
	return 0;
}

#endif /* THREAD_BPF_H */
