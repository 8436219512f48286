/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One error, as the user sees it: what, which object, what to do; and the exit code that goes with
 * it. Functions that meet one fill it once (the first stays), and return a negative errno. */
#ifndef FAULT_H
#define FAULT_H

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_REFUSED = 3, /* this kernel or these privileges do not allow it */
	EXIT_NO_TARGET = 4,
	EXIT_GATE = 5, /* report --fail-if: it holds */
};

struct fault {
	enum exit_code code; /* EXIT_DONE: no error */
	char text[400];	     /* one line, no newline */
};

/* Returns -err, so that a caller can return it. err: a positive errno. */
int fault_set(struct fault *f, enum exit_code code, int err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* "infbpf: TEXT" on stderr; the line is cleaned of control characters (names come from outside). */
void fault_print(const struct fault *f);
void message_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* FAULT_H */
