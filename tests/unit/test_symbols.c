// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <dlfcn.h>
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
#include "symbols/private.h"

static char dir[] = "/tmp/infbpf-symbols-XXXXXX";
static struct symbols *syms;
static struct sym_image *self;

/* Not static: in the symbol table whatever the optimiser does. */
int marker_function(int x);
__attribute__((noinline)) int marker_function(int x)
{
	return x * 3 + getpid();
}

static int open_symbols(void **state)
{
	(void)state;
	if (symbols_open(&syms, &(struct symbols_options){ 0 }))
		return -1;
	self = symbols_image(syms, getpid(), 1, 0, 0);
	return self ? 0 : -1;
}

static int close_symbols(void **state)
{
	(void)state;
	symbols_close(syms);
	syms = NULL;
	return 0;
}

static const char *name_at(uint64_t ip)
{
	return symbols_name(syms, symbols_user_location(syms, self, ip, true));
}

static void own_functions(void **state)
{
	uint64_t at = (uintptr_t)marker_function;
	uint32_t a, b, c;

	(void)state;
	assert_string_equal(name_at(at), "marker_function");
	assert_string_equal(name_at(at + 1), "marker_function");
	a = symbols_user_location(syms, self, at, true);
	b = symbols_user_location(syms, self, at + 1, false); /* a return address: one byte back */
	c = symbols_user_location(syms, self, at + 1, true);
	assert_int_not_equal(a, 0);
	assert_int_equal(a, b);
	assert_int_not_equal(a, c);
	assert_ptr_equal(symbols_name(syms, a), symbols_name(syms, c));
	assert_string_not_equal(symbols_name(syms, symbols_user_location(syms, self, at, false)),
				"marker_function");
	assert_true(symbols_is_code(self, at));
	assert_ptr_equal(symbols_image(syms, getpid(), 1, 0, 0), self);
	assert_ptr_not_equal(symbols_image(syms, getpid(), 2, 0, 0), self);
}

static void library_and_vdso(void **state)
{
	void *vdso, *clock;

	(void)state;
	/* By dlsym: "&write" may be this program's own entry for it. */
	assert_string_equal(name_at((uintptr_t)dlsym(dlopen("libc.so.6", RTLD_NOW), "listen")),
			    "listen");
	vdso = dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD);
	clock = vdso ? dlsym(vdso, "__vdso_clock_gettime") : NULL;
	if (!clock) {
		print_message("skipped: no vdso in this process\n");
		skip();
	}
	assert_string_equal(name_at((uintptr_t)clock), "clock_gettime");
}

static void unknown_addresses(void **state)
{
	int on_stack = 0;

	(void)state;
	assert_int_equal(symbols_user_location(syms, self, 0, true), 0);
	assert_int_equal(symbols_user_location(syms, self, 1, false), 0);
	assert_int_equal(symbols_user_location(syms, self, UINT64_MAX, true), 0);
	assert_int_equal(symbols_user_location(syms, self, (uintptr_t)&on_stack, true), 0);
	assert_false(symbols_is_code(self, (uintptr_t)&on_stack));
	assert_string_equal(symbols_name(syms, 0), "[unknown]");
	assert_string_equal(symbols_name(syms, UINT32_MAX), "[unknown]");
}

static void new_mappings_are_found(void **state)
{
	long page = sysconf(_SC_PAGESIZE);
	char expected[64];
	void *file, *anon;
	int fd;

	(void)state;
	fd = open("/bin/true", O_RDONLY);
	assert_true(fd >= 0);
	usleep(50000); /* the first miss may read the maps again after some ms */
	file = mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	anon = mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(file != MAP_FAILED && anon != MAP_FAILED);
	/* On a busy machine reading takes longer, and is done less often. */
	for (int i = 0; i < 100 && !symbols_is_code(self, (uintptr_t)file); i++)
		usleep(20000);
	assert_true(symbols_is_code(self, (uintptr_t)file));
	snprintf(expected, sizeof(expected), "[true+0x%x]", 0x123);
	assert_string_equal(name_at((uintptr_t)file + 0x123), expected);
	assert_string_equal(name_at((uintptr_t)anon + 5), "[anon]");
	/* A perf map may yet tell them apart. */
	assert_int_not_equal(symbols_user_location(syms, self, (uintptr_t)anon + 5, true),
			     symbols_user_location(syms, self, (uintptr_t)anon + 9, true));

	/* Samples from before the unmapping may come later. */
	munmap(file, page);
	munmap(anon, page);
	assert_int_equal(symbols_image_refresh(self, true), 0);
	assert_true(symbols_is_code(self, (uintptr_t)file));
	assert_string_equal(name_at((uintptr_t)marker_function), "marker_function");
	close(fd);
}

/* A program that writes the addresses of its functions to stdout and waits. */
static const char program[] =
	"#include <unistd.h>\n"
	"namespace space { __attribute__((noinline)) int work(int x) { return x + getpid(); } }\n"
	"extern \"C\" __attribute__((noinline)) int odd(int x) __asm__(ODD);\n"
	"extern \"C\" int odd(int x) { return x - getpid(); }\n"
	"extern \"C\" __attribute__((noinline)) int fake(int x) __asm__(\"\\\"[on-CPU]_[k]\\\"\");\n"
	"extern \"C\" int fake(int x) { return x ^ getpid(); }\n"
	"int main() {\n"
	"  void *at[3] = {(void *)space::work, (void *)odd, (void *)fake};\n"
	"  if (write(1, at, sizeof(at)) != sizeof(at)) return 1;\n"
	"  pause();\n"
	"  return space::work(1) + odd(2) + fake(3);\n"
	"}\n";

static bool build(const char *flags, const char *path)
{
	char source[512], cmd[2048];
	FILE *f;

	snprintf(source, sizeof(source), "%s/program.cc", dir);
	f = fopen(source, "we");
	if (!f)
		return false;
	/* 200 bytes with ';', spaces, and a count at the end. */
	fprintf(f, "#define ODD \"\\\"");
	for (int i = 0; i < 65; i++)
		fputs("a; ", f);
	fprintf(f, "x 12\\\"\"\n%s", program);
	fclose(f);
	snprintf(cmd, sizeof(cmd), "g++ -O1 %s -o '%s' '%s' 2>%s/errors", flags, path, source, dir);
	return system(cmd) == 0;
}

struct child {
	pid_t pid;
	uint64_t at[3]; /* work, odd, fake */
};

static void start(struct child *c, const char *path)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	c->pid = fork();
	assert_true(c->pid >= 0);
	if (!c->pid) {
		dup2(ends[1], 1);
		execl(path, path, NULL);
		_exit(127);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], c->at, sizeof(c->at)), sizeof(c->at));
	close(ends[0]);
}

static void stop(struct child *c)
{
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
}

static void check_names(const uint32_t ids[3])
{
	const char *odd;

	assert_string_equal(symbols_name(syms, ids[0]), "space::work");
	odd = symbols_name(syms, ids[1]);
	assert_memory_equal(odd, "a: a: a: ", 9);
	assert_null(strchr(odd, ';'));
	assert_string_equal(odd + strlen(odd) - 4, "x_12");
	assert_string_equal(symbols_name(syms, ids[2]), "(on-CPU]_(k)");
}

/* Named after the process is gone and its program deleted: only the descriptor is left. */
static void check_gone(const char *flags)
{
	struct sym_image *im;
	struct child c;
	uint32_t ids[3];
	char path[256];

	snprintf(path, sizeof(path), "%s/program", dir);
	if (!build(flags, path)) {
		print_message("skipped: g++ does not build with %s here\n", flags);
		skip();
	}
	start(&c, path);
	im = symbols_image(syms, c.pid, 1, 0, 0);
	assert_non_null(im);
	for (int i = 0; i < 3; i++)
		ids[i] = symbols_user_location(syms, im, c.at[i], true);
	stop(&c);
	unlink(path);
	check_names(ids);
}

static void pie_that_exits(void **state)
{
	(void)state;
	check_gone("-fPIE -pie");
}

static void not_pie_that_exits(void **state)
{
	(void)state;
	check_gone("-fno-pie -no-pie");
}

static void deleted_while_it_runs(void **state)
{
	struct sym_image *im;
	struct child c;
	uint32_t ids[3];
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/program", dir);
	if (!build("", path)) {
		print_message("skipped: no g++ here\n");
		skip();
	}
	start(&c, path);
	unlink(path);
	im = symbols_image(syms, c.pid, 1, 0, 0);
	for (int i = 0; i < 3; i++)
		ids[i] = symbols_user_location(syms, im, c.at[i], true);
	check_names(ids);
	stop(&c);
}

static void stripped_program(void **state)
{
	struct sym_image *im;
	unsigned int offset;
	const char *name;
	struct child c;
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/program;7", dir);
	if (!build("-s -fPIE -pie", path)) {
		print_message("skipped: no g++ here\n");
		skip();
	}
	start(&c, path);
	im = symbols_image(syms, c.pid, 1, 0, 0);
	name = symbols_name(syms, symbols_user_location(syms, im, c.at[0], true));
	assert_int_equal(sscanf(name, "[program:7+0x%x]", &offset), 1);
	assert_int_equal(offset & 0xfff, c.at[0] & 0xfff);
	stop(&c);
	unlink(path);
}

static void fork_that_is_gone_inherits(void **state)
{
	struct sym_image *im;
	pid_t pid;

	(void)state;
	pid = fork();
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	im = symbols_image(syms, pid, 1, getpid(), 1);
	assert_non_null(im);
	assert_true(symbols_is_code(im, (uintptr_t)marker_function));
	assert_string_equal(symbols_name(syms, symbols_user_location(
						       syms, im, (uintptr_t)marker_function, true)),
			    "marker_function");
	/* Without a parent there is nothing to know. */
	im = symbols_image(syms, pid, 2, 0, 0);
	assert_int_equal(symbols_user_location(syms, im, (uintptr_t)marker_function, true), 0);
}

static void tables_are_given_back(void **state)
{
	uint64_t libc = (uintptr_t)dlsym(dlopen("libc.so.6", RTLD_NOW), "listen");
	const char *name;

	(void)state;
	syms->table_bytes_max = 1;
	name = name_at(libc);
	assert_string_equal(name, "listen");
	assert_string_equal(name_at((uintptr_t)marker_function), "marker_function");
	assert_string_equal(name_at(libc + 1), "listen");
	assert_string_equal(name_at((uintptr_t)marker_function + 1), "marker_function");
	assert_int_equal(HASH_COUNT(syms->tables), 1);
	assert_string_equal(name, "listen"); /* still there */
}

/* Beyond the limit of descriptors there are offsets instead of names. */
static void descriptors_are_bounded(void **state)
{
	unsigned int offset, room = syms->open_files + 1; /* the vdso's is open */

	(void)state;
	syms->open_files_max = room;
	assert_string_equal(name_at((uintptr_t)marker_function), "marker_function");
	assert_int_equal(sscanf(name_at((uintptr_t)dlsym(dlopen("libc.so.6", RTLD_NOW), "listen")),
				"[libc.so.6+0x%x]", &offset),
			 1);
	assert_int_equal(syms->open_files, room);
}

static void kernel_of_this_host(void **state)
{
	char found[64], name[80];
	uint64_t at;

	(void)state;
	if (symbols_kernel_hidden(syms)) {
		print_message("skipped: /proc/kallsyms shows no addresses\n");
		skip();
	}
	at = symbols_kernel_address(syms, "schedule", found, sizeof(found));
	assert_true(at != 0);
	assert_string_equal(found, "schedule");
	assert_string_equal(symbols_name(syms, symbols_kernel_location(syms, at + 1)),
			    "schedule_[k]");
	at = symbols_kernel_address(syms, "finish_task_switch", found, sizeof(found));
	assert_true(at != 0);
	snprintf(name, sizeof(name), "finish_task_switch_[k]");
	assert_string_equal(symbols_name(syms, symbols_kernel_location(syms, at + 1)), name);
	assert_int_equal(symbols_kernel_address(syms, "no_such_function", NULL, 0), 0);
	assert_string_equal(symbols_name(syms, symbols_kernel_location(syms, 1)), "[kernel]_[k]");
	assert_int_equal(symbols_kernel_location(syms, 0), 0);
}

static void load_text(struct kernel *k, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/kallsyms", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	memset(k, 0, sizeof(*k));
	assert_int_equal(kernel_load(k, path), 0);
	unlink(path);
}

static void kernel_tables(void **state)
{
	struct kernel k;
	char found[32];

	(void)state;
	load_text(&k, "ffffffff81000000 T _stext\n"
		      "ffffffff81000000 T real_name\n"
		      "ffffffff81000400 t clone.part.0\n"
		      "ffffffff81000500 t clone.isra.0\n"
		      "ffffffff81000600 t clone.cold\n"
		      "ffffffff81000700 t onlypart.part.0\n"
		      "ffffffff81000800 D some_data\n"
		      "ffffffff810008f0 t __pfx_padded\n"
		      "ffffffff81000900 t padded\n"
		      "ffffffff81000980 t weird.isra.0.cold\n"
		      "ffffffffc0201000 t in_module\t[mod]\n"
		      "ffffffffc0201080 t __pfx_padded_in_module\t[mod]\n"
		      "ffffffffc0201100 t cleanup_module\t[mod]\n"
		      "ffffffffc0201100 t mod_exit\t[mod]\n"
		      "ffffffffc0205000 t bpf_prog_6deef7357e7b4530_sd_devices\t[bpf]\n"
		      "ffffffffc0200000 t earlier_module.cold\t[other_mod]\n"
		      "garbage\n\n"
		      "ffffffff81000a00\n"
		      "ffffffff81000b00 t\n"
		      "ffffffff81000c00 t \n");
	assert_false(k.hidden);
	assert_string_equal(kernel_find(&k, 0xffffffff81000010), "real_name");
	assert_string_equal(kernel_find(&k, 0xffffffff810008f8), "onlypart.part.0");
	assert_string_equal(kernel_find(&k, 0xffffffff81000900), "padded");
	assert_string_equal(kernel_find(&k, 0xffffffffc0201010), "in_module");
	/* Modules come in any order; their aliases and padding are as the kernel's own. */
	assert_string_equal(kernel_find(&k, 0xffffffffc0201090), "in_module");
	assert_string_equal(kernel_find(&k, 0xffffffffc0201104), "cleanup_module");
	assert_string_equal(kernel_find(&k, 0xffffffffc0205010),
			    "bpf_prog_6deef7357e7b4530_sd_devices");
	assert_string_equal(kernel_find(&k, 0xffffffffc0200010), "earlier_module.cold");
	assert_null(kernel_find(&k, 0xffffffff80ffffff));
	assert_null(kernel_find(&k, 0xffffffffc0000000));
	assert_null(kernel_find(&k, 0));
	assert_int_equal(kernel_address(&k, "clone", found, sizeof(found)), 0xffffffff81000500);
	assert_string_equal(found, "clone.isra.0");
	assert_int_equal(kernel_address(&k, "padded", NULL, 0), 0xffffffff81000900);
	assert_int_equal(kernel_address(&k, "onlypart", found, sizeof(found)), 0);
	assert_int_equal(kernel_address(&k, "weird", found, sizeof(found)), 0);
	kernel_free(&k);

	load_text(&k, "0000000000000000 T _stext\n0000000000000000 T schedule\n");
	assert_true(k.hidden);
	assert_null(kernel_find(&k, 0));
	assert_int_equal(kernel_address(&k, "schedule", NULL, 0), 0);
	kernel_free(&k);

	assert_int_equal(kernel_load(&k, "/nonexistent"), -ENOENT);
	assert_true(k.hidden);
	kernel_free(&k);
}

static void base_names(void **state)
{
	(void)state;
	assert_int_equal(symbols_base_length("f"), 1);
	assert_int_equal(symbols_base_length("f.isra.0"), 1);
	assert_int_equal(symbols_base_length("f.isra.0.cold"), 1);
	assert_int_equal(symbols_base_length("f.constprop.0.isra.0"), 1);
	assert_int_equal(symbols_base_length("main.run"), 8);
	assert_int_equal(symbols_base_length("main.run.cold"), 8);
	assert_int_equal(symbols_base_length(".cold"), 5);
	assert_int_equal(symbols_base_length(""), 0);
}

static void hundred_thousand_addresses_a_second(void **state)
{
	enum { N = 100000 };
	uint64_t base = (uintptr_t)dlsym(dlopen("libc.so.6", RTLD_NOW), "listen") & ~0xfffull;
	const struct image_map *map = sym_image_find(self, base);
	struct timespec t0, t1;
	uint64_t size;
	double seconds;

	(void)state;
	assert_non_null(map);
	size = map->map.end - map->map.start;
	name_at(base); /* warm */
	clock_gettime(CLOCK_MONOTONIC, &t0);
	for (uint64_t i = 0; i < N; i++)
		assert_non_null(name_at(map->map.start + i * size / N));
	clock_gettime(CLOCK_MONOTONIC, &t1);
	seconds = t1.tv_sec - t0.tv_sec + (t1.tv_nsec - t0.tv_nsec) / 1e9;
	print_message("%d distinct addresses in %.3f s\n", N, seconds);
	assert_true(seconds < 1.0);
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

#define WITH_SYMBOLS(test) cmocka_unit_test_setup_teardown(test, open_symbols, close_symbols)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SYMBOLS(own_functions),
		WITH_SYMBOLS(library_and_vdso),
		WITH_SYMBOLS(unknown_addresses),
		WITH_SYMBOLS(new_mappings_are_found),
		WITH_SYMBOLS(pie_that_exits),
		WITH_SYMBOLS(not_pie_that_exits),
		WITH_SYMBOLS(deleted_while_it_runs),
		WITH_SYMBOLS(stripped_program),
		WITH_SYMBOLS(fork_that_is_gone_inherits),
		WITH_SYMBOLS(tables_are_given_back),
		WITH_SYMBOLS(descriptors_are_bounded),
		WITH_SYMBOLS(kernel_of_this_host),
		WITH_SYMBOLS(hundred_thousand_addresses_a_second),
		cmocka_unit_test(kernel_tables),
		cmocka_unit_test(base_names),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
