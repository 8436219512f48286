// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* /proc/PID/maps, parsed, and the files behind its lines. */
#define _GNU_SOURCE
#include "proc_maps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

static const char deleted_suffix[] = " (deleted)";

/* The kernel writes a newline in a path as \012 (and nothing else so). */
static void unescape_newlines(char *path)
{
	char *out = path;

	for (const char *in = path; *in; out++) {
		if (!strncmp(in, "\\012", 4)) {
			*out = '\n';
			in += 4;
		} else {
			*out = *in++;
		}
	}
	*out = '\0';
}

/* One line: "start-end perms offset major:minor inode   path". 0 or a negative errno. */
static int parse_line(char *line, struct proc_map *m)
{
	char perms[5];
	int path_at = 0;
	size_t len;

	memset(m, 0, sizeof(*m));
	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n", &m->start,
		   &m->end, perms, &m->offset, &m->dev_major, &m->dev_minor, &m->inode,
		   &path_at) < 7 ||
	    !path_at || m->end < m->start)
		return -EINVAL;
	m->exec = perms[2] == 'x';
	m->path = strdup(line + path_at);
	if (!m->path)
		return -ENOMEM;
	len = strlen(m->path);
	if (len > sizeof(deleted_suffix) - 1 &&
	    !strcmp(m->path + len - (sizeof(deleted_suffix) - 1), deleted_suffix)) {
		m->path[len - (sizeof(deleted_suffix) - 1)] = '\0';
		m->deleted = true;
	}
	unescape_newlines(m->path);
	return 0;
}

static int append(struct proc_maps *out, size_t *room, const struct proc_map *m)
{
	if (out->n == *room) {
		size_t more = *room ? *room * 2 : 64;
		struct proc_map *grown = reallocarray(out->maps, more, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		out->maps = grown;
		*room = more;
	}
	out->maps[out->n++] = *m;
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct proc_map *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

int proc_maps_read_file(const char *path, struct proc_maps *out)
{
	size_t room = 0, line_room = 0;
	struct proc_map m;
	char *line = NULL;
	FILE *f;
	int err = 0;

	memset(out, 0, sizeof(*out));
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	for (;;) {
		/* getline() tells an error from the end only by errno. */
		errno = 0;
		if (getline(&line, &line_room, f) < 0) {
			err = ferror(f) || errno == ENOMEM ? -(errno ? errno : EIO) : 0;
			break;
		}
		err = parse_line(line, &m);
		if (err)
			break;
		err = append(out, &room, &m);
		if (err) {
			free(m.path);
			break;
		}
	}
	free(line);
	fclose(f);
	if (err) {
		proc_maps_free(out);
		return err;
	}
	/* The kernel's order, but a list read in several pieces while mappings move may not be. */
	if (out->n)
		qsort(out->maps, out->n, sizeof(*out->maps), by_start);
	return 0;
}

/* A process whose main thread has ended (pthread_exit) lives on, with empty maps under its own
 * number: its other threads show them. */
static void read_other_thread(pid_t pid, struct proc_maps *out)
{
	char path[64 + sizeof(((struct dirent *)0)->d_name)];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return;
	while (!out->n && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || atoi(entry->d_name) == pid)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/maps", pid, entry->d_name);
		proc_maps_read_file(path, out);
	}
	closedir(dir);
}

int proc_maps_read(pid_t pid, struct proc_maps *out)
{
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	err = proc_maps_read_file(path, out);
	if (!err && !out->n)
		read_other_thread(pid, out);
	return err;
}

void proc_maps_free(struct proc_maps *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->maps[i].path);
	free(m->maps);
	memset(m, 0, sizeof(*m));
}

const struct proc_map *proc_maps_find(const struct proc_maps *m, uint64_t addr)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->maps[mid].start <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && addr < m->maps[lo - 1].end ? &m->maps[lo - 1] : NULL;
}

/* Does the open file have the mapping's inode? On overlayfs and btrfs stat() reports another device,
 * on overlayfs at times another inode, than /proc/PID/maps does. There the inode number has to do,
 * and a file opened by its address in map_files is believed. */
static bool same_file(int fd, const struct stat *st, const struct proc_map *m, bool by_address)
{
	struct statfs fs;

	if (st->st_ino == m->inode && major(st->st_dev) == m->dev_major &&
	    minor(st->st_dev) == m->dev_minor)
		return true;
	if (fstatfs(fd, &fs) ||
	    (fs.f_type != OVERLAYFS_SUPER_MAGIC && fs.f_type != BTRFS_SUPER_MAGIC))
		return false;
	return by_address || st->st_ino == m->inode;
}

/* Opens a regular file, never a device or a FIFO: opening those has side effects, so the path is
 * looked at through O_PATH first. */
static int open_regular(const char *path, const struct proc_map *m, bool by_address)
{
	char self[64];
	struct stat st;
	int at, fd;

	at = open(path, O_PATH | O_CLOEXEC);
	if (at < 0)
		return -errno;
	if (fstat(at, &st)) {
		fd = -errno;
	} else if (!S_ISREG(st.st_mode)) {
		fd = -EINVAL;
	} else if (!same_file(at, &st, m, by_address)) {
		fd = -ESTALE;
	} else {
		snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
		fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			fd = -errno;
	}
	close(at);
	return fd;
}

int proc_maps_open_file(pid_t pid, const struct proc_map *m, char *buf, size_t len)
{
	/* Of several failures the one that says most: the path names another file. */
	int fd, err = -ENOENT;

	if (!m->inode || !m->path[0] || m->path[0] == '[')
		return -ENOENT;

	for (int way = 0; way < 4; way++) {
		int n = 0;

		switch (way) {
		case 0:
			n = snprintf(buf, len, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid,
				     m->start, m->end);
			break;
		case 1:
			n = snprintf(buf, len, "/proc/%d/root%s", pid, m->path);
			break;
		case 2:
			n = snprintf(buf, len, "%s", m->path);
			break;
		case 3: /* a deleted program, without the right to use map_files */
			n = snprintf(buf, len, "/proc/%d/exe", pid);
			break;
		}
		if (n < 0 || (size_t)n >= len) {
			err = err == -ENOENT ? -ENAMETOOLONG : err;
			continue;
		}
		fd = open_regular(buf, m, way == 0);
		if (fd >= 0)
			return fd;
		/* That /proc/PID/exe is another file says nothing. */
		if (way < 3 && err != -ESTALE && (fd == -ESTALE || err == -ENOENT))
			err = fd;
	}
	return err;
}
