/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of user/symbols/ share: kernel.c, file.c, image.c, symbols.c. */
#ifndef SYMBOLS_PRIVATE_H
#define SYMBOLS_PRIVATE_H

/* Out of memory, HASH_ADD leaves the element out (its hh.tbl is NULL) instead of ending infbpf. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include "../proc_maps.h"
#include "elf.h"
#include "symbols.h"

/* --- kernel.c --- */
struct kernel_symbol {
	uint64_t address;
	uint32_t name; /* offset in kernel.names */
};
struct kernel {
	bool loaded; /* or tried to */
	bool hidden;
	struct kernel_symbol *symbols; /* by address */
	size_t n, room;
	char *names;
	size_t names_n, names_room;
};
/* path: /proc/kallsyms. Negative errno; leaves the kernel hidden when nothing useful was read. */
int kernel_load(struct kernel *k, const char *path);
void kernel_free(struct kernel *k);
/* The symbol's name as kallsyms has it, NULL: no symbol near. */
const char *kernel_find(const struct kernel *k, uint64_t address);
uint64_t kernel_address(const struct kernel *k, const char *name, char *found, size_t found_len);

/* Length of a name without what compilers append to parts and clones of a function (".isra.0",
 * ".cold"); its whole length when there is nothing. */
size_t symbols_base_length(const char *name);

/* --- file.c: the files that samples hit --- */
struct sym_location;
struct sym_file {
	struct {
		uint64_t dev, inode;
	} key;
	UT_hash_handle hh;
	char *base; /* last part of its path, cleaned */
	int fd;	    /* -1: could not be opened, or elf has taken it */
	struct elf_file *elf;
	const char **names;		/* of elf's functions, NULL: not asked for yet */
	size_t table_bytes;		/* 0: table not loaded */
	uint64_t used;			/* when the table was last wanted, on symbols.clock */
	struct sym_location *locations; /* the ones in this file */
	void *data;			/* of symbols_file_data() */
};

/* The file of a mapping; opens it if it is new. NULL: no memory. */
struct sym_file *sym_file_get(struct symbols *s, pid_t pid, const struct proc_map *m);
/* The vdso, for a mapping of this many bytes. NULL: another one than infbpf's own, or no memory. */
struct sym_file *sym_file_vdso(struct symbols *s, uint64_t size);
void sym_file_free(struct sym_file *f);
/* Names every location of the file that has no name yet. */
void sym_file_name_locations(struct symbols *s, struct sym_file *f);

/* --- image.c --- */
/* An executable mapping of an image. */
struct image_map {
	struct proc_map map;
	pid_t pid;	       /* whose mapping it is: a parent's, if inherited */
	struct sym_file *file; /* found at the first hit */
	const char *fixed;     /* frame name of code that is in no file: "[anon]" */
};
struct sym_image {
	struct {
		uint32_t tgid, image;
	} key;
	UT_hash_handle hh;
	struct symbols *symbols;
	struct image_map *maps; /* by start */
	size_t n;
	uint64_t vdso_size;    /* of infbpf's own */
	uint64_t refreshed_ns; /* CLOCK_MONOTONIC, of the last attempt; 0: never */
	uint64_t cost_ns;      /* what it took */
	uint64_t miss_wait_ns; /* how long after it a miss may refresh again */
};
struct image_map *sym_image_find(struct sym_image *im, uint64_t address);
void sym_image_free(struct sym_image *im);

/* --- symbols.c --- */
struct sym_location {
	struct {
		const void *owner; /* a sym_file, the kernel, or a fixed name */
		uint64_t offset;   /* in the file; kernel: address */
	} key;
	UT_hash_handle hh;
	uint32_t id;
	const char *name;	   /* NULL: not asked for yet */
	struct sym_file *file;	   /* NULL: kernel, or a fixed name */
	struct sym_location *next; /* in the same file */
};
struct sym_string {
	UT_hash_handle hh;
	char text[];
};
struct symbols {
	struct symbols_options options;
	struct kernel kernel;
	struct sym_file *files; /* by device and inode */
	struct sym_file *vdso;
	uint64_t vdso_size;
	bool vdso_tried;
	unsigned int open_files, open_files_max;
	size_t table_bytes, table_bytes_max;
	uint64_t clock; /* counts uses of tables */
	struct sym_image *images;
	struct sym_location *by_key;
	struct sym_location **by_id; /* [0] is NULL: unknown */
	uint32_t locations_n, locations_room;
	struct sym_string *strings;
	const char *unknown, *kernel_unknown;
};
/* The location's id, 0: no memory. */
uint32_t symbols_file_location(struct symbols *s, struct sym_file *f, uint64_t offset);
uint32_t symbols_fixed_location(struct symbols *s, const char *name); /* name: interned */
/* Keeps one copy of each string. NULL: no memory. */
const char *symbols_intern(struct symbols *s, const char *text);
/* The frame name of an ELF symbol, demangled and cleaned. NULL: no memory, or nothing is left. */
const char *symbols_function_name(struct symbols *s, const char *symbol, const char *suffix);

#endif /* SYMBOLS_PRIVATE_H */
