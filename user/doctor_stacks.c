// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "doctor_stacks.h"
#include "proc_maps.h"
#include "unwind/unwind.h"

struct count {
	size_t files, tables[UNWIND_DEBUG_FRAME + 1], closed, anonymous;
	char without[NAME_MAX + 1]; /* the first that has nothing */
};

static int count_file(struct unwind *u, pid_t pid, const struct proc_map *m, struct count *c)
{
	const char *slash = strrchr(m->path, '/');
	char path[PATH_MAX + 64];
	struct unwind_file *f;
	enum unwind_source source;
	int fd = proc_maps_open_file(pid, m, path, sizeof(path));

	c->files++;
	if (fd < 0) {
		c->closed++;
		return 0;
	}
	f = unwind_file_get(u, fd);
	close(fd);
	if (!f)
		return -ENOMEM;
	source = unwind_file_source(f);
	c->tables[source]++;
	if (source == UNWIND_NONE && !c->without[0])
		snprintf(c->without, sizeof(c->without), "%s", slash ? slash + 1 : m->path);
	return 0;
}

/* Mappings of one file follow each other, as a rule; a file is counted once. */
static bool seen(const struct proc_maps *maps, size_t at)
{
	const struct proc_map *m = &maps->maps[at];

	for (size_t i = 0; i < at; i++) {
		const struct proc_map *other = &maps->maps[i];

		if (other->exec && other->inode == m->inode && other->dev_major == m->dev_major &&
		    other->dev_minor == m->dev_minor && other->path[0] == '/')
			return true;
	}
	return false;
}

int doctor_stacks(pid_t pid, char *buf, size_t len)
{
	const struct unwind_options options = { 0 };
	struct proc_maps maps = { 0 };
	struct count c = { 0 };
	struct unwind *u;
	size_t tables, n;
	int err = unwind_open(&u, &options);

	if (err)
		return err;
	err = proc_maps_read(pid, &maps);
	for (size_t i = 0; !err && i < maps.n; i++) {
		const struct proc_map *m = &maps.maps[i];

		if (!m->exec || m->path[0] == '[')
			continue;
		if (m->path[0] != '/')
			c.anonymous++;
		else if (!seen(&maps, i))
			err = count_file(u, pid, m, &c);
	}
	proc_maps_free(&maps);
	unwind_close(u);
	if (err)
		return err;
	tables = c.tables[UNWIND_EH_HDR] + c.tables[UNWIND_EH_FRAME];
	n = snprintf(buf, len, "stacks: .eh_frame in %zu of %zu mapped files", tables, c.files);
	if (c.tables[UNWIND_DEBUG_FRAME] && n < len)
		n += snprintf(buf + n, len - n, ", .debug_frame in %zu",
			      c.tables[UNWIND_DEBUG_FRAME]);
	if (c.without[0] && n < len)
		n += snprintf(buf + n, len - n, ", neither in %.64s%s: frame pointers", c.without,
			      c.tables[UNWIND_NONE] > 1 ? " and others" : "");
	if (c.closed && n < len)
		n += snprintf(buf + n, len - n, ", %zu could not be opened", c.closed);
	if (c.anonymous && n < len)
		snprintf(buf + n, len - n, "; code in no file (JIT): frame pointers");
	return 0;
}
