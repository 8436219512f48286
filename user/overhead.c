// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "clock.h"
#include "cuda.h"
#include "infbpf.h"
#include "infbpf.skel.h"
#include "overhead.h"
#include "proc_maps.h"

#define CALIBRATE_CALLS	 1000 /* a round: 1 ms with probes */
#define CALIBRATE_ROUNDS 5
#define THREAD_CALLS	 16
#define SLICE_ON_NS	 (100 * NS_PER_MS)
#define SLICE_OFF_NS	 (900 * NS_PER_MS)

/* The function probed for calibration. It begins with push %rbp, which the kernel emulates, as the
 * entry points of libcudart do. (naked: a leaf function would get no frame.) */
static void __attribute__((naked, noinline, noclone)) calibrate_target(void)
{
	__asm__("push %rbp; mov %rsp, %rbp; pop %rbp; ret");
}

static void *calibrate_thread(void *arg)
{
	for (int i = 0; i < THREAD_CALLS; i++)
		calibrate_target();
	return arg;
}

/* The probe's place in this program's file. */
static int calibrate_site(struct uprobe_site *site)
{
	uint64_t addr = (uintptr_t)calibrate_target;
	const struct proc_map *m;
	struct proc_maps maps;
	bool costly;
	int err = proc_maps_read(getpid(), &maps);

	if (err)
		return err;
	m = proc_maps_find(&maps, addr);
	if (m)
		site->offset = addr - m->start + m->offset +
			       cuda_probe_skip((const uint8_t *)addr, 16, &costly);
	else
		err = -ENOENT;
	proc_maps_free(&maps);
	return err;
}

/* ns a call, best round. */
static uint64_t calibrate_round(void)
{
	uint64_t best = UINT64_MAX, t;

	for (int r = 0; r < CALIBRATE_ROUNDS; r++) {
		t = clock_now_ns();
		for (int i = 0; i < CALIBRATE_CALLS; i++)
			calibrate_target();
		t = clock_now_ns() - t;
		if (t < best)
			best = t;
	}
	return best / CALIBRATE_CALLS;
}

static uint64_t calibrate_hits(struct infbpf_bpf *skel)
{
	int cpus = libbpf_num_possible_cpus();
	struct cpu_counts *counts;
	uint64_t sum = 0;
	__u32 zero = 0;

	counts = cpus > 0 ? calloc(cpus, sizeof(*counts)) : NULL;
	if (!counts)
		return 0;
	if (!bpf_map_lookup_elem(bpf_map__fd(skel->maps.counts), &zero, counts))
		for (int i = 0; i < cpus; i++)
			sum += counts[i].calibrate_hits;
	free(counts);
	return sum;
}

/* Does the pid filter let another thread of this process through? */
static bool threads_pass(struct infbpf_bpf *skel)
{
	uint64_t before = calibrate_hits(skel);
	pthread_t thread;

	if (pthread_create(&thread, NULL, calibrate_thread, NULL))
		return true;
	pthread_join(thread, NULL);
	return calibrate_hits(skel) - before >= THREAD_CALLS;
}

int overhead_calibrate(struct overhead *o, struct infbpf_bpf *skel, enum uprobe_kind *kind)
{
	int prog = bpf_program__fd(skel->progs.handle_calibrate), n;
	struct uprobe_site site = { 0 };
	uint64_t bare, entry, pair;

	memset(o, 0, sizeof(*o));
	o->stats_fd = o->calibrate_fds[0] = o->calibrate_fds[1] = -1;
	getrusage(RUSAGE_SELF, &o->start);
	if (*kind == UPROBE_NONE)
		return 0;
	n = calibrate_site(&site);
	if (n)
		return n;
	bare = calibrate_round();
	n = uprobe_attach(*kind, prog, "/proc/self/exe", &site, 1, getpid(), false,
			  &o->calibrate_fds[0]);
	if (n < 0)
		return n;
	if (*kind == UPROBE_MULTI && !threads_pass(skel))
		*kind = UPROBE_PERF;
	entry = calibrate_round();
	n = uprobe_attach(*kind, prog, "/proc/self/exe", &site, 1, getpid(), true,
			  &o->calibrate_fds[1]);
	if (n < 0)
		return n;
	pair = calibrate_round();
	o->entry_ns = entry > bare ? entry - bare : 0;
	o->pair_ns = pair > bare ? pair - bare : 0;
	return 0;
}

/* The programs that run often, and which of their own counts says how often. */
static const struct {
	const char *program;
	size_t count; /* offset in struct cpu_counts */
} counted[] = {
	{ "handle_switch", offsetof(struct cpu_counts, switches) },
	{ "handle_exit_tp", offsetof(struct cpu_counts, switches) },
	{ "handle_finish_switch", offsetof(struct cpu_counts, switches) },
	{ "handle_wakeup", offsetof(struct cpu_counts, wakeups) },
	{ "handle_clock", offsetof(struct cpu_counts, clocks) },
	{ "handle_call_entry", offsetof(struct cpu_counts, call_hits) },
	{ "handle_call_return", offsetof(struct cpu_counts, return_hits) },
};

static uint64_t own_count(const char *program, const struct cpu_counts *counts, uint64_t otherwise)
{
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
		if (!strcmp(counted[i].program, program))
			return *(const __u64 *)((const char *)counts + counted[i].count);
	return otherwise;
}

static uint64_t timeval_ns(struct timeval t)
{
	return t.tv_sec * NS_PER_S + t.tv_usec * 1000ULL;
}

/* infbpf's own CPU time since its start. */
static uint64_t cpu_ns(const struct overhead *o)
{
	struct rusage now;

	getrusage(RUSAGE_SELF, &now);
	return timeval_ns(now.ru_utime) + timeval_ns(now.ru_stime) - timeval_ns(o->start.ru_utime) -
	       timeval_ns(o->start.ru_stime);
}

void overhead_begin(struct overhead *o)
{
	o->start_cpu_ns = cpu_ns(o);
}

void overhead_tick(struct overhead *o, uint64_t now_ns)
{
	if (o->stats_refused || now_ns < o->next_ns)
		return;
	if (o->stats_fd >= 0) {
		close(o->stats_fd);
		o->stats_fd = -1;
		o->next_ns = now_ns + SLICE_OFF_NS;
		return;
	}
	o->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (o->stats_fd < 0)
		o->stats_refused = errno;
	o->next_ns = now_ns + SLICE_ON_NS;
}

void overhead_stop(struct overhead *o)
{
	if (o->stats_fd >= 0)
		close(o->stats_fd);
	o->stats_fd = -1;
}

/* Locked memory of the maps, as the kernel accounts it; 0: not told. */
static uint64_t maps_bytes(struct infbpf_bpf *skel)
{
	struct bpf_map *map;
	char path[64], line[128];
	uint64_t sum = 0, n;
	FILE *f;

	bpf_object__for_each_map(map, skel->obj) {
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", bpf_map__fd(map));
		f = fopen(path, "re");
		if (!f)
			continue;
		while (fgets(line, sizeof(line), f))
			if (sscanf(line, "memlock: %lu", &n) == 1)
				sum += n;
		fclose(f);
	}
	return sum;
}

static uint64_t rss_bytes(void)
{
	unsigned long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f)
		return PROFILE_UNKNOWN;
	if (fscanf(f, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	fclose(f);
	return resident ? resident * sysconf(_SC_PAGESIZE) : PROFILE_UNKNOWN;
}

/* Each program's mean run time, of the slices in which the statistics were on, times its runs. */
static void report_bpf(struct infbpf_bpf *skel, const struct cpu_counts *counts, struct profile *p)
{
	struct profile_overhead *out = &p->overhead;
	uint64_t runs, timed = 0;
	struct bpf_prog_info info;
	struct bpf_program *prog;
	double ns = 0;
	__u32 len;

	out->bpf_runs = p->lost.missed_runs = 0;
	bpf_object__for_each_program(prog, skel->obj) {
		len = sizeof(info);
		memset(&info, 0, sizeof(info));
		if (bpf_program__fd(prog) < 0 || prog == skel->progs.handle_calibrate ||
		    bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			continue;
		runs = own_count(bpf_program__name(prog), counts, info.run_cnt);
		p->lost.missed_runs += info.recursion_misses;
		out->bpf_runs += runs;
		timed += info.run_cnt;
		if (info.run_cnt)
			ns += (double)info.run_time_ns / info.run_cnt * runs;
	}
	out->bpf_ns = timed ? (uint64_t)ns : PROFILE_UNKNOWN;
}

void overhead_report(const struct overhead *o, struct infbpf_bpf *skel,
		     const struct cpu_counts *counts, struct profile *p)
{
	struct profile_overhead *out = &p->overhead;
	uint64_t own_return;

	report_bpf(skel, counts, p);
	/* An entry whose return is probed costs its part of the pair's trap at the return. */
	own_return = o->pair_ns > o->entry_ns ? o->pair_ns - o->entry_ns : 0;
	out->trap_hits = counts->call_hits + counts->return_hits;
	out->trap_ns = counts->call_hits * o->entry_ns + counts->return_hits * own_return;
	out->user_cpu_ns = cpu_ns(o);
	out->start_cpu_ns = o->start_cpu_ns;
	out->rss_bytes = rss_bytes();
	out->map_bytes = maps_bytes(skel);
}

void overhead_close(struct overhead *o)
{
	for (int i = 0; i < 2; i++)
		if (o->calibrate_fds[i] >= 0)
			close(o->calibrate_fds[i]);
	if (o->stats_fd >= 0)
		close(o->stats_fd);
}
