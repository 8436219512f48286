// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names looked for in symbol tables that are read in pieces: files made byte by byte. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include "symbols/elf.h"

#define NAME	 "cudaLaunchKernel"
#define PIECE	 (256u * 1024) /* what elf_scan.c reads at once */
#define STRINGS	 (2 * PIECE + 1000)
#define SYMBOLS	 5000 /* more than are read at once */
#define SECTIONS 4
#define BASE	 0x10000

struct image {
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	Elf64_Shdr sections[SECTIONS];
	uint8_t text[64];
	Elf64_Sym symbols[SYMBOLS];
	char strings[STRINGS];
};

#define AT(field) offsetof(struct image, field)

/* A file with code, and with symbols that all have another name. */
static struct image *image_new(void)
{
	struct image *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	memcpy(m->eh.e_ident, ELFMAG, SELFMAG);
	m->eh.e_ident[EI_CLASS] = ELFCLASS64;
	m->eh.e_ident[EI_DATA] = ELFDATA2LSB;
#if defined(__aarch64__)
	m->eh.e_machine = EM_AARCH64;
#else
	m->eh.e_machine = EM_X86_64;
#endif
	m->eh.e_phoff = AT(ph);
	m->eh.e_phentsize = sizeof(m->ph);
	m->eh.e_phnum = 1;
	m->eh.e_shoff = AT(sections);
	m->eh.e_shentsize = sizeof(m->sections[0]);
	m->eh.e_shnum = SECTIONS;
	m->ph = (Elf64_Phdr){ .p_type = PT_LOAD,
			      .p_flags = PF_R | PF_X,
			      .p_vaddr = BASE,
			      .p_filesz = sizeof(*m),
			      .p_memsz = sizeof(*m) };
	m->sections[1] = (Elf64_Shdr){ .sh_type = SHT_PROGBITS,
				       .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
				       .sh_addr = BASE + AT(text),
				       .sh_offset = AT(text),
				       .sh_size = sizeof(m->text) };
	m->sections[2] = (Elf64_Shdr){ .sh_type = SHT_SYMTAB,
				       .sh_link = 3,
				       .sh_offset = AT(symbols),
				       .sh_size = sizeof(m->symbols),
				       .sh_entsize = sizeof(m->symbols[0]) };
	m->sections[3] = (Elf64_Shdr){ .sh_type = SHT_STRTAB,
				       .sh_offset = AT(strings),
				       .sh_size = sizeof(m->strings) };
	memset(m->strings + 1, 'c', STRINGS - 2);
	for (size_t i = 0; i < SYMBOLS; i++)
		m->symbols[i] = (Elf64_Sym){ .st_name = 1 + i,
					     .st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC),
					     .st_shndx = 1,
					     .st_value = BASE + AT(text) };
	return m;
}

static struct elf_file *image_open(const struct image *m)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct elf_file *f;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, m, sizeof(*m)), sizeof(*m));
	assert_int_equal(elf_file_open_fd(&f, fd), 0);
	return f;
}

static int ask(const struct image *m)
{
	struct elf_file *f = image_open(m);
	uint64_t read = 0;
	int ret = elf_file_name(f, NAME, &read);

	elf_file_close(f);
	if (ret >= 0)
		assert_true(read >= STRINGS && read < 2 * sizeof(*m));
	return ret;
}

static void name_anywhere(void **state)
{
	const size_t n = sizeof(NAME);
	size_t near[] = { 1, PIECE, 2 * (PIECE - n + 1), STRINGS - n };

	(void)state;
	for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
		for (size_t at = near[i] > 2 * n ? near[i] - 2 * n : 1;
		     at <= near[i] + 2 * n && at <= STRINGS - n; at++) {
			struct image *m = image_new();

			memcpy(m->strings + at, NAME, n);
			/* In the strings, but nobody's name. */
			if (at > SYMBOLS)
				assert_int_equal(ask(m), 0);
			m->symbols[SYMBOLS - 1].st_name = at;
			if (ask(m) != ELF_NAME_DEFINED)
				fail_msg("at %zu", at);
			m->symbols[SYMBOLS - 1].st_shndx = SHN_UNDEF;
			if (at > SYMBOLS)
				assert_int_equal(ask(m), ELF_NAME_IMPORTED);
			free(m);
		}
	}
}

/* The end of a longer one is shared, as linkers do; a longer one alone is another. */
static void ends_of_longer_names(void **state)
{
	struct image *m = image_new();

	(void)state;
	strcpy(m->strings + 100000, "__" NAME);
	m->symbols[7].st_name = 100000;
	assert_int_equal(ask(m), 0);
	m->symbols[8].st_name = 100002;
	assert_int_equal(ask(m), ELF_NAME_DEFINED);
	strcpy(m->strings + 100000, "__" NAME "_ptsz");
	assert_int_equal(ask(m), 0);
	free(m);
}

/* Its symbol is not code. */
static void name_of_something_else(void **state)
{
	struct image *m = image_new();
	Elf64_Sym *s = &m->symbols[3000], right;

	(void)state;
	strcpy(m->strings + 100000, NAME);
	s->st_name = 100000;
	right = *s;
	s->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
	assert_int_equal(ask(m), 0);
	s->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_GNU_IFUNC);
	assert_int_equal(ask(m), 0);
	*s = right;
	s->st_value += sizeof(m->text);
	assert_int_equal(ask(m), 0);
	*s = right;
	s->st_shndx = SHN_ABS;
	assert_int_equal(ask(m), 0);
	*s = right;
	s->st_shndx = 3;
	assert_int_equal(ask(m), 0);
	*s = right;
	m->ph.p_flags = PF_R;
	assert_int_equal(ask(m), 0);
	free(m);
}

static void broken_tables(void **state)
{
	struct image *m = image_new();
	Elf64_Shdr right;

	(void)state;
	right = m->sections[2];
	m->sections[2].sh_entsize = 1;
	assert_int_equal(ask(m), -ENOEXEC);
	m->sections[2] = right;
	m->sections[2].sh_size = 1ULL << 60;
	assert_int_equal(ask(m), -ENOEXEC);
	m->sections[2] = right;
	m->sections[2].sh_link = 70000;
	assert_int_equal(ask(m), -ENOEXEC);
	m->sections[2].sh_link = 1;
	assert_int_equal(ask(m), -ENOEXEC);
	m->sections[2] = right;
	m->sections[3].sh_offset = UINT64_MAX;
	assert_int_equal(ask(m), -ENOEXEC);
	free(m);
}

static int count(void *arg, const char *name, uint64_t vaddr)
{
	size_t *n = arg;

	assert_true(vaddr >= BASE);
	assert_int_equal(name[strlen(name) - 1], 'c');
	return ++*n == 4000 ? -ECANCELED : 0;
}

static void all_functions(void **state)
{
	struct image *m = image_new();
	struct elf_file *f;
	size_t n = 0;

	(void)state;
	/* The last string has no end of its own. */
	m->strings[STRINGS - 1] = 'c';
	m->symbols[0].st_name = STRINGS; /* outside */
	m->symbols[1].st_shndx = SHN_UNDEF;
	f = image_open(m);
	assert_int_equal(elf_file_each_function(f, count, &n), -ECANCELED);
	assert_int_equal(n, 4000);
	elf_file_close(f);
	memset(&m->symbols[1002], 0, (SYMBOLS - 1002) * sizeof(m->symbols[0]));
	f = image_open(m);
	n = 0;
	assert_int_equal(elf_file_each_function(f, count, &n), 0);
	assert_int_equal(n, 1000);
	elf_file_close(f);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name_anywhere),	  cmocka_unit_test(ends_of_longer_names),
		cmocka_unit_test(name_of_something_else), cmocka_unit_test(broken_tables),
		cmocka_unit_test(all_functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
