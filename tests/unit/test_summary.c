/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The screen: what it says, and that it stays one. */
#define _GNU_SOURCE
#include "output.h"
#include "random_profile.h"
#include "summary_text.h"

static void add_thread(struct profile *p, uint64_t serial, uint32_t pid, const char *process,
		       const char *comm, uint64_t on_cpu_ms, uint64_t blocked_ms, int syscall)
{
	struct profile_thread t = make_thread(serial, pid, (uint32_t)(pid + serial), process, comm);

	t.state_ns[PROFILE_ON_CPU] = on_cpu_ms * 1000000;
	t.state_ns[PROFILE_BLOCKED] = blocked_ms * 1000000;
	t.voluntary = 12034;
	t.involuntary = 233;
	assert_int_equal(profile_add_wait(p, serial, syscall, 0, t.state_ns[PROFILE_BLOCKED], 1),
			 0);
	assert_int_equal(profile_add_thread(p, &t, 100), 0);
}

static void add_call(struct profile *p, uint32_t pid, const char *name, uint64_t calls,
		     uint64_t wall_us, uint64_t cpu_us)
{
	const struct profile_call c = { .pid = pid,
					.process = "serve",
					.name = name,
					.api = "runtime",
					.group = strstr(name, "Sync")	  ? "sync"
						 : strstr(name, "Memcpy") ? "copy"
									  : "launch",
					.is_sync = strstr(name, "Synchronize") != NULL,
					.is_async_copy = strstr(name, "Async") != NULL,
					.calls = calls,
					.waited = wall_us / calls >= 20 ? calls : 0,
					.spun = cpu_us * 10 >= wall_us * 9 ? calls : 0,
					.blocked_calls = cpu_us * 10 <= wall_us ? calls : 0,
					.wall_ns = wall_us * 1000,
					.on_cpu_ns = cpu_us * 1000,
					.blocked_ns = (wall_us - cpu_us) * 1000,
					.p50_ns = 2944,
					.p95_ns = 4412,
					.p99_ns = 9830,
					.max_ns = 100000 };

	assert_int_equal(profile_add_call(p, &c), 0);
}

static struct profile *new_profile(void)
{
	struct profile *p = profile_new();

	assert_non_null(p);
	p->duration_ns = 10000000000;
	p->host = "gpu-17";
	p->kernel = "6.1.0-56";
	p->runtime = "nvidia";
	p->runtime_version = "13.0";
	p->target = "serve (4242)";
	p->stacks = 9204;
	p->overhead = (struct profile_overhead){ .bpf_ns = 20000000,
						 .trap_ns = 30000000,
						 .user_cpu_ns = 70000000,
						 .start_cpu_ns = 60000000,
						 .rss_bytes = 11 << 20,
						 .map_bytes = 10 << 20 };
	return p;
}

static void common_case(void **unused)
{
	const struct summary_options o = { .columns = 80 };
	struct profile *p = new_profile();
	char *text;

	(void)unused;
	add_thread(p, 1, 4242, "serve", "executor", 6120, 3880, SYS_futex);
	add_thread(p, 2, 4242, "serve", "batcher", 300, 9700, SYS_ppoll);
	for (uint64_t serial = 3; serial < 14; serial++)
		add_thread(p, serial, 4242, "serve", "idle", 1, 9999, SYS_futex);
	add_call(p, 4242, "cudaLaunchKernel", 402110, 1310000, 1300000);
	add_call(p, 4242, "cudaStreamSynchronize", 4021, 3410000, 3400000);
	add_call(p, 4242, "cudaMemcpyAsync", 4021, 180000, 30000);
	assert_int_equal(profile_add_not_measured(p, "GPU kernel time", "needs CUPTI"), 0);
	assert_int_equal(profile_finish(p), 0);
	text = summary(p, &o);
	assert_true(widest_line(text) <= 80);
	/* One line is left for the files written, one for the prompt. */
	assert_true(count_lines(text) <= 22);
	assert_non_null(strstr(text, "serve (4242)   10.0 s   13 threads\n"));
	assert_non_null(strstr(text, "  host gpu-17, Linux 6.1.0-56, runtime nvidia 13.0\n"));
	assert_non_null(strstr(text, "executor           4243  10.0 s  61.2 %         0  38.8 %  "
				     "lock 38.8 %"));
	assert_non_null(strstr(text, "poll 97.0 %"));
	assert_non_null(strstr(text, "+ threads: 11 idle more than 99 %"));
	assert_non_null(strstr(text,
			       "cudaLaunchKernel       402,110 2.94 us 4.41 us 9.83 us  1.31 s"
			       "  1.30 s 10.0 ms"));
	assert_non_null(strstr(text, "      spins: 99.7 % of its wait is CPU time\n"));
	assert_non_null(strstr(text, "      waits: 100 % of the copies (pageable memory?)\n"));
	assert_non_null(strstr(text, "lost: nothing."));
	assert_non_null(strstr(text, "not measured: GPU kernel time (needs CUPTI)"));
	assert_non_null(strstr(text, "cost: 0.6 % of one CPU (30.0 ms traps, 20.0 ms BPF, 10.0 ms "
				     "infbpf), 21.0 MiB\n"));
	assert_null(strchr(text, '\033'));
	/* One process: its name is in the head. */
	assert_null(strstr(text, "/executor"));
	/* The longest call first. */
	assert_true(strstr(text, "cudaStreamSynchronize") < strstr(text, "cudaLaunchKernel"));
	free(text);
	profile_free(p);
}

/* A launch is not a wait, a short synchronisation no spin. */
static void notes_are_sparing(void **unused)
{
	const struct summary_options o = { .columns = 80 };
	struct profile *p = new_profile();
	char *text;

	(void)unused;
	add_call(p, 1, "cudaLaunchKernel", 10, 1000000, 1000000);
	add_call(p, 1, "cudaEventSynchronize", 1000000, 2000000, 2000000);
	add_call(p, 1, "cudaStreamSynchronize", 10, 1000000, 100000);
	add_call(p, 1, "cudaMemcpyAsync", 100000, 200000, 0);
	add_call(p, 1, "cudaMemcpy", 10, 1000000, 0);
	assert_int_equal(profile_finish(p), 0);
	text = summary(p, &o);
	assert_null(strstr(text, "spin"));
	assert_null(strstr(text, "pageable"));
	/* The row says it: a line of its own would say no more. */
	assert_null(strstr(text, "blocks"));
	free(text);
	profile_free(p);
}

static void stays_one_screen(void **unused)
{
	(void)unused;
	for (unsigned int threads = 0; threads < 400; threads += 13) {
		const struct summary_options o = { .columns = 80, .colour = threads % 2 };
		struct profile *p = new_profile();
		char name[64], *text;

		for (unsigned int i = 0; i < threads; i++) {
			snprintf(name, sizeof(name), "a-long-name-%u", i);
			add_thread(p, i + 1, 1000 + i % 20, name, "worker with a name", i * 20,
				   9000, SYS_read);
		}
		for (unsigned int i = 0; i < threads / 10; i++) {
			snprintf(name, sizeof(name), "cudaSomethingWithALongName%uSynchronize", i);
			add_call(p, 1000 + i % 3, name, 12345678, 900000000, 900000000);
		}
		p->lost = (struct profile_lost){ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
		assert_int_equal(profile_add_not_measured(p, "GPU kernel time", "needs CUPTI"), 0);
		assert_int_equal(profile_add_not_measured(p, "page-cache waits", "no kprobes"), 0);
		assert_int_equal(profile_finish(p), 0);
		text = summary(p, &o);
		if (count_lines(text) > 22)
			print_message("%s", text);
		assert_true(count_lines(text) <= 22);
		/* Of process and thread each is told, however long. */
		if (threads)
			assert_non_null(strstr(text, "a-../worker w.."));
		assert_true(widest_line(text) <= 80);
		if (o.colour && threads)
			assert_non_null(strstr(text, "\033[1mWALL TIME"));
		free(text);
		profile_free(p);
	}
}

static void all_when_asked(void **unused)
{
	const struct summary_options o = { .columns = 140, .wide = true };
	struct profile *p = new_profile();
	char *text;

	(void)unused;
	for (uint64_t serial = 1; serial <= 100; serial++)
		add_thread(p, serial, 10, "serve", serial % 2 ? "odd" : "even",
			   serial % 2 ? 500 : 0, 9500, SYS_futex);
	assert_int_equal(profile_finish(p), 0);
	text = summary(p, &o);
	assert_true(count_lines(text) > 100);
	assert_null(strstr(text, "+ threads"));
	assert_non_null(strstr(text, "12,034 / 233  blocked: lock 95.0 %"));
	assert_non_null(strstr(text, "switches vol/inv  mostly"));
	assert_non_null(strstr(text, "; to start: 60.0 ms"));
	free(text);
	profile_free(p);
}

static void unknown_is_said(void **unused)
{
	const struct summary_options o = { 0 };
	struct profile *p = new_profile();
	char *text;

	(void)unused;
	p->host = p->kernel = p->runtime = p->target = NULL;
	p->overhead.bpf_ns = PROFILE_UNKNOWN;
	p->overhead.map_bytes = PROFILE_UNKNOWN;
	p->lost.missed_runs = PROFILE_UNKNOWN;
	assert_int_equal(profile_finish(p), 0);
	text = summary(p, &o);
	assert_non_null(strstr(text, "host unknown, Linux unknown"));
	assert_non_null(strstr(text, "at least 0.4 % of one CPU"));
	assert_non_null(strstr(text, "unknown BPF"));
	assert_non_null(strstr(text, "memory unknown"));
	assert_non_null(strstr(text, "lost: unknown probe runs"));
	assert_null(strstr(text, "lost: nothing"));
	assert_non_null(strstr(text, "GPU CALLS   none"));
	free(text);
	profile_free(p);
}

static void emulation_is_said(void **unused)
{
	const struct summary_options o = { .columns = 80 };
	struct profile *p = new_profile();
	char *text;

	(void)unused;
	p->runtime = "emu";
	add_thread(p, 1, 10, "serve", "executor", 5000, 5000, SYS_futex);
	add_thread(p, 2, 10, "serve", "emu-gpu/0", 9000, 1000, SYS_nanosleep);
	add_call(p, 10, "cudaMalloc", 1, 1, 1);
	assert_int_equal(profile_finish(p), 0);
	text = summary(p, &o);
	assert_non_null(strstr(text, "the CPU stands in for a GPU"));
	assert_non_null(strstr(text, "GPU CALLS (emulated)"));
	assert_non_null(strstr(text, "+ threads: 1 emulating the GPU"));
	assert_null(strstr(text, "emu-gpu/0"));
	free(text);
	profile_free(p);
}

static void says_what_was_waited_for(void **unused)
{
	const unsigned int tcp = FD_TCP << WAIT_FD_SHIFT;
	struct summary_options o = { .columns = 80 };
	struct profile *p = new_profile();
	char *text;

	(void)unused;
	add_thread(p, 1, 10, "serve", "executor", 5000, 6000, SYS_futex);
	add_thread(p, 2, 10, "serve", "reader", 0, 4000, SYS_exit_group);
	assert_int_equal(profile_add_wait(p, 2, SYS_read, tcp, 3000000000, 2), 0);
	assert_int_equal(profile_finish(p), 0);
	text = summary(p, &o);
	assert_non_null(strstr(text, "waited for: futex 6.00 s, "));
	assert_non_null(strstr(text, "TCP receive 1.71 s"));
	assert_null(strstr(text, "WAITS"));
	free(text);
	o.wide = true;
	text = summary(p, &o);
	assert_non_null(strstr(text, "WAITS"));
	assert_non_null(strstr(text, "TCP receive"));
	free(text);
	profile_free(p);
}

static void hostile_names_cannot_steer_the_terminal(void **unused)
{
	const struct summary_options o = { .columns = 80 };
	struct profile *p = new_profile();
	char *text;

	(void)unused;
	add_thread(p, 1, 10, "\033[2J", "\x1b]0;x\a\n\xff", 5000, 5000, SYS_futex);
	add_thread(p, 2, 11, "gr\xc3\xbc\xc3\x9f gr\xc3\xbc\xc3\x9f gr", "\xc3\xbc", 5000, 5000,
		   SYS_futex);
	p->target = "\033[31mred";
	assert_int_equal(profile_finish(p), 0);
	text = summary(p, &o);
	for (const char *c = text; *c; c++)
		assert_true(*c == '\n' || (unsigned char)*c >= 0x20);
	assert_true(widest_line(text) <= 80);
	free(text);
	profile_free(p);
}

static void random_ones_hold(void **unused)
{
	(void)unused;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		const struct summary_options o = { .columns = (unsigned int)(seed % 150),
						   .wide = seed % 3 == 0 };
		struct profile *p = random_profile(seed).p;
		char *text = summary(p, &o);

		assert_true(strlen(text) > 100);
		free(text);
		profile_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(common_case),
		cmocka_unit_test(notes_are_sparing),
		cmocka_unit_test(stays_one_screen),
		cmocka_unit_test(all_when_asked),
		cmocka_unit_test(unknown_is_said),
		cmocka_unit_test(emulation_is_said),
		cmocka_unit_test(says_what_was_waited_for),
		cmocka_unit_test(hostile_names_cannot_steer_the_terminal),
		cmocka_unit_test(random_ones_hold),
	};

	return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
