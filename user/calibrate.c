// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "calibrate.h"
#include "clock.h"
#include "cuda.h"
#include "fds.h"
#include "infbpf.skel.h"
#include "proc_maps.h"

#define ROUNDS	     5
#define PROBE_CALLS  1000	     /* a round: 1 ms with probes */
#define COSTLY_CALLS 50		     /* likewise */
#define YIELDS	     300	     /* a round and thread: 1 ms */
#define YIELD_NS     (3 * NS_PER_MS) /* but no longer, where others want the CPU too */
#define YIELD_ROUNDS 8
#define FEW_SWITCHES 100
#define THREAD_CALLS 16

/* The functions probed. The first begins with push %rbp, which the kernel emulates, as the entry
 * points of libcudart do, the second with an instruction that it has to single-step. (naked: a leaf
 * function would get no frame.) */
static void __attribute__((naked, noinline, noclone)) cheap_target(void)
{
	__asm__("push %rbp; mov %rsp, %rbp; pop %rbp; ret");
}

static void __attribute__((naked, noinline, noclone)) costly_target(void)
{
	__asm__("xor %eax, %eax; ret");
}

static void *call_from_thread(void *arg)
{
	for (int i = 0; i < THREAD_CALLS; i++)
		cheap_target();
	return arg;
}

/* A function's place in this program's file. */
static int find_site(void (*function)(void), struct uprobe_site *site)
{
	uint64_t addr = (uintptr_t)function;
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
static uint64_t measure(void (*function)(void), int calls)
{
	uint64_t best = UINT64_MAX, t;

	for (int r = 0; r < ROUNDS; r++) {
		t = clock_now_ns();
		for (int i = 0; i < calls; i++)
			function();
		t = clock_now_ns() - t;
		if (t < best)
			best = t;
	}
	return best / calls;
}

static uint64_t more_than(uint64_t with, uint64_t without)
{
	return with > without ? with - without : 0;
}

static uint64_t count_hits(struct infbpf_bpf *skel)
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
	uint64_t before = count_hits(skel);
	pthread_t thread;

	if (pthread_create(&thread, NULL, call_from_thread, NULL))
		return true;
	pthread_join(thread, NULL);
	return count_hits(skel) - before >= THREAD_CALLS;
}

static int attach(struct infbpf_bpf *skel, enum uprobe_kind kind, const struct uprobe_site *site,
		  bool is_return, int *fd)
{
	int prog = bpf_program__fd(skel->progs.handle_calibrate);
	int n = uprobe_attach(kind == UPROBE_SESSION ? UPROBE_MULTI : kind, prog, "/proc/self/exe",
			      site, 1, getpid(), is_return, fd);

	return n < 0 ? n : 0;
}

static void *remove_probes(void *arg)
{
	struct calibration *c = arg;

	fds_close(c->fds, 2);
	return NULL;
}

static void start_removing(struct calibration *c)
{
	c->removing = !pthread_create(&c->remover, NULL, remove_probes, c);
	if (!c->removing)
		fds_close(c->fds, 2);
}

static int calibrate_probes(struct calibration *c, struct infbpf_bpf *skel, enum uprobe_kind *kind)
{
	struct uprobe_site site = { 0 };
	uint64_t bare, entry;
	int err = find_site(cheap_target, &site);

	if (err)
		return err;
	bare = measure(cheap_target, PROBE_CALLS);
	err = attach(skel, *kind, &site, false, &c->fds[0]);
	if (err)
		return err;
	if (*kind >= UPROBE_MULTI && !threads_pass(skel))
		*kind = UPROBE_PERF;
	entry = measure(cheap_target, PROBE_CALLS);
	err = attach(skel, *kind, &site, true, &c->fds[1]);
	if (!err) {
		c->entry_ns = more_than(entry, bare);
		c->return_ns = more_than(measure(cheap_target, PROBE_CALLS), entry);
	}
	start_removing(c);
	return err;
}

static void *yield_to_other(void *arg)
{
	uint64_t until = *(uint64_t *)arg;

	for (int i = 0; i < YIELDS && clock_now_ns() < until; i++)
		sched_yield();
	return NULL;
}

static uint64_t own_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static uint64_t own_switches(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return r.ru_nvcsw + r.ru_nivcsw;
}

/* Two threads on one CPU give it to each other. Returns CPU time, ns a switch, best round (other
 * programs that want the CPU lengthen a round, but not this); UINT64_MAX: too few switches. In the
 * scheduler a hook costs twice what it does in a tight loop over a system call: it is measured where
 * it is used. */
static uint64_t measure_switches(void)
{
	uint64_t best = UINT64_MAX, cpu, switches, until;
	pthread_t other;

	for (int r = 0; r < YIELD_ROUNDS; r++) {
		until = clock_now_ns() + YIELD_NS;
		cpu = own_cpu_ns();
		switches = own_switches();
		if (pthread_create(&other, NULL, yield_to_other, &until))
			break;
		yield_to_other(&until);
		pthread_join(other, NULL);
		switches = own_switches() - switches;
		cpu = own_cpu_ns() - cpu;
		if (switches >= FEW_SWITCHES && cpu / switches < best)
			best = cpu / switches;
	}
	return best;
}

/* Not being able to is no error: the cost is then told without. */
static void calibrate_hook(struct calibration *c, struct infbpf_bpf *skel)
{
	struct bpf_program *prog = skel->progs.handle_calibrate_hook;
	uint64_t bare = measure_switches(), with;
	struct bpf_link *link = bpf_program__attach(prog);
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	int stats;

	if (!link)
		return;
	with = measure_switches();
	if (with != UINT64_MAX && bare != UINT64_MAX)
		c->hook_ns = more_than(with, bare);
	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (stats >= 0) {
		measure_switches();
		close(stats);
		if (!bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len) && info.run_cnt)
			c->empty_ns = info.run_time_ns / info.run_cnt;
	}
	bpf_link__destroy(link);
}

/* The threads that measure stay on the CPU where they are. */
static void calibrate_hook_here(struct calibration *c, struct infbpf_bpf *skel)
{
	cpu_set_t old, here;
	int cpu = sched_getcpu();

	if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof(old), &old))
		return;
	CPU_ZERO(&here);
	CPU_SET(cpu, &here);
	if (sched_setaffinity(0, sizeof(here), &here))
		return;
	calibrate_hook(c, skel);
	sched_setaffinity(0, sizeof(old), &old);
}

int calibrate(struct calibration *c, struct infbpf_bpf *skel, enum uprobe_kind *kind)
{
	memset(c, 0, sizeof(*c));
	c->fds[0] = c->fds[1] = -1;
	calibrate_hook_here(c, skel);
	return *kind == UPROBE_NONE ? 0 : calibrate_probes(c, skel, kind);
}

void calibrate_costly(struct calibration *c, struct infbpf_bpf *skel, enum uprobe_kind kind)
{
	struct uprobe_site site = { 0 };
	uint64_t bare;
	int fd = -1;

	if (c->costly_ns || kind == UPROBE_NONE || find_site(costly_target, &site))
		return;
	bare = measure(costly_target, COSTLY_CALLS);
	if (attach(skel, kind, &site, false, &fd))
		return;
	c->costly_ns = more_than(measure(costly_target, COSTLY_CALLS), bare);
	calibrate_close(c);
	c->fds[0] = fd;
	start_removing(c);
}

void calibrate_close(struct calibration *c)
{
	if (c->removing)
		pthread_join(c->remover, NULL);
	else
		fds_close(c->fds, 2);
	c->removing = false;
	c->fds[0] = c->fds[1] = -1;
}
