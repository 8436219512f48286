/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a CUDA call's arguments say, by the cookie of its probe.
 *
 * Context: entry probes, in the calling task. Nothing faults pages in: an argument that cannot be read
 * is 0. Cost: arguments in registers nothing; each one read from the stack or a structure 20 to 60 ns.
 */
#ifndef CALL_ARGS_BPF_H
#define CALL_ARGS_BPF_H

#include "infbpf.bpf.h"

static __always_inline u64 user_u64(u64 address)
{
	u64 value = 0;

	bpf_probe_read_user(&value, sizeof(value), (void *)address);
	return value;
}

static __always_inline u32 user_u32(u64 address)
{
	u32 value = 0;

	bpf_probe_read_user(&value, sizeof(value), (void *)address);
	return value;
}

/* Argument n of the call at its entry, 0: none. args: those in registers, by number. */
static __always_inline u64 call_arg(const u64 args[8], struct pt_regs *ctx, u8 n)
{
	u64 at = n;

	if (n > 6)
		return user_u64(ctx->sp + 8 * (n - 6));
	/* The bound has to be in the very register: clang 18 knows it from the branch and leaves out an
	 * "& 7", the verifier then knows it of another register. */
	asm volatile("%0 &= 7" : "+r"(at));
	return args[at];
}

/* cudaMemcpyKind + 1 */
enum copy_kind { KIND_UNKNOWN, KIND_H2H, KIND_H2D, KIND_D2H, KIND_D2D, KIND_DEFAULT };

/* Of CUmemorytype: host 1, device 2, array 3 (on the device), unified 4. */
static __always_inline u16 kind_between(u32 src, u32 dst)
{
	bool from_device = src == 2 || src == 3, to_device = dst == 2 || dst == 3;

	if ((src != 1 && !from_device) || (dst != 1 && !to_device))
		return KIND_DEFAULT;
	if (from_device)
		return to_device ? KIND_D2D : KIND_D2H;
	return to_device ? KIND_H2D : KIND_H2H;
}

/* Offsets in the structures that describe a copy: driver_types.h, cuda.h. */
struct copy_layout {
	u32 width;		  /* behind it: the height; then, in 3D, the depth */
	u32 src_array, dst_array; /* where the width counts elements if one of them is set */
	u32 src_type, dst_type;	  /* CUmemorytype; 0: there is none */
	u32 kind;		  /* cudaMemcpyKind; 0: there is none */
	bool flat;
};
static __always_inline void copy_by_layout(struct open_call *oc, u64 at, const struct copy_layout l)
{
	u64 size[3] = { 0, 0, 1 };
	u32 kind;

	bpf_probe_read_user(size, l.flat ? 16 : 24, (void *)(at + l.width));
	oc->bytes = size[0] * size[1] * size[2];
	if (l.src_type)
		oc->kind = kind_between(user_u32(at + l.src_type), user_u32(at + l.dst_type));
	else if (user_u64(at + l.src_array) || user_u64(at + l.dst_array))
		oc->bytes = 0; /* elements of a size that only the array knows */
	if (l.kind) {
		kind = user_u32(at + l.kind);
		oc->kind = kind <= 4 ? kind + 1 : KIND_UNKNOWN;
	}
}

/* ncclDataType_t: the binary logarithm of an element's size, four bits a type, int8 first. */
#define NCCL_SIZES 0x001321332200ULL

/* A function of its own: rare calls, and inlined it would be in every program twice. */
static __noinline int call_shape(struct open_call *oc, u64 at, u32 times)
{
	const struct copy_layout copy_3d = {
		.width = 128, .src_array = 0, .dst_array = 64, .kind = 152
	};
	const struct copy_layout copy_peer = { .width = 144, .src_array = 0, .dst_array = 72 };
	const struct copy_layout driver_2d = {
		.width = 112, .src_type = 16, .dst_type = 72, .flat = true
	};
	const struct copy_layout driver_3d = { .width = 176, .src_type = 32, .dst_type = 120 };

	switch (COOKIE_SHAPE(oc->cookie)) {
	case SHAPE_COPY_3D:
		copy_by_layout(oc, at, copy_3d);
		break;
	case SHAPE_COPY_3D_PEER:
		copy_by_layout(oc, at, copy_peer);
		break;
	case SHAPE_DRIVER_2D:
		copy_by_layout(oc, at, driver_2d);
		break;
	case SHAPE_DRIVER_3D:
		copy_by_layout(oc, at, driver_3d);
		break;
	case SHAPE_NCCL_TYPE:
		if (times < 12)
			oc->bytes <<= NCCL_SIZES >> (4 * times) & 3;
		break;
	case SHAPE_UNITS_2:
		oc->bytes *= 2;
		break;
	case SHAPE_UNITS_4:
		oc->bytes *= 4;
		break;
	}
	return 0;
}

/* STREAM_NONE, or the stream by the handle that stands for it. */
static __always_inline u64 call_stream(const u64 args[8], struct pt_regs *ctx, u64 cookie)
{
	u8 n = COOKIE_STREAM(cookie);
	u64 stream = 0;

	if (COOKIE_SHAPE(cookie) == SHAPE_LAUNCH_CONFIG)
		stream = user_u64(ctx->di +
				  32); /* cudaLaunchConfig_t.stream, CUlaunchConfig.hStream */
	else if (!n)
		return STREAM_NONE;
	else if (n != STREAM_DEFAULT_ARG)
		stream = call_arg(args, ctx, n);
	if (stream == 1)
		return STREAM_LEGACY; /* cudaStreamLegacy */
	return !stream && cookie & COOKIE_PER_THREAD ? STREAM_PER_THREAD : stream;
}

/* What the cookie and the arguments say about the call. */
static __always_inline void call_describe(struct open_call *oc, struct pt_regs *ctx, u64 cookie)
{
	/* (A switch over ctx's fields becomes one load at a computed offset, which the verifier
	 * refuses.) */
	u64 args[8] = { 0, ctx->di, ctx->si, ctx->dx, ctx->cx, ctx->r8, ctx->r9, 0 };
	u8 kind = COOKIE_KIND(cookie), times = COOKIE_TIMES(cookie), shape = COOKIE_SHAPE(cookie);
	u64 factor = 1;

	oc->sp = ctx->sp;
	oc->cookie = cookie;
	oc->call = COOKIE_CALL(cookie);
	oc->kind = COOKIE_FIXED(cookie);
	if (kind) {
		u32 k = call_arg(args, ctx, kind);

		oc->kind = k <= 4 ? k + 1 : KIND_UNKNOWN;
	}
	oc->bytes = call_arg(args, ctx, COOKIE_BYTES(cookie));
	if (times) {
		factor = call_arg(args, ctx, times);
		if (shape != SHAPE_NCCL_TYPE)
			oc->bytes *= factor;
	}
	oc->stream = call_stream(args, ctx, cookie);
	oc->object = call_arg(args, ctx, COOKIE_OBJECT(cookie));
	oc->dst = call_arg(args, ctx, COOKIE_DST(cookie));
	oc->src = call_arg(args, ctx, COOKIE_SRC(cookie));
	if (COOKIE_NAME(cookie))
		oc->src = call_arg(args, ctx, COOKIE_NAME(cookie));
	if (shape > SHAPE_LAUNCH_CONFIG)
		call_shape(oc, args[1], factor);
}

#endif /* CALL_ARGS_BPF_H */
