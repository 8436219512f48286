/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The functions in one file that are to be stages, and where each is probed. */
#ifndef STAGE_FIND_H
#define STAGE_FIND_H

#include <stdint.h>
#include "stage_code.h"
#include "stage_option.h"

struct stage_function {
	uint32_t option; /* index in struct stage_options */
	uint64_t vaddr;
	char name[STAGE_NAME_BYTES + 1];
	size_t site, sites_n; /* in sites; the entry is the first */
};

struct stage_function_site {
	uint64_t offset; /* in the file */
	struct stage_code_site code;
};

struct stage_functions {
	struct stage_function *functions;
	size_t n, room;
	struct stage_function_site *sites;
	size_t sites_n, sites_room;
};

/* What became of an option, in all files that it meant. */
struct stage_finding {
	size_t files;	 /* looked into */
	size_t found;	 /* functions that can be probed */
	size_t refused;	 /* and that cannot */
	size_t too_many; /* matched in one file, and none of them probed */
	char why[160];	 /* of the first that was refused */
};

/* Looks into an open file, which it closes, for the options with wanted[i] set. limit: functions of one
 * option. Adds to findings[i]. -ENOEXEC: no ELF file; -ENOMEM. */
int stage_find(int fd, const struct stage_options *o, const uint8_t *wanted, size_t limit,
	       struct stage_functions *out, struct stage_finding *findings);
void stage_functions_free(struct stage_functions *s);

#endif /* STAGE_FIND_H */
