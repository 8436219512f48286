/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which processes are traced: given pids, a cgroup, a command that infbpf starts, or all. */
#ifndef TARGET_H
#define TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "fault.h"

struct target_pids {
	pid_t *pids;
	size_t n, room;
};
int target_pids_add(struct target_pids *t, pid_t pid); /* once each; 1: added, 0: known */
void target_pids_free(struct target_pids *t);

/* "12,34": negative errno with f set when it is no such list. */
int target_parse_pids(const char *text, struct target_pids *out, struct fault *f);
/* A thread's id is turned into its process's. -ESRCH with f set when there is none. */
int target_check_pid(pid_t *pid, struct fault *f);
/* The process's name, "?" when it is gone. */
void target_name(pid_t pid, char *buf, size_t len);
/* No memory of its own: a kernel thread. */
bool target_is_kthread(pid_t pid);

/* Adds the processes of a cgroup and those below it. path: a folder under /sys/fs/cgroup, or
 * relative to the v2 mount or to any v1 controller's. Returns how many were new. */
int target_cgroup_open(const char *path, char *folder, size_t len, struct fault *f);
int target_cgroup_scan(const char *folder, struct target_pids *out);

/* Adds every process of the host (with -a, to look for CUDA libraries). */
int target_all_scan(struct target_pids *out);

/* A command held before its exec, so that it can be put in scope first. */
struct target_command {
	pid_t pid;
	int go_fd;     /* written to let it run; closed unwritten: it exits */
	int failed_fd; /* errno of a failed exec; end of file: it runs */
};
int target_command_start(struct target_command *c, char *const argv[], struct fault *f);
/* Lets it exec. -errno with f set (and the exit code to use) when exec failed. */
int target_command_go(struct target_command *c, const char *name, struct fault *f);

#endif /* TARGET_H */
