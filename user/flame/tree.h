/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stacks merged into a tree, in bounded memory. Whatever is lost on the way to the bounds is detail:
 * every value that comes in is in the root's total, and in a class.
 */
#ifndef FLAME_TREE_H
#define FLAME_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "array.h"
#include "profile.h"

/* What a stack's time was. Every stack has one; the legend's shares add up to the whole. */
enum flame_class {
	FLAME_ON_CPU,
	FLAME_RUN_QUEUE,
	FLAME_BLOCKED,						/* + cause */
	FLAME_BLOCKED_IN_CALL = FLAME_BLOCKED + CAUSE_GPU_CALL, /* the cause says it */
	FLAME_ON_CPU_IN_CALL = FLAME_BLOCKED + CAUSES,
	FLAME_RUN_QUEUE_IN_CALL,
	FLAME_UNSTATED, /* a line that is not infbpf's and says nothing of a state */
	FLAME_CLASSES,
};

/* What a frame's name tells of it. */
enum flame_mark {
	FLAME_KERNEL = 1 << 0,
	FLAME_CALL = 1 << 1,	 /* a CUDA call, by its name */
	FLAME_NO_STACK = 1 << 2, /* "[unknown]", "[truncated]": stands for frames not known */
};

struct flame_name {
	const char *text; /* safe to show: valid UTF-8, no control characters */
	uint8_t marks;
};

/* Frames of one stack beyond this many from the root are left out. */
#define FLAME_DEPTH_MAX 1024
#define FLAME_NONE	UINT32_MAX

struct flame_node {
	uint64_t total;
	uint32_t name;
	uint32_t parent; /* before it in the array */
	uint32_t self;	 /* index of the list of what ends here, FLAME_NONE: nothing */
};

/* What ends in a node, of one class. */
struct flame_self {
	uint64_t value;
	uint32_t next;
	uint8_t class;
};

/* Of a tree that compares: what a node had before. */
struct flame_before {
	uint64_t total, self;
};

struct flame_tree {
	bool reverse;
	bool without_ids; /* folded_read: "serve (4242)" is "serve" */
	bool reading_before; /* stacks that are added now are of before: in no figure but those below */
	struct flame_before *before; /* by node; NULL: the tree compares nothing */
	struct flame_node *nodes;    /* [0]: the root */
	size_t nodes_n;
	struct flame_name *names;
	size_t names_n;
	struct flame_self *selves;
	size_t selves_n;
	uint64_t stacks;	 /* added */
	uint64_t cut, cut_value; /* of these: not in full, since a bound was met */
	/* Values of stacks that hold a frame with the mark; of none: index 0. */
	uint64_t marked[FLAME_KERNEL + FLAME_CALL + FLAME_NO_STACK + 1];

	/* The stack being added: names by depth. */
	uint32_t *path;
	size_t path_n;
	uint32_t last; /* its leaf-most name, also where that did not fit the path */

	/* Private. */
	size_t nodes_cap, before_cap, names_cap, selves_cap, nodes_max;
	size_t name_bytes;
	uint32_t *walk_names,
		*walk_nodes; /* the stack added before: most of the next is the same */
	size_t walk_n;
	struct hash_index by_name, by_parent;
	struct arena strings;
};

struct flame_tree *flame_tree_new(bool reverse); /* NULL: no memory */
/* It will hold two sets of stacks; to be called before any is added. -ENOMEM. */
int flame_tree_compare(struct flame_tree *t);
void flame_tree_free(struct flame_tree *t);

/* Of the stacks that are being added. */
uint64_t flame_tree_total(const struct flame_tree *t);

/* A stack: its frames, root first, then its end. What is given is copied. -ENOMEM. */
void flame_tree_begin(struct flame_tree *t);
int flame_tree_frame(struct flame_tree *t, const char *name, size_t n);
/* -EOVERFLOW: the total would not fit; the stack is not added. */
int flame_tree_end(struct flame_tree *t, uint64_t value, enum flame_class class);

/* The largest total: what an IEEE double holds exactly is what the picture's script counts with, but
 * figures beyond are still right in the file. */
#define FLAME_TOTAL_MAX (UINT64_MAX >> 2)

#endif /* FLAME_TREE_H */
