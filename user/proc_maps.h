/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* /proc/PID/maps, parsed. */
#ifndef PROC_MAPS_H
#define PROC_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_map {
	uint64_t start, end, offset;
	uint64_t inode;
	uint32_t dev_major, dev_minor;
	bool exec;
	bool deleted; /* " (deleted)" was stripped from the path */
	char *path;   /* as the process sees it; "" for anonymous memory, "[vdso]" and the like */
};

struct proc_maps {
	struct proc_map *maps; /* sorted by start */
	size_t n;
};

/* Negative errno: -ESRCH no such process. A process without mappings (kernel thread) gives n = 0. */
int proc_maps_read(pid_t pid, struct proc_maps *out);
/* The same of a file in that format. */
int proc_maps_read_file(const char *path, struct proc_maps *out);
void proc_maps_free(struct proc_maps *m);
const struct proc_map *proc_maps_find(const struct proc_maps *m, uint64_t addr);

/* Opens the file behind a mapping as the process sees it, tried in order: map_files (deleted files
 * too; wants CAP_CHECKPOINT_RESTORE or SYS_ADMIN), /proc/PID/root/PATH if device and inode still
 * agree, the path itself likewise. Writes the path that worked to buf. Returns a descriptor or a
 * negative errno (-ESTALE: the path now names another file). */
int proc_maps_open_file(pid_t pid, const struct proc_map *m, char *buf, size_t len);

#endif /* PROC_MAPS_H */
