/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Folded stacks: "process (pid);thread (tid);user frames;kernel frames_[k];[wait's kind];[state] VALUE".
 *
 * A name that somebody else chose must not break a line or forge a frame: fold_label.c cleans process
 * and thread names; the other frames were cleaned when they became symbols.
 */
#define _GNU_SOURCE /* fputs_unlocked */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include "apportion.h"
#include "array.h"
#include "fold_label.h"
#include "output.h"

static const uint64_t unit_ns[] = { [UNIT_US] = 1000, [UNIT_NS] = 1, [UNIT_MS] = 1000000 };

/* --- which lines --- */

static bool wanted(const struct profile_line *l, enum fold_filter filter)
{
	switch (filter) {
	case FOLD_ALL:
		return true;
	case FOLD_ON_CPU:
		return l->state == PROFILE_ON_CPU;
	case FOLD_OFF_CPU:
		return l->state != PROFILE_ON_CPU;
	case FOLD_RUN_QUEUE:
		return fold_is_run_queue(l);
	case FOLD_BLOCKED:
		return l->state == PROFILE_BLOCKED;
	case FOLD_GPU:
		return l->call != NULL;
	}
	return false;
}

/* --- what is printed --- */

/* A line without its value. */
static void write_stack(const struct profile_line *l, const struct fold_label *label, FILE *f)
{
	char state[FOLD_STATE_SIZE];

	fputs_unlocked(label->process, f);
	putc_unlocked(';', f);
	fputs_unlocked(label->thread, f);
	for (size_t i = 0; i < l->frames_n; i++) {
		putc_unlocked(';', f);
		fputs_unlocked(l->frames[i], f);
	}
	if (fold_kind(l)) {
		putc_unlocked(';', f);
		fputs_unlocked(fold_kind(l), f);
	}
	if (fold_state(l, state)) {
		putc_unlocked(';', f);
		fputs_unlocked(state, f);
	}
}

static void write_value(uint64_t value, FILE *f)
{
	char digits[24];
	char *at = digits + sizeof(digits);

	*--at = '\0';
	*--at = '\n';
	do
		*--at = (char)('0' + value % 10);
	while (value /= 10);
	*--at = ' ';
	fputs_unlocked(at, f);
}

/* --- one thread --- */

/* Would both print the same? Equal frames are one list in the profile. */
static bool same_text(const struct profile_line *a, const struct profile_line *b)
{
	return a->frames == b->frames && a->kind == b->kind &&
	       (a->state == b->state || (fold_is_run_queue(a) && fold_is_run_queue(b)));
}

struct folder {
	const struct profile *p;
	const struct fold_options *o;
	FILE *f;
	const struct profile_line **lines; /* the thread's, one of each that print the same */
	size_t lines_cap;
	uint64_t *values;
	size_t values_cap;
	size_t written;
};

static uint64_t value_of(const struct folder *d, const struct profile_line *l)
{
	return d->o->count == COUNT_SWITCHES ? l->switches : l->value_ns;
}

/* Collects a thread's lines from *at on, moving it to the next thread's. Returns how many. */
static int collect(struct folder *d, size_t *at, size_t *n)
{
	const struct profile *p = d->p;
	const uint32_t thread = p->lines[*at].thread;
	int err;

	for (*n = 0; *at < p->lines_n && p->lines[*at].thread == thread; (*at)++) {
		const struct profile_line *l = &p->lines[*at];

		if (!wanted(l, d->o->filter))
			continue;
		/* The profile sorts its lines so that those that print the same are neighbours. */
		if (*n && same_text(d->lines[*n - 1], l)) {
			d->values[*n - 1] += value_of(d, l);
			continue;
		}
		err = array_grow(&d->lines, &d->lines_cap, *n + 1, sizeof(*d->lines));
		if (!err)
			err = array_grow(&d->values, &d->values_cap, *n + 1, sizeof(*d->values));
		if (err)
			return err;
		d->lines[*n] = l;
		d->values[(*n)++] = value_of(d, l);
	}
	return 0;
}

static int fold_thread(struct folder *d, size_t *at)
{
	const struct profile_thread *t = &d->p->threads[d->p->lines[*at].thread];
	const uint64_t unit = d->o->count == COUNT_SWITCHES ? 1 : unit_ns[d->o->unit];
	struct fold_label label;
	uint64_t sum = 0;
	size_t n;
	int err = collect(d, at, &n);

	if (err || !n)
		return err;
	for (size_t i = 0; i < n; i++)
		sum += d->values[i];
	if (unit > 1) {
		err = apportion(sum / unit + (sum % unit >= unit / 2), d->values, n, d->values);
		if (err)
			return err;
	}
	fold_label(d->p, t, &label);
	for (size_t i = 0; i < n; i++) {
		if (!d->values[i])
			continue;
		write_stack(d->lines[i], &label, d->f);
		write_value(d->values[i], d->f);
		d->written++;
	}
	return 0;
}

int fold_write(const struct profile *p, const struct fold_options *o, FILE *f, size_t *lines_n)
{
	struct folder d = { .p = p, .o = o, .f = f };
	int err = 0;

	errno = 0;
	for (size_t at = 0; !err && at < p->lines_n;) {
		err = fold_thread(&d, &at);
		if (!err && ferror(f))
			err = errno ? -errno : -EIO;
	}
	if (!err && (fflush(f) || ferror(f)))
		err = errno ? -errno : -EIO;
	free(d.lines);
	free(d.values);
	if (lines_n)
		*lines_n = d.written;
	return err;
}
