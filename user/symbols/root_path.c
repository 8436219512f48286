// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Paths inside a process's root. Its links may point anywhere, and its owner may change them at any
 * time: only the kernel can keep the way inside the root while it walks (openat2, Linux 5.6).
 */
#define _GNU_SOURCE
#include "root_path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int root_path_root(pid_t pid)
{
	char path[64] = "/";
	int fd;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/root", pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int root_path_open(int root, const char *path, unsigned int flags, struct stat *st)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | (flags & ROOT_PATH_NO_LINK ? O_NOFOLLOW : 0),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	char self[64];
	int at, fd;

	at = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	if (at < 0)
		return -errno;
	/* Looked at first: opening a device has side effects, opening a FIFO waits. */
	if (fstat(at, st)) {
		fd = -errno;
	} else if (!S_ISREG(st->st_mode)) {
		fd = -EINVAL;
	} else {
		snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
		fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd < 0)
			fd = -errno;
	}
	close(at);
	return fd;
}
