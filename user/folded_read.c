// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Folded stacks from any tool, streamed: a line in memory at a time, and no line beyond a bound. */
#define _GNU_SOURCE /* memrchr */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "flame/name.h"
#include "folded_read.h"

/* 1,000 frames of 1,000 characters. */
#define LINE_MAX_BYTES (1u << 20)

static const char too_long[] = "longer than 1 MiB";
static const char too_large[] = "its value is too large";

struct reader {
	FILE *f;
	char *buf; /* LINE_MAX_BYTES */
	size_t from, to;
	bool end, skipping; /* of the file; the rest of a line that is too long */
};

/* What is left moves to the buffer's start, and more behind it. */
static int fill(struct reader *r)
{
	size_t n = 0;

	memmove(r->buf, r->buf + r->from, r->to - r->from);
	r->to -= r->from;
	r->from = 0;
	errno = 0;
	n = fread(r->buf + r->to, 1, LINE_MAX_BYTES - r->to, r->f);
	r->to += n;
	r->end = !n;
	return ferror(r->f) ? -(errno ? errno : EIO) : 0;
}

/* The next line without its newline. 1, 0: no more; *line NULL: one that is too long. */
static int next_line(struct reader *r, char **line, size_t *n)
{
	for (;;) {
		char *start = r->buf + r->from;
		char *newline = memchr(start, '\n', r->to - r->from);
		const bool last = r->end && r->from < r->to;
		int err;

		if (newline || last) {
			const bool whole = !r->skipping;

			*n = newline ? (size_t)(newline - start) : r->to - r->from;
			*line = whole ? start : NULL;
			r->from += *n + (newline != NULL);
			r->skipping = false;
			return 1;
		}
		if (r->end) {
			*line = NULL;
			*n = 0;
			/* It ended exactly where the buffer did. */
			err = r->skipping;
			r->skipping = false;
			return err;
		}
		if (!r->from && r->to == LINE_MAX_BYTES) {
			r->skipping = true;
			r->to = 0;
		}
		err = fill(r);
		if (err)
			return err;
	}
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* "12", "12.5": in units of 1 / scale, what is finer is cut. */
static const char *parse_value(const char *s, size_t n, uint64_t scale, uint64_t *value)
{
	uint64_t whole = 0, part = 0, place = scale;
	size_t i = 0;

	for (; i < n && s[i] >= '0' && s[i] <= '9'; i++) {
		if (whole > FLAME_TOTAL_MAX / scale / 10)
			return too_large;
		whole = whole * 10 + (uint64_t)(s[i] - '0');
	}
	if (whole > FLAME_TOTAL_MAX / scale)
		return too_large;
	if (!i)
		return "no value at its end";
	if (i < n && s[i] == '.')
		for (i++; i < n && s[i] >= '0' && s[i] <= '9'; i++) {
			place /= 10;
			part += place * (uint64_t)(s[i] - '0');
		}
	*value = whole * scale + part;
	return i < n ? "no value at its end" : NULL;
}

/* Cuts the value off. Returns why not, NULL: done. */
static const char *split_value(const char *line, size_t *n, uint64_t scale, uint64_t *value)
{
	size_t end = *n, start;
	const char *why;

	while (end && is_space(line[end - 1]))
		end--;
	start = end;
	while (start && !is_space(line[start - 1]))
		start--;
	why = parse_value(line + start, end - start, scale, value);
	while (start && is_space(line[start - 1]))
		start--;
	*n = start;
	return why ? why : start ? NULL : "no stack before its value";
}

/* Up to where a process or thread is the same in another run: its number is not. */
static size_t without_id(const char *s, size_t n)
{
	char name[FLAME_NAME_SIZE];

	if (n >= sizeof(name))
		return n;
	memcpy(name, s, n);
	name[n] = '\0';
	return flame_name_is_task(name) ? (size_t)(strrchr(name, '(') - name) - 1 : n;
}

static int add_stack(struct flame_tree *t, const char *s, size_t n, uint64_t value)
{
	const char *const end = s + n;
	bool in_call = false, labelled = true;
	int err = 0;

	flame_tree_begin(t);
	for (size_t depth = 0; !err && s <= end; depth++) {
		const char *stop = memchr(s, ';', (size_t)(end - s));

		stop = stop ? stop : end;
		err = flame_tree_frame(t, s,
				       t->without_ids && depth < 2
					       ? without_id(s, (size_t)(stop - s))
					       : (size_t)(stop - s));
		if (err)
			return err;
		in_call |= t->names[t->last].marks & FLAME_CALL;
		if (depth < 2)
			labelled &= flame_name_is_task(t->names[t->last].text);
		s = stop + 1;
	}
	labelled &= t->path_n >= 2;
	return flame_tree_end(t, value,
			      flame_name_class(t->names[t->last].text, in_call, labelled));
}

static void skip(struct folded_count *count, uint64_t line, const char *why)
{
	if (!count->skipped++) {
		count->first_skipped = line;
		count->why = why;
	}
}

static bool is_blank(const char *line, size_t n)
{
	while (n && is_space(line[n - 1]))
		n--;
	return !n;
}

int folded_read(FILE *f, const char *name, uint64_t scale, struct flame_tree *t,
		struct folded_count *count, struct fault *fault)
{
	struct reader r = { .f = f, .buf = malloc(LINE_MAX_BYTES) };
	uint64_t number = 0, value = 0;
	int err = r.buf ? 0 : -ENOMEM, more = 0;
	char *line = NULL;
	size_t n = 0;

	*count = (struct folded_count){ 0 };
	while (!err && (more = next_line(&r, &line, &n)) > 0) {
		const char *why = line ? NULL : too_long;

		number++;
		if (line && is_blank(line, n))
			continue;
		count->lines++;
		if (!why)
			why = split_value(line, &n, scale, &value);
		if (!why) {
			err = add_stack(t, line, n, value);
			if (err == -EOVERFLOW)
				why = "the sum of the values is too large";
			err = err == -EOVERFLOW ? 0 : err;
		}
		if (why)
			skip(count, number, why);
	}
	free(r.buf);
	if (err)
		return fault_set(fault, EXIT_FAILED, -err, "%s: %s", name, strerror(-err));
	if (more < 0)
		return fault_set(fault, EXIT_FAILED, -more, "cannot read %s: %s", name,
				 strerror(-more));
	if (!count->lines)
		return fault_set(fault, EXIT_FAILED, EINVAL, "%s: no stacks in it: it is empty",
				 name);
	if (count->skipped == count->lines)
		return fault_set(fault, EXIT_FAILED, EINVAL,
				 "%s: no folded stacks: line %" PRIu64
				 ": %s (wanted: 'frame;frame VALUE')",
				 name, count->first_skipped, count->why);
	if (!flame_tree_total(t))
		return fault_set(fault, EXIT_FAILED, EINVAL,
				 "%s: nothing to draw: all values are 0", name);
	return 0;
}

const char *folded_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return !strcmp(path, "-") ? "stdin" : slash && slash[1] ? slash + 1 : path;
}

int folded_read_file(const char *path, uint64_t scale, struct flame_tree *t, struct fault *fault)
{
	const bool standard = !strcmp(path, "-");
	const char *name = standard ? "stdin" : path;
	FILE *in = standard ? stdin : fopen(path, "re");
	struct folded_count count;
	int err;

	if (!in)
		return fault_set(fault, EXIT_FAILED, errno, "cannot read %s: %s", path,
				 strerror(errno));
	err = folded_read(in, name, scale, t, &count, fault);
	if (!standard)
		fclose(in);
	if (!err && count.skipped)
		message_print(
			"%s: %" PRIu64 " of %" PRIu64
			" lines skipped: they are no folded stacks; the first is line %" PRIu64
			": %s",
			name, count.skipped, count.lines, count.first_skipped, count.why);
	return err;
}
