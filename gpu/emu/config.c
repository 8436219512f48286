/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The modelled device's figures, from the environment. gpu/emu/README.md has the same table. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "emu.h"

struct setting {
	const char *name;
	double value; /* default */
	double min, max;
};

enum {
	LAUNCH_US,
	CALL_US,
	KERNEL_US,
	GFLOPS,
	H2D_GBPS,
	D2H_GBPS,
	D2D_GBPS,
	PAGEABLE,
	MEM_MB,
	QUEUE,
	DEVICES,
	SETTINGS,
};

static const struct setting settings[SETTINGS] = {
	[LAUNCH_US] = { "INFBPF_EMU_LAUNCH_US", 4, 0, 1e6 },
	[CALL_US] = { "INFBPF_EMU_CALL_US", 0, 0, 1e6 },
	[KERNEL_US] = { "INFBPF_EMU_KERNEL_US", 6, 0, 1e8 },
	[GFLOPS] = { "INFBPF_EMU_GFLOPS", 500, 1e-3, 1e7 },
	[H2D_GBPS] = { "INFBPF_EMU_H2D_GBPS", 12, 1e-6, 1e5 },
	[D2H_GBPS] = { "INFBPF_EMU_D2H_GBPS", 12, 1e-6, 1e5 },
	[D2D_GBPS] = { "INFBPF_EMU_D2D_GBPS", 400, 1e-6, 1e5 },
	[PAGEABLE] = { "INFBPF_EMU_PAGEABLE", 0.4, 1e-6, 1 },
	[MEM_MB] = { "INFBPF_EMU_MEM_MB", 4096, 1, 1 << 24 },
	[QUEUE] = { "INFBPF_EMU_QUEUE", 1024, 1, 1 << 20 },
	[DEVICES] = { "INFBPF_EMU_DEVICES", 1, 0, 1 },
};

/* A value that makes no sense is said once, and the default taken: the program under us is not
 * ours to stop. end: what may follow the number. */
static double setting_read(const struct setting *s, const char *end)
{
	const char *text = getenv(s->name);
	char *rest;
	double v;

	if (!text || !*text)
		return s->value;
	errno = 0;
	v = strtod(text, &rest);
	if (rest == text || errno || (*rest && !strchr(end, *rest)) || !(v >= s->min) ||
	    !(v <= s->max)) {
		fprintf(stderr, "infbpf emu: %s: '%s' is not a number from %g to %g, using %g\n",
			s->name, text, s->min, s->max, s->value);
		return s->value;
	}
	return v;
}

void emu_config_read(struct emu_config *config)
{
	const char *unknown = getenv("INFBPF_EMU_UNKNOWN");
	double v[SETTINGS];

	for (int i = 0; i < SETTINGS; i++)
		v[i] = setting_read(&settings[i], i == KERNEL_US ? "," : "");
	*config = (struct emu_config){
		.launch_ns = (uint64_t)(v[LAUNCH_US] * 1e3),
		.call_ns = (uint64_t)(v[CALL_US] * 1e3),
		.kernel_ns = (uint64_t)(v[KERNEL_US] * 1e3),
		.flops_per_ns = v[GFLOPS],
		.h2d_bytes_per_ns = v[H2D_GBPS],
		.d2h_bytes_per_ns = v[D2H_GBPS],
		.d2d_bytes_per_ns = v[D2D_GBPS],
		.pageable_factor = v[PAGEABLE],
		.memory_bytes = (size_t)(v[MEM_MB] * 1048576),
		.queue_ops = (size_t)v[QUEUE],
		.devices = (unsigned int)v[DEVICES],
		.unknown_is_error = unknown && !strcmp(unknown, "error"),
		.kernel_table = getenv("INFBPF_EMU_KERNEL_US"),
	};
}

uint64_t emu_config_kernel_ns(const struct emu_config *config, const char *name)
{
	size_t len = strlen(name);
	const char *p = config->kernel_table;

	while (p && *p) {
		if (!strncmp(p, name, len) && p[len] == '=') {
			double us = strtod(p + len + 1, NULL);

			if (us >= 0 && us <= settings[KERNEL_US].max)
				return (uint64_t)(us * 1e3);
		}
		p = strchr(p, ',');
		if (p)
			p++;
	}
	return config->kernel_ns;
}
