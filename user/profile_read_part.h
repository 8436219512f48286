/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a row of the JSON is read: tables of fields, which mirror json_*.c. Private to profile_read*.c.
 * All return 0, or a negative errno with the reader's fault set.
 */
#ifndef PROFILE_READ_PART_H
#define PROFILE_READ_PART_H

#include <jansson.h>
#include "array.h"
#include "profile_read.h"

struct reader {
	struct profile *p;
	struct fault *f;
	const char *path;
	char where[96]; /* "gpu_calls[3]": what is being read; "": the whole */
	struct hash_index threads;
};

enum read_type {
	READ_COUNT,  /* uint64_t that is always there */
	READ_KNOWN,  /* uint64_t; null or missing: PROFILE_UNKNOWN */
	READ_ID,     /* uint32_t that is always there */
	READ_MAY_ID, /* uint32_t; null or missing: 0 */
	READ_NAME,   /* a string that is always there */
	READ_TEXT,   /* a string; null or missing: NULL */
	READ_BOOL,   /* null or missing: false */
};
struct read_field {
	const char *key;
	size_t offset; /* in the row's structure */
	enum read_type type;
};
/* What is always there is what every writer of this version wrote, as a number or a name. */
#define READ_FIELD(how, type, member, name)              \
	{                                                \
		name, offsetof(struct type, member), how \
	}

/* A part that is an array of objects: one field of struct profile for the rows, one for how many. */
struct read_part {
	const char *key;
	size_t size;	/* of a row */
	size_t rows, n; /* offsets in struct profile */
	const struct read_field *fields;
	size_t fields_n;
	/* What the table of fields does not say. NULL: it says all. */
	int (*row)(struct reader *r, const json_t *o, size_t i, void *row);
};
#define READ_FIELDS(table) table, sizeof(table) / sizeof(*(table))

/* "FILE: WHERE.KEY: what is wrong". key NULL: of the row itself. */
int read_fault(struct reader *r, const char *key, const char *what);
int read_no_memory(struct reader *r);

int read_fields(struct reader *r, const json_t *o, const struct read_field *fields, size_t n,
		void *to);
int read_number(struct reader *r, const json_t *o, const char *key, enum read_type type, void *to);
int read_text(struct reader *r, const json_t *o, const char *key, enum read_type type,
	      const char **to);
/* A share from 0 to 1; null or missing: -1. */
int read_share(struct reader *r, const json_t *o, const char *key, double *to);
/* An object or an array of that name; *to NULL: null or missing. */
int read_object(struct reader *r, const json_t *o, const char *key, const json_t **to);
int read_array(struct reader *r, const json_t *o, const char *key, const json_t **to);
/* An array of strings into the profile's arena. kernel_n: how many at its end are kernel frames; may be
 * NULL. */
int read_strings(struct reader *r, const json_t *o, const char *key, const char *const **to,
		 uint16_t *n, uint16_t *kernel_n);
/* "blocked_by": an object of causes. */
int read_causes(struct reader *r, const json_t *o, uint64_t ns[CAUSES]);
/* Memory that lives as long as the profile. NULL: none, the fault is set. */
void *read_alloc(struct reader *r, size_t n, size_t size);
/* The row of threads that "pid", "tid" and "comm" name. */
int read_thread(struct reader *r, const json_t *o, uint32_t *thread, uint64_t *serial);
/* read_thread() finds the threads that there are by now. */
int read_index_threads(struct reader *r);

/* profile_read_sched.c: threads, waits and all of the scheduler's. */
extern const struct read_part read_threads, read_waits, read_steals, read_wakers, read_waker_stacks,
	read_cpus, read_switches;
/* profile_read_calls.c */
extern const struct read_part read_calls, read_errors, read_copies, read_streams, read_launches,
	read_launchers, read_memory, read_allocations;
/* profile_read_io.c */
extern const struct read_part read_io, read_io_threads;
int read_io_parts(struct reader *r, const json_t *root);
/* profile_read_stages.c */
extern const struct read_part read_stages, read_requests;
int read_timeline(struct reader *r, const json_t *root);

#endif /* PROFILE_READ_PART_H */
