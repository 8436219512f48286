/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "truth.h"

#define NS_PER_S 1000000000ull

/* A thread's account. */
struct thread_truth {
	pid_t tid;
	char name[16];
	uint64_t cpu_ns, run_queue_ns;
	long voluntary, involuntary;
};

static struct {
	const char *program;
	int argc;
	char **argv;
	uint32_t asked; /* bit a for argument a */
	uint64_t begin_ns;
	pthread_mutex_t lock;
	char numbers[32768];
	size_t numbers_len;
	struct thread_truth *threads;
	size_t threads_n, threads_room;
} truth = { .lock = PTHREAD_MUTEX_INITIALIZER };

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

void truth_die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", truth.program, what, strerror(errno));
	exit(1);
}

void truth_skip(const char *why)
{
	fprintf(stderr, "%s: %s\n", truth.program, why);
	exit(77);
}

void truth_init(const char *program, int argc, char **argv)
{
	/* No SA_RESTART: SIGTERM has to cut a wait short. */
	struct sigaction on = { .sa_handler = on_term };

	truth.program = program;
	truth.argc = argc;
	truth.argv = argv;
	truth.begin_ns = truth_now_ns();
	sigaction(SIGTERM, &on, NULL);
}

const char *truth_arg_text(const char *name, const char *otherwise)
{
	size_t len = strlen(name);

	for (int a = 1; a < truth.argc && a < 32; a++) {
		if (strncmp(truth.argv[a], name, len) == 0 && truth.argv[a][len] == '=') {
			truth.asked |= UINT32_C(1) << a;
			return truth.argv[a] + len + 1;
		}
	}
	return otherwise;
}

long truth_arg(const char *name, long otherwise)
{
	const char *text = truth_arg_text(name, NULL);

	return text ? strtol(text, NULL, 0) : otherwise;
}

void truth_ready(void)
{
	const char *path = truth_arg_text("ready", NULL);
	int fd;

	for (int a = 1; a < truth.argc; a++) {
		if (a >= 32 || !(truth.asked & UINT32_C(1) << a)) {
			errno = EINVAL;
			truth_die(truth.argv[a]);
		}
	}
	if (!path)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || dprintf(fd, "%d\n", getpid()) < 0)
		truth_die(path);
	close(fd);
}

void truth_attached(void)
{
	const char *ready = truth_arg_text("ready", NULL);
	char path[4096];

	if (!ready)
		return;
	snprintf(path, sizeof(path), "%.*sattached", (int)(strrchr(ready, '/') + 1 - ready), ready);
	while (access(path, F_OK) != 0 && !stop)
		truth_sleep(5000000);
}

bool truth_stopped(void)
{
	return stop;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t truth_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t truth_thread_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t truth_process_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void truth_spin_cpu(uint64_t ns)
{
	uint64_t end = truth_thread_cpu_ns() + ns;

	while (!stop && truth_thread_cpu_ns() < end)
		for (volatile int i = 0; i < 2000; i++)
			;
}

void truth_sleep(uint64_t ns)
{
	struct timespec left = { .tv_sec = (time_t)(ns / NS_PER_S),
				 .tv_nsec = (long)(ns % NS_PER_S) };

	while (nanosleep(&left, &left) != 0 && errno == EINTR && !stop)
		;
}

void truth_name_thread(const char *name)
{
	prctl(PR_SET_NAME, name);
}

void truth_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		truth_die("sched_setaffinity");
}

void truth_number(const char *name, uint64_t value)
{
	size_t room;

	pthread_mutex_lock(&truth.lock);
	room = sizeof(truth.numbers) - truth.numbers_len;
	truth.numbers_len += (size_t)snprintf(truth.numbers + truth.numbers_len, room,
					      ",\"%s\":%" PRIu64, name, value);
	if (truth.numbers_len >= sizeof(truth.numbers))
		abort();
	pthread_mutex_unlock(&truth.lock);
}

/* /proc/thread-self/schedstat: CPU time, time on a run queue, slices. */
static void read_schedstat(struct thread_truth *t)
{
	FILE *f = fopen("/proc/thread-self/schedstat", "re");

	if (!f || fscanf(f, "%" SCNu64 " %" SCNu64, &t->cpu_ns, &t->run_queue_ns) != 2)
		truth_die("/proc/thread-self/schedstat");
	fclose(f);
}

void truth_thread(void)
{
	struct thread_truth t = { .tid = (pid_t)syscall(SYS_gettid) };
	struct rusage ru;

	prctl(PR_GET_NAME, t.name);
	pthread_mutex_lock(&truth.lock);
	if (truth.threads_n == truth.threads_room) {
		truth.threads_room = truth.threads_room ? truth.threads_room * 2 : 16;
		truth.threads = realloc(truth.threads, truth.threads_room * sizeof(t));
		if (!truth.threads)
			abort();
	}
	read_schedstat(&t);
	getrusage(RUSAGE_THREAD, &ru);
	t.voluntary = ru.ru_nvcsw;
	t.involuntary = ru.ru_nivcsw;
	truth.threads[truth.threads_n++] = t;
	pthread_mutex_unlock(&truth.lock);
}

void truth_print(void)
{
	struct rusage ru;
	uint64_t cpu_ns = truth_process_cpu_ns();

	getrusage(RUSAGE_SELF, &ru);
	printf("{\"program\":\"%s\",\"pid\":%d,\"begin_ns\":%" PRIu64 ",\"end_ns\":%" PRIu64
	       ",\"cpu_ns\":%" PRIu64 ",\"voluntary\":%ld,\"involuntary\":%ld%s,\"threads\":[",
	       truth.program, getpid(), truth.begin_ns, truth_now_ns(), cpu_ns, ru.ru_nvcsw,
	       ru.ru_nivcsw, truth.numbers);
	for (size_t i = 0; i < truth.threads_n; i++) {
		const struct thread_truth *t = &truth.threads[i];

		printf("%s{\"tid\":%d,\"name\":\"%s\",\"cpu_ns\":%" PRIu64
		       ",\"run_queue_ns\":%" PRIu64 ",\"voluntary\":%ld,\"involuntary\":%ld}",
		       i ? "," : "", t->tid, t->name, t->cpu_ns, t->run_queue_ns, t->voluntary,
		       t->involuntary);
	}
	printf("]}\n");
	if (fflush(stdout) != 0)
		truth_die("stdout");
	free(truth.threads);
	truth.threads = NULL;
	truth.threads_n = truth.threads_room = 0;
}
