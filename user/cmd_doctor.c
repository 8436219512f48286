// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* infbpf doctor: what this kernel and a process allow, and why not. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/libbpf.h>
#include "cmd.h"
#include "doctor_cuda.h"
#include "doctor_hooks.h"
#include "doctor_marks.h"
#include "doctor_stacks.h"
#include "doctor_symbols.h"
#include "options.h"
#include "privileges.h"
#include "target.h"

#define LABEL 14 /* width of the first column */

struct doctor_options {
	struct target_pids pids;
	enum hooks_mode hooks;
};

static int set_pid(void *out, const char *arg, struct fault *f)
{
	return target_parse_pids(arg, &((struct doctor_options *)out)->pids, f);
}

static int set_hooks(void *out, const char *arg, struct fault *f)
{
	return hooks_parse_mode(arg, &((struct doctor_options *)out)->hooks, f);
}

static const struct option_row rows[] = {
	{ "pid", 'p', "PID[,PID]", "also look at these processes", set_pid },
	{ "hooks", 0, "KIND", "as of trace: auto, btf, fentry, kprobe or tracepoint", set_hooks },
	{ NULL, 0, NULL, NULL, NULL },
};

static const char usage[] =
	"usage: infbpf doctor [-p PID[,PID]] [--hooks KIND]\n\n"
	"What this kernel and these privileges allow, which hook each part of a\n"
	"trace would use and why no better one, and the CUDA libraries and marks of PID.";

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
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
	if (!err)
		err = doctor_marks(stdout, LABEL, pid);
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
		doctor_kernel(stdout, LABEL);
		doctor_hooks(stdout, LABEL, o.hooks, &f);
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
