/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A profile as named figures: "stage:decode.p99", "calls.rate". What gates ask for (gate.h) and what
 * diff compares (diff.h): one table of both, metric_table.c.
 *
 * An object is a section's row, like stage:decode, or a section as a whole, like calls. Each object of
 * a section has the section's measures. A figure that was not measured is NAN.
 */
#ifndef METRIC_H
#define METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "array.h"
#include "profile.h"

enum metric_unit {
	METRIC_NS,    /* how long one lasted: a percentile */
	METRIC_RATE,  /* how many, a second of the window (or a request) */
	METRIC_TIME,  /* how long together, ns a second of the window (or a request) */
	METRIC_MOVED, /* bytes, a second of the window (or a request) */
	METRIC_SHARE, /* a part of something, 0 to 1 */
	METRIC_MEAN,  /* a plain number, an average */
	METRIC_BYTES, /* bytes at one time */
	METRIC_COUNT, /* how many, whatever the window was */
	METRIC_WORD,
	METRIC_UNITS,
};

/* Which way is better. */
enum metric_better { METRIC_LOWER = -1, METRIC_EITHER, METRIC_HIGHER };

enum metric_flags {
	METRIC_DOUBLE = 1 << 0, /* the field is a double, negative: not measured */
	METRIC_GATE = 1 << 1,	/* for gates: diff does not compare it */
	METRIC_NOISY = 1 << 2,	/* neighbours make some of it: little is next to nothing */
};

/* One row of the table of measures. The figure is the field at the offset at in the section's row; of
 * shares and means, divided by the field at of. */
struct metric_measure {
	const char *name;
	uint8_t unit;  /* enum metric_unit */
	int8_t better; /* enum metric_better */
	uint8_t flags;
	uint8_t quantile; /* 50, 95 or 99: of four fields p50, p95, p99, max in a row; else 0 */
	size_t at, of;
	/* Instead of the fields: what cannot be had from one. NULL: none. */
	double (*get)(const void *row, double *of);
	const char *(*word)(const void *row); /* METRIC_WORD */
};

/* What a section's row is. */
struct metric_label {
	const char *process; /* NULL: of no process */
	uint32_t pid;
	const char *name; /* NULL: this row is passed over */
	double count;	  /* events that stand behind it; NAN: not known */
	double wall_ns;	  /* how long together: what its weight is; NAN: not known */
};

enum metric_section_flags {
	METRIC_TOTAL = 1 << 0, /* one object, of all rows together, without a name */
	METRIC_APART = 1 << 1, /* for gates each row stands by itself, also of equal names */
	METRIC_CLOSED = 1 << 2 /* its names are a list: of one that did not occur, sums are 0 */
};

struct metric_section {
	const char *name;
	const char *what;		       /* in words: "stages" */
	const struct metric_measure *measures; /* ends with name NULL */
	unsigned int flags;
	bool (*measured)(const struct profile *p); /* NULL: always */
	/* The row i, NULL: there are no more. */
	const void *(*row)(const struct profile *p, size_t i, struct metric_label *l);
	bool (*is_name)(const char *name); /* METRIC_CLOSED */
};

extern const struct metric_section metric_sections[];
extern const size_t metric_sections_n;

/* --- of one profile --- */

struct metric_value {
	double value, of; /* of: 1 where it is no ratio */
	double error;	  /* of percentiles: see metric_error() */
	const char *word; /* METRIC_WORD */
};

struct metric_object {
	const struct metric_section *section;
	const char *key;     /* what makes it the same object in another run */
	const char *process; /* NULL: of all */
	uint32_t pid;	     /* of the first row; 0: of several processes */
	const char *name;    /* NULL: the section as a whole */
	double count, wall_ns;
	struct metric_value *values; /* by measure */
};

/* Whose rows are one object. */
enum metric_scope {
	METRIC_BY_PID,	/* gates: each process's own */
	METRIC_BY_NAME, /* diff: processes of one name together */
};

struct metrics {
	const struct profile *p;
	enum metric_scope scope;
	struct metric_object *objects;
	size_t objects_n, cap;
	uint64_t missing; /* bit i: section i was not measured */
	double seconds;	  /* of the window */
	double requests;  /* that ended; NAN: not measured */
	bool per_request; /* sums are by request, not by second */
	struct hash_index by_key;
	struct arena arena;
};

/* The profile must outlive it. -ENOMEM. */
int metrics_build(struct metrics *m, const struct profile *p, enum metric_scope scope);
void metrics_free(struct metrics *m);

/* NULL: there is none of this key. */
const struct metric_object *metrics_find(const struct metrics *m, const char *key);

/* The figure; NAN: not measured. Percentiles of several rows: the largest. */
double metric_value(const struct metrics *m, const struct metric_object *o, size_t measure);
/* One standard error of the figure's logarithm that comes from the events' number alone; NAN: not
 * known. As if events came independently, which they rarely do. */
double metric_error(const struct metrics *m, const struct metric_object *o, size_t measure);

size_t metric_measures_n(const struct metric_section *s);
/* Sums are what is 0 where nothing was; the other units have no figure there. */
bool metric_is_sum(enum metric_unit unit);

#define METRIC_NAME_SIZE 192
/* "stage:decode.p99"; cut if it is too long. Returns buf. */
const char *metric_name(const struct metric_section *s, const char *name,
			const struct metric_measure *m, char buf[METRIC_NAME_SIZE]);
#define METRIC_TEXT_SIZE 48
/* "61.2 ms", "40.1 %", "1,234/s", "678 ms/s". */
const char *metric_text(enum metric_unit unit, bool per_request, double value,
			char buf[METRIC_TEXT_SIZE]);

#endif /* METRIC_H */
