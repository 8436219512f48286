// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "clock.h"
#include "infbpf.skel.h"
#include "overhead.h"

#define SLICE_ON_NS  (50 * NS_PER_MS)
#define SLICE_OFF_NS (950 * NS_PER_MS)

_Static_assert(sizeof(((struct infbpf_bpf *)0)->progs) / sizeof(struct bpf_program *) <=
		       OVERHEAD_PROGRAMS,
	       "programs whose cost is not stated");

int overhead_open(struct overhead *o, struct infbpf_bpf *skel, enum uprobe_kind *kind)
{
	int err;

	memset(o, 0, sizeof(*o));
	o->stats_fd = -1;
	err = calibrate(&o->calibration, skel, kind);
	o->kind = *kind;
	return err;
}

static uint64_t timeval_ns(struct timeval t)
{
	return t.tv_sec * NS_PER_S + t.tv_usec * 1000ULL;
}

/* infbpf's own CPU time since its start. */
static uint64_t cpu_ns(void)
{
	struct rusage now;

	getrusage(RUSAGE_SELF, &now);
	return timeval_ns(now.ru_utime) + timeval_ns(now.ru_stime);
}

void overhead_begin(struct overhead *o)
{
	o->start_cpu_ns = cpu_ns();
	o->begin_ns = clock_now_ns();
}

/* --- slices of time in which the kernel's statistics are on --- */

static bool program_info(const struct bpf_program *prog, struct bpf_prog_info *info)
{
	__u32 len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return bpf_program__fd(prog) >= 0 &&
	       !bpf_obj_get_info_by_fd(bpf_program__fd(prog), info, &len);
}

static void slice_begin(struct overhead *o, struct infbpf_bpf *skel, uint64_t now_ns)
{
	struct bpf_prog_info info;
	struct bpf_program *prog;
	size_t i = 0;

	o->slice_ns = now_ns;
	bpf_object__for_each_program(prog, skel->obj) {
		if (i < OVERHEAD_PROGRAMS && program_info(prog, &info)) {
			o->programs[i].runs = info.run_cnt;
			o->programs[i].ns = info.run_time_ns;
		}
		i++;
	}
	o->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (o->stats_fd < 0)
		o->stats_refused = errno;
}

static void slice_end(struct overhead *o, struct infbpf_bpf *skel, uint64_t now_ns)
{
	struct overhead_slice *slice;
	struct overhead_program *p;
	struct bpf_prog_info info;
	struct bpf_program *prog;
	size_t i = 0;

	close(o->stats_fd);
	o->stats_fd = -1;
	o->slices_ns += now_ns - o->slice_ns;
	bpf_object__for_each_program(prog, skel->obj) {
		p = &o->programs[i];
		if (i < OVERHEAD_PROGRAMS && program_info(prog, &info) && info.run_cnt > p->runs) {
			slice = &p->slices[p->slices_n++ % OVERHEAD_SLICES];
			slice->runs = info.run_cnt - p->runs;
			slice->ns = info.run_time_ns - p->ns;
			p->slice_runs += slice->runs;
		}
		i++;
	}
}

void overhead_tick(struct overhead *o, struct infbpf_bpf *skel, uint64_t now_ns)
{
	if (o->stats_refused || now_ns < o->next_ns)
		return;
	if (o->stats_fd >= 0)
		slice_end(o, skel, now_ns);
	else
		slice_begin(o, skel, now_ns);
	o->next_ns = now_ns + (o->stats_fd >= 0 ? SLICE_ON_NS : SLICE_OFF_NS);
}

void overhead_stop(struct overhead *o, struct infbpf_bpf *skel, uint64_t now_ns)
{
	if (o->stats_fd >= 0)
		slice_end(o, skel, now_ns);
}

static int by_mean(const void *a, const void *b)
{
	const struct overhead_slice *x = a, *y = b;
	double dx = (double)x->ns / x->runs, dy = (double)y->ns / y->runs;

	return (dx > dy) - (dx < dy);
}

double overhead_run_ns(const struct overhead_slice *slices, size_t n)
{
	struct overhead_slice sorted[OVERHEAD_SLICES];
	uint64_t runs = 0, half = 0;

	if (n > OVERHEAD_SLICES)
		n = OVERHEAD_SLICES;
	memcpy(sorted, slices, n * sizeof(*slices));
	qsort(sorted, n, sizeof(*sorted), by_mean);
	for (size_t i = 0; i < n; i++)
		half += sorted[i].runs;
	half = (half + 1) / 2;
	for (size_t i = 0; i < n; i++) {
		runs += sorted[i].runs;
		if (runs >= half)
			return (double)sorted[i].ns / sorted[i].runs;
	}
	return 0;
}

/* --- the report --- */

/* The programs that run often, and which of their own counts says how often. */
static const struct {
	const char *program;
	size_t count; /* offset in struct cpu_counts */
	size_t also;  /* likewise: runs for both; 0: there is no second */
} counted[] = {
	{ "handle_switch", offsetof(struct cpu_counts, switches), 0 },
	{ "handle_switch_typed", offsetof(struct cpu_counts, switches), 0 },
	{ "handle_exit_tp", offsetof(struct cpu_counts, switches), 0 },
	{ "handle_finish_switch", offsetof(struct cpu_counts, switches), 0 },
	{ "handle_wakeup", offsetof(struct cpu_counts, wakeups), 0 },
	/* Each wake-up has its waking. */
	{ "handle_waking", offsetof(struct cpu_counts, wakeups), 0 },
	{ "handle_clock", offsetof(struct cpu_counts, clocks), 0 },
	{ "handle_call_entry", offsetof(struct cpu_counts, call_hits), 0 },
	{ "handle_call_return", offsetof(struct cpu_counts, return_hits), 0 },
	{ "handle_mark", offsetof(struct cpu_counts, mark_hits), 0 },
	{ "handle_function", offsetof(struct cpu_counts, function_hits), 0 },
	{ "handle_call_count", offsetof(struct cpu_counts, call_hits), 0 },
	{ "handle_call_session", offsetof(struct cpu_counts, call_hits),
	  offsetof(struct cpu_counts, return_hits) },
};

/* How often a program ran. Those that do not count themselves: from the runs in the slices. */
static uint64_t program_runs(const struct overhead *o, const struct bpf_program *prog,
			     const struct overhead_program *p, const struct cpu_counts *counts,
			     uint64_t elapsed_ns)
{
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
		const char *at = (const char *)counts;

		if (strcmp(counted[i].program, bpf_program__name(prog)))
			continue;
		return *(const __u64 *)(at + counted[i].count) +
		       (counted[i].also ? *(const __u64 *)(at + counted[i].also) : 0);
	}
	return o->slices_ns ? (double)p->slice_runs * elapsed_ns / o->slices_ns : 0;
}

/* What a run takes beyond the trap of a probe. A kprobe's way is longer than a tracepoint's: at least
 * that. */
static double program_cost_ns(const struct overhead *o, const struct bpf_program *prog,
			      const struct overhead_program *p)
{
	double ns = overhead_run_ns(p->slices, p->slices_n) - o->calibration.empty_ns;

	if (ns < 0)
		ns = 0;
	if (bpf_program__expected_attach_type(prog) == BPF_TRACE_RAW_TP ||
	    !strcmp(bpf_program__name(prog), "handle_finish_switch"))
		ns += o->calibration.hook_ns;
	return ns;
}

static void report_bpf(const struct overhead *o, struct infbpf_bpf *skel,
		       const struct cpu_counts *counts, struct profile *p)
{
	uint64_t runs, elapsed = clock_now_ns() - o->begin_ns, timed = 0;
	struct profile_overhead *out = &p->overhead;
	const struct overhead_program *program;
	struct bpf_prog_info info;
	struct bpf_program *prog;
	double ns = 0;
	size_t i = 0;

	out->bpf_runs = p->lost.missed_runs = 0;
	bpf_object__for_each_program(prog, skel->obj) {
		if (i == OVERHEAD_PROGRAMS)
			break;
		program = &o->programs[i++];
		/* Iterators run in infbpf's own CPU time. */
		if (bpf_program__expected_attach_type(prog) == BPF_TRACE_ITER ||
		    prog == skel->progs.handle_calibrate ||
		    prog == skel->progs.handle_calibrate_hook || !program_info(prog, &info))
			continue;
		p->lost.missed_runs += info.recursion_misses;
		runs = program_runs(o, prog, program, counts, elapsed);
		out->bpf_runs += runs;
		timed += program->slice_runs;
		ns += runs * program_cost_ns(o, prog, program);
	}
	out->bpf_ns = timed ? (uint64_t)ns : PROFILE_UNKNOWN;
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

void overhead_update(const struct overhead *o, struct profile *p)
{
	p->overhead.user_cpu_ns = cpu_ns();
	p->overhead.start_cpu_ns = o->start_cpu_ns;
}

void overhead_report(struct overhead *o, struct infbpf_bpf *skel, const struct cpu_counts *counts,
		     struct profile *p)
{
	struct profile_overhead *out = &p->overhead;
	const struct calibration *c = &o->calibration;
	uint64_t costly = counts->costly_hits + counts->function_costly;

	report_bpf(o, skel, counts, p);
	if (costly)
		calibrate_costly(&o->calibration, skel, o->kind);
	out->trap_hits =
		counts->call_hits + counts->return_hits + counts->mark_hits + counts->function_hits;
	/* A mark's instruction does nothing: the kernel emulates it like the cheap ones of calls. */
	out->trap_ns = (counts->call_hits + counts->mark_hits + counts->function_hits - costly) *
			       c->entry_ns +
		       costly * c->costly_ns + counts->return_hits * c->return_ns;
	overhead_update(o, p);
	out->rss_bytes = rss_bytes();
	out->map_bytes = maps_bytes(skel);
}

void overhead_close(struct overhead *o)
{
	calibrate_close(&o->calibration);
	if (o->stats_fd >= 0)
		close(o->stats_fd);
}
