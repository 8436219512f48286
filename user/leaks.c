/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* GPU memory that is still allocated at the end, as folded stacks: what was allocated within the
 * window, that is; of what there was before, nobody knows where it came from. */
#include <errno.h>
#include <inttypes.h>
#include "infbpf.h"
#include "output.h"
#include "text.h"

int leaks_write(const struct profile *p, FILE *f, size_t *lines_n)
{
	char process[TEXT_UTF8_SIZE(INFBPF_COMM)];
	size_t written = 0;

	errno = 0;
	for (size_t i = 0; i < p->allocations_n && !ferror(f); i++) {
		const struct profile_allocation *a = &p->allocations[i];

		if (!a->live_bytes)
			continue;
		fprintf(f, "%s (%" PRIu32 ");%s", text_name(a->process, process, sizeof(process)),
			a->pid, a->kind);
		for (size_t k = 0; k < a->frames_n; k++)
			fprintf(f, ";%s", a->frames[k]);
		fprintf(f, " %" PRIu64 "\n", a->live_bytes);
		written++;
	}
	if (lines_n)
		*lines_n = written;
	if (ferror(f) || fflush(f))
		return errno ? -errno : -EIO;
	return 0;
}
