/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Time on the run queue while a cgroup's CPU quota was used up (CONFIG_CFS_BANDWIDTH), from the kernel's
 * own clock of it, read when the wait begins and when it ends.
 *
 * That clock, per group and CPU: 6.6 and later, throttled_clock_self_time, by rq->clock; 5.18 to 6.5,
 * throttled_clock_pelt_time, by the PELT clock, which runs slower on a CPU below its full speed; before,
 * throttled_clock_task_time, by rq->clock_task. All three count what parent groups' quotas cause, too.
 * Since 6.18 tasks are throttled one by one, on their way out of the kernel: task_struct.throttled.
 *
 * Context: sched_switch and sched_wakeup, the run queue locked; the closing iterator, nothing locked.
 * Cost: a few loads, of memory that the scheduler has just used.
 */
#ifndef THROTTLE_BPF_H
#define THROTTLE_BPF_H

#include "infbpf.bpf.h"

/* Throttled periods that are over. */
static __always_inline u64 throttled_done(const struct cfs_rq *cfs)
{
	if (bpf_core_field_exists(cfs->throttled_clock_self_time))
		return cfs->throttled_clock_self_time;
	if (bpf_core_field_exists(cfs->throttled_clock_pelt_time))
		return cfs->throttled_clock_pelt_time;
	if (bpf_core_field_exists(cfs->throttled_clock_task_time))
		return cfs->throttled_clock_task_time;
	return 0;
}

/* Is it throttled now? */
static __always_inline bool throttled_now(const struct cfs_rq *cfs)
{
	if (bpf_core_field_exists(cfs->throttled_clock_self))
		return cfs->throttled_clock_self;
	if (bpf_core_field_exists(cfs->throttle_count))
		return cfs->throttle_count;
	return false;
}

/* Of the period that goes on, how long already. rq->clock is up to date while the run queue is locked. */
static __always_inline u64 throttled_so_far(const struct cfs_rq *cfs)
{
	if (bpf_core_field_exists(cfs->throttled_clock_self))
		return cfs->rq->clock - cfs->throttled_clock_self;
	if (bpf_core_field_exists(cfs->throttled_clock_pelt))
		return cfs->rq->clock_pelt - cfs->throttled_clock_pelt;
	if (bpf_core_field_exists(cfs->throttled_clock_task))
		return cfs->rq->clock_task - cfs->throttled_clock_task;
	return 0;
}

/* The task begins to wait for a CPU. */
static __always_inline void throttle_begin(struct task_state *ts, struct task_struct *task)
{
	struct cfs_rq *cfs;

	ts->queue_cfs = 0;
	if (!bpf_core_field_exists(task->se.cfs_rq))
		return;
	if (bpf_core_field_exists(task->throttled) && !task->throttled)
		return;
	cfs = task->se.cfs_rq;
	if (!cfs)
		return;
	ts->queue_cfs = (u64)cfs;
	ts->queue_base = throttled_done(cfs);
	if (throttled_now(cfs))
		ts->queue_base += throttled_so_far(cfs);
}

/* The wait on another CPU's queue of the same group: moved since, by the load balancer. The queue is
 * there as long as the group is, which the task is still in; its address is looked up to be sure. */
static __noinline u64 throttled_elsewhere(struct task_state *ts, struct task_struct *task)
{
	struct cfs_rq **queues, *cfs = NULL;
	u32 cpu = ts->cpu;

	if (!bpf_core_field_exists(task->se.cfs_rq))
		return 0;
	queues = BPF_CORE_READ(task, se.cfs_rq, tg, cfs_rq);
	bpf_probe_read_kernel(&cfs, sizeof(cfs), queues + cpu);
	if (!cfs || (u64)cfs != ts->queue_cfs)
		return 0;
	if (bpf_core_field_exists(cfs->throttled_clock_self_time))
		return BPF_CORE_READ(cfs, throttled_clock_self_time);
	if (bpf_core_field_exists(cfs->throttled_clock_pelt_time))
		return BPF_CORE_READ(cfs, throttled_clock_pelt_time);
	if (bpf_core_field_exists(cfs->throttled_clock_task_time))
		return BPF_CORE_READ(cfs, throttled_clock_task_time);
	return 0;
}

/* The wait of length d is over (open: it is not, and the trace ends): how much of it was throttled. */
static __always_inline u64 throttle_end(struct task_state *ts, struct task_struct *task, u64 d,
					bool open)
{
	u64 ns, base = ts->queue_base;
	struct cfs_rq *cfs;

	if (!ts->queue_cfs)
		return 0;
	if (!bpf_core_field_exists(task->se.cfs_rq))
		return 0;
	cfs = task->se.cfs_rq;
	if (!cfs)
		return 0;
	if (ts->queue_cfs != (u64)cfs) {
		ns = throttled_elsewhere(ts, task);
	} else {
		ns = throttled_done(cfs);
		if (throttled_now(cfs)) {
			/* The clock of a run queue stands still while its CPU is idle. A wait that is
			 * open and throttled began so, but for the rare one. */
			if (open)
				return d;
			ns += throttled_so_far(cfs);
		}
	}
	if (ns <= base)
		return 0;
	ns -= base;
	return ns < d ? ns : d;
}

#endif /* THROTTLE_BPF_H */
