// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The files with marks in a process: each is looked into once, however many processes map it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>
#include "marks.h"
#include "proc_maps.h"
#include "symbols/elf.h"

#define PAGE	  4096UL
#define TOUCH_MAX 1024 /* pages of a file: what one call reads */

static size_t find_file(const struct mark_files *files, const struct file_id *id)
{
	size_t i = 0;

	while (i < files->n && memcmp(&files->files[i].id, id, sizeof(*id)))
		i++;
	return i;
}

/* 1: the process did not have it. */
static int add_use(struct mark_process *p, size_t file, const char *open_path)
{
	struct mark_use use = { .file = file };

	for (size_t i = 0; i < p->n; i++)
		if (p->uses[i].file == file)
			return 0;
	use.open_path = strdup(open_path);
	if (!use.open_path || array_grow(&p->uses, &p->room, p->n + 1, sizeof(*p->uses))) {
		free(use.open_path);
		return -ENOMEM;
	}
	p->uses[p->n++] = use;
	return 1;
}

/* Takes the marks over. */
static int add_file(struct mark_files *files, const struct file_id *id, const char *path,
		    struct usdt_marks *marks)
{
	struct mark_file file = { .id = *id, .first_spec = ~0U, .marks = *marks };

	file.path = strdup(path);
	if (!file.path ||
	    array_grow(&files->files, &files->room, files->n + 1, sizeof(*files->files))) {
		free(file.path);
		usdt_marks_free(marks);
		return -ENOMEM;
	}
	files->files[files->n++] = file;
	return 0;
}

/* Looks into an open file, which it closes. 1: it is new and has marks. */
static int look_into(struct mark_files *files, const struct file_id *id, const char *path, int fd)
{
	struct usdt_marks marks = { 0 };
	struct elf_file *elf;
	int err = elf_file_open_fd(&elf, fd);

	if (!err) {
		err = usdt_marks_read(elf, &marks);
		elf_file_close(elf);
	}
	if (err == -ENOMEM)
		return err;
	if (err || (!marks.n && !marks.why[0])) {
		usdt_marks_free(&marks);
		return file_ids_add(&files->without, id);
	}
	err = add_file(files, id, path, &marks);
	return err ? err : 1;
}

/* An open file (which is closed). 1: new to the process. */
static int consider(struct mark_files *files, struct mark_process *p, const char *path,
		    const char *open_path, int fd)
{
	struct file_id id;
	struct stat st;
	size_t file;
	int ret;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return 0;
	}
	id = file_id_of(&st);
	file = find_file(files, &id);
	if (file < files->n || file_ids_have(&files->without, &id)) {
		close(fd);
		return file < files->n ? add_use(p, file, open_path) : 0;
	}
	ret = look_into(files, &id, path, fd);
	return ret == 1 ? add_use(p, file, open_path) : ret;
}

/*
 * The kernel side reads names where the process has them, and faults no page in: of a name that the
 * program only ever hands on, nobody may have touched the page. Reading the file's data here, by way of
 * the process, maps it.
 */
static void touch(pid_t pid, const struct proc_maps *maps, const struct proc_map *file)
{
	struct iovec *remote = calloc(TOUCH_MAX, sizeof(*remote));
	char *bytes = malloc(TOUCH_MAX);
	struct iovec local = { .iov_base = bytes };
	size_t n = 0;

	for (size_t i = 0; remote && bytes && i < maps->n; i++) {
		const struct proc_map *m = &maps->maps[i];

		if (m->exec || m->inode != file->inode || m->dev_major != file->dev_major ||
		    m->dev_minor != file->dev_minor)
			continue;
		for (uint64_t at = m->start; at < m->end && n < TOUCH_MAX; at += PAGE)
			remote[n++] = (struct iovec){ (void *)at, 1 };
	}
	local.iov_len = n;
	/* Ends at what cannot be read; it is only to help. */
	if (n && process_vm_readv(pid, &local, 1, remote, n, 0) < 0)
		n = 0;
	free(remote);
	free(bytes);
}

static int consider_map(pid_t pid, const struct proc_maps *maps, const struct proc_map *m,
			struct mark_files *files, struct mark_process *p)
{
	const struct file_id id = { .dev = makedev(m->dev_major, m->dev_minor), .inode = m->inode };
	char open_path[PATH_MAX + 64];
	int fd, ret = 0, err;

	if (!m->inode || file_ids_have(&p->seen, &id))
		return 0;
	fd = proc_maps_open_file(pid, m, open_path, sizeof(open_path));
	if (fd == -ENOENT || fd == -ESRCH)
		return 0;
	if (fd >= 0)
		ret = consider(files, p, m->path, open_path, fd);
	if (ret == -ENOMEM)
		return ret;
	err = file_ids_add(&p->seen, &id);
	if (err)
		return err;
	/* Also where it was known before it was mapped: the command's. */
	for (size_t i = 0; fd >= 0 && i < p->n; i++)
		if (files->files[p->uses[i].file].id.inode == m->inode)
			touch(pid, maps, m);
	return ret > 0;
}

int mark_find_maps(pid_t pid, const struct proc_maps *maps, struct mark_files *files,
		   struct mark_process *p)
{
	int added = 0, ret = 0;

	for (size_t i = 0; i < maps->n && ret >= 0; i++) {
		if (!maps->maps[i].exec)
			continue;
		ret = consider_map(pid, maps, &maps->maps[i], files, p);
		added += ret > 0;
	}
	return ret < 0 ? ret : added;
}

int mark_find_file(const char *path, struct mark_files *files, struct mark_process *p)
{
	/* O_NONBLOCK: a FIFO must not hang infbpf. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? 0 : consider(files, p, path, path, fd);
}

void mark_process_forget(struct mark_process *p)
{
	file_ids_free(&p->seen);
}

void mark_process_free(struct mark_process *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->uses[i].open_path);
	free(p->uses);
	file_ids_free(&p->seen);
	memset(p, 0, sizeof(*p));
}

void mark_files_free(struct mark_files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		free(files->files[i].path);
		usdt_marks_free(&files->files[i].marks);
	}
	free(files->files);
	file_ids_free(&files->without);
	memset(files, 0, sizeof(*files));
}
