/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stacks cut down to what the traced program did. */
#include <string.h>
#include "frames.h"

size_t frame_symbol(const char *name)
{
	static const char *const clones[] = { ".isra.", ".constprop.", ".part.", ".cold",
					      ".llvm." };
	size_t n = strlen(name);

	if (n > 4 && !memcmp(name + n - 4, "_[k]", 4))
		n -= 4;
	for (const char *dot = memchr(name, '.', n); dot;
	     dot = memchr(dot + 1, '.', n - (size_t)(dot + 1 - name)))
		for (size_t i = 0; i < sizeof(clones) / sizeof(*clones); i++)
			if (!strncmp(dot, clones[i], strlen(clones[i])))
				return (size_t)(dot - name);
	return n;
}

bool frame_matches(const struct frame_pattern *p, const char *name, size_t symbol_n)
{
	return (p->prefix ? symbol_n >= p->n : symbol_n == p->n) && !memcmp(name, p->symbol, p->n);
}

/* How the kernel gets from an event to a BPF program. On a wait's stack these are on top only where
 * __schedule is missing: switch-in by kprobe, system call exit, a task looked at by the iterator. */
static const struct frame_pattern hook_frames[] = {
	FRAME_FROM("bpf_prog_"),
	FRAME_FROM("bpf_trace_run"),
	FRAME_FROM("bpf_trampoline_"),
	FRAME_FROM("bpf_get_stack"),
	FRAME_AT("bpf_get_task_stack"),
	FRAME_FROM("__bpf_get_stack"),
	FRAME_AT("get_perf_callchain"),
	FRAME_FROM("stack_trace_save"),
	FRAME_AT("arch_stack_walk"),
	FRAME_FROM("__bpf_trace_"),
	FRAME_FROM("__traceiter_"),
	FRAME_AT("trace_call_bpf"),
	FRAME_FROM("perf_trace_"),
	FRAME_FROM("perf_call_bpf_"),
	FRAME_FROM("kprobe_"),
	FRAME_FROM("__kprobe"),
	FRAME_AT("aggr_pre_handler"),
	FRAME_FROM("ftrace_"),
	FRAME_FROM("arch_ftrace_"),
	FRAME_AT("optimized_callback"),
	FRAME_AT("asm_exc_int3"),
	FRAME_AT("exc_int3"),
	FRAME_AT("do_int3"),
	FRAME_AT("finish_task_switch"),
	FRAME_AT("__switch_to"),
	FRAME_AT("__switch_to_asm"),
	FRAME_AT("trace_sys_exit"),
	FRAME_AT("syscall_exit_work"),
};
#define HOOK_FRAMES (sizeof(hook_frames) / sizeof(*hook_frames))

/* The sampling clock on its way to its BPF program. */
static const struct frame_pattern clock_frames[] = {
	FRAME_FROM("bpf_prog_"),
	FRAME_AT("bpf_overflow_handler"),
	FRAME_AT("__bpf_overflow_handler"),
	FRAME_AT("__perf_event_overflow"),
	FRAME_AT("perf_event_overflow"),
	FRAME_AT("perf_swevent_hrtimer"),
	FRAME_AT("perf_event_nmi_handler"),
};
#define CLOCK_FRAMES (sizeof(clock_frames) / sizeof(*clock_frames))

/* Where an interrupt enters the kernel: x86-64, its hypervisors, arm64. */
static const struct frame_pattern interrupt_frames[] = {
	FRAME_FROM("asm_sysvec_"), FRAME_AT("asm_exc_nmi"),   FRAME_AT("asm_common_interrupt"),
	FRAME_FROM("el1h_64_irq"), FRAME_FROM("el0t_64_irq"), FRAME_AT("el1_interrupt"),
	FRAME_AT("el0_interrupt"),
};
#define INTERRUPT_FRAMES (sizeof(interrupt_frames) / sizeof(*interrupt_frames))

/* How a thread goes to sleep: all of these mean no more than that it does. The kernel itself leaves
 * them out of the stack of another task (/proc/PID/stack, a wait still open at the trace's end), so
 * a wait that is over must not show them either: it is the same wait. */
static const struct frame_pattern sleep_frames[] = {
	FRAME_AT("schedule"),
	FRAME_AT("io_schedule"),
	FRAME_AT("io_schedule_timeout"),
	FRAME_AT("schedule_preempt_disabled"),
	FRAME_FROM("schedule_timeout"),
	FRAME_FROM("schedule_hrtimeout"),
	FRAME_AT("do_nanosleep"),
};
#define SLEEP_FRAMES (sizeof(sleep_frames) / sizeof(*sleep_frames))

static bool is_one_of(const struct frame_pattern *patterns, size_t n, const char *name)
{
	const size_t symbol_n = frame_symbol(name);

	for (size_t i = 0; i < n; i++)
		if (frame_matches(&patterns[i], name, symbol_n))
			return true;
	return false;
}

/* A stack taken around a switch: away with everything from the leaf up through __schedule, and with
 * what the kernel called to get there. How a running thread lost its CPU ("preempt_schedule_irq")
 * stays. */
static size_t trim_wait(const char *const *frames, size_t n, size_t user_n)
{
	static const struct frame_pattern inner = FRAME_AT("__schedule");
	size_t i = n;

	while (i > user_n && !is_one_of(&inner, 1, frames[i - 1]))
		i--;
	if (i > user_n)
		n = i - 1;
	else
		while (n > user_n && is_one_of(hook_frames, HOOK_FRAMES, frames[n - 1]))
			n--;
	while (n > user_n && is_one_of(sleep_frames, SLEEP_FRAMES, frames[n - 1]))
		n--;
	return n;
}

/* Away with the waking itself: the tracepoint, and from there through the function that has it. */
static size_t trim_waker(const char *const *frames, size_t n, size_t user_n)
{
	static const struct frame_pattern waking = FRAME_AT("try_to_wake_up");

	for (size_t i = n; i > user_n; i--)
		if (is_one_of(&waking, 1, frames[i - 1]))
			return i - 1;
	while (n > user_n && is_one_of(hook_frames, HOOK_FRAMES, frames[n - 1]))
		n--;
	return n;
}

/* A sample's stack begins where the interrupt hit, as a rule. Where it begins in the sampling clock,
 * away with everything up through that interrupt's entry; an interrupt that was being handled when
 * the clock struck lies farther out and stays. */
static size_t trim_sample(const char *const *frames, size_t n, size_t user_n)
{
	bool clock = false;
	size_t top = n;

	for (; top > user_n; top--) {
		const char *name = frames[top - 1];

		if (is_one_of(clock_frames, CLOCK_FRAMES, name))
			clock = true;
		else if (!is_one_of(hook_frames, HOOK_FRAMES, name))
			break;
	}
	if (!clock)
		return n;
	for (size_t i = top; i > user_n; i--)
		if (is_one_of(interrupt_frames, INTERRUPT_FRAMES, frames[i - 1]))
			return i - 1;
	return top;
}

size_t frames_trim(const char *const *frames, size_t n, size_t user_n, enum frames_origin origin)
{
	switch (origin) {
	case FRAMES_WAIT:
		return trim_wait(frames, n, user_n);
	case FRAMES_SAMPLE:
		return trim_sample(frames, n, user_n);
	case FRAMES_WAKER:
		return trim_waker(frames, n, user_n);
	case FRAMES_CALL:
		/* The kernel is only there for the probe. */
		return user_n;
	}
	return n;
}

size_t frames_place_call(const char *const *frames, size_t user_n, size_t outside, const char *call,
			 bool *found)
{
	const size_t n = strlen(call);
	size_t place = outside < user_n ? outside : user_n;
	bool variant = false;

	*found = false;
	for (size_t i = 0; i < user_n; i++) {
		const char *bare = frames[i] + strspn(frames[i], "_");

		if (!strcmp(frames[i], call)) {
			*found = true;
			return i;
		}
		if (!variant && !strncmp(bare, call, n) && (!bare[n] || bare[n] == '_')) {
			variant = true;
			place = i;
		}
	}
	return place;
}
