// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "clock.h"
#include "cuda_attach.h"
#include "fds.h"
#include "proc_maps.h"

/* Of symbol tables, read in one round of looks while events wait to be drained: 0.1 s. */
#define TICK_BYTES (128ULL << 20)

static struct cuda_attach_process *process_get(struct cuda_attach *a, pid_t pid)
{
	struct cuda_attach_process *p;

	for (size_t i = 0; i < a->processes_n; i++)
		if (a->processes[i].pid == pid)
			return &a->processes[i];
	if (array_grow(&a->processes, &a->processes_room, a->processes_n + 1,
		       sizeof(*a->processes)))
		return NULL;
	p = &a->processes[a->processes_n++];
	*p = (struct cuda_attach_process){ .pid = pid };
	return p;
}

static int fds_reserve(struct cuda_attach *a, size_t more)
{
	return array_grow(&a->fds, &a->fds_room, a->fds_n + more, sizeof(*a->fds));
}

/* What is to be probed in a file. */
struct plan {
	struct uprobe_site *sites; /* calls first, then what registers functions */
	size_t calls_n, n;
};

static bool is_chosen(const struct cuda_attach *a, size_t row)
{
	return !a->chosen || a->chosen[row];
}

/* Registering is no call that is counted: what it says is said at its entry, to a program of its own. */
static bool is_register(const struct cuda_site *site)
{
	return cuda_calls[site->row].what == CALL_REGISTER;
}

/* Is another call's site at the same place, or the one it jumps to, probed already? Both would see one
 * call, with equal stack pointers. */
static bool is_covered(const struct cuda_attach *a, const struct cuda_lib *lib, size_t i)
{
	const struct cuda_site *sites = lib->sites;

	if (sites[i].leads && is_chosen(a, sites[i].leads - 1))
		return true;
	for (size_t j = 0; j < i; j++)
		if (sites[j].offset == sites[i].offset && is_chosen(a, sites[j].row))
			return true;
	return false;
}

static int plan_make(const struct cuda_attach *a, const struct cuda_lib *lib, struct plan *plan)
{
	plan->sites = calloc(lib->sites_n, sizeof(*plan->sites));
	if (!plan->sites)
		return -ENOMEM;
	for (int registering = 0; registering < 2; registering++) {
		for (size_t i = 0; i < lib->sites_n; i++) {
			const struct cuda_site *s = &lib->sites[i];

			if (is_register(s) != registering || !is_chosen(a, s->row) ||
			    is_covered(a, lib, i))
				continue;
			plan->sites[plan->n++] =
				(struct uprobe_site){ .offset = s->offset,
						      .cookie = s->cookie |
								(s->costly ? COOKIE_COSTLY : 0) };
		}
		if (!registering)
			plan->calls_n = plan->n;
	}
	return 0;
}

/* Attaches a program to n sites and keeps the links. */
static int attach_sites(struct cuda_attach *a, enum uprobe_kind kind, int prog_fd, const char *path,
			const struct uprobe_site *sites, size_t n, pid_t pid, bool is_return)
{
	int links = fds_reserve(a, n);

	if (!links)
		links = uprobe_attach(kind, prog_fd, path, sites, n, pid, is_return,
				      a->fds + a->fds_n);
	if (links < 0)
		return links;
	a->fds_n += links;
	return 0;
}

static int attach_calls(struct cuda_attach *a, const struct plan *p, const char *path, pid_t pid)
{
	const enum uprobe_kind kind = a->kind == UPROBE_SESSION ? UPROBE_MULTI : a->kind;
	int err = 0;

	if (a->kind == UPROBE_SESSION && !a->entries_only)
		return attach_sites(a, UPROBE_SESSION, a->session_fd, path, p->sites, p->calls_n,
				    pid, false);
	/* Returns first: a call that begins in between is then seen by its return only, which is
	 * ignored; the other way round it would look like one that never ended. */
	if (!a->entries_only)
		err = attach_sites(a, kind, a->return_fd, path, p->sites, p->calls_n, pid, true);
	return err ? err
		   : attach_sites(a, kind, a->entry_fd, path, p->sites, p->calls_n, pid, false);
}

static int attach_plan(struct cuda_attach *a, const struct plan *p, const char *path, pid_t pid)
{
	const enum uprobe_kind kind = a->kind == UPROBE_SESSION ? UPROBE_MULTI : a->kind;
	int err = attach_calls(a, p, path, pid);

	return err ? err
		   : attach_sites(a, kind, a->register_fd, path, p->sites + p->calls_n,
				  p->n - p->calls_n, pid, false);
}

/* Probes one file, for one process or (pid 0) all. Returns how many calls. */
static int attach_lib(struct cuda_attach *a, const struct cuda_lib *lib, const char *path,
		      pid_t pid)
{
	struct plan plan = { 0 };
	int err = plan_make(a, lib, &plan);

	if (!err && plan.n) {
		*a->done_ns = ~0ULL;
		err = attach_plan(a, &plan, path, pid);
		*a->done_ns = clock_now_ns();
	}
	if (!err)
		a->probes += plan.n;
	else if (err != -ESRCH)
		snprintf(a->failed, sizeof(a->failed), "%s: %s", lib->path, strerror(-err));
	free(plan.sites);
	return err ? err : (int)plan.n;
}

const struct cuda_lib *cuda_attach_lib(const struct cuda_attach *a, size_t i)
{
	return &a->files.libs[i];
}

/* A file that is new to the process. 1: it was probed. Only -ENOMEM is an error. */
static int attach_new(struct cuda_attach *a, pid_t pid, const struct cuda_use *use)
{
	struct cuda_lib *lib = &a->files.libs[use->lib];
	int n;

	if (!lib->sites_n || (lib->probed && a->all))
		return 0;
	n = attach_lib(a, lib, use->open_path, a->all ? 0 : pid);
	/* By another process's path it may succeed. */
	lib->probed |= n > 0;
	return n == -ENOMEM ? n : n > 0;
}

/* What was found since p had `known` files. */
static int attach_found(struct cuda_attach *a, struct cuda_attach_process *p, size_t known,
			uint64_t since_ns)
{
	uint64_t from = since_ns > p->seen_ns ? since_ns : p->seen_ns, now;
	bool any = false;
	int ret = 0;

	for (size_t i = known; i < p->found.n && ret >= 0; i++) {
		ret = attach_new(a, p->pid, &p->found.uses[i]);
		any |= ret > 0;
	}
	now = clock_now_ns();
	if (from < a->begin_ns)
		from = a->begin_ns;
	/* At most that long: they may have been mapped at any time since the last look. */
	if (any && now > from)
		a->uncovered_ns += now - from;
	return ret < 0 ? ret : 0;
}

/* Returns how many files were new to it. -ESRCH: it is gone. */
static int process_look(struct cuda_attach *a, struct cuda_attach_process *p, uint64_t since_ns)
{
	uint64_t now = clock_now_ns();
	size_t known = p->found.n;
	struct proc_maps maps;
	int err = proc_maps_read(p->pid, &maps);

	if (err)
		return err == -ENOMEM || err == -ESRCH ? err : 0;
	err = a->stages ? stage_attach_maps(a->stages, p->pid, &maps, &p->marks) : 0;
	if (!err && a->functions)
		err = function_attach_maps(a->functions, p->pid, &maps, &p->functions);
	if (!err)
		err = cuda_find_maps(p->pid, &maps, &a->files, &p->found);
	proc_maps_free(&maps);
	if (err == -ENOMEM || err == -ESRCH)
		return err;
	err = attach_found(a, p, known, since_ns);
	if (err)
		return err;
	p->seen_ns = now;
	return p->found.n - known;
}

int cuda_attach_process(struct cuda_attach *a, pid_t pid, uint64_t since_ns)
{
	struct cuda_attach_process *p = process_get(a, pid);
	int err = p ? process_look(a, p, since_ns) : -ENOMEM;

	return err == -ESRCH ? 0 : err;
}

/* A fork's child, with its parent's libraries (or marks). One that has ended already made calls that
 * nobody saw. */
static int process_born(struct cuda_attach *a, struct cuda_attach_process *p, uint64_t time_ns)
{
	const uint64_t from = time_ns > a->begin_ns ? time_ns : a->begin_ns;
	const uint64_t now = clock_now_ns();
	int err = process_look(a, p, time_ns);

	if (err != -ESRCH)
		return err;
	if (a->files.n && now > from)
		a->uncovered_ns += now - from;
	return 0;
}

static bool has_nothing(const struct cuda_attach_process *p)
{
	return !p->found.n && !p->marks.n && !p->functions.n;
}

int cuda_attach_life(struct cuda_attach *a, pid_t pid, pid_t parent, uint64_t time_ns)
{
	struct cuda_attach_process *p;
	bool none_yet = false;

	/* A fork's child has its parent's libraries from its first instruction: none to look for now
	 * where the parent has none, or where each file is probed for all processes anyway. It may load
	 * some of its own: the next looks at all processes find them. */
	for (size_t i = 0; parent && i < a->processes_n; i++)
		none_yet |=
			a->processes[i].pid == parent && (a->all || has_nothing(&a->processes[i]));
	p = process_get(a, pid);
	if (!p)
		return -ENOMEM;
	if (p->seen_ns < time_ns)
		p->seen_ns = time_ns;
	if (none_yet)
		return 0;
	p->young_until_ns = time_ns + NS_PER_S;
	if (!parent) {
		cuda_process_forget(&p->found);
		mark_process_forget(&p->marks);
		function_process_forget(&p->functions);
	}
	return parent ? process_born(a, p, time_ns) : 0;
}

int cuda_attach_file(struct cuda_attach *a, pid_t pid, const char *path)
{
	struct cuda_attach_process *p = process_get(a, pid);
	size_t known;
	int err;

	if (!p)
		return -ENOMEM;
	err = a->stages ? stage_attach_file(a->stages, pid, path, &p->marks) : 0;
	if (!err && a->functions)
		err = function_attach_file(a->functions, pid, path, &p->functions);
	if (err)
		return err;
	known = p->found.n;
	err = cuda_find_file(path, &a->files, &p->found);
	return err < 0 ? err : attach_found(a, p, known, 0);
}

static void process_drop(struct cuda_attach *a, size_t index)
{
	cuda_process_free(&a->processes[index].found);
	mark_process_free(&a->processes[index].marks);
	function_process_free(&a->processes[index].functions);
	a->processes[index] = a->processes[--a->processes_n];
}

int cuda_attach_tick(struct cuda_attach *a, uint64_t now_ns, bool young_only)
{
	struct cuda_attach_process *p;
	int err, added = 0;

	a->files.read_limit = a->files.read + TICK_BYTES;
	for (size_t i = a->processes_n; i-- > 0;) {
		p = &a->processes[i];
		if (young_only && p->young_until_ns < now_ns)
			continue;
		err = process_look(a, p, 0);
		if (err == -ESRCH)
			process_drop(a, i);
		else if (err < 0)
			return err;
		else
			added += err;
	}
	return added;
}

void cuda_attach_close(struct cuda_attach *a)
{
	fds_close(a->fds, a->fds_n);
	free(a->fds);
	for (size_t i = 0; i < a->processes_n; i++) {
		cuda_process_free(&a->processes[i].found);
		mark_process_free(&a->processes[i].marks);
		function_process_free(&a->processes[i].functions);
	}
	free(a->processes);
	cuda_libs_free(&a->files);
	memset(a, 0, sizeof(*a));
}
