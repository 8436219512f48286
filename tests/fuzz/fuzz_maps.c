// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* /proc/PID/maps: the paths in it are the target's. */
#define _GNU_SOURCE
#include "../../user/proc_maps.h"

#include "fuzz.h"

static void check(const struct proc_maps *maps)
{
	for (size_t i = 0; i < maps->n; i++) {
		const struct proc_map *m = &maps->maps[i], *found;

		FUZZ_EXPECT(m->path && m->start <= m->end);
		FUZZ_EXPECT(!i || maps->maps[i - 1].start <= m->start);
		if (m->start == m->end)
			continue;
		found = proc_maps_find(maps, m->start);
		/* Of mappings with one start, any of them; the kernel has no such. */
		FUZZ_EXPECT(!found || (found->start <= m->start && m->start < found->end));
		FUZZ_EXPECT(found || (i + 1 < maps->n && maps->maps[i + 1].start == m->start));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = fuzz_file(data, size);
	struct proc_maps maps;

	if (!proc_maps_read_file(fuzz_path(fd).text, &maps))
		check(&maps);
	else
		FUZZ_EXPECT(!maps.n && !maps.maps);
	proc_maps_free(&maps);
	close(fd);
	return 0;
}
