/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The weights file. Made by a seed, so that it need not be shipped; read like any model's.
 *
 * Header (little endian, 64 bytes), then the weights as floats in the order of struct weights_map.
 * Default place: infer-serve-weights/ beside the program, or if that cannot be written, a folder of
 * this user's in $TMPDIR or /tmp.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "model.h"

#define WEIGHTS_MAGIC 0x31544857464e49ULL /* "INFWHT1" */

struct weights_header {
	uint64_t magic;
	uint64_t seed;
	struct model_size size;
	uint64_t floats;
	uint64_t pad[2];
};
_Static_assert(sizeof(struct weights_header) == 64, "a format");

void weights_map_make(struct weights_map *map, const struct model_size *size)
{
	size_t at = 0, dim = size->dim;

#define TAKE(field, n) (map->field = at, at += (n))
	TAKE(embed, size->vocab * dim);
	for (int l = 0; l < size->layers; l++) {
		TAKE(layer[l].norm1, dim);
		TAKE(layer[l].qkv, 3 * dim * dim);
		TAKE(layer[l].out, dim * dim);
		TAKE(layer[l].norm2, dim);
		TAKE(layer[l].gate_up, 2 * size->hidden * dim);
		TAKE(layer[l].down, size->hidden * dim);
	}
	TAKE(norm, dim);
	TAKE(head, size->vocab * dim);
#undef TAKE
	map->total = at;
}

/* -1 to 1, in steps of 2^-23. */
static float random_float(uint64_t *state)
{
	return (float)(int32_t)(random_next(state) >> 40) / 8388608.0f - 1.0f;
}

static void fill(float *w, size_t n, size_t fan_in, uint64_t *state)
{
	/* Keeps the spread of what goes through: variance 1 / fan_in. */
	float scale = sqrtf(3.0f / (float)fan_in);

	for (size_t i = 0; i < n; i++)
		w[i] = random_float(state) * scale;
}

static void fill_norm(float *w, size_t n, uint64_t *state)
{
	for (size_t i = 0; i < n; i++)
		w[i] = 1.0f + 0.1f * random_float(state);
}

static void weights_make(float *w, const struct weights_map *map, const struct model_size *size,
			 uint64_t seed)
{
	uint64_t state = seed;
	size_t dim = size->dim, hidden = size->hidden;

	fill(w + map->embed, size->vocab * dim, 3, &state);
	for (int l = 0; l < size->layers; l++) {
		const struct layer_weights *at = &map->layer[l];

		fill_norm(w + at->norm1, dim, &state);
		fill(w + at->qkv, 3 * dim * dim, dim, &state);
		fill(w + at->out, dim * dim, dim, &state);
		fill_norm(w + at->norm2, dim, &state);
		fill(w + at->gate_up, 2 * hidden * dim, dim, &state);
		fill(w + at->down, hidden * dim, hidden, &state);
	}
	fill_norm(w + map->norm, dim, &state);
	fill(w + map->head, size->vocab * dim, dim, &state);
}

static int write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

/* Under another name first: a server that starts at the same time must not read half a file. */
static int weights_write(const char *path, const struct weights_header *h,
			 const struct weights_map *map)
{
	float *w = malloc(map->total * sizeof(*w));
	char tmp[PATH_MAX];
	int fd = -1, err = -ENAMETOOLONG;

	if (!w)
		return -ENOMEM;
	if (snprintf(tmp, sizeof(tmp), "%s.%d.tmp", path, (int)getpid()) >= (int)sizeof(tmp))
		goto out;
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0) {
		err = -errno;
		goto out;
	}
	weights_make(w, map, &h->size, h->seed);
	err = write_all(fd, h, sizeof(*h));
	if (!err)
		err = write_all(fd, w, map->total * sizeof(*w));
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(tmp, path))
		err = -errno;
	if (err)
		unlink(tmp);
out:
	free(w);
	return err;
}

/* A folder that only this user can write. */
static int folder_make(const char *path)
{
	struct stat st;

	if (mkdir(path, 0755) && errno != EEXIST)
		return -errno;
	if (lstat(path, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & S_IWOTH))
		return -EPERM;
	return access(path, W_OK) ? -errno : 0;
}

int weights_folder(char *folder, size_t len)
{
	const char *tmp = getenv("TMPDIR");
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	int err = -ENOENT;

	if (n > 0) {
		exe[n] = '\0';
		if (snprintf(folder, len, "%s/infer-serve-weights", dirname(exe)) < (int)len)
			err = folder_make(folder);
	}
	if (err) {
		if (snprintf(folder, len, "%s/infer-serve-weights-%u", tmp && *tmp ? tmp : "/tmp",
			     geteuid()) >= (int)len)
			return -ENAMETOOLONG;
		err = folder_make(folder);
	}
	return err;
}

static int default_path(char *out, size_t len, const char *name, uint64_t seed)
{
	char folder[PATH_MAX];
	int err = weights_folder(folder, sizeof(folder));

	if (err) {
		fprintf(stderr, "infer-serve: %s: %s. Name a file with --weights\n", folder,
			strerror(-err));
		return err;
	}
	return snprintf(out, len, "%s/%s-%llu.bin", folder, name, (unsigned long long)seed) <
			       (int)len
		       ? 0
		       : -ENAMETOOLONG;
}

static int header_check(int fd, const struct weights_header *want)
{
	struct weights_header h;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (read(fd, &h, sizeof(h)) != sizeof(h) || memcmp(&h, want, sizeof(h)) ||
	    (uint64_t)st.st_size != sizeof(h) + h.floats * sizeof(float))
		return -EINVAL;
	return 0;
}

int weights_open(const char *path, const char *name, const struct model_size *size, uint64_t seed)
{
	struct weights_header h = { .magic = WEIGHTS_MAGIC, .seed = seed, .size = *size };
	struct weights_map map;
	char made[PATH_MAX];
	int fd, err = 0;

	weights_map_make(&map, size);
	h.floats = map.total;
	if (!path) {
		err = default_path(made, sizeof(made), name, seed);
		if (err)
			return err;
		path = made;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		err = weights_write(path, &h, &map);
		fd = err ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0) {
		err = err ? err : -errno;
		fprintf(stderr, "infer-serve: %s: %s\n", path, strerror(-err));
		return err;
	}
	err = header_check(fd, &h);
	if (err) {
		close(fd);
		fprintf(stderr, "infer-serve: %s: not the weights of model %s, seed %llu\n", path,
			name, (unsigned long long)seed);
		return err;
	}
	return fd;
}
