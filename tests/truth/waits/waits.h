/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The waits of main.c: a row each in kinds.c. */
#ifndef WAITS_H
#define WAITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What a thread needs for its waits. */
struct wait_job {
	long ms;       /* about so long altogether */
	uint64_t tid;  /* of who waits: begin() or wait() may say that it is somebody else */
	int fd, other; /* descriptors */
	void *memory;
	size_t at, bytes;
	pid_t pid;
};

struct wait_row {
	const char *name; /* the thread's, too: 15 characters */
	/* NULL, or why this machine cannot do it. */
	const char *(*begin)(struct wait_job *w);
	/* Before each wait, not part of it. Not 0: no more. May be NULL. */
	int (*prepare)(struct wait_job *w);
	void (*wait)(struct wait_job *w);
	void (*end)(struct wait_job *w); /* may be NULL */
	bool endless;			 /* has no limit of its own: a signal ends it */
	bool child;			 /* a child waits, and the thread only holds the watch */
};

extern const struct wait_row wait_rows[];
extern const size_t wait_rows_n;
/* Files that may be made are called this and a number. */
extern const char *wait_file;
/* The next of them. */
void wait_path(char *path, size_t size);

/* files.c */
const char *wait_direct_begin(struct wait_job *w);
void wait_direct_read(struct wait_job *w);
void wait_direct_write(struct wait_job *w);
const char *wait_cold_begin(struct wait_job *w);
int wait_cold_prepare(struct wait_job *w);
void wait_cold_read(struct wait_job *w);
const char *wait_fault_begin(struct wait_job *w);
int wait_fault_prepare(struct wait_job *w);
void wait_fault_touch(struct wait_job *w);
const char *wait_sync_begin(struct wait_job *w);
int wait_sync_prepare(struct wait_job *w);
void wait_sync_fsync(struct wait_job *w);
void wait_sync_range(struct wait_job *w);
void wait_file_end(struct wait_job *w);

/* net.c */
const char *wait_tcp_begin(struct wait_job *w);
const char *wait_tcp_full_begin(struct wait_job *w);
void wait_tcp_send(struct wait_job *w);
void wait_read(struct wait_job *w);
const char *wait_accept_begin(struct wait_job *w);
void wait_accept(struct wait_job *w);
const char *wait_connect_begin(struct wait_job *w);
int wait_connect_prepare(struct wait_job *w);
void wait_connect(struct wait_job *w);
const char *wait_udp_begin(struct wait_job *w);
void wait_udp(struct wait_job *w);
const char *wait_unix_begin(struct wait_job *w);
void wait_fds_end(struct wait_job *w);

/* uring.c */
const char *wait_uring_begin(struct wait_job *w);
void wait_uring(struct wait_job *w);
const char *wait_userfault_begin(struct wait_job *w);
int wait_userfault_prepare(struct wait_job *w);
void wait_userfault(struct wait_job *w);

#endif /* WAITS_H */
