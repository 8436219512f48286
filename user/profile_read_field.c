/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Fields of a JSON object into a structure. Nothing of the file is trusted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "profile_build.h"
#include "profile_read_part.h"

/* Sums of a few of them still fit. */
#define NUMBER_MAX ((json_int_t)1 << 60)

int read_fault(struct reader *r, const char *key, const char *what)
{
	return fault_set(r->f, EXIT_FAILED, EINVAL, "%s: %s%s%s: %s", r->path, r->where,
			 *r->where && key ? "." : "", key ? key : "", what);
}

int read_no_memory(struct reader *r)
{
	return fault_set(r->f, EXIT_FAILED, ENOMEM, "%s: out of memory", r->path);
}

void *read_alloc(struct reader *r, size_t n, size_t size)
{
	void *memory = n < SIZE_MAX / 2 / size ? arena_alloc(&r->p->arena->memory, n * size) : NULL;

	if (!memory)
		read_no_memory(r);
	return memory;
}

static const json_t *get(const json_t *o, const char *key)
{
	const json_t *value = json_object_get(o, key);

	return json_is_null(value) ? NULL : value;
}

static bool is_wide(enum read_type type)
{
	return type == READ_COUNT || type == READ_KNOWN;
}

int read_number(struct reader *r, const json_t *o, const char *key, enum read_type type, void *to)
{
	const json_t *value = get(o, key);
	const bool wide = is_wide(type), must = type == READ_COUNT || type == READ_ID;
	const uint64_t none = wide ? PROFILE_UNKNOWN : 0;
	json_int_t n;

	if (!value && must)
		return read_fault(r, key, "missing");
	if (value && !json_is_integer(value))
		return read_fault(r, key, "not a whole number");
	n = json_integer_value(value);
	if (n < 0 || n > (wide ? NUMBER_MAX : (json_int_t)UINT32_MAX))
		return read_fault(r, key, "out of range");
	if (wide)
		*(uint64_t *)to = value ? (uint64_t)n : none;
	else
		*(uint32_t *)to = (uint32_t)n;
	return 0;
}

int read_text(struct reader *r, const json_t *o, const char *key, enum read_type type,
	      const char **to)
{
	const json_t *value = get(o, key);

	*to = NULL;
	if (!value)
		return type == READ_NAME ? read_fault(r, key, "missing") : 0;
	if (!json_is_string(value))
		return read_fault(r, key, "not a string");
	*to = profile_string(r->p, json_string_value(value));
	return *to ? 0 : read_no_memory(r);
}

static int read_bool(struct reader *r, const json_t *o, const char *key, bool *to)
{
	const json_t *value = get(o, key);

	if (value && !json_is_boolean(value))
		return read_fault(r, key, "neither true nor false");
	*to = json_is_true(value);
	return 0;
}

int read_fields(struct reader *r, const json_t *o, const struct read_field *fields, size_t n,
		void *to)
{
	int err = 0;

	for (size_t i = 0; !err && i < n; i++) {
		const struct read_field *f = &fields[i];
		void *at = (char *)to + f->offset;

		if (f->type == READ_NAME || f->type == READ_TEXT)
			err = read_text(r, o, f->key, f->type, at);
		else if (f->type == READ_BOOL)
			err = read_bool(r, o, f->key, at);
		else
			err = read_number(r, o, f->key, f->type, at);
	}
	return err;
}

int read_share(struct reader *r, const json_t *o, const char *key, double *to)
{
	const json_t *value = get(o, key);

	*to = -1;
	if (!value)
		return 0;
	if (!json_is_number(value))
		return read_fault(r, key, "not a number");
	*to = json_number_value(value);
	return *to >= 0 && *to <= 1 ? 0 : read_fault(r, key, "not a share from 0 to 1");
}

int read_object(struct reader *r, const json_t *o, const char *key, const json_t **to)
{
	*to = get(o, key);
	return !*to || json_is_object(*to) ? 0 : read_fault(r, key, "not an object");
}

int read_array(struct reader *r, const json_t *o, const char *key, const json_t **to)
{
	*to = get(o, key);
	return !*to || json_is_array(*to) ? 0 : read_fault(r, key, "not an array");
}

static bool is_kernel_frame(const char *frame)
{
	const size_t n = strlen(frame);

	return n > 4 && !strcmp(frame + n - 4, "_[k]");
}

int read_strings(struct reader *r, const json_t *o, const char *key, const char *const **to,
		 uint16_t *n, uint16_t *kernel_n)
{
	const json_t *array;
	const char **strings;
	size_t size;
	int err = read_array(r, o, key, &array);

	*to = NULL;
	*n = 0;
	if (kernel_n)
		*kernel_n = 0;
	size = json_array_size(array);
	if (err || !size)
		return err;
	if (size > UINT16_MAX)
		return read_fault(r, key, "more than 65,535 of them");
	strings = read_alloc(r, size, sizeof(*strings));
	if (!strings)
		return -ENOMEM;
	for (size_t i = 0; i < size; i++) {
		const json_t *value = json_array_get(array, i);

		if (!json_is_string(value))
			return read_fault(r, key, "not an array of strings");
		strings[i] = profile_string(r->p, json_string_value(value));
		if (!strings[i])
			return read_no_memory(r);
		if (kernel_n)
			*kernel_n = is_kernel_frame(strings[i]) ? *kernel_n + 1 : 0;
	}
	*to = strings;
	*n = (uint16_t)size;
	return 0;
}

/* A cause that this infbpf does not know is another one. */
static enum wait_cause cause_of(const char *name)
{
	for (unsigned int c = CAUSE_NONE + 1; c < CAUSES; c++)
		if (!strcmp(wait_cause_name(c), name))
			return c;
	return CAUSE_OTHER;
}

int read_causes(struct reader *r, const json_t *o, uint64_t ns[CAUSES])
{
	const json_t *by;
	const char *name;
	json_t *value;
	uint64_t n;
	int err = read_object(r, o, "blocked_by", &by);

	memset(ns, 0, CAUSES * sizeof(*ns));
	if (err || !by)
		return err;
	json_object_foreach((json_t *)by, name, value)
	{
		(void)value;
		err = read_number(r, by, name, READ_COUNT, &n);
		if (err)
			return err;
		ns[cause_of(name)] += n;
	}
	return 0;
}

/* --- whose a row is --- */

struct thread_key {
	uint32_t pid, tid;
	bool merged;
	const char *comm; /* the profile's own: equal where it is the same */
};

static uint64_t thread_hash(const struct thread_key *k)
{
	const uint64_t words[] = { k->pid, k->merged ? UINT64_MAX : k->tid, (uintptr_t)k->comm };

	return hash_bytes(words, sizeof(words));
}

static struct thread_key key_of(const struct profile_thread *t)
{
	return (struct thread_key){ t->pid, t->tid, t->merged > 1, t->comm };
}

static bool thread_equal(const void *array, uint32_t position, const void *key)
{
	const struct thread_key a = key_of((const struct profile_thread *)array + position);
	const struct thread_key *b = key;

	return a.pid == b->pid && a.merged == b->merged && a.comm == b->comm &&
	       (a.merged || a.tid == b->tid);
}

static uint32_t find_thread(const struct reader *r, const struct thread_key *k)
{
	return hash_index_find(&r->threads, thread_hash(k), thread_equal, r->p->threads, k);
}

int read_index_threads(struct reader *r)
{
	for (size_t i = 0; i < r->p->threads_n; i++) {
		const struct thread_key k = key_of(&r->p->threads[i]);

		/* Of two of the same number and name, the first. */
		if (find_thread(r, &k) != HASH_INDEX_NONE)
			continue;
		if (hash_index_add(&r->threads, thread_hash(&k), (uint32_t)i))
			return read_no_memory(r);
	}
	return 0;
}

int read_thread(struct reader *r, const json_t *o, uint32_t *thread, uint64_t *serial)
{
	struct thread_key k = { .merged = !get(o, "tid") };
	int err = read_number(r, o, "pid", READ_ID, &k.pid);

	if (!err)
		err = read_number(r, o, "tid", READ_MAY_ID, &k.tid);
	if (!err)
		err = read_text(r, o, "comm", READ_NAME, &k.comm);
	if (err)
		return err;
	*thread = find_thread(r, &k);
	if (*thread == HASH_INDEX_NONE)
		return read_fault(r, NULL, "of a thread that is not in \"threads\"");
	*serial = r->p->threads[*thread].serial;
	return 0;
}
