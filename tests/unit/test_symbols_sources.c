// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names that come from elsewhere than the mapped file's .symtab, and files that change or lie. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include "symbols_files.h"
#include "symbols/root_path.h"

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

/* After so much, offsets. */
static void loading_is_bounded(void **state)
{
	struct mapped a, b;

	(void)state;
	build("bounded", "");
	assert_int_equal(shell("sed s/hidden/second/g bounded.whole >bounded.2"), 0);
	map_code(&a, "bounded.whole");
	map_code(&b, "bounded.2");
	syms->load_budget = 1;
	assert_string_equal(name_at(address_of(&a, "bounded.whole", "hidden")), "hidden");
	assert_memory_equal(name_at(address_of(&b, "bounded.whole", "hidden")), "[bounded.2+0x",
			    13);
	unmap(&a);
	unmap(&b);
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
		PLAIN(loading_is_bounded),
		cmocka_unit_test(paths_stay_in_the_root),
		LINES(cut_short),
		PLAIN(rewritten),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
