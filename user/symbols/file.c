// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The files that samples hit, one a device and inode however many processes map it.
 *
 * The descriptor is opened when the first location in the file is asked for, so that the names stay
 * within reach when the process exits or the file is deleted; and as long as it is open the inode
 * number cannot come to mean another file. Symbol tables are read when the first name is asked for,
 * and given back, least recently wanted first, when they take too much memory.
 */
#define _GNU_SOURCE
#include "private.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of a file's name, in "[file+0x1234]". */
#define BASE_MAX 128

static char *clean_base(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *base = strdup(slash ? slash + 1 : path);

	if (!base)
		return NULL;
	symbols_clean_name(base);
	if (strlen(base) > BASE_MAX) {
		/* Back to where a UTF-8 character starts. */
		size_t n = BASE_MAX;

		while (n && ((unsigned char)base[n] & 0xc0) == 0x80)
			n--;
		base[n] = '\0';
	}
	return base;
}

static struct sym_file *file_new(const char *path, int fd)
{
	struct sym_file *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->fd = fd;
	f->base = clean_base(path);
	if (!f->base) {
		free(f);
		return NULL;
	}
	return f;
}

struct sym_file *sym_file_get(struct symbols *s, pid_t pid, const struct proc_map *m)
{
	uint64_t key[2] = { (uint64_t)m->dev_major << 32 | m->dev_minor, m->inode };
	char path[PATH_MAX + 64];
	struct sym_file *f;
	int fd = -1;

	HASH_FIND(hh, s->files, key, sizeof(key), f);
	if (f)
		return f;
	if (s->open_files < s->open_files_max)
		fd = proc_maps_open_file(pid, m, path, sizeof(path));
	f = file_new(m->path, fd < 0 ? -1 : fd);
	if (!f) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	f->key.dev = key[0];
	f->key.inode = key[1];
	HASH_ADD(hh, s->files, key, sizeof(f->key), f);
	if (!f->hh.tbl) {
		sym_file_free(f);
		return NULL;
	}
	if (fd >= 0)
		s->open_files++;
	return f;
}

/* The kernel maps the same vdso into every process of a class and ABI: infbpf's own is at hand as a
 * file when it is written to one. */
static void open_vdso(struct symbols *s)
{
	uint64_t start = getauxval(AT_SYSINFO_EHDR);
	const struct proc_map *m;
	struct proc_maps maps;
	size_t size;
	int fd = -1;

	if (!start || proc_maps_read(getpid(), &maps))
		return;
	m = proc_maps_find(&maps, start);
	size = m && m->start == start ? m->end - m->start : 0;
	proc_maps_free(&maps);
	if (size)
		fd = memfd_create("vdso", MFD_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, (const void *)(uintptr_t)start, size) == (ssize_t)size)
		s->vdso = file_new("vdso", fd);
	if (!s->vdso) {
		close(fd);
		return;
	}
	s->open_files++;
	s->vdso_size = size;
}

struct sym_file *sym_file_vdso(struct symbols *s, uint64_t size)
{
	if (!s->vdso_tried) {
		s->vdso_tried = true;
		open_vdso(s);
	}
	return s->vdso && s->vdso_size == size ? s->vdso : NULL;
}

int symbols_file_fd(const struct sym_file *f)
{
	return f->elf ? elf_file_fd(f->elf) : f->fd;
}

void **symbols_file_data(struct sym_file *f)
{
	return &f->data;
}

void sym_file_free(struct sym_file *f)
{
	if (!f)
		return;
	elf_file_close(f->elf);
	if (f->fd >= 0)
		close(f->fd);
	free(f->names);
	free(f->base);
	free(f);
}

static void drop_table(struct symbols *s, struct sym_file *f)
{
	s->table_bytes -= f->table_bytes;
	f->table_bytes = 0;
	free(f->names);
	f->names = NULL;
	elf_file_drop_tables(f->elf);
}

/* Makes room: the tables wanted longest ago go, but not that of keep. */
static void trim_tables(struct symbols *s, const struct sym_file *keep)
{
	while (s->table_bytes > s->table_bytes_max) {
		struct sym_file *f, *next, *oldest = NULL;

		HASH_ITER(hh, s->files, f, next)
			if (f->table_bytes && f != keep && (!oldest || f->used < oldest->used))
				oldest = f;
		if (!oldest)
			return;
		drop_table(s, oldest);
	}
}

/* The functions of a file; n = 0 where it has no (readable) symbols. */
static const struct elf_function *load_table(struct symbols *s, struct sym_file *f, size_t *n)
{
	const struct elf_function *functions = NULL;

	*n = 0;
	if (f->fd >= 0) {
		/* The ELF reader takes the descriptor over; a file it refuses is closed. */
		if (elf_file_open_fd(&f->elf, f->fd))
			s->open_files--;
		f->fd = -1;
	}
	f->used = ++s->clock;
	if (!f->elf || elf_file_functions(f->elf, &functions, n) || !*n)
		return NULL;
	if (!f->names) {
		f->names = calloc(*n, sizeof(*f->names));
		if (!f->names) {
			*n = 0;
			return NULL;
		}
		f->table_bytes = elf_file_table_bytes(f->elf) + *n * sizeof(*f->names);
		s->table_bytes += f->table_bytes;
		trim_tables(s, f);
	}
	return functions;
}

static const char *name_in_table(struct symbols *s, struct sym_file *f,
				 const struct elf_function *functions, size_t n, uint64_t vaddr)
{
	const struct elf_function *fn = elf_function_find(functions, n, vaddr);

	if (!fn)
		return NULL;
	if (!f->names[fn - functions])
		f->names[fn - functions] = symbols_function_name(s, fn->name, "");
	return f->names[fn - functions];
}

void sym_file_name_locations(struct symbols *s, struct sym_file *f)
{
	const struct elf_function *functions;
	size_t n;

	functions = load_table(s, f, &n);
	/* New locations go to the head: behind the first named one all are named. */
	for (struct sym_location *l = f->locations; l && !l->name; l = l->next) {
		uint64_t vaddr = l->key.offset;
		char text[BASE_MAX + 32];

		if (!f->elf || elf_file_offset_to_vaddr(f->elf, l->key.offset, &vaddr))
			vaddr = l->key.offset;
		else
			l->name = name_in_table(s, f, functions, n, vaddr);
		if (l->name)
			continue;
		snprintf(text, sizeof(text), "[%s+0x%llx]", f->base, (unsigned long long)vaddr);
		l->name = symbols_intern(s, text);
		if (!l->name)
			l->name = s->unknown;
	}
}
