/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * User stacks from registers and memory, by call frame information (.eh_frame, .debug_frame), and
 * by frame pointers where there is none (JIT code). x86-64.
 *
 * Knows nothing of processes: where code and memory are is asked through struct unwind_space. All
 * that is read belongs to other people: a broken file or stack ends the walk, never infbpf.
 */
#ifndef UNWIND_H
#define UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../infbpf.h"

struct unwind;	    /* the tables of all files, and the thread that builds indexes */
struct unwind_file; /* call frame information of one ELF file */

struct unwind_options {
	const char *cache_dir;	/* what was built is kept here by build id; NULL: nowhere */
	size_t max_bytes;	/* of all tables in memory; 0: a default */
	bool no_frame_pointers; /* code without call frame information ends the walk */
};

int unwind_open(struct unwind **out, const struct unwind_options *o);
void unwind_close(struct unwind *u); /* waits for the thread; writes the cache */

/* The tables of an ELF file, one a build id however many files have it. The descriptor is borrowed
 * (duplicated). Never blocks for long: an index that has to be built is built in the background.
 * NULL: no memory, or no descriptor left. A file without call frame information is a struct
 * unwind_file too. */
struct unwind_file *unwind_file_get(struct unwind *u, int fd);

enum unwind_source {
	UNWIND_NONE,	 /* no call frame information: frame pointers */
	UNWIND_EH_HDR,	 /* .eh_frame with its search table */
	UNWIND_EH_FRAME, /* .eh_frame without */
	UNWIND_DEBUG_FRAME,
};
/* For reports. Waits for an index that is being built. */
enum unwind_source unwind_file_source(struct unwind_file *f);

struct unwind_code {
	struct unwind_file *file; /* NULL: code that is in no file: JIT */
	uint64_t offset;	  /* in the file */
};

/* A thread's view of its process, at the time of the sample. */
struct unwind_space {
	void *arg;
	/* What executable mapping holds ip? False: none. */
	bool (*code)(void *arg, uint64_t ip, struct unwind_code *out);
	/* Memory of the stack. 0; -ENODATA: beyond what was copied; -EFAULT: not mapped. Also asked
	 * for up to 128 bytes below the leaf's stack pointer, in the red zone: either error there
	 * means that the register is taken as it is, which is right in an epilogue. */
	int (*read)(void *arg, uint64_t address, void *buf, size_t n);
	/* Code bytes at ip (JIT stubs are decoded). Returns how many, up to n, or a negative errno.
	 * NULL: not to be had. */
	int (*read_code)(void *arg, uint64_t ip, void *buf, size_t n);
	/* The real return address where a pending return probe has put its own. NULL: as found. */
	uint64_t (*mend)(void *arg, uint64_t return_address);
};

enum unwind_end {
	UNWIND_START,	/* reached the thread's start */
	UNWIND_CUT,	/* the copy of the stack ended first */
	UNWIND_LOST,	/* no way on: no information, or what was found cannot be */
	UNWIND_DEEP,	/* more than max frames */
	UNWIND_PENDING, /* an index is still being built: ask again later */
};

struct unwind_frame {
	uint64_t ip;
	bool exact; /* ip was about to run (the leaf, or interrupted by a signal); else it is a
		     * return address, and the call lies one byte before it */
};

/* Leaf first. Returns how many frames, at least one unless regs.ip is 0 or the walk is pending. */
size_t unwind_walk(struct unwind *u, const struct unwind_space *space, const struct user_regs *regs,
		   struct unwind_frame *frames, size_t max, enum unwind_end *end);

struct unwind_stats {
	uint64_t rows;	      /* of compact tables, made so far */
	uint64_t expressions; /* steps that needed a DWARF expression evaluated */
	uint64_t by_frame_pointer;
	size_t bytes; /* held now */
	int cache_error; /* why cache_dir is not used (negative errno): -EACCES: others can write there */
};
void unwind_stats(const struct unwind *u, struct unwind_stats *out);

#endif /* UNWIND_H */
