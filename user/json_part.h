/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How an object of the JSON is filled in. Private to json*.c. All return 0 or -ENOMEM. */
#ifndef JSON_PART_H
#define JSON_PART_H

#include <jansson.h>
#include <stdbool.h>
#include "profile.h"

/* Takes value, NULL: no memory. */
int json_set(json_t *object, const char *key, json_t *value);
/* PROFILE_UNKNOWN: null. */
int json_set_number(json_t *object, const char *key, uint64_t n);
/* Any bytes; JSON is UTF-8. NULL: null. */
int json_set_string(json_t *object, const char *key, const char *s);
/* An array of them. */
int json_set_strings(json_t *object, const char *key, const char *const *strings, size_t n);

struct json_number {
	const char *key;
	uint64_t n;
};
int json_set_numbers(json_t *object, const struct json_number *numbers, size_t n);
#define JSON_SET_NUMBERS(object, ...)                                          \
	json_set_numbers(object, (const struct json_number[]){ __VA_ARGS__ },  \
			 sizeof((const struct json_number[]){ __VA_ARGS__ }) / \
				 sizeof(struct json_number))

struct json_text {
	const char *key, *s;
};
int json_set_texts(json_t *object, const struct json_text *texts, size_t n);
#define JSON_SET_TEXTS(object, ...)                                        \
	json_set_texts(object, (const struct json_text[]){ __VA_ARGS__ },  \
		       sizeof((const struct json_text[]){ __VA_ARGS__ }) / \
			       sizeof(struct json_text))

/* "pid", "tid" and "comm": whose a row is. t NULL: nobody's in particular, all three are null. */
int json_set_thread(json_t *object, const struct profile_thread *t);

/* Fills in object number i of a part. */
typedef int (*json_fill)(const struct profile *p, size_t i, json_t *object);

/* json_waits.c */
int json_fill_wait(const struct profile *p, size_t i, json_t *o);

/* json_calls.c: all about CUDA calls. */
int json_fill_call(const struct profile *p, size_t i, json_t *o);
int json_fill_error(const struct profile *p, size_t i, json_t *o);
int json_fill_copy(const struct profile *p, size_t i, json_t *o);
int json_fill_stream(const struct profile *p, size_t i, json_t *o);
int json_fill_launch(const struct profile *p, size_t i, json_t *o);
int json_fill_launcher(const struct profile *p, size_t i, json_t *o);
int json_fill_memory(const struct profile *p, size_t i, json_t *o);
int json_fill_allocation(const struct profile *p, size_t i, json_t *o);

/* json_timeline.c: a thread of it. */
int json_fill_slices(const struct profile *p, size_t i, json_t *o);

/* json_switches.c */
int json_fill_switches(const struct profile *p, size_t i, json_t *o);

/* json_io.c */
int json_fill_io(const struct profile *p, size_t i, json_t *o);
int json_fill_io_thread(const struct profile *p, size_t i, json_t *o);
int json_set_io_parts(const struct profile *p, json_t *o);

/* json_sched.c: the scheduler. */
int json_fill_steal(const struct profile *p, size_t i, json_t *o);
int json_fill_waker(const struct profile *p, size_t i, json_t *o);
int json_fill_waker_stack(const struct profile *p, size_t i, json_t *o);
int json_fill_cpu(const struct profile *p, size_t i, json_t *o);

/* json_stages.c */
int json_fill_stage(const struct profile *p, size_t i, json_t *o);
int json_fill_requests(const struct profile *p, size_t i, json_t *o);
int json_fill_verdict(const struct profile *p, size_t i, json_t *o);

#endif /* JSON_PART_H */
