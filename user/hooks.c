// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include "hooks_private.h"
#include "options.h"

int hooks_parse_mode(const char *arg, enum hooks_mode *mode, struct fault *f)
{
	static const struct option_choice choices[] = {
		{ "auto", HOOKS_AUTO },
		{ "btf", HOOKS_BTF },
		{ "fentry", HOOKS_FENTRY },
		{ "kprobe", HOOKS_KPROBE },
		{ "tracepoint", HOOKS_TRACEPOINT },
		{ NULL, 0 },
	};
	int value, err = options_choice("--hooks", arg, choices, &value, f);

	if (!err)
		*mode = value;
	return err;
}

static struct bpf_program *find_program(struct infbpf_bpf *skel, const char *name)
{
	return name ? bpf_object__find_program_by_name(skel->obj, name) : NULL;
}

/* None of the hooks' programs is loaded but those of the rungs that are taken. */
static int load_none(struct infbpf_bpf *skel, struct fault *f)
{
	struct bpf_program *program;

	for (size_t i = 0; i < hooks_table_n; i++) {
		for (const struct rung *r = hooks_table[i].rungs;
		     r < hooks_table[i].rungs + HOOK_RUNGS && r->kind; r++) {
			for (const struct rung_site *site = r->sites;
			     site < r->sites + RUNG_SITES && site->where; site++) {
				if (!site->program)
					continue;
				program = find_program(skel, site->program);
				if (!program)
					return fault_set(f, EXIT_FAILED, ENOENT,
							 "hook '%s': no program %s",
							 hooks_table[i].name, site->program);
				bpf_program__set_autoload(program, false);
			}
		}
	}
	return 0;
}

/* Sets up the programs of a rung. */
static int take_rung(struct hooks *h, struct infbpf_bpf *skel, const struct rung *r,
		     char where[RUNG_SITES][HOOK_WHERE])
{
	struct hook_site *site;
	int err = 0;

	for (size_t i = 0; i < RUNG_SITES && r->sites[i].where && !err; i++) {
		if (!r->sites[i].program)
			continue;
		if (h->sites_n == HOOK_SITES_MAX)
			return -E2BIG;
		site = &h->sites[h->sites_n++];
		site->kind = r->kind;
		site->program = find_program(skel, r->sites[i].program);
		site->is_return = r->sites[i].is_return;
		memcpy(site->where, where[i], sizeof(site->where));
		bpf_program__set_autoload(site->program, true);
		if (r->kind == RUNG_TP_BTF || r->kind == RUNG_FENTRY)
			err = bpf_program__set_attach_target(site->program, 0, site->where);
	}
	return err;
}

static int choose_one(struct hooks *h, const struct hook *hook, struct infbpf_bpf *skel,
		      struct hooks_kernel *k, enum hooks_mode mode, struct fault *f)
{
	struct hook_state *s = &h->states[h->n];
	char where[RUNG_SITES][HOOK_WHERE];
	bool forced;
	int err = 0, taken = hook_decide(hook, k, mode, s, where, &forced);

	if (taken >= 0)
		err = take_rung(h, skel, &hook->rungs[taken], where);
	if (hook->learns)
		*(__u32 *)((char *)skel->rodata + hook->learns - 1) =
			taken >= 0 ? hook->rungs[taken].learned : 0;
	h->rows[h->n] = hook;
	h->sites_end[h->n++] = h->sites_n;
	if (err)
		return fault_set(f, EXIT_REFUSED, -err, "cannot attach %s/%s: %s", s->kind,
				 s->where, strerror(-err));
	if (forced)
		return fault_set(f, EXIT_REFUSED, ENOTSUP,
				 "--hooks: hook '%s' cannot be had that way (%s)", hook->name,
				 s->refused);
	if (taken < 0 && !hook->without)
		return fault_set(f, EXIT_REFUSED, ENOTSUP, "this kernel has no hook '%s' (%s)",
				 hook->name, s->refused);
	return 0;
}

int hooks_choose(struct hooks *h, struct infbpf_bpf *skel, struct symbols *symbols,
		 enum hooks_mode mode, unsigned int parts, struct fault *f)
{
	struct btf *btf = btf__load_vmlinux_btf();
	struct hooks_kernel kernel;
	int err, one, args = 0;

	memset(h, 0, sizeof(*h));
	if (!btf)
		return fault_set(
			f, EXIT_REFUSED, ENOTSUP,
			"this kernel has no BTF (/sys/kernel/btf/vmlinux). It needs "
			"CONFIG_DEBUG_INFO_BTF, as distribution kernels since 2021 have it");
	hooks_kernel_init(&kernel, btf, symbols);
	hooks_has_tracepoint(btf, "sched_switch", &args);
	skel->rodata->cfg_prev_state = args >= 4;
	err = load_none(skel, f);
	for (size_t i = 0; i < hooks_table_n && (!err || err == -ENOTSUP); i++) {
		if (!(hooks_table[i].part & parts))
			continue;
		one = choose_one(h, &hooks_table[i], skel, &kernel, mode, f);
		err = err ? err : one;
	}
	btf__free(btf);
	return err;
}

/* NULL with errno set: refused. */
static struct bpf_link *site_attach(const struct hook_site *site)
{
	const char *name = strchr(site->where, '/');
	char category[64];

	switch (site->kind) {
	case RUNG_KPROBE:
		return bpf_program__attach_kprobe(site->program, site->is_return, site->where);
	case RUNG_RAW_TP:
		return bpf_program__attach_raw_tracepoint(site->program, site->where);
	case RUNG_TRACEPOINT:
		snprintf(category, sizeof(category), "%.*s", name ? (int)(name - site->where) : 0,
			 site->where);
		return bpf_program__attach_tracepoint(site->program, category,
						      name ? name + 1 : site->where);
	default:
		return bpf_program__attach(site->program);
	}
}

static int hook_attach(struct hooks *h, size_t i, unsigned int freq_hz, const char **where)
{
	struct bpf_link *link;
	int err;

	for (size_t n = i ? h->sites_end[i - 1] : 0; n < h->sites_end[i]; n++) {
		*where = h->sites[n].where;
		if (h->sites[n].kind == RUNG_PERF) {
			err = hook_clock_open(&h->clock, bpf_program__fd(h->sites[n].program),
					      freq_hz);
			if (err)
				return err;
			continue;
		}
		link = site_attach(&h->sites[n]);
		if (!link)
			return -errno;
		h->links[h->links_n++] = link;
	}
	return 0;
}

/* What was promised cannot be had after all: a function that must not be probed, say. */
static void hook_give_up(struct hooks *h, size_t i, size_t links_before, const char *where, int err)
{
	struct hook_state *s = &h->states[i];
	size_t used = strlen(s->refused);

	while (h->links_n > links_before)
		bpf_link__destroy(h->links[--h->links_n]);
	snprintf(s->refused + used, sizeof(s->refused) - used, "%s%s %s: %s", used ? "; " : "",
		 s->kind, where, strerror(-err));
	s->kind = rung_ways[RUNG_NONE].name;
	s->lost = h->rows[i]->without;
	s->where[0] = 0;
}

int hooks_attach(struct hooks *h, unsigned int freq_hz, struct fault *f)
{
	const char *where = "";
	size_t links;
	int err;

	for (size_t i = 0; i < h->n; i++) {
		links = h->links_n;
		err = hook_attach(h, i, freq_hz, &where);
		if (err && !h->rows[i]->without)
			return fault_set(f, EXIT_REFUSED, -err, "cannot attach %s/%s: %s",
					 h->states[i].kind, where, strerror(-err));
		if (err)
			hook_give_up(h, i, links, where, err);
	}
	return 0;
}

void hooks_detach(struct hooks *h)
{
	hook_clock_close(&h->clock);
	for (size_t i = 0; i < h->links_n; i++)
		bpf_link__destroy(h->links[i]);
	h->links_n = 0;
}
