// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Notes and arguments of marks: by hand, and those of this program. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>
#include "symbols/elf.h"
#include "usdt.h"

#define NONE MARK_NO_REGISTER

__extension__ volatile unsigned short infbpf_stage_begin_semaphore
	__attribute__((section(".probes"), used));
__extension__ volatile unsigned short infbpf_pass_begin_semaphore
	__attribute__((section(".probes"), used));
__extension__ volatile unsigned short infbpf_unheard_of_semaphore
	__attribute__((section(".probes"), used));
__extension__ volatile unsigned short other_stage_begin_semaphore
	__attribute__((section(".probes"), used));

/* --- arguments --- */

static bool symbol_at(void *arg, const char *name, uint64_t *vaddr)
{
	(void)arg;
	*vaddr = 0x5000;
	return !strcmp(name, "known");
}

static void test_arguments(void **state)
{
	static const struct {
		const char *text;
		struct mark_arg want; /* base, index: NONE where nothing is said here */
	} rows[] = {
		{ "8@%rdi", { .base = 7, .index = NONE, .bytes = 8 } },
		{ "-4@%edi", { .base = 7, .index = NONE, .bytes = 4, .is_signed = 1 } },
		{ "4@%r8d", { .base = 8, .index = NONE, .bytes = 4 } },
		{ "2@%r15w", { .base = 15, .index = NONE, .bytes = 2 } },
		{ "1@%sil", { .base = 6, .index = NONE, .bytes = 1 } },
		{ "1@%ah", { .base = 0, .index = NONE, .bytes = 1, .from_bit = 8 } },
		{ "-4@$-5",
		  { .value = -5ULL, .base = NONE, .index = NONE, .bytes = 4, .is_signed = 1 } },
		{ "8@$0x1f", { .value = 0x1f, .base = NONE, .index = NONE, .bytes = 8 } },
		{ "8@$18446744073709551615",
		  { .value = ~0ULL, .base = NONE, .index = NONE, .bytes = 8 } },
		{ "8@-16(%rbp)",
		  { .value = -16ULL, .base = 5, .index = NONE, .is_memory = 1, .bytes = 8 } },
		{ "8@(%rax)", { .base = 0, .index = NONE, .is_memory = 1, .bytes = 8 } },
		{ "4@8(%rdx,%rcx,4)",
		  { .value = 8, .base = 2, .index = 1, .shift = 2, .is_memory = 1, .bytes = 4 } },
		{ "4@(,%r9,8)",
		  { .base = NONE, .index = 9, .shift = 3, .is_memory = 1, .bytes = 4 } },
		{ "8@known+8(%rip)",
		  { .value = 0x4008, .base = MARK_IP, .index = NONE, .is_memory = 1, .bytes = 8 } },
		{ "8@known(%rip)",
		  { .value = 0x4000, .base = MARK_IP, .index = NONE, .is_memory = 1, .bytes = 8 } },
	};
	struct mark_arg args[MARK_ARGS];
	const char *bad;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (usdt_arguments(rows[i].text, 0x1000, symbol_at, NULL, args, &bad))
			fail_msg("%s: not understood at '%s'", rows[i].text, bad);
		if (memcmp(&args[0], &rows[i].want, sizeof(args[0])))
			fail_msg("%s: value %llx base %u index %u shift %u memory %u bytes %u "
				 "signed %u from %u",
				 rows[i].text, args[0].value, args[0].base, args[0].index,
				 args[0].shift, args[0].is_memory, args[0].bytes, args[0].is_signed,
				 args[0].from_bit);
		assert_int_equal(args[1].bytes, 0);
	}
}

static void test_several_arguments(void **state)
{
	struct mark_arg args[MARK_ARGS];
	const char *bad;

	(void)state;
	assert_int_equal(usdt_arguments("8@%rax  4@$7 8@8(%rsp)", 0, NULL, NULL, args, &bad), 0);
	assert_int_equal(args[0].base, 0);
	assert_int_equal(args[1].value, 7);
	assert_int_equal(args[2].base, 4);
	assert_int_equal(args[3].bytes, 0);
	/* None, and more than are kept. */
	assert_int_equal(usdt_arguments("", 0, NULL, NULL, args, &bad), 0);
	assert_int_equal(args[0].bytes, 0);
	assert_int_equal(
		usdt_arguments("8@$1 8@$2 8@$3 8@$4 8@$5 8f@%xmm0", 0, NULL, NULL, args, &bad), 0);
	assert_int_equal(args[4].value, 5);
}

static void test_bad_arguments(void **state)
{
	static const char *const rows[] = {
		"8f@%xmm0",
		"8@%xmm0",
		"8@",
		"@%rax",
		"8%rax",
		"3@%rax",
		"16@%rax",
		"0@%rax",
		"8@%",
		"8@%raxx",
		"8@$",
		"8@$x",
		"8@(%rax",
		"8@()",
		"8@5",
		"8@(%rax,%rbx,3)",
		"8@unknown(%rip)",
		"8@known",
		"8@known(%rax)",
		"8@-(%rax)",
		"8@(%ah)",
		"8@%fs:8",
		"8@$99999999999999999999",
		"8@%rax,8@%rbx",
		"8@known+(%rip)",
	};
	struct mark_arg args[MARK_ARGS];
	const char *bad;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bad = NULL;
		if (usdt_arguments(rows[i], 0, symbol_at, NULL, args, &bad) != -EINVAL || !bad)
			fail_msg("%s: understood", rows[i]);
		assert_ptr_equal(bad, rows[i]);
	}
	/* The second one. */
	assert_int_equal(usdt_arguments("8@%rax 8@%xmm1", 0, NULL, NULL, args, &bad), -EINVAL);
	assert_string_equal(bad, "8@%xmm1");
}

/* --- notes --- */

struct notes {
	char bytes[1024];
	size_t n;
};

static void add_note(struct notes *notes, const char *owner, uint32_t type, const void *desc,
		     uint32_t n)
{
	const uint32_t sizes[3] = { (uint32_t)strlen(owner) + 1, n, type };

	memcpy(notes->bytes + notes->n, sizes, sizeof(sizes));
	notes->n += sizeof(sizes);
	memcpy(notes->bytes + notes->n, owner, sizes[0]);
	notes->n += (sizes[0] + 3) & ~3u;
	memcpy(notes->bytes + notes->n, desc, n);
	notes->n += (n + 3) & ~3u;
}

#define STRINGS               \
	"infbpf\0stage_end\0" \
	"8@%rax"
static void add_mark(struct notes *notes, uint64_t pc)
{
	const uint64_t addresses[3] = { pc, 0x2000, 0x3000 };
	char desc[sizeof(addresses) + sizeof(STRINGS)];

	memcpy(desc, addresses, sizeof(addresses));
	memcpy(desc + sizeof(addresses), STRINGS, sizeof(STRINGS));
	add_note(notes, "stapsdt", 3, desc, sizeof(desc));
}

struct seen {
	struct usdt_note last;
	size_t n;
	int ret;
};

static int see(void *arg, const struct usdt_note *note)
{
	struct seen *seen = arg;

	seen->last = *note;
	seen->n++;
	return seen->ret;
}

static void test_notes(void **state)
{
	struct notes notes = { 0 };
	struct seen seen = { 0 };

	(void)state;
	add_note(&notes, "GNU", 3, "12345678901234567890123456789012", 32);
	add_mark(&notes, 0x1000);
	add_note(&notes, "stapsdt", 2, "12345678901234567890123456789012", 32);
	/* Too short, and a string that does not end. */
	add_note(&notes, "stapsdt", 3, "123", 3);
	add_note(&notes, "stapsdt", 3, "123456781234567812345678infbpf\0mark\0xxxx", 40);
	add_mark(&notes, 0x1234);
	assert_int_equal(usdt_notes_each(notes.bytes, notes.n, see, &seen), 0);
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.last.provider, "infbpf");
	assert_string_equal(seen.last.name, "stage_end");
	assert_string_equal(seen.last.arguments, "8@%rax");
	assert_int_equal(seen.last.pc, 0x1234);
	assert_int_equal(seen.last.base, 0x2000);
	assert_int_equal(seen.last.semaphore, 0x3000);

	/* Cut anywhere: never more than there is (the sanitizer sees it), and the first one or none. */
	for (size_t n = 0; n < notes.n; n++) {
		char *cut = malloc(n ? n : 1);

		memcpy(cut, notes.bytes, n);
		seen = (struct seen){ 0 };
		assert_int_equal(usdt_notes_each(cut, n, see, &seen), 0);
		assert_in_range(seen.n, 0, 2);
		free(cut);
	}
	seen = (struct seen){ .ret = -E2BIG };
	assert_int_equal(usdt_notes_each(notes.bytes, notes.n, see, &seen), -E2BIG);
	assert_int_equal(seen.n, 1);
}

/* --- this program --- */

static uint64_t first(uint64_t request)
{
	if (infbpf_stage_begin_semaphore)
		STAP_PROBE2(infbpf, stage_begin, "name", request);
	STAP_PROBE2(other, stage_begin, "name", request);
	STAP_PROBE1(infbpf, unheard_of, request);
	STAP_PROBE5(infbpf, pass_begin, "pass", 1ull, request, 3ull, 4ull);
	return request;
}

static void test_own_file(void **state)
{
	const struct usdt_mark *begin = NULL, *pass = NULL;
	struct usdt_marks marks;
	struct elf_file *elf;
	uint8_t byte;
	int fd;

	(void)state;
	first(5);
	assert_int_equal(elf_file_open(&elf, "/proc/self/exe"), 0);
	assert_int_equal(usdt_marks_read(elf, &marks), 0);
	elf_file_close(elf);
	assert_string_equal(marks.why, "");
	fd = open("/proc/self/exe", O_RDONLY);
	for (size_t i = 0; i < marks.n; i++) {
		assert_int_equal(marks.marks[i].spec.source, STAGE_FROM_MARK);
		if (marks.marks[i].spec.what == MARK_STAGE_BEGIN)
			begin = &marks.marks[i];
		else if (marks.marks[i].spec.what == MARK_PASS_BEGIN)
			pass = &marks.marks[i];
		else
			fail_msg("mark %u", marks.marks[i].spec.what);
		/* Where it is probed there is a nop, and its counter is 0 in the file. */
		assert_int_equal(pread(fd, &byte, 1, (off_t)marks.marks[i].offset), 1);
		assert_int_equal(byte, 0x90);
		assert_int_not_equal(marks.marks[i].semaphore, 0);
		assert_int_equal(pread(fd, &byte, 1, (off_t)marks.marks[i].semaphore), 1);
		assert_int_equal(byte, 0);
	}
	close(fd);
	assert_non_null(begin);
	assert_non_null(pass);
	assert_int_not_equal(begin->semaphore, pass->semaphore);
	assert_int_equal(pass->spec.args[4].value, 4);
	assert_int_equal(pass->spec.args[4].base, NONE);
	usdt_marks_free(&marks);
}

static void test_names(void **state)
{
	(void)state;
	for (unsigned int what = MARK_NONE + 1; what < MARK_WHATS; what++)
		assert_non_null(usdt_mark_name(what));
	assert_null(usdt_mark_name(MARK_NONE));
	assert_null(usdt_mark_name(MARK_WHATS));
	assert_string_equal(usdt_provider(STAGE_FROM_NVTX), "infbpf_nvtx");
	assert_null(usdt_provider(STAGE_FROM_FUNCTION));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),     cmocka_unit_test(test_several_arguments),
		cmocka_unit_test(test_bad_arguments), cmocka_unit_test(test_notes),
		cmocka_unit_test(test_own_file),      cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
