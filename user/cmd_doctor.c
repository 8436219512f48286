// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* infbpf doctor: what this kernel and a process allow, and why not. */
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include "cmd.h"
#include "doctor_cuda.h"
#include "doctor_stacks.h"
#include "doctor_symbols.h"
#include "hooks.h"
#include "infbpf.skel.h"
#include "options.h"
#include "privileges.h"
#include "symbols/symbols.h"
#include "target.h"
#include "uprobe.h"

#define LABEL 14 /* width of the first column */

struct doctor_options {
	struct target_pids pids;
	int hooks; /* enum hooks_mode */
};

static int set_pid(void *out, const char *arg, struct fault *f)
{
	return target_parse_pids(arg, &((struct doctor_options *)out)->pids, f);
}

static const struct option_row rows[] = {
	{ "pid", 'p', "PID[,PID]", "also look at these processes", set_pid },
	{ NULL, 0, NULL, NULL, NULL },
};

static const char usage[] =
	"usage: infbpf doctor [-p PID[,PID]]\n\n"
	"What this kernel and these privileges allow, which hook each part of a\n"
	"trace would use and why no better one, and the CUDA libraries of PID.";

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

/* Whether a function entry can be attached to by trampoline: loads an empty program for one. 0, or
 * the errno of the refusal. */
static int fentry_refused(void)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY);
	struct btf *btf = btf__load_vmlinux_btf();
	int id, fd, link;

	if (!btf)
		return ENOENT;
	id = btf__find_by_name_kind(btf, "vfs_read", BTF_KIND_FUNC);
	btf__free(btf);
	if (id < 0)
		return ENOENT;
	opts.attach_btf_id = id;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "infbpf_fentry", "GPL", insns, 2, &opts);
	if (fd < 0)
		return errno;
	link = bpf_raw_tracepoint_open(NULL, fd);
	id = link < 0 ? errno : 0;
	if (link >= 0)
		close(link);
	close(fd);
	return id;
}

static void print_kernel(void)
{
	bool kprobes = !access("/sys/bus/event_source/devices/kprobe/type", R_OK);
	struct btf *btf = btf__load_vmlinux_btf();
	enum uprobe_kind uprobes = uprobe_detect();
	struct utsname u;
	int err;

	uname(&u);
	printf("%-*s%s, BTF %s, uprobes ", LABEL, "kernel", u.release, btf ? "yes" : "no");
	if (uprobes == UPROBE_NONE)
		printf("no");
	else
		printf("yes (%s)", uprobe_kind_name(uprobes));
	printf(", kprobes %s", kprobes ? "yes" : "no (CONFIG_KPROBES is not set)");
	btf__free(btf);
	err = fentry_refused();
	if (err)
		printf(", fentry no (refused: %s)\n", strerror(err));
	else
		printf(", fentry yes\n");
}

/* Chooses the rungs and loads the programs, as a trace would. */
static int print_hooks(const struct doctor_options *o, struct fault *f)
{
	struct infbpf_bpf *skel = infbpf_bpf__open();
	struct symbols *symbols = NULL;
	struct hooks hooks = { 0 };
	int err;

	if (!skel || symbols_open(&symbols, &(struct symbols_options){ 0 })) {
		err = fault_set(f, EXIT_FAILED, ENOMEM, "out of memory");
		goto out;
	}
	err = hooks_choose(&hooks, skel, symbols, o->hooks, f);
	for (size_t i = 0; i < hooks.n; i++) {
		struct hook_state *h = &hooks.states[i];

		printf("%-*s%-15s%s/%s", LABEL, i ? "" : "hooks", h->name, h->kind, h->where);
		if (h->refused[0])
			printf("   (%s)", h->refused);
		if (h->lost)
			printf("   loses: %s", h->lost);
		printf("\n");
	}
	if (err)
		goto out;
	if (symbols_kernel_hidden(symbols))
		printf("%-*s%s\n", LABEL, "",
		       "kernel symbols are hidden: CAP_SYSLOG or kptr_restrict");
	err = infbpf_bpf__load(skel);
	if (err)
		fault_set(f, EXIT_REFUSED, -err,
			  "cannot load BPF programs: %s. Run as root, or "
			  "grant CAP_BPF and CAP_PERFMON",
			  strerror(-err));
	else
		printf("%-*s%s\n", LABEL, "programs", "all accepted by the verifier");
out:
	symbols_close(symbols);
	if (skel)
		infbpf_bpf__destroy(skel);
	return err;
}

static void print_privileges(void)
{
	bool any = false;

	for (size_t i = 0; i < privileges_n; i++) {
		const struct privilege *p = &privileges[i];

		if (privilege_held(p))
			continue;
		printf("%-*s%s is missing: %s%s\n", LABEL, any ? "" : "privileges", p->name,
		       p->costs, p->required ? " (needed)" : "");
		any = true;
	}
	if (!any)
		printf("%-*sall there\n", LABEL, "privileges");
}

static int print_process(pid_t pid, struct cuda_libs *files, struct fault *f)
{
	char label[32], name[32], text[256];
	int err = target_check_pid(&pid, f);

	if (err)
		return err;
	target_name(pid, name, sizeof(name));
	snprintf(label, sizeof(label), "process %d", pid);
	printf("%-*s %s\n", LABEL - 1, label, name);
	if (target_is_kthread(pid)) {
		printf("%-*s%s\n", LABEL, "", "a kernel thread: no user stacks, no CUDA calls");
		return 0;
	}
	err = doctor_cuda(stdout, LABEL, pid, files);
	if (err)
		return fault_set(f, EXIT_FAILED, -err, "cannot read the maps of %d: %s", pid,
				 strerror(-err));
	if (!doctor_stacks(pid, text, sizeof(text)))
		printf("%-*s%s\n", LABEL, "", text);
	if (!doctor_symbols(pid, text, sizeof(text)))
		printf("%-*s%s\n", LABEL, "", text);
	return 0;
}

int cmd_doctor(int argc, char **argv)
{
	struct doctor_options o = { 0 };
	struct cuda_libs files = { 0 };
	struct fault f = { 0 };
	int next = options_parse(rows, argc, argv, &o, usage, &f);

	if (next == -ECANCELED)
		return EXIT_DONE;
	if (next >= 0 && next < argc)
		fault_set(&f, EXIT_USAGE, EINVAL, "'%s' is not expected (try --help)", argv[next]);
	if (!f.code) {
		libbpf_set_print(silent);
		print_kernel();
		print_hooks(&o, &f);
		print_privileges();
		for (size_t i = 0; i < o.pids.n; i++)
			print_process(o.pids.pids[i], &files, &f);
		fflush(stdout);
	}
	if (f.code)
		fault_print(&f);
	cuda_libs_free(&files);
	target_pids_free(&o.pids);
	return f.code;
}
