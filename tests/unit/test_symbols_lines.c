// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Source lines and inlined functions, and the process that finds them. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include "symbols_files.h"
#include "symbols/confine.h"
#include "symbols/lines.h"

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
	char text[8], *room;
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
		room = malloc(1 << 22);
		if (write(ends[1], "yes", 3) != 3 || !room)
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

#define LINES(test) cmocka_unit_test_setup_teardown(test, open_lines, close_symbols)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LINES(source_lines),
		LINES(source_lines_late),
		cmocka_unit_test(confined),
		LINES(broken_debug_information),
		cmocka_unit_test(packed_debug_information_that_lies),
		cmocka_unit_test(what_the_child_sends),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
