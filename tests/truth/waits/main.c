/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A thread for every kind of wait, each doing nothing but that for about ms milliseconds, all at the
 * same time. run=a,b,... chooses some, without=a,b,... leaves some out. Of each it tells the thread's
 * number and how long it waited by its own clock, less the time that the kernel says it ran or wanted
 * to run; and that time, "busy". What this machine cannot do is told on stderr and left out.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "truth.h"
#include "waits.h"

#define WAKE SIGUSR1

static long run_ms;

static void on_wake(int sig)
{
	(void)sig;
}

/* CPU time and time on a run queue of the calling thread. (schedstat's CPU time is that of the last
 * tick.) */
static uint64_t busy_ns(void)
{
	unsigned long long queue = 0;
	FILE *f = fopen("/proc/thread-self/schedstat", "re");

	if (!f || fscanf(f, "%*u %llu", &queue) != 1)
		truth_die("/proc/thread-self/schedstat");
	fclose(f);
	return truth_thread_cpu_ns() + queue;
}

struct job {
	const struct wait_row *row;
	pthread_t thread;
	bool started;
};

/* A signal after ms milliseconds ends a wait that has no limit of its own. */
static timer_t make_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = WAKE };
	timer_t timer;

	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
		truth_die("timer_create");
	return timer;
}

/* Again every 20 ms: one that comes before the wait has begun ends nothing. */
static void set_timer(timer_t timer, long ms)
{
	struct itimerspec at = { .it_value = { ms / 1000, ms % 1000 * 1000000 },
				 .it_interval = { 0, ms ? 20000000 : 0 } };

	timer_settime(timer, 0, &at, NULL);
}

static void tell(const struct wait_row *row, uint64_t waited_ns, uint64_t busy, uint64_t tid)
{
	char name[64];

	snprintf(name, sizeof(name), "waited:%s", row->name);
	truth_number(name, waited_ns);
	snprintf(name, sizeof(name), "busy:%s", row->name);
	truth_number(name, busy);
	snprintf(name, sizeof(name), "tid:%s", row->name);
	truth_number(name, tid);
}

static void *run(void *arg)
{
	const struct wait_row *row = ((struct job *)arg)->row;
	struct wait_job w = { .ms = run_ms, .tid = (uint64_t)syscall(SYS_gettid) };
	uint64_t wall = 0, busy, waited, begin;
	const char *why;
	timer_t timer;

	truth_name_thread(row->name);
	why = row->begin(&w);
	if (why) {
		fprintf(stderr, "waits: no %s here: %s\n", row->name, why);
		return NULL;
	}
	timer = make_timer();
	busy = busy_ns();
	for (int round = 0; round < 10000 && wall < (uint64_t)run_ms * 1000000; round++) {
		if (row->prepare && row->prepare(&w) != 0)
			break;
		if (row->endless)
			set_timer(timer, run_ms / 2);
		begin = truth_now_ns();
		row->wait(&w);
		wall += truth_now_ns() - begin;
		if (row->endless)
			set_timer(timer, 0);
	}
	busy = busy_ns() - busy;
	/* What it ran outside of the waits was taken off, too; without it the figure would be larger
	 * by no more. */
	waited = wall > busy ? wall - busy : 0;
	if (row->end)
		row->end(&w);
	timer_delete(timer);
	tell(row, row->child ? wall : waited, busy, w.tid);
	return NULL;
}

/* Is name among the words of list? */
static bool is_listed(const char *list, const char *name)
{
	const size_t n = strlen(name);

	for (const char *at = list; (at = strstr(at, name)) != NULL; at += n)
		if ((at == list || at[-1] == ',') && (!at[n] || at[n] == ','))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	struct sigaction wake = { .sa_handler = on_wake };
	const char *only, *without;
	struct job *jobs;

	truth_init("waits", argc, argv);
	run_ms = truth_arg("ms", 400);
	only = truth_arg_text("run", "");
	without = truth_arg_text("without", "");
	wait_file = truth_arg_text("file", "waits.dat");
	/* The program itself: that a page of it has to be read first is none of the waits. */
	mlockall(MCL_CURRENT);
	truth_ready();
	sigaction(WAKE, &wake, NULL);
	signal(SIGPIPE, SIG_IGN);
	jobs = calloc(wait_rows_n, sizeof(*jobs));
	if (!jobs)
		truth_die("calloc");
	for (size_t i = 0; i < wait_rows_n; i++) {
		const char *name = wait_rows[i].name;

		if ((*only && !is_listed(only, name)) || is_listed(without, name))
			continue;
		jobs[i].row = &wait_rows[i];
		jobs[i].started = pthread_create(&jobs[i].thread, NULL, run, &jobs[i]) == 0;
		if (!jobs[i].started)
			truth_die("pthread_create");
	}
	for (size_t i = 0; i < wait_rows_n; i++)
		if (jobs[i].started)
			pthread_join(jobs[i].thread, NULL);
	free(jobs);
	truth_thread();
	truth_print();
	return 0;
}
