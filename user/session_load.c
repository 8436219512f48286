// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include "call_programs.h"
#include "command_libs.h"
#include "descriptor.h"
#include "session_private.h"
#include "sigframe.h"
#include "stage_causes.h"

#define RING_BYTES (8U << 20)

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

static int verbose(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, format, args);
}

static int load_fault(int err, struct fault *f)
{
	if (err == -EPERM || err == -EACCES)
		return fault_set(f, EXIT_REFUSED, -err,
				 "cannot load BPF programs: %s. Run as root, or grant CAP_BPF, "
				 "CAP_PERFMON, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH",
				 strerror(-err));
	return fault_set(f, EXIT_REFUSED, -err,
			 "cannot load BPF programs: %s (--verbose shows the kernel's reason)",
			 strerror(-err));
}

/* Without /proc/devices a terminal is any device. */
static void configure_descriptors(struct infbpf_bpf *skel)
{
	FILE *devices = fopen("/proc/devices", "re");

	descriptor_calls(skel->rodata->cfg_fd_calls);
	if (!devices)
		return;
	descriptor_majors(skel->rodata->cfg_char_majors, devices);
	fclose(devices);
}

unsigned int session_io_parts(const struct session_options *o)
{
	static const unsigned int hooks[IO_PARTS] = { HOOK_BLOCK, HOOK_FILE, HOOK_NET, HOOK_URING };
	unsigned int parts = 0;

	for (unsigned int i = 0; i < IO_PARTS; i++)
		if (o->parts & hooks[i])
			parts |= 1u << i;
	return parts;
}

/* What I/O is accounted; memory for no more than that. */
static void configure_io(struct session *s)
{
	const unsigned int parts = session_io_parts(s->options);
	struct infbpf_bpf *skel = s->skel;

	skel->rodata->cfg_io_parts = parts;
	skel->rodata->cfg_command = s->command.pid > 0 ? s->command.pid : 0;
	if (!(parts & (IO_PART_BLOCK | IO_PART_URING)))
		bpf_map__set_max_entries(skel->maps.io_requests, 1);
	if (!parts) {
		bpf_map__set_max_entries(skel->maps.io_keys, 1);
		bpf_map__set_max_entries(skel->maps.io_recs, 1);
		bpf_map__set_max_entries(skel->maps.io_threads, 1);
	}
}

/* Marks and functions; memory only for as many as there may be. */
static void stage_room(struct infbpf_bpf *skel, __u32 names, __u32 records, __u32 marks)
{
	skel->rodata->cfg_stage_recs = records;
	bpf_map__set_max_entries(skel->maps.stage_names, names ? names : 1);
	bpf_map__set_max_entries(skel->maps.stages, records ? records : 1);
	bpf_map__set_max_entries(skel->maps.stage_recs, records ? records : 1);
	bpf_map__set_max_entries(skel->maps.mark_specs, marks ? marks : 1);
}

static void configure_stages(struct session *s)
{
	struct infbpf_bpf *skel = s->skel;
	const bool functions = s->options->functions.n > 0;

	mark_programs_choose(skel, s->uprobes, s->options->marks);
	function_programs_choose(skel, s->uprobes, functions);
	if (!functions) {
		bpf_map__set_max_entries(skel->maps.function_names, 1);
		bpf_map__set_max_entries(skel->maps.function_jumps, 1);
	}
	skel->bss->stage_records = STAGE_RECORDS;
	stage_causes(skel->rodata->cfg_causes);
	if (functions)
		stage_room(skel, STAGE_NAMES, STAGE_RECS_MANY, s->options->marks ? MARK_SPECS : 0);
	else if (s->options->marks)
		stage_room(skel, STAGE_NAMES_FEW, STAGE_RECS, MARK_SPECS);
	else
		stage_room(skel, 0, 0, 0);
}

static void configure(struct session *s)
{
	struct infbpf_bpf *skel = s->skel;
	size_t small_bytes = INFBPF_MAX_STACK * sizeof(__u64);

	skel->rodata->cfg_scope_all = s->options->all;
	skel->rodata->cfg_entries_only = s->options->entries_only;
	skel->rodata->cfg_nested = s->options->driver;
	skel->rodata->cfg_wakers = s->options->wakers;
	skel->data->period_ns = s->options->period_ns;
	skel->bss->alloc_stacks = ALLOC_STACKS;
	skel->rodata->cfg_stack_bytes = 0;
	if (s->options->unwind != SESSION_UNWIND_FP) {
		small_bytes = s->options->stack_bytes < SAMPLE_SMALL_BYTES ? s->options->stack_bytes
									   : SAMPLE_SMALL_BYTES;
		skel->rodata->cfg_stack_bytes = s->options->stack_bytes;
		skel->rodata->cfg_sigframe_bytes = s->sigframe_bytes;
	}
	skel->rodata->cfg_small_bytes = small_bytes;
	bpf_map__set_max_entries(skel->maps.ring, RING_BYTES);
	configure_descriptors(skel);
	configure_io(s);
	bpf_program__set_autoload(skel->progs.handle_slice, s->options->timeline);
	call_programs_choose(s->skel, s->uprobes,
			     s->options->entries_only ? CALL_PROGRAMS_COUNTS : CALL_PROGRAMS_PAIRS);
	configure_stages(s);
}

static int load_once(struct session *s, struct fault *f)
{
	int err;

	s->skel = infbpf_bpf__open();
	if (!s->skel)
		return load_fault(-errno, f);
	configure(s);
	err = hooks_choose(&s->hooks, s->skel, s->symbols, s->options->hooks,
			   HOOK_ALWAYS | s->options->parts, f);
	if (err)
		return err;
	err = infbpf_bpf__load(s->skel);
	return err ? load_fault(err, f) : 0;
}

/* Loads, and measures what probes cost. A kernel whose uprobe_multi lets only one thread of a process
 * through (6.6 to 6.10) is loaded for a second time, for perf events. */
int session_load(struct session *s, struct fault *f)
{
	enum uprobe_kind kind;
	int err;

	libbpf_set_print(s->options->verbose ? verbose : quiet);
	if (s->options->unwind != SESSION_UNWIND_FP)
		s->sigframe_bytes = sigframe_bytes();
	s->uprobes = uprobe_detect();
	for (;;) {
		err = load_once(s, f);
		if (err)
			return err;
		kind = s->uprobes;
		err = overhead_open(&s->overhead, s->skel, &kind);
		if (err)
			return fault_set(f, EXIT_REFUSED, -err, "cannot attach user probes: %s",
					 strerror(-err));
		if (kind == s->uprobes)
			return 0;
		overhead_close(&s->overhead);
		infbpf_bpf__destroy(s->skel);
		s->skel = NULL;
		s->uprobes = kind;
	}
}

int session_iterate(struct session *s, struct bpf_program *prog)
{
	struct bpf_link *link = bpf_program__attach_iter(prog, NULL);
	int err = link ? session_iterate_link(s, link) : -errno;

	if (link)
		bpf_link__destroy(link);
	return err;
}

int session_iterate_link(struct session *s, const struct bpf_link *link)
{
	size_t size = 256 << 10, used = 0, at;
	const int fd = bpf_iter_create(bpf_link__fd(link));
	const struct rec_hdr *hdr;
	char *buf = malloc(size);
	int err = 0;
	ssize_t n;

	if (fd < 0 || !buf) {
		err = fd < 0 ? -errno : -ENOMEM;
		goto out;
	}
	for (;;) {
		n = read(fd, buf + used, size - used);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			break;
		used += n;
		for (at = 0; used - at >= sizeof(*hdr); at += hdr->len) {
			hdr = (const struct rec_hdr *)(buf + at);
			if (hdr->len < sizeof(*hdr) || hdr->len > used - at)
				break;
			err = collect_record(s->collect, hdr, hdr->len);
			if (err)
				goto out;
		}
		memmove(buf, buf + at, used - at);
		used -= at;
	}
	if (n < 0)
		err = -errno;
out:
	free(buf);
	if (fd >= 0)
		close(fd);
	return err;
}

int session_scope(struct session *s, size_t from)
{
	int fd = bpf_map__fd(s->skel->maps.targets);
	__u32 pid, one = 1;

	for (size_t i = from; i < s->pids.n; i++) {
		pid = s->pids.pids[i];
		if (bpf_map_update_elem(fd, &pid, &one, BPF_ANY))
			return -errno;
	}
	return session_iterate(s, s->skel->progs.handle_scope);
}

static int watch(struct session *s, pid_t pid)
{
	int *fds = reallocarray(s->pidfds, s->pidfds_n + 1, sizeof(*fds));
	int fd;

	if (!fds)
		return -ENOMEM;
	s->pidfds = fds;
	fd = syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return -errno;
	s->pidfds[s->pidfds_n++] = fd;
	return 0;
}

int session_find_targets(struct session *s, struct fault *f)
{
	const struct session_options *o = s->options;
	char name[32];
	pid_t pid;
	int err;

	for (size_t i = 0; i < o->pids.n; i++) {
		pid = o->pids.pids[i];
		err = target_check_pid(&pid, f);
		if (err)
			return err;
		if (target_pids_add(&s->pids, pid) < 0)
			return -ENOMEM;
		err = watch(s, pid);
		if (err == -ESRCH)
			return fault_set(f, EXIT_NO_TARGET, ESRCH, "no process %d", pid);
		if (err)
			return err;
	}
	if (o->cgroup) {
		err = target_cgroup_open(o->cgroup, s->cgroup, sizeof(s->cgroup), f);
		if (!err)
			err = target_cgroup_scan(s->cgroup, &s->pids);
		if (err < 0)
			return err;
	}
	if (o->command) {
		err = target_command_start(&s->command, o->command, f);
		if (err)
			return err;
		if (target_pids_add(&s->pids, s->command.pid) < 0)
			return -ENOMEM;
		collect_options(s->collect)->command_tgid = s->command.pid;
		err = watch(s, s->command.pid);
		if (err)
			return err;
		snprintf(s->target, sizeof(s->target), "%.100s (%d)", o->command[0],
			 s->command.pid);
	} else if (o->all) {
		snprintf(s->target, sizeof(s->target), "the whole host");
	} else if (o->cgroup) {
		snprintf(s->target, sizeof(s->target), "cgroup %.120s", o->cgroup);
	} else {
		target_name(s->pids.pids[0], name, sizeof(name));
		snprintf(s->target, sizeof(s->target), "%s (%d)", name, s->pids.pids[0]);
		if (s->pids.n > 1)
			snprintf(s->target + strlen(s->target),
				 sizeof(s->target) - strlen(s->target), " and %zu more",
				 s->pids.n - 1);
	}
	return 0;
}

static void attach_stages(struct session *s)
{
	s->stages.kind = s->uprobes;
	s->stages.prog_fd = bpf_program__fd(s->skel->progs.handle_mark);
	s->stages.specs_fd = bpf_map__fd(s->skel->maps.mark_specs);
	s->stages.all = s->options->all;
	collect_options(s->collect)->stage_names_fd = bpf_map__fd(s->skel->maps.stage_names);
	s->cuda.stages = &s->stages;
}

static int attach_functions(struct session *s)
{
	s->functions.options = &s->options->functions;
	s->functions.kind = s->uprobes;
	s->functions.prog_fd = bpf_program__fd(s->skel->progs.handle_function);
	s->functions.names_fd = bpf_map__fd(s->skel->maps.function_names);
	s->functions.jumps_fd = bpf_map__fd(s->skel->maps.function_jumps);
	s->functions.all = s->options->all;
	s->cuda.functions = &s->functions;
	return function_attach_open(&s->functions);
}

int session_attach_cuda(struct session *s)
{
	struct target_pids all = { 0 };
	struct target_pids *pids = &s->pids;
	const char *bad;
	size_t bad_n;
	int err = 0;

	s->chosen = calloc(cuda_calls_n, sizeof(*s->chosen));
	if (!s->chosen)
		return -ENOMEM;
	err = cuda_select(s->options->gpu_calls ? s->options->gpu_calls : "default", s->chosen,
			  &bad, &bad_n);
	if (err)
		return err;
	s->cuda.chosen = s->chosen;

	s->cuda.kind = s->uprobes;
	s->cuda.entries_only = s->options->entries_only;
	s->cuda.session_fd = bpf_program__fd(s->skel->progs.handle_call_session);
	s->cuda.entry_fd =
		bpf_program__fd(s->options->entries_only ? s->skel->progs.handle_call_count
							 : s->skel->progs.handle_call_entry);
	s->cuda.return_fd = bpf_program__fd(s->skel->progs.handle_call_return);
	s->cuda.register_fd = bpf_program__fd(s->skel->progs.handle_call_register);
	s->cuda.all = s->options->all;
	if (s->options->marks)
		attach_stages(s);
	if (s->options->functions.n)
		err = attach_functions(s);
	s->cuda.begin_ns = ~0ULL;
	s->cuda.done_ns = (volatile uint64_t *)&s->skel->bss->probes_ns;
	if (s->uprobes == UPROBE_NONE)
		return 0;
	if (s->options->all && !err) {
		err = target_all_scan(&all);
		pids = &all;
	}
	for (size_t i = 0; i < pids->n && err >= 0; i++)
		err = cuda_attach_process(&s->cuda, pids->pids[i], 0);
	if (s->options->command && err >= 0)
		err = command_libs_attach(&s->cuda, s->command.pid, s->options->command[0]);
	target_pids_free(&all);
	return err < 0 ? err : 0;
}
