/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two processes compute on one CPU: "victim", which is to say how much CPU time "rival" got meanwhile,
 * and that one. A thread of the victim's, "idler", sleeps, wakes and has to wait behind both: the
 * scheduler runs it only where nobody else wants to (SCHED_IDLE).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "truth.h"

static atomic_bool over;

static void *idle(void *arg)
{
	const struct sched_param param = { 0 };

	(void)arg;
	truth_name_thread("idler");
	if (sched_setscheduler(0, SCHED_IDLE, &param) != 0)
		truth_die("sched_setscheduler");
	while (!over)
		truth_sleep(2000000);
	/* Not to be kept from dying, too. */
	if (sched_setscheduler(0, SCHED_OTHER, &param) != 0)
		truth_die("sched_setscheduler");
	truth_thread();
	return NULL;
}

int main(int argc, char **argv)
{
	struct rusage ru;
	pthread_t idler;
	long cpu_ms;
	pid_t rival;

	truth_init("rival", argc, argv);
	cpu_ms = truth_arg("cpu_ms", 500);
	truth_ready();
	truth_pin(0);
	/* Not between the two, if something else wants this CPU. */
	setpriority(PRIO_PROCESS, 0, -15);
	rival = fork();
	if (rival < 0)
		truth_die("fork");
	if (rival == 0) {
		truth_name_thread("rival");
		truth_spin_cpu(UINT64_MAX / 2);
		_exit(0);
	}
	truth_name_thread("victim");
	if (pthread_create(&idler, NULL, idle, NULL) != 0)
		truth_die("pthread_create");
	truth_spin_cpu((uint64_t)cpu_ms * 1000000);
	kill(rival, SIGTERM);
	if (wait4(rival, NULL, 0, &ru) != rival)
		truth_die("wait4");
	over = true;
	pthread_join(idler, NULL);
	truth_number("rival", (uint64_t)rival);
	truth_number("rival_cpu_ns",
		     (uint64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000000 +
			     (uint64_t)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * 1000);
	truth_thread();
	truth_print();
	return 0;
}
