// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Where rules come from: .eh_frame_hdr's table, an index, .debug_frame, the disk cache. All have to
 * say the same of the same code, and broken ones nothing worse than nothing.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "unwind/private.h"

#define BIG "/lib/x86_64-linux-gnu/libc.so.6"

static char dir[] = "/tmp/infbpf-unwind-XXXXXX";

struct image {
	uint8_t *data;
	size_t n;
	uint64_t text, text_n; /* executable segment */
};

static Elf64_Phdr *program_header(const struct image *im, uint32_t type, uint32_t flags)
{
	Elf64_Ehdr *eh = (Elf64_Ehdr *)im->data;
	Elf64_Phdr *ph = (Elf64_Phdr *)(im->data + eh->e_phoff);

	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == type && (ph[i].p_flags & flags) == flags)
			return &ph[i];
	return NULL;
}

static struct image read_file(const char *path)
{
	struct image im = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	im.n = (size_t)st.st_size;
	im.data = malloc(im.n);
	assert_int_equal(read(fd, im.data, im.n), im.n);
	close(fd);
	return im;
}

static struct image load(const char *path)
{
	struct image im = read_file(path);
	const Elf64_Phdr *text = program_header(&im, PT_LOAD, PF_X);

	assert_non_null(text);
	im.text = text->p_vaddr;
	im.text_n = text->p_filesz;
	return im;
}

/* Builds the subject of test_unwind_step.c. */
static struct image build(const char *flags)
{
	char command[512], path[256];

	snprintf(path, sizeof(path), "%s/subject.so", dir);
	snprintf(command, sizeof(command),
		 "gcc -O2 -w -shared -fPIC -Wl,--build-id %s tests/unit/unwind_subject.c -o %s "
		 "2>%s/errors",
		 flags, path, dir);
	if (system(command)) {
		print_message("skipped: does not build here: %s\n", flags);
		skip();
	}
	return load(path);
}

static struct unwind *open_unwind(const char *cache, size_t max_bytes)
{
	const struct unwind_options o = { .cache_dir = cache, .max_bytes = max_bytes };
	struct unwind *u;

	assert_int_equal(unwind_open(&u, &o), 0);
	return u;
}

static struct unwind_file *get(struct unwind *u, const struct image *im, size_t n)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct unwind_file *f;

	assert_int_equal(write(fd, im->data, n), n);
	f = unwind_file_get(u, fd);
	assert_non_null(f);
	close(fd);
	return f;
}

/* Waits for indexes. */
static uint32_t rules_at(struct unwind_file *f, uint64_t vaddr)
{
	uint32_t rules;

	f->u->clock++;
	while ((rules = tables_rules(f, vaddr)) == POOL_PENDING)
		unwind_file_source(f);
	return rules;
}

static bool same_rules(const struct unwind_file *a, uint32_t x, const struct unwind_file *b,
		       uint32_t y)
{
	const struct rules *p, *q;

	if (x == POOL_NONE || y == POOL_NONE)
		return x == y;
	p = pool_rules_at(&a->u->pool, x);
	q = pool_rules_at(&b->u->pool, y);
	/* Expressions have numbers of their own in each pool. */
	if (p->n != q->n || p->cfa_kind != q->cfa_kind || p->flags != q->flags ||
	    (p->cfa_kind == RULE_REGISTER &&
	     (p->cfa_reg != q->cfa_reg || p->cfa_value != q->cfa_value)))
		return false;
	for (int i = 0; i < p->n; i++)
		if (p->rule[i].reg != q->rule[i].reg || p->rule[i].kind != q->rule[i].kind ||
		    (p->rule[i].kind < RULE_EXPRESSION && p->rule[i].value != q->rule[i].value))
			return false;
	return true;
}

/* At every address of the code of a. Returns at how many of them there are rules. */
static size_t compare_all(struct unwind_file *a, struct unwind_file *b, const struct image *im)
{
	size_t found = 0;

	for (uint64_t at = im->text; at < im->text + im->text_n; at++) {
		const uint32_t x = rules_at(a, at), y = rules_at(b, at);

		if (!same_rules(a, x, b, y))
			fail_msg("at %#lx: %#x and %#x", (unsigned long)at, x, y);
		found += x != POOL_NONE;
	}
	return found;
}

/* A build id of its own: else the two would share their tables. */
static void change_build_id(struct image *im)
{
	Elf64_Phdr *ph = program_header(im, PT_NOTE, 0);
	uint8_t *id;

	assert_non_null(ph);
	id = memmem(im->data, im->n, "\x14\0\0\0\x03\0\0\0GNU\0", 12);
	assert_non_null(id);
	id[12] ^= 0xff;
}

static void table_and_index(void **state)
{
	struct image im = build(""), without = build("");
	struct unwind *u = open_unwind(NULL, 0);
	struct unwind_file *a, *b;

	(void)state;
	program_header(&without, PT_GNU_EH_FRAME, 0)->p_type = PT_NULL;
	change_build_id(&without);
	a = get(u, &im, im.n);
	b = get(u, &without, without.n);
	assert_ptr_not_equal(a, b);
	assert_int_equal(unwind_file_source(a), UNWIND_EH_HDR);
	assert_int_equal(unwind_file_source(b), UNWIND_EH_FRAME);
	assert_true(compare_all(a, b, &im) > 1000);
	assert_ptr_equal(get(u, &im, im.n), a);
	unwind_close(u);
	free(im.data);
	free(without.data);
}

/* Tables that lie: what they say does not match the FDEs. */
static void broken_table(void **state)
{
	struct image im = build(""), broken = build("");
	const Elf64_Phdr *hdr = program_header(&broken, PT_GNU_EH_FRAME, 0);
	struct unwind *u = open_unwind(NULL, 0);
	struct unwind_file *a, *b;
	uint32_t n;

	(void)state;
	memcpy(&n, broken.data + hdr->p_offset + 8, sizeof(n));
	for (uint32_t i = 0; i < n; i++)
		broken.data[hdr->p_offset + 12 + 8 * (size_t)i + 4] ^= 4;
	change_build_id(&broken);
	a = get(u, &im, im.n);
	b = get(u, &broken, broken.n);
	assert_int_equal(unwind_file_source(b), UNWIND_EH_HDR);
	assert_true(compare_all(a, b, &im) > 1000);
	assert_int_equal(unwind_file_source(b), UNWIND_EH_FRAME);
	/* More entries than the table holds. */
	memset(broken.data + hdr->p_offset + 8, 0xff, 4);
	b = get(u, &broken, broken.n);
	assert_int_equal(unwind_file_source(b), UNWIND_EH_FRAME);
	assert_true(compare_all(a, b, &im) > 1000);
	unwind_close(u);
	free(im.data);
	free(broken.data);
}

#define ONLY_DEBUG "-fno-asynchronous-unwind-tables -fno-unwind-tables -fno-exceptions -g "

static void debug_frame(void **state)
{
	struct image plain = build(ONLY_DEBUG), packed = build(ONLY_DEBUG "-gz");
	struct unwind *u = open_unwind(NULL, 0);
	struct unwind_file *a, *b;

	(void)state;
	change_build_id(&packed);
	a = get(u, &plain, plain.n);
	b = get(u, &packed, packed.n);
	assert_true(b->source[SOURCE_DEBUG].compressed);
	assert_true(compare_all(a, b, &plain) > 1000);
	unwind_close(u);
	free(plain.data);
	free(packed.data);
}

/* Files that end too soon, at many places: they may lack rules, but have no wrong ones. */
static void truncated_files(void **state)
{
	struct image im = build("");
	struct unwind *u = open_unwind(NULL, 0);
	struct unwind_file *whole = get(u, &im, im.n);

	(void)state;
	for (size_t n = 64; n < im.n; n += 211) {
		struct unwind *v = open_unwind(NULL, 0);
		struct unwind_file *f = get(v, &im, n);

		for (uint64_t at = im.text; at < im.text + im.text_n; at += 7) {
			const uint32_t rules = rules_at(f, at);

			if (rules != POOL_NONE)
				assert_true(same_rules(f, rules, whole, rules_at(whole, at)));
		}
		unwind_close(v);
	}
	unwind_close(u);
	free(im.data);
}

/* --- memory --- */
static void bounded(void **state)
{
	const size_t max = 2 * 1024 * 1024;
	struct unwind *u, *v;
	struct unwind_file *a, *b;
	struct image im;
	struct unwind_stats st;
	size_t most = 0, found = 0;

	(void)state;
	if (access(BIG, R_OK)) {
		print_message("skipped: no " BIG " here\n");
		skip();
	}
	im = load(BIG);
	u = open_unwind(NULL, max);
	v = open_unwind(NULL, 64 * 1024 * 1024);
	a = get(u, &im, im.n);
	b = get(v, &im, im.n);
	for (uint64_t at = im.text; at < im.text + im.text_n; at += 13) {
		const uint32_t x = rules_at(a, at), y = rules_at(b, at);

		if (!same_rules(a, x, b, y))
			fail_msg("at %#lx", (unsigned long)at);
		found += x != POOL_NONE;
		unwind_stats(u, &st);
		most = st.bytes > most ? st.bytes : most;
	}
	assert_true(found * 10 > im.text_n / 13 * 9);
	assert_true(most <= max);
	unwind_stats(v, &st);
	print_message("all of libc: %lu rows, %zu bytes\n", (unsigned long)st.rows, st.bytes);
	unwind_close(u);
	unwind_close(v);
	free(im.data);
}

/* --- the disk cache --- */
static void cached_path(const char *cache, char *path, size_t len)
{
	struct dirent *e;
	DIR *d = opendir(cache);
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, len, "%s/%s", cache, e->d_name);
		n++;
	}
	closedir(d);
	assert_int_equal(n, 1);
}

static void fill_cache(const struct image *im, const char *cache)
{
	struct unwind *u = open_unwind(cache, 0);
	struct unwind_file *f = get(u, im, im->n);

	for (uint64_t at = im->text; at < im->text + im->text_n; at++)
		rules_at(f, at);
	unwind_close(u);
}

static void round_trip(struct image im, const char *name, bool has_index)
{
	struct unwind *u = open_unwind(NULL, 0), *v;
	struct unwind_file *whole = get(u, &im, im.n), *f;
	struct unwind_stats before, after;
	struct stat st, again;
	char cache[256], path[512];

	snprintf(cache, sizeof(cache), "%s/%s", dir, name);
	fill_cache(&im, cache);
	cached_path(cache, path, sizeof(path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	v = open_unwind(cache, 0);
	f = get(v, &im, im.n);
	unwind_stats(v, &before);
	print_message("%s: %lu rows\n", name, (unsigned long)before.rows);
	assert_true(before.rows > 40);
	assert_int_equal(f->source[SOURCE_EH].state == SOURCE_INDEX, has_index);
	assert_true(compare_all(whole, f, &im) > 1000);
	unwind_stats(v, &after);
	assert_int_equal(before.rows, after.rows);
	unwind_close(v);
	/* Nothing new: not written again. */
	assert_int_equal(stat(path, &again), 0);
	assert_int_equal(st.st_ino, again.st_ino);
	unwind_close(u);
	free(im.data);
}

static void cache_round_trip(void **state)
{
	(void)state;
	round_trip(build(""), "cache-table", false);
	round_trip(build("-Wl,--no-eh-frame-hdr"), "cache-index", true);
}

static void write_file(const char *path, const uint8_t *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), n);
	close(fd);
}

/* A cache that is broken anywhere is as good as none. */
static void cache_corrupted(void **state)
{
	struct image im = build("");
	struct unwind *u = open_unwind(NULL, 0);
	struct unwind_file *whole = get(u, &im, im.n);
	char cache[256], path[512];
	struct image kept;

	(void)state;
	snprintf(cache, sizeof(cache), "%s/cache-bad", dir);
	fill_cache(&im, cache);
	cached_path(cache, path, sizeof(path));
	kept = read_file(path);
	for (size_t at = 0; at < kept.n; at += 97) {
		struct unwind_stats st;
		struct unwind_file *f;
		struct unwind *v;

		kept.data[at] ^= 0x10;
		write_file(path, kept.data, at % 2 ? kept.n : at + 1);
		kept.data[at] ^= 0x10;
		v = open_unwind(cache, 0);
		f = get(v, &im, im.n);
		unwind_stats(v, &st);
		assert_int_equal(st.rows, 0);
		for (uint64_t a = im.text; a < im.text + im.text_n; a += 101)
			assert_true(same_rules(f, rules_at(f, a), whole, rules_at(whole, a)));
		f->dirty = false; /* not to be written back */
		unwind_close(v);
	}
	unwind_close(u);
	free(kept.data);
	free(im.data);
}

static void cache_of_others(void **state)
{
	struct image im = build("");
	struct unwind_stats st;
	struct unwind *u;
	char cache[256], path[512];

	(void)state;
	snprintf(cache, sizeof(cache), "%s/cache-open", dir);
	fill_cache(&im, cache);
	cached_path(cache, path, sizeof(path));
	/* A file that others can write. */
	assert_int_equal(chmod(path, 0666), 0);
	u = open_unwind(cache, 0);
	get(u, &im, im.n);
	unwind_stats(u, &st);
	assert_int_equal(st.cache_error, 0);
	assert_int_equal(st.rows, 0);
	unwind_close(u);
	/* A folder that others can write. */
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(chmod(cache, 0777), 0);
	u = open_unwind(cache, 0);
	get(u, &im, im.n);
	unwind_stats(u, &st);
	assert_int_equal(st.cache_error, -EACCES);
	assert_int_equal(st.rows, 0);
	unwind_close(u);
	/* No folder at all. */
	u = open_unwind("/proc/self/no/such", 0);
	unwind_stats(u, &st);
	assert_int_equal(st.cache_error, -ENOENT);
	unwind_close(u);
	free(im.data);
}

/* What is no ELF file has no call frame information, and that is all. */
static void not_elf(void **state)
{
	struct unwind *u = open_unwind(NULL, 0);
	int fd = open("tests/unit/unwind_subject.c", O_RDONLY | O_CLOEXEC);
	struct unwind_file *f = unwind_file_get(u, fd);

	(void)state;
	assert_non_null(f);
	assert_int_equal(unwind_file_source(f), UNWIND_NONE);
	close(fd);
	unwind_close(u);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_and_index), cmocka_unit_test(broken_table),
		cmocka_unit_test(debug_frame),	   cmocka_unit_test(truncated_files),
		cmocka_unit_test(bounded),	   cmocka_unit_test(cache_round_trip),
		cmocka_unit_test(cache_corrupted), cmocka_unit_test(cache_of_others),
		cmocka_unit_test(not_elf),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
