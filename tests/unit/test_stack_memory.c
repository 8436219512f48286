// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The memory that a stack is walked in: copies in a sample, or the process. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include "collect_stack.h"
#include "sigframe.h"
#include "stack_memory.h"

#define SP    0x7ffd00001000ULL
#define OUTER 0x7ffd90000000ULL
#define ROOM  1024
#define AT    SAMPLE_STACK_AT(INFBPF_MAX_STACK)

struct record {
	struct rec_sample s;
	uint64_t ips[INFBPF_MAX_STACK];
	uint8_t stack[ROOM];
};

static struct record *record(void)
{
	struct record *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	assert_int_equal(offsetof(struct record, stack), AT);
	r->s.regs.sp = SP + SAMPLE_RED_ZONE;
	r->s.stack_bytes = ROOM / 2;
	for (size_t i = 0; i < ROOM; i++)
		r->stack[i] = (uint8_t)(i * 7);
	return r;
}

static void in_a_copy(void **state)
{
	struct record *r = record();
	struct stack_memory m;
	uint8_t buf[16];

	(void)state;
	stack_memory_copied(&m, &r->s, sizeof(*r));
	assert_int_equal(stack_memory_read(&m, SP, buf, 16), 0);
	assert_memory_equal(buf, r->stack, 16);
	assert_int_equal(stack_memory_read(&m, SP + ROOM / 2 - 16, buf, 16), 0);
	assert_memory_equal(buf, r->stack + ROOM / 2 - 16, 16);
	free(r);
}

static void behind_a_copy(void **state)
{
	struct record *r = record();
	struct stack_memory m;
	uint8_t buf[16];

	(void)state;
	stack_memory_copied(&m, &r->s, sizeof(*r));
	assert_int_equal(stack_memory_read(&m, SP + ROOM / 2, buf, 8), -ENODATA);
	assert_int_equal(stack_memory_read(&m, SP + ROOM / 2 - 8, buf, 16), -ENODATA);
	/* Below the red zone, or nowhere near. */
	assert_int_equal(stack_memory_read(&m, SP - 8, buf, 8), -EFAULT);
	assert_int_equal(stack_memory_read(&m, SP + (1ULL << 40), buf, 8), -EFAULT);
	assert_int_equal(stack_memory_read(&m, UINT64_MAX - 3, buf, 8), -EFAULT);
	free(r);
}

static void an_interrupted_stack(void **state)
{
	struct record *r = record();
	struct stack_memory m;
	uint8_t buf[8];

	(void)state;
	r->s.outer_sp = OUTER + SAMPLE_RED_ZONE;
	r->s.outer_at = AT + ROOM / 2;
	r->s.outer_bytes = ROOM / 2;
	stack_memory_copied(&m, &r->s, sizeof(*r));
	assert_int_equal(stack_memory_read(&m, OUTER + 8, buf, 8), 0);
	assert_memory_equal(buf, r->stack + ROOM / 2 + 8, 8);
	assert_int_equal(stack_memory_read(&m, OUTER + ROOM / 2, buf, 8), -ENODATA);
	assert_int_equal(stack_memory_read(&m, SP + ROOM / 2, buf, 8), -ENODATA);
	free(r);
}

/* Sizes and places that lie outside the record are not believed. */
static void a_lying_record(void **state)
{
	struct record *r = record();
	struct stack_memory m;
	uint8_t buf[8];

	(void)state;
	r->s.stack_bytes = ROOM + 1;
	stack_memory_copied(&m, &r->s, sizeof(*r));
	assert_int_equal(stack_memory_read(&m, SP, buf, 8), -EFAULT);
	r->s.stack_bytes = 16;
	r->s.regs.sp = 8;
	r->s.outer_sp = OUTER;
	r->s.outer_bytes = UINT32_MAX;
	r->s.outer_at = UINT32_MAX;
	stack_memory_copied(&m, &r->s, sizeof(*r));
	assert_int_equal(m.copies_n, 0);
	free(r);
}

static void a_process(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *pages =
		mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct stack_memory m;
	uint8_t buf[16];
	uint64_t at;

	(void)state;
	assert_ptr_not_equal(pages, MAP_FAILED);
	for (size_t i = 0; i < 3 * page; i++)
		pages[i] = (uint8_t)(i * 13);
	assert_int_equal(munmap(pages + 2 * page, page), 0);
	at = (uintptr_t)pages;
	stack_memory_remote(&m, getpid());
	assert_int_equal(stack_memory_read(&m, at + 24, buf, 16), 0);
	assert_memory_equal(buf, pages + 24, 16);
	/* Across pages. */
	assert_int_equal(stack_memory_read(&m, at + page - 8, buf, 16), 0);
	assert_memory_equal(buf, pages + page - 8, 16);
	assert_int_equal(stack_memory_read(&m, at + 2 * page, buf, 8), -EFAULT);
	assert_int_equal(stack_memory_read(&m, at + 2 * page - 8, buf, 16), -EFAULT);
	assert_int_equal(stack_memory_read_code(getpid(), at, buf, 8), 8);
	assert_memory_equal(buf, pages, 8);
	/* What there is before the mapping's end. */
	assert_int_equal(stack_memory_read_code(getpid(), at + 2 * page - 4, buf, 16), 4);
	assert_int_equal(stack_memory_read_code(getpid(), at + 2 * page, buf, 8), -EFAULT);
	munmap(pages, 2 * page);
}

/* The kernel's frame is at least a ucontext, a siginfo and the FPU's 512 bytes; with every extension
 * there is (AMX) 12 KiB. */
static void a_signal_frame(void **state)
{
	unsigned int bytes = sigframe_bytes();

	(void)state;
	assert_in_range(bytes, 304 + 128 + 512, 16384);
	assert_int_equal(bytes, sigframe_bytes());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_a_copy),
		cmocka_unit_test(behind_a_copy),
		cmocka_unit_test(an_interrupted_stack),
		cmocka_unit_test(a_lying_record),
		cmocka_unit_test(a_process),
		cmocka_unit_test(a_signal_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
