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

/* Entry and return probes of one file. Returns first: a call that begins in between is then seen by
 * its return only, which is ignored; the other way round it would look like one that never ended. */
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
		sites[i] = (struct uprobe_site){
			lib->sites[i].offset,
			lib->sites[i].cookie | (lib->sites[i].costly ? COOKIE_COSTLY : 0),
		};
	err = fds_reserve(a, 2 * lib->sites_n);
	if (err)
		goto out;
	if (a->kind == UPROBE_SESSION && !a->entries_only) {
		n = uprobe_attach(a->kind, a->session_fd, path, sites, lib->sites_n, pid, false,
				  a->fds + a->fds_n);
		if (n < 0) {
			err = n;
			goto out;
		}
		a->fds_n += n;
		a->probes += lib->sites_n;
		goto out;
	}
	if (!a->entries_only) {
	n = uprobe_attach(a->kind, a->return_fd, path, sites, lib->sites_n, pid, true,
			  a->fds + a->fds_n);
	if (n < 0) {
		err = n;
		goto out;
	}
	a->fds_n += n;
	}
	n = uprobe_attach(a->kind == UPROBE_SESSION ? UPROBE_MULTI : a->kind, a->entry_fd, path, sites, lib->sites_n, pid, false,
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

const struct cuda_lib *cuda_attach_lib(const struct cuda_attach *a, size_t i)
{
	return &a->processes[a->files[i].process].libs.libs[a->files[i].lib];
}

/* True when another process's library is the same file. Else it is remembered. -ENOMEM. */
static int file_known(struct cuda_attach *a, const struct cuda_attach_process *p, size_t lib)
{
	const struct cuda_lib *l = &p->libs.libs[lib];
	struct cuda_attach_known *files;

	for (size_t i = 0; i < a->files_n; i++)
		if (a->files[i].dev == l->dev && a->files[i].inode == l->inode)
			return 1;
	files = reallocarray(a->files, a->files_n + 1, sizeof(*files));
	if (!files)
		return -ENOMEM;
	a->files = files;
	files[a->files_n++] = (struct cuda_attach_known){ l->dev, l->inode, p - a->processes, lib };
	return 0;
}

static int attach_new(struct cuda_attach *a, struct cuda_attach_process *p, size_t index,
		      uint64_t since_ns)
{
	struct cuda_lib *lib = &p->libs.libs[index];
	const char *path = lib->open_path ? lib->open_path : lib->path;
	int known = file_known(a, p, index), err;
	uint64_t from, now;

	if (known < 0 || (known && a->all))
		return known < 0 ? known : 0;
	*a->done_ns = ~0ULL;
	err = attach_lib(a, lib, path, a->all ? 0 : p->pid);
	*a->done_ns = clock_now_ns();
	if (err == -ENOMEM)
		return err;
	now = clock_now_ns();
	from = since_ns > p->seen_ns ? since_ns : p->seen_ns;
	if (from < a->begin_ns)
		from = a->begin_ns;
	/* At most that long: it may have been mapped at any time since the last look. */
	if (!err && lib->sites_n && now > from)
		a->uncovered_ns += now - from;
	return 0;
}

/* -ESRCH: it is gone. */
static int process_look(struct cuda_attach *a, struct cuda_attach_process *p, uint64_t since_ns)
{
	uint64_t now = clock_now_ns();
	size_t known = p->libs.n;
	int err = cuda_find_process(p->pid, &p->libs);

	if (err == -ENOMEM || err == -ESRCH)
		return err;
	for (size_t i = known; i < p->libs.n; i++) {
		err = attach_new(a, p, i, since_ns);
		if (err)
			return err;
	}
	p->seen_ns = now;
	return p->libs.n - known;
}

int cuda_attach_process(struct cuda_attach *a, pid_t pid, uint64_t since_ns)
{
	struct cuda_attach_process *p = process_get(a, pid);
	int err = p ? process_look(a, p, since_ns) : -ENOMEM;

	return err == -ESRCH ? 0 : err;
}

int cuda_attach_life(struct cuda_attach *a, pid_t pid, pid_t parent, uint64_t time_ns)
{
	struct cuda_attach_process *p;

	/* A fork's child has its parent's libraries from its first instruction: none to look for where
	 * the parent has none, or where each file is probed for all processes anyway. */
	for (size_t i = 0; parent && i < a->processes_n; i++)
		if (a->processes[i].pid == parent && (a->all || !a->processes[i].libs.n))
			return 0;
	p = process_get(a, pid);
	if (!p)
		return -ENOMEM;
	p->young_until_ns = time_ns + NS_PER_S;
	if (p->seen_ns < time_ns)
		p->seen_ns = time_ns;
	return parent ? cuda_attach_process(a, pid, time_ns) : 0;
}

int cuda_attach_file(struct cuda_attach *a, pid_t pid, const char *path)
{
	struct cuda_attach_process *p = process_get(a, pid);
	size_t known;
	int err;

	if (!p)
		return -ENOMEM;
	known = p->libs.n;
	err = cuda_find_file(path, &p->libs);
	for (size_t i = known; err >= 0 && i < p->libs.n; i++)
		err = attach_new(a, p, i, 0);
	return err < 0 ? err : 0;
}

/* Its libraries stay listed where other processes' entries point at them. */
static void process_drop(struct cuda_attach *a, size_t index)
{
	size_t last = a->processes_n - 1;

	if (a->processes[index].libs.n) {
		a->processes[index].pid = 0;
		return;
	}
	cuda_libs_free(&a->processes[index].libs);
	a->processes[index] = a->processes[last];
	a->processes_n--;
	for (size_t i = 0; i < a->files_n; i++)
		if (a->files[i].process == last)
			a->files[i].process = index;
}

int cuda_attach_tick(struct cuda_attach *a, uint64_t now_ns, bool young_only)
{
	struct cuda_attach_process *p;
	int err, added = 0;

	for (size_t i = a->processes_n; i-- > 0;) {
		p = &a->processes[i];
		if (!p->pid || (young_only && p->young_until_ns < now_ns))
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
	for (size_t i = 0; i < a->processes_n; i++)
		cuda_libs_free(&a->processes[i].libs);
	free(a->processes);
	free(a->files);
	memset(a, 0, sizeof(*a));
}
