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
		const struct hook_state *state = &s->hooks.states[i];

		h = (struct profile_hook){ state->name, state->kind, state->lost };
		err = profile_add_hook(s->profile, &h);
		if (!strcmp(state->name, "waking"))
			s->profile->wakers_known = strcmp(state->kind, "none") != 0;
		if (!err && !strcmp(state->kind, "none"))
			err = profile_add_not_measured(s->profile, state->lost, state->refused);
	}
	h = (struct profile_hook){ "CUDA calls",
				   s->uprobes >= UPROBE_MULTI  ? uprobe_kind_name(s->uprobes)
				   : s->uprobes == UPROBE_PERF ? "uprobe"
							       : "none",
				   s->uprobes == UPROBE_NONE ? "all CUDA calls" : NULL };
	return err ? err : profile_add_hook(s->profile, &h);
}

/* What stands behind the calls. */
static void name_runtime(struct session *s)
{
	struct profile *p = s->profile;

	p->runtime = "none";
	for (size_t i = 0; i < s->cuda.files.n; i++) {
		const struct cuda_lib *lib = cuda_attach_lib(&s->cuda, i);

		if (!lib->sites_n || lib->api == API_NCCL)
			continue;
		if (lib->emu)
			p->runtime = "emu";
		else if (strcmp(p->runtime, "emu"))
			p->runtime = "nvidia";
		if (lib->api == API_RUNTIME && lib->version[0])
			p->runtime_version = profile_string(p, lib->version);
	}
}

/* Libraries that were found and not probed. */
static int add_unprobed(struct session *s)
{
	const char *name;
	char what[128];
	int err = 0;

	for (size_t i = 0; i < s->cuda.files.n && !err; i++) {
		const struct cuda_lib *lib = cuda_attach_lib(&s->cuda, i);

		/* A stripped static runtime's calls are seen where they enter the driver. */
		if (lib->sites_n || lib->is_static)
			continue;
		name = strrchr(lib->path, '/') ? strrchr(lib->path, '/') + 1 : lib->path;
		snprintf(what, sizeof(what), "calls of %.100s", name);
		err = profile_add_not_measured(s->profile, what, lib->why);
	}
	return err;
}

/* What verdicts ask for, by --gpu-calls' groups. */
static bool group_chosen(const struct session *s, enum cuda_group group)
{
	for (size_t i = 0; i < cuda_calls_n; i++)
		if (s->chosen && s->chosen[i] && cuda_calls[i].group == group)
			return true;
	return false;
}

static int add_not_measured(struct session *s)
{
	struct profile *p = s->profile;
	const bool cuda = strcmp(p->runtime, "none") != 0;
	const struct {
		bool is_so;
		const char *what, *why;
	} rows[] = {
		{ cuda, "GPU kernel time", "needs CUPTI" },
		{ cuda && !group_chosen(s, CUDA_ALLOC), "GPU memory",
		  "--gpu-calls leaves out alloc" },
		{ cuda && !group_chosen(s, CUDA_LAUNCH), "GPU launches",
		  "--gpu-calls leaves out launch" },
		{ cuda && !group_chosen(s, CUDA_COPY), "GPU copies",
		  "--gpu-calls leaves out copy" },
		{ cuda && !group_chosen(s, CUDA_SYNC), "GPU synchronisation",
		  "--gpu-calls leaves out sync" },
		{ s->cuda.failed[0], "CUDA calls of a library", s->cuda.failed },
		{ s->stages.failed[0], "marks of a file", s->stages.failed },
		{ s->overhead.stats_refused, "BPF run time", "BPF statistics want CAP_SYS_ADMIN" },
		{ symbols_kernel_hidden(s->symbols), "kernel function names",
		  "kallsyms wants CAP_SYSLOG" },
	};
	int err = add_unprobed(s);

	if (!err && s->cuda.functions)
		err = function_attach_report(&s->functions, p);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && !err; i++)
		if (rows[i].is_so)
			err = profile_add_not_measured(p, rows[i].what, rows[i].why);
	return err;
}

static void fill_events(struct session *s)
{
	const struct cpu_counts *from = &s->counts_begin, *to = &s->counts_end;

	s->profile->events = (struct profile_events){
		.switches = to->switches - from->switches,
		.booked = to->booked - from->booked,
		.idle = to->idle - from->idle,
		.wakeups = to->wakeups - from->wakeups,
	};
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
	lost->spans += c.lost_spans; /* beside those that the profile had no room for */
	lost->memory = c.lost_memory + collect_lost_memory(s->collect);
	lost->uncovered_ns = s->cuda.uncovered_ns;
	overhead_report(&s->overhead, s->skel, &c, s->profile);
	return 0;
}

int session_result(struct session *s)
{
	int err = add_hooks(s);

	name_runtime(s);
	s->profile->stages_known |= s->stages.probes > 0 || s->functions.probes > 0;
	if (!err)
		err = add_not_measured(s);
	fill_events(s);
	return err ? err : fill_losses(s);
}
