/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The summary's lines about what the CUDA calls did: launches, copies, streams, memory; and about what
 * switches. */
#include <string.h>
#include "format.h"
#include "summary_part.h"
#include "text.h"

/* A line in the making. Parts that would make it longer than max are left out. */
struct fact {
	struct screen_line line;
	size_t max;
};
#define ADD(f, ...) screen_add_within(&(f)->line, (f)->max, __VA_ARGS__)

#define NAME_MAX_WIDTH 32

const char *summary_name(const char *name, bool bare, char *buf, size_t size)
{
	/* Its parenthesis is not where the parameters begin. */
	static const char anonymous[] = "(anonymous namespace)::";
	size_t n = 0, depth = 0;
	char clean[1024];
	const char *c = text_shown(name, clean, sizeof(clean));

	while (*c) {
		if (!depth && !strncmp(c, anonymous, sizeof(anonymous) - 1)) {
			c += sizeof(anonymous) - 1;
			continue;
		}
		if (!depth && *c == '(')
			break;
		if (!depth && (*c == ' ' || (bare && *c == ':')))
			n = 0;
		else if (!depth && *c != '<' && n + 1 < size)
			buf[n++] = *c;
		depth += *c == '<';
		depth -= depth && *c == '>';
		c++;
	}
	buf[n] = '\0';
	/* Nothing of C++ about it: the name as it is. */
	if (!n || !strpbrk(clean, "<("))
		snprintf(buf, size, "%s", clean);
	return buf;
}

/* --- launches --- */

/* The launches of one kernel, wherever from. */
struct kernel {
	const char *name;
	bool graph;
	uint64_t calls;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct kernel *)a)->name, ((const struct kernel *)b)->name);
}

static int by_calls(const void *a, const void *b)
{
	const struct kernel *x = a, *y = b;

	return x->calls != y->calls ? (x->calls < y->calls ? 1 : -1) : strcmp(x->name, y->name);
}

static void add_kernels(const struct profile *p, uint64_t all, struct fact *f)
{
	struct kernel *kernels = calloc(p->launches_n + 1, sizeof(*kernels));
	char name[CELL_SIZE], share[FORMAT_SIZE];
	size_t n = 0;

	if (!kernels)
		return;
	for (size_t i = 0; i < p->launches_n; i++)
		kernels[i] = (struct kernel){ p->launches[i].kernel, p->launches[i].graph,
					      p->launches[i].calls };
	qsort(kernels, p->launches_n, sizeof(*kernels), by_name);
	for (size_t i = 1; i < p->launches_n; i++) {
		if (!strcmp(kernels[n].name, kernels[i].name))
			kernels[n].calls += kernels[i].calls;
		else
			kernels[++n] = kernels[i];
	}
	qsort(kernels, n + 1, sizeof(*kernels), by_calls);
	for (size_t i = 0; i <= n && i < 3 && kernels[i].calls; i++) {
		if (kernels[i].graph)
			text_shown(kernels[i].name, name, sizeof(name));
		else
			summary_name(kernels[i].name, true, name, sizeof(name));
		text_cut(name, NAME_MAX_WIDTH);
		if (!ADD(f, "%s%s %s", i ? ", " : "; ", name,
			 format_percent(share, kernels[i].calls, all)))
			break;
	}
	free(kernels);
}

static void fact_launches(const struct summary_facts *v, struct fact *f)
{
	const struct profile *p = v->p;
	const struct profile_launcher *l = p->launchers_n ? p->launchers : NULL;
	char name[TEXT_UTF8_SIZE(64)], rate[FORMAT_SIZE], share[FORMAT_SIZE];
	uint64_t n = 0;

	for (size_t i = 0; i < p->launches_n; i++)
		n += p->launches[i].calls;
	if (!n)
		return;
	ADD(f, "  launches: %s", format_per_second(rate, n, p->duration_ns));
	if (l && !p->entries_only)
		ADD(f, ", %s of %s's time",
		    format_percent(share, l->wall_ns, p->threads[l->thread].wall_ns),
		    text_shown(p->threads[l->thread].comm, name, sizeof(name)));
	add_kernels(p, n, f);
}

/* The gaps are the thread's: what the GPU did meanwhile, nobody knows. */
static void fact_gaps(const struct summary_facts *v, struct fact *f)
{
	const struct profile *p = v->p;
	const struct profile_launcher *l = p->launchers;
	char name[TEXT_UTF8_SIZE(64)], n[FORMAT_SIZE];

	if (!p->launchers_n || p->entries_only || !l->gaps)
		return;
	ADD(f, "  gaps between launches on the calling thread, %s:",
	    text_shown(p->threads[l->thread].comm, name, sizeof(name)));
	if (l->gap_p50_ns == PROFILE_UNKNOWN)
		ADD(f, " %s on average", format_duration(n, l->gap_ns / l->gaps));
	else
		ADD(f, " p50 %s", format_duration(n, l->gap_p50_ns));
	if (l->gap_p99_ns != PROFILE_UNKNOWN)
		ADD(f, ", p99 %s", format_duration(n, l->gap_p99_ns));
	ADD(f, ", longest %s", format_duration(n, l->gap_max_ns));
	if (p->launchers_n > 1)
		ADD(f, " (it launches most of %s threads)", format_count(n, p->launchers_n));
}

/* --- copies --- */

#define COPY_KINDS 8

static int by_bytes(const void *a, const void *b)
{
	const struct profile_copy *x = a, *y = b;

	return x->bytes != y->bytes ? (x->bytes < y->bytes ? 1 : -1) : strcmp(x->kind, y->kind);
}

static uint64_t median_size(const struct profile_copy *c)
{
	uint64_t all = 0, seen = 0;

	for (size_t i = 0; i < PROFILE_SIZES; i++)
		all += c->sizes[i];
	for (size_t i = 0; all && i < PROFILE_SIZES; i++) {
		seen += c->sizes[i];
		if (seen * 2 >= all)
			return 1ULL << i;
	}
	return PROFILE_UNKNOWN;
}

static size_t sum_copies(const struct profile *p, struct profile_copy *kinds)
{
	size_t n = 0;

	for (size_t i = 0; i < p->copies_n; i++) {
		const struct profile_copy *c = &p->copies[i];
		size_t k = 0;

		while (k < n && strcmp(kinds[k].kind, c->kind) != 0)
			k++;
		if (k == COPY_KINDS || !c->calls)
			continue;
		if (k == n) {
			kinds[n++] = *c;
			continue;
		}
		kinds[k].calls += c->calls;
		kinds[k].bytes += c->bytes;
		kinds[k].wall_ns += c->wall_ns;
		for (size_t i_size = 0; i_size < PROFILE_SIZES; i_size++)
			kinds[k].sizes[i_size] += c->sizes[i_size];
	}
	qsort(kinds, n, sizeof(*kinds), by_bytes);
	return n;
}

static void fact_copies(const struct summary_facts *v, struct fact *f)
{
	struct profile_copy kinds[COPY_KINDS] = { { 0 } };
	const size_t n = sum_copies(v->p, kinds);
	/* Sizes only where all of it fits. */
	const size_t max = f->max;
	char a[FORMAT_SIZE];

	for (int sizes = 1; n && sizes >= 0; sizes--) {
		f->line.n = 0;
		f->max = SIZE_MAX;
		ADD(f, "  copies:");
		for (size_t k = 0; k < n; k++) {
			const uint64_t size = median_size(&kinds[k]);

			ADD(f, "%s %s %s", k ? "," : "", kinds[k].kind,
			    format_bytes(a, kinds[k].bytes));
			if (!v->p->entries_only)
				ADD(f, " at %s in call",
				    format_rate(a, kinds[k].bytes, kinds[k].wall_ns));
			if (sizes && size != PROFILE_UNKNOWN)
				ADD(f, " (half up to %s)", format_memory(a, size));
		}
		if (text_width(f->line.text) <= max)
			break;
	}
	f->max = max;
}

/* --- streams --- */

/* One of n streams has this many times its share of the waiting. */
#define UNBALANCED 1.5

/* Where one of a process' streams is waited for much longer than the others. */
static void fact_streams(const struct summary_facts *v, struct fact *f)
{
	const struct profile *p = v->p;
	const struct profile_stream *most = NULL;
	char a[FORMAT_SIZE], b[FORMAT_SIZE], name[CELL_SIZE];
	uint64_t sum = 0, n = 0;

	if (p->entries_only)
		return;
	for (size_t i = 0; i < p->streams_n; i++)
		if (p->streams[i].syncs && p->streams[i].sync_ns != PROFILE_UNKNOWN &&
		    (!most || p->streams[i].sync_ns > most->sync_ns))
			most = &p->streams[i];
	for (size_t i = 0; most && i < p->streams_n; i++) {
		if (p->streams[i].pid != most->pid || !p->streams[i].syncs ||
		    p->streams[i].sync_ns == PROFILE_UNKNOWN)
			continue;
		sum += p->streams[i].sync_ns;
		n++;
	}
	if (n < 2 || sum < p->duration_ns / 100 ||
	    (double)most->sync_ns * (double)n < (double)sum * UNBALANCED)
		return;
	ADD(f, "  streams: %s of %s sync wait is for %s,", format_percent(a, most->sync_ns, sum),
	    format_duration(b, sum), text_shown(most->name, name, sizeof(name)));
	ADD(f, " one of %s", format_count(a, n));
}

/* --- memory --- */

#define MEMORY_KINDS 8
/* Allocations a second from which on they are worth mentioning. */
#define CHURN 10

static size_t sum_memory(const struct profile *p, struct profile_memory *kinds)
{
	size_t n = 0;

	for (size_t i = 0; i < p->memory_n; i++) {
		const struct profile_memory *m = &p->memory[i];
		size_t k = 0;

		while (k < n && strcmp(kinds[k].kind, m->kind) != 0)
			k++;
		if (k == MEMORY_KINDS)
			continue;
		if (k == n) {
			kinds[n++] = *m;
			continue;
		}
		kinds[k].allocations += m->allocations;
		kinds[k].live += m->live;
		kinds[k].live_bytes += m->live_bytes;
		kinds[k].peak_bytes += m->peak_bytes;
		kinds[k].unknown_frees += m->unknown_frees;
	}
	return n;
}

static void fact_memory(const struct summary_facts *v, struct fact *f)
{
	struct profile_memory kinds[MEMORY_KINDS] = { { 0 } };
	const size_t n = v->p->entries_only ? 0 : sum_memory(v->p, kinds);
	const char *before = "  memory:";
	char a[FORMAT_SIZE], b[FORMAT_SIZE];
	uint64_t unknown = 0;
	bool full = false;

	for (size_t k = 0; k < n; k++) {
		const struct profile_memory *m = &kinds[k];

		unknown += m->unknown_frees;
		full = full || (m->allocations && !ADD(f, "%s %s %s live, %s peak", before, m->kind,
						       format_memory(a, m->live_bytes),
						       format_memory(b, m->peak_bytes)));
		if (full || !m->allocations)
			continue;
		before = ";";
		if (m->allocations > CHURN && m->live * 2 <= m->allocations && v->p->duration_ns &&
		    m->allocations * 1000000000 / v->p->duration_ns >= CHURN)
			ADD(f, ", churn %s",
			    format_per_second(a, m->allocations, v->p->duration_ns));
	}
	if (unknown)
		ADD(f, "%s %s frees of what was allocated before the trace", before,
		    format_count(a, unknown));
}

/* The function that called the allocation. */
static const char *allocator(const struct profile_allocation *a)
{
	for (size_t i = a->frames_n; i > 1; i--)
		if (!strcmp(a->frames[i - 1], a->call))
			return a->frames[i - 2];
	return a->frames_n ? a->frames[a->frames_n - 1] : "[unknown]";
}

static void fact_leaks(const struct summary_facts *v, struct fact *f)
{
	const struct profile *p = v->p;
	char a[FORMAT_SIZE], b[FORMAT_SIZE], name[CELL_SIZE];
	uint64_t live = 0, bytes = 0;

	if (p->entries_only)
		return;
	for (size_t i = 0; i < p->memory_n; i++) {
		live += p->memory[i].live;
		bytes += p->memory[i].live_bytes;
	}
	if (!bytes) {
		if (v->leaks)
			ADD(f, "  leaks: none");
		return;
	}
	ADD(f, "  leaks: %s of %s allocations live at the end", format_memory(a, bytes),
	    format_count(b, live));
	for (size_t i = 0; i < p->allocations_n && i < 3 && p->allocations[i].live_bytes; i++) {
		summary_name(allocator(&p->allocations[i]), false, name, sizeof(name));
		text_cut(name, NAME_MAX_WIDTH);
		ADD(f, "%s %s %s", i ? "," : ":", name,
		    format_memory(a, p->allocations[i].live_bytes));
	}
}

/* --- switches --- */

#define CALLERS 4 /* named, if there is room */

static void fact_switches(const struct summary_facts *v, struct fact *f)
{
	char rate[FORMAT_SIZE], share[FORMAT_SIZE], name[CELL_SIZE];
	struct summary_switches s;
	size_t n;

	if (!summary_switches(v->p, &s))
		return;
	ADD(f, "  switches: %s of %s from one stack%s", format_percent(share, s.n, s.all),
	    format_per_second(rate, s.all, v->p->duration_ns),
	    s.involuntary * 2 > s.n ? " (involuntary)" : "");
	/* How a program's thread got to sleep is the kernel's business. */
	n = s.line->user_n ? s.line->user_n : s.line->frames_n;
	for (size_t i = 0; i < CALLERS && i < n; i++) {
		summary_name(s.line->frames[n - 1 - i], false, name, sizeof(name));
		text_cut(name, NAME_MAX_WIDTH);
		if (!ADD(f, "%s %s", i ? " <" : ":", name))
			break;
	}
}

/* --- all of them --- */

/* In the order in which they are shown. rank: which goes first when there is not room for all. */
static const struct {
	void (*build)(const struct summary_facts *v, struct fact *f);
	unsigned int rank;
} facts[] = {
	{ fact_launches, 0 }, { fact_gaps, 5 },	 { fact_copies, 1 },   { fact_streams, 4 },
	{ fact_memory, 2 },   { fact_leaks, 6 }, { fact_switches, 3 },
};
#define FACTS (sizeof(facts) / sizeof(*facts))

enum form { LEFT_OUT, SHORT, WHOLE };

/* Writes a line, or only counts its lines. */
static size_t put_fact(struct screen *s, const struct summary_facts *v, size_t i, enum form form)
{
	struct fact f = { .max = form == WHOLE ? SIZE_MAX : s->columns };
	const size_t before = s->lines;

	if (form == LEFT_OUT)
		return 0;
	facts[i].build(v, &f);
	screen_text(s, f.line.text, 4);
	return s->lines - before;
}

static size_t count_fact(const struct screen *s, const struct summary_facts *v, size_t i,
			 enum form form)
{
	struct screen count = { .columns = s->columns };

	return put_fact(&count, v, i, form);
}

void summary_facts(struct screen *s, const struct summary_facts *v, size_t lines,
		   size_t whole_lines)
{
	enum form forms[FACTS] = { LEFT_OUT };
	size_t used = 0;

	/* First as many as can be, then whole what can be whole. */
	for (enum form form = SHORT; form <= WHOLE; form++)
		for (unsigned int rank = 0; rank < FACTS; rank++)
			for (size_t i = 0; i < FACTS; i++) {
				const size_t now = count_fact(s, v, i, forms[i]);
				const size_t more = count_fact(s, v, i, form);

				if (facts[i].rank != rank ||
				    used - now + more > (form == WHOLE ? whole_lines : lines))
					continue;
				forms[i] = form;
				used += more - now;
			}
	for (size_t i = 0; i < FACTS; i++)
		put_fact(s, v, i, forms[i]);
}
