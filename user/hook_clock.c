// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "hook_clock.h"

#define ONLINE "/sys/devices/system/cpu/online"

/* Sets the CPUs of a list like "0-3,5" in online. */
void hook_clock_online(const char *list, bool *online, int cpus)
{
	unsigned long first, last;
	char *end;

	memset(online, 0, cpus * sizeof(*online));
	while (*list >= '0' && *list <= '9') {
		first = last = strtoul(list, &end, 10);
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (; first <= last && first < (unsigned long)cpus; first++)
			online[first] = true;
		list = *end == ',' ? end + 1 : "";
	}
}

/* 0, -ENODEV: this CPU is not online, or another negative errno. */
static int open_cpu(struct hook_clock *c, int cpu)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.freq = 1,
		.sample_freq = c->freq_hz,
	};
	int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC), link;

	if (fd < 0)
		return -errno;
	link = bpf_link_create(c->prog_fd, fd, BPF_PERF_EVENT, NULL);
	if (link < 0) {
		close(fd);
		return link;
	}
	c->cpus[cpu].fd = fd;
	c->cpus[cpu].link = link;
	return 0;
}

static void close_cpu(struct hook_clock *c, int cpu)
{
	if (c->cpus[cpu].fd < 0)
		return;
	close(c->cpus[cpu].link);
	close(c->cpus[cpu].fd);
	c->cpus[cpu].fd = c->cpus[cpu].link = -1;
}

int hook_clock_open(struct hook_clock *c, int prog_fd, unsigned int freq_hz)
{
	int cpus = libbpf_num_possible_cpus(), err, opened = 0;

	if (cpus < 0)
		return cpus;
	c->cpus = calloc(cpus, sizeof(*c->cpus));
	c->online = calloc(cpus, sizeof(*c->online));
	if (!c->cpus || !c->online)
		return -ENOMEM;
	c->cpus_n = cpus;
	c->prog_fd = prog_fd;
	c->freq_hz = freq_hz;
	for (int cpu = 0; cpu < cpus; cpu++)
		c->cpus[cpu].fd = c->cpus[cpu].link = -1;
	for (int cpu = 0; cpu < cpus; cpu++) {
		err = open_cpu(c, cpu);
		if (err && err != -ENODEV)
			return err;
		opened += !err;
	}
	return opened ? 0 : -ENODEV;
}

void hook_clock_refresh(struct hook_clock *c)
{
	char list[sizeof(c->list)] = "";
	FILE *f = fopen(ONLINE, "re");

	if (!f)
		return;
	if (!fgets(list, sizeof(list), f))
		list[0] = 0;
	fclose(f);
	if (!list[0] || !strcmp(list, c->list))
		return;
	hook_clock_online(list, c->online, c->cpus_n);
	for (int cpu = 0; cpu < c->cpus_n; cpu++) {
		/* The event of a CPU that went is dead, and stays so when it comes back. */
		if (c->list[0] && !c->online[cpu])
			close_cpu(c, cpu);
		else if (c->online[cpu] && c->cpus[cpu].fd < 0)
			open_cpu(c, cpu);
	}
	memcpy(c->list, list, sizeof(list));
}

void hook_clock_close(struct hook_clock *c)
{
	for (int cpu = 0; cpu < c->cpus_n; cpu++)
		close_cpu(c, cpu);
	free(c->cpus);
	free(c->online);
	memset(c, 0, sizeof(*c));
}
