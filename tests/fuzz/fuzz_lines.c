// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Source lines: what a file says of its debug information, before libdw sees it; and what the process
 * with libdw in it sends, which is as hostile as the file. libdw itself is not the target: it works in
 * a process of its own because it is not made for strangers' files.
 */
#define _GNU_SOURCE
#include "../../user/symbols/lines.h"

#include "../../user/symbols/elf.h"
#include "fuzz.h"

#define ADDRESSES 100

struct taken {
	size_t address, next, frames_n;
};

/* The frames of an address come whole and in order. */
static void take_frame(void *arg, size_t address, size_t i, size_t frames_n, char *function,
		       char *file, uint32_t line)
{
	struct taken *t = arg;

	(void)line;
	FUZZ_EXPECT(address < ADDRESSES && frames_n && frames_n <= SYMBOLS_INLINED_MAX);
	FUZZ_EXPECT(i == t->next && (!i || (address == t->address && frames_n == t->frames_n)));
	FUZZ_EXPECT(strlen(function) <= LINES_TEXT_MAX && strlen(file) <= LINES_TEXT_MAX);
	*t = (struct taken){ address, i + 1 < frames_n ? i + 1 : 0, frames_n };
}

static void parse(const uint8_t *data, size_t size, size_t step)
{
	struct taken taken = { 0 };
	struct lines_parser p = { .addresses_n = ADDRESSES, .frame = take_frame, .arg = &taken };
	int err = 0;

	for (size_t at = 0; at < size && !err; at += step)
		err = lines_parse(&p, data + at, size - at < step ? size - at : step);
	FUZZ_EXPECT(!taken.next && p.n <= size);
	free(p.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t info, all;
	struct elf_file *f;

	parse(data, size, size + 1);
	parse(data, size, size / 7 + 1);
	if (elf_file_open_fd(&f, fuzz_file(data, size)))
		return 0;
	if (!elf_file_debug_bytes(f, &info, &all))
		FUZZ_EXPECT(info && info <= all);
	elf_file_close(f);
	return 0;
}
