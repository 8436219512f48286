// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include "stage_function.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include "clock.h"
#include "fds.h"
#include "infbpf.h"
#include "proc_maps.h"
#include "profile.h"
#include "stage_match.h"
#include "symbols/root_path.h"

/* One link for them all; each is some 100 bytes in the kernel. */
#define LIMIT_MULTI 4096
/* A descriptor each, and 60 to 110 ms each to be taken away. */
#define LIMIT_PERF 64

size_t function_attach_limit(enum uprobe_kind kind)
{
	return kind == UPROBE_PERF ? LIMIT_PERF : LIMIT_MULTI;
}

int function_attach_open(struct function_attach *a)
{
	a->findings = calloc(a->options->n + 1, sizeof(*a->findings));
	return a->findings ? 0 : -ENOMEM;
}

/* --- names and jumps, numbered for the kernel side --- */

static bool name_equal(const void *array, uint32_t position, const void *key)
{
	const char(*names)[STAGE_NAME_BYTES + 1] = array;

	return !strcmp(names[position], key);
}

/* -ENOSPC: there is no room for more. */
static int name_number(struct function_attach *a, const char *name, uint32_t *number)
{
	const uint64_t hash = hash_bytes(name, strlen(name));
	struct function_name value = { 0 };
	int err;

	*number = hash_index_find(&a->names_index, hash, name_equal, a->names, name);
	if (*number != HASH_INDEX_NONE)
		return 0;
	if (a->names_n == FUNCTION_NAMES)
		return -ENOSPC;
	*number = (uint32_t)a->names_n;
	snprintf(value.name.name, sizeof(value.name.name), "%s", name);
	if (bpf_map_update_elem(a->names_fd, number, &value, BPF_ANY))
		return -ENOSPC;
	err = array_grow(&a->names, &a->names_room, a->names_n + 1, sizeof(*a->names));
	if (!err)
		err = hash_index_add(&a->names_index, hash, *number);
	if (err)
		return err;
	snprintf(a->names[a->names_n++], sizeof(*a->names), "%s", name);
	return 0;
}

static int jump_number(struct function_attach *a, const struct function_jump *jump,
		       uint32_t *number)
{
	*number = (uint32_t)a->jumps_n;
	if (a->jumps_n == FUNCTION_JUMPS || bpf_map_update_elem(a->jumps_fd, number, jump, BPF_ANY))
		return -ENOSPC;
	a->jumps_n++;
	return 0;
}

static int make_cookie(struct function_attach *a, const struct stage_code_site *s, uint32_t name,
		       uint64_t *cookie)
{
	uint32_t jump = 0;
	int err = s->kind == SITE_JUMP_TO ? jump_number(a, &s->jump, &jump) : 0;

	*cookie = name | (uint64_t)s->kind << 16 | (uint64_t)s->cc << 19 |
		  (uint64_t)s->delta << 23 | (uint64_t)jump << 39 |
		  (s->costly ? FUNCTION_COSTLY : 0);
	return err;
}

/* --- files --- */

static void file_free(struct function_file *f)
{
	free(f->wanted);
	free(f->sites);
	stage_functions_free(&f->found);
}

/* Exits first: a call that begins while probes are being attached is then seen by its end only, which is
 * ignored; the other way round it would look like one that never ended. */
static int plan_sites(struct function_attach *a, struct function_file *f)
{
	uint32_t name;
	int err;

	f->sites = calloc(f->found.sites_n, sizeof(*f->sites));
	if (!f->sites)
		return -ENOMEM;
	for (int entries = 0; entries < 2; entries++) {
		for (size_t i = 0; i < f->found.n; i++) {
			const struct stage_function *fn = &f->found.functions[i];

			err = name_number(a, fn->name, &name);
			for (size_t k = fn->site + !entries;
			     k < fn->site + (entries ? 1 : fn->sites_n) && !err; k++) {
				struct uprobe_site *site = &f->sites[f->sites_n];

				site->offset = f->found.sites[k].offset;
				err = make_cookie(a, &f->found.sites[k].code, name, &site->cookie);
				f->sites_n++;
			}
			if (err)
				return err;
		}
	}
	return 0;
}

static int look_into(struct function_attach *a, int fd, const struct function_file *id)
{
	struct function_file f = *id;
	int err = array_grow(&a->files, &a->files_room, a->files_n + 1, sizeof(*a->files));

	if (err) {
		close(fd);
		return err;
	}
	f.wanted = malloc(a->options->n);
	if (!f.wanted) {
		close(fd);
		return -ENOMEM;
	}
	memcpy(f.wanted, id->wanted, a->options->n);
	err = stage_find(fd, a->options, f.wanted, function_attach_limit(a->kind), &f.found,
			 a->findings);
	if (!err && f.found.sites_n)
		err = plan_sites(a, &f);
	if (err == -ENOMEM) {
		file_free(&f);
		return err;
	}
	if (err == -ENOSPC) {
		snprintf(a->failed, sizeof(a->failed), "too many functions altogether");
		f.sites_n = 0;
	}
	a->files[a->files_n++] = f;
	return 0;
}

/* An open file, which it closes: its index. -ENOMEM. */
static int file_get(struct function_attach *a, int fd, uint8_t *wanted)
{
	struct function_file id = { .wanted = wanted };
	struct stat st;
	int err;

	if (fstat(fd, &st)) {
		err = -errno;
		close(fd);
		return err;
	}
	id.id = file_id_of(&st);
	for (size_t i = 0; i < a->files_n; i++) {
		if (!memcmp(&a->files[i].id, &id.id, sizeof(id.id)) &&
		    !memcmp(a->files[i].wanted, wanted, a->options->n)) {
			close(fd);
			return (int)i;
		}
	}
	err = look_into(a, fd, &id);
	return err ? err : (int)a->files_n - 1;
}

/* --- attaching --- */

static int attach_sites(struct function_attach *a, const char *path,
			const struct uprobe_site *sites, size_t n, pid_t pid)
{
	const enum uprobe_kind kind = a->kind == UPROBE_SESSION ? UPROBE_MULTI : a->kind;
	int links = array_grow(&a->fds, &a->fds_room, a->fds_n + n, sizeof(*a->fds));

	if (!links)
		links = uprobe_attach(kind, a->prog_fd, path, sites, n, pid, false,
				      a->fds + a->fds_n);
	if (links < 0)
		return links;
	a->fds_n += (size_t)links;
	return 0;
}

/* The kernel refuses all of a link for one instruction that it will not probe: each function by itself. */
static int attach_each(struct function_attach *a, struct function_file *f, const char *path,
		       pid_t pid)
{
	const size_t exits = f->sites_n - f->found.n;
	size_t exit_at = 0;
	int err, any = 0;

	for (size_t i = 0; i < f->found.n; i++) {
		const struct stage_function *fn = &f->found.functions[i];
		const size_t before = a->fds_n, n = fn->sites_n - 1;

		err = attach_sites(a, path, f->sites + exit_at, n, pid);
		if (!err)
			err = attach_sites(a, path, f->sites + exits + i, 1, pid);
		exit_at += n;
		if (err == -ENOMEM || err == -ESRCH)
			return err;
		if (!err) {
			any++;
			continue;
		}
		fds_close(a->fds + before, a->fds_n - before);
		a->fds_n = before;
		if (!a->failed[0])
			snprintf(a->failed, sizeof(a->failed), "%s: %s", fn->name, strerror(-err));
	}
	return any;
}

static void count_probes(struct function_attach *a, const struct function_file *f)
{
	a->functions += f->found.n;
	a->probes += f->sites_n;
	for (size_t i = 0; i < f->sites_n; i++)
		a->costly += !!(f->sites[i].cookie & FUNCTION_COSTLY);
}

/* Probes a file for one process or (pid 0) all. Only -ENOMEM is an error. */
static int attach_file(struct function_attach *a, uint32_t index, const char *path, pid_t pid)
{
	struct function_file *f = &a->files[index];
	int err;

	if (!f->sites_n || (a->all && f->probed))
		return 0;
	err = attach_sites(a, path, f->sites, f->sites_n, pid);
	if (err && err != -ENOMEM && err != -ESRCH)
		err = attach_each(a, f, path, pid);
	if (err < 0)
		return err == -ENOMEM ? err : 0;
	if (!f->probed)
		count_probes(a, f);
	f->probed = true;
	return 0;
}

/* --- processes --- */

/* What a path of the command line names in the process's root. */
struct named {
	bool there;
	uint64_t dev, inode;
};

static void resolve(const struct stage_option *o, int root, struct named *out)
{
	struct stat st;
	int fd;

	*out = (struct named){ 0 };
	if (o->path[0] != '/' || o->path_glob || root < 0)
		return;
	fd = root_path_open(root, o->path, 0, &st);
	if (fd < 0)
		return;
	close(fd);
	*out = (struct named){ true, st.st_dev, st.st_ino };
}

/* By its path, or by what the path's links lead to. (On overlayfs the device may differ; the inode's number
 * and the file's name then have to do.) */
static bool is_meant(const struct stage_option *o, const struct named *named,
		     const struct proc_map *m)
{
	const char *slash;

	if (stage_match_path(o, m->path))
		return true;
	if (!named->there || m->inode != named->inode)
		return false;
	slash = strrchr(m->path, '/');
	return makedev(m->dev_major, m->dev_minor) == named->dev ||
	       (slash && strrchr(o->path, '/') && !strncmp(slash, strrchr(o->path, '/'), 5));
}

static int add_file(struct function_attach *a, pid_t pid, struct function_process *p, int fd,
		    const char *path, uint8_t *wanted)
{
	int index = file_get(a, fd, wanted), err;

	if (index < 0)
		return index == -ENOMEM ? index : 0;
	for (size_t i = 0; i < p->n; i++)
		if (p->files[i] == (uint32_t)index)
			return 0;
	err = array_grow(&p->files, &p->room, p->n + 1, sizeof(*p->files));
	if (err)
		return err;
	p->files[p->n++] = (uint32_t)index;
	return attach_file(a, (uint32_t)index, path, a->all ? 0 : pid);
}

static int consider(struct function_attach *a, pid_t pid, struct function_process *p,
		    const struct proc_map *m, uint8_t *wanted)
{
	const struct file_id id = { .dev = makedev(m->dev_major, m->dev_minor), .inode = m->inode };
	char path[PATH_MAX + 64];
	int fd, err;

	if (file_ids_have(&p->seen, &id))
		return 0;
	fd = proc_maps_open_file(pid, m, path, sizeof(path));
	/* Gone between reading the maps and now. */
	if (fd == -ENOENT || fd == -ESRCH)
		return 0;
	err = file_ids_add(&p->seen, &id);
	if (err && fd >= 0)
		close(fd);
	return err || fd < 0 ? err : add_file(a, pid, p, fd, path, wanted);
}

static int look(struct function_attach *a, pid_t pid, const struct proc_maps *maps,
		struct function_process *p, const struct named *named, uint8_t *wanted)
{
	int err = 0;

	for (size_t k = 0; k < maps->n && !err; k++) {
		const struct proc_map *m = &maps->maps[k];
		bool any = false;

		if (!m->exec || !m->inode)
			continue;
		for (size_t i = 0; i < a->options->n; i++) {
			wanted[i] = is_meant(&a->options->options[i], &named[i], m);
			any |= wanted[i];
		}
		if (any)
			err = consider(a, pid, p, m, wanted);
	}
	return err;
}

int function_attach_maps(struct function_attach *a, pid_t pid, const struct proc_maps *maps,
			 struct function_process *p)
{
	const size_t n = a->options->n;
	struct named *named = calloc(n, sizeof(*named));
	uint8_t *wanted = malloc(n);
	int root = root_path_root(pid), err = -ENOMEM;

	if (named && wanted) {
		for (size_t i = 0; i < n; i++)
			resolve(&a->options->options[i], root, &named[i]);
		err = look(a, pid, maps, p, named, wanted);
	}
	if (root >= 0)
		close(root);
	free(named);
	free(wanted);
	return err;
}

int function_attach_file(struct function_attach *a, pid_t pid, const char *path,
			 struct function_process *p)
{
	uint8_t *wanted = malloc(a->options->n);
	char real[PATH_MAX];
	bool any = false;
	int fd, err = 0;

	if (!wanted)
		return -ENOMEM;
	/* As its mapping will be called. */
	if (!realpath(path, real))
		goto out;
	for (size_t i = 0; i < a->options->n; i++) {
		wanted[i] = stage_match_path(&a->options->options[i], real) ||
			    !strcmp(a->options->options[i].path, path);
		any |= wanted[i];
	}
	/* O_NONBLOCK: a FIFO must not hang infbpf. */
	fd = any ? open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	if (fd >= 0)
		err = add_file(a, pid, p, fd, real, wanted);
out:
	free(wanted);
	return err;
}

void function_process_forget(struct function_process *p)
{
	/* (Its probes stay: they are the process's, not the program's.) */
	file_ids_free(&p->seen);
}

void function_process_free(struct function_process *p)
{
	file_ids_free(&p->seen);
	free(p->files);
	memset(p, 0, sizeof(*p));
}

void function_attach_close(struct function_attach *a)
{
	fds_close(a->fds, a->fds_n);
	free(a->fds);
	for (size_t i = 0; i < a->files_n; i++)
		file_free(&a->files[i]);
	free(a->files);
	free(a->findings);
	free(a->names);
	hash_index_free(&a->names_index);
	memset(a, 0, sizeof(*a));
}
