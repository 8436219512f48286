// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "doctor_marks.h"
#include "marks.h"
#include "proc_maps.h"

/* "stage_begin, stage_end (2), request_begin": a mark with the places where it stands. */
static void print_source(FILE *out, const struct usdt_marks *m, unsigned int source)
{
	bool any = false;
	size_t places;

	for (unsigned int what = MARK_NONE + 1; what < MARK_WHATS; what++) {
		places = 0;
		for (size_t i = 0; i < m->n; i++)
			places +=
				m->marks[i].spec.what == what && m->marks[i].spec.source == source;
		if (!places)
			continue;
		if (any)
			fputs(", ", out);
		else
			fprintf(out, "   marks of %s: ", usdt_provider(source));
		any = true;
		fputs(usdt_mark_name(what), out);
		if (places > 1)
			fprintf(out, " (%zu)", places);
	}
}

int doctor_marks(FILE *out, int indent, pid_t pid)
{
	struct mark_files files = { 0 };
	struct mark_process p = { 0 };
	struct proc_maps maps;
	int err = proc_maps_read(pid, &maps);

	if (err)
		return err;
	err = mark_find_maps(pid, &maps, &files, &p);
	proc_maps_free(&maps);
	for (size_t i = 0; err >= 0 && i < files.n; i++) {
		const struct mark_file *f = &files.files[i];

		fprintf(out, "%*s%s", indent, "", f->path);
		print_source(out, &f->marks, STAGE_FROM_MARK);
		print_source(out, &f->marks, STAGE_FROM_NVTX);
		if (f->marks.why[0])
			fprintf(out, "   not understood: %s", f->marks.why);
		fputc('\n', out);
	}
	mark_process_free(&p);
	mark_files_free(&files);
	return err < 0 ? err : 0;
}
