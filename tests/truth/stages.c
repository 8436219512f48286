/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Marks around known work. Each stage's clocks are read outside of its two marks and inside of them: what
 * is measured lies between the two sums. With rounds=0 it goes on until SIGTERM, and then waits for the
 * marks' semaphores to be let go.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#define _SDT_HAS_SEMAPHORES 1
#define SDT_USE_VARIADIC
#include <sys/sdt.h>
#include "truth.h"

#define MS	1000000ull
#define REQUEST 7 /* ids begin here */
#define GROUP	3

#define SEMAPHORE(name)                                                 \
	__extension__ volatile unsigned short infbpf_##name##_semaphore \
		__attribute__((section(".probes"), used))
SEMAPHORE(stage_begin);
SEMAPHORE(stage_end);
SEMAPHORE(request_begin);
SEMAPHORE(request_end);
SEMAPHORE(request_drop);
SEMAPHORE(wait_begin);
SEMAPHORE(wait_end);
SEMAPHORE(pass_begin);
SEMAPHORE(pass_member);
SEMAPHORE(pass_end);
SEMAPHORE(group_leave);
#define MARK(name, ...)                                           \
	do {                                                      \
		if (infbpf_##name##_semaphore)                    \
			STAP_PROBEV(infbpf, name, ##__VA_ARGS__); \
	} while (0)

struct stage {
	const char *name;
	_Atomic uint64_t count, inner_ns, outer_ns, inner_cpu_ns, outer_cpu_ns;
};

static struct stage stages[] = {
	{ .name = "round" }, { .name = "sleep" }, { .name = "spin" },
	{ .name = "lock" },  { .name = "deep" },  { .name = "keeps" },
	{ .name = "work" },  { .name = "part" },  { .name = "launch" },
};

struct span {
	struct stage *stage;
	uint64_t outer_ns, inner_ns, outer_cpu_ns, inner_cpu_ns;
};

static struct stage *stage_of(const char *name)
{
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		if (!strcmp(stages[i].name, name))
			return &stages[i];
	truth_die(name);
}

static void span_begin(struct span *s, const char *name, uint64_t request)
{
	s->stage = stage_of(name);
	s->outer_ns = truth_now_ns();
	s->outer_cpu_ns = truth_thread_cpu_ns();
	MARK(stage_begin, name, request);
	s->inner_cpu_ns = truth_thread_cpu_ns();
	s->inner_ns = truth_now_ns();
}

static void span_end(struct span *s)
{
	struct stage *stage = s->stage;

	s->inner_ns = truth_now_ns() - s->inner_ns;
	s->inner_cpu_ns = truth_thread_cpu_ns() - s->inner_cpu_ns;
	MARK(stage_end, stage->name);
	s->outer_cpu_ns = truth_thread_cpu_ns() - s->outer_cpu_ns;
	s->outer_ns = truth_now_ns() - s->outer_ns;
	stage->count++;
	stage->inner_ns += s->inner_ns;
	stage->outer_ns += s->outer_ns;
	stage->inner_cpu_ns += s->inner_cpu_ns;
	stage->outer_cpu_ns += s->outer_cpu_ns;
}

/* --- one thread --- */

static _Atomic uint32_t word;

static void *wake_later(void *arg)
{
	(void)arg;
	truth_sleep(2 * MS);
	atomic_store(&word, 1);
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
	return NULL;
}

static void wait_for_word(void)
{
	struct span lock;
	pthread_t thread;

	atomic_store(&word, 0);
	if (pthread_create(&thread, NULL, wake_later, NULL))
		truth_die("pthread_create");
	span_begin(&lock, "lock", 0);
	while (!atomic_load(&word))
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL);
	span_end(&lock);
	pthread_join(thread, NULL);
}

static void __attribute__((noinline)) one_round(void)
{
	struct span round, inner;

	span_begin(&round, "round", 0);
	span_begin(&inner, "sleep", 0);
	truth_sleep(3 * MS);
	span_end(&inner);
	span_begin(&inner, "spin", 0);
	truth_spin_cpu(2 * MS);
	span_end(&inner);
	wait_for_word();
	span_end(&round);
}

/* As many as are kept: 16, with the round around them. */
static void go_deep(int left)
{
	struct span deep;

	span_begin(&deep, "deep", 0);
	if (left > 1)
		go_deep(left - 1);
	span_end(&deep);
}

/* A name that nobody reads, far from all that is: no page around it is there until infbpf asks for it. */
#define FAR (128 * 1024)
static const char far_name[FAR + 64 * 1024]
	__attribute__((aligned(65536))) = { [FAR] = 'f', [FAR + 1] = 'a', [FAR + 2] = 'r' };

static void name_unread(void)
{
	for (int i = 0; i < 5; i++) {
		MARK(stage_begin, &far_name[FAR], 0ull);
		MARK(stage_end, &far_name[FAR]);
		truth_sleep(MS);
	}
}

/* --- without an end --- */

static void leave_some(void)
{
	struct span keeps;

	span_begin(&keeps, "keeps", 0);
	MARK(stage_begin, "left", 0ull);
	MARK(stage_begin, "left", 0ull);
	span_end(&keeps);
	/* An end without a begin. */
	MARK(stage_end, "never");
}

static void *die_inside(void *arg)
{
	MARK(stage_begin, "dies", 0ull);
	MARK(stage_begin, "dies too", 0ull);
	return arg;
}

/* --- other processes --- */

static void child(char *program)
{
	char *argv[] = { program, "after_exec=1", NULL };

	for (int i = 0; i < 3; i++) {
		MARK(stage_begin, "child", 0ull);
		truth_sleep(MS);
		MARK(stage_end, "child");
	}
	MARK(stage_begin, "before exec", 0ull);
	execv("/proc/self/exe", argv);
	_exit(1);
}

static void have_child(char *program)
{
	pid_t pid;
	int status;

	/* What the parent has open is not the child's. */
	MARK(stage_begin, "parent", 0ull);
	pid = fork();
	if (pid < 0)
		truth_die("fork");
	if (!pid) {
		/* Its marks are probed a little later. */
		truth_sleep(500 * MS);
		child(program);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		truth_die("child");
	MARK(stage_end, "parent");
	truth_number("child", (uint64_t)pid);
}

/* --- requests that cross threads --- */

struct server {
	pthread_mutex_t lock;
	pthread_cond_t more;
	uint64_t queue[64];
	size_t begun, ended; /* of the queue */
	size_t n;
	_Atomic uint64_t inner_ns, outer_ns; /* latencies */
	uint64_t begin_outer_ns[64], begin_inner_ns[64];
};

static void serve(struct server *s, size_t at)
{
	uint64_t request = s->queue[at], end_ns;
	struct span work, part, launch;

	MARK(wait_end, "queue", request);
	span_begin(&work, "work", request);
	truth_spin_cpu(MS);
	span_begin(&part, "part", 0);
	truth_sleep(MS);
	span_end(&part);
	span_end(&work);
	MARK(pass_begin, "pass", (uint64_t)GROUP, 1ull, 5ull, 8ull);
	MARK(pass_member, request);
	span_begin(&launch, "launch", 0);
	truth_spin_cpu(MS);
	span_end(&launch);
	MARK(pass_end, "pass");
	MARK(group_leave, (uint64_t)GROUP, request);
	end_ns = truth_now_ns();
	s->inner_ns += end_ns - s->begin_inner_ns[at];
	MARK(request_end, request, 5ull, 1ull);
	s->outer_ns += truth_now_ns() - s->begin_outer_ns[at];
}

static void *serve_all(void *arg)
{
	struct server *s = arg;
	size_t at;

	truth_name_thread("server");
	for (at = 0; at < s->n; at++) {
		pthread_mutex_lock(&s->lock);
		while (s->begun == at)
			pthread_cond_wait(&s->more, &s->lock);
		pthread_mutex_unlock(&s->lock);
		serve(s, at);
	}
	return NULL;
}

static void requests(size_t n)
{
	struct server s = { .lock = PTHREAD_MUTEX_INITIALIZER,
			    .more = PTHREAD_COND_INITIALIZER,
			    .n = n };
	pthread_t thread;

	if (pthread_create(&thread, NULL, serve_all, &s))
		truth_die("pthread_create");
	for (size_t i = 0; i < n; i++) {
		const uint64_t request = REQUEST + i, now = 0;

		s.queue[i] = request;
		s.begin_outer_ns[i] = truth_now_ns();
		MARK(request_begin, request, now);
		s.begin_inner_ns[i] = truth_now_ns();
		MARK(wait_begin, "queue", request);
		truth_sleep(2 * MS);
		pthread_mutex_lock(&s.lock);
		s.begun++;
		pthread_cond_signal(&s.more);
		pthread_mutex_unlock(&s.lock);
	}
	pthread_join(thread, NULL);
	MARK(request_begin, (uint64_t)(REQUEST + n), 0ull);
	MARK(request_drop, (uint64_t)(REQUEST + n));
	truth_number("requests", n);
	truth_number("latency_inner_ns", s.inner_ns);
	truth_number("latency_outer_ns", s.outer_ns);
}

/* --- all --- */

static void tell(void)
{
	char name[64];

	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		const struct stage *s = &stages[i];
		const struct {
			const char *what;
			uint64_t value;
		} rows[] = {
			{ "count", s->count },
			{ "inner_ns", s->inner_ns },
			{ "outer_ns", s->outer_ns },
			{ "inner_cpu_ns", s->inner_cpu_ns },
			{ "outer_cpu_ns", s->outer_cpu_ns },
		};

		for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
			snprintf(name, sizeof(name), "%s_%s", s->name, rows[r].what);
			truth_number(name, rows[r].value);
		}
	}
}

/* Perf events are let go one after the other, 0.1 s each. */
static void let_go(void)
{
	for (int i = 0; i < 2000 && (infbpf_stage_begin_semaphore || infbpf_pass_begin_semaphore ||
				     infbpf_group_leave_semaphore);
	     i++)
		usleep(10000);
	truth_number("semaphores", infbpf_stage_begin_semaphore + infbpf_stage_end_semaphore +
					   infbpf_request_end_semaphore +
					   infbpf_pass_begin_semaphore +
					   infbpf_group_leave_semaphore);
}

int main(int argc, char **argv)
{
	pthread_t thread;
	long rounds;

	truth_init("stages", argc, argv);
	rounds = truth_arg("rounds", 20);
	if (truth_arg("after_exec", 0)) {
		MARK(stage_begin, "after exec", 0ull);
		MARK(stage_end, "after exec");
		return 0;
	}
	truth_ready();
	if (rounds)
		name_unread();
	for (long i = 0; !truth_stopped() && (!rounds || i < rounds); i++)
		one_round();
	if (rounds) {
		go_deep(16);
		for (int i = 0; i < 5; i++)
			leave_some();
		if (pthread_create(&thread, NULL, die_inside, NULL))
			truth_die("pthread_create");
		pthread_join(thread, NULL);
		requests(20);
		have_child(argv[0]);
	} else {
		let_go();
	}
	tell();
	truth_print();
	return 0;
}
