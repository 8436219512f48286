// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Probes on a library of this process, counted by a program of a few instructions: which calls are
 * probed, how often a call hits, by each kind that the kernel has. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <bpf/bpf.h>
#include "clock.h"
#include "cuda_attach.h"
#include "cuda_files.h"

#define CALLS 4096 /* numbers of calls, as in the records */

static int hits_fd = -1;
static enum uprobe_kind best;

#define INSN(c, d, s, o, i) \
	((struct bpf_insn){ .code = c, .dst_reg = d, .src_reg = s, .off = o, .imm = i })

/* hits[call of the cookie] += 1. */
static int load_counter(int attach_type)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_attach_cookie),
		INSN(BPF_ALU64 | BPF_AND | BPF_K, 0, 0, 0, CALLS - 1),
		INSN(BPF_STX | BPF_W | BPF_MEM, 10, 0, -4, 0),
		INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, hits_fd),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 1),
		INSN(BPF_STX | BPF_DW | BPF_ATOMIC, 0, 1, 0, BPF_ADD),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach_type);

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "count", "GPL", insns,
			     sizeof(insns) / sizeof(insns[0]), &opts);
}

static int set_up(void **state)
{
	best = uprobe_detect();
	hits_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "hits", 4, 8, CALLS, NULL);
	return make_dir(state);
}

/* Hits of a call since the last question. */
static uint64_t hits(const char *name)
{
	uint64_t n = 0, none = 0;
	uint32_t key = cuda_call_row(name, NULL) + 1;

	assert_int_equal(bpf_map_lookup_elem(hits_fd, &key, &n), 0);
	assert_int_equal(bpf_map_update_elem(hits_fd, &key, &none, BPF_ANY), 0);
	return n;
}

static uint64_t all_hits(void)
{
	uint64_t sum = 0;

	for (size_t row = 0; row < cuda_calls_n; row++)
		sum += hits(cuda_calls[row].name);
	return sum;
}

/* Calls that are there once, under two names, and behind a jump; and a registration. */
static const char library[] =
	ENTRY "entry cudaLaunchKernel\nlaunch: push %rbp\n pop %rbp\n ret\n"
	      "entry __cudaLaunchKernel\n jmp launch\n"
	      "entry cudaMalloc\nentry cudaMallocManaged\n push %rbp\n pop %rbp\n ret\n"
	      "entry cudaStreamSynchronize\nsync: push %rbp\n pop %rbp\n ret\n"
	      "entry cudaDeviceSynchronize\n jmp sync\n"
	      "entry __cudaRegisterFunction\n push %rbp\n pop %rbp\n ret\n" NO_STACK;

struct traced {
	struct cuda_attach a;
	volatile uint64_t done_ns;
	void *handle;
};

static void trace_begin(struct traced *t, enum uprobe_kind kind)
{
	const int multi = kind == UPROBE_PERF ? 0 : UPROBE_MULTI_ATTACH_TYPE;
	char path[256];

	if (kind > best || best == UPROBE_NONE || hits_fd < 0) {
		print_message("skipped: no %s for this user or kernel\n", uprobe_kind_name(kind));
		skip();
	}
	build("s", "-shared -nostdlib -Wl,-soname,libcudart.so.13", library, "libcudart.so.13",
	      path);
	memset(t, 0, sizeof(*t));
	t->handle = dlopen(path, RTLD_NOW);
	assert_non_null(t->handle);
	t->a.kind = kind;
	t->a.session_fd = kind == UPROBE_SESSION ? load_counter(UPROBE_SESSION_ATTACH_TYPE) : -1;
	t->a.entry_fd = load_counter(multi);
	t->a.return_fd = load_counter(multi);
	t->a.register_fd = load_counter(multi);
	t->a.done_ns = &t->done_ns;
	t->a.begin_ns = ~0ULL;
	assert_true(t->a.entry_fd >= 0 && t->a.return_fd >= 0 && t->a.register_fd >= 0);
	assert_true(kind != UPROBE_SESSION || t->a.session_fd >= 0);
	all_hits();
}

static void attach(struct traced *t, size_t probes, size_t links)
{
	assert_int_equal(cuda_attach_process(&t->a, getpid(), 0), 1);
	assert_string_equal(t->a.failed, "");
	assert_int_equal(t->a.probes, probes);
	assert_int_equal(t->a.fds_n, links);
	assert_true(t->done_ns > 0 && t->done_ns != ~0ULL);
	/* Known by now. */
	assert_int_equal(cuda_attach_process(&t->a, getpid(), 0), 0);
	assert_int_equal(t->a.fds_n, links);
}

static void call(struct traced *t, const char *name)
{
	union {
		void *data;
		void (*code)(void);
	} f = { dlsym(t->handle, name) };

	assert_non_null(f.data);
	f.code();
}

static void trace_end(struct traced *t)
{
	close(t->a.session_fd);
	close(t->a.entry_fd);
	close(t->a.return_fd);
	close(t->a.register_fd);
	cuda_attach_close(&t->a);
	call(t, "cudaLaunchKernel");
	assert_int_equal(all_hits(), 0);
	dlclose(t->handle);
}

static void all_calls(enum uprobe_kind kind, size_t links)
{
	struct traced t;

	trace_begin(&t, kind);
	attach(&t, 4, links);
	for (int i = 0; i < 3; i++)
		call(&t, "__cudaLaunchKernel");
	assert_int_equal(hits("cudaLaunchKernel"), 6);
	call(&t, "cudaMalloc");
	call(&t, "cudaMallocManaged");
	assert_int_equal(hits("cudaMalloc") + hits("cudaMallocManaged"), 4);
	call(&t, "cudaDeviceSynchronize");
	assert_int_equal(hits("cudaStreamSynchronize"), 2);
	/* Its entry only. */
	call(&t, "__cudaRegisterFunction");
	assert_int_equal(hits("__cudaRegisterFunction"), 1);
	assert_int_equal(all_hits(), 0);
	trace_end(&t);
}

static void by_sessions(void **state)
{
	(void)state;
	all_calls(UPROBE_SESSION, 2);
}

static void by_multi_links(void **state)
{
	(void)state;
	all_calls(UPROBE_MULTI, 3);
}

static void by_perf_events(void **state)
{
	(void)state;
	all_calls(UPROBE_PERF, 7);
}

static void entries_only(void **state)
{
	struct traced t;

	(void)state;
	trace_begin(&t, best == UPROBE_SESSION ? UPROBE_SESSION : UPROBE_MULTI);
	t.a.entries_only = true;
	attach(&t, 4, 2);
	call(&t, "cudaLaunchKernel");
	assert_int_equal(hits("cudaLaunchKernel"), 1);
	call(&t, "__cudaRegisterFunction");
	assert_int_equal(hits("__cudaRegisterFunction"), 1);
	trace_end(&t);
}

/* Of calls at one place, or one jumping to the other, whichever is chosen. */
static void chosen_calls(void **state)
{
	bool *chosen = calloc(cuda_calls_n, sizeof(*chosen));
	struct traced t;

	(void)state;
	assert_non_null(chosen);
	trace_begin(&t, best == UPROBE_SESSION ? UPROBE_SESSION : UPROBE_MULTI);
	t.a.chosen = chosen;
	chosen[cuda_call_row("cudaMallocManaged", NULL)] = true;
	chosen[cuda_call_row("cudaDeviceSynchronize", NULL)] = true;
	attach(&t, 2, best == UPROBE_SESSION ? 1 : 2);
	call(&t, "cudaLaunchKernel");
	call(&t, "__cudaRegisterFunction");
	call(&t, "cudaStreamSynchronize");
	assert_int_equal(all_hits(), 0);
	call(&t, "cudaMalloc");
	assert_int_equal(hits("cudaMallocManaged"), 2);
	call(&t, "cudaDeviceSynchronize");
	assert_int_equal(hits("cudaDeviceSynchronize"), 2);
	assert_int_equal(all_hits(), 0);
	trace_end(&t);

	/* None at all: nothing is attached. */
	memset(chosen, 0, cuda_calls_n * sizeof(*chosen));
	trace_begin(&t, best == UPROBE_SESSION ? UPROBE_SESSION : UPROBE_MULTI);
	t.a.chosen = chosen;
	assert_int_equal(cuda_attach_process(&t.a, getpid(), 0), 1);
	assert_int_equal(t.a.fds_n, 0);
	trace_end(&t);
	free(chosen);
}

/* Host-wide a file is probed once; else each process has probes of its own. */
static void several_processes(void **state)
{
	int ends[2], status;
	struct traced t;
	pid_t child;
	char byte = 0;

	(void)state;
	for (int all = 0; all < 2; all++) {
		trace_begin(&t, best == UPROBE_SESSION ? UPROBE_SESSION : UPROBE_MULTI);
		t.a.all = all;
		attach(&t, 4, best == UPROBE_SESSION ? 2 : 3);
		assert_int_equal(pipe(ends), 0);
		child = fork();
		assert_true(child >= 0);
		if (!child) {
			/* One call when it is told to. */
			if (read(ends[0], &byte, 1) == 1)
				call(&t, "cudaMalloc");
			_exit(0);
		}
		assert_int_equal(cuda_attach_process(&t.a, child, 0), 1);
		assert_int_equal(t.a.probes, all ? 4 : 8);
		assert_int_equal(t.a.files.n, 1);
		assert_int_equal(write(ends[1], &byte, 1), 1);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		assert_int_equal(hits("cudaMalloc") + hits("cudaMallocManaged"), 2);
		/* It is gone. */
		assert_int_equal(t.a.processes_n, 2);
		assert_int_equal(cuda_attach_tick(&t.a, clock_now_ns(), false), 0);
		assert_int_equal(t.a.processes_n, 1);
		close(ends[0]);
		close(ends[1]);
		trace_end(&t);
	}
}

/* What comes by dlopen is found at the next look, which counts how long it may have run before. */
static void found_late(void **state)
{
	uint64_t begin;
	char path[256], second[256];
	void *handle;
	struct traced t;

	(void)state;
	trace_begin(&t, best == UPROBE_SESSION ? UPROBE_SESSION : UPROBE_MULTI);
	snprintf(path, sizeof(path), "%s/libcudart.so.13", dir);
	build("s", "-shared -nostdlib", library, "plugin.so", second);
	dlclose(t.handle);
	begin = t.a.begin_ns = clock_now_ns();
	assert_int_equal(cuda_attach_process(&t.a, getpid(), 0), 0);
	assert_int_equal(t.a.uncovered_ns, 0);
	t.handle = dlopen(path, RTLD_NOW);
	assert_non_null(t.handle);
	handle = dlopen(second, RTLD_NOW);
	assert_non_null(handle);
	usleep(20000);
	assert_int_equal(cuda_attach_tick(&t.a, clock_now_ns(), false), 2);
	/* Once, not for each of the two. */
	assert_true(t.a.uncovered_ns >= 20 * NS_PER_MS);
	assert_true(t.a.uncovered_ns <= clock_now_ns() - begin);
	call(&t, "cudaMalloc");
	assert_int_equal(hits("cudaMalloc") + hits("cudaMallocManaged"), 2);
	trace_end(&t);
	dlclose(handle);
}

/* A library with many calls: NVIDIA's. */
static void attaching_is_fast(void **state)
{
	struct traced t;
	uint64_t now;

	(void)state;
	trace_begin(&t, best == UPROBE_SESSION ? UPROBE_SESSION : UPROBE_MULTI);
	if (access("/usr/local/cuda/lib64/libcudart.so.13", R_OK)) {
		trace_end(&t);
		print_message("skipped: no libcudart.so.13 under /usr/local/cuda\n");
		skip();
	}
	now = clock_now_ns();
	assert_int_equal(cuda_attach_file(&t.a, getpid(), "/usr/local/cuda/lib64/libcudart.so.13"),
			 0);
	now = clock_now_ns() - now;
	print_message("%zu probes in %.0f ms\n", t.a.probes, now / 1e6);
	assert_true(t.a.probes >= 150);
	assert_true(now < NS_PER_S);
	trace_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_sessions),	  cmocka_unit_test(by_multi_links),
		cmocka_unit_test(by_perf_events), cmocka_unit_test(entries_only),
		cmocka_unit_test(chosen_calls),	  cmocka_unit_test(several_processes),
		cmocka_unit_test(found_late),	  cmocka_unit_test(attaching_is_fast),
	};

	return cmocka_run_group_tests(tests, set_up, remove_dir);
}
