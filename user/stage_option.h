/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Functions that the user names as stages: --stage NAME=PATH:FUNCTION, --preset, and the files that
 * presets are in. */
#ifndef STAGE_OPTION_H
#define STAGE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include "fault.h"

/* Bytes of a stage's name that are kept. */
#define STAGE_NAME_BYTES 31

struct stage_option {
	char *text; /* as given: for messages */
	char *name; /* "" or with "%s" in it: the function's own name goes there */
	char *path; /* an absolute path, a glob of one, or a file's name */
	char *function;
	char *preset; /* the preset that it is of, NULL: --stage */
	bool path_glob, function_glob;
	bool demangled; /* no C identifier: looked for among demangled names, too */
};

struct stage_options {
	struct stage_option *options;
	size_t n, room;
};

/* Appends "NAME=PATH:FUNCTION". -EINVAL with f set when it is none. */
int stage_options_add(struct stage_options *o, const char *text, struct fault *f);
/* Appends the options of presets: names, or files' paths (with a '/'), commas between them. */
int stage_options_preset(struct stage_options *o, const char *list, struct fault *f);
void stage_options_free(struct stage_options *o);

/* The same of a preset's text, n bytes of it: a line is "STAGE = PATH:FUNCTION", a comment or empty.
 * where: for messages. */
int stage_options_read(struct stage_options *o, const char *preset, const char *where,
		       const char *text, size_t n, struct fault *f);

/* --- stage_preset.c: those that come with infbpf --- */

/* "llama.cpp, triton, ..." */
void stage_preset_names(char *buf, size_t len);
/* The text of one, as it was when infbpf was built; not NUL-ended. NULL: no such. */
const char *stage_preset_text(const char *name, size_t *n);

#endif /* STAGE_OPTION_H */
