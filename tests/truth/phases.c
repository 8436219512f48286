/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A thread that computes and sleeps by turns, each for phase_ms of the clock, and says when. At the
 * beginning of each sleep a guest is born, computes for half of that time, and ends. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/syscall.h>
#include "truth.h"

#define ROUNDS_MAX 16

static uint64_t guest_ns;

static void number(const char *name, long i, uint64_t value)
{
	char key[32];

	snprintf(key, sizeof(key), "%s%ld", name, i);
	truth_number(key, value);
}

static void spin_until(uint64_t when)
{
	while (truth_now_ns() < when && !truth_stopped())
		;
}

static void *guest(void *arg)
{
	const long i = *(const long *)arg;

	truth_name_thread("guest");
	number("guest", i, (uint64_t)syscall(SYS_gettid));
	spin_until(truth_now_ns() + guest_ns);
	truth_thread();
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[ROUNDS_MAX];
	long rounds, ids[ROUNDS_MAX];
	uint64_t phase_ns, at;

	truth_init("phases", argc, argv);
	rounds = truth_arg("rounds", 3);
	phase_ns = (uint64_t)truth_arg("phase_ms", 300) * 1000000;
	guest_ns = phase_ns / 2;
	truth_number("phase_ns", phase_ns);
	if (rounds < 1 || rounds > ROUNDS_MAX)
		truth_die("rounds");
	truth_ready();
	for (long i = 0; i < rounds && !truth_stopped(); i++) {
		at = truth_now_ns();
		number("spin", i, at);
		spin_until(at + phase_ns);
		ids[i] = i;
		number("born", i, truth_now_ns());
		if (pthread_create(&threads[i], NULL, guest, &ids[i]) != 0)
			truth_die("pthread_create");
		number("sleep", i, truth_now_ns());
		truth_sleep(phase_ns);
		number("wake", i, truth_now_ns());
		pthread_join(threads[i], NULL);
	}
	truth_thread();
	truth_print();
	return 0;
}
