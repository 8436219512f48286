/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The result of a trace: the container, its strings, and the threads' accounts. Stacks and
 * times: profile_add.c; CUDA calls: profile_calls.c; what becomes of them: profile_scale.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "profile_build.h"
#include "profile_serving_build.h"

struct profile *profile_new(void)
{
	struct profile *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->build = calloc(1, sizeof(*p->build));
	p->arena = calloc(1, sizeof(*p->arena));
	if (p->build)
		p->build->serving = serving_new();
	if (!p->build || !p->build->serving || !p->arena) {
		profile_free(p);
		return NULL;
	}
	return p;
}

void build_free(struct profile_build *b)
{
	if (!b)
		return;
	hash_index_free(&b->serial_index);
	hash_index_free(&b->list_index);
	hash_index_free(&b->stack_index);
	hash_index_free(&b->merged_index);
	free(b->serials);
	free(b->lists);
	free(b->scratch);
	free(b->stacks);
	free(b->waits);
	free(b->calls);
	serving_free(b->serving);
	free(b);
}

void profile_free(struct profile *p)
{
	if (!p)
		return;
	build_free(p->build);
	if (p->arena) {
		hash_index_free(&p->arena->index);
		free(p->arena->strings);
		arena_free(&p->arena->memory);
		free(p->arena);
	}
	profile_sched_free(p);
	profile_slices_free(p);
	free(p->threads);
	free(p->calls);
	free(p->copies);
	free(p->errors);
	free(p->streams);
	free(p->launches);
	free(p->launchers);
	free(p->memory);
	free(p->allocations);
	free(p->switches);
	free(p->io);
	free(p->io_threads);
	free(p->hooks);
	free(p->not_measured);
	free(p->lines);
	free(p->waits);
	free(p->stages);
	free(p->requests); /* their parts and passes are in the arena */
	free(p);
}

static bool string_equal(const void *array, uint32_t position, const void *key)
{
	const char *const *strings = array;

	return !strcmp(strings[position], key);
}

int64_t arena_string(struct profile_arena *a, const char *s)
{
	const size_t n = strlen(s) + 1;
	const uint64_t hash = hash_bytes(s, n);
	const uint32_t found = hash_index_find(&a->index, hash, string_equal, a->strings, s);
	char *copy;
	int err;

	if (found != HASH_INDEX_NONE)
		return found;
	err = array_grow(&a->strings, &a->strings_cap, a->strings_n + 1, sizeof(*a->strings));
	if (err)
		return err;
	copy = arena_alloc(&a->memory, n);
	if (!copy)
		return -ENOMEM;
	err = hash_index_add(&a->index, hash, (uint32_t)a->strings_n);
	if (err)
		return err;
	a->strings[a->strings_n] = memcpy(copy, s, n);
	return (int64_t)a->strings_n++;
}

const char *profile_string(struct profile *p, const char *s)
{
	const int64_t number = s ? arena_string(p->arena, s) : -EINVAL;

	return number < 0 ? NULL : p->arena->strings[number];
}

void *profile_alloc(struct profile *p, size_t bytes)
{
	return arena_alloc(&p->arena->memory, bytes);
}

int build_own(struct profile *p, const char **s)
{
	if (!*s)
		return 0;
	*s = profile_string(p, *s);
	return *s ? 0 : -ENOMEM;
}

int build_name(struct profile *p, const char **s)
{
	if (!*s)
		*s = "";
	return build_own(p, s);
}

/* What tells rows of merged threads apart. The strings are the profile's own, so pointers will do. */
struct merge_key {
	uint64_t pid;
	const char *process, *comm;
};

static bool merged_equal(const void *array, uint32_t position, const void *key)
{
	const struct profile_thread *t = (const struct profile_thread *)array + position;
	const struct merge_key *k = key;

	return t->pid == k->pid && t->process == k->process && t->comm == k->comm;
}

static void merge_thread(struct profile_thread *row, const struct profile_thread *t)
{
	row->merged += t->merged;
	if (t->start_ns < row->start_ns)
		row->start_ns = t->start_ns;
	row->wall_ns += t->wall_ns;
	for (int s = 0; s < PROFILE_STATES; s++)
		row->state_ns[s] += t->state_ns[s];
	row->voluntary += t->voluntary;
	row->involuntary += t->involuntary;
	row->migrations += t->migrations;
	/* What is unknown of a part is unknown of the whole. */
	row->major_faults =
		row->major_faults == PROFILE_UNKNOWN || t->major_faults == PROFILE_UNKNOWN
			? PROFILE_UNKNOWN
			: row->major_faults + t->major_faults;
	row->throttled_ns += t->throttled_ns;
	if (t->stolen_ns > row->stolen_ns) {
		row->stolen_by = t->stolen_by;
		row->stolen_ns = t->stolen_ns;
	}
}

/* Appends a row; merge_hash: where to find it when the next of its kind ends, 0: never. */
static int append_thread(struct profile *p, const struct profile_thread *t, uint64_t merge_hash)
{
	struct profile_build *b = p->build;
	int err;

	err = array_grow(&p->threads, &b->threads_cap, p->threads_n + 1, sizeof(*p->threads));
	if (!err && merge_hash)
		err = hash_index_add(&b->merged_index, merge_hash, (uint32_t)p->threads_n);
	if (err)
		return err;
	p->threads[p->threads_n++] = *t;
	return 0;
}

/* Makes the copy sound: whatever was handed in, the states are what was counted. */
static int take_thread(struct profile *p, struct profile_thread *t)
{
	int err = build_name(p, &t->process);

	if (!err)
		err = build_name(p, &t->comm);
	if (!err)
		err = build_own(p, &t->stolen_by);
	if (t->throttled_ns > t->state_ns[PROFILE_PREEMPTED])
		t->throttled_ns = t->state_ns[PROFILE_PREEMPTED];
	if (!t->merged)
		t->merged = 1;
	t->wall_ns = 0;
	for (int s = 0; s < PROFILE_STATES; s++)
		t->wall_ns += t->state_ns[s];
	memset(t->blocked_by_ns, 0, sizeof(t->blocked_by_ns));
	t->call_ns = 0;
	return err;
}

int profile_add_thread(struct profile *p, const struct profile_thread *thread, size_t max_threads)
{
	struct profile_build *b = p->build;
	struct profile_thread t = *thread;
	uint64_t hash = 0;
	uint32_t row;
	int64_t at;
	int err;

	if (!b)
		return -EINVAL;
	at = build_serial(b, t.serial);
	if (at < 0)
		return (int)at;
	if (b->serials[at].row != NO_ROW)
		return -EEXIST;
	err = take_thread(p, &t);
	if (err)
		return err;
	if (t.serial & PROFILE_NAMELESS)
		b->nameless_n += t.merged;
	row = (uint32_t)p->threads_n;
	if (t.ended && ++b->ended_n > max_threads) {
		const struct merge_key key = { t.pid, t.process, t.comm };

		hash = hash_bytes(&key, sizeof(key)) | 1;
		row = hash_index_find(&b->merged_index, hash, merged_equal, p->threads, &key);
		if (row != HASH_INDEX_NONE) {
			merge_thread(&p->threads[row], &t);
			b->serials[at].row = row;
			return 0;
		}
		row = (uint32_t)p->threads_n;
	}
	err = append_thread(p, &t, hash);
	if (!err)
		b->serials[at].row = row;
	return err;
}

int profile_add_hook(struct profile *p, const struct profile_hook *hook)
{
	struct profile_hook h = *hook;
	int err;

	if (!p->build)
		return -EINVAL;
	err = build_name(p, &h.name);
	if (!err)
		err = build_name(p, &h.kind);
	if (!err)
		err = build_own(p, &h.lost);
	if (!err)
		err = array_grow(&p->hooks, &p->build->hooks_cap, p->hooks_n + 1, sizeof(h));
	if (!err)
		p->hooks[p->hooks_n++] = h;
	return err;
}

int profile_add_not_measured(struct profile *p, const char *what, const char *why)
{
	struct profile_not_measured n = { what, why };
	int err;

	if (!p->build)
		return -EINVAL;
	err = build_name(p, &n.what);
	if (!err)
		err = build_own(p, &n.why);
	if (!err)
		err = array_grow(&p->not_measured, &p->build->not_measured_cap,
				 p->not_measured_n + 1, sizeof(n));
	if (!err)
		p->not_measured[p->not_measured_n++] = n;
	return err;
}

bool profile_is_emulated(const struct profile *p, const struct profile_thread *t)
{
	return p->runtime && !strcmp(p->runtime, "emu") && !strncmp(t->comm, "emu-gpu/", 8);
}
