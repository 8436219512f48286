/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Marks in a program (USDT): what they say begins and ends stages, or is sent as it is.
 *
 * Context: a user probe on the mark's no-operation instruction, in the calling task; preemptible, not
 * migratable. Nothing faults pages in: an argument that cannot be
 * read is 0, a name is read by user space later.
 * Cost: the trap (0.5 us), a name 0.1 us, and what bpf/stage.bpf.h says.
 */
#include "stage.bpf.h"
#include "registers.bpf.h"

/* An argument by its spec. */
static __noinline u64 mark_arg(const struct mark_arg *a, const u64 *regs, u64 ip)
{
	u64 value = a->value, bytes = a->bytes, bits;

	if (!bytes || bytes > 8)
		return 0;
	if (a->base != MARK_NO_REGISTER)
		value += register_get(regs, ip, a->base);
	if (a->index != MARK_NO_REGISTER)
		value += register_get(regs, ip, a->index) << (a->shift & 3);
	if (a->is_memory) {
		u64 at = value;

		value = 0;
		asm volatile("%0 &= 15" : "+r"(bytes));
		if (bytes > 8 || bpf_probe_read_user(&value, bytes, (void *)at))
			return 0;
	}
	value >>= a->from_bit & 63;
	bits = (64 - bytes * 8) & 63;
	value <<= bits;
	return a->is_signed ? (u64)((s64)value >> bits) : value >> bits;
}

/* The number of the name at an address in the program. */
static __noinline u32 name_get(const struct task_state *ts, u64 address)
{
	union {
		struct stage_name name;
		struct stage_address later;
	} key = {};

	_Static_assert(sizeof(key.name) == sizeof(key.later), "keys of stage_names");
	if (bpf_probe_read_user_str(key.name.name, sizeof(key.name.name), (void *)address) > 0)
		return stage_name_number(&key.name, 0);
	if (!address)
		return STAGE_NAME_UNREAD;
	__builtin_memset(&key, 0, sizeof(key));
	key.later.one = 1;
	key.later.address = address;
	key.later.tgid = ts->tgid;
	key.later.image = ts->image;
	return stage_name_number(&key.name, STAGE_NAME_LATER);
}

/* The innermost pass that is open: its id and group. */
static __noinline int pass_of(const struct task_state *ts, struct rec_mark *r)
{
	struct stage_state *st;
	struct stage_open *e;
	u32 i, n = ts->stages_n;

	if (!n)
		return 0;
	st = bpf_task_storage_get(&stage_states, bpf_get_current_task_btf(), NULL, 0);
	for (i = 0; i < STAGE_DEPTH; i++) {
		if (!st || !n)
			break;
		n--;
		e = &st->open[n & (STAGE_DEPTH - 1)];
		if (e->kind == STAGE_IS_PASS) {
			r->pass = e->id;
			r->group = e->group;
			break;
		}
	}
	return 0;
}

static __always_inline u32 mark_name(const struct task_state *ts, const struct mark_spec *spec,
				     const u64 *regs, u64 ip)
{
	return name_get(ts, mark_arg(&spec->args[0], regs, ip));
}

static __noinline int on_begin(struct task_state *ts, const struct mark_spec *spec, const u64 *regs,
			       u64 ip)
{
	struct stage_begin b = { .source = spec->source };

	if (spec->what == MARK_PASS_BEGIN) {
		b.kind = STAGE_IS_PASS;
		b.group = mark_arg(&spec->args[1], regs, ip);
		b.requests = mark_arg(&spec->args[2], regs, ip);
		b.tokens = mark_arg(&spec->args[3], regs, ip);
		b.padded = mark_arg(&spec->args[4], regs, ip);
	} else {
		b.request = mark_arg(&spec->args[1], regs, ip);
	}
	b.name = mark_name(ts, spec, regs, ip);
	return stage_begin(ts, &b);
}

static __noinline int on_end(struct task_state *ts, const struct mark_spec *spec, const u64 *regs,
			     u64 ip)
{
	u32 kind = spec->what == MARK_PASS_END ? STAGE_IS_PASS : STAGE_IS_STAGE;
	u64 now = stage_now(ts);

	if (!ts->stages_n)
		return 0;
	return stage_end(ts, mark_name(ts, spec, regs, ip), spec->source | kind << 8, 0, now);
}

/* What is sent as it is. */
static __noinline int on_other(struct task_state *ts, const struct mark_spec *spec, const u64 *regs,
			       u64 ip)
{
	u64 now = bpf_ktime_get_ns(), a, b;
	struct rec_mark *r;
	u32 name = 0;

	if (!in_window(now) || !stage_record_wanted())
		return 0;
	if (spec->what == MARK_WAIT_BEGIN || spec->what == MARK_WAIT_END)
		name = mark_name(ts, spec, regs, ip);
	a = mark_arg(&spec->args[0], regs, ip);
	b = mark_arg(&spec->args[1], regs, ip);
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		span_lost();
		return 0;
	}
	r->hdr.type = REC_MARK;
	r->hdr.len = sizeof(*r);
	r->tgid = ts->tgid;
	r->tid = ts->tid;
	r->image = ts->image;
	r->what = spec->what;
	r->name = name;
	r->time_ns = now;
	r->request = name ? b : a;
	r->group = 0;
	r->pass = 0;
	r->value = name ? 0 : b;
	r->value2 = 0;
	if (spec->what == MARK_REQUEST_END) {
		r->value2 = mark_arg(&spec->args[2], regs, ip);
	} else if (spec->what == MARK_GROUP_LEAVE) {
		r->group = a;
		r->request = b;
	} else if (spec->what == MARK_PASS_MEMBER) {
		pass_of(ts, r);
	}
	bpf_ringbuf_submit(r, ring_flags());
	return 0;
}

SEC("uprobe")
int handle_mark(struct pt_regs *ctx)
{
	u32 at = bpf_get_attach_cookie(ctx);
	struct cpu_counts *c = cpu_counts();
	struct task_state *ts = task_in_scope();
	u64 regs[REGISTERS], ip = ctx->ip;
	const struct mark_spec *spec;

	if (c)
		c->mark_hits++;
	if (!ts)
		return 0;
	spec = bpf_map_lookup_elem(&mark_specs, &at);
	if (!spec)
		return 0;
	registers_get(regs, ctx);
	ts->busy++;
	switch (spec->what) {
	case MARK_STAGE_BEGIN:
	case MARK_PASS_BEGIN:
		on_begin(ts, spec, regs, ip);
		break;
	case MARK_STAGE_END:
	case MARK_PASS_END:
		on_end(ts, spec, regs, ip);
		break;
	default:
		on_other(ts, spec, regs, ip);
	}
	ts->busy--;
	return 0; /* 1 would take the probe away, in kernels before 6.13 */
}
