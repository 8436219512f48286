// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Out of memory, HASH_ADD leaves the element out (its hh.tbl is NULL) instead of ending infbpf. */
#define HASH_NONFATAL_OOM 1
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uthash.h>
#include "cuda.h"
#include "kernels.h"
#include "symbols/symbols.h"

/* A large framework registers some 50,000 functions, with names of 300 bytes. */
#define NAMES_MAX_BYTES (24UL << 20)
#define ALIASES_MAX	4 /* a function of a kernel of a host function */

struct object_key {
	uint32_t tgid, image;
	uint64_t object;
};

/* What an object is called. */
struct named {
	struct object_key key;
	uint64_t alias; /* not 0: as that object */
	UT_hash_handle hh;
	char name[]; /* as the program says */
};

struct launched {
	struct launch_key key;
	uint32_t site, object; /* locations; object 0: is no code */
	UT_hash_handle hh;
};

/* A graph has no name: a number, in the order in which they were first launched. */
struct graph {
	struct object_key key;
	unsigned int number;
	UT_hash_handle hh;
};

struct kernels {
	struct symbols *symbols;
	struct named *names;
	size_t names_bytes;
	uint64_t lost;
	struct launched *launches;
	struct graph *graphs;
	char text[SYMBOLS_NAME_MAX + 16];
};

struct kernels *kernels_new(struct symbols *symbols)
{
	struct kernels *k = calloc(1, sizeof(*k));

	if (k)
		k->symbols = symbols;
	return k;
}

void kernels_free(struct kernels *k)
{
	struct launched *launch, *next_launch;
	struct named *name, *next_name;
	struct graph *graph, *next_graph;

	if (!k)
		return;
	HASH_ITER(hh, k->names, name, next_name) {
		HASH_DEL(k->names, name);
		free(name);
	}
	HASH_ITER(hh, k->launches, launch, next_launch) {
		HASH_DEL(k->launches, launch);
		free(launch);
	}
	HASH_ITER(hh, k->graphs, graph, next_graph) {
		HASH_DEL(k->graphs, graph);
		free(graph);
	}
	free(k);
}

/* The name of a function, in text. Programs register functions before they touch the page that their
 * names are on, and a probe does not fault it in: then it is read from the process. */
static size_t read_name(const struct rec_name *r, char text[REC_NAME_BYTES])
{
	const size_t page = sysconf(_SC_PAGESIZE), first = page - r->address % page;
	const size_t max = REC_NAME_BYTES - 1;
	struct iovec to = { text, max }, from[2] = { { (void *)(uintptr_t)r->address, max } };
	ssize_t n;

	if (!r->address || r->name[0]) {
		n = strnlen(r->name, max);
		memcpy(text, r->name, n);
		return n;
	}
	/* What is behind the page may not be there. */
	if (first < max) {
		from[0].iov_len = first;
		from[1].iov_base = (char *)from[0].iov_base + first;
		from[1].iov_len = max - first;
	}
	n = process_vm_readv((pid_t)r->tgid, &to, 1, from, first < max ? 2 : 1, 0);
	return n > 0 ? strnlen(text, n) : 0;
}

int kernels_name(struct kernels *k, const struct rec_name *r)
{
	char text[REC_NAME_BYTES];
	const size_t n = read_name(r, text);
	struct named *name, look = { .key = { r->tgid, r->image, r->object } };

	HASH_FIND(hh, k->names, &look.key, sizeof(look.key), name);
	if (name) {
		/* A handle that is used again. */
		HASH_DEL(k->names, name);
		k->names_bytes -= sizeof(*name) + strlen(name->name) + 1;
		free(name);
	}
	if (k->names_bytes + sizeof(*name) + n + 1 > NAMES_MAX_BYTES) {
		k->lost++;
		return 0;
	}
	name = calloc(1, sizeof(*name) + n + 1);
	if (!name)
		return -ENOMEM;
	name->key = look.key;
	name->alias = r->alias;
	memcpy(name->name, text, n);
	HASH_ADD(hh, k->names, key, sizeof(name->key), name);
	if (!name->hh.tbl) {
		free(name);
		return -ENOMEM;
	}
	k->names_bytes += sizeof(*name) + n + 1;
	return 0;
}

/* Graphs are numbered as they are first launched. */
static int graph_add(struct kernels *k, const struct launch_key *key)
{
	struct graph *g, look = { .key = { key->tgid, key->image, key->object } };
	unsigned int number = 1;

	HASH_FIND(hh, k->graphs, &look.key, sizeof(look.key), g);
	if (g)
		return 0;
	for (struct graph *other = k->graphs; other; other = other->hh.next)
		number += other->key.tgid == key->tgid && other->key.image == key->image;
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	g->key = look.key;
	g->number = number;
	HASH_ADD(hh, k->graphs, key, sizeof(g->key), g);
	if (!g->hh.tbl) {
		free(g);
		return -ENOMEM;
	}
	return 0;
}

static bool is_graph(const struct launch_key *key)
{
	const char *call = cuda_call_name(key->call);

	return call && cuda_calls[key->call - 1].group == CUDA_LAUNCH &&
	       strstr(call, "GraphLaunch");
}

static struct launched *launch_get(struct kernels *k, const struct launch_key *key)
{
	struct sym_image *im;
	struct launched *l;

	HASH_FIND(hh, k->launches, key, sizeof(*key), l);
	if (l)
		return l;
	im = symbols_image(k->symbols, key->tgid, key->image, 0, 0);
	l = im ? calloc(1, sizeof(*l)) : NULL;
	if (!l)
		return NULL;
	l->key = *key;
	l->site = symbols_user_location(k->symbols, im, key->site, false);
	if (!is_graph(key) && symbols_is_code(im, key->object))
		l->object = symbols_user_location(k->symbols, im, key->object, true);
	HASH_ADD(hh, k->launches, key, sizeof(l->key), l);
	if (!l->hh.tbl) {
		free(l);
		return NULL;
	}
	return l;
}

int kernels_launch(struct kernels *k, const struct launch_key *key)
{
	if (!launch_get(k, key))
		return -ENOMEM;
	return is_graph(key) ? graph_add(k, key) : 0;
}

/* The name that the program gave an object, NULL: none. */
static const char *given_name(struct kernels *k, const struct launch_key *key)
{
	struct object_key look = { key->tgid, key->image, key->object };
	struct named *name;

	for (int i = 0; i < ALIASES_MAX; i++) {
		HASH_FIND(hh, k->names, &look, sizeof(look), name);
		if (!name)
			return NULL;
		/* One that was cut cannot be demangled: symbols are better. */
		if (!name->alias)
			return name->name[0] && strlen(name->name) < REC_NAME_BYTES - 1 ? name->name
											: NULL;
		look.object = name->alias;
	}
	return NULL;
}

/* The launched function's name from its launch stub's. */
static const char *without_stub(const char *name)
{
	static const char stub[] = "__device_stub__";

	return strncmp(name, stub, sizeof(stub) - 1) ? name : name + sizeof(stub) - 1;
}

/* Into k->text: demangled, and fit for any output. */
static void set_text(struct kernels *k, const char *name)
{
	char *plain = symbols_demangle(name);

	snprintf(k->text, sizeof(k->text), "%s", plain ? plain : name);
	symbols_clean_name(k->text);
	free(plain);
}

int kernels_describe(struct kernels *k, const struct launch_key *key, struct kernels_label *out)
{
	struct graph *g = NULL, look = { .key = { key->tgid, key->image, key->object } };
	struct launched *l = launch_get(k, key);
	const char *name;

	if (!l)
		return -ENOMEM;
	out->site = symbols_name(k->symbols, l->site);
	out->kernel = k->text;
	out->graph = is_graph(key);
	if (out->graph) {
		HASH_FIND(hh, k->graphs, &look.key, sizeof(look.key), g);
		if (g)
			snprintf(k->text, sizeof(k->text), "CUDA graph %u", g->number);
		else
			snprintf(k->text, sizeof(k->text), "CUDA graph 0x%" PRIx64,
				 (uint64_t)key->object);
		return 0;
	}
	name = given_name(k, key);
	if (name) {
		set_text(k, name);
		return 0;
	}
	name = l->object ? symbols_name(k->symbols, l->object) : "[";
	/* "[libfoo.so+0x12]": there is no symbol. */
	if (name[0] == '[')
		name = out->site;
	snprintf(k->text, sizeof(k->text), "%s", without_stub(name));
	return 0;
}

uint64_t kernels_lost(const struct kernels *k)
{
	return k->lost;
}
