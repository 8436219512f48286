// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Records as the kernel side sends them, and the maps of the process they speak of.
 *
 * Input: records, each a byte of what (enum what), a byte that counts trailing 8-byte words, and the
 * record's bytes behind its header; where the input ends before the record does, the rest is 0. Of a
 * sample the trailing words are its user side, at the place where that lies.
 */
#define _GNU_SOURCE
#include "../../user/collect.h"
#include "../../user/infbpf.h"
#include "../../user/output.h"
#include "../../user/profile.h"
#include "../../user/symbols/symbols.h"
#include "../../user/unwind/unwind.h"

#include "fuzz.h"

enum what {
	WHAT_TYPE = 0x07,  /* enum rec_type, and what is none */
	WHAT_OTHER = 0x08, /* of another process: one that does not exist */
	WHAT_WILD = 0x10,  /* times are as they come, even if sums overflow */
	WHAT_SHORT = 0x20, /* hdr.len and the record's size are what the input has */
	WHAT_LONG = 0x40,  /* hdr.len says more than there is */
	WHAT_RAW = 0x80,   /* counts and addresses of a sample are as they come */
};

/* Three bits are too few: RAW and no type is a span, of another process a mark. */
static unsigned int type_of(uint8_t what)
{
	if (what & WHAT_TYPE || !(what & WHAT_RAW))
		return what & WHAT_TYPE;
	return what & WHAT_OTHER ? REC_MARK : REC_SPAN;
}

/* Above the kernel's greatest pid. */
#define NO_PROCESS 0x7ffffff0
#define TIME_MASK  ((1ULL << 44) - 1)
/* A word with this in its highest byte becomes an address in this program's code. */
#define CODE_BYTE 0x01
/* A symbol table kept for ever would grow with every address ever seen. */
#define RUNS_MAX 4096

static struct symbols *symbols;
static struct unwind *tables;
static unsigned int runs;

static struct symbols *get_symbols(void)
{
	const struct symbols_options options = { .lines = false };

	if (runs++ % RUNS_MAX == 0) {
		symbols_close(symbols);
		unwind_close(tables);
		FUZZ_EXPECT(!symbols_open(&symbols, &options) && !unwind_open(&tables, NULL));
	}
	return symbols;
}

static size_t fixed_size(unsigned int type)
{
	switch (type) {
	case REC_THREAD:
		return sizeof(struct rec_thread);
	case REC_SAMPLE:
		return SAMPLE_STACK_AT(INFBPF_MAX_STACK);
	case REC_LIFE:
		return sizeof(struct rec_life);
	case REC_RESOLVE:
		return sizeof(struct rec_resolve);
	case REC_MEMORY:
		return sizeof(struct rec_memory);
	case REC_NAME:
		return sizeof(struct rec_name);
	case REC_LAUNCH:
		return sizeof(struct rec_launch);
	case REC_SPAN:
		return sizeof(struct rec_span);
	case REC_MARK:
		return sizeof(struct rec_mark);
	}
	return sizeof(struct rec_hdr);
}

/* Infbpf reads the maps and stacks of what a record names: only this process, or none. */
static void tame_ids(void *record, uint8_t what)
{
	uint32_t tgid = what & WHAT_OTHER ? NO_PROCESS : (uint32_t)getpid();
	struct rec_thread *t = record;
	struct rec_sample *s = record;
	struct rec_life *l = record;
	struct rec_memory *m = record;
	struct rec_name *n = record;
	struct rec_launch *launch = record;

	switch (what & WHAT_TYPE) {
	case REC_THREAD:
		t->tgid = tgid;
		t->image &= 3;
		break;
	case REC_SAMPLE:
		s->tgid = tgid;
		s->image &= 3;
		break;
	case REC_LIFE:
		l->tgid = tgid;
		l->image &= 3;
		l->parent = l->parent & 1 ? NO_PROCESS : (uint32_t)getpid();
		break;
	case REC_MEMORY:
		m->tgid = tgid;
		m->image &= 3;
		break;
	case REC_NAME:
		n->tgid = tgid;
		n->image &= 3;
		n->address = 0; /* would be read from this process */
		break;
	case REC_LAUNCH:
		launch->key.tgid = tgid;
		launch->key.image &= 3;
		break;
	}
}

static void tame_slots(struct rec_thread *t)
{
	for (int i = 0; i < WAIT_SLOTS; i++)
		t->waits[i].ns &= TIME_MASK;
	for (int i = 0; i <= CALL_SLOTS; i++) {
		struct call_slot *c = i < CALL_SLOTS ? &t->calls[i] : &t->open_call;

		c->on_cpu_ns &= TIME_MASK;
		c->woken_ns &= TIME_MASK;
		c->preempted_ns &= TIME_MASK;
		c->blocked_ns &= TIME_MASK;
	}
}

static void tame_span(struct rec_span *s)
{
	uint64_t *times = (uint64_t *)&s->times;

	s->tgid &= 3;
	s->request &= 7;
	s->group &= 3;
	s->begin_ns &= TIME_MASK;
	s->end_ns &= TIME_MASK;
	for (size_t i = 0; i < sizeof(s->times) / sizeof(*times); i++)
		times[i] &= TIME_MASK;
}

static void tame_mark(struct rec_mark *m)
{
	m->tgid &= 3;
	m->request &= 7;
	m->group &= 3;
	m->time_ns &= TIME_MASK;
	m->value &= TIME_MASK;
	m->value2 &= TIME_MASK;
}

/* The kernel's sums of a window of hours stay under TIME_MASK. */
static void tame_times(void *record, uint8_t what)
{
	struct rec_thread *t = record;
	struct rec_sample *s = record;

	if (type_of(what) == REC_SPAN) {
		tame_span(record);
	} else if (type_of(what) == REC_MARK) {
		tame_mark(record);
	} else if ((what & WHAT_TYPE) == REC_THREAD) {
		t->times.on_cpu_ns &= TIME_MASK;
		t->times.woken_ns &= TIME_MASK;
		t->times.preempted_ns &= TIME_MASK;
		t->times.blocked_ns &= TIME_MASK;
		tame_slots(t);
		for (int i = 0; i < STREAM_SLOTS; i++)
			t->streams[i].sync_ns = t->streams[i].wall_ns &= TIME_MASK;
	} else if ((what & WHAT_TYPE) == REC_MEMORY) {
		((struct rec_memory *)record)->wall_ns &= TIME_MASK;
	} else if ((what & WHAT_TYPE) == REC_SAMPLE) {
		s->on_cpu_ns &= TIME_MASK;
		s->woken_ns &= TIME_MASK;
		s->preempted_ns &= TIME_MASK;
		s->blocked_ns &= TIME_MASK;
	}
}

static uint64_t code_address(uint64_t word)
{
	return (uint64_t)(uintptr_t)LLVMFuzzerTestOneInput + (word & 0xffff);
}

/* A sample whose counts fit its size, with a stack that may be walked through this program. */
static void tame_sample(struct rec_sample *s, uint64_t *user, size_t user_words)
{
	uint64_t *kernel = (uint64_t *)(s + 1);

	s->kernel_n &= INFBPF_MAX_STACK;
	for (size_t i = 0; i < s->kernel_n; i++)
		kernel[i] = s->serial + i;
	s->user_n &= INFBPF_MAX_STACK;
	if (s->user_n > user_words)
		s->user_n = 0;
	s->stack_bytes = user_words * sizeof(*user);
	if (s->outer_sp) {
		s->outer_bytes = s->stack_bytes / 2;
		s->outer_at = SAMPLE_STACK_AT(INFBPF_MAX_STACK) + s->outer_bytes;
	}
	s->regs.ip = code_address(s->regs.ip);
	s->regs.sp &= ~7ULL;
	for (size_t i = 0; i < user_words; i++)
		if (user[i] >> 56 == CODE_BYTE)
			user[i] = code_address(user[i]);
}

/* How much of a record comes from the input, and where: its fields behind the header, then what
 * trails. */
static size_t fill(uint8_t *record, size_t len, unsigned int type, const uint8_t *data, size_t size)
{
	size_t fields = type == REC_SAMPLE ? sizeof(struct rec_sample) : fixed_size(type);
	size_t n, rest;

	fields -= sizeof(struct rec_hdr);
	n = fields < size ? fields : size;
	memcpy(record + sizeof(struct rec_hdr), data, n);
	rest = len - fixed_size(type);
	if (rest > size - n)
		rest = size - n;
	memcpy(record + fixed_size(type), data + n, rest);
	return n + rest;
}

/* One record of the input in memory of exactly its size. Returns how much of the input it took. */
static size_t feed(struct collect *c, const uint8_t *data, size_t size, bool *wild)
{
	uint8_t what = data[0];
	unsigned int type = type_of(what);
	size_t len = fixed_size(type) + 8 * (size_t)data[1], taken;
	struct rec_hdr *hdr;
	uint8_t *record;
	void *exact;

	record = calloc(1, len);
	FUZZ_EXPECT(record);
	taken = fill(record, len, type, data + 2, size - 2);
	tame_ids(record, what);
	if (what & WHAT_WILD)
		*wild = true;
	else
		tame_times(record, what);
	if (type == REC_SAMPLE && !(what & WHAT_RAW))
		tame_sample((struct rec_sample *)record, (uint64_t *)(record + fixed_size(type)),
			    data[1]);
	hdr = (struct rec_hdr *)record;
	hdr->type = type;
	if (what & WHAT_SHORT)
		len = sizeof(*hdr) + taken;
	hdr->len = len + (what & WHAT_LONG ? 8 : 0);
	exact = fuzz_copy(record, len);
	collect_record(c, exact, len);
	free(exact);
	free(record);
	return 2 + taken;
}

/* Lines of a thread sum to its wall time, whatever its stacks were. */
static void check(const struct profile *p)
{
	for (size_t i = 0; i < p->threads_n; i++) {
		uint64_t sum = 0;

		for (size_t j = 0; j < p->lines_n; j++)
			if (p->lines[j].thread == i)
				sum += p->lines[j].value_ns;
		FUZZ_EXPECT(sum == p->threads[i].wall_ns);
	}
}

static void write_all(const struct profile *p)
{
	const struct fold_options fold = { 0 };
	const struct summary_options summary = { .wide = true };
	size_t lines_n, text_n;
	char *text = NULL;
	FILE *f = open_memstream(&text, &text_n);

	FUZZ_EXPECT(f && !fold_write(p, &fold, f, &lines_n));
	FUZZ_EXPECT(!json_write(p, f) && !summary_write(p, &summary, f));
	fclose(f);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct profile *p = profile_new();
	struct symbols *s = get_symbols();
	struct collect *c = collect_new(p, s, tables);
	struct collect_options *o;
	bool wild = false;
	size_t at = 0;

	FUZZ_EXPECT(p && c);
	p->duration_ns = 1000000000;
	p->host = p->kernel = "fuzz";
	p->runtime = "none";
	o = collect_options(c);
	o->t_begin_ns = 1000;
	o->on_cpu_period_ns = 10000000;
	o->max_threads = 3;
	while (size - at >= 2)
		at += feed(c, data + at, size - at, &wild);
	o->t_end_ns = o->t_begin_ns + p->duration_ns;
	FUZZ_EXPECT(!collect_finish(c) && !collect_memory(c) && !profile_finish(p));
	if (!wild) {
		check(p);
		write_all(p);
	}
	collect_free(c);
	profile_free(p);
	return 0;
}
