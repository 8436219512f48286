// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* An ELF file of the target's: headers, symbols, notes, what it says of its debug file, and the
 * symbols packed into it. */
#define _GNU_SOURCE
#include "../../user/symbols/private.h"

#include <elf.h>

#include "fuzz.h"

static void check_functions(struct elf_file *f, const struct elf_function *fn, size_t n)
{
	uint64_t vaddr = 0, offset = 0;
	uint8_t code[16];

	for (size_t i = 0; i < n; i++) {
		FUZZ_EXPECT(fn[i].name[0]);
		FUZZ_EXPECT(!i || fn[i - 1].vaddr <= fn[i].vaddr);
		FUZZ_EXPECT(strlen(fn[i].name) < 1u << 30);
		elf_function_find(fn, n, fn[i].vaddr + fn[i].size / 2);
		if (!elf_file_vaddr_to_offset(f, fn[i].vaddr, &offset))
			elf_file_offset_to_vaddr(f, offset, &vaddr);
		FUZZ_EXPECT(elf_file_read(f, fn[i].vaddr, code, sizeof(code)) <= (int)sizeof(code));
		elf_file_is_code(f, fn[i].vaddr);
	}
}

static void check_sections(struct elf_file *f, size_t size)
{
	static const char *const names[] = { ".text", ".eh_frame", ".gnu_debuglink", "" };
	uint64_t info, all;
	struct elf_extent e;
	void *data;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (elf_file_section(f, names[i], &e))
			continue;
		FUZZ_EXPECT(e.offset <= size && e.size <= size - e.offset);
		if (!elf_file_extent_read(f, &e, 1 << 20, &data))
			FUZZ_EXPECT(((char *)data)[e.size] == '\0');
		free(data);
	}
	for (uint32_t type = 0; type < 8; type++)
		if (!elf_file_program_header(f, type, &e))
			FUZZ_EXPECT(e.offset <= size && e.size <= size - e.offset);
	if (!elf_file_debug_bytes(f, &info, &all))
		FUZZ_EXPECT(info && info <= all);
	elf_file_has_section(f, SHT_SYMTAB);
}

static void check_elsewhere(struct elf_file *f)
{
	struct debug_want want = { getpid(), "/nonexistent/program", f, "", true, true };
	size_t budget = 1 << 20;
	char id[BUILD_ID_MAX] = "";
	struct debug_file debug;
	struct elf_file *mini;
	int fd;

	if (!elf_file_build_id(f, id, sizeof(id)))
		want.build_id = id;
	FUZZ_EXPECT(strlen(want.build_id) % 2 == 0);
	if (!debug_file_find(&want, &debug)) {
		debug_file_verify(&debug);
		debug_file_close(&debug);
	}
	fd = debug_file_open_alt(getpid(), "/nonexistent/program", f);
	if (fd >= 0)
		close(fd);
	if (!mini_debug_open(f, &budget, &mini)) {
		const struct elf_function *fn;
		size_t n;

		if (!elf_file_functions(mini, &fn, &n))
			check_functions(mini, fn, n);
		elf_file_close(mini);
	}
	FUZZ_EXPECT(budget <= 1 << 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct elf_function *fn;
	struct elf_file *f;
	uint64_t vaddr;
	char buf[64];
	size_t n;

	if (elf_file_open_fd(&f, fuzz_file(data, size)))
		return 0;
	if (!elf_file_functions(f, &fn, &n))
		check_functions(f, fn, n);
	elf_file_dynsyms(f, &fn, &n);
	elf_file_dynsym(f, "visible", &vaddr);
	if (!elf_file_soname(f, buf, sizeof(buf)))
		FUZZ_EXPECT(memchr(buf, '\0', sizeof(buf)));
	check_sections(f, size);
	check_elsewhere(f);
	elf_file_drop_tables(f);
	FUZZ_EXPECT(!elf_file_table_bytes(f));
	elf_file_close(f);
	return 0;
}
