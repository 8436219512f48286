// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The walk, and the set of files. */
#define _GNU_SOURCE
#include "unwind.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "private.h"

#define DEFAULT_BYTES (16 * 1024 * 1024)
#define LEAST_BYTES   (2 * 1024 * 1024)

int unwind_open(struct unwind **out, const struct unwind_options *o)
{
	struct unwind *u = calloc(1, sizeof(*u));

	*out = NULL;
	if (!u)
		return -ENOMEM;
	u->no_frame_pointers = o && o->no_frame_pointers;
	u->max_bytes = o && o->max_bytes ? o->max_bytes : DEFAULT_BYTES;
	if (u->max_bytes < LEAST_BYTES)
		u->max_bytes = LEAST_BYTES;
	u->pool.max_bytes = u->max_bytes / 4;
	u->window.ahead = 512; /* an FDE is some 30 bytes, a CIE too */
	u->hits = calloc(HITS, sizeof(*u->hits));
	u->bytes = HITS * sizeof(*u->hits);
	u->cache_error = disk_open(u, o ? o->cache_dir : NULL);
	if (!u->hits || worker_open(&u->worker)) {
		unwind_close(u);
		return -ENOMEM;
	}
	*out = u;
	return 0;
}

static void file_free(struct unwind_file *f)
{
	for (int i = 0; i < SOURCES; i++) {
		worker_abandon(&f->source[i]);
		source_drop(&f->source[i]);
	}
	free(f->fdes);
	free(f->rows);
	elf_file_close(f->elf);
	free(f);
}

void unwind_close(struct unwind *u)
{
	if (!u)
		return;
	worker_close(u->worker);
	for (size_t i = 0; i < u->files_n; i++) {
		disk_save(u->files[i]);
		file_free(u->files[i]);
	}
	disk_close(u);
	free(u->files);
	free(u->hits);
	free(u->window.buf);
	free(u->scratch.row);
	pool_free(&u->pool);
	free(u);
}

void unwind_forget_hits(struct unwind *u)
{
	memset(u->hits, 0, HITS * sizeof(*u->hits));
}

void unwind_stats(const struct unwind *u, struct unwind_stats *out)
{
	*out = (struct unwind_stats){
		.rows = u->rows,
		.expressions = u->expressions,
		.by_frame_pointer = u->by_frame_pointer,
		.bytes = u->bytes,
		.cache_error = u->cache_error,
	};
}

/* --- files --- */
/* What tells files apart: the build id, with where .eh_frame_hdr lies, so that a file that lies
 * about its id has to be built like the one whose place it wants; or the file itself. */
static int make_key(struct unwind_file *f, const struct stat *st)
{
	const struct source *eh = &f->source[SOURCE_EH];
	char id[2 * 32 + 1];

	if (f->elf && !elf_file_build_id(f->elf, id, sizeof(id)) && strlen(id) >= 16) {
		f->has_build_id = true;
		snprintf(f->key, sizeof(f->key), "%s-%" PRIx64 "-%" PRIx64 "-%" PRIx64, id,
			 eh->section.vaddr, eh->section.size, eh->table_n);
	} else {
		snprintf(f->key, sizeof(f->key), "/%jx/%jx/%jx/%jx/%lx", (uintmax_t)st->st_dev,
			 (uintmax_t)st->st_ino, (uintmax_t)st->st_size,
			 (uintmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	}
	return 0;
}

static struct unwind_file *find_file(const struct unwind *u, const char *key)
{
	for (size_t i = 0; i < u->files_n; i++)
		if (!strcmp(u->files[i]->key, key))
			return u->files[i];
	return NULL;
}

struct unwind_file *unwind_file_get(struct unwind *u, int fd)
{
	struct unwind_file *f = calloc(1, sizeof(*f)), *known;
	struct stat st = { 0 };
	int own;

	if (!f)
		return NULL;
	f->u = u;
	own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (own < 0 || fstat(fd, &st)) {
		if (own >= 0)
			close(own);
		free(f);
		return NULL;
	}
	if (!elf_file_open_fd(&f->elf, own))
		source_find(f->source, f->elf);
	make_key(f, &st);
	known = find_file(u, f->key);
	if (known || array_grow(&u->files, &u->files_cap, u->files_n + 1, sizeof(*u->files))) {
		file_free(f);
		return known;
	}
	u->files[u->files_n++] = f;
	disk_load(f);
	return f;
}

enum unwind_source unwind_file_source(struct unwind_file *f)
{
	for (int i = 0; i < SOURCES; i++) {
		struct source *s = &f->source[i];

		if (s->state == SOURCE_BUILDS) {
			worker_collect(f->u->worker, s, true);
			tables_count(f);
		}
		if (s->state == SOURCE_NONE || (s->state == SOURCE_INDEX && !s->index.n))
			continue;
		if (i == SOURCE_DEBUG)
			return UNWIND_DEBUG_FRAME;
		return s->state == SOURCE_TABLE ? UNWIND_EH_HDR : UNWIND_EH_FRAME;
	}
	return UNWIND_NONE;
}

/* --- the walk --- */
uint64_t walk_mend(const struct walk *w, uint64_t return_address)
{
	return w->space->mend ? w->space->mend(w->space->arg, return_address) : return_address;
}

bool walk_is_code(const struct walk *w, uint64_t ip, bool exact)
{
	struct unwind_code code;

	return w->space->code(w->space->arg, exact ? ip : ip - 1, &code);
}

/* The rules at w->code. */
static uint32_t find_rules(struct unwind *u, struct unwind_file *f, uint64_t offset)
{
	const uint64_t hash = (offset ^ (uintptr_t)f) * 0x9e3779b97f4a7c15ULL;
	struct hit *hit = &u->hits[hash >> 52 & (HITS - 1)];
	uint32_t rules = POOL_NONE;
	uint64_t vaddr;

	f->used = u->clock;
	if (hit->file == f && hit->offset == offset)
		return hit->rules;
	if (f->elf && !elf_file_offset_to_vaddr(f->elf, offset, &vaddr))
		rules = tables_rules(f, vaddr);
	if (rules != POOL_PENDING)
		*hit = (struct hit){ f, offset, rules };
	return rules;
}

/* From one frame to the one that called it. False: the walk ends. */
static bool step(struct walk *w)
{
	struct unwind_file *f = w->code.file;
	uint32_t rules = f ? find_rules(w->u, f, w->code.offset) : POOL_NONE;

	w->crossed_signal = false;
	if (rules == POOL_PENDING) {
		w->end = UNWIND_PENDING;
		return false;
	}
	if (rules == POOL_NONE) {
		if (w->u->no_frame_pointers || !step_without_rules(w, f))
			return false;
	} else if (!step_by_rules(w, pool_rules_at(&w->u->pool, rules))) {
		return false;
	}
	w->exact = w->crossed_signal;
	if (!w->exact)
		w->regs.r[REG_RIP] = walk_mend(w, w->regs.r[REG_RIP]);
	w->end = w->regs.r[REG_RIP] ? UNWIND_LOST : UNWIND_START;
	return w->regs.r[REG_RIP];
}

/* A return address at which a function begins, with nothing before it that could have made the call:
 * where makecontext() sends what its function returns to. */
static bool is_entry(const struct walk *w)
{
	struct unwind_file *f = w->code.file;
	uint32_t rules;

	if (w->exact || !f || find_rules(w->u, f, w->code.offset) != POOL_NONE)
		return false;
	rules = find_rules(w->u, f, w->code.offset + 1);
	return rules != POOL_NONE && rules != POOL_PENDING;
}

static void start_walk(struct walk *w, const struct user_regs *regs)
{
	uint64_t *r = w->regs.r;

	r[REG_RIP] = regs->ip;
	r[REG_RSP] = regs->sp;
	r[REG_RBP] = regs->bp;
	r[REG_RBX] = regs->bx;
	r[REG_R12] = regs->r12;
	r[REG_R13] = regs->r13;
	r[REG_R14] = regs->r14;
	r[REG_R15] = regs->r15;
	w->regs.known = CALLEE_SAVED | 1u << REG_RSP | 1u << REG_RIP;
	w->exact = true;
	w->end = UNWIND_LOST;
	w->u->clock++;
}

size_t unwind_walk(struct unwind *u, const struct unwind_space *space, const struct user_regs *regs,
		   struct unwind_frame *frames, size_t max, enum unwind_end *end)
{
	struct walk w = { .u = u, .space = space };
	size_t n = 0;

	start_walk(&w, regs);
	while (w.regs.r[REG_RIP]) {
		const uint64_t ip = w.regs.r[REG_RIP];
		const bool is_code = space->code(space->arg, w.exact ? ip : ip - 1, &w.code);

		/* The leaf is shown wherever it is. */
		if (n && !is_code)
			break;
		if (n == max) {
			w.end = UNWIND_DEEP;
			break;
		}
		if (is_code && is_entry(&w)) {
			frames[n++] = (struct unwind_frame){ ip, true };
			w.end = UNWIND_START;
			break;
		}
		frames[n++] = (struct unwind_frame){ ip, w.exact };
		if (!is_code || !step(&w))
			break;
	}
	*end = w.end;
	return w.end == UNWIND_PENDING ? 0 : n;
}
