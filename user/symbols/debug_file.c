// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Separate debug files: by build id and by .gnu_debuglink, in the root of the process first, then in
 * the host's. They are opened at the first hit, like the file itself: the process, and its root with
 * it, may be gone when names are asked for.
 */
#define _GNU_SOURCE
#include "private.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include "root_path.h"

#define DEBUG_DIR "/usr/lib/debug"
#define LINK_MAX  4096 /* bytes of a .gnu_debuglink or .gnu_debugaltlink */
/* A checksum takes a second a gigabyte. */
#define CRC_BYTES_MAX (1024ull * 1024 * 1024)

/* .gnu_debuglink: a file name, zeros up to a multiple of four, a CRC32. */
static int read_link(const struct elf_file *elf, char *name, size_t len, uint32_t *crc)
{
	struct elf_extent section;
	size_t n;
	void *data;
	int err;

	err = elf_file_section(elf, ".gnu_debuglink", &section);
	if (!err)
		err = elf_file_extent_read(elf, &section, LINK_MAX, &data);
	if (err)
		return err;
	n = strlen(data);
	/* A name, not a path. */
	if (!n || n >= len || strchr(data, '/') || !strcmp(data, "..") || !strcmp(data, ".") ||
	    (n + 4) / 4 * 4 + sizeof(*crc) > section.size) {
		err = -ENOEXEC;
	} else {
		memcpy(name, data, n + 1);
		memcpy(crc, (char *)data + (n + 4) / 4 * 4, sizeof(*crc));
	}
	free(data);
	return err;
}

static bool has_lines(const struct elf_file *elf)
{
	uint64_t info, all;

	return !elf_file_debug_bytes(elf, &info, &all);
}

/* With a build id: it has to have the same. Without: checked later, by the link's checksum. */
int debug_file_take(const struct debug_want *w, int fd, struct debug_file *out)
{
	char id[BUILD_ID_MAX];
	struct elf_file *elf;
	int err = elf_file_open_fd(&elf, fd);

	if (err)
		return err;
	if (!elf_file_same_code(elf, w->elf) ||
	    (w->build_id[0] &&
	     (elf_file_build_id(elf, id, sizeof(id)) || strcmp(id, w->build_id) != 0)) ||
	    !((w->symbols && elf_file_has_section(elf, SHT_SYMTAB)) ||
	      (w->lines && has_lines(elf)))) {
		elf_file_close(elf);
		return -ENOENT;
	}
	*out = (struct debug_file){ .elf = elf };
	return 0;
}

static int try_path(const struct debug_want *w, int root, const char *path, struct debug_file *out)
{
	struct stat st;
	int fd = root_path_open(root, path, 0, &st);
	int err = fd < 0 ? fd : debug_file_take(w, fd, out);

	if (!err)
		out->path = strdup(path);
	return err;
}

static int find_by_build_id(const struct debug_want *w, int root, struct debug_file *out)
{
	char path[sizeof(DEBUG_DIR) + BUILD_ID_MAX + 32];

	if (strlen(w->build_id) < 4)
		return -ENOENT;
	snprintf(path, sizeof(path), DEBUG_DIR "/.build-id/%.2s/%s.debug", w->build_id,
		 w->build_id + 2);
	return try_path(w, root, path, out);
}

static int find_by_link(const struct debug_want *w, int root, struct debug_file *out)
{
	static const struct {
		const char *before, *after;
	} places[] = { { "", "/" }, { "", "/.debug/" }, { DEBUG_DIR, "/" } };
	const char *slash = strrchr(w->path, '/');
	char name[NAME_MAX + 1], path[PATH_MAX];
	uint32_t crc = 0;
	int n, err;

	if (!slash || read_link(w->elf, name, sizeof(name), &crc))
		return -ENOENT;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		n = snprintf(path, sizeof(path), "%s%.*s%s%s", places[i].before,
			     (int)(slash - w->path), w->path, places[i].after, name);
		if (n < 0 || (size_t)n >= sizeof(path))
			continue;
		err = try_path(w, root, path, out);
		if (err)
			continue;
		out->crc_wanted = !w->build_id[0];
		out->crc = crc;
		return 0;
	}
	return -ENOENT;
}

int debug_file_find(const struct debug_want *w, struct debug_file *out)
{
	pid_t roots[] = { w->pid, 0 };
	int err = -ENOENT;

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]) && err; i++) {
		int root = root_path_root(roots[i]);

		if (root < 0)
			continue;
		err = find_by_build_id(w, root, out);
		if (err)
			err = find_by_link(w, root, out);
		close(root);
	}
	return err;
}

bool debug_file_verify(struct debug_file *d)
{
	int fd = elf_file_fd(d->elf);
	uint32_t crc = crc32(0, NULL, 0);
	unsigned char buf[65536];
	uint64_t at = 0;
	ssize_t n;

	if (!d->crc_wanted)
		return true;
	d->crc_wanted = false;
	while ((n = pread(fd, buf, sizeof(buf), (off_t)at)) > 0 && at < CRC_BYTES_MAX) {
		crc = crc32(crc, buf, n);
		at += n;
	}
	return !n && crc == d->crc;
}

void debug_file_close(struct debug_file *d)
{
	elf_file_close(d->elf);
	free(d->path);
	memset(d, 0, sizeof(*d));
}

int debug_file_open_alt(pid_t pid, const char *path, const struct elf_file *elf)
{
	pid_t roots[] = { pid, 0 };
	const char *slash = strrchr(path, '/');
	char full[PATH_MAX];
	struct elf_extent section;
	int n, fd = -ENOENT;
	struct stat st;
	void *data;

	if (elf_file_section(elf, ".gnu_debugaltlink", &section) ||
	    elf_file_extent_read(elf, &section, LINK_MAX, &data))
		return -ENOENT;
	/* A path, seen from the debug file's folder, and the other file's build id. */
	n = snprintf(full, sizeof(full), "%.*s%s%s",
		     *(char *)data == '/' || !slash ? 0 : (int)(slash - path), path,
		     *(char *)data == '/' ? "" : "/", (char *)data);
	free(data);
	if (n < 0 || (size_t)n >= sizeof(full))
		return -ENAMETOOLONG;
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]) && fd < 0; i++) {
		int root = root_path_root(roots[i]);

		if (root < 0)
			continue;
		fd = root_path_open(root, full, 0, &st);
		close(root);
	}
	return fd;
}
