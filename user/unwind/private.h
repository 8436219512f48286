/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of user/unwind share. */
#ifndef UNWIND_PRIVATE_H
#define UNWIND_PRIVATE_H

#include <pthread.h>
#include "../array.h"
#include "../symbols/elf.h"
#include "unwind.h"

/* DWARF's numbers of the x86-64 registers (psABI, figure 3.36). */
enum {
	REG_RAX = 0,
	REG_RBX = 3,
	REG_RBP = 6,
	REG_RSP = 7,
	REG_R12 = 12,
	REG_R13 = 13,
	REG_R14 = 14,
	REG_R15 = 15,
	REG_RIP = 16, /* and the column of the return address */
	REGS = 17,
};
/* What a function has to hand back as it was. */
#define CALLEE_SAVED                                                                     \
	(1u << REG_RBX | 1u << REG_RBP | 1u << REG_R12 | 1u << REG_R13 | 1u << REG_R14 | \
	 1u << REG_R15)

struct registers {
	uint64_t r[REGS];
	uint32_t known; /* bit a register */
};

/* --- pool.c: rules and expressions, each distinct one once: files and functions share most --- */
enum rule_kind {
	RULE_SAME, /* in struct rule: not listed */
	RULE_UNDEFINED,
	RULE_OFFSET,	     /* saved at CFA + value */
	RULE_VAL_OFFSET,     /* is CFA + value */
	RULE_REGISTER,	     /* in register value; the CFA: register cfa_reg plus cfa_value */
	RULE_EXPRESSION,     /* saved where the expression with this number says */
	RULE_VAL_EXPRESSION, /* is what it says; so is the CFA */
	RULE_KINDS,
};

struct rule {
	uint8_t reg, kind;
	uint16_t pad;
	int32_t value;
};

#define RULES_SIGNAL 1u /* a signal's frame: its caller was interrupted, and did not call */

/* How to get from a function's registers to its caller's. */
struct rules {
	uint8_t cfa_kind, cfa_reg, flags, n;
	int32_t cfa_value;
	struct rule rule[]; /* n, by register; REGS at most */
};

enum pool_kind {
	POOL_RULES = 1,
	POOL_EXPRESSION = 2,
};

#define EXPRESSION_MAX 255 /* bytes; glibc's have up to 5, the PLT's 11 */
struct expression {
	uint16_t n;
	uint8_t op[];
};

/* Numbers of pool entries. */
#define POOL_NONE    UINT32_MAX	      /* no information */
#define POOL_PENDING (UINT32_MAX - 1) /* an index is being built */

struct pool {
	uint64_t *words;
	size_t n, cap;
	struct hash_index by_content;
	size_t max_bytes;
};
/* The number of the entry with this content. POOL_NONE: no memory, or full. */
uint32_t pool_rules(struct pool *p, const struct rules *r);
uint32_t pool_expression(struct pool *p, const uint8_t *op, size_t n);
const struct rules *pool_rules_at(const struct pool *p, uint32_t number);
const struct expression *pool_expression_at(const struct pool *p, uint32_t number);
size_t pool_bytes(const struct pool *p);
void pool_free(struct pool *p);

/* --- section.c: bytes of a section, by a window that moves over the file --- */
struct section {
	const struct elf_file *elf;
	const uint8_t *data; /* in memory (decompressed); NULL: in the file */
	uint64_t vaddr, offset, size;
	bool eh; /* laid out as .eh_frame, else as .debug_frame */
};

struct window {
	uint8_t *buf;
	size_t cap, n;
	uint64_t start; /* in the section */
	size_t ahead;	/* read at least so much at once */
};
/* n bytes at an offset, valid until the next call. NULL: not there, or no memory. */
const uint8_t *section_bytes(const struct section *s, struct window *w, uint64_t at, size_t n);

/* A place in bytes that are being parsed. Reading beyond the end gives 0 and sets bad. */
struct cursor {
	const uint8_t *at, *end;
	uint64_t vaddr; /* of at */
	bool bad;
};
uint64_t cursor_unsigned(struct cursor *c, size_t bytes);
int64_t cursor_signed(struct cursor *c, size_t bytes);
uint64_t cursor_uleb(struct cursor *c);
int64_t cursor_sleb(struct cursor *c);
const uint8_t *cursor_skip(struct cursor *c, uint64_t n);
/* A pointer as DW_EH_PE_* says; data: what datarel ones count from. */
uint64_t cursor_pointer(struct cursor *c, uint8_t encoding, uint64_t data);

/* --- cfi.c: the entries of .eh_frame and .debug_frame --- */
struct cfi_cie {
	uint64_t code_align;
	int64_t data_align;
	uint8_t ra; /* the return address's column */
	uint8_t fde_encoding;
	bool signal, sized; /* augmentation S; z: FDEs hold augmentation data */
	struct cursor program;
};

struct cfi_entry {
	uint64_t next; /* offset of the next one; 0: this is the end of all */
	bool is_cie;
	uint64_t cie;	    /* an FDE's: offset of its CIE */
	struct cursor body; /* what follows the CIE's id or pointer */
};
/* The header of the entry at an offset; the body's bytes are not fetched if body_max is exceeded:
 * body then holds only that many. Negative errno. */
int cfi_entry(const struct section *s, struct window *w, uint64_t at, size_t body_max,
	      struct cfi_entry *out);
int cfi_cie(const struct section *s, struct window *w, uint64_t at, struct cfi_cie *out);
/* Addresses of an FDE, from its body; the body then stands at its program. */
int cfi_fde_range(const struct cfi_cie *cie, struct cursor *body, uint64_t *start,
		  uint64_t *length);

/* --- program.c: call frame programs to rows --- */
struct row {
	uint32_t pc; /* from the function's start; holds up to the next row */
	uint32_t rules;
};
#define CFI_ROWS_MAX 16384 /* of one function; the largest seen have some thousand */

struct cfi_rule {
	uint8_t kind;
	int32_t value;
};
struct cfi_state {
	struct cfi_rule cfa; /* kind RULE_REGISTER or RULE_VAL_EXPRESSION */
	uint8_t cfa_reg;
	struct cfi_rule reg[REGS];
};
struct cfi_rows {
	struct row *row;
	size_t n, cap;
};
/* The state that a CIE's program leaves: where its FDEs start. */
int cfi_initial(struct pool *pool, const struct cfi_cie *cie, struct cfi_state *out);
/* Rows of one FDE. */
int cfi_compile(struct pool *pool, const struct cfi_cie *cie, const struct cfi_state *initial,
		struct cursor program, uint64_t start, uint32_t length, struct cfi_rows *out);

/* --- source.c: where the FDE of an address is --- */
struct index_entry {
	uint32_t pc;  /* from the index's base */
	uint32_t fde; /* offset in the section */
};
struct fde_index {
	uint64_t base;
	struct index_entry *entry;
	size_t n, cap;
};

enum source_state {
	SOURCE_NONE,  /* the file has no such section */
	SOURCE_TABLE, /* .eh_frame_hdr's table */
	SOURCE_WANTS, /* an index, not asked for yet */
	SOURCE_BUILDS,
	SOURCE_INDEX,
};

struct source {
	enum source_state state;
	struct section section;
	bool compressed;
	uint64_t stored_bytes;			    /* of the section in the file */
	uint64_t table_offset, table_n, table_base; /* in the file; what its entries count from */
	struct fde_index index;
	uint8_t *data;	 /* the decompressed section */
	struct job *job; /* SOURCE_BUILDS */
	uint64_t cie_at; /* the CIE read last */
	bool has_cie;
	struct cfi_cie cie; /* without program */
	struct cfi_state initial;
};
enum { SOURCE_EH, SOURCE_DEBUG, SOURCES };

/* Finds the sections of a file. */
void source_find(struct source *s, const struct elf_file *elf);
struct gap {
	uint64_t low, high; /* no FDE in [low, high) */
};
/* The FDE that may hold pc: its offset in the section. -ENOENT: none does, see gap. */
int source_fde(const struct source *s, const struct elf_file *elf, uint64_t pc, uint64_t *fde,
	       struct gap *gap);
void source_drop(struct source *s); /* what can be built again */
size_t source_bytes(const struct source *s);

/* --- index.c: an index built by reading a whole section --- */
/* stop: read now and then; set: give up with -EINTR. */
int index_build(struct fde_index *out, const struct section *s, size_t max_bytes, const bool *stop);
/* Decompresses a section that begins with an Elf64_Chdr. */
int index_inflate(const struct section *s, size_t max_bytes, uint8_t **data, size_t *n,
		  const bool *stop);

/* --- worker.c: the thread that builds indexes --- */
struct worker;
int worker_open(struct worker **out);
void worker_close(struct worker *w);
int worker_ask(struct worker *w, struct source *s, size_t max_bytes);
/* Takes over what the job of a source has built, once it is done. False: not yet. */
bool worker_collect(struct worker *w, struct source *s, bool wait);

/* Frees the job of a source; the worker is gone. */
void worker_abandon(struct source *s);

/* --- tables.c: compiled functions of a file --- */
struct fde {
	uint64_t start;
	uint32_t length, first_row, rows_n;
	uint32_t gap; /* no function: there is nothing here */
};

#define KEY_LEN 160
struct unwind_file {
	struct unwind *u;
	char key[KEY_LEN];
	bool has_build_id;
	struct elf_file *elf; /* NULL: not an ELF file */
	struct source source[SOURCES];
	struct fde *fdes; /* by address, apart from each other */
	size_t fdes_n, fdes_cap;
	struct row *rows;
	size_t rows_n, rows_cap;
	size_t bytes; /* of the above, as counted in struct unwind */
	uint64_t used;
	bool dirty; /* has what the disk cache has not */
};

/* The rules at an address of the file: a number of the pool, POOL_NONE or POOL_PENDING. */
uint32_t tables_rules(struct unwind_file *f, uint64_t vaddr);
void tables_drop(struct unwind_file *f);
/* Counts again what a file holds. */
void tables_count(struct unwind_file *f);

/* --- disk.c --- */
int disk_open(struct unwind *u, const char *dir); /* negative errno: no cache, and why */
void disk_close(struct unwind *u);		  /* also drops the oldest of too many */
void disk_load(struct unwind_file *f);
void disk_save(struct unwind_file *f);

/* --- the whole --- */
struct hit {
	const struct unwind_file *file;
	uint64_t offset;
	uint32_t rules;
};
#define HITS 4096 /* addresses whose rules are at hand; a power of two */

struct unwind {
	bool no_frame_pointers;
	int cache_fd, cache_error; /* the folder of the disk cache; -1: none */
	size_t max_bytes, bytes;
	struct pool pool;
	struct unwind_file **files;
	size_t files_n, files_cap;
	struct hit *hits;
	uint64_t clock; /* of walks */
	struct window window;
	struct cfi_rows scratch;
	struct worker *worker;
	uint64_t rows, expressions, by_frame_pointer;
};
void unwind_forget_hits(struct unwind *u);

/* --- the walk --- */
struct walk {
	struct unwind *u;
	const struct unwind_space *space;
	struct registers regs;
	struct unwind_code code; /* at the instruction looked up */
	bool exact;
	bool crossed_signal; /* this step led out of a signal's frame: sp may be anything */
	enum unwind_end end;
};
/* All of these: false ends the walk, and end says how. */
bool walk_read(struct walk *w, uint64_t address, void *buf, size_t n);
bool walk_word(struct walk *w, uint64_t address, uint64_t *value);
bool walk_is_code(const struct walk *w, uint64_t ip, bool exact);
uint64_t walk_mend(const struct walk *w, uint64_t return_address);
bool step_by_rules(struct walk *w, const struct rules *r);	/* step.c */
bool step_without_rules(struct walk *w, struct unwind_file *f); /* frame_pointer.c */
/* What an expression comes to, with cfa on its stack first if it is not NULL. */
bool expression_value(struct walk *w, const struct expression *e, const uint64_t *cfa,
		      uint64_t *out);

#endif /* UNWIND_PRIVATE_H */
