/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernels that the emulated device can run: those of kernels/, by their device name. */
#include <stdlib.h>
#include <string.h>
#include "emu.h"
#include "kernels/kernels.h"

#define P(name, field) offsetof(struct name##_args, field)
#define KERNEL_ADAPT(name, ...)                                           \
	static const int name##_pointers[] = { __VA_ARGS__, -1 };         \
	static void name##_run(const void *args)                          \
	{                                                                 \
		name##_reference(args);                                   \
	}                                                                 \
	static struct emu_work name##_work(const void *args)              \
	{                                                                 \
		struct kernel_shape s = name##_shape(args);               \
                                                                          \
		return (struct emu_work){ .flops = s.flops, .ns = s.ns }; \
	}
KERNELS(KERNEL_ADAPT)

#define KERNEL_ROW(name, ...) \
	{ #name "_kernel", sizeof(struct name##_args), name##_run, name##_work, name##_pointers },
static const struct emu_body bodies[] = { KERNELS(KERNEL_ROW) };

/* nvcc registers extern "C" kernels by their plain name and others mangled: _Z<length><name>... */
const struct emu_body *emu_body_find(const char *device_name)
{
	size_t len = strlen(device_name);

	if (!strncmp(device_name, "_Z", 2)) {
		char *rest;
		unsigned long n = strtoul(device_name + 2, &rest, 10);

		if (n && n <= strlen(rest)) {
			device_name = rest;
			len = n;
		}
	}
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		if (strlen(bodies[i].name) == len && !memcmp(bodies[i].name, device_name, len))
			return &bodies[i];
	return NULL;
}
