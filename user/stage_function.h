/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Probes on the functions that the user named, in every traced process, as libraries come and processes
 * fork. */
#ifndef STAGE_FUNCTION_H
#define STAGE_FUNCTION_H

#include <sys/types.h>
#include "file_ids.h"
#include "stage_find.h"
#include "uprobe.h"

struct profile;
struct proc_maps;

/* A file that an option means. */
struct function_file {
	struct file_id id;
	uint8_t *wanted; /* by option */
	struct stage_functions found;
	struct uprobe_site *sites; /* exits first, then entries */
	size_t sites_n;
	bool probed; /* for all processes */
};

/* What a process maps of these. */
struct function_process {
	struct file_ids seen; /* mappings looked at: dev and inode as /proc/PID/maps has them */
	uint32_t *files;      /* indexes in struct function_attach */
	size_t n, room;
};

struct function_attach {
	const struct stage_options *options;
	enum uprobe_kind kind; /* a session's kernel has multi links too */
	int prog_fd;
	int names_fd, jumps_fd; /* maps */
	bool all;		/* probe each file once for every process, instead of per process */

	struct stage_finding *findings; /* by option */
	struct function_file *files;
	size_t files_n, files_room;
	char (*names)[STAGE_NAME_BYTES + 1]; /* as in the map */
	size_t names_n, names_room;
	struct hash_index names_index;
	size_t jumps_n;
	int *fds; /* links */
	size_t fds_n, fds_room;
	size_t functions, probes; /* attached; of a file once */
	size_t costly;		  /* of probes: single-stepped */
	char failed[200];	  /* the first that the kernel refused; "": none */
};

/* The most functions that one option may mean in one file. */
size_t function_attach_limit(enum uprobe_kind kind);

/* options etc. are set; the rest is zero. */
int function_attach_open(struct function_attach *a);
/* Looks for the functions in what a process maps, and probes what is new to it. Only -ENOMEM is an
 * error. */
int function_attach_maps(struct function_attach *a, pid_t pid, const struct proc_maps *maps,
			 struct function_process *p);
/* Probes a file before anyone maps it, for one process that will. */
int function_attach_file(struct function_attach *a, pid_t pid, const char *path,
			 struct function_process *p);
/* It is another program now: none of its mappings is the one that was looked at. */
void function_process_forget(struct function_process *p);
void function_process_free(struct function_process *p);
void function_attach_close(struct function_attach *a);

/* Messages for those of which there is nothing (yet). -EINVAL with f set: one means too many functions. */
int function_attach_check(const struct function_attach *a, struct fault *f);
/* What was not found or not probed, into the profile's not_measured. */
int function_attach_report(const struct function_attach *a, struct profile *p);

#endif /* STAGE_FUNCTION_H */
