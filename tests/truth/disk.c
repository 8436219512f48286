/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reads count blocks of a file past the page cache (O_DIRECT): every read waits for the device. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "truth.h"

#define FILE_BYTES (32l << 20)
#define BLOCK	   (256l << 10)

static int open_file(const char *path, char *block)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		truth_die(path);
	memset(block, 'x', BLOCK);
	for (long at = st.st_size; at < FILE_BYTES; at += BLOCK)
		if (pwrite(fd, block, BLOCK, at) != BLOCK)
			truth_die(path);
	if (fsync(fd) != 0)
		truth_die(path);
	close(fd);
	fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0 && errno == EINVAL)
		truth_skip("no O_DIRECT on this file system");
	if (fd < 0)
		truth_die(path);
	return fd;
}

int main(int argc, char **argv)
{
	uint64_t begin, setup_ns, read_ns = 0;
	long count, done = 0;
	void *block;
	int fd;

	truth_init("disk", argc, argv);
	count = truth_arg("count", 500);
	if (posix_memalign(&block, 4096, BLOCK) != 0)
		truth_die("posix_memalign");
	begin = truth_now_ns();
	fd = open_file(truth_arg_text("file", "disk.dat"), block);
	setup_ns = truth_now_ns() - begin;
	truth_ready();
	while (!truth_stopped() && (!count || done < count)) {
		begin = truth_now_ns();
		if (pread(fd, block, BLOCK, done * BLOCK % FILE_BYTES) != BLOCK)
			truth_die("pread");
		read_ns += truth_now_ns() - begin;
		done++;
	}
	truth_number("reads", (uint64_t)done);
	truth_number("setup_ns", setup_ns);
	truth_number("read_ns", read_ns);
	truth_number("read_bytes", (uint64_t)(done * BLOCK));
	truth_thread();
	close(fd);
	free(block);
	truth_print();
	return 0;
}
