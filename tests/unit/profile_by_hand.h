/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Profiles made by hand, and what is to be found in them. */
#ifndef PROFILE_BY_HAND_H
#define PROFILE_BY_HAND_H

#include "random_profile.h"

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The scaling: whatever comes in, every thread's lines sum to its exact times. */

/* Time of the lines that fit; any filter may be absent: state or cause -1, call "*" . */
static inline uint64_t lines_ns(const struct profile *p, uint64_t serial, int state, int cause,
				const char *call)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < p->lines_n; i++) {
		const struct profile_line *l = &p->lines[i];

		if (p->threads[l->thread].serial != serial)
			continue;
		if (state >= 0 && l->state != state)
			continue;
		if (cause >= 0 && l->cause != cause)
			continue;
		if (!call ? l->call != NULL
			  : strcmp(call, "*") && (!l->call || strcmp(l->call, call)))
			continue;
		sum += l->value_ns;
	}
	return sum;
}

static inline const struct profile_line *line_with(const struct profile *p, uint64_t serial,
						   int state, const char *frame)
{
	for (size_t i = 0; i < p->lines_n; i++)
		for (size_t k = 0; k < p->lines[i].frames_n; k++)
			if (p->threads[p->lines[i].thread].serial == serial &&
			    p->lines[i].state == state && !strcmp(p->lines[i].frames[k], frame))
				return &p->lines[i];
	return NULL;
}

static inline const struct profile_thread *thread_of(const struct profile *p, uint64_t serial)
{
	for (size_t i = 0; i < p->threads_n; i++)
		if (p->threads[i].serial == serial)
			return &p->threads[i];
	return NULL;
}

static inline void add_thread(struct profile *p, uint64_t serial, const char *comm, uint64_t on_cpu,
			      uint64_t woken, uint64_t preempted, uint64_t blocked)
{
	struct profile_thread t = make_thread(serial, 10, (uint32_t)serial, "proc", comm);

	t.state_ns[PROFILE_ON_CPU] = on_cpu;
	t.state_ns[PROFILE_WOKEN] = woken;
	t.state_ns[PROFILE_PREEMPTED] = preempted;
	t.state_ns[PROFILE_BLOCKED] = blocked;
	assert_int_equal(profile_add_thread(p, &t, 100), 0);
}

static inline void add_stack(struct profile *p, uint64_t serial, int state, const char *call,
			     const char *leaf, uint64_t weight)
{
	const char *frames[] = { "main", leaf };
	const struct profile_stack s = { .serial = serial,
					 .state = (uint8_t)state,
					 .syscall = INFBPF_NO_SYSCALL,
					 .call = call,
					 .frames = frames,
					 .frames_n = 2,
					 .user_n = 2,
					 .outside_n = 1,
					 .weight_ns = weight };

	assert_int_equal(profile_add_stack(p, &s), 0);
}

static inline void add_wait_stack(struct profile *p, uint64_t serial, int syscall,
				  unsigned int flags, const char *kernel_frame, uint64_t weight)
{
	const char *frames[] = { "main", "wait", kernel_frame, "schedule_[k]", "__schedule_[k]" };
	const struct profile_stack s = { .serial = serial,
					 .state = PROFILE_BLOCKED,
					 .syscall = (int16_t)syscall,
					 .flags = (uint16_t)flags,
					 .frames = frames,
					 .frames_n = 5,
					 .user_n = 2,
					 .weight_ns = weight };

	assert_int_equal(profile_add_stack(p, &s), 0);
}

#endif /* PROFILE_BY_HAND_H */
