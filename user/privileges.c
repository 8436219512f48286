// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include "privileges.h"

const struct privilege privileges[] = {
	{ "CAP_BPF", CAP_BPF, true, "loading BPF programs" },
	{ "CAP_PERFMON", CAP_PERFMON, true, "attaching probes and clocks" },
	{ "CAP_SYS_PTRACE", CAP_SYS_PTRACE, true, "reading the maps of other users' processes" },
	{ "CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH, false,
	  "symbols of files that are not readable" },
	{ "CAP_SYSLOG", CAP_SYSLOG, false, "names of kernel functions" },
	{ "CAP_CHECKPOINT_RESTORE", CAP_CHECKPOINT_RESTORE, false,
	  "symbols of deleted files, files in other mount namespaces" },
	{ "CAP_SYS_ADMIN", CAP_SYS_ADMIN, false, "BPF run time in the stated cost" },
};
const size_t privileges_n = sizeof(privileges) / sizeof(privileges[0]);

/* The effective set, as a mask; 0 when it cannot be read. */
static uint64_t effective(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long mask = 0;
	char line[256];

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &mask) == 1)
			break;
	fclose(f);
	return mask;
}

bool privilege_held(const struct privilege *p)
{
	uint64_t mask = effective();

	if (mask & 1ULL << p->number)
		return true;
	return p->number >= CAP_PERFMON && mask & 1ULL << CAP_SYS_ADMIN;
}
