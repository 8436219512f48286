// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Where the names of a process's code would come from. */
#include "private.h"

void symbols_sources(struct symbols *s, struct sym_image *im, struct symbols_sources *out)
{
	size_t *const counts[] = {
		[SYM_OWN] = &out->own,	 [SYM_DEBUG_FILE] = &out->debug_file,
		[SYM_MINI] = &out->mini, [SYM_DYNSYM] = &out->dynsym,
		[SYM_NONE] = &out->none,
	};

	*out = (struct symbols_sources){ 0 };
	for (size_t i = 0; i < im->n; i++) {
		struct symbols_code code;

		if (symbols_code(s, im, im->maps[i].map.start, &code) && code.anonymous)
			out->jit += im->maps[i].jit;
	}
	for (const struct sym_file *f = s->files; f; f = f->hh.next) {
		++*counts[f->origin];
		out->files++;
	}
	if (out->jit)
		sym_jit_open(s, im);
	out->perf_map = im->map_fd >= 0;
}
