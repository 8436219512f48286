// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Code that is in no file: named by the perf map that its maker writes, /tmp/perf-PID.map in the
 * mount and pid namespace of the process.
 *
 * The map is opened when the first such code is hit and read when names are asked for: it grows until
 * then, and its process may be gone. A forked process goes on with its parent's code; what its own
 * map does not tell, the parent's may.
 */
#define _GNU_SOURCE
#include "private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "perf_map.h"
#include "root_path.h"
#include "../clock.h"

/* A map that is not there is looked for again: an agent may be loaded later. */
#define RETRY_NS	1000000000ull
#define GENERATIONS_MAX 16

/* What /proc/PID/status says of who the process is. */
struct identity {
	uid_t uids[4]; /* real, effective, saved, of files */
	pid_t inner;   /* its number in its own pid namespace */
};

static int read_identity(pid_t pid, struct identity *id)
{
	char path[64], *line = NULL;
	size_t room = 0;
	int found = 0;
	FILE *f;

	id->inner = pid;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (getline(&line, &room, f) > 0) {
		char *last = strrchr(line, '\t');

		if (!strncmp(line, "Uid:", 4))
			found = sscanf(line + 4, "%u %u %u %u", &id->uids[0], &id->uids[1],
				       &id->uids[2], &id->uids[3]);
		else if (!strncmp(line, "NSpid:", 6) && last && atoi(last + 1) > 0)
			id->inner = atoi(last + 1);
	}
	free(line);
	fclose(f);
	return found == 4 ? 0 : -ESRCH;
}

/* Anybody may put a file in /tmp. Believed is the process itself, and root. */
static bool is_trusted(const struct identity *id, uid_t owner)
{
	bool own = owner == 0;

	for (size_t i = 0; i < sizeof(id->uids) / sizeof(id->uids[0]); i++)
		own |= owner == id->uids[i];
	return own;
}

static int open_map(pid_t root_of, const struct identity *id, pid_t number)
{
	char path[64];
	struct stat st;
	int root, fd;

	root = root_path_root(root_of);
	if (root < 0)
		return root;
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", number);
	fd = root_path_open(root, path, ROOT_PATH_NO_LINK, &st);
	close(root);
	if (fd >= 0 && !is_trusted(id, st.st_uid)) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

static void open_own(struct symbols *s, struct sym_image *im)
{
	pid_t pid = (pid_t)im->key.tgid;
	struct identity id;
	uint64_t now;

	if (im->map_fd >= 0 || s->open_files >= s->open_files_max)
		return;
	now = clock_now_ns();
	if (im->map_tried_ns && now - im->map_tried_ns < RETRY_NS)
		return;
	im->map_tried_ns = now;
	if (read_identity(pid, &id))
		return;
	im->map_fd = open_map(pid, &id, id.inner);
	if (im->map_fd < 0)
		im->map_fd = open_map(0, &id, pid);
	if (im->map_fd >= 0)
		s->open_files++;
	else
		im->map_fd = -1;
}

void sym_jit_open(struct symbols *s, struct sym_image *im)
{
	for (int i = 0; im && i < GENERATIONS_MAX; i++, im = im->parent)
		open_own(s, im);
}

struct naming {
	struct symbols *s;
	struct sym_location **locations; /* by address */
};

/* perf_map_read: the name of hit i. */
static void take_name(void *arg, size_t i, char *name)
{
	struct naming *n = arg;

	symbols_disarm_name(name);
	n->locations[i]->name = name[0] ? symbols_intern(n->s, name) : NULL;
}

static int by_address(const void *a, const void *b)
{
	const struct sym_location *x = *(struct sym_location *const *)a;
	const struct sym_location *y = *(struct sym_location *const *)b;

	return x->key.offset < y->key.offset ? -1 : x->key.offset > y->key.offset;
}

/* The locations that have no name yet, by address. 0: none, or no memory. */
static size_t gather(const struct sym_image *im, struct naming *n, uint64_t **addresses)
{
	size_t count = 0, at = 0;

	for (struct sym_location *l = im->locations; l; l = l->next)
		count += !l->name;
	n->locations = calloc(count + 1, sizeof(struct sym_location *));
	*addresses = calloc(count + 1, sizeof(uint64_t));
	if (!n->locations || !*addresses || !count)
		return 0;
	for (struct sym_location *l = im->locations; l; l = l->next)
		if (!l->name)
			n->locations[at++] = l;
	qsort(n->locations, count, sizeof(struct sym_location *), by_address);
	for (size_t i = 0; i < count; i++)
		(*addresses)[i] = n->locations[i]->key.offset;
	return count;
}

static void name_from(struct symbols *s, struct sym_image *im, int fd)
{
	struct naming naming = { .s = s };
	uint64_t *addresses = NULL;
	size_t n = gather(im, &naming, &addresses);

	if (n)
		perf_map_read(fd, addresses, n, &s->map_budget, take_name, &naming);
	free(naming.locations);
	free(addresses);
}

void sym_jit_name_locations(struct symbols *s, struct sym_image *im)
{
	struct sym_image *of = im;

	for (int i = 0; of && i < GENERATIONS_MAX; i++, of = of->parent)
		if (of->map_fd >= 0)
			name_from(s, im, of->map_fd);
	for (struct sym_location *l = im->locations; l; l = l->next)
		if (!l->name)
			l->name = l->otherwise;
}
