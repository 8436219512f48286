// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a file says of its marks. The files are other people's: everything is checked.
 *
 * A note is two addresses too old where the file was prelinked: each note tells where section
 * .stapsdt.base was then, and where it is now the file does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "array.h"
#include "symbols/elf.h"
#include "usdt.h"

#define NOTE_TYPE 3 /* <sys/sdt.h>: _SDT_NOTE_TYPE */
#define NOTE_NAME "stapsdt"
/* A mark with its strings takes about a hundred bytes. */
#define MAX_NOTES (4U << 20)
#define MAX_MARKS 4096

/* --- the notes --- */

static size_t align4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* The string at *at, which is moved behind it. NULL: it does not end. */
static const char *take_string(const char **at, const char *end)
{
	const char *s = *at, *nul = memchr(s, '\0', (size_t)(end - s));

	if (!nul)
		return NULL;
	*at = nul + 1;
	return s;
}

static bool parse_note(const char *desc, size_t n, struct usdt_note *note)
{
	const char *at = desc + 3 * sizeof(uint64_t), *end = desc + n;

	if (n < 3 * sizeof(uint64_t))
		return false;
	memcpy(&note->pc, desc, sizeof(uint64_t));
	memcpy(&note->base, desc + 8, sizeof(uint64_t));
	memcpy(&note->semaphore, desc + 16, sizeof(uint64_t));
	note->provider = take_string(&at, end);
	note->name = note->provider ? take_string(&at, end) : NULL;
	note->arguments = note->name ? take_string(&at, end) : NULL;
	return note->arguments != NULL;
}

int usdt_notes_each(const void *notes, size_t n, usdt_note_fn fn, void *arg)
{
	const char *at = notes, *end = at + n;
	struct usdt_note note;
	uint32_t sizes[3]; /* of the name, of the rest; type */
	size_t name_n, desc_n;
	int ret;

	while ((size_t)(end - at) >= sizeof(sizes)) {
		memcpy(sizes, at, sizeof(sizes));
		at += sizeof(sizes);
		name_n = align4(sizes[0]);
		desc_n = align4(sizes[1]);
		if (name_n > (size_t)(end - at) || sizes[1] > (size_t)(end - at) - name_n)
			return 0;
		if (sizes[2] == NOTE_TYPE && sizes[0] == sizeof(NOTE_NAME) &&
		    !memcmp(at, NOTE_NAME, sizeof(NOTE_NAME)) &&
		    parse_note(at + name_n, sizes[1], &note)) {
			ret = fn(arg, &note);
			if (ret)
				return ret;
		}
		/* (The last one need not be padded.) */
		if (desc_n > (size_t)(end - at) - name_n)
			return 0;
		at += name_n + desc_n;
	}
	return 0;
}

/* --- a file's marks --- */

static const struct {
	const char *name;
	enum stage_source source;
} providers[] = {
	{ "infbpf", STAGE_FROM_MARK },
	{ "infbpf_nvtx", STAGE_FROM_NVTX },
};

static const char *const mark_names[MARK_WHATS] = {
	[MARK_STAGE_BEGIN] = "stage_begin",	[MARK_STAGE_END] = "stage_end",
	[MARK_PASS_BEGIN] = "pass_begin",	[MARK_PASS_END] = "pass_end",
	[MARK_REQUEST_BEGIN] = "request_begin", [MARK_REQUEST_END] = "request_end",
	[MARK_REQUEST_DROP] = "request_drop",	[MARK_WAIT_BEGIN] = "wait_begin",
	[MARK_WAIT_END] = "wait_end",		[MARK_PASS_MEMBER] = "pass_member",
	[MARK_GROUP_LEAVE] = "group_leave",
};

const char *usdt_mark_name(unsigned int what)
{
	return what < MARK_WHATS ? mark_names[what] : NULL;
}

const char *usdt_provider(unsigned int source)
{
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
		if (providers[i].source == source)
			return providers[i].name;
	return NULL;
}

/* False: it is none of ours. */
static bool is_ours(const struct usdt_note *note, struct mark_spec *spec)
{
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++) {
		if (strcmp(note->provider, providers[i].name))
			continue;
		spec->source = providers[i].source;
		for (uint16_t what = MARK_NONE + 1; what < MARK_WHATS; what++) {
			if (!strcmp(note->name, mark_names[what])) {
				spec->what = what;
				return true;
			}
		}
	}
	return false;
}

struct reading {
	struct elf_file *file;
	uint64_t base; /* where .stapsdt.base is; 0: there is none */
	struct usdt_marks *out;
};

static bool symbol_at(void *arg, const char *name, uint64_t *vaddr)
{
	return !elf_file_dynsym(((struct reading *)arg)->file, name, vaddr);
}

static void not_understood(struct usdt_marks *m, const struct usdt_note *note, const char *what,
			   size_t n)
{
	if (!m->why[0])
		snprintf(m->why, sizeof(m->why), "%.20s: %.*s", note->name, (int)(n < 60 ? n : 60),
			 what);
}

static int add_mark(void *arg, const struct usdt_note *note)
{
	struct reading *r = arg;
	struct usdt_marks *m = r->out;
	struct usdt_mark mark = { 0 };
	uint64_t moved = note->base && r->base ? r->base - note->base : 0;
	const char *bad = "";
	int err;

	if (!is_ours(note, &mark.spec))
		return 0;
	if (m->n == MAX_MARKS)
		return -E2BIG;
	err = usdt_arguments(note->arguments, note->pc + moved, symbol_at, r, mark.spec.args, &bad);
	if (err) {
		not_understood(m, note, bad, strcspn(bad, " "));
		return 0;
	}
	if (!elf_file_is_code(r->file, note->pc + moved) ||
	    elf_file_vaddr_to_offset(r->file, note->pc + moved, &mark.offset) ||
	    (note->semaphore &&
	     elf_file_vaddr_to_offset(r->file, note->semaphore + moved, &mark.semaphore))) {
		not_understood(m, note, "its address is in no segment", 60);
		return 0;
	}
	err = array_grow(&m->marks, &m->room, m->n + 1, sizeof(*m->marks));
	if (!err)
		m->marks[m->n++] = mark;
	return err;
}

int usdt_marks_read(struct elf_file *f, struct usdt_marks *out)
{
	struct reading r = { .file = f, .out = out };
	struct elf_extent notes, base;
	void *bytes;
	int err;

	memset(out, 0, sizeof(*out));
	err = elf_file_section(f, ".note.stapsdt", &notes);
	if (err || notes.compressed)
		return err == -ENOENT ? 0 : err;
	if (!elf_file_section(f, ".stapsdt.base", &base))
		r.base = base.vaddr;
	err = elf_file_extent_read(f, &notes, MAX_NOTES, &bytes);
	if (err)
		return err;
	err = usdt_notes_each(bytes, notes.size, add_mark, &r);
	free(bytes);
	if (err)
		usdt_marks_free(out);
	return err;
}

void usdt_marks_free(struct usdt_marks *m)
{
	free(m->marks);
	memset(m, 0, sizeof(*m));
}
