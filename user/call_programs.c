// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdbool.h>
#include <bpf/libbpf.h>
#include "call_programs.h"
#include "infbpf.skel.h"

/* Attached by uprobe.c; libbpf 1.1 knows neither uprobe_multi nor sessions. */
void call_programs_choose(struct infbpf_bpf *skel, enum uprobe_kind kind, enum call_programs which)
{
	const bool session = kind == UPROBE_SESSION, pairs = which != CALL_PROGRAMS_COUNTS;
	const struct {
		struct bpf_program *prog;
		bool load;
		int attach_type;
	} probes[] = {
		{ skel->progs.handle_call_session, pairs && session, UPROBE_SESSION_ATTACH_TYPE },
		{ skel->progs.handle_call_entry, pairs && !session, UPROBE_MULTI_ATTACH_TYPE },
		{ skel->progs.handle_call_return, pairs && !session, UPROBE_MULTI_ATTACH_TYPE },
		{ skel->progs.handle_call_count, which != CALL_PROGRAMS_PAIRS,
		  UPROBE_MULTI_ATTACH_TYPE },
		{ skel->progs.handle_call_register, true, UPROBE_MULTI_ATTACH_TYPE },
		{ skel->progs.handle_calibrate, true, UPROBE_MULTI_ATTACH_TYPE },
	};

	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		if (kind >= UPROBE_MULTI)
			bpf_program__set_expected_attach_type(probes[i].prog,
							      probes[i].attach_type);
		bpf_program__set_autoload(probes[i].prog, kind != UPROBE_NONE && probes[i].load);
	}
}

void function_programs_choose(struct infbpf_bpf *skel, enum uprobe_kind kind, bool wanted)
{
	if (kind >= UPROBE_MULTI)
		bpf_program__set_expected_attach_type(skel->progs.handle_function,
						      UPROBE_MULTI_ATTACH_TYPE);
	bpf_program__set_autoload(skel->progs.handle_function, kind != UPROBE_NONE && wanted);
}

void mark_programs_choose(struct infbpf_bpf *skel, enum uprobe_kind kind, bool wanted)
{
	if (kind >= UPROBE_MULTI)
		bpf_program__set_expected_attach_type(skel->progs.handle_mark,
						      UPROBE_MULTI_ATTACH_TYPE);
	bpf_program__set_autoload(skel->progs.handle_mark, kind != UPROBE_NONE && wanted);
}
