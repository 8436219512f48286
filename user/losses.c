// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include "format.h"
#include "losses.h"

const char *losses_text(const struct profile_lost *l, char *buf, size_t size)
{
	const struct {
		uint64_t n;
		const char *what;
		const char *(*format)(char *, uint64_t);
	} losses[] = {
		{ l->events, "switches or wake-ups", format_count },
		{ l->stacks, "stacks", format_count },
		{ l->ring, "records (ring full)", format_count },
		{ l->map_full, "updates (map full)", format_count },
		{ l->missed_runs, "probe runs", format_count },
		{ l->threads, "threads without an account", format_count },
		{ l->returns, "CUDA returns without a call", format_count },
		{ l->memory, "records of GPU memory or kernel names", format_count },
		{ l->spans, "records of stages and requests", format_count },
		{ l->uncovered_ns, "with a CUDA library not yet probed", format_duration },
	};
	char figure[FORMAT_SIZE];
	size_t n = 0;

	snprintf(buf, size, "nothing");
	for (size_t i = 0; i < sizeof(losses) / sizeof(*losses); i++) {
		if (!losses[i].n || n >= size)
			continue;
		n += (size_t)snprintf(buf + n, size - n, "%s%s %s", n ? ", " : "",
				      losses[i].format(figure, losses[i].n), losses[i].what);
	}
	return buf;
}
