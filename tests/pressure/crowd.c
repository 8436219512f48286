/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Many threads, each of a kind that cannot be in just any state: spinners are never blocked, idlers
 * never run, sleepers sleep, lockers wait for a lock that is passed on, pipers for a pipe. They work
 * until SIGTERM, or for ms. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include "truth.h"

#define MAX_THREADS 1024

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t passed_on = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t over = PTHREAD_COND_INITIALIZER;
static bool is_over;
static _Atomic uint64_t slept_ns, sleeps;
static uint64_t spin_ns;

static void *spinner(void *arg)
{
	(void)arg;
	truth_name_thread("spinner");
	while (!is_over)
		truth_spin_cpu(spin_ns);
	truth_thread();
	return NULL;
}

static void *idler(void *arg)
{
	(void)arg;
	truth_name_thread("idler");
	pthread_mutex_lock(&lock);
	while (!is_over)
		pthread_cond_wait(&over, &lock);
	pthread_mutex_unlock(&lock);
	truth_thread();
	return NULL;
}

static void *sleeper(void *arg)
{
	(void)arg;
	truth_name_thread("sleeper");
	while (!is_over) {
		truth_sleep(5000000);
		slept_ns += 5000000;
		sleeps++;
	}
	truth_thread();
	return NULL;
}

static void *locker(void *arg)
{
	(void)arg;
	truth_name_thread("locker");
	while (!is_over) {
		pthread_mutex_lock(&passed_on);
		truth_sleep(200000);
		pthread_mutex_unlock(&passed_on);
		truth_sleep(1000000);
	}
	truth_thread();
	return NULL;
}

/* One of a pair: sends a byte, waits for the other's. The pair ends when one of them closes. */
static void *piper(void *arg)
{
	int *fds = arg; /* read end, write end */
	char byte = 0;

	truth_name_thread("piper");
	while (!is_over && write(fds[1], &byte, 1) == 1 && read(fds[0], &byte, 1) == 1)
		truth_sleep(500000);
	close(fds[1]);
	while (read(fds[0], &byte, 1) > 0)
		;
	truth_thread();
	return NULL;
}

static pthread_t threads[MAX_THREADS];
static size_t threads_n;

static void begin(void *(*body)(void *), void *arg)
{
	if (threads_n == MAX_THREADS) {
		errno = E2BIG;
		truth_die("threads");
	}
	errno = pthread_create(&threads[threads_n++], NULL, body, arg);
	if (errno)
		truth_die("pthread_create");
}

static void begin_pair(void)
{
	int there[2], back[2];
	int *ends = malloc(4 * sizeof(*ends)); /* they live as long as the process */

	if (!ends || pipe(there) != 0 || pipe(back) != 0)
		truth_die("pipe");
	ends[0] = back[0];
	ends[1] = there[1];
	ends[2] = there[0];
	ends[3] = back[1];
	begin(piper, ends);
	begin(piper, ends + 2);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void *(*body)(void *);
	} kinds[] = { { "spinners", spinner },
		      { "idlers", idler },
		      { "sleepers", sleeper },
		      { "lockers", locker } };
	long n, ms;

	truth_init("crowd", argc, argv);
	ms = truth_arg("ms", 0);
	spin_ns = (uint64_t)truth_arg("spin_us", 300) * 1000;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (n = truth_arg(kinds[k].name, 0); n > 0; n--)
			begin(kinds[k].body, NULL);
	for (n = truth_arg("pairs", 0); n > 0; n--)
		begin_pair();
	truth_ready();
	if (ms)
		truth_sleep((uint64_t)ms * 1000000);
	while (!ms && !truth_stopped())
		truth_sleep(1000000000);
	pthread_mutex_lock(&lock);
	is_over = true;
	pthread_cond_broadcast(&over);
	pthread_mutex_unlock(&lock);
	while (threads_n > 0)
		pthread_join(threads[--threads_n], NULL);
	truth_number("slept_ns", slept_ns);
	truth_number("sleeps", sleeps);
	truth_thread();
	truth_print();
	return 0;
}
