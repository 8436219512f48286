/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The on-CPU clock: a software perf event on every CPU, all with one program. Such an event dies with
 * its CPU when that is taken away (hot-unplug); one for a CPU that comes, or comes back, is opened when
 * it is noticed.
 */
#ifndef HOOK_CLOCK_H
#define HOOK_CLOCK_H

#include <stdbool.h>

struct hook_clock {
	struct {
		int fd, link; /* -1: none, the CPU is not online */
	} * cpus;
	bool *online; /* room for hook_clock_refresh */
	int cpus_n;   /* possible ones */
	int prog_fd;
	unsigned int freq_hz;
	char list[1024]; /* of CPUs online when last looked at, "": not yet */
};

/* c: zeroed; to be closed even where this fails. Returns 0 or a negative errno. */
int hook_clock_open(struct hook_clock *c, int prog_fd, unsigned int freq_hz);
/* Has a CPU come or gone? To be asked now and then: one file of a few bytes is read. A CPU that comes
 * and cannot have its clock goes without. */
void hook_clock_refresh(struct hook_clock *c);
void hook_clock_close(struct hook_clock *c);
/* Which of the first cpus CPUs a list like "0-3,5" names. */
void hook_clock_online(const char *list, bool *online, int cpus);

#endif /* HOOK_CLOCK_H */
