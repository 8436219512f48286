/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Profiles for tests: random but repeatable ones, and short ways to fill one by hand. */
#ifndef RANDOM_PROFILE_H
#define RANDOM_PROFILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include "infbpf.h"
#include "profile.h"

/* xorshift64*: the same numbers everywhere. */
static inline uint64_t rnd(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 2685821657736338717ULL;
}

static inline uint64_t rnd_below(uint64_t *seed, uint64_t n)
{
	return n ? rnd(seed) % n : 0;
}

/* A time: often 0, else anything up to 2^bits ns. */
static inline uint64_t rnd_ns(uint64_t *seed, unsigned int bits)
{
	return rnd_below(seed, 4) ? rnd(seed) >> (64 - 1 - rnd_below(seed, bits)) : 0;
}

static inline struct profile_thread make_thread(uint64_t serial, uint32_t pid, uint32_t tid,
						const char *process, const char *comm)
{
	return (struct profile_thread){ .serial = serial,
					.pid = pid,
					.tid = tid,
					.process = process,
					.comm = comm,
					.merged = 1 };
}

/* What a random profile was made of. */
struct random_profile {
	struct profile *p;
	uint64_t wall_ns; /* of all threads */
	size_t threads;
	size_t max_threads;
	size_t orphans; /* serials with stacks or times and no account */
};

static const char *const random_calls[] = { "cudaMemcpyAsync", "cudaStreamSynchronize",
					    "cudaLaunchKernel" };
static const int random_syscalls[] = { SYS_futex, SYS_read, SYS_ppoll, SYS_ioctl, -1, 100000 };
static const unsigned int random_flags[] = { 0,
					     WAIT_IOWAIT,
					     WAIT_STOPPED,
					     WAIT_KTHREAD,
					     WAIT_UNKNOWN,
					     WAIT_IN_CALL,
					     FD_TCP << WAIT_FD_SHIFT,
					     FD_REGULAR << WAIT_FD_SHIFT | WAIT_IOWAIT };
#define RANDOM_FLAGS (sizeof(random_flags) / sizeof(*random_flags))

static inline void random_stack(struct profile *p, uint64_t serial, uint64_t *seed)
{
	static const char *const user[] = { "main",	"serve",
					    "step",	"cudaMemcpyAsync",
					    "poll",	"__cudaLaunchKernel",
					    "[unknown]" };
	static const char *const kernel[] = { "entry_SYSCALL_64_[k]", "pipe_read_[k]",
					      "filemap_fault_[k]",    "schedule_[k]",
					      "__schedule_[k]",	      "bpf_prog_1_[k]" };
	const char *frames[12];
	struct profile_stack s = { .serial = serial, .frames = frames };

	s.user_n = (uint16_t)rnd_below(seed, 6);
	s.frames_n = (uint16_t)(s.user_n + rnd_below(seed, 6));
	for (size_t i = 0; i < s.frames_n; i++)
		frames[i] = i < s.user_n ? user[rnd_below(seed, 7)] : kernel[rnd_below(seed, 6)];
	s.state = (uint8_t)rnd_below(seed, PROFILE_STATES);
	s.call = rnd_below(seed, 2) ? random_calls[rnd_below(seed, 3)] : NULL;
	s.inner = s.call && !rnd_below(seed, 3) ? "cuLaunchKernel" : NULL;
	s.outside_n = (uint16_t)rnd_below(seed, 6);
	s.inner_after = (uint16_t)rnd_below(seed, 8);
	s.call_return = s.call && !rnd_below(seed, 3);
	s.syscall = (int16_t)random_syscalls[rnd_below(seed, 5)];
	s.flags = (uint16_t)random_flags[rnd_below(seed, RANDOM_FLAGS)];
	s.weight_ns = rnd_ns(seed, 34);
	if (s.state == PROFILE_BLOCKED || s.state == PROFILE_PREEMPTED)
		s.switches = rnd_ns(seed, 50);
	if (s.switches > SWITCHES_ONE)
		s.switches_variance = (double)(s.switches >> SWITCHES_SHIFT);
	assert_int_equal(profile_add_stack(p, &s), 0);
}

static inline void random_times(struct profile *p, uint64_t serial, uint64_t *seed)
{
	uint64_t state_ns[PROFILE_STATES];

	for (uint64_t n = rnd_below(seed, 4); n; n--) {
		for (int s = 0; s < PROFILE_STATES; s++)
			state_ns[s] = rnd_ns(seed, 30);
		assert_int_equal(profile_add_thread_call(
					 p, serial, random_calls[rnd_below(seed, 3)], state_ns),
				 0);
	}
	for (uint64_t n = rnd_below(seed, 6); n; n--)
		assert_int_equal(profile_add_wait(p, serial, random_syscalls[rnd_below(seed, 6)],
						  random_flags[rnd_below(seed, RANDOM_FLAGS)],
						  rnd_ns(seed, 32), 1),
				 0);
}

static inline void random_thread(struct random_profile *r, uint64_t serial, uint64_t *seed)
{
	static const char *const comms[] = { "worker", "executor", "a;b\n 12", "" };
	const uint32_t pid = 100 + (uint32_t)rnd_below(seed, 3);
	char process[16];
	struct profile_thread t = make_thread(serial, pid, (uint32_t)(1000 + serial), process,
					      comms[rnd_below(seed, 4)]);

	snprintf(process, sizeof(process), "proc %u", pid);
	t.ended = rnd_below(seed, 2);
	for (int s = 0; s < PROFILE_STATES; s++) {
		t.state_ns[s] = rnd_ns(seed, 34);
		r->wall_ns += t.state_ns[s];
	}
	t.wall_ns = 12345; /* the states are what counts */
	t.voluntary = rnd_ns(seed, 24);
	t.involuntary = rnd_ns(seed, 16);
	assert_int_equal(profile_add_thread(r->p, &t, r->max_threads), 0);
}

/* Everything in any order: times and stacks before and after their thread's account, calls and waits
 * that exceed it, stacks whose bucket is empty, threads without an account. */
static inline struct random_profile random_profile(uint64_t seed)
{
	struct random_profile r = { .p = profile_new() };
	bool orphan_used = false;

	seed = seed * 0x9e3779b97f4a7c15ULL + 1;
	assert_non_null(r.p);
	r.threads = 1 + rnd_below(&seed, 40);
	r.max_threads = rnd_below(&seed, 20);
	for (uint64_t serial = 1; serial <= r.threads; serial++) {
		if (rnd_below(&seed, 2))
			random_times(r.p, serial, &seed);
		for (uint64_t n = rnd_below(&seed, 8); n; n--)
			random_stack(r.p, 1 + rnd_below(&seed, r.threads), &seed);
		random_thread(&r, serial, &seed);
		if (rnd_below(&seed, 2))
			random_times(r.p, serial, &seed);
	}
	if (rnd_below(&seed, 2)) {
		assert_int_equal(profile_add_wait(r.p, 5000, SYS_futex, 0, 77, 1), 0);
		orphan_used = true;
	}
	r.orphans = orphan_used;
	r.p->duration_ns = 10000000000;
	assert_int_equal(profile_finish(r.p), 0);
	return r;
}

#endif /* RANDOM_PROFILE_H */
