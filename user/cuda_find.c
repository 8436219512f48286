// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The files with CUDA calls in a process.
 *
 * Anything may hold a static runtime, so every file with mapped code is looked into: once for all
 * processes, and within bounds, for they are other people's. A process's mappings are asked for every
 * half a second: of those that were there before, only device and inode are compared.
 */
#define _GNU_SOURCE
#include "cuda.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "proc_maps.h"

/* Of all files together; PyTorch's symbol tables are 0.2 GB. */
#define MAX_READ (4ULL << 30)
/* A file counts as this many bytes even if it has no symbols: opening it takes as long. */
#define FILE_BYTES (64ULL << 10)

/* A file in a process. */
struct candidate {
	const char *path;      /* as the process sees it */
	const char *open_path; /* as infbpf opened it */
	bool named;	       /* like a CUDA library */
};

/* --- libraries, and a process's share of them --- */

/* By device and inode. A number is used again when its file is gone, but the probes in a file keep it
 * from going. */
static size_t find_lib(const struct cuda_libs *libs, const struct file_id *id, bool unopened)
{
	size_t i = 0;

	while (i < libs->n && (libs->libs[i].dev != id->dev || libs->libs[i].inode != id->inode ||
			       libs->libs[i].unopened != unopened))
		i++;
	return i;
}

/* Appends lib, which is the list's from then on. */
static int append_lib(struct cuda_libs *libs, const struct candidate *c, const struct file_id *id,
		      struct cuda_lib *lib)
{
	lib->dev = id->dev;
	lib->inode = id->inode;
	lib->path = strdup(c->path);
	if (!lib->path || array_grow(&libs->libs, &libs->room, libs->n + 1, sizeof(*libs->libs))) {
		cuda_lib_free(lib);
		return -ENOMEM;
	}
	libs->libs[libs->n++] = *lib;
	return 0;
}

/* 1: the process did not have it. */
static int add_use(struct cuda_process *p, const struct candidate *c, size_t lib)
{
	struct cuda_use use = { .lib = lib };

	for (size_t i = 0; i < p->n; i++)
		if (p->uses[i].lib == lib)
			return 0;
	use.open_path = strdup(c->open_path);
	if (!use.open_path || array_grow(&p->uses, &p->room, p->n + 1, sizeof(*p->uses))) {
		free(use.open_path);
		return -ENOMEM;
	}
	p->uses[p->n++] = use;
	return 1;
}

/* May this file be looked into? Those with a library's name always. -EAGAIN: at a later look. */
static int may_read(struct cuda_libs *libs, const struct candidate *c)
{
	if (c->named)
		return 1;
	if (libs->read >= MAX_READ) {
		libs->unread++;
		return 0;
	}
	return libs->read_limit && libs->read >= libs->read_limit ? -EAGAIN : 1;
}

/* Looks into an open file (and closes it) that is not known. 1: it is appended. */
static int look_into(const struct candidate *c, const struct file_id *id, int fd,
		     struct cuda_libs *libs)
{
	struct cuda_lib lib = { 0 };
	int ret = may_read(libs, c);

	libs->read += ret == 1 ? FILE_BYTES : 0;
	if (ret == 1)
		ret = cuda_lib_look(&lib, c->path, fd, &libs->read);
	else
		close(fd);
	if (ret < 0)
		return ret;
	if (!ret)
		return file_ids_add(&libs->without, id);
	ret = append_lib(libs, c, id, &lib);
	return ret ? ret : 1;
}

/* An open file (which is closed). 1: new to the process; 0: known to it, or nothing of CUDA in it. */
static int consider(const struct candidate *c, int fd, struct cuda_libs *libs,
		    struct cuda_process *p)
{
	struct file_id id;
	struct stat st;
	size_t lib;
	int ret;

	if (fstat(fd, &st)) {
		ret = -errno;
		close(fd);
		return ret;
	}
	id = file_id_of(&st);
	lib = find_lib(libs, &id, false);
	if (lib < libs->n || (!c->named && file_ids_have(&libs->without, &id))) {
		close(fd);
		return lib < libs->n ? add_use(p, c, lib) : 0;
	}
	ret = look_into(c, &id, fd, libs);
	return ret == 1 ? add_use(p, c, lib) : ret;
}

int cuda_find_file(const char *path, struct cuda_libs *libs, struct cuda_process *p)
{
	const struct candidate c = { path, path, cuda_lib_api(path) >= 0 };
	/* O_NONBLOCK: a FIFO must not hang infbpf. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ret;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return 0;
	}
	ret = consider(&c, fd, libs, p);
	return ret == -EAGAIN ? 0 : ret;
}

/* A library that is there but may not be opened is told of. */
static int add_unopened(struct candidate *c, const struct file_id *id, int err,
			struct cuda_libs *libs, struct cuda_process *p)
{
	struct cuda_lib lib = { .unopened = true };
	size_t known = find_lib(libs, id, true);

	c->open_path = "";
	if (known < libs->n)
		return add_use(p, c, known);
	lib.api = (enum call_api)cuda_lib_api(c->path);
	snprintf(lib.why, sizeof(lib.why), "cannot be opened: %s", strerror(-err));
	err = append_lib(libs, c, id, &lib);
	return err ? err : add_use(p, c, known);
}

static int consider_map(pid_t pid, const struct proc_map *m, struct cuda_libs *libs,
			struct cuda_process *p)
{
	struct candidate c = { .path = m->path, .named = cuda_lib_api(m->path) >= 0 };
	const struct file_id id = { .dev = makedev(m->dev_major, m->dev_minor), .inode = m->inode };
	char open_path[PATH_MAX + 64];
	int fd, ret = 0, err;

	if (!m->inode || file_ids_have(&p->seen, &id))
		return 0;
	fd = proc_maps_open_file(pid, m, open_path, sizeof(open_path));
	/* Gone between reading the maps and now: nothing to probe. */
	if (fd == -ENOENT || fd == -ESRCH)
		return 0;
	c.open_path = open_path;
	if (fd >= 0)
		ret = consider(&c, fd, libs, p);
	else if (c.named)
		ret = add_unopened(&c, &id, fd, libs, p);
	if (ret == -EAGAIN || ret == -ENOMEM)
		return ret;
	/* Also what cannot be read: it will not be any better in half a second. */
	err = file_ids_add(&p->seen, &id);
	return err ? err : ret > 0;
}

int cuda_find_maps(pid_t pid, const struct proc_maps *maps, struct cuda_libs *libs,
		   struct cuda_process *p)
{
	int added = 0, ret = 0;

	/* First what a name tells: looking into all the rest may take a while. */
	for (int named = 1; named >= 0 && ret >= 0; named--) {
		for (size_t i = 0; i < maps->n && ret >= 0; i++) {
			if (!maps->maps[i].exec ||
			    (cuda_lib_api(maps->maps[i].path) >= 0) != (named == 1))
				continue;
			ret = consider_map(pid, &maps->maps[i], libs, p);
			added += ret > 0;
		}
	}
	return ret < 0 && ret != -EAGAIN ? ret : added;
}

int cuda_find_process(pid_t pid, struct cuda_libs *libs, struct cuda_process *p)
{
	struct proc_maps maps;
	int ret = proc_maps_read(pid, &maps);

	if (ret)
		return ret;
	ret = cuda_find_maps(pid, &maps, libs, p);
	proc_maps_free(&maps);
	return ret;
}

void cuda_process_forget(struct cuda_process *p)
{
	file_ids_free(&p->seen);
}

void cuda_process_free(struct cuda_process *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->uses[i].open_path);
	free(p->uses);
	file_ids_free(&p->seen);
	memset(p, 0, sizeof(*p));
}

void cuda_libs_free(struct cuda_libs *libs)
{
	for (size_t i = 0; i < libs->n; i++)
		cuda_lib_free(&libs->libs[i]);
	free(libs->libs);
	file_ids_free(&libs->without);
	memset(libs, 0, sizeof(*libs));
}
