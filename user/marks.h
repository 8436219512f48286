/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Marks (USDT) in the files that processes map: found (mark_find.c), probed (stage_attach.c).
 *
 * Whose processes these are, and when they are looked at, is cuda_attach.c's business: it hands over
 * each process's mappings as it reads them.
 */
#ifndef MARKS_H
#define MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "file_ids.h"
#include "uprobe.h"
#include "usdt.h"

struct proc_maps;

/* A file with marks of ours, or with some that were not understood. */
struct mark_file {
	struct file_id id;
	char *path; /* as the first process sees it in which it was found */
	struct usdt_marks marks;
	uint32_t
		first_spec; /* the marks' places in the map mark_specs begin here; ~0: not there yet */
	bool probed;
};

struct mark_files {
	struct mark_file *files;
	size_t n, room;
	struct file_ids without; /* no mark of ours is in them */
};

/* What a process maps of these. */
struct mark_process {
	struct mark_use {
		size_t file;
		char *open_path;
	} * uses;
	size_t n, room;
	struct file_ids seen; /* mappings looked at: dev and inode as /proc/PID/maps has them */
};

/* --- mark_find.c --- */
/* Adds the files with marks that p does not have yet. Returns how many were added or -ENOMEM. */
int mark_find_maps(pid_t pid, const struct proc_maps *maps, struct mark_files *files,
		   struct mark_process *p);
/* The same for one file by path, which a program will load. Files that cannot be read are none. */
int mark_find_file(const char *path, struct mark_files *files, struct mark_process *p);
/* It is another program now. */
void mark_process_forget(struct mark_process *p);
void mark_process_free(struct mark_process *p);
void mark_files_free(struct mark_files *files);

/* --- stage_attach.c --- */
struct stage_attach {
	enum uprobe_kind kind; /* UPROBE_NONE: nothing is probed */
	int prog_fd;	       /* handle_mark */
	int specs_fd;	       /* the map mark_specs */
	bool all;	       /* probe each file once for every process, instead of per process */
	struct mark_files files;
	uint32_t specs_n;
	int *fds; /* links */
	size_t fds_n, fds_room;
	size_t probes;
	char failed[160]; /* why a file could not be probed, or not all of it; "": none failed */
};

/* A process's mappings as they are now: probes what is new. Only -ENOMEM is an error. */
int stage_attach_maps(struct stage_attach *a, pid_t pid, const struct proc_maps *maps,
		      struct mark_process *p);
int stage_attach_file(struct stage_attach *a, pid_t pid, const char *path, struct mark_process *p);
/* Closes every link: slow with perf events, like cuda_attach_close(). */
void stage_attach_close(struct stage_attach *a);

#endif /* MARKS_H */
