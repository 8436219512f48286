// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names once, nodes by (parent, name). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "flame/name.h"
#include "flame/tree.h"

/* About 50 bytes a node with its index: 200 MB at most. Memory that is met is memory that a hostile
 * file of a gigabyte asked for. */
#define NODES_MAX      (4u << 20)
#define NAME_BYTES_MAX (96u << 20)
#define PATH_SIZE      (FLAME_DEPTH_MAX + 1)

static const char no_room[] = "[name left out]";

struct name_key {
	const char *s;
	size_t n;
};

static bool name_equal(const void *array, uint32_t position, const void *key)
{
	const struct flame_name *name = (const struct flame_name *)array + position;
	const struct name_key *k = key;

	return !strncmp(name->text, k->s, k->n) && !name->text[k->n];
}

/* The number of a name, FLAME_NONE: no memory. */
static uint32_t intern(struct flame_tree *t, const char *s, size_t n)
{
	const struct name_key key = { s, n };
	uint64_t hash = hash_bytes(s, n);
	uint32_t at = hash_index_find(&t->by_name, hash, name_equal, t->names, &key);
	char *copy;

	if (at != HASH_INDEX_NONE)
		return at;
	if (t->name_bytes + n > NAME_BYTES_MAX && s != no_room)
		return intern(t, no_room, sizeof(no_room) - 1);
	if (array_grow(&t->names, &t->names_cap, t->names_n + 1, sizeof(*t->names)))
		return FLAME_NONE;
	copy = arena_alloc(&t->strings, n + 1);
	if (!copy)
		return FLAME_NONE;
	memcpy(copy, s, n);
	at = (uint32_t)t->names_n;
	if (hash_index_add(&t->by_name, hash, at))
		return FLAME_NONE;
	t->names[t->names_n++] = (struct flame_name){ copy, flame_name_marks(copy) };
	/* What a name costs besides its bytes, too: a million short ones are no bargain. */
	t->name_bytes += n + sizeof(*t->names) + sizeof(struct hash_entry) * 2;
	return at;
}

static uint64_t node_hash(uint32_t parent, uint32_t name)
{
	const uint64_t key = (uint64_t)parent << 32 | name;

	return hash_bytes(&key, sizeof(key));
}

struct node_key {
	uint32_t parent, name;
};

static bool node_equal(const void *array, uint32_t position, const void *key)
{
	const struct flame_node *node = (const struct flame_node *)array + position;
	const struct node_key *k = key;

	return node->parent == k->parent && node->name == k->name;
}

static int add_node(struct flame_tree *t, uint32_t parent, uint32_t name, uint32_t *at)
{
	int err = array_grow(&t->nodes, &t->nodes_cap, t->nodes_n + 1, sizeof(*t->nodes));

	*at = (uint32_t)t->nodes_n;
	if (!err && t->before) {
		err = array_grow(&t->before, &t->before_cap, t->nodes_n + 1, sizeof(*t->before));
		if (!err)
			t->before[t->nodes_n] = (struct flame_before){ 0 };
	}
	if (!err && parent != FLAME_NONE)
		err = hash_index_add(&t->by_parent, node_hash(parent, name), *at);
	if (!err)
		t->nodes[t->nodes_n++] =
			(struct flame_node){ .name = name, .parent = parent, .self = FLAME_NONE };
	return err;
}

/* The child of this name, made if need be. -ENOSPC: the bound is met. */
static int child(struct flame_tree *t, uint32_t parent, uint32_t name, uint32_t *at)
{
	const struct node_key key = { parent, name };

	*at = hash_index_find(&t->by_parent, node_hash(parent, name), node_equal, t->nodes, &key);
	if (*at != HASH_INDEX_NONE)
		return 0;
	return t->nodes_n >= t->nodes_max ? -ENOSPC : add_node(t, parent, name, at);
}

struct flame_tree *flame_tree_new(bool reverse)
{
	struct flame_tree *t = calloc(1, sizeof(*t));
	uint32_t root, name;

	if (!t)
		return NULL;
	t->reverse = reverse;
	t->nodes_max = NODES_MAX;
	t->path = calloc(PATH_SIZE, sizeof(*t->path));
	t->walk_names = calloc(PATH_SIZE, sizeof(*t->walk_names));
	t->walk_nodes = calloc(PATH_SIZE, sizeof(*t->walk_nodes));
	name = intern(t, "all", 3);
	if (!t->path || !t->walk_names || !t->walk_nodes || name == FLAME_NONE ||
	    add_node(t, FLAME_NONE, name, &root)) {
		flame_tree_free(t);
		return NULL;
	}
	return t;
}

int flame_tree_compare(struct flame_tree *t)
{
	int err = array_grow(&t->before, &t->before_cap, t->nodes_n, sizeof(*t->before));

	for (size_t i = 0; !err && i < t->nodes_n; i++)
		t->before[i] = (struct flame_before){ 0 };
	return err;
}

uint64_t flame_tree_total(const struct flame_tree *t)
{
	return t->reading_before ? t->before[0].total : t->nodes[0].total;
}

void flame_tree_free(struct flame_tree *t)
{
	if (!t)
		return;
	arena_free(&t->strings);
	hash_index_free(&t->by_name);
	hash_index_free(&t->by_parent);
	free(t->nodes);
	free(t->before);
	free(t->names);
	free(t->selves);
	free(t->path);
	free(t->walk_names);
	free(t->walk_nodes);
	free(t);
}

void flame_tree_begin(struct flame_tree *t)
{
	t->path_n = 0;
	t->last = FLAME_NONE;
}

int flame_tree_frame(struct flame_tree *t, const char *name, size_t n)
{
	char clean[FLAME_NAME_SIZE];
	uint32_t at;

	if (!flame_name_is_plain(name, n)) {
		n = flame_name_clean(name, n, clean);
		name = clean;
	}
	at = intern(t, name, n);
	if (at == FLAME_NONE)
		return -ENOMEM;
	t->last = at;
	if (t->path_n < FLAME_DEPTH_MAX)
		t->path[t->path_n] = at;
	t->path_n++;
	return 0;
}

/* What ends in a node; mostly of one class. */
static int add_self(struct flame_tree *t, uint32_t node, uint64_t value, uint8_t class)
{
	int err;

	for (uint32_t i = t->nodes[node].self; i != FLAME_NONE; i = t->selves[i].next) {
		if (t->selves[i].class == class) {
			t->selves[i].value += value;
			return 0;
		}
	}
	err = array_grow(&t->selves, &t->selves_cap, t->selves_n + 1, sizeof(*t->selves));
	if (err)
		return err;
	t->selves[t->selves_n] =
		(struct flame_self){ .value = value, .next = t->nodes[node].self, .class = class };
	t->nodes[node].self = (uint32_t)t->selves_n++;
	return 0;
}

static void reverse(uint32_t *path, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		const uint32_t name = path[i];

		path[i] = path[n - 1 - i];
		path[n - 1 - i] = name;
	}
}

/* Walks from the root as far as there are nodes or may be: *at is the last, *depth how far. */
static int walk(struct flame_tree *t, size_t n, uint32_t *at, size_t *depth)
{
	size_t i = 0;
	int err = 0;

	*at = 0;
	for (; i < n && i < t->walk_n && t->walk_names[i] == t->path[i]; i++)
		*at = t->walk_nodes[i];
	for (; i < n; i++) {
		uint32_t next;

		err = child(t, *at, t->path[i], &next);
		if (err)
			break;
		*at = next;
		t->walk_names[i] = t->path[i];
		t->walk_nodes[i] = next;
	}
	t->walk_n = i;
	*depth = i;
	return err == -ENOSPC ? 0 : err;
}

static void add_before(struct flame_tree *t, uint32_t at, uint64_t value)
{
	t->before[at].self += value;
	for (; at != FLAME_NONE; at = t->nodes[at].parent)
		t->before[at].total += value;
}

int flame_tree_end(struct flame_tree *t, uint64_t value, enum flame_class class)
{
	const size_t kept = t->path_n < FLAME_DEPTH_MAX ? t->path_n : FLAME_DEPTH_MAX;
	uint8_t marks = 0;
	uint32_t at;
	size_t depth;
	int err;

	if (value > FLAME_TOTAL_MAX - flame_tree_total(t))
		return -EOVERFLOW;
	for (size_t i = 0; i < kept; i++)
		marks |= t->names[t->path[i]].marks;
	if (t->reverse)
		reverse(t->path, kept);
	err = walk(t, kept, &at, &depth);
	if (!err && t->reading_before)
		add_before(t, at, value);
	else if (!err)
		err = add_self(t, at, value, class);
	if (err || t->reading_before)
		return err;
	t->stacks++;
	t->marked[marks] += value;
	if (depth < t->path_n) {
		t->cut++;
		t->cut_value += value;
	}
	for (; at != FLAME_NONE; at = t->nodes[at].parent)
		t->nodes[at].total += value;
	return 0;
}
