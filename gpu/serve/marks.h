/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Marks: USDT probes of provider infbpf, what a tracer follows requests by.
 *
 * Arguments are 64-bit unsigned or a char pointer. A request's id is its number + 1 (0: none). While
 * nobody traces a mark costs the test of its semaphore, which the tracer counts up. Each mark is one
 * place in the program, whoever calls it: a place is a probe to attach.
 */
#ifndef SERVE_MARKS_H
#define SERVE_MARKS_H

#include <stdint.h>

/* M(name, types, arguments) */
#define MARKS(M)                                                                                   \
	/* arrival: CLOCK_MONOTONIC ns when it was meant to arrive */                              \
	M(request_begin, (uint64_t request, uint64_t arrival), (request, arrival))                 \
	M(request_end, (uint64_t request, uint64_t tokens_in, uint64_t tokens_out),                \
	  (request, tokens_in, tokens_out))                                                        \
	/* refused, or given up */                                                                 \
	M(request_drop, (uint64_t request), (request))                                             \
	/* a span of this thread; they nest */                                                     \
	M(stage_begin, (const char *name, uint64_t request), (name, request))                      \
	M(stage_end, (const char *name), (name))                                                   \
	/* between threads */                                                                      \
	M(wait_begin, (const char *name, uint64_t request), (name, request))                       \
	M(wait_end, (const char *name, uint64_t request), (name, request))                         \
	/* This thread begins a pass of the model: so many requests, rows, rows with padding. */   \
	M(pass_begin,                                                                              \
	  (const char *name, uint64_t group, uint64_t requests, uint64_t tokens, uint64_t padded), \
	  (name, group, requests, tokens, padded))                                                 \
	/* Takes part in the pass and joins its group. A pass without is of the whole group. */    \
	M(pass_member, (uint64_t request), (request))                                              \
	M(pass_end, (const char *name), (name))                                                    \
	M(group_leave, (uint64_t group, uint64_t request), (group, request))

/* mark_NAME() in marks.c; MARK(NAME, ...) calls it while somebody traces. */
#define MARK_DECLARE(name, types, arguments)                      \
	extern volatile unsigned short infbpf_##name##_semaphore; \
	void mark_##name types;
MARKS(MARK_DECLARE)

#define MARK(name, ...)                                             \
	do {                                                        \
		if (__builtin_expect(infbpf_##name##_semaphore, 0)) \
			mark_##name(__VA_ARGS__);                   \
	} while (0)

#endif /* SERVE_MARKS_H */
