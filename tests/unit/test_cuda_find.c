// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is found in a process, and how often a file is looked into. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "cuda_files.h"

#define SHARED "-shared -nostdlib "

static void in_a_process_even_deleted(void **state)
{
	struct found f = { 0 };
	char path[256], copy[256];
	void *handle;

	(void)state;
	build("s", SHARED "-Wl,-soname,libcudart.so.13", runtime, "libcudart.so.13", path);
	assert_int_equal(find_process(&f, getpid()), 0);
	handle = dlopen(path, RTLD_NOW);
	assert_non_null(handle);
	snprintf(copy, sizeof(copy), "%s/kept", dir);
	assert_int_equal(link(path, copy), 0);
	assert_int_equal(unlink(path), 0);

	assert_int_equal(find_process(&f, getpid()), 1);
	assert_string_equal(f.lib->path, path);
	check_runtime(f.lib, copy);
	assert_int_equal(access(f.open_path, R_OK), 0);
	assert_int_equal(find_process(&f, getpid()), 0);
	/* The same file by another path. */
	assert_int_equal(find_file(&f, f.open_path), 0);
	found_free(&f);
	dlclose(handle);
	unlink(copy);
	assert_int_equal(cuda_find_process(0x7ffffff0, &f.files, &f.process), -ESRCH);
}

static const char program[] =
	"#include <unistd.h>\n"
	"static __attribute__((noinline)) int cudaLaunchKernel(int x) { return x + getpid(); }\n"
	"static __attribute__((noinline)) int cudaMalloc(int x) { return x - getpid(); }\n"
	"int main() { if (write(1, \"x\", 1) != 1) return 1;\n"
	" pause(); return cudaLaunchKernel(cudaMalloc(1)); }\n";

static void static_runtime_in_a_program(void **state)
{
	struct found f = { 0 };
	char path[256];
	pid_t pid;

	(void)state;
	build("c", "-O1 -fno-omit-frame-pointer", program, "program", path);
	pid = start(path);
	assert_int_equal(find_process(&f, pid), 1);
	assert_true(f.lib->is_static);
	assert_string_equal(f.lib->path, path);
	assert_int_equal(f.lib->sites_n, 2);
	assert_int_equal(byte_at(path, site_of(f.lib, "cudaMalloc")->offset), 0x55);
	assert_int_equal(find_process(&f, pid), 0);
	stop(pid);
	found_free(&f);

	/* Stripped, and without device code, nothing is left to find. */
	build("c", "-O1 -s", program, "program", path);
	pid = start(path);
	assert_int_equal(find_process(&f, pid), 0);
	assert_int_equal(f.files.n, 0);
	stop(pid);
	found_free(&f);
}

/* A shared runtime, one in a library and one in a plug-in: all of one process. */
static void all_runtimes_of_a_process(void **state)
{
	static const char local[] = ".text\n.type cudaLaunchKernel,@function\n"
				    "cudaLaunchKernel: push %rbp\n pop %rbp\n ret\n" NO_STACK;
	char path[3][256];
	void *handles[3];
	struct found f = { 0 };

	(void)state;
	build("s", SHARED, local, "libtorch_extension.so", path[0]);
	build("s", SHARED "-Wl,-soname,plugin", local, "plugin", path[1]);
	build("s", SHARED "-Wl,-soname,libcudart.so.12", runtime, "libcudart.so.12", path[2]);
	for (int i = 0; i < 3; i++)
		assert_non_null(handles[i] = dlopen(path[i], RTLD_NOW));
	assert_int_equal(find_process(&f, getpid()), 3);
	/* What the name tells comes first. */
	assert_string_equal(f.files.libs[f.process.uses[0].lib].path, path[2]);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(f.files.libs[i].is_static, i > 0);
	found_free(&f);
	for (int i = 0; i < 3; i++)
		dlclose(handles[i]);
}

static void a_file_is_looked_into_once(void **state)
{
	struct cuda_process other = { 0 };
	struct found f = { 0 };
	char path[256];
	uint64_t read;
	size_t without;
	pid_t pid;

	(void)state;
	build("c", "-O1 -fno-omit-frame-pointer", program, "program", path);
	pid = start(path);
	assert_int_equal(find_process(&f, pid), 1);
	read = f.files.read;
	without = f.files.without.n;
	assert_true(read > 0 && without > 0);
	assert_int_equal(find_process(&f, pid), 0);
	assert_int_equal(cuda_find_process(pid, &f.files, &other), 1);
	assert_int_equal(f.files.n, 1);
	assert_int_equal(other.uses[0].lib, f.process.uses[0].lib);
	/* Its mappings are compared anew, the files are not. */
	cuda_process_forget(&other);
	assert_int_equal(cuda_find_process(pid, &f.files, &other), 0);
	assert_int_equal(f.files.read, read);
	assert_int_equal(f.files.without.n, without);
	stop(pid);
	cuda_process_free(&other);

	/* Another file under the number of one that is gone. */
	assert_int_equal(cuda_find_file("/bin/true", &f.files, &f.process), 0);
	without = f.files.without.n;
	for (size_t i = 0; i < without; i++)
		f.files.without.ids[i].mtime_ns++;
	hash_index_free(&f.files.without.index);
	memset(&f.files.without.index, 0, sizeof(f.files.without.index));
	assert_int_equal(cuda_find_file("/bin/true", &f.files, &f.process), 0);
	assert_int_equal(f.files.without.n, without + 1);
	found_free(&f);
}

/* Those with names are looked into whatever was read before; the others when it may go on. */
static void reading_is_limited(void **state)
{
	struct found f = { .files.read_limit = 1, .files.read = 1 };
	char path[256], named[256];
	void *handle;
	pid_t pid;

	(void)state;
	build("c", "-O1", program, "program", path);
	build("s", SHARED "-Wl,-soname,libcudart.so.13", runtime, "libcudart.so.13", named);
	pid = start(path);
	handle = dlopen(named, RTLD_NOW);
	assert_non_null(handle);
	assert_int_equal(find_process(&f, getpid()), 1);
	check_runtime(f.lib, named);
	assert_int_equal(find_process(&f, pid), 0);
	assert_int_equal(f.files.without.n, 0);
	assert_int_equal(f.files.unread, 0);
	f.files.read_limit = 0;
	assert_int_equal(find_process(&f, pid), 1);
	stop(pid);
	found_free(&f);

	/* For good. */
	f.files.read = 1ULL << 40;
	assert_int_equal(find_file(&f, path), 0);
	assert_int_equal(find_file(&f, path), 0);
	assert_int_equal(f.files.unread, 1);
	assert_int_equal(find_file(&f, named), 1);
	found_free(&f);
	dlclose(handle);
}

/* Symbol tables of any size that are no more than holes in a file. */
static void huge_tables_are_refused(void **state)
{
	struct found f = { 0 };
	char path[256];
	uint64_t shoff, size = 10ULL << 30;
	uint16_t n;
	int fd;

	(void)state;
	build("c", "-O1 -fno-omit-frame-pointer", program, "program", path);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	if (ftruncate(fd, 11LL << 30)) {
		print_message("skipped: no file of 11 GiB in %s: %s\n", dir, strerror(errno));
		close(fd);
		unlink(path);
		skip();
	}
	/* Every string table is said to be 10 GiB. */
	assert_int_equal(pread(fd, &shoff, 8, 40), 8);
	assert_int_equal(pread(fd, &n, 2, 60), 2);
	for (uint16_t i = 0; i < n; i++) {
		uint32_t type;

		assert_int_equal(pread(fd, &type, 4, shoff + i * 64 + 4), 4);
		if (type == 3)
			assert_int_equal(pwrite(fd, &size, 8, shoff + i * 64 + 32), 8);
	}
	close(fd);
	assert_int_equal(find_file(&f, path), 0);
	assert_true(f.files.read < 1 << 20);
	unlink(path);
	found_free(&f);
}

/* What runs from memory has no path, and what is no file is not opened. */
static void strange_mappings(void **state)
{
	int fd = memfd_create("libcudart.so.13", MFD_CLOEXEC), fifo;
	struct found f = { 0 };
	char path[256], text[256];
	ssize_t n;
	void *at;

	(void)state;
	build("s", SHARED, runtime, "libcudart.so.13", path);
	fifo = open(path, O_RDONLY);
	while ((n = read(fifo, text, sizeof(text))) > 0)
		assert_int_equal(write(fd, text, n), n);
	close(fifo);
	at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	close(fd);
	assert_int_equal(find_process(&f, getpid()), 1);
	assert_non_null(strstr(f.lib->path, "memfd:libcudart.so.13"));
	check_runtime(f.lib, path);
	munmap(at, 4096);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(find_file(&f, path), 0);
	unlink(path);
	found_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_a_process_even_deleted),
		cmocka_unit_test(static_runtime_in_a_program),
		cmocka_unit_test(all_runtimes_of_a_process),
		cmocka_unit_test(a_file_is_looked_into_once),
		cmocka_unit_test(reading_is_limited),
		cmocka_unit_test(huge_tables_are_refused),
		cmocka_unit_test(strange_mappings),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
