// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Source lines of locations: the process that reads debug information, and what comes of it. */
#define _GNU_SOURCE
#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "confine.h"
#include "private.h"
#include "../clock.h"

/* Of debug information that is larger, no lines are shown. Chromium's has 4 GiB, PyTorch's 1. */
#define INFO_BYTES_MAX (1024ull * 1024 * 1024)
#define ALL_BYTES_MAX  (4 * INFO_BYTES_MAX)
/* What the child may allocate. Uncompressed sections are mapped and do not count. */
#define CHILD_BYTES_MAX (2 * INFO_BYTES_MAX)
/* In a frame. */
#define FILE_NAME_MAX 64

/* The locations of a file, by address. */
struct resolving {
	struct symbols *s;
	struct sym_location **locations;
	uint64_t *addresses;
	size_t n;
	const char *frames[SYMBOLS_INLINED_MAX]; /* of the location at hand */
};

/* "function (file.c:12)" and "_[i]" if it was inlined. NULL: no memory, or no function. */
static const char *frame_name(struct symbols *s, const char *function, char *file, uint32_t line,
			      bool inlined)
{
	const char *tail = inlined ? "_[i]" : "", *name = NULL;
	char *text = NULL;
	int n;

	if (!function)
		return NULL;
	symbols_clean_name(file);
	if (file[0] && strlen(file) <= FILE_NAME_MAX)
		n = line ? asprintf(&text, "%s (%s:%u)%s", function, file, line, tail)
			 : asprintf(&text, "%s (%s)%s", function, file, tail);
	else
		n = asprintf(&text, "%s%s", function, tail);
	if (n >= 0)
		name = symbols_intern(s, text);
	free(text);
	return name;
}

static void keep_frames(struct sym_location *l, const char **frames, size_t n)
{
	l->frames = malloc(n * sizeof(*frames));
	if (!l->frames)
		return;
	memcpy(l->frames, frames, n * sizeof(*frames));
	l->frames_n = (uint8_t)n;
}

static void take_frame(void *arg, size_t address, size_t i, size_t frames_n, char *function,
		       char *file, uint32_t line)
{
	struct resolving *r = arg;
	struct sym_location *l = r->locations[address];
	const char *name = NULL;

	/* The symbol table's name is what the same function has without --lines. */
	if (!i && l->name[0] != '[')
		name = l->name;
	else if (function[0])
		name = symbols_function_name(r->s, function, "");
	if (!name)
		name = i ? r->s->unknown : l->name;
	r->frames[i] = frame_name(r->s, name, file, line, i > 0);
	if (!r->frames[i])
		r->frames[i] = name;
	if (i + 1 == frames_n && !l->frames)
		keep_frames(l, r->frames, frames_n);
}

/* A frame's length in what has arrived, 0: not whole yet, -EPROTO. */
static int frame_length(const char *data, size_t n, struct lines_frame *f)
{
	if (n < sizeof(*f))
		return 0;
	memcpy(f, data, sizeof(*f));
	if (f->function > LINES_TEXT_MAX || f->file > LINES_TEXT_MAX)
		return -EPROTO;
	return n - sizeof(*f) < (size_t)f->function + f->file
		       ? 0
		       : (int)sizeof(*f) + f->function + f->file;
}

static void give_frame(const struct lines_parser *p, const struct lines_record *record, size_t i,
		       const char *data, const struct lines_frame *f)
{
	char function[LINES_TEXT_MAX + 1], file[LINES_TEXT_MAX + 1];

	memcpy(function, data, f->function);
	function[f->function] = '\0';
	memcpy(file, data + f->function, f->file);
	file[f->file] = '\0';
	p->frame(p->arg, record->address, i, record->frames_n, function, file, f->line);
}

/* One record: its length, 0: not whole yet, -EPROTO. */
static int parse_record(const struct lines_parser *p, const char *data, size_t n)
{
	struct lines_record record;
	struct lines_frame f;
	size_t at = sizeof(record);
	int len;

	if (n < sizeof(record))
		return 0;
	memcpy(&record, data, sizeof(record));
	if (record.address >= p->addresses_n || !record.frames_n ||
	    record.frames_n > SYMBOLS_INLINED_MAX)
		return -EPROTO;
	/* All of it, or nothing. */
	for (size_t i = 0; i < record.frames_n; i++, at += (size_t)len) {
		len = frame_length(data + at, n - at, &f);
		if (len <= 0)
			return len;
	}
	at = sizeof(record);
	for (size_t i = 0; i < record.frames_n; i++) {
		len = frame_length(data + at, n - at, &f);
		give_frame(p, &record, i, data + at + sizeof(f), &f);
		at += (size_t)len;
	}
	return (int)at;
}

int lines_parse(struct lines_parser *p, const void *data, size_t n)
{
	size_t at = 0;
	int len = 0;

	if (p->room - p->n < n) {
		char *grown = realloc(p->data, p->n + n);

		if (!grown)
			return -ENOMEM;
		p->data = grown;
		p->room = p->n + n;
	}
	memcpy(p->data + p->n, data, n);
	p->n += n;
	while (at < p->n && (len = parse_record(p, p->data + at, p->n - at)) > 0)
		at += (size_t)len;
	memmove(p->data, p->data + at, p->n - at);
	p->n -= at;
	return len < 0 ? len : 0;
}

/* Bytes that RLIMIT_DATA counts now. */
static uint64_t data_bytes(void)
{
	unsigned long long kib = 0;
	char *line = NULL;
	size_t room = 0;
	FILE *f = fopen("/proc/self/status", "re");

	while (f && getline(&line, &room, f) > 0)
		if (sscanf(line, "VmData: %llu", &kib) == 1)
			break;
	free(line);
	if (f)
		fclose(f);
	return kib * 1024;
}

/* Reads what the child sends until it ends or its time is over. */
static int receive(int from, uint64_t end_ns, struct lines_parser *p)
{
	char buf[65536];
	int err = 0;

	while (!err) {
		struct pollfd poll_fd = { .fd = from, .events = POLLIN };
		uint64_t now = clock_now_ns();
		ssize_t n;

		if (now >= end_ns)
			return -ETIMEDOUT;
		if (poll(&poll_fd, 1, (int)((end_ns - now) / 1000000 + 1)) <= 0)
			continue;
		n = read(from, buf, sizeof(buf));
		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			break;
		if (n > 0)
			err = lines_parse(p, buf, (size_t)n);
	}
	return err;
}

static int ask_child(struct resolving *r, int dwarf_fd, int alt_fd)
{
	struct lines_parser parser = { .addresses_n = r->n, .frame = take_frame, .arg = r };
	uint64_t start = clock_now_ns(), bytes = data_bytes() + CHILD_BYTES_MAX, took;
	int ends[2], err;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		if (!confine(ends[1], bytes, r->s->lines_left_ns))
			lines_read_dwarf(dwarf_fd, alt_fd, r->addresses, r->n, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	if (pid < 0) {
		err = -EAGAIN;
	} else {
		err = receive(ends[0], start + r->s->lines_left_ns, &parser);
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close(ends[0]);
	free(parser.data);
	took = clock_now_ns() - start;
	r->s->lines_left_ns -= took < r->s->lines_left_ns ? took : r->s->lines_left_ns;
	return err;
}

/* The ELF file that has the debug information, NULL: none that will be read. */
static struct elf_file *debug_information(const struct sym_file *f)
{
	struct elf_file *elf = f->own_lines	     ? f->own.elf
			       : !f->extra.temporary ? f->extra.elf
						     : NULL;
	uint64_t info, all;

	if (!elf || elf_file_debug_bytes(elf, &info, &all) || info > INFO_BYTES_MAX ||
	    all > ALL_BYTES_MAX)
		return NULL;
	return elf;
}

struct address {
	uint64_t vaddr;
	struct sym_location *location;
};

static int by_vaddr(const void *a, const void *b)
{
	const struct address *x = a, *y = b;

	return x->vaddr < y->vaddr ? -1 : x->vaddr > y->vaddr;
}

/* The locations not looked at yet, by address. */
static int gather(struct resolving *r, struct sym_file *f)
{
	struct address *all;
	size_t n = 0, at = 0;

	for (struct sym_location *l = f->locations; l; l = l->next)
		n += !l->lined;
	all = calloc(n + 1, sizeof(*all));
	r->locations = calloc(n + 1, sizeof(struct sym_location *));
	r->addresses = calloc(n + 1, sizeof(uint64_t));
	if (!all || !r->locations || !r->addresses) {
		free(all);
		return -ENOMEM;
	}
	for (struct sym_location *l = f->locations; l; l = l->next) {
		if (l->lined)
			continue;
		l->lined = true;
		if (!elf_file_offset_to_vaddr(f->own.elf, l->key.offset, &all[at].vaddr))
			all[at++].location = l;
	}
	qsort(all, at, sizeof(*all), by_vaddr);
	for (size_t i = 0; i < at; i++) {
		r->locations[i] = all[i].location;
		r->addresses[i] = all[i].vaddr;
	}
	r->n = at;
	free(all);
	return 0;
}

void sym_lines_resolve(struct symbols *s, struct sym_file *f)
{
	struct resolving r = { .s = s };
	struct elf_file *elf = f->lines_given_up ? NULL : debug_information(f);

	if (!elf || !s->lines_left_ns) {
		f->lines_given_up = true;
		return;
	}
	if (!gather(&r, f) && r.n)
		f->lines_given_up = ask_child(&r, elf_file_fd(elf), f->alt_fd) != 0;
	free(r.locations);
	free(r.addresses);
}
