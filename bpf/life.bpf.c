/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Threads come and go: birth, exec, rename. (Death is a thread's last sched_switch.)
 *
 * Context: the task that forks, execs or renames; preemption off. Rare events, cost not counted.
 */
#include "infbpf.bpf.h"
#include "thread.bpf.h"

#define CLONE_THREAD 0x00010000

static __always_inline void life_send(u32 what, u32 tgid, u32 image, u32 parent, u64 now,
				      struct task_struct *task)
{
	struct rec_life r = { .hdr = { REC_LIFE, sizeof(r) } };
	struct cpu_counts *c;

	r.time_ns = now;
	r.what = what;
	r.tgid = tgid;
	r.image = image;
	r.parent = parent;
	BPF_CORE_READ_STR_INTO(&r.comm, task, comm);
	/* New processes want probes soon: wake the reader. */
	if (bpf_ringbuf_output(&ring, &r, sizeof(r), BPF_RB_FORCE_WAKEUP)) {
		c = cpu_counts();
		if (c)
			c->lost_ring++;
	}
}

SEC("tp_btf/task_newtask")
int BPF_PROG(handle_newtask, struct task_struct *task, u64 clone_flags)
{
	u64 now = bpf_ktime_get_ns();
	struct task_state *parent, *ts;
	struct cpu_counts *c;

	if (now >= t_end)
		return 0;
	parent = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), NULL, 0);
	if (!parent && !cfg_scope_all)
		return 0;
	ts = bpf_task_storage_get(&tasks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!ts) {
		c = cpu_counts();
		if (c)
			c->lost_storage++;
		return 0;
	}
	ts->serial = __sync_fetch_and_add(&next_serial, 1);
	ts->tid = task->pid;
	ts->tgid = task->tgid;
	ts->image = parent ? parent->image : 0;
	ts->syscall = INFBPF_NO_SYSCALL;
	if (now >= t_begin) {
		/* Its switches are all inside: the kernel's counters start at 0 too. */
		ts->flags |= TASK_BORN | TASK_COUNTED;
		ts->start_ns = now;
	}
	__builtin_memcpy(ts->old_comm, task->comm, sizeof(ts->old_comm));
	if (!(clone_flags & CLONE_THREAD))
		life_send(LIFE_FORK, ts->tgid, ts->image, parent ? parent->tgid : 0, now, task);
	return 0;
}

/* Fires before the name changes: keeps the old one, which exec's record of the ended image needs. */
SEC("tp_btf/task_rename")
int BPF_PROG(handle_rename, struct task_struct *task)
{
	struct task_state *ts = bpf_task_storage_get(&tasks, task, NULL, 0);

	if (ts)
		__builtin_memcpy(ts->old_comm, task->comm, sizeof(ts->old_comm));
	return 0;
}

/* The image of a process is replaced: its account so far ends, and a new one begins. (From a thread
 * that is not the leader, that thread takes over the leader's tid; old_pid is what it had.) */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(handle_exec, struct task_struct *task, pid_t old_pid)
{
	u64 now = bpf_ktime_get_ns();
	struct task_state *ts = bpf_task_storage_get(&tasks, task, NULL, 0);
	int i;

	if (!ts || now >= t_end || ts->flags & TASK_FLUSHED)
		return 0;
	ts->busy++;
	if (now >= t_begin) {
		task_account(ts, RUN_ON_CPU, now);
		ts->state = RUN_ON_CPU;
		ts->tid = old_pid;
		if (ts->stages_n)
			stage_leave_current();
		thread_send(ts, task, now, ts->old_comm);
		ts->start_ns = now;
		ts->since_ns = now;
		ts->flags |= TASK_BORN;
	}
	ts->serial = __sync_fetch_and_add(&next_serial, 1);
	ts->image = __sync_fetch_and_add(&next_image, 1);
	ts->tid = task->pid;
	ts->flags &= TASK_BORN | TASK_RAN;
	ts->flags |= TASK_COUNTED;
	ts->nvcsw = task->nvcsw;
	ts->nivcsw = task->nivcsw;
	ts->maj_flt = task->maj_flt;
	ts->io.start_ns = 0;
	for (i = 0; i < IO_SLOTS; i++)
		ts->ios[i] = (struct io_slot){};
	ts->times = (struct thread_times){};
	ts->out_switches = 0;
	for (i = 0; i < WAIT_SLOTS; i++)
		ts->waits[i] = (struct wait_slot){};
	for (i = 0; i < CALL_SLOTS; i++)
		ts->calls[i] = (struct call_slot){};
	for (i = 0; i < STREAM_SLOTS; i++)
		ts->streams[i] = (struct stream_slot){};
	for (i = 0; i < STEAL_SLOTS; i++)
		ts->steals[i] = (struct steal_slot){};
	ts->depth = 0;
	ts->inner_depth = 0;
	ts->call_flags = 0;
	for (i = 0; i < LAUNCH_SLOTS; i++)
		ts->launches[i] = (struct launch_slot){};
	ts->stages_n = 0;
	for (i = 0; i < STAGE_FRAMES; i++)
		ts->stages[i] = 0;
	ts->launch_end_ns = 0;
	ts->launcher = 0;
	ts->abandoned = 0;
	__builtin_memcpy(ts->old_comm, task->comm, sizeof(ts->old_comm));
	life_send(LIFE_EXEC, ts->tgid, ts->image, 0, now, task);
	ts->busy--;
	return 0;
}
