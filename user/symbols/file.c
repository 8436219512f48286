// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The files that samples hit, one a device and inode however many processes map it.
 *
 * The descriptor is opened when the first location in the file is asked for, so that the names stay
 * within reach when the process exits or the file is deleted; and as long as it is open the inode
 * number cannot come to mean another file. Its debug file is opened then too. Symbol tables are read
 * when the first name is asked for (table.c).
 */
#define _GNU_SOURCE
#include "private.h"

#include <elf.h>
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

/* Takes the descriptor over. */
static struct sym_file *file_new(const char *path, int fd)
{
	struct sym_file *f = calloc(1, sizeof(*f));

	if (!f) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	f->alt_fd = -1;
	f->origin = SYM_NONE;
	if (fd >= 0)
		elf_file_open_fd(&f->own.elf, fd);
	f->base = clean_base(path);
	if (!f->base) {
		sym_file_free(f);
		return NULL;
	}
	return f;
}

/* Opens the separate debug file, or asks debuginfod for it. */
static void look_for_debug_file(struct symbols *s, struct sym_file *f, const struct debug_want *w)
{
	bool mini = f->origin == SYM_MINI;

	if (s->open_files < s->open_files_max && !debug_file_find(w, &f->debug)) {
		s->open_files++;
		if (w->symbols)
			f->origin = SYM_DEBUG_FILE;
		return;
	}
	if (s->debuginfod && w->build_id[0] && (w->lines || !mini))
		f->request = debuginfod_want(s->debuginfod, w->build_id);
}

static void open_alt(struct symbols *s, struct sym_file *f, const struct debug_want *w)
{
	const struct elf_file *elf = f->own_lines ? f->own.elf : f->debug.elf;
	const char *path = f->own_lines ? w->path : f->debug.path;

	if (!elf || !path || s->open_files >= s->open_files_max)
		return;
	f->alt_fd = debug_file_open_alt(w->pid, path, elf);
	if (f->alt_fd >= 0)
		s->open_files++;
	else
		f->alt_fd = -1;
}

/* What the file itself has to tell, and where else to look. */
static void examine(struct symbols *s, struct sym_file *f, pid_t pid, const char *path)
{
	const struct elf_file *elf = f->own.elf;
	char build_id[BUILD_ID_MAX] = "";
	struct debug_want want = { pid, path, elf, build_id, false, false };
	struct elf_extent section;
	uint64_t info, all;

	if (elf_file_build_id(elf, build_id, sizeof(build_id)))
		build_id[0] = '\0';
	f->build_id = strdup(build_id);
	f->own_lines = s->options.lines && !elf_file_debug_bytes(elf, &info, &all);
	want.symbols = !elf_file_has_section(elf, SHT_SYMTAB);
	want.lines = s->options.lines && !f->own_lines;
	if (!want.symbols)
		f->origin = SYM_OWN;
	else if (!elf_file_section(elf, ".gnu_debugdata", &section))
		f->origin = SYM_MINI;
	else if (elf_file_has_section(elf, SHT_DYNSYM))
		f->origin = SYM_DYNSYM;
	if (want.symbols || want.lines)
		look_for_debug_file(s, f, &want);
	if (s->options.lines)
		open_alt(s, f, &want);
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
	f = file_new(m->path, fd);
	if (!f)
		return NULL;
	f->key.dev = key[0];
	f->key.inode = key[1];
	HASH_ADD(hh, s->files, key, sizeof(f->key), f);
	if (!f->hh.tbl) {
		sym_file_free(f);
		return NULL;
	}
	if (f->own.elf) {
		s->open_files++;
		examine(s, f, pid, m->path);
	}
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
	if (write(fd, (const void *)(uintptr_t)start, size) != (ssize_t)size) {
		close(fd);
		return;
	}
	s->vdso = file_new("vdso", fd);
	if (!s->vdso)
		return;
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
	return f->own.elf ? elf_file_fd(f->own.elf) : -1;
}

void **symbols_file_data(struct sym_file *f)
{
	return &f->data;
}

void sym_file_free(struct sym_file *f)
{
	if (!f)
		return;
	elf_file_close(f->own.elf);
	elf_file_close(f->extra.elf);
	debug_file_close(&f->debug);
	if (f->alt_fd >= 0)
		close(f->alt_fd);
	free(f->build_id);
	free(f->base);
	free(f);
}

/* Waits for what was asked for over the network. */
static void take_request(struct symbols *s, struct sym_file *f)
{
	struct debug_want want = {
		0, "", f->own.elf, f->build_id, f->origin != SYM_OWN, s->options.lines
	};
	int fd = debuginfod_take(s->debuginfod, f->request);

	f->request = NULL;
	if (fd < 0)
		return;
	if (s->open_files >= s->open_files_max) {
		close(fd);
		return;
	}
	if (debug_file_take(&want, fd, &f->debug))
		return;
	s->open_files++;
	if (want.symbols)
		f->origin = SYM_DEBUG_FILE;
}

/* What was found at the first hit, checked; once. */
static void settle(struct symbols *s, struct sym_file *f)
{
	if (f->settled)
		return;
	f->settled = true;
	if (f->request)
		take_request(s, f);
	if (f->debug.elf && !debug_file_verify(&f->debug)) {
		debug_file_close(&f->debug);
		s->open_files--;
	}
	f->extra.elf = f->debug.elf;
	f->debug.elf = NULL; /* moved */
	f->extra.temporary = !f->extra.elf;
}

/* The functions that the file itself does not have. */
static struct sym_table *extra_table(struct symbols *s, struct sym_file *f)
{
	struct sym_table *t;

	if (f->origin == SYM_OWN)
		return NULL;
	t = sym_table_get(s, &f->extra);
	if (t || f->extra.elf || f->extra.empty)
		return t;
	/* Unpacked anew each time: it is small, and memory is not held for it. */
	if (mini_debug_open(f->own.elf, &s->unpack_budget, &f->extra.elf)) {
		f->extra.empty = true;
		return NULL;
	}
	t = sym_table_get(s, &f->extra);
	if (!t && f->extra.elf) {
		elf_file_close(f->extra.elf);
		f->extra.elf = NULL;
	}
	return t;
}

/* Of two tables the nearer function: symbols without a size reach over what the other one has. */
static const char *name_in_tables(struct symbols *s, struct sym_table *own, struct sym_table *extra,
				  uint64_t vaddr)
{
	uint64_t own_start = 0, extra_start = 0;
	const char *name = own ? sym_table_name(s, own, vaddr, &own_start) : NULL;
	const char *other = extra ? sym_table_name(s, extra, vaddr, &extra_start) : NULL;

	return other && (!name || extra_start > own_start) ? other : name;
}

void sym_file_name_locations(struct symbols *s, struct sym_file *f)
{
	struct sym_table *own = NULL, *extra = NULL;

	s->clock++;
	if (f->own.elf) {
		settle(s, f);
		own = sym_table_get(s, &f->own);
		extra = extra_table(s, f);
	}
	/* New locations go to the head: behind the first named one all are named. */
	for (struct sym_location *l = f->locations; l && !l->name; l = l->next) {
		uint64_t vaddr = l->key.offset;
		char text[BASE_MAX + 32];

		if (!f->own.elf || elf_file_offset_to_vaddr(f->own.elf, l->key.offset, &vaddr))
			vaddr = l->key.offset;
		else
			l->name = name_in_tables(s, own, extra, vaddr);
		if (l->name)
			continue;
		snprintf(text, sizeof(text), "[%s+0x%llx]", f->base, (unsigned long long)vaddr);
		l->name = symbols_intern(s, text);
		if (!l->name)
			l->name = s->unknown;
	}
}
