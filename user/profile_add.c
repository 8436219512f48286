/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Times and stacks come in, in any order, keyed by the thread's serial number. What is equal is kept
 * once: memory grows with threads and with distinct stacks, not with samples. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "frames.h"
#include "profile_build.h"

static bool serial_equal(const void *array, uint32_t position, const void *key)
{
	const struct build_serial *serials = array;

	return serials[position].serial == *(const uint64_t *)key;
}

int64_t build_find_serial(const struct profile_build *b, uint64_t serial)
{
	const uint64_t hash = hash_bytes(&serial, sizeof(serial));
	const uint32_t found =
		hash_index_find(&b->serial_index, hash, serial_equal, b->serials, &serial);

	return found != HASH_INDEX_NONE ? (int64_t)found : -ENOENT;
}

int64_t build_serial(struct profile_build *b, uint64_t serial)
{
	const uint64_t hash = hash_bytes(&serial, sizeof(serial));
	const int64_t found = build_find_serial(b, serial);
	int err;

	if (found >= 0)
		return found;
	err = array_grow(&b->serials, &b->serials_cap, b->serials_n + 1, sizeof(*b->serials));
	if (!err)
		err = hash_index_add(&b->serial_index, hash, (uint32_t)b->serials_n);
	if (err)
		return err;
	b->serials[b->serials_n] = (struct build_serial){ .serial = serial, .row = NO_ROW };
	return (int64_t)b->serials_n++;
}

int profile_add_wait(struct profile *p, uint64_t serial, int syscall, unsigned int flags,
		     uint64_t ns, uint64_t count)
{
	struct profile_build *b = p->build;
	int64_t at;
	int err;

	if (!b)
		return -EINVAL;
	if (!ns)
		return 0;
	at = build_serial(b, serial);
	if (at < 0)
		return (int)at;
	err = array_grow(&b->waits, &b->waits_cap, b->waits_n + 1, sizeof(*b->waits));
	if (err)
		return err;
	b->waits[b->waits_n++] = (struct build_wait){
		.serial = (uint32_t)at,
		.syscall = (int16_t)(syscall < 0 ? INFBPF_NO_SYSCALL : syscall),
		.flags = (uint16_t)(flags & ~(unsigned int)WAIT_IN_CALL),
		.ns = ns,
		.count = count,
	};
	return 0;
}

int profile_add_thread_call(struct profile *p, uint64_t serial, const char *call,
			    const uint64_t state_ns[PROFILE_STATES])
{
	struct profile_build *b = p->build;
	int64_t at, name;
	int err;

	if (!b || !call)
		return -EINVAL;
	at = build_serial(b, serial);
	if (at < 0)
		return (int)at;
	name = arena_string(p->arena, call);
	if (name < 0)
		return (int)name;
	err = array_grow(&b->calls, &b->calls_cap, b->calls_n + 1, sizeof(*b->calls));
	if (err)
		return err;
	b->calls[b->calls_n] = (struct build_call){ (uint32_t)at, (uint32_t)name + 1, { 0 } };
	memcpy(b->calls[b->calls_n++].state_ns, state_ns, sizeof(b->calls->state_ns));
	return 0;
}

/* --- lists of frames --- */

static size_t list_key_bytes(const struct frame_list *l)
{
	return offsetof(struct frame_list, frames) + l->n * sizeof(l->frames[0]);
}

static bool list_equal(const void *array, uint32_t position, const void *key)
{
	const struct frame_list *const *lists = array, *k = key;

	return lists[position]->n == k->n && !memcmp(lists[position], k, list_key_bytes(k));
}

/* The position of a list equal to scratch. */
static int64_t list_intern(struct profile *p)
{
	struct profile_build *b = p->build;
	const size_t bytes = list_key_bytes(b->scratch);
	const uint64_t hash = hash_bytes(b->scratch, bytes);
	const uint32_t found =
		hash_index_find(&b->list_index, hash, list_equal, b->lists, b->scratch);
	struct frame_list *copy;
	int err;

	if (found != HASH_INDEX_NONE)
		return found;
	err = array_grow(&b->lists, &b->lists_cap, b->lists_n + 1, sizeof(*b->lists));
	if (err)
		return err;
	copy = arena_alloc(&p->arena->memory, bytes);
	if (!copy)
		return -ENOMEM;
	err = hash_index_add(&b->list_index, hash, (uint32_t)b->lists_n);
	if (err)
		return err;
	b->lists[b->lists_n] = memcpy(copy, b->scratch, bytes);
	return (int64_t)b->lists_n++;
}

/* Empties scratch and makes room for n frames in it. */
static int scratch_reset(struct profile_build *b, size_t n)
{
	if (n > UINT16_MAX)
		return -E2BIG;
	if (!b->scratch || n > b->scratch_n) {
		struct frame_list *l = realloc(b->scratch, sizeof(*l) + n * sizeof(l->frames[0]));

		if (!l)
			return -ENOMEM;
		b->scratch = l;
		b->scratch_n = n;
	}
	memset(b->scratch, 0, sizeof(*b->scratch));
	return 0;
}

static int scratch_add(struct profile *p, const char *frame, bool user)
{
	struct frame_list *l = p->build->scratch;
	const char *own = profile_string(p, frame);

	if (!own)
		return -ENOMEM;
	l->frames[l->n++] = own;
	l->user_n += user;
	return 0;
}

int64_t build_list(struct profile *p, const char *const *frames, size_t n)
{
	int err = scratch_reset(p->build, n);

	for (size_t i = 0; !err && i < n; i++)
		err = scratch_add(p, frames[i], true);
	return err ? err : list_intern(p);
}

/* Where a stack gets the names of its calls; not at all where they are frames already. */
struct call_places {
	size_t outer, inner; /* before which frame; NOWHERE */
};
#define NOWHERE SIZE_MAX

static struct call_places place_calls(const struct profile_stack *s, size_t user_n)
{
	struct call_places at = { NOWHERE, NOWHERE };
	const size_t outside = s->call_return ? user_n : s->outside_n;
	size_t from, after;
	bool found, inner;

	if (!s->call)
		return at;
	from = frames_place_call(s->frames, user_n, outside, s->call, &found);
	if (!found && s->inner) {
		/* A walk that broke off in the inner call, and whose return address is not known. */
		after = frames_place_call(s->frames, from, from, s->inner, &inner);
		from = inner ? after : from;
	}
	if (!found)
		at.outer = from;
	if (!s->inner)
		return at;
	/* The outer call made it: only what lies leafward of that can be it. */
	from += found;
	after = s->inner_after > from ? s->inner_after - from : 0;
	from += frames_place_call(s->frames + from, user_n - from, after, s->inner, &found);
	if (!found)
		at.inner = from;
	return at;
}

/* The stack's frames without what the tracer itself left on top, and with the calls among them. */
static int64_t stack_list(struct profile *p, const struct profile_stack *s)
{
	const size_t user_n = s->user_n < s->frames_n ? s->user_n : s->frames_n;
	const enum frames_origin origin = s->call_return	       ? FRAMES_CALL
					  : s->state == PROFILE_ON_CPU ? FRAMES_SAMPLE
								       : FRAMES_WAIT;
	const size_t n = frames_trim(s->frames, s->frames_n, user_n, origin);
	const struct call_places at = place_calls(s, user_n);
	int err = scratch_reset(p->build, s->stages_n + n + 3);

	for (size_t i = 0; !err && i < s->stages_n; i++)
		err = scratch_add(p, s->stages[i], true);
	if (!err)
		p->build->scratch->stages_n = s->stages_n;
	for (size_t i = 0; !err && i <= n; i++) {
		if (i == at.outer)
			err = scratch_add(p, s->call, true);
		if (!err && i == at.inner)
			err = scratch_add(p, s->inner, true);
		if (!err && i < n)
			err = scratch_add(p, s->frames[i], i < user_n);
	}
	if (!err && p->build->scratch->n == s->stages_n)
		err = scratch_add(p, "[unknown]", true);
	return err ? err : list_intern(p);
}

/* --- stacks --- */

#define STACK_KEY_BYTES offsetof(struct build_stack, count)

static bool stack_equal(const void *array, uint32_t position, const void *key)
{
	const struct build_stack *stacks = array;

	return !memcmp(&stacks[position], key, STACK_KEY_BYTES);
}

static int stack_count(struct profile_build *b, const struct build_stack *key,
		       const struct profile_stack *s)
{
	const uint64_t hash = hash_bytes(key, STACK_KEY_BYTES);
	uint32_t at = hash_index_find(&b->stack_index, hash, stack_equal, b->stacks, key);

	if (at == HASH_INDEX_NONE) {
		int err =
			array_grow(&b->stacks, &b->stacks_cap, b->stacks_n + 1, sizeof(*b->stacks));

		if (!err)
			err = hash_index_add(&b->stack_index, hash, (uint32_t)b->stacks_n);
		if (err)
			return err;
		at = (uint32_t)b->stacks_n++;
		b->stacks[at] = *key;
	}
	b->stacks[at].weight_ns += s->weight_ns;
	b->stacks[at].switches += s->switches;
	b->stacks[at].switches_variance += s->switches_variance;
	b->stacks[at].count++;
	return 0;
}

int profile_add_stack(struct profile *p, const struct profile_stack *s)
{
	struct profile_build *b = p->build;
	struct build_stack key;
	int64_t at, list, call = -1;

	if (!b || s->state >= PROFILE_STATES)
		return -EINVAL;
	if (!s->weight_ns && !s->switches)
		return 0;
	at = build_serial(b, s->serial);
	if (at < 0)
		return (int)at;
	list = stack_list(p, s);
	if (list < 0)
		return (int)list;
	if (s->call) {
		call = arena_string(p->arena, s->call);
		if (call < 0)
			return (int)call;
	}
	memset(&key, 0, sizeof(key));
	key.serial = (uint32_t)at;
	key.call = (uint32_t)(call + 1);
	key.list = (uint32_t)list;
	key.state = s->state;
	key.call_return = s->call_return && s->call;
	key.syscall = INFBPF_NO_SYSCALL;
	if (s->state == PROFILE_BLOCKED && !key.call_return) {
		key.syscall = s->syscall < 0 ? INFBPF_NO_SYSCALL : s->syscall;
		key.flags = (uint16_t)(s->flags & ~(unsigned int)WAIT_IN_CALL);
	}
	return stack_count(b, &key, s);
}
