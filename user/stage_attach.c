// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Probes on marks. A mark's cookie is the place of its spec, written once a file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include "fds.h"
#include "marks.h"

static void failed(struct stage_attach *a, const struct mark_file *file, const char *why)
{
	if (!a->failed[0])
		snprintf(a->failed, sizeof(a->failed), "%.60s: %.95s", file->path, why);
}

/* Gives the marks their places. As many as there is room for. */
static int place_specs(struct stage_attach *a, struct mark_file *file)
{
	size_t room = MARK_SPECS - a->specs_n;
	__u32 at;

	if (file->first_spec != ~0U)
		return 0;
	if (file->marks.why[0])
		failed(a, file, file->marks.why);
	if (file->marks.n > room) {
		failed(a, file, "too many marks");
		file->marks.n = room;
	}
	for (size_t i = 0; i < file->marks.n; i++) {
		at = a->specs_n + i;
		if (bpf_map_update_elem(a->specs_fd, &at, &file->marks.marks[i].spec, BPF_ANY))
			return -errno;
	}
	file->first_spec = a->specs_n;
	a->specs_n += file->marks.n;
	return 0;
}

static int attach_sites(struct stage_attach *a, const struct mark_file *file, const char *path,
			pid_t pid)
{
	const enum uprobe_kind kind = a->kind == UPROBE_SESSION ? UPROBE_MULTI : a->kind;
	const size_t n = file->marks.n;
	struct uprobe_site *sites = calloc(n ? n : 1, sizeof(*sites));
	int links = -ENOMEM;

	for (size_t i = 0; sites && i < n; i++)
		sites[i] = (struct uprobe_site){
			.offset = file->marks.marks[i].offset,
			.semaphore = file->marks.marks[i].semaphore,
			.cookie = file->first_spec + i,
		};
	if (sites && !array_grow(&a->fds, &a->fds_room, a->fds_n + n + 1, sizeof(*a->fds)))
		links = uprobe_attach(kind, a->prog_fd, path, sites, n, pid, false,
				      a->fds + a->fds_n);
	free(sites);
	if (links < 0)
		return links;
	a->fds_n += (size_t)links;
	a->probes += n;
	return 0;
}

/* A file that is new to the process. */
static int attach_new(struct stage_attach *a, pid_t pid, const struct mark_use *use)
{
	struct mark_file *file = &a->files.files[use->file];
	int err;

	if (file->probed && a->all)
		return 0;
	err = place_specs(a, file);
	if (!err)
		err = attach_sites(a, file, use->open_path, a->all ? 0 : pid);
	file->probed |= !err;
	/* (It may be gone meanwhile.) */
	if (err && err != -ESRCH)
		failed(a, file, strerror(-err));
	return err == -ENOMEM ? err : 0;
}

/* What was found since p had `known` files. */
static int attach_found(struct stage_attach *a, pid_t pid, const struct mark_process *p,
			size_t known)
{
	int err = 0;

	for (size_t i = known; i < p->n && !err; i++)
		err = attach_new(a, pid, &p->uses[i]);
	return err;
}

int stage_attach_maps(struct stage_attach *a, pid_t pid, const struct proc_maps *maps,
		      struct mark_process *p)
{
	const size_t known = p->n;
	int ret = a->kind == UPROBE_NONE ? 0 : mark_find_maps(pid, maps, &a->files, p);

	return ret < 0 ? ret : attach_found(a, pid, p, known);
}

int stage_attach_file(struct stage_attach *a, pid_t pid, const char *path, struct mark_process *p)
{
	const size_t known = p->n;
	int ret = a->kind == UPROBE_NONE ? 0 : mark_find_file(path, &a->files, p);

	return ret < 0 ? ret : attach_found(a, pid, p, known);
}

void stage_attach_close(struct stage_attach *a)
{
	fds_close(a->fds, a->fds_n);
	free(a->fds);
	mark_files_free(&a->files);
	memset(a, 0, sizeof(*a));
}
