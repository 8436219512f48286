// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names that come from elsewhere than the mapped file's .symtab, and files that change or lie. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "symbols/confine.h"
#include "symbols/lines.h"
#include "symbols/private.h"
#include "symbols/root_path.h"

static char dir[] = "/tmp/infbpf-sources-XXXXXX";
static struct symbols *syms;
static struct sym_image *self;

static const char program[] =
	"volatile int sink;\n"						/* 1 */
	"static inline __attribute__((always_inline)) void in(int x)\n" /* 2 */
	"{\n"
	"	sink = x * 7;\n" /* 4 */
	"}\n"
	"static __attribute__((noinline)) void hidden(int x)\n" /* 6 */
	"{\n"
	"	in(x);\n" /* 8 */
	"}\n"
	"int shown(int x);\n"
	"int shown(int x)\n" /* 11 */
	"{\n"
	"	hidden(x + 1);\n"
	"	return sink;\n"
	"}\n";

static int shell(const char *format, ...)
{
	char text[2048], cmd[2200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(cmd, sizeof(cmd), "cd %s && { %s; } 2>>errors", dir, text);
	return system(cmd);
}

/* A library "NAME.whole"; "NAME.debug" its debug file, "NAME" the rest. */
static void build(const char *name, const char *flags)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/program.c", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(program, f);
	fclose(f);
	if (shell("gcc -g -O2 -fPIC -shared -Wl,--build-id %s -o %s.whole program.c && "
		  "objcopy --only-keep-debug %s.whole %s.debug && "
		  "objcopy --strip-all %s.whole %s",
		  flags, name, name, name, name, name)) {
		print_message("skipped: no gcc or objcopy here\n");
		skip();
	}
}

static int open_with(bool lines)
{
	if (symbols_open(&syms, &(struct symbols_options){ .lines = lines }))
		return -1;
	self = symbols_image(syms, getpid(), 1, 0, 0);
	return self ? 0 : -1;
}

static int open_plain(void **state)
{
	(void)state;
	return open_with(false);
}

static int open_lines(void **state)
{
	(void)state;
	return open_with(true);
}

static int close_symbols(void **state)
{
	(void)state;
	symbols_close(syms);
	syms = NULL;
	return 0;
}

struct mapped {
	char path[256];
	uint8_t *base;
	size_t size;
};

static void map_code(struct mapped *m, const char *name)
{
	struct stat st;
	int fd;

	snprintf(m->path, sizeof(m->path), "%s/%s", dir, name);
	fd = open(m->path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	m->size = st.st_size;
	m->base = mmap(NULL, m->size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(m->base, MAP_FAILED);
	close(fd);
	assert_int_equal(symbols_image_refresh(self, true), 0);
}

static void unmap(struct mapped *m)
{
	munmap(m->base, m->size);
}

/* Where a function of "NAME.whole" lies in the mapping of the stripped file. */
static uint64_t address_of(const struct mapped *m, const char *whole, const char *function)
{
	const struct elf_function *functions;
	uint64_t offset = 0;
	struct elf_file *f;
	char path[256];
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, whole);
	assert_int_equal(elf_file_open(&f, path), 0);
	assert_int_equal(elf_file_functions(f, &functions, &n), 0);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(functions[i].name, function))
			assert_int_equal(elf_file_vaddr_to_offset(f, functions[i].vaddr, &offset),
					 0);
	elf_file_close(f);
	assert_true(offset > 0);
	return (uintptr_t)m->base + offset;
}

static const char *name_at(uint64_t ip)
{
	return symbols_name(syms, symbols_user_location(syms, self, ip, true));
}

static void debug_file_by_link(void **state)
{
	struct mapped m;

	(void)state;
	build("linked", "");
	assert_int_equal(shell("objcopy --add-gnu-debuglink=linked.debug linked"), 0);
	map_code(&m, "linked");
	assert_string_equal(name_at(address_of(&m, "linked.whole", "hidden")), "hidden");
	assert_string_equal(name_at(address_of(&m, "linked.whole", "shown")), "shown");
	unmap(&m);
}

/* Decided at the first hit: what happens to the debug file later does not matter. */
static void debug_file_that_goes(void **state)
{
	struct mapped m;
	uint32_t id;

	(void)state;
	build("going", "");
	assert_int_equal(shell("objcopy --add-gnu-debuglink=going.debug going"), 0);
	map_code(&m, "going");
	id = symbols_user_location(syms, self, address_of(&m, "going.whole", "hidden"), true);
	assert_int_equal(shell("rm going.debug"), 0);
	assert_string_equal(symbols_name(syms, id), "hidden");
	unmap(&m);
}

static void links_that_lie(void **state)
{
	/* Names that lead elsewhere, no end, no checksum. */
	static const char *const contents[] = {
		"'..\\0\\0aaaa'",	 "'../lied.debug\\0\\0\\0aaaa'",
		"'/etc/passwd\\0aaaa'",	 "'lied.debug'",
		"'lied.debug\\0\\0'",	 "'\\0\\0\\0\\0aaaa'",
		"'lied.debug\\0\\0aaa'", "''",
	};

	(void)state;
	build("lied", "-Wl,--build-id=none");
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		char name[32], offset[16];
		struct mapped m;

		snprintf(name, sizeof(name), "lied.%zu", i);
		assert_int_equal(shell("printf %s >link && objcopy --add-section "
				       ".gnu_debuglink=link lied %s",
				       contents[i], name),
				 0);
		map_code(&m, name);
		snprintf(offset, sizeof(offset), "[%.10s+0x", name);
		assert_memory_equal(name_at(address_of(&m, "lied.whole", "hidden")), offset,
				    strlen(offset));
		unmap(&m);
	}
}

static int open_elf(struct elf_file **f, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return elf_file_open(f, path);
}

static void mini_debug(void **state)
{
	size_t budget = 1 << 20, left;
	struct elf_file *f, *mini;
	struct mapped m;

	(void)state;
	build("mini", "");
	if (shell("objcopy -S --keep-symbol=hidden mini.debug packed && xz -f packed && "
		  "objcopy --add-section .gnu_debugdata=packed.xz mini")) {
		print_message("skipped: no xz here\n");
		skip();
	}
	map_code(&m, "mini");
	assert_string_equal(name_at(address_of(&m, "mini.whole", "hidden")), "hidden");
	assert_string_equal(name_at(address_of(&m, "mini.whole", "shown")), "shown");
	/* Given back and unpacked again. */
	syms->table_bytes_max = 1;
	name_at((uintptr_t)mini_debug);
	assert_string_equal(name_at(address_of(&m, "mini.whole", "hidden") + 1), "hidden");
	unmap(&m);

	assert_int_equal(open_elf(&f, "mini"), 0);
	assert_int_equal(mini_debug_open(f, &budget, &mini), 0);
	assert_true(budget < 1 << 20);
	elf_file_close(mini);
	left = 100;
	assert_int_equal(mini_debug_open(f, &left, &mini), -EFBIG);
	assert_null(mini);
	assert_int_equal(left, 0);
	elf_file_close(f);
	assert_int_equal(open_elf(&f, "mini.whole"), 0);
	assert_int_equal(mini_debug_open(f, &budget, &mini), -ENOENT);
	elf_file_close(f);
	/* Another file's symbols are not this one's. */
	build("mini", "-Wl,-z,max-page-size=65536");
	assert_int_equal(shell("objcopy --add-section .gnu_debugdata=packed.xz mini"), 0);
	assert_int_equal(open_elf(&f, "mini"), 0);
	assert_int_equal(mini_debug_open(f, &budget, &mini), -ENOEXEC);
	elf_file_close(f);
}

static void mini_debug_that_is_none(void **state)
{
	static const char *const makers[] = {
		"printf garbage",
		":",
		"xz -c errors | head -c 40",
		"head -c 4000000 /dev/zero | xz -c",   /* no ELF file */
		"head -c 100000000 /dev/zero | xz -c", /* a bomb */
		"{ xz -c errors; printf x; }",
	};

	(void)state;
	build("none", "");
	assert_int_equal(shell("echo something >>errors"), 0);
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
		size_t budget = 512u << 20;
		struct elf_file *f, *mini;

		assert_int_equal(shell("%s >data; objcopy --add-section .gnu_debugdata=data none "
				       "none.bad",
				       makers[i]),
				 0);
		assert_int_equal(open_elf(&f, "none.bad"), 0);
		assert_true(mini_debug_open(f, &budget, &mini) < 0);
		assert_null(mini);
		assert_true(budget >= (512u << 20) - (65u << 20));
		elf_file_close(f);
	}
}

static void equal_files_share_a_table(void **state)
{
	struct mapped a, b, c;

	(void)state;
	build("one", "");
	/* The same, with another inode; and one that only says it is the same. */
	assert_int_equal(shell("cp one.whole two && sed s/hidden/liar_s/g one.whole >three"), 0);
	map_code(&a, "one.whole");
	map_code(&b, "two");
	map_code(&c, "three");
	assert_string_equal(name_at(address_of(&c, "one.whole", "hidden")), "liar_s");
	assert_string_equal(name_at(address_of(&a, "one.whole", "hidden")), "hidden");
	assert_int_equal(HASH_COUNT(syms->tables), 2);
	assert_string_equal(name_at(address_of(&b, "one.whole", "hidden")), "hidden");
	assert_string_equal(name_at(address_of(&b, "one.whole", "hidden") + 1), "hidden");
	assert_int_equal(HASH_COUNT(syms->tables), 2);
	assert_int_equal(HASH_COUNT(syms->files), 3);
	/* Also when the table has gone and its first file has changed meanwhile. */
	syms->table_bytes_max = 1;
	name_at((uintptr_t)equal_files_share_a_table);
	assert_int_equal(shell("cat three >one.whole"), 0);
	assert_string_equal(name_at(address_of(&b, "two", "hidden") + 2), "hidden");
	unmap(&a);
	unmap(&b);
	unmap(&c);
}

/* The last part of an installed path is a link that leads out of the root. */
static void paths_stay_in_the_root(void **state)
{
	struct stat st;
	char path[256];
	int root, fd;

	(void)state;
	assert_int_equal(
		shell("mkdir -p root/in && echo secret >outside && echo inside >root/real && "
		      "ln -s ../../outside root/in/up && ln -s %s/outside root/in/absolute && "
		      "ln -s /real root/in/own && ln -s loop root/in/loop && "
		      "ln -s /proc/self/root root/in/magic && mkfifo root/in/fifo",
		      dir),
		0);
	snprintf(path, sizeof(path), "%s/root", dir);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	assert_int_equal(root_path_open(root, "/in/up", 0, &st), -ENOENT);
	assert_int_equal(root_path_open(root, "/in/absolute", 0, &st), -ENOENT);
	assert_int_equal(root_path_open(root, "/../../outside", 0, &st), -ENOENT);
	assert_int_equal(root_path_open(root, "/in/loop", 0, &st), -ELOOP);
	assert_int_equal(root_path_open(root, "/in/fifo", 0, &st), -EINVAL);
	assert_int_equal(root_path_open(root, "/in", 0, &st), -EINVAL);
	assert_int_equal(root_path_open(root, "/in/own", ROOT_PATH_NO_LINK, &st), -EINVAL);
	assert_true(root_path_open(root, "/in/magic/etc/passwd", 0, &st) < 0);
	fd = root_path_open(root, "/in/own", 0, &st);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, path, 6), 6);
	assert_memory_equal(path, "inside", 6);
	close(fd);
	close(root);
}

/* The file is cut short between the hit and the question. */
static void cut_short(void **state)
{
	struct mapped m;
	uint32_t id;

	(void)state;
	build("cut", "");
	for (long size = 0; size < 12000; size += 1500) {
		assert_int_equal(close_symbols(NULL), 0);
		assert_int_equal(open_with(true), 0);
		assert_int_equal(shell("cp cut.whole cut.now"), 0);
		map_code(&m, "cut.now");
		id = symbols_user_location(syms, self, address_of(&m, "cut.whole", "hidden"), true);
		assert_int_equal(truncate(m.path, size), 0);
		assert_true(strlen(symbols_name(syms, id)) > 0);
		unmap(&m);
	}
}

/* Somebody writes garbage into the file all the time. */
static void rewritten(void **state)
{
	unsigned int named = 0, rounds = 0;
	struct timespec t0, t1;
	char path[256];
	pid_t pid;

	(void)state;
	build("moving", "");
	assert_int_equal(shell("cp moving.whole moving.now"), 0);
	snprintf(path, sizeof(path), "%s/moving.now", dir);
	pid = fork();
	if (!pid) {
		int fd = open(path, O_RDWR), whole;
		static uint8_t good[65536], bad[65536];
		uint32_t x = 2463534242u;
		ssize_t n;

		snprintf(path, sizeof(path), "%s/moving.whole", dir);
		whole = open(path, O_RDONLY);
		n = read(whole, good, sizeof(good));
		for (;;) {
			memcpy(bad, good, sizeof(good));
			for (int i = 0; i < 64; i++) {
				x ^= x << 13, x ^= x >> 17, x ^= x << 5;
				bad[x % n] = x >> 24;
			}
			if (pwrite(fd, bad, n, 0) != n || pwrite(fd, good, n, 0) != n)
				_exit(1);
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &t0);
	do {
		struct mapped m;
		uint32_t id;
		const char *frames[SYMBOLS_INLINED_MAX];

		assert_int_equal(close_symbols(NULL), 0);
		assert_int_equal(open_with(rounds % 8 == 0), 0);
		map_code(&m, "moving.now");
		id = symbols_user_location(syms, self, address_of(&m, "moving.whole", "hidden"),
					   true);
		assert_true(symbols_frames(syms, id, frames, SYMBOLS_INLINED_MAX) > 0);
		named += !strncmp(frames[0], "hidden", 6);
		unmap(&m);
		rounds++;
		clock_gettime(CLOCK_MONOTONIC, &t1);
	} while (t1.tv_sec - t0.tv_sec < 4);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	print_message("named in %u of %u rounds\n", named, rounds);
}

static void source_lines(void **state)
{
	const char *frames[SYMBOLS_INLINED_MAX];
	struct mapped m;
	uint32_t id;
	size_t n;

	(void)state;
	build("lines", "");
	map_code(&m, "lines.whole");
	id = symbols_user_location(syms, self, address_of(&m, "lines.whole", "hidden"), true);
	n = symbols_frames(syms, id, frames, SYMBOLS_INLINED_MAX);
	assert_true(n >= 1);
	assert_memory_equal(frames[0], "hidden (program.c:", 18);
	assert_string_equal(symbols_name(syms, id), "hidden");
	/* Its first instruction that is not the entry: the inlined part. */
	for (uint64_t at = 0; at < 16 && n != 2; at++) {
		id = symbols_user_location(syms, self, address_of(&m, "lines.whole", "hidden") + at,
					   true);
		n = symbols_frames(syms, id, frames, SYMBOLS_INLINED_MAX);
	}
	assert_int_equal(n, 2);
	assert_string_equal(frames[0], "hidden (program.c:8)");
	assert_string_equal(frames[1], "in (program.c:4)_[i]");
	assert_int_equal(symbols_frames(syms, id, frames, 1), 1);
	assert_string_equal(frames[0], "hidden (program.c:8)");
	assert_int_equal(symbols_frames(syms, 0, frames, 2), 1);
	assert_string_equal(frames[0], "[unknown]");
	unmap(&m);

	/* Without debug information: the plain name. */
	map_code(&m, "lines");
	id = symbols_user_location(syms, self, address_of(&m, "lines.whole", "shown"), true);
	assert_int_equal(symbols_frames(syms, id, frames, SYMBOLS_INLINED_MAX), 1);
	assert_string_equal(frames[0], "shown");
	unmap(&m);
}

/* No time: the plain name, at once. */
static void source_lines_late(void **state)
{
	const char *frames[SYMBOLS_INLINED_MAX];
	struct timespec t0, t1;
	struct mapped m;
	uint32_t id;

	(void)state;
	build("late", "");
	map_code(&m, "late.whole");
	id = symbols_user_location(syms, self, address_of(&m, "late.whole", "hidden"), true);
	syms->lines_left_ns = 1;
	clock_gettime(CLOCK_MONOTONIC, &t0);
	assert_int_equal(symbols_frames(syms, id, frames, SYMBOLS_INLINED_MAX), 1);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	assert_string_equal(frames[0], "hidden");
	assert_true(t1.tv_sec - t0.tv_sec < 5);
	assert_int_equal(syms->lines_left_ns, 0);
	unmap(&m);
}

/* What a debug file that takes libdw over could do. */
static void confined(void **state)
{
	int ends[2], other[2], status;
	char text[8];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pipe(other), 0);
	pid = fork();
	if (!pid) {
		if (confine(ends[1], UINT64_MAX, 1000000000))
			_exit(1);
		if (open("/etc/passwd", O_RDONLY) >= 0 || dup(0) >= 0 || fork() >= 0 ||
		    kill(getppid(), 0) == 0 || unlink("/nonexistent") == 0)
			_exit(2);
		if (write(other[1], "no", 2) >= 0)
			_exit(3);
		if (write(ends[1], "yes", 3) != 3 || !malloc(1 << 22))
			_exit(4);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(ends[0], text, sizeof(text)), 3);
	for (int i = 0; i < 2; i++) {
		close(ends[i]);
		close(other[i]);
	}
}

/* Debug information that libdw must not meet unguarded: all bytes of it wrong in turn. */
static void broken_debug_information(void **state)
{
	uint32_t x = 2463534242u;
	char path[256];

	(void)state;
	build("broken", "");
	snprintf(path, sizeof(path), "%s/broken.now", dir);
	for (int round = 0; round < 60; round++) {
		const char *frames[SYMBOLS_INLINED_MAX];
		struct elf_extent info;
		struct elf_file *f;
		struct mapped m;
		uint32_t id;
		int fd;

		assert_int_equal(close_symbols(NULL), 0);
		assert_int_equal(open_with(true), 0);
		assert_int_equal(shell("cp broken.whole broken.now"), 0);
		assert_int_equal(open_elf(&f, "broken.now"), 0);
		assert_int_equal(elf_file_section(f,
						  round % 3 ? round % 3 == 1 ? ".debug_abbrev"
									     : ".debug_line"
							    : ".debug_info",
						  &info),
				 0);
		elf_file_close(f);
		fd = open(path, O_RDWR);
		for (int i = 0; i <= round; i++) {
			x ^= x << 13, x ^= x >> 17, x ^= x << 5;
			assert_int_equal(pwrite(fd, &x, 1, info.offset + (x >> 8) % info.size), 1);
		}
		close(fd);
		map_code(&m, "broken.now");
		id = symbols_user_location(syms, self, address_of(&m, "broken.whole", "hidden"),
					   true);
		assert_true(symbols_frames(syms, id, frames, SYMBOLS_INLINED_MAX) > 0);
		assert_memory_equal(frames[0], "hidden", 6);
		unmap(&m);
	}
}

/* A packed section that says it is larger than it can be. */
static void packed_debug_information_that_lies(void **state)
{
	static const uint64_t sizes[] = { 0, 1ull << 40, 1ull << 63, UINT64_MAX };
	uint64_t info, all;
	struct elf_extent e;
	struct elf_file *f;
	char path[256];
	int fd;

	(void)state;
	build("packed", "");
	if (shell("objcopy --compress-debug-sections=zlib-gabi packed.whole packed.now")) {
		print_message("skipped: objcopy does not compress\n");
		skip();
	}
	snprintf(path, sizeof(path), "%s/packed.now", dir);
	assert_int_equal(elf_file_open(&f, path), 0);
	assert_int_equal(elf_file_debug_bytes(f, &info, &all), 0);
	assert_true(info > 0 && all > info);
	if (elf_file_section(f, ".debug_str", &e) || !e.compressed)
		assert_int_equal(elf_file_section(f, ".debug_info", &e), 0);
	if (!e.compressed) {
		print_message("skipped: too small to be compressed\n");
		elf_file_close(f);
		skip();
	}
	fd = open(path, O_RDWR);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(pwrite(fd, &sizes[i], 8, e.offset + 8), 8);
		assert_int_equal(elf_file_debug_bytes(f, &info, &all), -ENOEXEC);
	}
	close(fd);
	elf_file_close(f);
}

struct taken {
	unsigned int frames;
	char last[64];
};

static void take_frame(void *arg, size_t address, size_t i, size_t frames_n, char *function,
		       char *file, uint32_t line)
{
	struct taken *t = arg;

	assert_true(address < 10 && i < frames_n && frames_n <= SYMBOLS_INLINED_MAX);
	t->frames++;
	snprintf(t->last, sizeof(t->last), "%.20s|%.20s|%u", function, file, line);
}

static size_t put(char *to, const void *data, size_t n)
{
	memcpy(to, data, n);
	return n;
}

static void what_the_child_sends(void **state)
{
	struct taken taken = { 0 };
	struct lines_parser p = { .addresses_n = 10, .frame = take_frame, .arg = &taken };
	struct lines_record records[] = { { 3, 2 }, { 10, 1 }, { 0, 0 }, { 0, 17 } };
	struct lines_frame frame = { 12, 4, 3 }, large = { 1, LINES_TEXT_MAX + 1, 0 };
	char data[256];
	size_t n = 0;

	(void)state;
	n += put(data + n, &records[0], sizeof(records[0]));
	for (int i = 0; i < 2; i++) {
		n += put(data + n, &frame, sizeof(frame));
		n += put(data + n, "namefil", 7);
	}
	/* Byte by byte: nothing before all of it is there. */
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(taken.frames, 0);
		assert_int_equal(lines_parse(&p, data + i, 1), 0);
	}
	assert_int_equal(taken.frames, 2);
	assert_string_equal(taken.last, "name|fil|12");
	for (size_t i = 1; i < sizeof(records) / sizeof(records[0]); i++) {
		p.n = 0;
		assert_int_equal(lines_parse(&p, &records[i], sizeof(records[i])), -EPROTO);
	}
	p.n = 0;
	n = put(data, &records[0], sizeof(records[0]));
	n += put(data + n, &large, sizeof(large));
	assert_int_equal(lines_parse(&p, data, n), -EPROTO);
	assert_int_equal(taken.frames, 2);
	free(p.data);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char cmd[64];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

#define PLAIN(test) cmocka_unit_test_setup_teardown(test, open_plain, close_symbols)
#define LINES(test) cmocka_unit_test_setup_teardown(test, open_lines, close_symbols)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN(debug_file_by_link),
		PLAIN(debug_file_that_goes),
		PLAIN(links_that_lie),
		PLAIN(mini_debug),
		PLAIN(mini_debug_that_is_none),
		PLAIN(equal_files_share_a_table),
		cmocka_unit_test(paths_stay_in_the_root),
		LINES(cut_short),
		PLAIN(rewritten),
		LINES(source_lines),
		LINES(source_lines_late),
		cmocka_unit_test(confined),
		LINES(broken_debug_information),
		cmocka_unit_test(packed_debug_information_that_lies),
		cmocka_unit_test(what_the_child_sends),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
