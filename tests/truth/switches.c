/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Context switches of known functions. Two threads have two kinds each, of which one makes many switches
 * and little time off the CPU, and the other few and much:
 *   sleeper (voluntary): short_sleep() many times, long_sleep() now and then; both by nanosleep
 *   loser (involuntary): short_yield() many times, long_loss() now and then, on one CPU with a rival
 *     that does as the loser does: it yields, or it holds the CPU.
 * What each function switched is the kernel's own count (getrusage), and how long it was off the CPU is
 * its wall time less its CPU time.
 */
#define _GNU_SOURCE /* RUSAGE_THREAD */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include "truth.h"

struct counted {
	const char *name;
	uint64_t voluntary, involuntary, off_ns;
};

struct reading {
	uint64_t voluntary, involuntary, wall_ns, cpu_ns;
};

static long rounds, shorts, short_us, long_ms;
static atomic_bool holds, over;

/* What others want of the CPU is to matter little: how short a short wait is. Refused, it matters. */
static void go_first(void)
{
	setpriority(PRIO_PROCESS, 0, -15);
}

static struct reading read_all(void)
{
	struct rusage ru;

	getrusage(RUSAGE_THREAD, &ru);
	return (struct reading){ (uint64_t)ru.ru_nvcsw, (uint64_t)ru.ru_nivcsw, truth_now_ns(),
				 truth_thread_cpu_ns() };
}

static void count(struct counted *c, struct reading from)
{
	const struct reading to = read_all();
	const uint64_t wall = to.wall_ns - from.wall_ns, cpu = to.cpu_ns - from.cpu_ns;

	c->voluntary += to.voluntary - from.voluntary;
	c->involuntary += to.involuntary - from.involuntary;
	c->off_ns += wall > cpu ? wall - cpu : 0;
}

static void tell(const struct counted *c)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_voluntary", c->name);
	truth_number(name, c->voluntary);
	snprintf(name, sizeof(name), "%s_involuntary", c->name);
	truth_number(name, c->involuntary);
	snprintf(name, sizeof(name), "%s_off_ns", c->name);
	truth_number(name, c->off_ns);
}

static __attribute__((noinline)) void short_sleep(void)
{
	for (long i = 0; i < shorts && !truth_stopped(); i++)
		truth_sleep((uint64_t)short_us * 1000);
}

static __attribute__((noinline)) void long_sleep(void)
{
	truth_sleep((uint64_t)long_ms * 1000000);
}

static void *sleeper(void *unused)
{
	struct counted little = { .name = "short_sleep" }, much = { .name = "long_sleep" };

	(void)unused;
	truth_name_thread("sleeper");
	go_first();
	/* The default is 50 us. */
	prctl(PR_SET_TIMERSLACK, 1);
	for (long i = 0; (!rounds || i < rounds) && !truth_stopped(); i++) {
		struct reading from = read_all();

		short_sleep();
		count(&little, from);
		from = read_all();
		long_sleep();
		count(&much, from);
	}
	tell(&little);
	tell(&much);
	truth_thread();
	return NULL;
}

/* Work between two yields, so that giving the CPU away once is worth some time. */
static void work(void)
{
	truth_spin_cpu((uint64_t)short_us * 1000);
}

static __attribute__((noinline)) void short_yield(void)
{
	for (long i = 0; i < shorts && !truth_stopped(); i++) {
		sched_yield();
		work();
	}
}

static __attribute__((noinline)) void long_loss(void)
{
	truth_spin_cpu((uint64_t)long_ms * 1000000);
}

static void *loser(void *unused)
{
	struct counted little = { .name = "short_yield" }, much = { .name = "long_loss" };

	(void)unused;
	truth_name_thread("loser");
	go_first();
	for (long i = 0; (!rounds || i < rounds) && !truth_stopped(); i++) {
		struct reading from = read_all();

		short_yield();
		count(&little, from);
		atomic_store(&holds, true);
		from = read_all();
		long_loss();
		count(&much, from);
		atomic_store(&holds, false);
	}
	tell(&little);
	tell(&much);
	truth_thread();
	atomic_store(&over, true);
	return NULL;
}

static void *rival(void *unused)
{
	(void)unused;
	truth_name_thread("rival");
	go_first();
	while (!atomic_load(&over) && !truth_stopped()) {
		work();
		if (!atomic_load(&holds))
			sched_yield();
	}
	truth_thread();
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t sleeps, loses, rivals;

	truth_init("switches", argc, argv);
	rounds = truth_arg("rounds", 20);
	shorts = truth_arg("shorts", 150);
	short_us = truth_arg("short_us", 50);
	long_ms = truth_arg("long_ms", 30);
	truth_ready();
	if (pthread_create(&sleeps, NULL, sleeper, NULL) != 0)
		truth_die("pthread_create");
	pthread_join(sleeps, NULL);
	/* The same CPU for both. */
	truth_pin(0);
	if (pthread_create(&loses, NULL, loser, NULL) != 0 ||
	    pthread_create(&rivals, NULL, rival, NULL) != 0)
		truth_die("pthread_create");
	pthread_join(loses, NULL);
	pthread_join(rivals, NULL);
	truth_print();
	return 0;
}
