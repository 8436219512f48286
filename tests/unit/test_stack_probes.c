// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Threads met at the breakpoint of a user probe, and those that only look so. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "stack_probes.h"

#define FUNCTION 0x401000ULL
#define CALLER	 0x402345ULL
#define SP	 0x7ffd00001000ULL

#define INT3 0xcc
#define PUSH 0x55

/* One byte before ip as memory and as the file have it, and what is on top of the stack. */
struct place {
	uint8_t memory, file;
	bool no_file;
	uint64_t top;
};

static bool is_code(void *arg, uint64_t ip)
{
	(void)arg;
	return ip >> 12 == FUNCTION >> 12 || ip >> 12 == CALLER >> 12;
}

static int read_stack(void *arg, uint64_t address, void *buf, size_t n)
{
	const struct place *p = arg;

	if (address != SP || n != sizeof(p->top))
		return -EFAULT;
	memcpy(buf, &p->top, n);
	return 0;
}

static int read_code(void *arg, uint64_t ip, void *buf, size_t n)
{
	(void)ip;
	memset(buf, ((const struct place *)arg)->memory, n);
	return (int)n;
}

static int read_file(void *arg, uint64_t ip, void *buf, size_t n)
{
	const struct place *p = arg;

	(void)ip;
	memset(buf, p->file, n);
	return p->no_file ? -EFAULT : 0;
}

/* Where a thread that was preempted at ip is taken to have been. */
static uint64_t met_at(struct place *place, uint64_t ip)
{
	const struct rec_sample sample = { .kind = SAMPLE_WAIT,
					   .kernel_n = 1,
					   .regs = { .ip = ip, .sp = SP } };
	struct stack_probes p = { .sample = &sample,
				  .arg = place,
				  .is_code = is_code,
				  .read = read_stack,
				  .read_code = read_code,
				  .read_file = read_file };

	return stack_probes_registers(&p).ip;
}

static void breakpoint(void **state)
{
	struct place p = { .memory = INT3, .file = PUSH, .top = CALLER };

	(void)state;
	assert_int_equal(met_at(&p, FUNCTION + 1), FUNCTION);
}

/* push %rbp has been run for the thread: the frame pointer is on top, ip is right. */
static void behind_it(void **state)
{
	struct place p = { .memory = INT3, .file = PUSH, .top = SP + 64 };

	(void)state;
	assert_int_equal(met_at(&p, FUNCTION + 1), FUNCTION + 1);
}

/* lld fills the gaps between functions with the same byte. */
static void gap(void **state)
{
	struct place p = { .memory = INT3, .file = INT3, .top = CALLER };

	(void)state;
	assert_int_equal(met_at(&p, FUNCTION), FUNCTION);
}

/* Code that is in no file: nobody's probe can be told from a compiler's filling. */
static void no_file(void **state)
{
	struct place p = { .memory = INT3, .no_file = true, .top = CALLER };

	(void)state;
	assert_int_equal(met_at(&p, FUNCTION), FUNCTION);
}

#define TRAMPOLINE 0x7fffffffe000ULL

/* A function that ended in a jump to another probed one shares its return with it. */
static void hidden_returns(void **state)
{
	const struct rec_sample sample = { .returns = { CALLER, CALLER, CALLER + 64 },
					   .return_sp = { SP, SP, SP + 256 } };
	struct stack_probes p = { .sample = &sample };

	(void)state;
	assert_int_equal(stack_probes_return(&p, TRAMPOLINE), CALLER);
	assert_int_equal(stack_probes_return(&p, FUNCTION), FUNCTION);
	assert_int_equal(stack_probes_return(&p, TRAMPOLINE), CALLER + 64);
	/* More of them than were noted. */
	assert_int_equal(stack_probes_return(&p, TRAMPOLINE), TRAMPOLINE);
}

/* On the way back through the trampoline: what it has pushed by then lies on the stack. */
static void in_the_trampoline(void **state)
{
	static const struct {
		uint64_t offset, pushed;
	} at[] = { { 0, 0 }, { 1, 8 }, { 2, 16 }, { 4, 24 }, { 13, 24 } };

	(void)state;
	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
		const struct rec_sample sample = {
			.kind = SAMPLE_ON_CPU,
			.regs = { .ip = TRAMPOLINE + at[i].offset, .sp = SP },
			.returns = { CALLER },
			.return_sp = { SP + at[i].pushed - 8 },
		};
		struct stack_probes p = { .sample = &sample };
		const struct user_regs regs = stack_probes_registers(&p);

		assert_int_equal(regs.ip, CALLER);
		assert_int_equal(regs.sp, SP + at[i].pushed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(breakpoint),
		cmocka_unit_test(behind_it),
		cmocka_unit_test(gap),
		cmocka_unit_test(no_file),
		cmocka_unit_test(hidden_returns),
		cmocka_unit_test(in_the_trampoline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
