/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Why a thread was blocked, and which frames of its stack are the tracer's own. */
#include "frames.h"
#include "random_profile.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void every_cause_has_a_name_of_its_own(void **unused)
{
	(void)unused;
	for (unsigned int c = 0; c < CAUSES; c++) {
		assert_non_null(wait_cause_name(c));
		for (unsigned int d = 0; d < c; d++)
			assert_string_not_equal(wait_cause_name(c), wait_cause_name(d));
	}
	assert_string_equal(wait_cause_name(CAUSE_GPU_CALL), "GPU call");
	assert_string_equal(wait_cause_name(CAUSES), "other");
}

static void system_call_tells_first(void **unused)
{
	static const struct {
		int syscall;
		unsigned int flags;
		enum wait_cause cause;
		bool certain;
	} cases[] = {
		{ SYS_futex, 0, CAUSE_LOCK, true },
		{ SYS_nanosleep, 0, CAUSE_SLEEP, true },
		{ SYS_clock_nanosleep, 0, CAUSE_SLEEP, true },
		{ SYS_ppoll, 0, CAUSE_POLL, true },
		{ SYS_epoll_pwait, 0, CAUSE_POLL, true },
		{ SYS_recvfrom, 0, CAUSE_NETWORK, true },
		{ SYS_accept4, 0, CAUSE_NETWORK, true },
		{ SYS_wait4, 0, CAUSE_CHILD, true },
		{ SYS_fsync, 0, CAUSE_DISK, true },
		{ SYS_fsync, WAIT_IOWAIT, CAUSE_DISK, true },
		{ SYS_read, 0, CAUSE_OTHER, false },
		{ SYS_read, WAIT_IOWAIT, CAUSE_DISK, false },
		{ SYS_ioctl, 0, CAUSE_OTHER, false },
		{ SYS_openat, WAIT_IOWAIT, CAUSE_DISK, false },
		/* A page of the arguments has to come from the disk. */
		{ SYS_futex, WAIT_IOWAIT, CAUSE_DISK, false },
		{ -1, 0, CAUSE_OTHER, false },
		{ -1, WAIT_IOWAIT, CAUSE_PAGE_FAULT, false },
		{ SYS_futex, WAIT_STOPPED, CAUSE_STOPPED, true },
		{ SYS_futex, WAIT_KTHREAD, CAUSE_OTHER, true },
		{ SYS_futex, WAIT_KTHREAD | WAIT_IOWAIT, CAUSE_DISK, true },
		{ SYS_futex, WAIT_UNKNOWN, CAUSE_OTHER, false },
		{ 32767, 0, CAUSE_OTHER, false },
	};
	bool certain;

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(wait_cause_first(cases[i].syscall, cases[i].flags, &certain),
				 cases[i].cause);
		assert_int_equal(certain, cases[i].certain);
	}
}

/* Stacks as kernels show them, outermost first. */
static void stack_refines(void **unused)
{
	static const struct {
		const char *frames[8];
		enum wait_cause cause;
	} cases[] = {
		{ { "do_syscall_64_[k]", "ksys_read_[k]", "anon_pipe_read_[k]" }, CAUSE_PIPE },
		{ { "vfs_read_[k]", "pipe_read_[k]" }, CAUSE_PIPE },
		{ { "sock_read_iter_[k]", "tcp_recvmsg_[k]", "sk_wait_data_[k]" }, CAUSE_NETWORK },
		{ { "vfs_read_[k]", "eventfd_read_[k]" }, CAUSE_PIPE },
		{ { "do_sigtimedwait.isra.0_[k]" }, CAUSE_SLEEP },
		{ { "filemap_read_[k]", "filemap_get_pages_[k]", "io_schedule_[k]" }, CAUSE_DISK },
		{ { "__iomap_dio_rw_[k]", "schedule_[k]" }, CAUSE_DISK },
		/* A major fault passes what a cold read passes. */
		{ { "asm_exc_page_fault_[k]", "filemap_fault_[k]", "filemap_get_pages_[k]" },
		  CAUSE_PAGE_FAULT },
		/* Also inside a system call: the pipe is not what it waited for. */
		{ { "pipe_write_[k]", "filemap_fault_[k]", "folio_wait_bit_common_[k]" },
		  CAUSE_PAGE_FAULT },
		{ { "ext4_sync_file_[k]", "folio_wait_writeback_[k]" }, CAUSE_DISK },
		{ { "do_signal_stop_[k]" }, CAUSE_STOPPED },
		{ { "__x64_sys_ioctl_[k]", "nvidia_unlocked_ioctl_[k]", "_nv042_[k]" },
		  CAUSE_GPU_DRIVER },
		{ { "__x64_sys_ioctl_[k]", "kvm_vcpu_block_[k]" }, CAUSE_NONE },
		/* A name that only begins like a rule's is another function. */
		{ { "do_futex_extra_[k]", "xpipe_read_[k]" }, CAUSE_NONE },
		{ { "do_wait.constprop.0_[k]" }, CAUSE_CHILD },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t n = 0;

		while (n < COUNT(cases[i].frames) && cases[i].frames[n])
			n++;
		assert_int_equal(wait_cause_refine(cases[i].frames, n), cases[i].cause);
	}
	assert_int_equal(wait_cause_refine(NULL, 0), CAUSE_NONE);
}

static void symbol_without_its_suffixes(void **unused)
{
	(void)unused;
	assert_int_equal(frame_symbol("schedule_[k]"), 8);
	assert_int_equal(frame_symbol("finish_task_switch.isra.0_[k]"), 18);
	assert_int_equal(frame_symbol("f.constprop.0.isra.1_[k]"), 1);
	assert_int_equal(frame_symbol("a.b_[k]"), 3);
	assert_int_equal(frame_symbol("hrtimer_interrupt.cold_[k]"), 17);
	assert_int_equal(frame_symbol("_[k]"), 4);
	assert_int_equal(frame_symbol(""), 0);
}

struct trim_case {
	enum frames_origin origin;
	size_t user_n, left;
	const char *frames[10];
};

static void trims_what_the_tracer_left(void **unused)
{
	static const struct trim_case cases[] = {
		/* After the switch, by sched_exit_tp. */
		{ FRAMES_WAIT,
		  1,
		  2,
		  { "main", "do_futex_[k]", "schedule_[k]", "__schedule_[k]", "bpf_trace_run1_[k]",
		    "bpf_prog_77_after_switch_[k]" } },
		/* By the kprobe; the ways to sleep go too. */
		{ FRAMES_WAIT,
		  0,
		  1,
		  { "hrtimer_nanosleep_[k]", "do_nanosleep_[k]", "schedule_[k]",
		    "__schedule.constprop.0_[k]", "finish_task_switch.isra.0_[k]" } },
		/* Still open at the end: the kernel has left them out already. */
		{ FRAMES_WAIT, 0, 1, { "hrtimer_nanosleep_[k]" } },
		/* Preempted: how it came about stays. */
		{ FRAMES_WAIT,
		  0,
		  2,
		  { "irqentry_exit_[k]", "preempt_schedule_irq_[k]", "__schedule_[k]",
		    "__traceiter_sched_switch_[k]" } },
		/* No __schedule: at the system call's exit. */
		{ FRAMES_WAIT,
		  1,
		  2,
		  { "main", "do_syscall_64_[k]", "syscall_exit_work_[k]", "bpf_trace_run2_[k]",
		    "bpf_prog_1_[k]" } },
		/* A user function may be named like a kernel one. */
		{ FRAMES_WAIT, 2, 2, { "main", "__schedule" } },
		/* A sample begins where the interrupt hit: nothing to trim, not even __schedule. */
		{ FRAMES_SAMPLE, 0, 2, { "schedule_[k]", "__schedule_[k]" } },
		{ FRAMES_SAMPLE,
		  0,
		  3,
		  { "asm_sysvec_apic_timer_interrupt_[k]", "handle_softirqs_[k]", "net_rx_[k]" } },
		/* One that begins in the clock itself, which struck in user mode... */
		{ FRAMES_SAMPLE,
		  1,
		  1,
		  { "main", "asm_sysvec_apic_timer_interrupt_[k]", "hrtimer_interrupt_[k]",
		    "perf_swevent_hrtimer_[k]", "__perf_event_overflow_[k]", "bpf_prog_1_[k]" } },
		/* ...and within another interrupt. */
		{ FRAMES_SAMPLE,
		  0,
		  2,
		  { "asm_sysvec_apic_timer_interrupt_[k]", "net_rx_[k]",
		    "asm_sysvec_apic_timer_interrupt_[k]", "hrtimer_interrupt_[k]",
		    "perf_swevent_hrtimer_[k]", "bpf_overflow_handler_[k]", "bpf_prog_1_[k]" } },
		/* At a call's return the kernel is there for the probe only. */
		{ FRAMES_CALL, 1, 1, { "main", "uprobe_notify_resume_[k]", "bpf_prog_1_[k]" } },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t n = 0;

		while (n < COUNT(cases[i].frames) && cases[i].frames[n])
			n++;
		assert_int_equal(frames_trim(cases[i].frames, n, cases[i].user_n, cases[i].origin),
				 cases[i].left);
	}
	assert_int_equal(frames_trim(NULL, 0, 0, FRAMES_WAIT), 0);
}

static void places_the_call(void **unused)
{
	static const char *const frames[] = { "main", "__cudaLaunchKernel", "step", "cudaMalloc" };
	bool found;

	(void)unused;
	assert_int_equal(frames_place_call(frames, 4, 4, "cudaMalloc", &found), 3);
	assert_true(found);
	assert_int_equal(frames_place_call(frames, 4, 4, "cudaLaunchKernel", &found), 1);
	assert_false(found);
	/* cudaMallocHost is not a variant of it. */
	assert_int_equal(frames_place_call(frames, 4, 4, "cudaMall", &found), 4);
	assert_int_equal(frames_place_call(frames, 0, 0, "cudaMalloc", &found), 0);
	/* A walk that broke off inside the call: what it met is below the call. */
	assert_int_equal(frames_place_call(frames, 4, 0, "cudaMall", &found), 0);
	assert_false(found);
	assert_int_equal(frames_place_call(frames, 4, 2, "cudaMall", &found), 2);
	/* What the frames say themselves goes before what the count says. */
	assert_int_equal(frames_place_call(frames, 4, 0, "cudaLaunchKernel", &found), 1);
	assert_false(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cause_has_a_name_of_its_own),
		cmocka_unit_test(system_call_tells_first),
		cmocka_unit_test(stack_refines),
		cmocka_unit_test(symbol_without_its_suffixes),
		cmocka_unit_test(trims_what_the_tracer_left),
		cmocka_unit_test(places_the_call),
	};

	return cmocka_run_group_tests_name("wait_cause", tests, NULL, NULL);
}
