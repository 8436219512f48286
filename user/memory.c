// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include "array.h"
#include "cuda.h"
#include "memory.h"

#define KINDS (MEMORY_HANDLE + 1)
/* Allocations whose stack is on its way: it comes right behind the record, but for those that have to
 * wait for an unwinding table. A power of two. */
#define WAITING	   4096
#define FRAMES_MAX 512
/* Live blocks of all processes together that are known one by one: 16 MiB. */
#define BLOCKS_MAX 200000
/* Frees that may yet turn out to have failed: one a thread, by its serial number. A power of two. */
#define RECENT 64

/* Allocations of one process, kind and call from one stack. */
struct site {
	const struct stack_entry *stack; /* NULL: not taken */
	uint32_t pid;
	uint16_t kind, call;
	uint64_t allocations, bytes, live, live_bytes;
};

struct block {
	uint64_t ptr, bytes;
	uint32_t site; /* position in memory.sites */
	uint16_t kind;
	bool live;
	bool waited_for; /* is in memory.waiting */
};

struct kind_sums {
	uint64_t allocations, frees, bytes, live, live_bytes, peak_bytes;
};

/* What a thread freed last. */
struct freed {
	uint64_t serial, ptr, bytes;
	uint32_t site;
	uint16_t kind; /* 0: nothing that was known */
};

/* One image of a process. */
struct process {
	uint32_t pid, image;
	void *blocks;  /* by address: a search.h tree of struct block */
	void *handles; /* likewise by handle, which is no address */
	struct kind_sums kinds[KINDS];
	uint64_t unknown_frees;
	struct freed recent[RECENT];
	struct memory_copies resolved[6]; /* by cudaMemcpyKind + 1; [0]: all of them */
};

struct memory {
	struct process *processes;
	size_t processes_n, processes_cap;
	struct site *sites;
	size_t sites_n, sites_cap;
	struct hash_index site_index;
	size_t blocks_n;
	uint64_t lost;
	struct {
		uint32_t seq;
		struct block *block;
	} waiting[WAITING];
};

struct memory *memory_new(void)
{
	return calloc(1, sizeof(struct memory));
}

static void free_block(void *b)
{
	/* Those that are waited for are freed with their slot. */
	if (!((struct block *)b)->waited_for)
		free(b);
}

void memory_free(struct memory *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->processes_n; i++) {
		tdestroy(m->processes[i].blocks, free_block);
		tdestroy(m->processes[i].handles, free_block);
	}
	for (size_t i = 0; i < WAITING; i++)
		free(m->waiting[i].block);
	hash_index_free(&m->site_index);
	free(m->processes);
	free(m->sites);
	free(m);
}

/* Equal: they overlap. A block of no bytes takes one. */
static int by_place(const void *a, const void *b)
{
	const struct block *x = a, *y = b;

	if (x->ptr + (x->bytes ? x->bytes : 1) <= y->ptr)
		return -1;
	return y->ptr + (y->bytes ? y->bytes : 1) <= x->ptr;
}

static struct process *process_get(struct memory *m, uint32_t pid, uint32_t image)
{
	struct process *p;

	for (size_t i = 0; i < m->processes_n; i++)
		if (m->processes[i].pid == pid && m->processes[i].image == image)
			return &m->processes[i];
	if (array_grow(&m->processes, &m->processes_cap, m->processes_n + 1, sizeof(*p)))
		return NULL;
	p = &m->processes[m->processes_n++];
	memset(p, 0, sizeof(*p));
	p->pid = pid;
	p->image = image;
	return p;
}

/* --- sites --- */

#define SITE_KEY_BYTES offsetof(struct site, allocations)

static bool site_equal(const void *array, uint32_t position, const void *key)
{
	return !memcmp((const struct site *)array + position, key, SITE_KEY_BYTES);
}

/* The position of a site, or a negative errno. */
static int64_t site_get(struct memory *m, const struct site *key)
{
	const uint64_t hash = hash_bytes(key, SITE_KEY_BYTES);
	uint32_t at = hash_index_find(&m->site_index, hash, site_equal, m->sites, key);
	int err;

	if (at != HASH_INDEX_NONE)
		return at;
	err = array_grow(&m->sites, &m->sites_cap, m->sites_n + 1, sizeof(*m->sites));
	if (!err)
		err = hash_index_add(&m->site_index, hash, (uint32_t)m->sites_n);
	if (err)
		return err;
	m->sites[m->sites_n] = *key;
	return (int64_t)m->sites_n++;
}

static void site_add(struct site *s, const struct block *b)
{
	s->allocations++;
	s->bytes += b->bytes;
	if (b->live) {
		s->live++;
		s->live_bytes += b->bytes;
	}
}

static void site_take(struct site *s, const struct block *b)
{
	s->allocations--;
	s->bytes -= b->bytes;
	if (b->live) {
		s->live--;
		s->live_bytes -= b->bytes;
	}
}

static void *release_waiting(struct memory *m, uint32_t slot)
{
	struct block *b = m->waiting[slot].block;

	m->waiting[slot].block = NULL;
	if (!b)
		return NULL;
	b->waited_for = false;
	if (b->live)
		return b;
	free(b);
	return NULL;
}

int memory_stack(struct memory *m, uint32_t seq, const struct stack_entry *stack)
{
	const uint32_t slot = seq & (WAITING - 1);
	struct block *b = m->waiting[slot].block;
	struct site key;
	int64_t at;

	if (!b || m->waiting[slot].seq != seq)
		return 0;
	key = m->sites[b->site];
	key.stack = stack;
	key.allocations = key.bytes = key.live = key.live_bytes = 0;
	at = site_get(m, &key);
	if (at < 0)
		return (int)at;
	site_take(&m->sites[b->site], b);
	site_add(&m->sites[at], b);
	b->site = (uint32_t)at;
	release_waiting(m, slot);
	return 0;
}

/* --- blocks --- */

static void **tree_of(struct process *p, unsigned int kind)
{
	return kind == MEMORY_HANDLE ? &p->handles : &p->blocks;
}

static struct block *find(struct process *p, unsigned int kind, uint64_t ptr)
{
	struct block key = { .ptr = ptr, .bytes = 1 };
	void *node = tfind(&key, tree_of(p, kind), by_place);

	return node ? *(struct block **)node : NULL;
}

/* It is freed, or something else has been found to live in its place. */
static void block_ends(struct memory *m, struct process *p, struct block *b)
{
	struct site *s = &m->sites[b->site];

	tdelete(b, tree_of(p, b->kind), by_place);
	p->kinds[b->kind].live--;
	p->kinds[b->kind].live_bytes -= b->bytes;
	s->live--;
	s->live_bytes -= b->bytes;
	m->blocks_n--;
	b->live = false;
	if (!b->waited_for)
		free(b);
}

static int block_begins(struct memory *m, struct process *p, struct block *b)
{
	struct kind_sums *k = &p->kinds[b->kind];
	struct block **there;
	void *node;

	/* What overlaps has been freed in a way that was not seen. */
	while ((node = tfind(b, tree_of(p, b->kind), by_place))) {
		there = node;
		block_ends(m, p, *there);
	}
	if (!tsearch(b, tree_of(p, b->kind), by_place))
		return -ENOMEM;
	b->live = true;
	m->blocks_n++;
	k->live++;
	k->live_bytes += b->bytes;
	if (k->live_bytes > k->peak_bytes)
		k->peak_bytes = k->live_bytes;
	return 0;
}

static int on_alloc(struct memory *m, struct process *p, const struct rec_memory *r)
{
	const struct site key = { .pid = p->pid, .kind = r->kind, .call = r->call };
	const uint32_t slot = r->seq & (WAITING - 1);
	int64_t site = site_get(m, &key);
	struct block *b;
	int err;

	if (site < 0)
		return (int)site;
	p->kinds[r->kind].allocations++;
	p->kinds[r->kind].bytes += r->bytes;
	if (m->blocks_n >= BLOCKS_MAX) {
		m->lost++;
		m->sites[site].allocations++;
		m->sites[site].bytes += r->bytes;
		return 0;
	}
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	*b = (struct block){
		.ptr = r->ptr, .bytes = r->bytes, .kind = r->kind, .site = (uint32_t)site
	};
	err = block_begins(m, p, b);
	if (err) {
		free(b);
		return err;
	}
	site_add(&m->sites[site], b);
	if (r->sampled) {
		release_waiting(m, slot);
		m->waiting[slot].seq = r->seq;
		m->waiting[slot].block = b;
		b->waited_for = true;
	}
	return 0;
}

static void on_free(struct memory *m, struct process *p, const struct rec_memory *r)
{
	struct freed *f = &p->recent[r->serial & (RECENT - 1)];
	struct block *b;

	if (!r->ptr)
		return; /* allowed, and does nothing */
	b = find(p, r->kind, r->ptr);
	*f = (struct freed){ .serial = r->serial, .ptr = r->ptr };
	if (!b || b->ptr != r->ptr) {
		p->unknown_frees++;
		return;
	}
	f->bytes = b->bytes;
	f->kind = b->kind;
	f->site = b->site;
	p->kinds[b->kind].frees++;
	block_ends(m, p, b);
}

/* The free that this thread began last did not happen after all. */
static int on_free_failed(struct memory *m, struct process *p, const struct rec_memory *r)
{
	struct freed *f = &p->recent[r->serial & (RECENT - 1)];
	struct block *b;
	int err;

	if (!r->ptr)
		return 0;
	/* Its beginning is lost, or so many others freed meanwhile. */
	if (f->serial != r->serial || f->ptr != r->ptr) {
		m->lost++;
		return 0;
	}
	f->ptr = 0;
	if (!f->kind) {
		p->unknown_frees--;
		return 0;
	}
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	*b = (struct block){ .ptr = r->ptr, .bytes = f->bytes, .kind = f->kind, .site = f->site };
	err = block_begins(m, p, b);
	if (err) {
		free(b);
		return err;
	}
	p->kinds[b->kind].frees--;
	m->sites[b->site].live++;
	m->sites[b->site].live_bytes += b->bytes;
	return 0;
}

uint64_t memory_lost(const struct memory *m)
{
	return m->lost;
}

/* --- copies --- */

/* The side of a copy that an address is on: 'D' device, 'H' host, 0 not known. */
static char side(struct process *p, uint64_t ptr)
{
	const struct block *b = find(p, MEMORY_DEVICE, ptr);

	switch (b ? b->kind : 0) {
	case MEMORY_DEVICE:
	case MEMORY_POOL:
		return 'D';
	case MEMORY_PINNED:
	case MEMORY_REGISTERED:
		return 'H';
	default:
		return 0; /* managed memory is where it was used last */
	}
}

static void copies_add(struct memory_copies *c, const struct rec_memory *r)
{
	unsigned int i = 0;

	while (i < COPY_SIZES - 1 && r->bytes > 1ULL << i)
		i++;
	c->calls++;
	c->bytes += r->bytes;
	c->wall_ns += r->wall_ns;
	c->sizes[i]++;
}

static void on_copy(struct process *p, const struct rec_memory *r)
{
	const char from = side(p, r->src), to = side(p, r->ptr);

	if (!from || !to)
		return;
	copies_add(&p->resolved[0], r);
	copies_add(&p->resolved[from == 'H' ? (to == 'H' ? 1 : 2) : (to == 'H' ? 3 : 4)], r);
}

int memory_record(struct memory *m, const struct rec_memory *r)
{
	struct process *p = process_get(m, r->tgid, r->image);

	if (!p)
		return -ENOMEM;
	switch (r->op) {
	case MEMORY_ALLOC:
		return r->kind && r->kind < KINDS && r->ptr ? on_alloc(m, p, r) : 0;
	case MEMORY_FREE:
		on_free(m, p, r);
		return 0;
	case MEMORY_FREE_FAILED:
		return on_free_failed(m, p, r);
	case MEMORY_COPY:
		on_copy(p, r);
		return 0;
	}
	return 0;
}

/* --- the report --- */

static int report_kinds(const struct process *q, struct profile *p,
			const struct memory_names *names)
{
	struct profile_memory row = { .pid = q->pid,
				      .process = names->process(names->arg, q->pid) };
	uint64_t unknown = q->unknown_frees;
	int err = 0;

	for (unsigned int k = 1; k < KINDS && !err; k++) {
		const struct kind_sums *s = &q->kinds[k];

		/* Frees of the unknown need a row, too: device memory's. */
		if (!s->allocations && !(k == MEMORY_DEVICE && unknown))
			continue;
		row.kind = cuda_memory_kind(k);
		row.allocations = s->allocations;
		row.frees = s->frees;
		row.bytes = s->bytes;
		row.live = s->live;
		row.live_bytes = s->live_bytes;
		row.peak_bytes = s->peak_bytes;
		row.unknown_frees = unknown;
		unknown = 0;
		err = profile_add_memory(p, &row);
	}
	return err;
}

static int report_copies(const struct process *q, struct profile *p)
{
	struct profile_copy row = { .pid = q->pid };
	int err = 0;

	for (unsigned int k = 1; k < 6 && !err; k++) {
		const struct memory_copies *c = &q->resolved[k];

		if (!c->calls)
			continue;
		row.kind = cuda_copy_kind(k);
		row.calls = c->calls;
		row.bytes = c->bytes;
		row.wall_ns = c->wall_ns;
		memcpy(row.sizes, c->sizes, sizeof(row.sizes));
		err = profile_add_copy(p, &row);
	}
	return err;
}

const struct memory_copies *memory_resolved(const struct memory *m, uint32_t pid, uint32_t image)
{
	for (size_t i = 0; i < m->processes_n; i++)
		if (m->processes[i].pid == pid && m->processes[i].image == image)
			return &m->processes[i].resolved[0];
	return NULL;
}

int memory_report(struct memory *m, struct profile *p, const struct memory_names *names)
{
	const char *frames[FRAMES_MAX];
	int err = 0;

	for (size_t i = 0; i < m->processes_n && !err; i++) {
		err = report_kinds(&m->processes[i], p, names);
		if (!err)
			err = report_copies(&m->processes[i], p);
	}
	for (size_t i = 0; i < m->sites_n && !err; i++) {
		const struct site *s = &m->sites[i];
		struct profile_allocation a = { .pid = s->pid,
						.process = names->process(names->arg, s->pid),
						.kind = cuda_memory_kind(s->kind),
						.call = cuda_call_name(s->call),
						.frames = frames,
						.allocations = s->allocations,
						.bytes = s->bytes,
						.live = s->live,
						.live_bytes = s->live_bytes };

		if (!s->allocations)
			continue;
		a.frames_n = names->frames(names->arg, s->stack, frames, FRAMES_MAX - 1);
		if (s->stack)
			frames[a.frames_n++] = a.call;
		err = profile_add_allocation(p, &a);
	}
	return err;
}
