// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include "session_private.h"

int session_counts(const struct session *s, struct cpu_counts *sum)
{
	int cpus = libbpf_num_possible_cpus();
	struct cpu_counts *counts;
	__u32 zero = 0;
	int err = 0;

	memset(sum, 0, sizeof(*sum));
	counts = cpus > 0 ? calloc(cpus, sizeof(*counts)) : NULL;
	if (!counts)
		return -ENOMEM;
	if (bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.counts), &zero, counts))
		err = -errno;
	for (int cpu = 0; cpu < cpus && !err; cpu++)
		for (size_t i = 0; i < sizeof(*sum) / sizeof(__u64); i++)
			((__u64 *)sum)[i] += ((__u64 *)&counts[cpu])[i];
	free(counts);
	return err;
}

static int add_hooks(struct session *s)
{
	struct profile_hook h;
	int err = 0;

	for (size_t i = 0; i < s->hooks.n && !err; i++) {
		h = (struct profile_hook){ s->hooks.states[i].name, s->hooks.states[i].kind,
					   s->hooks.states[i].lost };
		err = profile_add_hook(s->profile, &h);
	}
	h = (struct profile_hook){ "CUDA calls",
				   s->uprobes >= UPROBE_MULTI  ? uprobe_kind_name(s->uprobes)
				   : s->uprobes == UPROBE_PERF ? "uprobe"
							       : "none",
				   s->uprobes == UPROBE_NONE ? "all CUDA calls" : NULL };
	return err ? err : profile_add_hook(s->profile, &h);
}

static int add_runtime(struct session *s)
{
	struct profile *p = s->profile;
	const struct cuda_lib *lib;
	int err = 0;

	p->runtime = "none";
	for (size_t i = 0; i < s->cuda.files.n; i++) {
		lib = cuda_attach_lib(&s->cuda, i);
		if (!lib->sites_n) {
			if (!err && lib->api == API_DRIVER)
				err = profile_add_not_measured(p, "CUDA driver API calls",
							       lib->why);
			continue;
		}
		p->runtime = lib->emu ? "emu" : "nvidia";
		if (lib->version[0])
			p->runtime_version = profile_string(p, lib->version);
	}
	if (!err && strcmp(p->runtime, "none"))
		err = profile_add_not_measured(p, "GPU kernel time", "needs CUPTI");
	if (!err && s->cuda.failed[0])
		err = profile_add_not_measured(p, "CUDA calls of a library", s->cuda.failed);
	if (!err && s->overhead.stats_refused)
		err = profile_add_not_measured(p, "BPF run time",
					       "BPF statistics want CAP_SYS_ADMIN");
	if (!err && symbols_kernel_hidden(s->symbols))
		err = profile_add_not_measured(p, "kernel function names",
					       "kallsyms wants CAP_SYSLOG");
	return err;
}

static int fill_losses(struct session *s)
{
	struct profile_lost *lost = &s->profile->lost;
	struct cpu_counts c;
	int err = session_counts(s, &c);

	if (err)
		return err;
	lost->events = c.lost_switch + c.lost_wakeup;
	lost->stacks = c.lost_stack + collect_lost(s->collect);
	lost->ring = c.lost_ring;
	lost->map_full = c.lost_map;
	lost->threads = c.lost_storage + c.lost_thread + s->skel->bss->close_left;
	lost->returns = c.lost_return;
	lost->memory = c.lost_memory + collect_lost_names(s->collect);
	lost->uncovered_ns = s->cuda.uncovered_ns;
	overhead_report(&s->overhead, s->skel, &c, s->profile);
	return 0;
}

int session_result(struct session *s)
{
	int err = add_hooks(s);

	if (!err)
		err = add_runtime(s);
	return err ? err : fill_losses(s);
}
