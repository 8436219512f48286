// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "clock.h"
#include "cuda_attach.h"

static struct cuda_attach_process *process_get(struct cuda_attach *a, pid_t pid)
{
	struct cuda_attach_process *p;

	for (size_t i = 0; i < a->processes_n; i++)
		if (a->processes[i].pid == pid)
			return &a->processes[i];
	if (a->processes_n == a->processes_room) {
		size_t room = a->processes_room ? a->processes_room * 2 : 16;

		p = reallocarray(a->processes, room, sizeof(*p));
		if (!p)
			return NULL;
		a->processes = p;
		a->processes_room = room;
	}
	p = &a->processes[a->processes_n++];
	*p = (struct cuda_attach_process){ .pid = pid };
	return p;
}

static bool is_attached(const struct cuda_attach_process *p, size_t lib)
{
	for (size_t i = 0; i < p->attached_n; i++)
		if (p->attached[i] == lib)
			return true;
	return false;
}

static int mark_attached(struct cuda_attach_process *p, size_t lib)
{
	size_t *list = reallocarray(p->attached, p->attached_n + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	p->attached = list;
	p->attached[p->attached_n++] = lib;
	return 0;
}

static int fds_reserve(struct cuda_attach *a, size_t more)
{
	size_t room = a->fds_room ? a->fds_room : 64;
	int *fds;

	while (room < a->fds_n + more)
		room *= 2;
	if (room == a->fds_room)
		return 0;
	fds = reallocarray(a->fds, room, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	a->fds = fds;
	a->fds_room = room;
	return 0;
}

/* Entry and return probes of one file. Entries last, so that no entry is seen whose return is not
 * (the reverse, a return without entry, cannot be: return probes arm at entry). */
static int attach_lib(struct cuda_attach *a, const struct cuda_lib *lib, const char *path,
		      pid_t pid)
{
	struct uprobe_site *sites;
	int n, err;

	if (!lib->sites_n)
		return 0;
	sites = calloc(lib->sites_n, sizeof(*sites));
	if (!sites)
		return -ENOMEM;
	for (size_t i = 0; i < lib->sites_n; i++)
		sites[i] = (struct uprobe_site){ lib->sites[i].offset, lib->sites[i].cookie };
	err = fds_reserve(a, 2 * lib->sites_n);
	if (err)
		goto out;
	n = uprobe_attach(a->kind, a->return_fd, path, sites, lib->sites_n, pid, true,
			  a->fds + a->fds_n);
	if (n < 0) {
		err = n;
		goto out;
	}
	a->fds_n += n;
	n = uprobe_attach(a->kind, a->entry_fd, path, sites, lib->sites_n, pid, false,
			  a->fds + a->fds_n);
	if (n < 0) {
		err = n;
		goto out;
	}
	a->fds_n += n;
	a->probes += lib->sites_n;
out:
	if (err && err != -ESRCH)
		snprintf(a->failed, sizeof(a->failed), "%s: %s", lib->path, strerror(-err));
	free(sites);
	return err;
}

/* Which of the known libraries does this process map? Those found before by another process are not
 * reported again by cuda_find_process, so each process gets a list of its own to compare. */
static size_t lib_index(struct cuda_attach *a, const struct cuda_lib *lib)
{
	for (size_t i = 0; i < a->libs.n; i++)
		if (a->libs.libs[i].dev == lib->dev && a->libs.libs[i].inode == lib->inode)
			return i;
	return a->libs.n;
}

/* Moves lib into the list of known ones. */
static int lib_keep(struct cuda_attach *a, struct cuda_lib *lib)
{
	struct cuda_lib *libs = reallocarray(a->libs.libs, a->libs.n + 1, sizeof(*libs));

	if (!libs)
		return -ENOMEM;
	a->libs.libs = libs;
	libs[a->libs.n++] = *lib;
	*lib = (struct cuda_lib){ 0 };
	return 0;
}

static int attach_new(struct cuda_attach *a, struct cuda_attach_process *p, struct cuda_lib *lib,
		      uint64_t since_ns)
{
	size_t index = lib_index(a, lib);
	bool known = index < a->libs.n;
	const char *path = lib->open_path ? lib->open_path : lib->path;
	uint64_t from, now;
	int err = 0;

	if (is_attached(p, index))
		return 0;
	if (!(known && a->all))
		err = attach_lib(a, lib, path, a->all ? 0 : p->pid);
	if (err == -ENOMEM || err == -ESRCH)
		return err;
	now = clock_now_ns();
	from = since_ns > p->seen_ns ? since_ns : p->seen_ns;
	if (from < a->begin_ns)
		from = a->begin_ns;
	/* At most that long: it may have been mapped at any time since the last look. */
	if (!(known && a->all) && lib->sites_n && now > from)
		a->uncovered_ns += now - from;
	if (!known) {
		err = lib_keep(a, lib);
		if (err)
			return err;
	}
	err = mark_attached(p, index);
	return err ? err : 1;
}

int cuda_attach_process(struct cuda_attach *a, pid_t pid, uint64_t since_ns)
{
	struct cuda_attach_process *p = process_get(a, pid);
	struct cuda_libs found = { 0 };
	uint64_t now = clock_now_ns();
	int err, added = 0;

	if (!p)
		return -ENOMEM;
	err = cuda_find_process(pid, &found);
	if (err == -ENOMEM)
		goto out;
	for (size_t i = 0; i < found.n; i++) {
		err = attach_new(a, p, &found.libs[i], since_ns);
		if (err == -ENOMEM)
			goto out;
		if (err > 0)
			added++;
	}
	p->seen_ns = now;
	err = 0;
out:
	cuda_libs_free(&found);
	return err ? err : added;
}

int cuda_attach_file(struct cuda_attach *a, pid_t pid, const char *path)
{
	struct cuda_attach_process *p = process_get(a, pid);
	struct cuda_libs found = { 0 };
	int err;

	if (!p)
		return -ENOMEM;
	err = cuda_find_file(path, &found);
	for (size_t i = 0; err >= 0 && i < found.n; i++)
		err = attach_new(a, p, &found.libs[i], 0);
	cuda_libs_free(&found);
	return err < 0 ? err : 0;
}

int cuda_attach_tick(struct cuda_attach *a)
{
	int err, added = 0;

	for (size_t i = 0; i < a->processes_n; i++) {
		err = cuda_attach_process(a, a->processes[i].pid, 0);
		if (err < 0)
			return err;
		added += err;
	}
	return added;
}

void cuda_attach_close(struct cuda_attach *a)
{
	for (size_t i = 0; i < a->fds_n; i++)
		close(a->fds[i]);
	free(a->fds);
	for (size_t i = 0; i < a->processes_n; i++)
		free(a->processes[i].attached);
	free(a->processes);
	cuda_libs_free(&a->libs);
	memset(a, 0, sizeof(*a));
}
