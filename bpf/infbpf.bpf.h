/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps, globals and helpers that the kernel side shares.
 *
 * The .bpf.c files are linked into one object: the file that defines INFBPF_OWNER (maps.bpf.c) owns
 * the maps and globals, the others declare them extern. (bpftool 7.1 links neither static maps nor
 * struct-typed globals, hence scalars.)
 */
#ifndef INFBPF_BPF_H
#define INFBPF_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "infbpf.h"

#ifdef INFBPF_OWNER
#define SHARED
#define SHARED_INIT(x) = x
#else
#define SHARED extern
#define SHARED_INIT(x)
#endif

/* --- constants, set before load --- */
SHARED const volatile __u32 cfg_scope_all SHARED_INIT(0); /* every task of the host is in scope */
SHARED const volatile __u32
	cfg_prev_state SHARED_INIT(0); /* sched_switch has its 4th argument (5.18) */
/* 1: stacks of waits are taken after the switch-in; 0: at switch-out, no better hook exists */
SHARED const volatile __u32 cfg_after_switch SHARED_INIT(0);
/* Of the user stack, copied with a sample; 0: the kernel walks it by frame pointers instead. */
SHARED const volatile __u32 cfg_stack_bytes SHARED_INIT(SAMPLE_STACK_BYTES);
/* The room for the user side in the smaller of a sample's two sizes; at least what a walk takes. */
SHARED const volatile __u32 cfg_small_bytes SHARED_INIT(SAMPLE_SMALL_BYTES);
/* --returns none: there are entry probes only, and no call is known to end. */
SHARED const volatile __u32 cfg_entries_only SHARED_INIT(0);
/* --driver: the first call inside a call is accounted too. */
SHARED const volatile __u32 cfg_nested SHARED_INIT(0);
/* --wakers: stacks of those who end waits. */
SHARED const volatile __u32 cfg_wakers SHARED_INIT(0);
/* From the top of an alternate signal stack, rounded down to 64, to the ucontext of the signal that
 * went there; 0: not known. */
SHARED const volatile __u32 cfg_sigframe_bytes SHARED_INIT(0);
/* A bit a system call: it waits for what the descriptor in its first argument is. */
SHARED const volatile __u64 cfg_fd_calls[FD_CALLS / 64] SHARED_INIT({ 0 });
/* Two bits a major number: enum char_kind. */
SHARED const volatile __u64 cfg_char_majors[CHAR_MAJORS / 32] SHARED_INIT({ 0 });

/* enum io_part: what of I/O is accounted. */
SHARED const volatile __u32 cfg_io_parts SHARED_INIT(0);
/* The process that becomes the command: what it does before its exec is infbpf's own. */
SHARED const volatile __u32 cfg_command SHARED_INIT(0);
/* enum wait_cause of a wait: see STAGE_CAUSE_ROW. */
SHARED const volatile __u8 cfg_causes[STAGE_CAUSE_TABLE] SHARED_INIT({ 0 });
/* Entries of the map stage_recs. */
SHARED const volatile __u32 cfg_stage_recs SHARED_INIT(STAGE_RECS);
/* Where block requests are seen to begin: 1: themselves; 2: the bio that they are made for; 0: not. */
SHARED const volatile __u32 cfg_block_start SHARED_INIT(0);
/* The completing tracepoint hands over the completion's entry (6.15) instead of what is in it. */
SHARED const volatile __u32 cfg_uring_cqe SHARED_INIT(0);

/* --- globals, changed while running --- */
/* The window's clock gates: an event counts when t_begin <= its time < t_end. */
SHARED volatile __u64 t_begin SHARED_INIT(~0ULL);
SHARED volatile __u64 t_end SHARED_INIT(~0ULL);
/* The stack period T in ns: raised by user space under load. */
SHARED volatile __u64 period_ns SHARED_INIT(10000000);
SHARED volatile __u64 next_serial SHARED_INIT(1);
SHARED volatile __u32 next_image SHARED_INIT(1);
SHARED volatile __u32 next_seq SHARED_INIT(1);
/* The next free places in api_recs, launch_recs, launchers. */
SHARED volatile __u32 next_api SHARED_INIT(0);
SHARED volatile __u32 next_launch SHARED_INIT(0);
SHARED volatile __u32 next_launcher SHARED_INIT(0);
SHARED volatile __u32 next_io SHARED_INIT(IO_REST);
SHARED volatile __u32 next_stage SHARED_INIT(0);
SHARED volatile __u32 next_stage_name SHARED_INIT(STAGE_NAME_FIRST);
/* Stacks of allocations that may still be taken before user space raises it again. */
SHARED volatile __s32 alloc_stacks SHARED_INIT(0);
/* Spans and marks that may still be sent before user space raises it again. */
SHARED volatile __s32 stage_records SHARED_INIT(0);
/* When the last library's probes were complete; ~0 while some are being attached. */
SHARED volatile __u64 probes_ns SHARED_INIT(0);
/* How the closing iterator did: tasks it had to leave because a handler was still in them. */
SHARED volatile __u32 close_left SHARED_INIT(0);
/* --timeline: when the round of slices before began. */
SHARED volatile __u64 slice_since SHARED_INIT(0);

enum task_flags {
	TASK_PENDING = 1 << 0,	/* a stack is due at the end of this switch-in */
	TASK_FLUSHED = 1 << 1,	/* the account was handed over */
	TASK_BORN = 1 << 2,	/* born inside the window */
	TASK_RAN = 1 << 3,	/* was switched in at least once */
	TASK_COUNTED = 1 << 4,	/* nvcsw and nivcsw are those of its last switch-out */
	TASK_RUNNABLE = 1 << 5, /* the gap in progress began runnable: an involuntary switch */
};

/* Of the task's own probes, which the scheduler's handlers may interrupt between a read and a write:
 * hence not among task_flags, which those write. */
enum call_flags {
	CALL_OPEN_BEFORE = 1 << 0, /* the open call began before the window */
	CALL_SEEN = 1 << 1,	   /* entered a traced call at least once */
};

/* A traced call in progress, as its entry told it. */
struct open_call {
	u64 sp; /* the stack pointer at its entry; the return address lies there */
	u64 cookie;
	u64 now; /* when */
	u64 bytes;
	u64 stream;   /* STREAM_NONE: it has none */
	u64 object;   /* see enum call_what */
	u64 dst, src; /* of a copy of unknown kind */
	u16 call, kind;
	u32 pad;
	struct thread_times at; /* the thread's counters then */
};

/* A place in launch_recs that a thread has used. */
struct launch_slot {
	u64 site, object;
	u32 launch; /* place + 1; 0: free */
	u32 call;
};
#define LAUNCH_SLOTS 8

/* A call on a file or socket in progress. Of the thread itself only. */
struct io_call {
	u64 start_ns; /* 0: none */
	/* The file whose pages came into the cache during it, the first of these pages, */
	u64 mapping, first_page;
	u64 file;  /* of a call seen as a kernel function: the file, */
	u64 pos;   /* where it reads */
	u32 waits; /* the thread's waits for I/O before it */
	u16 kind;  /* enum io_kind, */
	u16 by;	   /* the function, enum file_function, */
	s16 syscall;
	u16 pad[3];
};

/*
 * All that is known about a thread in scope. Having one is being in scope.
 *
 * Who writes: sched_switch and sched_wakeup, which the kernel serialises per task by its run queue's
 * lock; and the task's own probes, which those can interrupt (hence seq). Nobody else until the
 * window has closed.
 */
struct task_state {
	u64 serial;
	u64 start_ns; /* of the thread's part of the window; 0: the window's begin */
	u64 since_ns; /* begin of the present state; 0: start */
	u32 tgid, tid, image;
	u32 state; /* enum run_state */
	u32 seq;   /* changes whenever times or since_ns do */
	u32 busy;  /* handlers at work on this task; nests, never runs on two CPUs at once */
	u32 flags; /* enum task_flags */
	s32 cpu;   /* last switched in on */
	struct thread_times times;
	u64 nvcsw, nivcsw; /* the kernel's own counts at the last switch-out */

	/* The gap between switch-out and switch-in in progress. */
	u64 gap_ns;	    /* when it began */
	u64 gap_blocked_ns; /* its blocked part, once woken */
	s16 syscall;
	u16 wait_flags;
	u32 out_seq; /* SAMPLE_OUT sent for this gap */
	/* The stack due (TASK_PENDING): parts of the gap, weighted. */
	u64 due_woken_ns, due_preempted_ns, due_blocked_ns;
	u64 due_switches;
	u64 last_out_ns;  /* last SAMPLE_OUT */
	u64 out_switches; /* the thread's switches until then */

	/* The wait for a CPU in progress. */
	u64 queue_cfs; /* address of the group's run queue that it waits on, 0: cannot be throttled */
	u64 queue_base; /* how long that had been throttled, in its clock, when the wait began */
	u32 next_tgid;	/* who ran next, 0: nobody */
	u32 next_how;
	char next_comm[INFBPF_COMM];
	struct waker waker; /* who ended the last wait */
	u64 waker_at;	    /* scratch of in_interrupt() */
	struct steal_slot steals[STEAL_SLOTS];

	struct wait_slot waits[WAIT_SLOTS];
	struct call_slot calls[CALL_SLOTS];
	u32 wait_next, call_next; /* slot to evict next */

	u64 maj_flt;  /* the kernel's count when the thread's part of the window began */
	u32 io_waits; /* switched out to wait for I/O (in_iowait), so often */
	u32 io_next;  /* slot to evict next */
	struct io_call io;
	struct io_slot ios[IO_SLOTS];

	/* The outermost traced call in progress, if depth is 1; with --driver, the one inside it. */
	u32 depth;
	u32 inner_depth;
	struct open_call outer, inner;
	u32 abandoned;
	u32 stream_next;   /* slot to evict next */
	u64 launch_end_ns; /* when the last launch returned; 0: none yet */
	u32 launcher;	   /* place in launchers, + 1; 0: none yet */
	u32 call_flags;	   /* enum call_flags */
	struct launch_slot launches[LAUNCH_SLOTS];
	struct stream_slot streams[STREAM_SLOTS]; /* free: calls 0 */
	/* Open stages: how many, and the outermost ones' names (0: no more). The rest is in stage_states. */
	u32 stages_n;
	u16 stages[STAGE_FRAMES];
	char old_comm
		[INFBPF_COMM]; /* before the last rename: the name of the image that exec ends */
};
/* With the kernel's own 72 to 136 bytes it comes from kmalloc: one byte more than 2 KiB would be 4. */
_Static_assert(sizeof(struct task_state) <= 2048 - 136, "task storage takes 4 KiB a thread");

/* Room to build a record in that does not go through the ring, or not at once. One a CPU and use. */
enum scratch_use {
	SCRATCH_SWITCH, /* around a context switch: no preemption */
	SCRATCH_ITER,	/* closing iterator: one reader */
	SCRATCH_USES,
};

struct scratch {
	struct rec_sample sample;
	u64 ips[INFBPF_MAX_STACK];
	struct rec_thread thread;
};

#define MAP(name) name SEC(".maps")
#define STEALS	  4096

SHARED struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_state);
} MAP(tasks);

/* Process ids in scope, for the scope iterator. */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, u32);
} MAP(targets);

/* What the slots in task storage have no room for. Preallocated: updated under the run queue lock. */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct wait_key);
	__type(value, struct wait_slot);
} MAP(waits);

/* Likewise. */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STEALS);
	__type(key, struct steal_key);
	__type(value, struct steal_rec);
} MAP(steals);

/* Zeroes: what a new entry of a map starts from (the largest does not fit the BPF stack). */
struct zero_rec {
	char zeroes[512];
};
SHARED struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct zero_rec);
} MAP(zero);

SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct ended_key);
	__type(value, struct ended_rec);
} MAP(ended);

SHARED struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 * 1024 * 1024); /* set again before load */
} MAP(ring);

SHARED struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct cpu_counts);
} MAP(counts);

SHARED struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct cpu_state);
} MAP(cpu_states);

SHARED struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_USES);
	__type(key, u32);
	__type(value, struct scratch);
} MAP(scratches);

/* sched.h; not in BTF. Values unchanged since 4.14. */
#define TASK_STOPPED_OR_TRACED (0x4 | 0x8)
#define TASK_DEAD	       0x80
#define PF_KTHREAD	       0x00200000

/* Never NULL (index 0 of an array), but the verifier wants to be told. */
static __always_inline struct cpu_counts *cpu_counts(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&counts, &zero);
}

static __always_inline struct cpu_state *cpu_state(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&cpu_states, &zero);
}

static __always_inline struct scratch *scratch_get(u32 use)
{
	return bpf_map_lookup_elem(&scratches, &use);
}

/* Of the calling task. NULL: it is not in scope. */
static __always_inline struct task_state *task_in_scope(void)
{
	struct task_state *ts = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), NULL, 0);

	return !ts || ts->flags & TASK_FLUSHED ? NULL : ts;
}

static __always_inline bool in_window(u64 now)
{
	return now >= t_begin && now < t_end;
}

static __always_inline u64 task_since(const struct task_state *ts)
{
	u64 since = ts->since_ns ? ts->since_ns : ts->start_ns;
	u64 begin = t_begin;

	return since > begin ? since : begin;
}

static __always_inline u64 task_start(const struct task_state *ts)
{
	u64 begin = t_begin;

	return ts->start_ns > begin ? ts->start_ns : begin;
}

/* Closes the present state at now and returns its length. One timestamp ends a state and starts the
 * next, and a clock that is behind (another CPU's, by nanoseconds) adds nothing: the sums equal
 * end - start by construction. */
static __always_inline u64 task_account(struct task_state *ts, u32 state, u64 now)
{
	u64 since = task_since(ts);
	u64 d = 0;

	if (now > since) {
		d = now - since;
		since = now;
	}
	ts->seq++;
	switch (state) {
	case RUN_ON_CPU:
		ts->times.on_cpu_ns += d;
		break;
	case RUN_WOKEN:
		ts->times.woken_ns += d;
		break;
	case RUN_PREEMPTED:
		ts->times.preempted_ns += d;
		break;
	default:
		ts->times.blocked_ns += d;
	}
	ts->since_ns = since;
	return d;
}

/* The thread's counters as of now, which is returned, as one consistent set. Before the window: as
 * nothing is accounted yet, zero. The present interval goes where the next event will book it: the
 * kernel may not have shown the switch that let the thread run. */
static __always_inline u64 task_snapshot(const struct task_state *ts, struct thread_times *t)
{
	u64 since, now;
	u32 seq;
	int i;

	for (i = 0; i < 4; i++) {
		seq = *(volatile u32 *)&ts->seq;
		now = bpf_ktime_get_ns();
		*t = ts->times;
		since = task_since(ts);
		if (*(volatile u32 *)&ts->seq == seq)
			break;
	}
	if (now <= since)
		return now;
	switch (ts->state) {
	case RUN_WOKEN:
		t->woken_ns += now - since;
		break;
	case RUN_PREEMPTED:
		t->preempted_ns += now - since;
		break;
	case RUN_BLOCKED:
		t->blocked_ns += now - since;
		break;
	default:
		t->on_cpu_ns += now - since;
	}
	return now;
}

/* The process that becomes the command, before its exec: no account of it will be kept. */
static __always_inline bool before_command(const struct task_state *ts)
{
	return ts->tgid == cfg_command && !ts->image;
}

/* A difference of two readings of the account. A probe books the time since the last event as woken where
 * the kernel hid the switch-in, and the next event may find that part of it was throttled: the sum is
 * right, and no part may be negative. */
static __always_inline void queue_mend(u64 *woken, u64 *preempted)
{
	if ((s64)*woken >= 0)
		return;
	*preempted += *woken;
	*woken = 0;
}

/* Blocked time outside CUDA calls, by cause. Costs nothing while a thread keeps waiting for the
 * same few things: a slot in its storage; one map update when a slot is taken over. */
static __always_inline void wait_add(struct task_state *ts, u64 d)
{
	struct wait_slot *victim, *in_map;
	struct wait_key key = {};
	struct cpu_counts *c;
	u32 i;

	if (!d)
		return;
#pragma unroll
	for (i = 0; i < WAIT_SLOTS; i++) {
		struct wait_slot *s = &ts->waits[i];

		if (!s->ns) {
			s->syscall = ts->syscall;
			s->flags = ts->wait_flags;
			s->count = 1;
			s->ns = d;
			return;
		}
		if (s->syscall == ts->syscall && s->flags == ts->wait_flags) {
			s->ns += d;
			s->count++;
			return;
		}
	}
	victim = &ts->waits[ts->wait_next++ & (WAIT_SLOTS - 1)];
	key.serial = ts->serial;
	key.syscall = victim->syscall;
	key.flags = victim->flags;
	in_map = bpf_map_lookup_elem(&waits, &key);
	if (in_map) {
		/* One writer a thread at a time: the key holds its serial number. */
		in_map->ns += victim->ns;
		in_map->count += victim->count;
	} else if (bpf_map_update_elem(&waits, &key, victim, BPF_ANY)) {
		c = cpu_counts();
		if (c)
			c->lost_map++;
	}
	victim->syscall = ts->syscall;
	victim->flags = ts->wait_flags;
	victim->count = 1;
	victim->ns = d;
}

/* --- stages --- */

/* An open stage. */
struct stage_open {
	u64 sp; /* of a function: the stack pointer at its entry; 0: a mark, which stands anywhere */
	u64 id, request, group;
	u64 begin_ns;
	u32 requests, tokens, padded;
	u16 name;
	u8 source, kind;
	struct stage_times at; /* the thread's clocks when it began */
};

/* Of a thread that has begun a stage. Written by the task's own probes; by_ns also by the scheduler's
 * handlers, but not while the task runs. How many are open says task_state.stages_n. */
struct stage_state {
	u64 ids;      /* given out so far */
	u64 calls_ns; /* in CUDA calls that returned while a stage was open */
	u32 over;     /* marks begun beyond STAGE_DEPTH, not ended yet */
	u32 pad;
	struct stage_times now; /* the thread's clocks when they were last read; by_ns: always */
	struct stage_open open[STAGE_DEPTH];
};

SHARED struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct stage_state);
} MAP(stage_states);

/* Blocked for d, while stages are open. 30 ns. */
static __always_inline void stage_blocked(const struct task_state *ts, struct task_struct *task,
					  u64 d)
{
	struct stage_state *st = bpf_task_storage_get(&stage_states, task, NULL, 0);
	u32 flags = ts->wait_flags, cause, at;

	if (!st)
		return;
	at = STAGE_CAUSE_ROW(ts->syscall) | (flags & WAIT_FD_MASK) >> WAIT_FD_SHIFT;
	if (flags & WAIT_IOWAIT)
		at |= STAGE_CAUSE_IOWAIT;
	barrier_var(at);
	cause = cfg_causes[at & (STAGE_CAUSE_TABLE - 1)];
	if (flags & WAIT_STOPPED)
		cause = STAGE_CAUSE_STOPPED;
	if (flags & WAIT_IN_CALL)
		cause = STAGE_CAUSE_GPU;
	barrier_var(cause);
	if (cause < STAGE_CAUSES)
		st->now.by_ns[cause] += d;
}

/* The blocked part of a gap is over (or cut by the window's end). */
static __always_inline void task_blocked(struct task_state *ts, struct task_struct *task, u64 d)
{
	ts->gap_blocked_ns += d;
	if (!(ts->wait_flags & WAIT_IN_CALL))
		wait_add(ts, d);
	if (ts->stages_n)
		stage_blocked(ts, task, d);
}

/* Adds what is not zero: an atomic add costs about 5 ns. For records that several threads share. */
#define ADD(field, value)                                   \
	do {                                                \
		u64 v_ = (value);                           \
		if (v_)                                     \
			__sync_fetch_and_add(&(field), v_); \
	} while (0)

/* An update that a full map refused. Atomic: user probes are preemptible. */
static __always_inline void map_lost(void)
{
	struct cpu_counts *c = cpu_counts();

	if (c)
		__sync_fetch_and_add(&c->lost_map, 1);
}

/* The entry of a hash map, made zeroed on first use. NULL: the map is full, which is counted. */
static __always_inline void *map_entry(void *map, const void *key)
{
	void *entry = bpf_map_lookup_elem(map, key), *init;
	u32 first = 0;

	if (entry)
		return entry;
	init = bpf_map_lookup_elem(&zero, &first);
	if (init)
		bpf_map_update_elem(map, key, init, BPF_NOEXIST);
	entry = bpf_map_lookup_elem(map, key);
	if (!entry)
		map_lost();
	return entry;
}

/* 32 random bits, by xorshift64*: a third of the helper's cost, and asked for at every switch. A CPU's
 * state may be interrupted in mid-step: the sequence is then another one, no worse. */
static __always_inline u32 random_u32(struct cpu_state *s)
{
	u64 x = s->random;

	if (!x)
		x = (u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32() | 1;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	s->random = x;
	return (x * 0x2545f4914f6cdd1dULL) >> 32;
}

/* Takes a stack for a duration d with probability min(1, d / T); *weight is what d stands for then,
 * max(d, T). The random number is 32 bits wide: T up to 18 minutes without overflow. */
static __always_inline bool stack_wanted(struct cpu_state *cpu, u64 d, u64 *weight)
{
	u64 t = period_ns;

	if (d >= t) {
		*weight = d;
		return true;
	}
	*weight = t;
	return (((u64)random_u32(cpu) * t) >> 32) < d;
}

/* part * weight / d, for part <= d. d is under 2^40 in practice; larger values lose low bits. */
static __always_inline u64 stack_share(u64 part, u64 weight, u64 d)
{
	if (!part || !d)
		return 0;
	if (part == d)
		return weight;
	if (weight == d)
		return part;
	/* weight is T here, at most 10 s: 34 bits. Keep the product within 64. */
	return ((part >> 4) * weight / d) << 4;
}

/* How many switches the present gap, of length d, stands for if it got its stack by stack_wanted(), in
 * 1/SWITCHES_ONE. One that began before the window or with the thread's birth began with none. */
static __always_inline u64 stack_switches(const struct task_state *ts, u64 weight, u64 d)
{
	if (!d || !ts->gap_ns || ((ts->flags & TASK_BORN) && !(ts->flags & TASK_RAN)))
		return 0;
	/* weight is T here: 34 bits, and the shift's 16. */
	return weight == d ? SWITCHES_ONE : (weight << SWITCHES_SHIFT) / d;
}

/* Records are read by a poll loop; nobody is woken unless the ring fills up. */
static __always_inline u64 ring_flags(void)
{
	u64 used = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	u64 size = bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE);

	return used > size / 4 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

#include "call_maps.bpf.h"
#include "io_maps.bpf.h"
#include "stage_maps.bpf.h"

#endif /* INFBPF_BPF_H */
