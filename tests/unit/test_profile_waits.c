// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What threads were blocked for: kinds of waits, told by facts and by stacks. */
#include "profile_by_hand.h"

static void waits_are_refined(void **unused)
{
	struct profile *p = profile_new();

	(void)unused;
	add_thread(p, 1, "t", 0, 0, 0, 1000);
	assert_int_equal(profile_add_wait(p, 1, SYS_read, 0, 600, 9), 0);
	assert_int_equal(profile_add_wait(p, 1, SYS_futex, 0, 400, 9), 0);
	add_wait_stack(p, 1, SYS_read, 0, "pipe_read_[k]", 30);
	add_wait_stack(p, 1, SYS_read, 0, "sk_wait_data.isra.0_[k]", 20);
	add_wait_stack(p, 1, SYS_read, 0, "devkmsg_read_[k]", 10);
	/* A futex wait is certain, whatever else is on its stack. */
	add_wait_stack(p, 1, SYS_futex, 0, "pipe_read_[k]", 10);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(lines_ns(p, 1, PROFILE_BLOCKED, CAUSE_PIPE, "*"), 300);
	assert_int_equal(lines_ns(p, 1, PROFILE_BLOCKED, CAUSE_NETWORK, "*"), 200);
	assert_int_equal(lines_ns(p, 1, PROFILE_BLOCKED, CAUSE_OTHER, "*"), 100);
	assert_int_equal(lines_ns(p, 1, PROFILE_BLOCKED, CAUSE_LOCK, "*"), 400);
	assert_non_null(line_with(p, 1, PROFILE_BLOCKED, "pipe_read_[k]"));
	assert_null(line_with(p, 1, PROFILE_BLOCKED, "schedule_[k]"));
	profile_free(p);
}

static const struct profile_wait *wait_of(const struct profile *p, enum wait_kind kind)
{
	for (size_t i = 0; i < p->waits_n; i++)
		if (p->waits[i].kind == kind)
			return &p->waits[i];
	return NULL;
}

static void descriptors_need_no_stack(void **unused)
{
	const unsigned int tcp = FD_TCP << WAIT_FD_SHIFT, pipe = FD_PIPE << WAIT_FD_SHIFT;
	const uint64_t in_call[PROFILE_STATES] = { 0, 0, 0, 70 };
	struct profile *p = profile_new();

	(void)unused;
	add_thread(p, 1, "t", 0, 0, 0, 570);
	add_thread(p, 2, "u", 0, 0, 0, 900);
	assert_int_equal(profile_add_wait(p, 1, SYS_read, tcp, 300, 7), 0);
	assert_int_equal(profile_add_wait(p, 1, SYS_read, pipe, 200, 5), 0);
	assert_int_equal(profile_add_thread_call(p, 1, "cudaMemcpy", in_call), 0);
	assert_int_equal(profile_add_wait(p, 2, SYS_recvfrom, tcp, 100, 3), 0);
	assert_int_equal(profile_add_wait(p, 2, SYS_exit_group, 0, 800, 2), 0);
	add_wait_stack(p, 2, SYS_exit_group, 0, "__flush_work.isra.0_[k]", 10);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->waits_n, 4);
	assert_int_equal(wait_of(p, KIND_TCP_RECEIVE)->blocked_ns, 400);
	assert_int_equal(wait_of(p, KIND_TCP_RECEIVE)->waits, 10);
	assert_int_equal(wait_of(p, KIND_PIPE)->waits, 5);
	assert_int_equal(wait_of(p, KIND_GPU_CALL)->blocked_ns, 70);
	assert_int_equal(wait_of(p, KIND_GPU_CALL)->waits, PROFILE_UNKNOWN);
	assert_int_equal(wait_of(p, KIND_OTHER)->blocked_ns, 800);
	assert_int_equal(wait_of(p, KIND_OTHER)->waits, PROFILE_UNKNOWN);
	assert_string_equal(wait_of(p, KIND_OTHER)->frame, "__flush_work");
	assert_null(wait_of(p, KIND_PIPE)->frame);
	profile_free(p);
}

/* A kind that a stack tells, too, is not counted. */
static void sampled_kinds_are_not_counted(void **unused)
{
	struct profile *p = profile_new();

	(void)unused;
	add_thread(p, 1, "t", 0, 0, 0, 500);
	assert_int_equal(profile_add_wait(p, 1, SYS_read, FD_PIPE << WAIT_FD_SHIFT, 300, 7), 0);
	assert_int_equal(profile_add_wait(p, 1, SYS_splice, 0, 200, 5), 0);
	add_wait_stack(p, 1, SYS_splice, 0, "splice_from_pipe_next_[k]", 10);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(p->waits_n, 1);
	assert_int_equal(wait_of(p, KIND_PIPE)->blocked_ns, 500);
	assert_int_equal(wait_of(p, KIND_PIPE)->waits, PROFILE_UNKNOWN);
	profile_free(p);
}

/* Waits too short for a stack are what the same waits of the thread's namesakes were. */
static void short_waits_borrow_the_split(void **unused)
{
	struct profile *p = profile_new();

	(void)unused;
	add_thread(p, 1, "t", 0, 0, 0, 1000);
	add_thread(p, 2, "t", 0, 0, 0, 100);
	add_thread(p, 3, "other name", 0, 0, 0, 40);
	assert_int_equal(profile_add_wait(p, 1, SYS_splice, 0, 1000, 9), 0);
	assert_int_equal(profile_add_wait(p, 2, SYS_splice, 0, 100, 9), 0);
	assert_int_equal(profile_add_wait(p, 3, SYS_splice, 0, 40, 9), 0);
	add_wait_stack(p, 1, SYS_splice, 0, "splice_from_pipe_next_[k]", 30);
	add_wait_stack(p, 1, SYS_splice, 0, "sk_wait_data_[k]", 10);
	add_wait_stack(p, 1, SYS_splice, 0, "strange_read_[k]", 10);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(lines_ns(p, 2, PROFILE_BLOCKED, CAUSE_PIPE, "*"), 60);
	assert_int_equal(lines_ns(p, 2, PROFILE_BLOCKED, CAUSE_NETWORK, "*"), 20);
	assert_int_equal(lines_ns(p, 2, PROFILE_BLOCKED, CAUSE_OTHER, "*"), 20);
	assert_int_equal(lines_ns(p, 3, PROFILE_BLOCKED, CAUSE_OTHER, "*"), 40);
	assert_int_equal(p->waits_n, 4);
	assert_int_equal(wait_of(p, KIND_PIPE)->blocked_ns, 660);
	assert_int_equal(wait_of(p, KIND_TCP_RECEIVE)->blocked_ns, 220);
	/* The frame of the others, and the one without a stack to borrow. */
	assert_int_equal(wait_of(p, KIND_OTHER)->blocked_ns, 220);
	assert_string_equal(wait_of(p, KIND_OTHER)->frame, "strange_read");
	profile_free(p);
}

/* Waits of a kind that the kernel side had no room for stand behind the rest, as what they are. */
static void rest_takes_stacks_of_unkept_kinds(void **unused)
{
	struct profile *p = profile_new();

	(void)unused;
	add_thread(p, 1, "t", 0, 0, 0, 1000);
	assert_int_equal(profile_add_wait(p, 1, SYS_futex, 0, 300, 9), 0);
	assert_int_equal(profile_add_wait(p, 1, -1, WAIT_UNKNOWN, 500, 9), 0);
	add_wait_stack(p, 1, SYS_ppoll, 0, "do_sys_poll_[k]", 10);
	add_wait_stack(p, 1, SYS_futex, 0, "do_futex_[k]", 10);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(lines_ns(p, 1, PROFILE_BLOCKED, CAUSE_POLL, "*"), 700);
	assert_int_equal(lines_ns(p, 1, PROFILE_BLOCKED, CAUSE_LOCK, "*"), 300);
	profile_free(p);

	p = profile_new();
	add_thread(p, 1, "t", 0, 0, 0, 1000);
	assert_int_equal(profile_add_wait(p, 1, -1, WAIT_UNKNOWN, 500, 9), 0);
	assert_int_equal(profile_finish(p), 0);
	assert_int_equal(lines_ns(p, 1, PROFILE_BLOCKED, CAUSE_OTHER, "*"), 1000);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_are_refined),
		cmocka_unit_test(descriptors_need_no_stack),
		cmocka_unit_test(sampled_kinds_are_not_counted),
		cmocka_unit_test(short_waits_borrow_the_split),
		cmocka_unit_test(rest_takes_stacks_of_unkept_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
