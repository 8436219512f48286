// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Program images: the executable mappings of a process between two execs. */
#define _GNU_SOURCE
#include "private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "../clock.h"

/* Between two readings of /proc/PID/maps that a caller asks for. */
#define REFRESH_MIN_NS 100000000ull
/* An address in no known mapping makes it read again after this time, or after MISS_COST times what
 * the last reading took (10,000 mappings: several ms), so that reading takes 5 % of the time at most.
 * A reading that did not help (frame-pointer garbage, code that is gone) doubles the wait. */
#define MISS_MIN_NS 5000000ull
#define MISS_MAX_NS 1000000000ull
#define MISS_COST   20
/* Mappings kept after they went away, for samples taken before that. */
#define GONE_MAX 1024

static int compare_start(const void *a, const void *b)
{
	const struct image_map *x = a, *y = b;

	return x->map.start < y->map.start ? -1 : x->map.start > y->map.start;
}

static struct image_map *find(struct image_map *maps, size_t n, uint64_t address)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (maps[mid].map.start <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && address < maps[lo - 1].map.end ? &maps[lo - 1] : NULL;
}

struct image_map *sym_image_find(struct sym_image *im, uint64_t address)
{
	return find(im->maps, im->n, address);
}

static void free_maps(struct image_map *maps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(maps[i].map.path);
	free(maps);
}

void sym_image_free(struct sym_image *im)
{
	if (!im)
		return;
	free_maps(im->maps, im->n);
	if (im->map_fd >= 0)
		close(im->map_fd);
	free(im);
}

/* Memory that a program may write code into, by its name in /proc/PID/maps. */
static bool is_own_memory(const struct proc_map *m)
{
	static const char *const names[] = { "[anon",	"[heap]",    "[stack", "//anon",
					     "/memfd:", "/dev/zero", "/SYSV" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(m->path, names[i], strlen(names[i])))
			return true;
	return !m->path[0] || !strcmp(m->path, "/anon_hugepage");
}

/* The frame name for code that is in no file. */
static const char *fixed_name(struct symbols *s, const struct proc_map *m)
{
	char text[SYMBOLS_NAME_MAX];
	const char *path = m->path + (m->path[0] == '/');
	size_t n;

	if (!m->path[0])
		return symbols_intern(s, "[anon]");
	/* "[uprobes]", "[anon:v8]", "anon_inode:x", "memfd:jit" */
	n = snprintf(text, sizeof(text), path[0] == '[' ? "%.200s" : "[%.200s]", path);
	symbols_clean_name(text);
	return n ? symbols_intern(s, text) : NULL;
}

/* What is known of a mapping carries over when it is found again. */
static void inherit_map(struct image_map *map, const struct image_map *old)
{
	if (old && old->map.start == map->map.start && old->map.end == map->map.end &&
	    old->map.offset == map->map.offset && old->map.inode == map->map.inode &&
	    old->map.dev_major == map->map.dev_major && old->map.dev_minor == map->map.dev_minor) {
		map->file = old->file;
		map->fixed = old->fixed;
		map->jit = old->jit;
	}
}

static void locate(struct sym_image *im, struct image_map *map)
{
	struct symbols *s = im->symbols;

	if (!strcmp(map->map.path, "[vdso]"))
		map->file = sym_file_vdso(s, map->map.end - map->map.start);
	map->jit = is_own_memory(&map->map);
	/* A file in memory may be a program: known at the first hit. */
	if (!map->file && map->map.path[0] != '/')
		map->fixed = fixed_name(s, &map->map);
}

/* At the first hit: what code is there. */
static void open_map(struct symbols *s, struct image_map *map)
{
	if (map->file || map->fixed)
		return;
	map->file = sym_file_get(s, map->pid, &map->map);
	if (map->file && map->jit && !map->file->own.elf) {
		map->file = NULL;
		map->fixed = fixed_name(s, &map->map);
	}
}

static bool overlaps(const struct image_map *maps, size_t n, const struct proc_map *m)
{
	size_t lo = 0, hi = n;

	/* The first that ends behind m's start. */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (maps[mid].map.end <= m->start)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && maps[lo].map.start < m->end;
}

/* Moves the executable mappings of maps into a new list, and what went away behind them. */
static int take_maps(struct sym_image *im, struct proc_maps *maps)
{
	struct image_map *list;
	size_t n = 0, live, gone = 0;

	list = calloc(maps->n + im->n + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < maps->n; i++) {
		struct proc_map *m = &maps->maps[i];

		if (!m->exec || m->start == m->end)
			continue;
		list[n].map = *m;
		list[n].pid = im->key.tgid;
		m->path = NULL; /* moved */
		inherit_map(&list[n], sym_image_find(im, m->start));
		if (!list[n].file && !list[n].fixed)
			locate(im, &list[n]);
		n++;
	}
	live = n;
	for (size_t i = 0; i < im->n; i++) {
		struct image_map *old = &im->maps[i];

		if (!old->file || gone == GONE_MAX || overlaps(list, live, &old->map))
			continue;
		list[n++] = *old;
		old->map.path = NULL; /* moved */
		gone++;
	}
	free_maps(im->maps, im->n);
	qsort(list, n, sizeof(*list), compare_start);
	im->maps = list;
	im->n = n;
	return 0;
}

static int refresh(struct sym_image *im)
{
	uint64_t start = clock_now_ns();
	struct proc_maps maps;
	int err;

	err = proc_maps_read(im->key.tgid, &maps);
	if (!err) {
		/* None: the process is exiting (its memory is gone first), or is a kernel thread.
		 * What was known stays. */
		err = maps.n ? take_maps(im, &maps) : -ESRCH;
		proc_maps_free(&maps);
	}
	im->refreshed_ns = clock_now_ns();
	im->cost_ns = im->refreshed_ns - start;
	return err;
}

static uint64_t bounded(uint64_t wait_ns)
{
	return wait_ns < MISS_MIN_NS ? MISS_MIN_NS : wait_ns > MISS_MAX_NS ? MISS_MAX_NS : wait_ns;
}

int symbols_image_refresh(struct sym_image *im, bool force)
{
	if (!force && im->refreshed_ns && clock_now_ns() - im->refreshed_ns < REFRESH_MIN_NS)
		return 0;
	return refresh(im);
}

/* Finds the mapping of an address, reading the maps again if it is not known. */
static struct image_map *find_or_refresh(struct sym_image *im, uint64_t address)
{
	struct image_map *map = sym_image_find(im, address);
	/* Not a user address: no reading again will find it. */
	const uint64_t user_end = 1ull << 56;

	if (map || address < 4096 || address >= user_end ||
	    clock_now_ns() - im->refreshed_ns < im->miss_wait_ns)
		return map;
	if (!refresh(im))
		map = sym_image_find(im, address);
	im->miss_wait_ns = bounded(map ? im->cost_ns * MISS_COST : im->miss_wait_ns * 2);
	return map;
}

static int inherit_image(struct sym_image *im, const struct sym_image *parent)
{
	im->maps = calloc(parent->n + 1, sizeof(*im->maps));
	if (!im->maps)
		return -ENOMEM;
	for (size_t i = 0; i < parent->n; i++) {
		im->maps[i] = parent->maps[i];
		im->maps[i].map.path = strdup(parent->maps[i].map.path);
		if (!im->maps[i].map.path)
			return -ENOMEM;
		im->n++;
	}
	return 0;
}

static struct sym_image *find_image(struct symbols *s, uint32_t tgid, uint32_t image)
{
	uint32_t key[2] = { tgid, image };
	struct sym_image *im;

	HASH_FIND(hh, s->images, key, sizeof(key), im);
	return im;
}

struct sym_image *symbols_image(struct symbols *s, uint32_t tgid, uint32_t image,
				uint32_t parent_tgid, uint32_t parent_image)
{
	struct sym_image *im = find_image(s, tgid, image), *parent;
	int err;

	if (im)
		return im;
	im = calloc(1, sizeof(*im));
	if (!im)
		return NULL;
	im->key.tgid = tgid;
	im->key.image = image;
	im->symbols = s;
	im->map_fd = -1;
	err = refresh(im);
	im->miss_wait_ns = bounded(im->cost_ns * MISS_COST);
	parent = parent_tgid ? find_image(s, parent_tgid, parent_image) : NULL;
	im->parent = parent;
	if (err && parent && inherit_image(im, parent)) {
		sym_image_free(im);
		return NULL;
	}
	HASH_ADD(hh, s->images, key, sizeof(im->key), im);
	if (!im->hh.tbl) {
		sym_image_free(im);
		return NULL;
	}
	return im;
}

bool symbols_is_code(struct sym_image *im, uint64_t ip)
{
	return find_or_refresh(im, ip) != NULL;
}

bool symbols_code(struct symbols *s, struct sym_image *im, uint64_t ip, struct symbols_code *out)
{
	struct image_map *map = find_or_refresh(im, ip);

	if (!map)
		return false;
	open_map(s, map);
	out->file = map->file;
	out->offset = ip - map->map.start + map->map.offset;
	out->anonymous = map->fixed != NULL;
	return true;
}

uint32_t symbols_user_location(struct symbols *s, struct sym_image *im, uint64_t ip, bool leaf)
{
	uint64_t address = ip - !leaf;
	struct image_map *map;

	if (!ip)
		return 0;
	map = find_or_refresh(im, address);
	if (!map)
		return 0;
	open_map(s, map);
	if (map->file)
		return symbols_file_location(s, map->file,
					     address - map->map.start + map->map.offset);
	if (map->jit && map->fixed) {
		sym_jit_open(s, im);
		return symbols_image_location(s, im, address, map->fixed);
	}
	return map->fixed ? symbols_fixed_location(s, map->fixed) : 0;
}
