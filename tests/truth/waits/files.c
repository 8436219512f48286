/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Waits for a disk, each on a file of its own that has no name any more. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "waits.h"

#define FILE_BYTES (8ul << 20)
#define PAGE	   4096ul
#define STRIDE	   (16 * PAGE)
/* One operation on the disk at a time; in an emulated machine it takes a while. */
#define WRITE_BYTES (256ul << 10)

/* A file of FILE_BYTES on the disk, opened with flags. */
static const char *make_file(struct wait_job *w, int flags)
{
	char path[4096];
	int fd;

	wait_path(path, sizeof(path));
	w->other = -1;
	w->at = 0;
	if (posix_memalign(&w->memory, PAGE, WRITE_BYTES) != 0)
		return "no memory";
	memset(w->memory, 'x', WRITE_BYTES);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return strerror(errno);
	for (size_t at = 0; at < FILE_BYTES; at += WRITE_BYTES)
		if (write(fd, w->memory, WRITE_BYTES) != (ssize_t)WRITE_BYTES)
			return strerror(errno);
	if (fdatasync(fd) != 0)
		return strerror(errno);
	w->fd = open(path, O_RDWR | O_CLOEXEC | flags);
	if (w->fd < 0)
		return strerror(errno);
	unlink(path);
	close(fd);
	return NULL;
}

const char *wait_direct_begin(struct wait_job *w)
{
	return make_file(w, O_DIRECT);
}

static void step(struct wait_job *w, size_t bytes)
{
	w->at = (w->at + bytes) % FILE_BYTES;
}

void wait_direct_read(struct wait_job *w)
{
	if (pread(w->fd, w->memory, WRITE_BYTES, (off_t)w->at) < 0)
		return;
	step(w, WRITE_BYTES);
}

void wait_direct_write(struct wait_job *w)
{
	if (pwrite(w->fd, w->memory, WRITE_BYTES, (off_t)w->at) < 0)
		return;
	step(w, WRITE_BYTES);
}

const char *wait_cold_begin(struct wait_job *w)
{
	const char *why = make_file(w, 0);

	if (!why)
		posix_fadvise(w->fd, 0, 0, POSIX_FADV_RANDOM);
	return why;
}

/* The page cache forgets the file whenever it has been through. */
int wait_cold_prepare(struct wait_job *w)
{
	if (!w->at)
		posix_fadvise(w->fd, 0, 0, POSIX_FADV_DONTNEED);
	return 0;
}

void wait_cold_read(struct wait_job *w)
{
	if (pread(w->fd, w->memory, PAGE, (off_t)w->at) < 0)
		return;
	step(w, STRIDE);
}

const char *wait_fault_begin(struct wait_job *w)
{
	const char *why = wait_cold_begin(w);

	free(w->memory);
	w->memory = NULL;
	return why;
}

int wait_fault_prepare(struct wait_job *w)
{
	if (w->at)
		return 0;
	if (w->memory)
		munmap(w->memory, FILE_BYTES);
	posix_fadvise(w->fd, 0, 0, POSIX_FADV_DONTNEED);
	w->memory = mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, w->fd, 0);
	if (w->memory == MAP_FAILED)
		return -1;
	/* Else one fault would bring what the next ones want. */
	madvise(w->memory, FILE_BYTES, MADV_RANDOM);
	w->bytes = FILE_BYTES;
	return 0;
}

void wait_fault_touch(struct wait_job *w)
{
	*(volatile char *)((char *)w->memory + w->at);
	step(w, STRIDE);
}

const char *wait_sync_begin(struct wait_job *w)
{
	return make_file(w, 0);
}

int wait_sync_prepare(struct wait_job *w)
{
	if (pwrite(w->fd, w->memory, WRITE_BYTES, (off_t)w->at) < 0)
		return -1;
	return 0;
}

void wait_sync_fsync(struct wait_job *w)
{
	if (fsync(w->fd) != 0)
		return;
	step(w, WRITE_BYTES);
}

void wait_sync_range(struct wait_job *w)
{
	sync_file_range(w->fd, (off_t)w->at, WRITE_BYTES,
			SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
	step(w, WRITE_BYTES);
}

void wait_file_end(struct wait_job *w)
{
	if (w->bytes)
		munmap(w->memory, w->bytes);
	else
		free(w->memory);
	close(w->fd);
}
