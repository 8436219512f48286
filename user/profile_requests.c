/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Requests of a profile: their latencies, first and further tokens, the passes; one row a process. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "profile_requests.h"

static void ways_free(struct ways *w)
{
	free(w->spans);
	free(w->passes);
	free(w->passes_by_id);
	free(w->groups);
	free(w->tiles);
	free(w->lives);
	free(w->memberships);
	free(w->items);
	free(w->processes);
	free(w->parts);
	free(w->times);
	free(w->waits);
	free(w->part_of[PART_STAGE]);
	free(w->part_of[PART_WAIT]);
	free(w->touched);
	free(w->lane);
	free(w->stack);
}

/* --- which requests, and how slow --- */

static uint64_t latency_of(const struct way_life *l)
{
	return (uint64_t)(l->end_ns - l->arrival_ns);
}

/* latency_ns: as for ways_parts(). values: room for all lives. */
static void rank_lives(struct ways *w, const struct way_process *process, uint64_t *values,
		       uint64_t latency_ns[3], struct profile_requests *row)
{
	uint64_t p45, p55;
	size_t n = 0;

	for (uint32_t i = 0; i < process->lives_n; i++) {
		const struct way_life *l = &w->lives[process->lives + i];

		if (l->state != LIFE_ENDED)
			continue;
		values[n++] = latency_of(l);
		row->latency_ns += latency_of(l);
		row->tokens_in += l->tokens_in > 0 ? (uint64_t)l->tokens_in : 0;
		row->tokens_out += l->tokens_out > 0 ? (uint64_t)l->tokens_out : 0;
	}
	row->count = n;
	exact_quantiles(values, n, &row->latency);
	if (!n)
		return;
	p45 = exact_quantile(values, n, 0.45);
	p55 = exact_quantile(values, n, 0.55);
	for (uint32_t i = 0; i < process->lives_n; i++) {
		struct way_life *l = &w->lives[process->lives + i];
		const uint64_t ns = latency_of(l);

		if (l->state != LIFE_ENDED)
			continue;
		l->median = ns >= p45 && ns <= p55;
		l->slow = ns >= row->latency.p95_ns;
		l->slowest = ns >= row->latency.p99_ns;
		row->slow += l->slow;
		latency_ns[0] += l->median ? ns : 0;
		latency_ns[1] += l->slow ? ns : 0;
		latency_ns[2] += l->slowest ? ns : 0;
	}
}

/* After the walk: when the first token was there, and how long each further one took. */
static void rank_tokens(const struct ways *w, const struct way_process *process, uint64_t *values,
			struct profile_requests *row)
{
	size_t n = 0;

	for (uint32_t i = 0; i < process->lives_n; i++) {
		const struct way_life *l = &w->lives[process->lives + i];

		if (l->state == LIFE_ENDED && l->first_pass_ns > l->arrival_ns)
			values[n++] = (uint64_t)(l->first_pass_ns - l->arrival_ns);
	}
	exact_quantiles(values, n, &row->first_token);
	n = 0;
	for (uint32_t i = 0; i < process->lives_n; i++) {
		const struct way_life *l = &w->lives[process->lives + i];

		if (l->state == LIFE_ENDED && l->tokens_out > 1 &&
		    l->last_pass_ns > l->first_pass_ns && l->first_pass_ns != INT64_MIN)
			values[n++] = (uint64_t)(l->last_pass_ns - l->first_pass_ns) /
				      (uint64_t)(l->tokens_out - 1);
	}
	exact_quantiles(values, n, &row->per_token);
}

/* --- passes --- */

struct pass_time {
	uint32_t pid, name;
	uint32_t pass;
	uint64_t ns;
};

static int by_name(const void *a, const void *b)
{
	const struct pass_time *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (x->name != y->name)
		return x->name < y->name ? -1 : 1;
	return x->pass < y->pass ? -1 : x->pass > y->pass;
}

/* The most frequent first. */
static int by_count(const void *a, const void *b)
{
	const struct profile_pass *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* One row: the passes of one name. */
static void fill_pass(const struct ways *w, const struct pass_time *times, size_t n,
		      uint64_t *values, struct profile_pass *row)
{
	*row = (struct profile_pass){ .name = w->p->arena->strings[times->name], .count = n };
	for (size_t i = 0; i < n; i++) {
		const struct way_pass *pass = &w->passes[times[i].pass];
		const struct build_span *s = w->spans[pass->span].s;
		/* A mark that does not say how many may name them. */
		const uint32_t size = s->requests ? s->requests : pass->marked;

		row->requests += size;
		row->tokens += s->tokens;
		row->padded += s->padded;
		row->sizes[size < PROFILE_BATCHES ? size : PROFILE_BATCHES - 1]++;
		values[i] = times[i].ns;
	}
	exact_quantiles(values, n, &row->times);
}

/* All of one process, which are next to each other. */
static int put_passes(struct ways *w, const struct pass_time *times, size_t n, uint64_t *values,
		      struct profile_requests *row)
{
	size_t names = 0;

	for (size_t i = 0; i < n; i++)
		names += !i || times[i].name != times[i - 1].name;
	row->passes = arena_alloc(&w->p->arena->memory, (names + 1) * sizeof(*row->passes));
	if (!row->passes)
		return -ENOMEM;
	for (size_t i = 0, next; i < n; i = next) {
		for (next = i + 1; next < n && times[next].name == times[i].name; next++)
			;
		fill_pass(w, times + i, next - i, values, &row->passes[row->passes_n++]);
	}
	qsort(row->passes, row->passes_n, sizeof(*row->passes), by_count);
	return 0;
}

static void sort_passes(const struct ways *w, struct pass_time *times)
{
	for (uint32_t i = 0; i < w->passes_n; i++) {
		const struct way_span *s = &w->spans[w->passes[i].span];

		times[i] = (struct pass_time){ s->s->pid, s->s->name, i,
					       (uint64_t)(s->end_ns - s->begin_ns) };
	}
	if (w->passes_n)
		qsort(times, w->passes_n, sizeof(*times), by_name);
}

/* --- processes --- */

static int by_pid(const void *a, const void *b)
{
	const struct way_process *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* Processes that no mark of a request is of have passes alone. */
static int add_processes(struct ways *w)
{
	const size_t known = w->processes_n;
	int err = 0;

	for (size_t i = 0; !err && i < w->passes_n; i++) {
		const struct way_process key = { .pid = w->spans[w->passes[i].span].s->pid };

		if (i && w->spans[w->passes[i - 1].span].s->pid == key.pid)
			continue;
		if (known && bsearch(&key, w->processes, known, sizeof(key), by_pid))
			continue;
		err = array_grow(&w->processes, &w->processes_cap, w->processes_n + 1, sizeof(key));
		if (!err)
			w->processes[w->processes_n++] = key;
	}
	if (w->processes_n)
		qsort(w->processes, w->processes_n, sizeof(*w->processes), by_pid);
	return err;
}

static const char *process_name(const struct profile *p, uint32_t pid)
{
	for (size_t i = 0; i < p->threads_n; i++)
		if (p->threads[i].pid == pid)
			return p->threads[i].process;
	return NULL;
}

static int put_process(struct ways *w, const struct way_process *process,
		       struct profile_requests *row)
{
	uint64_t *values = malloc((process->lives_n + 1) * sizeof(*values));
	uint64_t latency_ns[3] = { 0 };
	int err = values ? 0 : -ENOMEM;

	*row = (struct profile_requests){ .pid = process->pid,
					  .process = process_name(w->p, process->pid),
					  .begun = process->begun,
					  .dropped = process->dropped,
					  .open_at_start = process->open_at_start,
					  .open_at_end = process->open_at_end,
					  .lost = process->lost };
	if (!row->process)
		row->process = profile_string(w->p, "");
	if (err || !row->process)
		goto out;
	rank_lives(w, process, values, latency_ns, row);
	ways_parts_reset(w);
	for (uint32_t i = 0; !err && i < process->lives_n; i++)
		if (w->lives[process->lives + i].state == LIFE_ENDED)
			err = ways_walk(w, &w->lives[process->lives + i]);
	if (err)
		goto out;
	rank_tokens(w, process, values, row);
	err = ways_parts(w, process, latency_ns, row);
out:
	free(values);
	return row->process ? err : -ENOMEM;
}

/* The most requests first. */
static int by_requests(const void *a, const void *b)
{
	const struct profile_requests *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static int put_rows(struct ways *w)
{
	struct profile *p = w->p;
	struct pass_time *times = calloc(w->passes_n + 1, sizeof(*times));
	uint64_t *values = calloc(w->passes_n + 1, sizeof(*values));
	size_t at = 0, next;
	int err = -ENOMEM;

	p->requests = calloc(w->processes_n + 1, sizeof(*p->requests));
	if (!times || !values || !p->requests)
		goto out;
	sort_passes(w, times);
	err = 0;
	for (size_t i = 0; !err && i < w->processes_n; i++) {
		const struct way_process *process = &w->processes[i];
		struct profile_requests *row = &p->requests[p->requests_n++];

		err = put_process(w, process, row);
		for (next = at; next < w->passes_n && times[next].pid == process->pid; next++)
			;
		if (!err)
			err = put_passes(w, times + at, next - at, values, row);
		at = next;
	}
	if (p->requests_n)
		qsort(p->requests, p->requests_n, sizeof(*p->requests), by_requests);
out:
	free(times);
	free(values);
	return err;
}

/* Where in its process a name's part is; no part yet. After the last string came in. */
static int make_names(struct ways *w)
{
	/* One more for the name that profile_requests_sum.c may add. */
	const size_t n = w->p->arena->strings_n + 1;

	for (int kind = PART_STAGE; kind <= PART_WAIT; kind++) {
		w->part_of[kind] = malloc(n * sizeof(*w->part_of[kind]));
		if (!w->part_of[kind])
			return -ENOMEM;
		memset(w->part_of[kind], 0xff, n * sizeof(*w->part_of[kind]));
	}
	w->names_n = n;
	return 0;
}

int profile_requests_finish(struct profile *p)
{
	struct ways w = { .p = p, .b = p->build->serving };
	int err = 0;

	if (!w.b->spans_n && !w.b->events_n)
		return 0;
	if (!profile_string(p, MORE_STAGES))
		return -ENOMEM;
	err = make_names(&w);
	if (!err)
		err = ways_nest(&w);
	if (!err)
		err = ways_groups(&w);
	if (!err)
		err = ways_lives(&w);
	if (!err)
		err = ways_items(&w);
	if (!err)
		err = add_processes(&w);
	if (!err)
		err = put_rows(&w);
	ways_free(&w);
	return err;
}
