/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps of stages. Included by infbpf.bpf.h only. */
#ifndef STAGE_MAPS_BPF_H
#define STAGE_MAPS_BPF_H

SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STAGE_NAMES_FEW);
	__type(key, struct stage_name);
	__type(value, u32);
} MAP(stage_names);

SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STAGE_RECS);
	__type(key, struct stage_rec_key);
	__type(value, u32); /* place in stage_recs, + 1 */
} MAP(stages);

SHARED struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, STAGE_RECS);
	__type(key, u32);
	__type(value, struct stage_rec);
} MAP(stage_recs);

SHARED struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MARK_SPECS);
	__type(key, u32);
	__type(value, struct mark_spec);
} MAP(mark_specs);

static __always_inline struct stage_rec *stage_rec_get(const struct task_state *ts, u16 name,
						       u16 source)
{
	struct stage_rec_key key = {
		.tgid = ts->tgid,
		.image = ts->image,
		.name = name,
		.source = source,
	};
	u32 at = place_get(&stages, &key, &next_stage, cfg_stage_recs) - 1;

	return at == ~0U ? NULL : bpf_map_lookup_elem(&stage_recs, &at);
}

#endif /* STAGE_MAPS_BPF_H */
