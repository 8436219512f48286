// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The table of CUDA calls. The rows are in cuda_api_*.inc, one a call: to add one, add a row.
 *
 * Each library's rows are sorted by name, and so is the whole table (the driver's names, "cu" and a
 * capital, come before the runtime's): a look-up is a binary search.
 *
 * Arguments are numbered as their registers are, 1-based. On x86-64 the first six are in registers;
 * argument n > 6 is at sp + 8 * (n - 6) at entry. A dim3 by value takes two registers, structures of
 * more than 16 bytes none.
 *
 * Left out on purpose:
 * - what only looks at or sets the thread's own state (cudaGetLastError, cudaPeekAtLastError,
 *   cudaGetDevice, cuCtxGetCurrent, cuCtxSetCurrent, cuCtxPushCurrent, ...) or belongs to every launch
 *   (__cudaPushCallConfiguration): frameworks make these calls around every other one, and a probe
 *   would cost more than they do;
 * - the building of graphs node by node: bookkeeping, no work for a device;
 * - what does not return a code that is 0 on success.
 * Getters that are cheap but tell something where they are made too often are there on request.
 */
#include "cuda.h"

#include <string.h>

/* cudaMemcpyKind + 1, of driver_types.h; 0 in a record: not a copy. */
enum copy_kind { H2H = 1, H2D, D2H, D2D, DEFAULT };

/* The other names of a call, made of its name. _ptsz takes a stream, _ptds uses the thread's own. */
#define LIST(...)	    ((const char *const[]){ __VA_ARGS__, NULL })
#define ONLY(n)		    ((const char *const[]){ NULL })
#define PTSZ(n)		    LIST(n "_ptsz")
#define PTDS(n)		    LIST(n "_ptds")
#define V2(n)		    LIST(n "_v2")
#define V2_TO_V4(n)	    LIST(n "_v2", n "_v3", n "_v4")
#define V2_PTSZ(n)	    LIST(n "_v2", n "_v2_ptsz")
#define V2_PTDS(n)	    LIST(n "_v2", n "_v2_ptds")
#define PTSZ_V2_PTSZ(n)	    LIST(n "_ptsz", n "_v2", n "_v2_ptsz")
#define PTSZ_TO_V3_PTSZ(n)  LIST(n "_ptsz", n "_v2", n "_v2_ptsz", n "_v3", n "_v3_ptsz")
#define PTSZ_UNDERSCORES(n) LIST(n "_ptsz", "__" n, "__" n "_ptsz")

/* A row. API is defined where its list is included. */
#define CALL(call, names, set, kind, ...)                                               \
	{                                                                               \
		.name = call, .variants = names(call), .api = API, .group = CUDA_##set, \
		.what = CALL_##kind, __VA_ARGS__                                        \
	}
/* NCCL's: none unless asked for. */
#define COLLECTIVE(call, ...) CALL(call, ONLY, COLLECTIVE, PLAIN, ON_REQUEST, __VA_ARGS__)
#define MANAGES(call)	      CALL(call, ONLY, COLLECTIVE, PLAIN, ON_REQUEST)

/* What may follow in it. */
#define BYTES(n)       .bytes_arg = n
#define TIMES(n)       .times_arg = n
#define TYPE(n)	       .times_arg = n, .shape = SHAPE_NCCL_TYPE
#define KIND(n)	       .kind_arg = n
#define FIXED(k)       .fixed_kind = k
#define STREAM(n)      .stream_arg = n
#define DEFAULT_STREAM .stream_arg = STREAM_DEFAULT_ARG
#define OBJECT(n)      .object_arg = n
#define ENDS(to, from) .dst_arg = to, .src_arg = from
#define NAME(n)	       .name_arg = n
#define ALIAS_OF(n)    .name_arg = -(n)
#define MEMORY(kind)   .memory = MEMORY_##kind
#define SHAPE(kind)    .shape = SHAPE_##kind
#define ON_REQUEST     .on_request = true

const struct cuda_call cuda_calls[] = {
#define API API_RUNTIME
	/* CUDA 13's <<<>>> launches what this gives for a stub's address. */
	CALL("__cudaGetKernel", ONLY, MODULE, NAMED, OBJECT(1), ALIAS_OF(2)),
	CALL("__cudaRegisterFunction", ONLY, MODULE, REGISTER, OBJECT(2), NAME(4)),
#undef API
#define API API_DRIVER
#include "cuda_api_driver.inc"
#undef API
#define API API_RUNTIME
#include "cuda_api_runtime.inc"
#undef API
#define API API_NCCL
#include "cuda_api_nccl.inc"
#undef API
};
const size_t cuda_calls_n = sizeof(cuda_calls) / sizeof(cuda_calls[0]);

/* The row with the name that is the first n bytes of s. */
static size_t row_named(const char *s, size_t n)
{
	size_t low = 0, high = cuda_calls_n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const char *name = cuda_calls[middle].name;
		int order = strncmp(s, name, n);

		if (!order && !name[n])
			return middle;
		if (order <= 0) /* 0: a longer name */
			high = middle;
		else
			low = middle + 1;
	}
	return cuda_calls_n;
}

static bool is_variant(const struct cuda_call *c, const char *name)
{
	for (const char *const *v = c->variants; *v; v++)
		if (!strcmp(*v, name))
			return true;
	return false;
}

/* How long s is without its last suffix: _ptsz, _ptds, _v2. n: it has none. */
static size_t without_suffix(const char *s, size_t n)
{
	if (n > 5 && (!memcmp(s + n - 5, "_ptsz", 5) || !memcmp(s + n - 5, "_ptds", 5)))
		return n - 5;
	if (n > 3 && !memcmp(s + n - 3, "_v", 2) && s[n - 1] >= '2' && s[n - 1] <= '9')
		return n - 3;
	return n;
}

size_t cuda_call_row(const char *name, bool *per_thread)
{
	const char *base = name;
	size_t n = strlen(name), row;

	if (per_thread)
		*per_thread = n > 5 && without_suffix(name, n) == n - 5;
	if (!strncmp(name, "__cuda", 6))
		base += 2;
	else if (strncmp(name, "cu", 2) != 0 && strncmp(name, "nccl", 4) != 0)
		return cuda_calls_n;
	row = row_named(name, n);
	if (row != cuda_calls_n)
		return row;
	/* Variants are a row's name with something before or behind it. */
	for (size_t left = strlen(base), before = 0; left != before;
	     before = left, left = without_suffix(base, left)) {
		row = row_named(base, left);
		if (row != cuda_calls_n && is_variant(&cuda_calls[row], name))
			return row;
	}
	return cuda_calls_n;
}

uint64_t cuda_call_cookie(size_t row, bool per_thread)
{
	const struct cuda_call *c = &cuda_calls[row];

	return (uint64_t)(row + 1) | (uint64_t)c->bytes_arg << 12 | (uint64_t)c->times_arg << 16 |
	       (uint64_t)c->kind_arg << 20 | (uint64_t)c->fixed_kind << 24 |
	       (uint64_t)c->stream_arg << 28 | (uint64_t)c->object_arg << 32 |
	       (uint64_t)c->what << 36 | (uint64_t)c->memory << 40 | (uint64_t)c->shape << 43 |
	       (uint64_t)c->dst_arg << 47 | (uint64_t)c->src_arg << 51 |
	       (uint64_t)(c->name_arg < 0 ? -c->name_arg : c->name_arg) << 55 |
	       (uint64_t)c->api << 59 | (per_thread ? COOKIE_PER_THREAD : 0) |
	       (c->name_arg < 0 ? COOKIE_ALIAS : 0);
}

const char *cuda_call_name(unsigned int number)
{
	return number && number <= cuda_calls_n ? cuda_calls[number - 1].name : NULL;
}

const char *cuda_copy_kind(unsigned int kind)
{
	static const char *const names[] = { NULL,	    [H2H] = "H2H", [H2D] = "H2D",
					     [D2H] = "D2H", [D2D] = "D2D", [DEFAULT] = "default" };

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : NULL;
}

const char *cuda_api_name(enum call_api api)
{
	static const char *const names[] = {
		[API_RUNTIME] = "runtime", [API_DRIVER] = "driver", [API_NCCL] = "nccl"
	};

	return names[api];
}

const char *cuda_memory_kind(unsigned int kind)
{
	static const char *const names[] = {
		NULL,
		[MEMORY_DEVICE] = "device",
		[MEMORY_POOL] = "pool",
		[MEMORY_MANAGED] = "managed",
		[MEMORY_PINNED] = "pinned",
		[MEMORY_REGISTERED] = "registered",
		[MEMORY_HANDLE] = "handle",
	};

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : NULL;
}
