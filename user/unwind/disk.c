// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The cache on disk: one file a build id, with the functions that were compiled and the index that
 * was built. Used only where none but root and the user can write; read as if anyone could.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "disk.h"

#define DIR_BYTES_MAX (256LL * 1024 * 1024)
#define DIR_FILES_MAX 65536
#define SUFFIX	      ".unwind"
#define TMP_SUFFIX    ".unwind-tmp"
#define TMP_SECONDS   3600 /* older ones were left by a crash */

/* Could somebody else have written it? */
static bool is_ours(const struct stat *st)
{
	return (st->st_uid == geteuid() || st->st_uid == 0) && !(st->st_mode & 022);
}

int disk_open(struct unwind *u, const char *dir)
{
	struct stat st;

	u->cache_fd = -1;
	if (!dir)
		return 0;
	if (mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	u->cache_fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (u->cache_fd < 0)
		return -errno;
	if (!fstat(u->cache_fd, &st) && is_ours(&st))
		return 0;
	close(u->cache_fd);
	u->cache_fd = -1;
	return -EACCES;
}

static bool use_disk(const struct unwind_file *f)
{
	return f->u->cache_fd >= 0 && f->has_build_id;
}

/* --- reading --- */
static int read_whole(int fd, uint8_t *buf, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t got = pread(fd, buf + at, n - at, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -EIO;
		at += (size_t)got;
	}
	return 0;
}

void disk_load(struct unwind_file *f)
{
	char name[KEY_LEN + sizeof(SUFFIX)];
	uint8_t *image = NULL;
	struct stat st;
	int fd;

	if (!use_disk(f))
		return;
	snprintf(name, sizeof(name), "%s" SUFFIX, f->key);
	/* O_NONBLOCK: not to hang on a FIFO. */
	fd = openat(f->u->cache_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && is_ours(&st) &&
	    (uint64_t)st.st_size <= f->u->max_bytes / 4)
		image = malloc((size_t)st.st_size + 1);
	if (image && !read_whole(fd, image, (size_t)st.st_size))
		image_load(f, image, (size_t)st.st_size);
	free(image);
	close(fd);
}

/* --- writing --- */
static int write_whole(int fd, const uint8_t *buf, size_t n)
{
	while (n) {
		ssize_t put = write(fd, buf, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return -EIO;
		buf += put;
		n -= (size_t)put;
	}
	return 0;
}

void disk_save(struct unwind_file *f)
{
	char name[KEY_LEN + sizeof(SUFFIX)], tmp[KEY_LEN + 16 + sizeof(TMP_SUFFIX)];
	uint8_t *image = NULL;
	size_t n = 0;
	int fd, err;

	if (!use_disk(f) || !f->dirty || image_make(f, &image, &n))
		return;
	snprintf(name, sizeof(name), "%s" SUFFIX, f->key);
	snprintf(tmp, sizeof(tmp), "%s-%d" TMP_SUFFIX, f->key, getpid());
	fd = n > f->u->max_bytes / 4
		     ? -1
		     : openat(f->u->cache_fd, tmp,
			      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0) {
		err = write_whole(fd, image, n);
		if (close(fd) || err || renameat(f->u->cache_fd, tmp, f->u->cache_fd, name))
			unlinkat(f->u->cache_fd, tmp, 0);
	}
	free(image);
}

/* --- not more than so much --- */
struct cached {
	char name[KEY_LEN + 32];
	long long bytes;
	time_t time;
};

static int oldest_first(const void *a, const void *b)
{
	const struct cached *x = a, *y = b;

	return x->time < y->time ? -1 : x->time > y->time;
}

static bool ends_in(const char *s, const char *end)
{
	const size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

static size_t list(DIR *d, struct cached **files, long long *total)
{
	size_t n = 0, cap = 0;
	struct dirent *e;
	struct stat st;

	while ((e = readdir(d)) && n < DIR_FILES_MAX) {
		const bool is_tmp = ends_in(e->d_name, TMP_SUFFIX);

		if ((!is_tmp && !ends_in(e->d_name, SUFFIX)) ||
		    strlen(e->d_name) >= sizeof((*files)->name) ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (is_tmp) {
			if (time(NULL) - st.st_mtime > TMP_SECONDS)
				unlinkat(dirfd(d), e->d_name, 0);
			continue;
		}
		if (array_grow(files, &cap, n + 1, sizeof(**files)))
			break;
		strcpy((*files)[n].name, e->d_name);
		(*files)[n].bytes = st.st_size;
		(*files)[n++].time = st.st_mtime;
		*total += st.st_size;
	}
	return n;
}

void disk_close(struct unwind *u)
{
	struct cached *files = NULL;
	long long total = 0;
	size_t n;
	DIR *d;

	if (u->cache_fd < 0)
		return;
	d = fdopendir(u->cache_fd);
	if (!d) {
		close(u->cache_fd);
		return;
	}
	n = list(d, &files, &total);
	if (n && total > DIR_BYTES_MAX) {
		qsort(files, n, sizeof(*files), oldest_first);
		for (size_t i = 0; i < n && total > DIR_BYTES_MAX; i++) {
			unlinkat(dirfd(d), files[i].name, 0);
			total -= files[i].bytes;
		}
	}
	free(files);
	closedir(d);
}
