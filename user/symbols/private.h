/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of user/symbols/ share. */
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

/* --- table.c: the functions of an ELF file --- */
/* Where symbols come from: the mapped file itself, its debug file, or what was unpacked from it. */
struct sym_source {
	struct elf_file *elf; /* NULL: none */
	bool temporary;	      /* unpacked: closed when its table goes */
	bool empty;	      /* has no functions */
	bool hashed;
	uint64_t hash; /* of its functions, once they were read */
};
/* Equal functions, one table, however many files have them: a container image's layers give one
 * library many inodes. By content, not by build id: that is what a file says of itself. */
struct sym_table {
	uint64_t hash;
	UT_hash_handle hh;
	struct sym_source *source; /* whose ELF file holds the array */
	const struct elf_function *functions;
	size_t n;
	const char **names; /* NULL: not asked for yet */
	size_t bytes;
	uint64_t used; /* on symbols.clock */
};
/* NULL: no functions, or no memory. */
struct sym_table *sym_table_get(struct symbols *s, struct sym_source *source);
/* The name of the function at vaddr, and where that starts. NULL: none. */
const char *sym_table_name(struct symbols *s, struct sym_table *t, uint64_t vaddr, uint64_t *start);
void sym_tables_free(struct symbols *s);

/* --- debug_file.c: separate debug files --- */
#define BUILD_ID_MAX 130 /* 64 bytes as hex; real ones have 20 */
struct debug_want {
	pid_t pid;	  /* the process that maps the file */
	const char *path; /* the file, as the process sees it */
	const struct elf_file *elf;
	const char *build_id; /* "": none */
	bool symbols, lines;  /* what the file itself lacks */
};
struct debug_file {
	struct elf_file *elf;
	char *path;	 /* in the root where it was found; NULL: from the network */
	bool crc_wanted; /* not verified yet: reads all of the file */
	uint32_t crc;
};
/* Looks in the process's root, then in the host's. -ENOENT: none. */
int debug_file_find(const struct debug_want *w, struct debug_file *out);
/* Is this the debug file of w's? For one that debuginfod sent. Takes the descriptor over. */
int debug_file_take(const struct debug_want *w, int fd, struct debug_file *out);
/* Compares the checksum where no build id has told. False: another file's. */
bool debug_file_verify(struct debug_file *d);
void debug_file_close(struct debug_file *d);
/* The file that a .gnu_debugaltlink in elf names: what several debug files share. A descriptor or a
 * negative errno; it is for the reader to compare its build id. */
int debug_file_open_alt(pid_t pid, const char *path, const struct elf_file *elf);

/* --- mini_debug.c: .gnu_debugdata --- */
/* Unpacks the symbols that a stripped file carries. budget: bytes it may unpack, lowered by what it
 * did. -ENOENT: none; -EFBIG, -ENOEXEC. */
int mini_debug_open(const struct elf_file *f, size_t *budget, struct elf_file **out);

/* --- debuginfod.c: debug files over the network --- */
struct debuginfod;
struct debuginfod_request;
/* NULL: DEBUGINFOD_URLS is not set, or no memory. */
struct debuginfod *debuginfod_open(void);
void debuginfod_close(struct debuginfod *d);
/* Starts to fetch. NULL: no memory, or too many. It belongs to d. */
struct debuginfod_request *debuginfod_want(struct debuginfod *d, const char *build_id);
/* Waits for it, but in all requests together no longer than d allows. A descriptor for the caller to
 * close, or a negative errno: -ETIMEDOUT. */
int debuginfod_take(struct debuginfod *d, struct debuginfod_request *r);

/* --- file.c: the files that samples hit --- */
enum sym_origin { /* where a file's names come from, best first */
		  SYM_OWN,
		  SYM_DEBUG_FILE,
		  SYM_MINI,
		  SYM_DYNSYM,
		  SYM_NONE,
};
struct sym_location;
struct sym_file {
	struct {
		uint64_t dev, inode;
	} key;
	UT_hash_handle hh;
	char *base; /* last part of its path, cleaned */
	enum sym_origin origin;
	struct sym_source own, extra; /* extra: the debug file, or what was unpacked */
	struct debug_file debug;      /* found, and not yet extra's */
	struct debuginfod_request *request;
	char *build_id;
	bool settled;			/* extra is what it will be */
	bool own_lines;			/* has .debug_info itself */
	bool lines_given_up;		/* no source lines, or no more time for them */
	int alt_fd;			/* what .gnu_debugaltlink names, -1: nothing */
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

/* --- lines.c --- */
/* Finds source lines and inlined functions of all locations in the file that were not looked at. */
void sym_lines_resolve(struct symbols *s, struct sym_file *f);

/* --- image.c --- */
/* An executable mapping of an image. */
struct image_map {
	struct proc_map map;
	pid_t pid;	       /* whose mapping it is: a parent's, if inherited */
	struct sym_file *file; /* found at the first hit */
	const char *fixed;     /* frame name of code that is in no file: "[uprobes]" */
	bool jit;	       /* code in no file that a perf map may tell of; fixed: if not */
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
	/* What a perf map tells of. */
	struct sym_image *parent; /* forked from, NULL: not known */
	int map_fd;		  /* -1: none yet */
	uint64_t map_tried_ns;
	struct sym_location *locations; /* in no file */
};
struct image_map *sym_image_find(struct sym_image *im, uint64_t address);
void sym_image_free(struct sym_image *im);

/* --- jit.c: code in no file --- */
/* Opens the image's perf map, or those of the processes it was forked from, if there are any. */
void sym_jit_open(struct symbols *s, struct sym_image *im);
void sym_jit_name_locations(struct symbols *s, struct sym_image *im);

/* --- symbols.c --- */
struct sym_location {
	struct {
		const void *owner; /* a sym_file, a sym_image, the kernel, or a fixed name */
		uint64_t offset;   /* in the file; image, kernel: address */
	} key;
	UT_hash_handle hh;
	uint32_t id;
	bool lined;		   /* was looked at for source lines */
	uint8_t frames_n;	   /* 0: name is all there is */
	const char *name;	   /* NULL: not asked for yet */
	const char *otherwise;	   /* image: when no perf map tells */
	const char **frames;	   /* with source lines, outermost first */
	struct sym_file *file;	   /* NULL: not in a file */
	struct sym_image *image;   /* NULL: not in an image's own memory */
	struct sym_location *next; /* in the same file or image */
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
	struct sym_table *tables;
	uint64_t table_key; /* secret: no file can be made to collide with another */
	size_t table_bytes, table_bytes_max;
	uint64_t clock; /* counts rounds of naming */
	/* Bytes that a trace may yet spend on names, so that many large files cannot hold it up. */
	size_t unpack_budget;
	uint64_t load_budget, map_budget;
	uint64_t lines_left_ns;
	struct debuginfod *debuginfod;
	struct sym_image *images;
	struct sym_location *by_key;
	struct sym_location **by_id; /* [0] is NULL: unknown */
	uint32_t locations_n, locations_room;
	struct sym_string *strings;
	const char *unknown, *kernel_unknown;
};
/* The location's id, 0: no memory. */
uint32_t symbols_file_location(struct symbols *s, struct sym_file *f, uint64_t offset);
uint32_t symbols_image_location(struct symbols *s, struct sym_image *im, uint64_t address,
				const char *otherwise);
uint32_t symbols_fixed_location(struct symbols *s, const char *name); /* name: interned */
/* Keeps one copy of each string. NULL: no memory. */
const char *symbols_intern(struct symbols *s, const char *text);
/* The frame name of an ELF symbol, demangled and cleaned. NULL: no memory, or nothing is left. */
const char *symbols_function_name(struct symbols *s, const char *symbol, const char *suffix);
/* In place: cleaned, and not to be taken for a frame of infbpf's own. */
void symbols_disarm_name(char *name);

#endif /* SYMBOLS_PRIVATE_H */
