/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What infbpf may do, and what each missing capability costs. */
#ifndef PRIVILEGES_H
#define PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>

struct privilege {
	const char *name;  /* "CAP_SYSLOG" */
	int number;	   /* as in linux/capability.h */
	bool required;	   /* no trace without it */
	const char *costs; /* what is lost without it */
};
extern const struct privilege privileges[];
extern const size_t privileges_n;

/* In force for this process (CAP_SYS_ADMIN stands in for CAP_BPF and CAP_PERFMON). */
bool privilege_held(const struct privilege *p);

#endif /* PRIVILEGES_H */
