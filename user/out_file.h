/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Files that results go to. Opened before the trace, so that a bad path costs nothing; not emptied
 * until there is something to write; an error is one line and leaves the other outputs alone.
 */
#ifndef OUT_FILE_H
#define OUT_FILE_H

#include <stdbool.h>
#include <stdio.h>
#include "fault.h"

struct out_file {
	FILE *f;
	char path[4096]; /* "": not wanted */
	bool created;	 /* did not exist before */
	bool standard;	 /* stdout */
};

/* path: "-": stdout. 0 or a negative errno with f set. */
int out_open(struct out_file *o, const char *path, struct fault *f);
/* Ready to be written; false: not wanted. */
bool out_begin(struct out_file *o);
/* After writing; err: what the writer said. Closes. Returns the exit code. */
int out_end(struct out_file *o, int err);
/* Nothing came of it: a file that was not there before is not left behind empty. */
void out_discard(struct out_file *o);

#endif /* OUT_FILE_H */
