/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps of I/O. Included by infbpf.bpf.h only: whoever ends a thread hands over its sums. All
 * preallocated: updated in interrupts and under the run queue lock. 1.9 MiB together. */
#ifndef IO_MAPS_BPF_H
#define IO_MAPS_BPF_H

SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, IO_KEYS);
	__type(key, struct io_key);
	__type(value, u32); /* place in io_recs */
} MAP(io_keys);

SHARED struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IO_RECS);
	__type(key, u32);
	__type(value, struct io_rec);
} MAP(io_recs);

SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, IO_IN_FLIGHT);
	__type(key, u64); /* its address */
	__type(value, struct io_request);
} MAP(io_requests);

SHARED struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, IO_THREADS);
	__type(key, struct io_thread_key);
	__type(value, struct io_thread_rec);
} MAP(io_threads);

/* Of the threads that io_threads has no room for, by kind. */
SHARED struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IO_KINDS);
	__type(key, u32);
	__type(value, struct io_thread_rec);
} MAP(io_rest);

static __always_inline void io_thread_add(u64 serial, u32 dev, u32 kind, u64 calls, u64 bytes,
					  u64 wall)
{
	struct io_thread_key key = { .serial = serial, .dev = dev, .kind = kind };
	struct io_thread_rec first = { .calls = calls, .bytes = bytes, .wall_ns = wall }, *r;

	r = bpf_map_lookup_elem(&io_threads, &key);
	if (!r) {
		if (!bpf_map_update_elem(&io_threads, &key, &first, BPF_NOEXIST))
			return;
		/* Another request of the thread was faster; or there is no room. */
		r = bpf_map_lookup_elem(&io_threads, &key);
	}
	if (!r)
		r = bpf_map_lookup_elem(&io_rest, &kind);
	if (!r)
		return;
	ADD(r->calls, calls);
	ADD(r->bytes, bytes);
	ADD(r->wall_ns, wall);
}

static __always_inline void io_slot_flush(u64 serial, const struct io_slot *s)
{
	if (s->kind)
		io_thread_add(serial, 0, s->kind, s->calls, s->bytes, s->wall_ns);
}

/* The end of a thread, or of its part of the window: its sums go to the map. */
static __always_inline void io_flush(struct task_state *ts)
{
	u32 i;

	for (i = 0; i < IO_SLOTS; i++) {
		io_slot_flush(ts->serial, &ts->ios[i]);
		ts->ios[i].kind = 0;
	}
}

#endif /* IO_MAPS_BPF_H */
