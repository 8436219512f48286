/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps of CUDA calls. Included by infbpf.bpf.h only: whoever ends a thread hands over its streams. */
#ifndef CALL_MAPS_BPF_H
#define CALL_MAPS_BPF_H

SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct call_key);
	__type(value, struct call_slot);
} MAP(thread_calls);

SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, API_RECS);
	__type(key, struct api_key);
	__type(value, u32); /* place in api_recs, + 1 */
} MAP(apis);

SHARED struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, API_RECS);
	__type(key, u32);
	__type(value, struct api_rec);
} MAP(api_recs);

SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct error_key);
	__type(value, u64);
} MAP(call_errors);

SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct copy_key);
	__type(value, struct copy_rec);
} MAP(copies);

SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LAUNCH_RECS);
	__type(key, struct launch_key);
	__type(value, u32); /* place in launch_recs, + 1 */
} MAP(launches);

SHARED struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LAUNCH_RECS);
	__type(key, u32);
	__type(value, struct launch_rec);
} MAP(launch_recs);

/* In the order in which threads began to launch. */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LAUNCHER_RECS);
	__type(key, u32);
	__type(value, struct launcher_rec);
} MAP(launchers);

/* What the slots in task storage have no room for, and those of threads whose account was lost. */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct stream_key);
	__type(value, struct stream_slot);
} MAP(streams);

/* The place of a record in an array of max, + 1, by its key; the next free one on first use. 0: the map
 * is full, which is counted. */
static __always_inline u32 place_get(void *map, const void *key, volatile u32 *next, u32 max)
{
	u32 *place = map_entry(map, key);
	u32 mine;

	if (!place)
		return 0;
	if (!*place) {
		/* Two threads may come at once: the place of the one that is late stays empty. */
		mine = __sync_fetch_and_add(next, 1);
		if (mine >= max)
			return 0;
		__sync_val_compare_and_swap(place, 0, mine + 1);
	}
	return *(volatile u32 *)place;
}

/* Moves a thread's sums of one stream to the map. */
static __always_inline void stream_flush(u32 tgid, u32 image, const struct stream_slot *s)
{
	struct stream_key key = { .tgid = tgid, .image = image, .stream = s->stream };
	struct stream_slot *r = map_entry(&streams, &key);

	if (!r)
		return;
	ADD(r->calls, s->calls);
	ADD(r->launches, s->launches);
	ADD(r->copies, s->copies);
	ADD(r->bytes, s->bytes);
	ADD(r->wall_ns, s->wall_ns);
	ADD(r->syncs, s->syncs);
	ADD(r->sync_ns, s->sync_ns);
}

#endif /* CALL_MAPS_BPF_H */
