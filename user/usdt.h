/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Marks in ELF files (USDT, <sys/sdt.h>): the notes of section .note.stapsdt, and what a mark's
 * arguments look like at its place. x86-64.
 */
#ifndef USDT_H
#define USDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "infbpf.h"

struct elf_file;

/* One note, as the linker left it. The strings point into the notes. */
struct usdt_note {
	const char *provider, *name, *arguments;
	uint64_t pc;	    /* of the mark's instruction, when .stapsdt.base was at base */
	uint64_t base;	    /* 0: addresses are as they are */
	uint64_t semaphore; /* its address likewise, 0: it has none */
};
/* Calls fn for each note; ends with what it returns if that is not 0. What is broken ends the list. */
typedef int (*usdt_note_fn)(void *arg, const struct usdt_note *note);
int usdt_notes_each(const void *notes, size_t n, usdt_note_fn fn, void *arg);

/* The address of a symbol of the file, for an argument that is a variable. false: not known. */
typedef bool (*usdt_symbol_fn)(void *arg, const char *name, uint64_t *vaddr);
/* The arguments of a note ("8@%rdi -4@$5 8@-16(%rbp)"), the first MARK_ARGS of them; those that are not
 * there are 0. pc: of the mark, for what is relative to it. -EINVAL: one cannot be read; bad points to
 * it. symbol may be NULL. */
int usdt_arguments(const char *text, uint64_t pc, usdt_symbol_fn symbol, void *arg,
		   struct mark_arg out[MARK_ARGS], const char **bad);

/* A mark of ours: providers infbpf and infbpf_nvtx. */
struct usdt_mark {
	uint64_t offset;    /* of the place, in the file */
	uint64_t semaphore; /* likewise, 0: none */
	struct mark_spec spec;
};
struct usdt_marks {
	struct usdt_mark *marks;
	size_t n, room;
	char why[96]; /* what could not be understood, of the first mark it was so with; "": nothing */
};
/* 0, also where there are none, or a negative errno. */
int usdt_marks_read(struct elf_file *f, struct usdt_marks *out);
void usdt_marks_free(struct usdt_marks *m);
const char *usdt_mark_name(unsigned int what); /* enum mark_what -> "stage_begin" */
/* "infbpf", by enum stage_source; NULL: no provider. */
const char *usdt_provider(unsigned int source);

#endif /* USDT_H */
