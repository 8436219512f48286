/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Source lines and inlined functions. Debug information is read by libdw in a child process
 * (lines_dwarf.c); what it finds comes back through a pipe (lines.c).
 */
#ifndef SYMBOLS_LINES_H
#define SYMBOLS_LINES_H

#include <stddef.h>
#include <stdint.h>
#include "symbols.h"

/* What the child sends of each address that it knows something about: this, then frames_n times a
 * struct lines_frame, each followed by its texts without NUL. */
struct lines_record {
	uint32_t address;  /* index */
	uint32_t frames_n; /* 1 to SYMBOLS_INLINED_MAX, outermost first */
};
struct lines_frame {
	uint32_t line;	   /* 0: not known */
	uint16_t function; /* bytes; 0: not known */
	uint16_t file;
};
#define LINES_TEXT_MAX 4096 /* bytes of one text */

/* Never returns an error: what cannot be read is not sent. addresses: ascending, as in the file's
 * segments. alt: what several debug files share, -1: none. */
void lines_read_dwarf(int fd, int alt, const uint64_t *addresses, size_t n, int out);

/* The parent's side: takes what has arrived. */
struct lines_parser {
	char *data; /* not parsed yet */
	size_t n, room;
	size_t addresses_n;
	/* One frame: function and file end in NUL and may be changed. */
	void (*frame)(void *arg, size_t address, size_t i, size_t frames_n, char *function,
		      char *file, uint32_t line);
	void *arg;
};
/* Negative errno: -EPROTO, the child sends nonsense. */
int lines_parse(struct lines_parser *p, const void *data, size_t n);

#endif /* SYMBOLS_LINES_H */
