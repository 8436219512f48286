// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>
#include "descriptor.h"
#include "wait_cause.h"

void descriptor_calls(__u64 bits[FD_CALLS / 64])
{
	for (int call = 0; call < FD_CALLS; call++)
		if (wait_call_asks_descriptor(call))
			bits[call / 64] |= 1ULL << (call % 64);
}

/* Drivers by the name they register, or its beginning. nvidia's control and device files have a fixed
 * number, 195, its others one that the kernel chose. */
static const struct {
	const char *name;
	enum char_kind kind;
} drivers[] = {
	{ "tty", CHAR_TTY },	      { "/dev/tty", CHAR_TTY },	 { "/dev/vc", CHAR_TTY },
	{ "/dev/console", CHAR_TTY }, { "/dev/ptmx", CHAR_TTY }, { "ptm", CHAR_TTY },
	{ "pts", CHAR_TTY },	      { "hvc", CHAR_TTY },	 { "nvidia", CHAR_GPU },
	{ "kfd", CHAR_GPU },	      { "drm", CHAR_GPU },	 { "accel", CHAR_GPU },
};

static enum char_kind driver_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(*drivers); i++)
		if (!strncmp(name, drivers[i].name, strlen(drivers[i].name)))
			return drivers[i].kind;
	return CHAR_OTHER;
}

void descriptor_majors(__u64 bits[CHAR_MAJORS / 32], FILE *devices)
{
	unsigned int major;
	bool chars = false;
	char line[128], name[64];

	while (fgets(line, sizeof(line), devices)) {
		if (!strncmp(line, "Character", 9))
			chars = true;
		else if (!strncmp(line, "Block", 5))
			chars = false;
		if (!chars || sscanf(line, "%u %63s", &major, name) != 2 || major >= CHAR_MAJORS)
			continue;
		/* Several drivers may share a number: the first that is known. */
		if (!(bits[major / 32] >> (major % 32 * 2) & 3))
			bits[major / 32] |= (__u64)driver_kind(name) << (major % 32 * 2);
	}
}
