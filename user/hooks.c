// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include "hooks.h"
#include "infbpf.skel.h"
#include "symbols/symbols.h"

struct rung {
	enum rung_kind kind;
	const char *program; /* NULL: no program of its own */
	const char *where;   /* tracepoint or kernel function */
	const char *lost;    /* what this rung loses against the best, NULL: nothing */
};

struct hook {
	const char *name;
	bool required;
	struct rung rungs[3]; /* best first, ended by RUNG_NONE */
};

static const struct hook hooks[] = {
	{ "switch", true, { { RUNG_TP_BTF, "handle_switch", "sched_switch", NULL } } },
	{ "wake-up", true, { { RUNG_TP_BTF, "handle_wakeup", "sched_wakeup", NULL } } },
	{ "waking", false, { { RUNG_TP_BTF, "handle_waking", "sched_waking", NULL } } },
	{ "first wake-up",
	  true,
	  { { RUNG_TP_BTF, "handle_wakeup_new", "sched_wakeup_new", NULL } } },
	{ "new thread", true, { { RUNG_TP_BTF, "handle_newtask", "task_newtask", NULL } } },
	{ "rename", true, { { RUNG_TP_BTF, "handle_rename", "task_rename", NULL } } },
	{ "exec", true, { { RUNG_TP_BTF, "handle_exec", "sched_process_exec", NULL } } },
	{ "after switch",
	  false,
	  { { RUNG_TP_BTF, "handle_exit_tp", "sched_exit_tp", NULL },
	    { RUNG_KPROBE, "handle_finish_switch", "finish_task_switch", NULL },
	    { RUNG_SWITCH_OUT, NULL, "sched_switch",
	      "stacks of waits are picked by time, not by the wait's length" } } },
	{ "on-CPU clock", true, { { RUNG_PERF, "handle_clock", "cpu-clock", NULL } } },
};
#define HOOKS_N (sizeof(hooks) / sizeof(hooks[0]))

static const char *const kind_names[] = {
	[RUNG_NONE] = "none",	    [RUNG_TP_BTF] = "tp_btf",
	[RUNG_KPROBE] = "kprobe",   [RUNG_SWITCH_OUT] = "switch_out",
	[RUNG_PERF] = "perf_event", [RUNG_UPROBE] = "uprobe",
};

/* What --hooks allows. A hook that has only one rung keeps it: forcing says "where it exists". */
static bool mode_allows(enum hooks_mode mode, enum rung_kind kind)
{
	switch (mode) {
	case HOOKS_BTF:
		return kind == RUNG_TP_BTF;
	case HOOKS_KPROBE:
		return kind == RUNG_KPROBE;
	case HOOKS_TRACEPOINT:
	case HOOKS_FENTRY:
		return kind == RUNG_SWITCH_OUT;
	default:
		return true;
	}
}

/* True when the kernel's BTF knows the tracepoint; its argument count (without the leading void *)
 * goes to args. */
static bool btf_has_tracepoint(const struct btf *btf, const char *name, int *args)
{
	const struct btf_type *t;
	char type[80];
	int id;

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	id = btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF);
	if (id < 0)
		return false;
	t = btf__type_by_id(btf, id);
	t = t ? btf__type_by_id(btf, t->type) : NULL; /* pointer */
	t = t ? btf__type_by_id(btf, t->type) : NULL; /* prototype */
	if (args)
		*args = t && btf_is_func_proto(t) ? btf_vlen(t) - 1 : 0;
	return true;
}

/* Whether a rung can be had; the reason when not. */
static bool rung_possible(struct hooks *h, const struct rung *r, const struct btf *btf,
			  struct symbols *symbols, char *why, size_t len)
{
	switch (r->kind) {
	case RUNG_TP_BTF:
		if (btf_has_tracepoint(btf, r->where, NULL))
			return true;
		snprintf(why, len, "tp_btf/%s: not in this kernel", r->where);
		return false;
	case RUNG_KPROBE:
		if (access("/sys/bus/event_source/devices/kprobe/type", R_OK)) {
			snprintf(why, len,
				 "kprobe: this kernel has none (CONFIG_KPROBES is not set)");
			return false;
		}
		if (symbols_kernel_address(symbols, r->where, h->finish_switch,
					   sizeof(h->finish_switch)))
			return true;
		snprintf(why, len, "kprobe/%s: not in kallsyms%s", r->where,
			 symbols_kernel_hidden(symbols) ? " (hidden: CAP_SYSLOG is missing)" : "");
		return false;
	default:
		return true;
	}
}

static void state_add_refusal(struct hook_state *s, const char *why)
{
	size_t used = strlen(s->refused);

	snprintf(s->refused + used, sizeof(s->refused) - used, "%s%s", used ? "; " : "", why);
}

static int choose_one(struct hooks *h, const struct hook *hook, struct hook_state *s,
		      struct infbpf_bpf *skel, const struct btf *btf, struct symbols *symbols,
		      enum hooks_mode mode, struct fault *f)
{
	bool ladder = hook->rungs[1].kind != RUNG_NONE, taken = false;
	struct bpf_program *program;
	const struct rung *r;
	char why[120];

	s->name = hook->name;
	s->kind = kind_names[RUNG_NONE];
	for (size_t i = 0; i < 3 && hook->rungs[i].kind; i++) {
		r = &hook->rungs[i];
		program =
			r->program ? bpf_object__find_program_by_name(skel->obj, r->program) : NULL;
		if (program)
			bpf_program__set_autoload(program, false);
		if (taken)
			continue;
		if (ladder && !mode_allows(mode, r->kind)) {
			snprintf(why, sizeof(why), "%s: --hooks", kind_names[r->kind]);
			state_add_refusal(s, why);
			continue;
		}
		if (!rung_possible(h, r, btf, symbols, why, sizeof(why))) {
			state_add_refusal(s, why);
			continue;
		}
		taken = true;
		s->kind = kind_names[r->kind];
		s->lost = r->lost;
		snprintf(s->where, sizeof(s->where), "%s",
			 r->kind == RUNG_KPROBE ? h->finish_switch : r->where);
		if (program)
			bpf_program__set_autoload(program, true);
		if (!strcmp(hook->name, "after switch"))
			skel->rodata->cfg_after_switch = r->kind != RUNG_SWITCH_OUT;
	}
	if (!taken && hook->required)
		return fault_set(f, EXIT_REFUSED, ENOTSUP, "this kernel has no hook '%s' (%s)",
				 hook->name, s->refused);
	if (!taken)
		return fault_set(f, EXIT_REFUSED, ENOTSUP,
				 "--hooks: hook '%s' cannot be had that way (%s)", hook->name,
				 s->refused);
	return 0;
}

int hooks_choose(struct hooks *h, struct infbpf_bpf *skel, struct symbols *symbols,
		 enum hooks_mode mode, struct fault *f)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int err = 0, args = 0;

	memset(h, 0, sizeof(*h));
	if (!btf)
		return fault_set(
			f, EXIT_REFUSED, ENOTSUP,
			"this kernel has no BTF (/sys/kernel/btf/vmlinux). It needs "
			"CONFIG_DEBUG_INFO_BTF, as distribution kernels since 2021 have it");
	btf_has_tracepoint(btf, "sched_switch", &args);
	skel->rodata->cfg_prev_state = args >= 4;
	for (size_t i = 0; i < HOOKS_N && !err; i++)
		err = choose_one(h, &hooks[i], &h->states[h->n++], skel, btf, symbols, mode, f);
	btf__free(btf);
	return err;
}

/* The software clock: a perf event on every CPU, all share one program. */
static int clock_attach(struct hooks *h, struct infbpf_bpf *skel, unsigned int freq_hz)
{
	struct perf_event_attr attr = { 0 };
	int cpus = libbpf_num_possible_cpus(), fd, link;
	int prog = bpf_program__fd(skel->progs.handle_clock);

	if (cpus < 0)
		return cpus;
	h->clock_fds = calloc(cpus, sizeof(int));
	h->clock_links = calloc(cpus, sizeof(int));
	if (!h->clock_fds || !h->clock_links)
		return -ENOMEM;
	attr.size = sizeof(attr);
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_CPU_CLOCK;
	attr.freq = 1;
	attr.sample_freq = freq_hz;
	for (int cpu = 0; cpu < cpus; cpu++) {
		fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
		if (fd < 0 && errno == ENODEV)
			continue; /* not online */
		if (fd < 0)
			return -errno;
		link = bpf_link_create(prog, fd, BPF_PERF_EVENT, NULL);
		if (link < 0) {
			close(fd);
			return link;
		}
		h->clock_fds[h->clocks_n] = fd;
		h->clock_links[h->clocks_n++] = link;
	}
	return h->clocks_n ? 0 : -ENODEV;
}

static struct bpf_link *attach_rung(struct hooks *h, struct infbpf_bpf *skel, const struct rung *r)
{
	struct bpf_program *program = bpf_object__find_program_by_name(skel->obj, r->program);

	if (r->kind == RUNG_KPROBE)
		return bpf_program__attach_kprobe(program, false, h->finish_switch);
	return bpf_program__attach(program);
}

int hooks_attach(struct hooks *h, struct infbpf_bpf *skel, unsigned int freq_hz, struct fault *f)
{
	struct bpf_program *program;
	struct bpf_link *link;
	const struct rung *r;
	int err = 0;

	for (size_t i = 0; i < HOOKS_N; i++) {
		for (r = hooks[i].rungs; r < hooks[i].rungs + 3 && r->kind; r++) {
			if (!r->program)
				continue;
			program = bpf_object__find_program_by_name(skel->obj, r->program);
			if (!bpf_program__autoload(program))
				continue;
			if (r->kind == RUNG_PERF) {
				err = clock_attach(h, skel, freq_hz);
				if (err)
					return fault_set(f, EXIT_REFUSED, -err,
							 "cannot open the on-CPU clock: %s",
							 strerror(-err));
				continue;
			}
			link = attach_rung(h, skel, r);
			if (!link)
				return fault_set(f, EXIT_REFUSED, errno, "cannot attach %s/%s: %s",
						 kind_names[r->kind], h->states[i].where,
						 strerror(errno));
			h->links[h->links_n++] = link;
		}
	}
	return 0;
}

void hooks_detach(struct hooks *h)
{
	for (int i = 0; i < h->clocks_n; i++) {
		close(h->clock_links[i]);
		close(h->clock_fds[i]);
	}
	free(h->clock_links);
	free(h->clock_fds);
	h->clock_links = h->clock_fds = NULL;
	h->clocks_n = 0;
	for (size_t i = 0; i < h->links_n; i++)
		bpf_link__destroy(h->links[i]);
	h->links_n = 0;
}
