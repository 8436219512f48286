/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The marks' places. Without <sys/sdt.h> (systemtap-sdt-dev) there are none, and the server works. */
#include "marks.h"

#if __has_include(<sys/sdt.h>)
#define _SDT_HAS_SEMAPHORES 1
#define SDT_USE_VARIADIC
#include <sys/sdt.h>
#define UNPAREN(...)	       __VA_ARGS__
#define PLACE(name, arguments) STAP_PROBEV(infbpf, name, UNPAREN arguments)
#else
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define PLACE(name, arguments) ((void)0)
#endif

/* Writable: the tracer counts them up (in our memory or by the kernel) while it listens. */
#define MARK_SEMAPHORE(name, types, arguments) \
	volatile unsigned short infbpf_##name##_semaphore __attribute__((section(".probes"), used));
MARKS(MARK_SEMAPHORE)

/* noinline, noclone: one place each, and its arguments whole in the registers of the call. */
#define MARK_DEFINE(name, types, arguments)                       \
	__attribute__((noinline, noclone)) void mark_##name types \
	{                                                         \
		PLACE(name, arguments);                           \
	}
MARKS(MARK_DEFINE)
